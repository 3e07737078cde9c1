"""The steps that train, on tiny studies: placebos and stubs, and close-ups of placebos."""

from dataclasses import replace

import pandas as pd
import pytest

from errordrops.files import read_table
from errordrops.results import curves
from errordrops.study import plan
from errordrops.study.settings import settings
from errordrops.training.runs import closeup_run, train_run
from networks import tiny
from performed import described, perform, quiet, small, trained, wide

__all__ = ["small", "trained"]  # fixtures


def test_a_placebo_shares_the_past_and_nothing_after(small):
    _, layout = small
    none = wide(layout.run("none", 0))
    copies = [wide(layout.run(f"placebo-none-2-{copy}", 0)) for copy in (1, 2)]
    for placebo in copies:
        assert list(placebo.columns) == [0, 1, 2, 3, 4]
        assert placebo[[0, 1, 2]].equals(none[[0, 1, 2]])
    for split, metric in (("train", "loss"), ("test", "loss"), ("train_eval", "loss_recomputed")):
        for epoch in (3, 4):
            assert len({table.loc[(split, metric), epoch] for table in (none, *copies)}) == 3
    keys = [described(layout.run(arm, 0))["key"] for arm in ("none", "placebo-none-2-1", "placebo-none-2-2")]
    assert len(set(keys)) == 3
    facts = described(layout.run("placebo-none-2-2", 0))
    assert (facts["epochs_inherited"], facts["epochs_trained"]) == (2, 2)
    assert [(phase["epochs"], phase.get("order")) for phase in facts["phases"]] == [(2, None), (2, 2)]


def test_a_placebo_has_the_setting_and_the_updates_of_its_arm(small):
    _, layout = small
    same = ["epoch", "update", "examples", "learning_rate", "batch_size"]
    none, placebo = (
        curves.read_run(layout.run(arm, 0) / "curve.csv")[same].drop_duplicates(ignore_index=True)
        for arm in ("none", "placebo-none-2-1")
    )
    assert placebo.equals(none)


@pytest.mark.parametrize(
    ("stub", "parent"), [("cut-2-rate", "step"), ("cut-2-placebo", "placebo-none-2-1"), ("cut-2-batch", None)]
)
def test_a_stub_is_the_arm_that_it_agrees_with(small, stub, parent):
    _, layout = small
    facts = described(layout.run(stub, 0))
    assert facts["status"] == "completed" and facts["epochs"] == 3
    assert facts["epochs_trained"] == (0 if parent else 1)
    if parent:
        assert wide(layout.run(stub, 0)).equals(wide(layout.run(parent, 0))[[0, 1, 2, 3]])


def test_averages_are_evaluated_where_an_arm_of_its_own_needs_them(small):
    """A placebo's images are compared with the average before its first epoch; later ones nobody asks for."""
    _, layout = small
    none, placebo = (wide(layout.run(arm, 0)) for arm in ("none", "placebo-none-2-1"))
    assert set(placebo.index) == set(none.index)
    for metric in ("loss_averaged", "error_averaged"):
        assert none.loc[("train_eval", metric)].notna().all()
        assert placebo.loc[("train_eval", metric)].notna().tolist() == [True, True, True, False, False]
        for run in (none, placebo):  # on the test set only where the sweep cuts
            assert run.loc[("test", metric)].notna().tolist() == [False, False, True, False, False]
    assert placebo.loc[("test", "corrected_foreseen")].notna().tolist() == [False, False, False, True, False]


