"""Runs under the plateau rule, whose schedule depends on their own errors."""

import pytest

from errordrops.results import curves
from errordrops.study import plan
from errordrops.study.plateau import plateau_settings
from errordrops.study.settings import milestones
from errordrops.training.runs import train_run
from errordrops.training.trainer import Trainer
from networks import tiny
from performed import described, perform, trained, wide

__all__ = ["trained"]  # a fixture
PLATEAU = {"name": "plateau", "plateau": {"smoothing": 1, "patience": 1, "least": 10}}


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
    from errordrops.training import runs

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
