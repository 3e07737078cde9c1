"""The benchmark on published logs: its counts on logs whose truth is known."""

import importlib
import sys

import pandas as pd
import pytest

import written_logs
from errordrops.study.study import REPOSITORY


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    yield importlib.import_module("logs")
    sys.path.remove(str(REPOSITORY / "benchmarks"))


@pytest.fixture
def folder(tmp_path):
    """Three logs: one with its rate, one without, and one whose index claims another milestone."""
    (tmp_path / "uniform").mkdir()
    rows = []
    for name, milestones in (("told", "26;46"), ("untold", "26;46"), ("none", "")):
        frame = written_logs.run()
        error = pd.DataFrame(
            {"epoch": frame["epoch"], "metric": "error", "split": "test", "value": 100 - frame["val_acc"]}
        )
        error.to_csv(tmp_path / "uniform" / f"{name}.csv", index=False)
        kept = frame.drop(columns=["lr"]) if name == "untold" else frame.assign(lr=0.1) if name == "none" else frame
        kept.to_csv(tmp_path / f"{name}.csv", index=False)
        facts = {"id": name, "repo": "a/b", "path": name, "dataset": "x", "model": "y", "kind": "step"}
        rows.append(facts | {"milestones": milestones, "local_file": f"{name}.csv"})
    pd.DataFrame(rows).to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def test_counts_are_right_where_the_truth_is_known(benchmark, folder):
    told, untold, none = benchmark.table(folder).to_dict("records")
    for row in (told, untold):
        assert (row["milestones"], row["visible"], row["found"], row["exact"]) == ("25;45", 2, 2, 2)
        assert (row["attributed"], row["other"], row["blamed"]) == (2, 0, 0)
    assert (none["visible"], none["found"], none["other"], none["blamed"]) == (0, 0, 2, 0)


def test_a_log_that_is_not_read_as_the_folder_says_stops_it(benchmark, folder):
    path = folder / "uniform" / "told.csv"
    table = pd.read_csv(path)
    table.assign(value=table["value"] + 1).to_csv(path, index=False)
    with pytest.raises(SystemExit, match="told: the log was not read"):
        benchmark.table(folder)


def test_the_committed_table_keeps_its_promises():
    logs = pd.read_csv(REPOSITORY / "results/reference/gallery.csv", keep_default_na=False, na_values=[""])
    assert logs["found"].sum() >= 0.9 * logs["visible"].sum()
    assert logs["attributed"].sum() >= 0.95 * logs["found"].sum() and logs["blamed"].sum() == 0
