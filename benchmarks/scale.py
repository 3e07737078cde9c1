"""What surrounds training at the size of the papers: 50 runs of 200 epochs planned, collected, analysed, rendered.

    python benchmarks/scale.py [--runs 50] [--seeds 5] [--epochs 200] [--out results/scale.json]

The runs are planted (errors and losses from a formula, in the files that training writes); the steps are those of the
workflow, one process each, one after the other. Seconds of the clock and of the processor, and the largest memory.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import yaml

from errordrops.figures import FIGURES
from errordrops.files import write_csv, write_json
from errordrops.results import curves
from errordrops.results.layout import Layout
from errordrops.study import plan, study
from errordrops.study.batching import updates_per_epoch

METRICS = ("error", "loss", "error_recomputed", "loss_recomputed")
RULES = ("none", "step", "batch", "hybrid", "reversal")


def study_file(folder: Path, runs: int, epochs: int, seeds: int = 5) -> study.Study:
    """A study of so many runs: the usual arms, then steps at other milestones."""
    milestones = [round(share * epochs) for share in (0.3, 0.6, 0.75)]
    arms = [{"name": rule} for rule in RULES]
    arms += [
        {"name": f"late{i}", "rule": "step", "milestones": [m + i for m in milestones]}
        for i in range(1, runs // seeds - len(RULES) + 1)
    ]
    content = {
        "study": "scale",
        "title": "Planted runs",
        "dataset": {"name": "cifar10", "pad": 4, "flip": True},
        "model": {"family": "wide-resnet", "depth": 16, "widen_factor": 4},
        "learning_rate": 0.1,
        "batch_size": 128,
        "epochs": epochs,
        "milestones": milestones,
        "factor": 5,
        "arms": arms,
        "seeds": seeds,
        "claims": {"drop": [1, 0, 0], "level": [1, 0, 0], "equivalent_error": 0.5, "exact": 0.9, "found": 0.9},
        "published": [{"arm": "step", "accuracy": 94.3, "source": "planted"}],
    }
    content["claims"] |= {"deviation": 0.5, "false_alarms": 0.05}
    (folder / "scale.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return study.load("scale", folder)


def plant(loaded: study.Study, layout: Layout) -> None:
    """Write what training would: curve, close-ups and description of every run."""
    for number, run in enumerate(plan.runs(loaded)):
        draw = np.random.default_rng(number)
        records = [record(loaded, run, epoch, draw) for epoch in range(len(run.settings) + 1)]
        folder = layout.run(run.arm, run.seed)
        write_csv(folder / "curve.csv", curves.run_rows(loaded.name, run.arm, run.seed, run.settings, records))
        if "closeups" in plan.steps(loaded, run):
            write_csv(folder / "closeups.csv", closeups(loaded, run, draw))
        write_json(folder / "run.json", description(loaded, run))


def record(loaded: study.Study, run: plan.Run, epoch: int, draw: np.random.Generator) -> dict:
    """One epoch as training records it: error falls with the noise."""
    setting = run.settings[max(epoch, 1) - 1]
    noise = setting.learning_rate / setting.batch_size / (loaded.base.learning_rate / loaded.base.batch_size)
    errors = 5 + 40 * np.exp(-epoch / 5) + noise * (8 + draw.normal(size=3))
    values = {
        split: {metric: float(error / (30 if "loss" in metric else 1)) for metric in METRICS}
        for split, error in zip(("train", "train_eval", "test"), errors, strict=True)
    }
    values["train"] = {m: values["train"][m] for m in METRICS[:2]} | {"log_weight_norm": 4.0, "effective_rate": 1e-4}
    updates = updates_per_epoch(50_000, setting.batch_size) if epoch else 0
    return {"updates": updates, "examples": 50_000 if epoch else 0, "values": values}


def closeups(loaded: study.Study, run: plan.Run, draw: np.random.Generator) -> pd.DataFrame:
    """Twelve evaluations in each of three epochs around each milestone."""
    rows = []
    for m in loaded.arm(run.arm).milestones:
        for epoch, branch in ((m, "unchanged"), (m + 1, "unchanged"), (m + 1, "changed")):
            setting = run.settings[epoch - 1]
            for mark in range(12):
                for metric in ("error_recomputed", "loss_recomputed"):
                    place = (epoch, branch, 2**mark, epoch - 1 + mark / 11, setting.learning_rate, setting.batch_size)
                    rows.append((loaded.name, run.arm, run.seed, m, *place, "test", metric, 8 + draw.normal()))
    return pd.DataFrame(rows, columns=curves.CLOSEUP_COLUMNS)


def description(loaded: study.Study, run: plan.Run) -> dict:
    data = {"name": "cifar10", "source": "planted", "checksum": "0", "train_images": 50_000, "test_images": 10_000}
    return {
        **{"study": loaded.name, "arm": run.arm, "seed": run.seed, "key": "0", "code": "0", "data": data},
        "recipe_key": plan.recipe_key(loaded, run),
        "numerics": [{"device": "cpu", "hardware": "planted"}],
        **{"finished": "2026-01-01T00:00:00+00:00", "status": "completed", "from_reference": False},
        **{"epochs": len(run.settings), "epochs_inherited": run.fork_epoch, "epochs_trained": run.epochs_trained},
        **{"seconds_training": 100.0, "seconds_evaluation": 10.0},
    }


def timed(command: list[str]) -> dict[str, float]:
    """Seconds by the clock and of the processor, and megabytes, of one command. Raises RuntimeError if it fails."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    seconds = {"clock": time.monotonic() - began, "processor": used.ru_utime + used.ru_stime}
    return {**seconds, "megabytes": used.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("results/scale.json"))
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        loaded, layout = (
            study_file(Path(folder), options.runs, options.epochs, options.seeds),
            Layout.of("scale", folder),
        )
        places = ["--studies", folder, "--results", folder]
        settings = [f"{key}={value}" for key, value in {"study": "scale", "studies": folder, "results": folder}.items()]
        dag = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--config", *settings]
        spent = {"DAG": timed(dag)}
        plant(loaded, layout)
        steps = {"plan": ["plan", "scale"], "collect": ["collect", "scale"], "analyse": ["analyse", "scale"]}
        steps |= {f"figure {name}": ["figure", "scale", name] for name in FIGURES}
        steps["report"] = ["report", "scale"]
        for name, step in steps.items():
            spent[name] = timed([sys.executable, "-m", "errordrops", *step, *places])
        page = layout.report.stat().st_size / 1e6
    figures = [used for name, used in spent.items() if name.startswith("figure")]
    spent["all figures"] = {
        "clock": sum(f["clock"] for f in figures),
        "processor": sum(f["processor"] for f in figures),
    }
    spent["all figures"]["megabytes"] = max(f["megabytes"] for f in figures)
    for name in ("plan", "DAG", "collect", "analyse", "all figures", "report"):
        used = spent[name]
        print(f"{name:<12} {used['clock']:6.1f} s, {used['processor']:6.1f} s of a core, {used['megabytes']:6.0f} MB")
    total = sum(spent[name]["processor"] for name in ("collect", "analyse", "all figures", "report"))
    print(f"{len(plan.runs(loaded))} runs of {options.epochs} epochs: {total:.1f} s of a core; page {page:.1f} MB")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"steps": spent, "processor": total, "page_megabytes": page}, indent=1) + "\n")


if __name__ == "__main__":
    main()
