"""Several runs in one input: all are listed, the last complete one is explained, and `--run` reaches each."""

import json

import pandas as pd
import pytest

import written_logs
from errordrops import cli, explain
from errordrops.errors import UserError
from made_logs import curve as level
from made_logs import step


def curve(at, n=90, seed=0):
    """A validation loss of n points that falls at one place, from 0."""
    return level(step(at, 0.5), seed=seed)[:n]


RUNS = {"fresh-sun-3": (30, 90), "dark-moon-4": (50, 90), "calm-sea-5": (20, 36)}


def wandb(folder):
    """The export of one chart: a column a run, the lowest and the highest beside it."""
    table = {"Step": range(100)}
    for name, (at, n) in RUNS.items():
        values = pd.Series(curve(at, n), index=range(n)).reindex(range(100))
        table |= {f"{name} - val_loss": values, f"{name} - val_loss__MIN": values, f"{name} - val_loss__MAX": values}
    pd.DataFrame(table).to_csv(folder / "chart.csv", index=False)
    return folder / "chart.csv"


def tensorboard(folder):
    """A folder for each run."""
    for k, (name, (at, n)) in enumerate(RUNS.items()):
        scalars = [("val_loss", s, v) for s, v in enumerate(curve(at, n))]
        written_logs.event_file(folder / name / f"events.out.tfevents.16000000{k:02d}.host", scalars)
    return folder


def one_folder(folder):
    """All runs in one folder, a file for each."""
    for k, (at, n) in enumerate(RUNS.values()):
        scalars = [("val_loss", s, v) for s, v in enumerate(curve(at, n))]
        written_logs.event_file(folder / f"events.out.tfevents.16000000{k:02d}.host", scalars)
    return folder


def places(found):
    return [int(label) for label in found.drops["label"]]


@pytest.mark.parametrize("write", [wandb, tensorboard, one_folder], ids=lambda f: f.__name__)
def test_each_run_is_reached_and_nothing_is_stitched(write, tmp_path, capsys):
    path = write(tmp_path)
    found = explain(path)
    assert (found.log.run, len(found.log.runs)) == (2, 3) and places(found) == [50]
    assert len(found.log.main.values) == 90 and any("3 runs (1: " in note for note in found.log.notes)
    for k, (at, n) in enumerate(RUNS.values(), 1):
        alone = explain(path, run=k)
        assert places(alone) == [at] and len(alone.log.main.values) == n
    with pytest.raises(UserError, match="there is no run 4; the log holds 3"):
        explain(path, run=4)
    assert cli.main(["explain", str(path), "--run", "all"]) == 0
    shown = capsys.readouterr().out
    assert all(f"Run {k} of 3: " in shown for k in (1, 2, 3)) and "(step 20)" in shown and "(step 30)" in shown
    assert cli.main(["explain", str(path), "--run", "all", "--json"]) == 0
    assert [one["drops"][0]["label"] for one in json.loads(capsys.readouterr().out)] == [30, 50, 20]
    assert cli.main(["explain", str(path), "--run", "3", "--list"]) == 0
    assert "3 runs" in capsys.readouterr().out


def test_a_run_without_a_curve_does_not_hide_the_others(tmp_path, capsys):
    table = {"Step": range(90)}
    table |= {"stopped - val_loss": [1.0] + 89 * [None], "whole - val_loss": curve(40)}
    pd.DataFrame(table).to_csv(tmp_path / "chart.csv", index=False)
    assert cli.main(["explain", str(tmp_path / "chart.csv"), "--run", "all"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Run 1 of 2: stopped" in shown and "no curve of two points" in shown and "1 sudden drop (step 40)" in shown


def test_columns_of_splits_are_no_runs(tmp_path):
    pd.DataFrame({"Step": range(90), "train - loss": curve(40), "val - loss": curve(40, seed=1)}).to_csv(
        tmp_path / "log.csv", index=False
    )
    assert len(explain(tmp_path / "log.csv").log.runs) < 2