def test_an_arm_measures_what_a_stub_left_out(tmp_path, trained):
    """The stub comes first, then an arm with its settings: the same weights, trained once more to be measured whole."""
    loaded, layout = tiny(tmp_path, arms=["none", {"name": "step", "epochs": 3}], averages=[1])
    step = plan.find_run(loaded, "step", 0)
    train_run(loaded, replace(step, whole=False), layout, "cpu", quiet)
    folder = layout.run("step", 0)
    sparing, state = wide(folder), (folder / "checkpoints" / "epoch003.safetensors").read_bytes()
    assert ("train_eval", "loss_averaged") not in sparing.index
    train_run(loaded, step, layout, "cpu", quiet)
    whole = wide(folder)
    assert trained == [1, 2, 3, 1, 2, 3]
    assert whole.loc[("train_eval", "loss_averaged")].notna().all()
    assert whole.loc[sparing.index].equals(sparing)
    assert (folder / "checkpoints" / "epoch003.safetensors").read_bytes() == state
    train_run(loaded, replace(step, whole=False), layout, "cpu", quiet)
    assert trained == [1, 2, 3, 1, 2, 3] and wide(folder).equals(whole)


def test_a_date_that_is_added_is_measured_where_it_was_left_out(tmp_path, trained):
    """Arm none is known, its averages on the test set after epoch 2 are not: that epoch is trained once more."""
    loaded, layout = tiny(tmp_path, arms=["none"], averages=[1])
    perform(train_run, loaded, layout, "none")
    loaded, layout = tiny(tmp_path, arms=["none"], averages=[1], cut_sweep={"of": "none", "at": [2], "epochs": 1})
    folder = perform(train_run, loaded, layout, "cut-2-rate")
    assert trained == [1, 2, 3, 4, 2, 3]
    assert wide(folder).loc[("test", "loss_averaged")].notna().tolist() == [False, False, True, False]
    assert pd.notna(wide(folder).loc[("test", "corrected_foreseen"), 3])


def test_a_known_stub_trains_nothing(small, trained):
    loaded, layout = small
    before = (layout.run("cut-2-rate", 0) / "curve.csv").read_bytes()
    perform(train_run, loaded, layout, "cut-2-rate")
    assert trained == []
    assert (layout.run("cut-2-rate", 0) / "curve.csv").read_bytes() == before


def test_closeups_of_a_placebo_are_of_its_own_epoch_only(small, trained):
    """The tiny study looks at its whole test set: a close-up begins and ends where the run does."""
    loaded, layout = small
    table = read_table(perform(closeup_run, loaded, layout, "placebo-none-2-1") / "closeups.csv")
    assert trained == []  # looked at when it was trained
    assert set(zip(table["milestone"], table["epoch"], table["branch"], strict=True)) == {(2, 3, "changed")}
    assert sorted(table["update"].unique()) == [0, 1, 2, 4, 8, 10]
    own = wide(layout.run("placebo-none-2-1", 0))
    assert len(table[table["update"].isin([0, 10])]) == 4
    for update, epoch in ((0, 2), (10, 3)):
        for row in table[table["update"] == update].itertuples():
            assert row.value == own.loc[("test", row.metric), epoch]
    other = read_table(perform(closeup_run, loaded, layout, "step") / "closeups.csv")
    assert set(zip(other["epoch"], other["branch"], strict=True)) == {
        (2, "unchanged"),
        (3, "unchanged"),
        (3, "changed"),
    }


def test_a_closeup_that_is_not_known_is_replayed_to_the_same_numbers(small, trained):
    loaded, layout = small
    known = perform(closeup_run, loaded, layout, "step") / "closeups.csv"
    assert trained == []
    before = known.read_bytes()
    lost = list(layout.root.glob("checkpoints/**/*closeup*"))
    assert lost
    for path in lost:
        path.unlink()
    perform(closeup_run, loaded, layout, "step")
    assert trained == [2, 3, 3]
    assert known.read_bytes() == before


def test_an_arm_that_ends_early_is_the_beginning_of_the_whole(tmp_path, trained):
    arms = ["none", "step", {"name": "short", "rule": "step", "epochs": 3}]
    loaded, layout = tiny(tmp_path, arms=arms)
    for arm in ("none", "step"):
        perform(train_run, loaded, layout, arm)
    assert settings(loaded.arm("short").phases) == loaded.arm("step").settings[:3]
    before = len(trained)
    short = wide(perform(train_run, loaded, layout, "short"))
    assert len(trained) == before
    assert short.equals(wide(layout.run("step", 0))[[0, 1, 2, 3]])
