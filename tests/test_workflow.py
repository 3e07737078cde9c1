"""The workflow end to end on the smoke study, in a copy of the project: what runs, what does not, what it says."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

import terminal
from errordrops.figures import FIGURES
from errordrops.results import curves
from errordrops.results.layout import ANALYSIS_TABLES, Layout
from errordrops.study.study import REPOSITORY

COPIED = ("Snakefile", "environment.yml", "pyproject.toml", "config", "profiles", "report", "src", "workflow")
TORCH_NOT_INSTALLED = """
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *where: None if name.partition(".")[0] == "torch" else find(name, *where)
"""
NO_TORCH = "raise ImportError('torch is not to be imported here')"


class Place:
    """A copy of the project in which snakemake is called."""

    def __init__(self, folder: Path):
        self.folder, self.output = folder, ""
        for name in COPIED:
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copyfile
            copy(source, folder / name)
        self.environment = os.environ | {"PYTHONPATH": str(folder / "src")}

    def start(self, *arguments: str, **changes) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", *arguments]
        environment = self.environment | changes
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **pipe)

    def snakemake(self, *arguments: str, **changes) -> tuple[int, str]:
        """(exit code, everything printed)."""
        process = self.start(*arguments, **changes)
        output, _ = process.communicate(timeout=900)
        return process.returncode, output

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rule to number of jobs, from a dry run."""
        code, output = self.snakemake("-n", *arguments)
        assert code == 0, output
        if "Nothing to be done" in output:
            return {}
        table = output.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
        jobs = {name: int(count) for name, count in (line.split() for line in table if line.strip())}
        return {name: count for name, count in jobs.items() if name not in ("all", "total")}

    def layout(self, results: str = "results") -> Layout:
        return Layout.of("smoke", self.folder / results)

    def change_study(self, **keys) -> None:
        path = self.folder / "config/studies/smoke.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load((REPOSITORY / "config/studies/smoke.yaml").read_text()) | keys))


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    """A copy in which the smoke study has been run."""
    made = Place(tmp_path_factory.mktemp("project"))
    code, made.output = made.snakemake("--config", "study=smoke")
    assert code == 0, made.output
    return made


def test_into_a_file_goes_a_line_for_each_run_and_one_a_minute(place):
    """The whole of it is tests/screens/file.txt."""
    lines = [line for line in place.output.splitlines() if not line.startswith("after ")]
    assert terminal.same(terminal.masked("\n".join(lines), place.folder), "file"), place.output
    assert len(lines) < 20 and "\x1b" not in place.output


def test_the_smoke_study_makes_every_file(place):
    layout = place.layout()
    for path in (layout.curves, layout.closeups, layout.claims, layout.provenance, layout.report):
        assert path.stat().st_size > 0
    for name in ANALYSIS_TABLES:
        assert len(pd.read_csv(layout.table(name)).columns)  # without placebos or a sweep some have no rows
    for name in ("schedules", "milestone_changes", "milestone_levels_summary", "final", "bands", "lag"):
        assert len(pd.read_csv(layout.table(name)))
    for name in FIGURES:
        for ending in (".json", ".svg", ".png"):
            assert layout.figure(name).with_suffix(ending).stat().st_size > 1000
    for file in ("curve.csv", "closeups.csv", "train.log", "run.json", "checkpoints/epoch006.safetensors"):
        assert (layout.run("hybrid", 1) / file).exists()


def test_curves_have_every_epoch_once_and_share_the_past(place):
    table = pd.read_parquet(place.layout().curves)
    assert list(table.columns) == curves.COLUMNS
    assert not table.duplicated(["arm", "seed", "epoch", "split", "metric"]).any()
    assert sorted(table["epoch"].unique()) == list(range(7))
    assert set(table["arm"]) == {"none", "step", "batch", "hybrid"}
    wide = curves.wide(table)
    for arm in ("step", "batch", "hybrid"):
        assert wide.loc[arm][[0, 1, 2]].equals(wide.loc["none"][[0, 1, 2]])
        assert not wide.loc[arm][3].equals(wide.loc["none"][3])
    last = table[table["epoch"] == 6].groupby("arm")["update"].max()
    assert last.to_dict() == {"none": 300, "step": 300, "batch": 100 + 20 + 4, "hybrid": 100 + 20 + 20}
    assert (table.groupby("arm")["examples"].max() == 6000).all()


