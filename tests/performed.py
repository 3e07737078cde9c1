"""Steps of tiny studies performed one by one, and a study of placebos and stubs with every run trained."""

import json

import pytest

from errordrops.results import curves
from errordrops.study import plan
from errordrops.training.runs import train_run
from errordrops.training.trainer import Trainer
from networks import tiny

PLACEBOS = {
    "arms": ["none", "step"],
    "placebos": [{"of": "none", "milestone": 2, "copies": 2, "epochs": 2}],
    "cut_sweep": {"of": "none", "at": [2], "epochs": 1},
    "averages": [1],
    "unchanged_fork": 1,
}


def quiet(message):
    pass


def perform(step, loaded, layout, arm, seed=0):
    """Run one step of one run; returns the folder of the run."""
    step(loaded, plan.find_run(loaded, arm, seed), layout, "cpu", quiet)
    return layout.run(arm, seed)


def described(folder):
    return json.loads((folder / "run.json").read_text())


def wide(folder):
    """(split, metric) by epoch."""
    table = curves.read_run(folder / "curve.csv")
    return table.pivot(index=["split", "metric"], columns="epoch", values="value")


@pytest.fixture
def trained(monkeypatch):
    """The epochs trained so far."""
    epochs, train_epoch = [], Trainer.train_epoch

    def counted(self, epoch, *more, **options):
        epochs.append(epoch)
        return train_epoch(self, epoch, *more, **options)

    monkeypatch.setattr(Trainer, "train_epoch", counted)
    return epochs


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of arms none and step, placebos and stubs, with every run trained; (study, layout)."""
    loaded, layout = tiny(tmp_path_factory.mktemp("small"), **PLACEBOS)
    left = plan.runs(loaded)
    while left:  # as the workflow does: each after the run that it forks from
        run = next(run for run in left if run.parent not in [other.arm for other in left])
        perform(train_run, loaded, layout, run.arm)
        left.remove(run)
    return loaded, layout
