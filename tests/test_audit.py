"""The audit finds forks that change nothing equal, bit by bit, and only those."""

import pandas as pd
import pytest
import torch

from errordrops import cli
from errordrops.files import read_table
from errordrops.results import curves
from errordrops.study import plan
from errordrops.training.checkpoints import Store
from errordrops.training.runs import _equal, audit_run, closeup_run, train_run
from errordrops.training.trainer import Trainer
from networks import tiny
from performed import perform, small

__all__ = ["small"]  # a fixture


@pytest.fixture
def audited(tmp_path):
    """A trained run of three epochs with milestones 1 and 2, with averages; (study, layout, its folder)."""
    loaded, layout = tiny(tmp_path, epochs=3, milestones=[1, 2], averages=[1], unchanged_fork=1)
    return loaded, layout, perform(train_run, loaded, layout, "none")


def verdicts(audited):
    loaded, layout, folder = audited
    perform(audit_run, loaded, layout, "none")
    table = read_table(folder / "audit.csv")
    assert list(table.columns) == curves.AUDIT_COLUMNS
    assert table[["study", "arm", "seed"]].drop_duplicates().values.tolist() == [["tiny", "none", 0]]
    return table[["milestone", "equals_parent", "equals_sibling"]].values.tolist()


def flip_a_bit(link, name):
    """Change the lowest bit of the last number of one tensor of a checkpoint, as training might have: not on disk."""
    path = link.resolve()
    store = Store(path.parent)
    state = store.load_state(path.stem)
    state[name].view(-1).view(torch.uint8)[-4] ^= 1  # of four bytes, the lowest first
    store.save_state(path.stem, state)


def test_the_audit_finds_forks_that_change_nothing_equal(audited):
    assert verdicts(audited) == [[1, True, True], [2, True, True]]


@pytest.mark.parametrize(
    "name", ["model.linear.weight", "model.bn.running_var", "momentum.linear.bias", "averaged.linear.weight"]
)
def test_the_audit_finds_one_bit_of_the_parent(audited, name):
    flip_a_bit(audited[2] / "checkpoints/epoch003.safetensors", name)
    assert verdicts(audited) == [[1, True, True], [2, False, True]]


def test_the_audit_finds_siblings_that_differ(audited, monkeypatch):
    train_epoch, calls = Trainer.train_epoch, []

    def uneven(self, *arguments, **options):
        result = train_epoch(self, *arguments, **options)
        calls.append(self)
        with torch.no_grad():
            next(self.model.parameters()).mul_(1 + 1e-6 * (len(calls) == 2))  # the second fork at the first milestone
        return result

    monkeypatch.setattr(Trainer, "train_epoch", uneven)
    assert verdicts(audited) == [[1, True, False], [2, True, True]]


def test_the_audit_compares_with_a_state_that_was_kept(tmp_path):
    """Where not every epoch is kept, the parent must not be a replay of the forks themselves."""
    loaded, layout = tiny(tmp_path, checkpoint_every=2, milestones=[1], unchanged_fork=1)
    perform(train_run, loaded, layout, "none")
    folder = layout.run("none", 0)
    perform(audit_run, loaded, layout, "none")
    assert read_table(folder / "audit.csv")[["milestone", "equals_parent"]].values.tolist() == [[1, True]]
    flip_a_bit(folder / "checkpoints/epoch002.safetensors", "model.linear.bias")
    perform(audit_run, loaded, layout, "none")
    assert read_table(folder / "audit.csv")["equals_parent"].tolist() == [False]


def test_zero_and_minus_zero_are_different_bits():
    one, other = {"a": torch.tensor([0.0]), "n": torch.tensor(3)}, {"a": torch.tensor([-0.0]), "n": torch.tensor(3)}
    assert _equal(one, one) and not _equal(one, other)


def test_audits_are_collected(small, capsys):
    loaded, layout = small
    perform(audit_run, loaded, layout, "none")
    for run in plan.runs_with("closeups", loaded):
        perform(closeup_run, loaded, layout, run.arm)
    assert cli.main(["collect", str(loaded.path), "--results", str(layout.root.parent)]) == 0, capsys.readouterr().err
    table = pd.read_parquet(layout.table("audit"))
    assert table.values.tolist() == [["tiny", "none", 0, 2, True, True]]
    assert set(pd.read_parquet(layout.curves)["arm"]) == {arm.name for arm in loaded.arms}
