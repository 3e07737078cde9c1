"""The steps that train, on tiny studies: placebos and stubs, the plateau rule, close-ups of placebos, the audit."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import torch

from errordrops import cli, curves, plan
from errordrops.checkpoints import Store
from errordrops.files import read_table
from errordrops.plateau import plateau_settings
from errordrops.runs import _equal, audit_run, closeup_run, train_run
from errordrops.schedules import milestones, settings
from errordrops.trainer import Trainer
from networks import tiny

PLACEBOS = {
    "arms": ["none", "step"],
    "placebos": [{"of": "none", "milestone": 2, "copies": 2, "epochs": 2}],
    "cut_sweep": {"of": "none", "at": [2], "epochs": 1},
    "averages": [1],
    "unchanged_fork": 1,
}
PLATEAU = {"name": "plateau", "plateau": {"smoothing": 1, "patience": 1, "least": 10}}


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


def test_a_run_under_the_plateau_rule_cuts_where_its_own_errors_say(tmp_path, trained):
    """With ten points an error can be better ten times at most, so in twelve epochs the rule fires for certain."""
    loaded, layout = tiny(tmp_path, validation=100, epochs=12, milestones=[2, 3], arms=["none", PLATEAU])
    perform(train_run, loaded, layout, "none")
    run = plan.find_run(loaded, "plateau", 0)
    assert (run.parent, run.fork_epoch, len(trained)) == ("none", 0, 12)
    folder = perform(train_run, loaded, layout, "plateau")
    errors = wide(folder).loc[("validation", "error_recomputed"), 1:].tolist()
    expected = plateau_settings(run.plateau, loaded.base, 12, errors[:-1])
    per_epoch = curves.read_run(folder / "curve.csv").drop_duplicates("epoch").set_index("epoch").loc[1:]
    assert per_epoch["learning_rate"].tolist() == [setting.learning_rate for setting in expected]
    cuts, facts = milestones(expected), described(folder)
    assert 1 <= len(cuts) <= 2
    assert [phase["epochs"] for phase in facts["phases"]] == [
        later - earlier for earlier, later in zip([0, *cuts], [*cuts, 12], strict=True)
    ]
    # what it shares with arm none is not trained again
    assert trained == [*range(1, 13), *range(cuts[0] + 1, 13)]
    assert facts["epochs_inherited"] == cuts[0] and facts["epochs_trained"] == 12 - cuts[0]
    shared = list(range(cuts[0] + 1))
    assert wide(folder)[shared].equals(wide(layout.run("none", 0))[shared])
    assert facts["recipe_key"] == plan.recipe_key(loaded, run)  # found by what was planned


def planted(monkeypatch, validation, test):
    """Validation and test errors after epoch 1, 2, ... as given, whatever was trained."""
    evaluate, calls = Trainer.evaluate, []

    def answer(self, extras):
        values, to_test = evaluate(self, extras)
        if calls:  # epoch 0 comes first
            values["validation"]["error_recomputed"] = validation[len(calls) - 1]
            values["test"]["error_recomputed"] = values["test"]["error"] = test[len(calls) - 1]
        calls.append(self)
        return values, to_test

    monkeypatch.setattr(Trainer, "evaluate", answer)


def test_the_plateau_rule_follows_validation_error_and_resumes_where_it_was(tmp_path, monkeypatch):
    arms = [{"name": "plateau", "plateau": {"smoothing": 1, "patience": 2, "least": 1}}]
    options = {"validation": 100, "epochs": 8, "milestones": [1, 2], "arms": arms}
    validation = [50.0, 40, 40, 40, 30, 30, 30, 5]  # stays three epochs at 40 and at 30: cuts after epochs 4 and 7
    test = [50.0, 50, 50, 50, 50, 50, 50, 50]  # would cut after 3 and 6
    expected = [0.05] * 4 + [0.01] * 3 + [0.002]
    found = []
    for name, stops in (("whole", ()), ("resumed", (3, 6))):
        loaded, layout = tiny(tmp_path / name, **options)
        with monkeypatch.context() as patched:
            planted(patched, validation, test)
            for stop in stops:
                train_epoch = Trainer.train_epoch

                def cut_off(self, epoch, setting, stop=stop, train_epoch=train_epoch, **more):
                    if epoch == stop:
                        raise KeyboardInterrupt
                    return train_epoch(self, epoch, setting, **more)

                with patched.context() as once, pytest.raises(KeyboardInterrupt):
                    once.setattr(Trainer, "train_epoch", cut_off)
                    perform(train_run, loaded, layout, "plateau")
            folder = perform(train_run, loaded, layout, "plateau")
        found.append([(folder / "curve.csv").read_bytes(), described(folder)["key"]])
        found[-1].append((folder / "checkpoints/epoch008.safetensors").read_bytes())
    rates = curves.read_run(folder / "curve.csv").drop_duplicates("epoch").set_index("epoch")["learning_rate"]
    assert rates.loc[1:].tolist() == expected
    assert found[0] == found[1]


def test_the_rule_is_settled_only_by_errors_that_are_there(tmp_path, monkeypatch):
    """Epoch e + 1 is trained under what `plateau_settings` says of the errors after epochs 1 to e."""
    from errordrops import runs

    asked = []

    def watched(rule, base, epochs, errors):
        asked.append(list(errors))
        return plateau_settings(rule, base, epochs, errors)

    monkeypatch.setattr(runs, "plateau_settings", watched)
    loaded, layout = tiny(tmp_path, validation=100, epochs=3, milestones=[1], arms=[PLATEAU])
    folder = perform(train_run, loaded, layout, "plateau")
    errors = wide(folder).loc[("validation", "error_recomputed"), 1:].tolist()
    assert asked == [errors[:0], errors[:1], errors[:2]]


def test_a_run_under_the_plateau_rule_that_diverges_ends_there(tmp_path):
    arms = [{"name": "plateau", "learning_rate": 1e15}]
    loaded, layout = tiny(tmp_path, validation=100, epochs=4, milestones=[2], arms=arms)
    facts = described(perform(train_run, loaded, layout, "plateau"))
    assert facts["status"] == "diverged" and facts["epochs"] < 4


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