def test_closeups_begin_and_end_where_the_runs_do(place):
    """The smoke study looks at its whole test set, so the ends of a replay are readings of the run itself."""
    table = pd.read_parquet(place.layout().closeups)
    wide = curves.wide(pd.read_parquet(place.layout().curves))
    last = table["position"] == table["epoch"]
    compared = 0
    for row in table[(table["update"] == 0) | last].itertuples():
        run = "none" if row.branch == "unchanged" and row.milestone == 2 else row.arm
        if row.update == 0:
            expected = wide.loc[(row.arm, row.seed, "test", row.metric), row.epoch - 1]
        elif row.branch == "changed" or row.epoch == row.milestone or run == "none":
            expected = wide.loc[(run, row.seed, "test", row.metric), row.epoch]
        else:  # a twin at a later milestone is no arm of the study
            continue
        assert row.value == pytest.approx(expected, rel=1e-6), row
        compared += 1
    # 3 arms x 2 seeds x 2 metrics x (6 starts + ends of 3 replays at the first, 2 at the second milestone)
    assert compared == 3 * 2 * 2 * (6 + 3 + 2)
    shown = table.query("arm == 'step' and epoch == 3 and branch == 'changed' and seed == 0")
    assert sorted(shown["update"].unique()) == [0, 1, 2, 4, 8, 16, 32, 50]


def test_every_epoch_was_trained_once(place):
    store = place.layout().root / "checkpoints"
    chains = {json.loads(p.read_text())["epochs_trained"] for p in place.layout().root.glob("runs/none/*/run.json")}
    assert chains == {6}
    assert len(list(store.glob("*/*.record.json"))) == 2 * (1 + 6 + 4 + 4 + 2)
    lines = [
        line
        for log in place.layout().root.glob("runs/*/*/train.log")
        for line in log.read_text().splitlines()
        if line.startswith("epoch ")
    ]
    assert len(lines) == 2 * (6 + 4 + 4 + 2)


def test_provenance_and_claims(place):
    facts = json.loads(place.layout().provenance.read_text())
    assert facts["numerics"][0]["device"] == "cpu" and facts["numerics"][0]["threads"] == 1
    assert facts["warnings"] == []
    assert facts["data"][0]["checksum"]
    assert {run["status"] for run in facts["runs"]} == {"completed"}
    claims = json.loads(place.layout().claims.read_text())
    assert [c["id"] for c in claims][:2] == ["step.m1.drop", "step.m2.drop"]
    keys = "id statement metric milestone holds value ci_low ci_high threshold_low threshold_high unit n".split()
    typed = set("rank stated kind control epoch verdict".split())
    assert all(list(claim)[: len(keys)] == keys and typed <= set(claim) for claim in claims)


def test_nothing_runs_twice(place):
    assert place.planned("--config", "study=smoke") == {}


def test_any_file_can_be_asked_for_whatever_the_configured_study(place):
    for wanted in (
        "curves.parquet",
        "claims.json",
        "figures/closeup.png",
        "runs/batch/seed1/curve.csv",
        "report/index.html",
    ):
        assert place.planned(f"results/smoke/{wanted}") == {}
    assert place.planned("results/quick/runs/step/seed20/curve.csv") == {"data": 1, "train": 3}


def test_a_change_to_a_figure_redraws_that_figure_and_the_report(place):
    module = place.folder / "src/errordrops/figures/closeup.py"
    before = module.read_text()
    module.write_text(before + "\n# words alone\n")
    assert place.planned("--config", "study=smoke") == {}
    module.write_text(before + "\nCHANGED = True\n")
    assert place.planned("--config", "study=smoke") == {"figure": 1, "report": 1}
    module.write_text(before)


def test_a_change_to_the_text_renders_only(place):
    document = place.folder / "report/templates/study.qmd"
    before = document.read_text()
    document.write_text(before + "\nA change.\n")
    assert place.planned("--config", "study=smoke") == {"report": 1}
    document.write_text(before)


def test_a_change_to_training_code_retrains(place):
    module = place.folder / "src/errordrops/training/batchnorm.py"
    before = module.read_text()
    module.write_text(before.replace('"""', '"""A word. ', 1))
    assert place.planned("--config", "study=smoke") == {}
    module.write_text(before + "\nCHANGED = True\n")
    assert place.planned("--config", "study=smoke")["train"] == 8
    module.write_text(before)


def test_moving_arms_trains_nothing(place):
    place.change_study(arms=["hybrid", "step", "none", "batch"])
    planned = place.planned("--config", "study=smoke")
    assert "train" not in planned and "closeups" not in planned
    place.change_study()


def test_changing_and_adding_an_arm_trains_that_arm_only(place):
    records = place.layout().root / "checkpoints"
    before = {p.name for p in records.glob("*/*.record.json")}
    place.change_study(arms=["none", "step", "batch", "hybrid", {"name": "late", "rule": "step", "milestones": [5]}])
    assert place.planned("--config", "study=smoke", "--until", "train") == {"train": 2}
    code, output = place.snakemake("--config", "study=smoke", "--until", "train")
    assert code == 0, output
    added = {p.name for p in records.glob("*/*.record.json")} - before
    assert len(added) == 2  # one epoch of its own, two seeds
    changed = [{"name": "late", "rule": "step", "milestones": [4]}]
    place.change_study(arms=["none", "step", "batch", "hybrid", *changed])
    assert place.planned("--config", "study=smoke", "--until", "train") == {"train": 2}
    place.change_study()


