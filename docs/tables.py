"""Writes the tables of README.md and docs/ that are read from committed files: studies, results, speed (make docs).

A table stands between the comments `<!-- table NAME -->` and `<!-- end -->`. So no number of a result is typed by hand.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from errordrops.progress.logs import Epoch
from errordrops.progress.phrases import drop
from errordrops.progress.screen import bar
from errordrops.progress.screen import cells as screen_row
from errordrops.results.costs import cost, duration
from errordrops.results.verdicts import FAILS, HOLDS, PRIMARY, verdict
from errordrops.study.plan import recipe_key, runs
from errordrops.study.study import Study, load

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "results/reference"
TEXTS = ("README.md", "docs/results.md", "docs/speed.md")
BLOCK = re.compile(r"(<!-- table (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
ORDER = ("smoke", "quick", "evidence", "mechanism", "photographs", "photographs-forks")  # then the papers' own
MAIN = re.compile(r"(step|batch)\.m\d+\.(drop|level)")  # shown where a study ranks no claim as primary
GPU_STUDIES = 100_000.0  # seconds on two cores from which on a study wants a GPU


def rows(head: Sequence[str], cells: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def all_studies() -> list[Study]:
    names = {path.stem for path in (ROOT / "config/studies").glob("*.yaml")}
    ordered = [name for name in ORDER if name in names] + sorted(names - set(ORDER))
    return [load(name, ROOT / "config/studies") for name in ordered]


def studies() -> str:
    """Every study: what it trains, and how long that takes on two cores."""
    cells = []
    for study in all_studies():
        estimate = cost(study, 2, "/nowhere")
        seconds = estimate["seconds"]
        time = f"about {duration(seconds)}" if seconds > 60 else "less than a minute"
        if estimate["estimate_from"] != "measured: the reference":
            time += " (estimated)"
        if estimate["seconds"] > GPU_STUDIES:
            time = "wants GPUs"
        time += "".join(f", {duration(s)} on one {name}" for name, s in estimate["seconds_on_gpu"].items())
        link = f"[`{study.name}`](config/studies/{study.name}.yaml)"
        cells.append([link, study.title, estimate["runs"], f"{estimate['epochs']:,}", time])
    return rows(["study", "what it trains", "runs", "epochs", "training on 2 cores"], cells)


def claims(name: str) -> list[dict[str, Any]]:
    return json.loads((REFERENCE / name / "claims.json").read_text())


def kept() -> list[str]:
    """The studies whose results are committed."""
    there = [path.parent.name for path in REFERENCE.glob("*/claims.json")]
    return [study.name for study in all_studies() if study.name in there]


def earlier(name: str) -> bool:
    """Whether the committed runs of a study were trained under settings that its file no longer has."""
    kept = {run["recipe_key"] for run in json.loads((REFERENCE / name / "provenance.json").read_text())["runs"]}
    study = load(name, ROOT / "config/studies")
    return not kept & {recipe_key(study, run) for run in runs(study)}


def results() -> str:
    """One line a study with committed results: how its claims came out."""
    cells = []
    for name in kept():
        known = claims(name)
        ranked = [claim for claim in known if claim.get("rank") == PRIMARY]
        count = Counter(verdict(claim) for claim in ranked or known)
        page = f"results/reference/{name}/report/index.html"
        kind = "primary" if ranked else "all"
        numbers = [len(ranked or known), count[HOLDS], count[FAILS], len(ranked or known) - count[HOLDS] - count[FAILS]]
        which = " of its earlier setting" if earlier(name) else ""
        cells.append([f"`{name}`", kind, *numbers, f"[page]({page}){which}"])
    return rows(["study", "claims", "number", "hold", "do not hold", "not decided", ""], cells)


def measured(claim: dict[str, Any]) -> str:
    """`-3.85 [-6.60, -1.10] points`, three digits at most."""
    if claim["value"] is None:
        return ""
    ends = [claim["ci_low"], claim["ci_high"]]
    interval = "" if None in ends else f" [{', '.join(f'{end:.3g}' for end in ends)}]"
    return f"{claim['value']:.3g}{interval} {claim['unit']}"


def claims_of(name: str) -> str:
    """The primary claims of a study; where it ranks none, those about drops and levels of step and batch."""
    known = claims(name)
    chosen = [claim for claim in known if claim.get("rank") == PRIMARY]
    chosen = chosen or [claim for claim in known if MAIN.fullmatch(claim["id"])]
    cells = [[f"`{c['id']}`", c["statement"].replace("|", "/"), measured(c), verdict(c)] for c in chosen]
    told = (
        "The committed runs are of an earlier setting of this study; those of its present file are not there yet.\n\n"
    )
    return (told if earlier(name) else "") + rows(
        ["claim", "statement", "measured, with 95 % interval", "verdict"], cells
    )


def throughput() -> str:
    """Our loop beside the usual one and beside a fixed synthetic batch."""
    table = pd.read_csv(ROOT / "benchmarks/throughput.csv")
    cells = []
    for (hardware, study, batch), own in table[table["loop"] == "errordrops"].groupby(
        ["hardware", "study", "batch"], sort=False
    ):
        best = own["images_per_second"].max()
        beside = []
        for name in ("torchvision", "synthetic"):
            same = (table["loop"] == name) & (table["study"] == study) & (table["batch"] == batch)
            other = table.loc[same, "images_per_second"]
            beside.append(f"{_two(best / other.max())} times" if len(other) else "")
        cells.append([hardware, f"`{study}`", batch, f"{best:,}", *beside])
    head = ["device", "study", "batch", "images a second", "beside torchvision's loop", "beside a synthetic batch"]
    return rows(head, cells)


def _two(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio > 1.5 else f"{ratio:.2f}"


def scale() -> str:
    """Seconds of a core and memory of what surrounds training."""
    table = pd.read_csv(ROOT / "benchmarks/scale.csv").set_index(["runs", "step"])
    steps = {"plan": 1, "DAG": 1, "collect": 1, "analyse": 0, "all figures": 0, "report": 0}
    cells = []
    for number in table.index.unique("runs"):
        used = [table.loc[(number, step)] for step in steps]
        pairs = zip(used, steps.values(), strict=True)
        cells.append([number, *(f"{u['processor_seconds']:.{d}f} s, {u['megabytes']:.0f} MB" for u, d in pairs)])
    return rows(["runs", "plan", "graph of jobs", "collection", "analysis", "all figures", "page"], cells)


def screen() -> str:
    """What the progress display shows in the middle of study quick, with the numbers of the committed runs."""
    folders = {arm: min((REFERENCE / f"quick/runs/{arm}").glob("seed*")) for arm in ("step", "batch")}
    curves = {arm: test_error(folder / "curve.csv.gz") for arm, folder in folders.items()}
    seed = folders["step"].name.removeprefix("seed")
    rates = curves["step"]["learning_rate"]
    change = int(rates.index[rates.diff() < 0][0]) - 1
    described = (json.loads(path.read_text()) for path in (REFERENCE / "quick").glob("runs/*/seed*/run.json"))
    total = sum(run["epochs_trained"] for run in described)
    now = Table.grid(padding=(0, 2))
    for arm, epoch in (("step", change + 3), ("batch", change + 2)):
        row = curves[arm].loc[epoch]
        seen = Epoch(epoch, row["learning_rate"], int(row["batch_size"]), row["value"])
        now.add_row(*screen_row(arm, seed, seen, curves[arm].index.max()))
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(now)
    grid = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    before, after = (curves["step"]["value"][epoch] for epoch in (change, change + 1))
    lines = [
        f"step, seed {seed}: {drop(change, before, after)}",
        f"quick {bar(0.4, 40)} {round(0.4 * total)} of {total} epochs about 6 min of training left",
        grid,
    ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def test_error(path: Path) -> pd.DataFrame:
    """The test error (recomputed statistics) of a committed run, by epoch."""
    table = pd.read_csv(path)
    return table.query("split == 'test' and metric == 'error_recomputed'").set_index("epoch")


def tables() -> dict[str, Callable[[], str]]:
    fixed = {"studies": studies, "results": results, "throughput": throughput, "scale": scale, "screen": screen}
    return fixed | {f"claims-{name}": partial(claims_of, name) for name in kept()}


def made(text: str) -> str:
    """The text with its tables as the committed files have them."""
    known = tables()
    with chdir(ROOT):  # where results/reference is found
        return BLOCK.sub(lambda block: f"{block[1]}{known[block[2]]()}{block[4]}", text)


if __name__ == "__main__":
    for name in TEXTS:
        path = ROOT / name
        path.write_text(made(path.read_text()))