def test_from_reference_needs_no_training_and_no_torch(place):
    keep = [sys.executable, "-m", "errordrops", "keep", "smoke"]
    subprocess.run(keep, cwd=place.folder, env=place.environment, check=True)
    reference = place.folder / "results/reference/smoke"
    assert not list(reference.rglob("*.safetensors"))
    stub, source = place.folder / "stub", place.folder / "src"
    for name in ("torch", "torchvision"):
        (stub / name).mkdir(parents=True)
        (stub / name / "__init__.py").write_text(NO_TORCH)
    settings = ("--config", "study=smoke", "from=reference", "results=elsewhere")
    code, output = place.snakemake(*settings, PYTHONPATH=f"{stub}:{source}")
    assert code == 0, output
    here, there = place.layout(), place.layout("elsewhere")
    assert pd.read_parquet(here.curves).equals(pd.read_parquet(there.curves))
    assert here.claims.read_text() == there.claims.read_text()
    assert json.loads(there.provenance.read_text())["from_reference"]
    assert not there.data.exists()
    code, output = place.snakemake("-n", *settings)
    assert code == 0 and "Nothing to be done" in output
    # without being told again: the study goes on as it began, and a figure that was deleted is all that is made
    figure = Path(f"{there.figure('closeup')}.svg")
    figure.unlink()
    on = ("--config", "study=smoke", "results=elsewhere")
    assert place.planned(str(figure.relative_to(place.folder)), *on) == {"figure": 1}
    assert place.planned(*on) == {"figure": 1, "report": 1}
    # an arm more can't be trained here: told at once, though all that the page was made from is there
    more = [{"name": "late", "rule": "step", "milestones": [4]}]
    place.change_study(arms=["none", "step", "batch", "hybrid", *more])
    (stub / "sitecustomize.py").write_text(TORCH_NOT_INSTALLED)
    code, output = place.snakemake(*on, PYTHONPATH=f"{stub}:{source}")
    assert code == 1 and "run late seed 0 (and 1 more) of study smoke is not in results/reference/smoke" in output
    assert "make .venv/.train" in output and "Traceback" not in output and "latency" not in output
    place.change_study()


def test_a_killed_workflow_goes_on_to_the_same_numbers(place):
    """SIGKILL for snakemake and all its jobs in the middle of training; the same command then finishes."""
    settings = ("--config", "study=smoke", "results=again")
    target = ("again/smoke/curves.parquet", *settings)
    process = place.start(*target)
    layout = place.layout("again")
    deadline = time.monotonic() + 120
    while not list(layout.root.glob("checkpoints/*/*.record.json"))[6:] and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not layout.curves.exists()
    assert list((place.folder / ".snakemake/locks").iterdir())
    code, output = place.snakemake(*target)
    assert code == 0, output
    assert pd.read_parquet(layout.curves).equals(pd.read_parquet(place.layout().curves))


def test_a_workflow_that_still_runs_keeps_its_lock(place):
    settings = ("--config", "study=smoke", "results=twice")
    first = place.start("twice/smoke/curves.parquet", *settings)
    locks, deadline = place.folder / ".snakemake/locks", time.monotonic() + 120
    while not (locks.is_dir() and list(locks.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    code, output = place.snakemake("twice/smoke/curves.parquet", *settings)
    assert code != 0 and "lock" in output.lower(), output
    output, _ = first.communicate(timeout=900)
    assert first.returncode == 0, output


@pytest.mark.parametrize(
    ("arguments", "change", "expected"),
    [
        (["study=smoke"], {"factor": 0}, "factor: must be > 1, but is 0"),
        (["study=smoke"], {"milestones": [2, 6]}, "milestones: 6 is not before the last epoch (6)"),
        (["study=smoke"], {"wight_decay": 1}, "unknown key wight_decay"),
        (["study=smoke"], {"factor": 50}, "batches of 50000 images (20 x 2500), but there are 1000 training images"),
        (["study=nosuch"], {}, "no study file config/studies/nosuch.yaml"),
        (["study=smoke", "data_dir=/not/there"], {}, "dataset.data_dir: no folder /not/there"),
        (["study=smoke", "device=tpu"], {}, "config: device: 'tpu' is not one of"),
    ],
)
def test_a_mistake_is_one_clear_message_before_anything_trains(place, arguments, change, expected):
    place.change_study(**change)
    code, output = place.snakemake("--config", *arguments)
    place.change_study()
    assert code != 0
    assert expected in output
    assert "Traceback" not in output
    assert "Job stats" not in output


@pytest.mark.parametrize("profile", ["gpu", "slurm"])
def test_profiles_dry_run(place, profile):
    if profile == "slurm":
        pytest.importorskip("snakemake_executor_plugin_slurm")
    planned = place.planned("--workflow-profile", f"profiles/{profile}", "--config", "study=smoke", "results=fresh")
    assert planned["train"] == 8
