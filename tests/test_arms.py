"""Families of arms: placebos and the cut sweep, arms that end early or have fewer seeds, and their mistakes."""

import pytest

from errordrops.study import plan, study
from errordrops.study.arms import Arm
from errordrops.study.plateau import Plateau
from errordrops.study.settings import Setting, shared_epochs
from errordrops.study.study import StudyError
from test_study import changed, write

PLACEBO = {"of": "none", "milestone": 10, "copies": 2, "epochs": 5}
SWEEP = {"of": "none", "at": [4, 10], "epochs": 2}


def load(tmp_path, **keys):
    return study.load(write(tmp_path, changed(**keys)))


def family(loaded, role):
    return [arm for arm in loaded.arms if arm.role == role]


@pytest.mark.parametrize("of", ["none", "step", "batch"])
@pytest.mark.parametrize("milestone", [10, 20])
def test_a_placebo_shares_its_arms_past_and_nothing_after_it(tmp_path, of, milestone):
    loaded = load(tmp_path, placebos=[PLACEBO | {"of": of, "milestone": milestone, "copies": 3}])
    parent, copies = loaded.arm(of), family(loaded, "placebo")
    assert [arm.name for arm in copies] == [f"placebo-{of}-{milestone}-{copy}" for copy in (1, 2, 3)]
    last = parent.settings[milestone - 1]
    for order, arm in enumerate(copies, start=1):
        assert (arm.of, arm.at, arm.seeds) == (of, milestone, (0, 1, 2))
        assert arm.settings[:milestone] == parent.settings[:milestone]
        # the arm's change is left out: it goes on as before, in an order of its own
        expected = Setting(last.learning_rate, last.batch_size, last.momentum, order)
        assert arm.settings[milestone:] == (expected,) * 5
        for other in loaded.arms:
            if other is not arm:
                assert shared_epochs(arm.settings, other.settings) <= milestone
        assert plan.fork_points(loaded.arms)[arm.name][1] == milestone
    assert loaded.schedules == loaded.arms[:4]


def test_three_stubs_an_epoch(tmp_path):
    loaded = load(tmp_path, cut_sweep=SWEEP)
    stubs = {arm.name: arm for arm in family(loaded, "cut")}
    assert list(stubs) == [f"cut-{m}-{cut}" for m in (4, 10) for cut in ("rate", "batch", "placebo")]
    for m in (4, 10):
        after = {cut: stubs[f"cut-{m}-{cut}"].settings[m:] for cut in ("rate", "batch", "placebo")}
        assert after == {
            "rate": (Setting(0.005, 32, 0.9),) * 2,
            "batch": (Setting(0.05, 320, 0.9),) * 2,
            "placebo": (Setting(0.05, 32, 0.9, order=1),) * 2,
        }
        for cut in after:
            arm = stubs[f"cut-{m}-{cut}"]
            assert arm.settings[:m] == loaded.arm("none").settings[:m]
            assert (arm.of, arm.at, arm.closeups) == ("none", m, False)


def test_stubs_of_another_arm_start_from_its_settings(tmp_path):
    loaded = load(tmp_path, cut_sweep=SWEEP | {"of": "step", "at": [20]})
    assert loaded.arm("cut-20-rate").settings == loaded.arm("step").settings[:22]
    assert loaded.arm("cut-20-batch").settings[20] == Setting(0.005, 320, 0.9)


def test_what_families_have_in_common_with_others_costs_nothing(tmp_path):
    """At a milestone of the schedules the stubs are the first epochs of arms that are there already."""
    loaded = load(tmp_path, placebos=[PLACEBO], cut_sweep=SWEEP)
    trained = {run.arm: run.epochs_trained for run in plan.runs(loaded)}
    assert {cut: trained[f"cut-10-{cut}"] for cut in ("rate", "batch", "placebo")} == {
        "rate": 0,
        "batch": 0,
        "placebo": 0,
    }
    assert {cut: trained[f"cut-4-{cut}"] for cut in ("rate", "batch", "placebo")} == {
        "rate": 2,
        "batch": 2,
        "placebo": 2,
    }
    assert trained["placebo-none-10-1"] == trained["placebo-none-10-2"] == 5
    without = plan.totals(load(tmp_path))["epochs"]
    assert plan.totals(loaded)["epochs"] == without + 3 * (2 * 5 + 3 * 2)


def test_arms_and_families_may_have_fewer_seeds(tmp_path):
    arms = ["none", "step", {"name": "batch", "seeds": 2}, {"name": "hybrid", "seeds": 1}]
    loaded = load(
        tmp_path,
        arms=arms,
        seeds=[7, 5, 9],
        placebos=[PLACEBO | {"seeds": 2}, PLACEBO | {"of": "hybrid", "milestone": 20}],
        cut_sweep=SWEEP | {"seeds": 1},
    )
    seeds = {arm.name: arm.seeds for arm in loaded.arms}
    assert seeds["none"] == seeds["step"] == (7, 5, 9)
    assert seeds["batch"] == seeds["placebo-none-10-1"] == (7, 5)
    assert seeds["hybrid"] == seeds["placebo-hybrid-20-1"] == seeds["cut-4-rate"] == (7,)
    assert {(run.arm, run.seed) for run in plan.runs(loaded)} == {(a, s) for a, own in seeds.items() for s in own}
    with pytest.raises(StudyError, match=r"arm 'batch' has no seed 9; it has 7, 5"):
        plan.find_run(loaded, "batch", 9)


def test_an_arm_of_ones_own_stands_beside_the_others_where_they_are_few(tmp_path):
    early = {"name": "early", "rule": "step", "milestones": [5, 15], "seeds": 1}
    deciding, doses = (
        {"name": "plateau", "plateau": {"judged": "train_eval"}},
        [{"name": f"step-{f}", "rule": "step", "factor": f} for f in (2, 3, 5)],
    )
    few = load(tmp_path, arms=["none", "step", "batch", early, deciding])
    assert few.headline == ["none", "step", "batch", "early"], "what is decided during training has no changes to draw"
    assert load(tmp_path, arms=["none", "step", "batch", early, *doses]).headline == ["none", "step", "batch"]


def test_an_arm_may_end_early(tmp_path):
    arms = ["none", "step", {"name": "short", "rule": "step", "epochs": 12}, {"name": "curve", "rule": "cosine"}]
    arms.append({"name": "begun", "rule": "cosine", "epochs": 12})
    loaded = load(tmp_path, arms=arms)
    assert loaded.arm("short").settings == loaded.arm("step").settings[:12]
    # the first epochs of the whole curve, not the whole curve in fewer epochs
    assert loaded.arm("begun").settings == loaded.arm("curve").settings[:12]
    trained = {run.arm: run.epochs_trained for run in plan.runs(loaded)}
    assert trained["short"] == 0 and trained["step"] == 20
    assert trained["begun"] + trained["curve"] == 29  # whichever forks from the other; epoch 1 is arm none's


def test_what_an_arm_with_the_rule_plateau_says(tmp_path):
    arms = ["none", {"name": "he", "rule": "plateau", "factor": 5, "plateau": {"patience": 4}}]
    arm = load(tmp_path, arms=arms, dataset__validation_size=1000).arm("he")
    assert arm.plateau == Plateau(factor=5, cuts=2, smoothing=3, patience=4, least=0.1)
    assert arm.milestones == [] and set(arm.settings) == {Setting(0.05, 32, 0.9)} and len(arm.settings) == 30


def test_which_arms_are_looked_at_update_by_update(tmp_path):
    arms = ["none", "step", {"name": "batch", "closeups": False}, "cosine", {"name": "ramp", "closeups": True}]
    loaded = load(
        tmp_path,
        arms=arms,
        placebos=[PLACEBO, PLACEBO | {"of": "step", "milestone": 20, "closeups": False}],
        cut_sweep=SWEEP,
    )
    looked_at = {run.arm for run in plan.runs_with("closeups", loaded)}
    assert looked_at == {"step", "ramp", "placebo-none-10-1", "placebo-none-10-2"}


ARMS = ["none", "step", "batch", "hybrid"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"placebos": [PLACEBO | {"of": "nosuch"}]},
            "placebos[0].of: no arm 'nosuch'; the study has none, step, batch",
        ),
        ({"cut_sweep": SWEEP | {"of": "nosuch"}}, "cut_sweep.of: no arm 'nosuch'; the study has none, step, batch"),
        (
            {"placebos": [PLACEBO, PLACEBO | {"of": "step", "milestone": 26}]},
            "placebos[1].milestone: epoch 26 + 5 epochs is beyond the last epoch of arm 'step'",
        ),
        (
            {"cut_sweep": SWEEP | {"at": [4, 29]}},
            "cut_sweep.at[1]: epoch 29 + 2 epochs is beyond the last epoch of arm 'none'",
        ),
        (
            {"arms": ["none", {"name": "step", "epochs": 12}], "placebos": [PLACEBO | {"of": "step"}]},
            "placebos[0].milestone: epoch 10 + 5 epochs is beyond the last epoch of arm 'step'",
        ),
        ({"arms": ["none", {"name": "step", "seeds": 4}]}, "arms[1].seeds: 4 seeds wanted, but the study has 3"),
        ({"placebos": [PLACEBO | {"seeds": 4}]}, "placebos[0].seeds: 4 seeds wanted"),
        ({"cut_sweep": SWEEP | {"seeds": 4}}, "cut_sweep.seeds: 4 seeds wanted"),
        (
            {"arms": ["none", {"name": "step", "epochs": 31}]},
            "arms[1].epochs: 31 is beyond the last epoch of the study (30)",
        ),
        (
            {"arms": ["none", {"name": "step", "plateau": {"patience": 2}}]},
            "arms[1].plateau: only an arm with the rule plateau has it",
        ),
        ({"arms": ["none", "plateau"]}, "arms[1]: arm 'plateau' judges validation images; set dataset.validation_size"),
        (
            {"arms": ["none", {"name": "a", "phases": [{"epochs": 30}], "plateau": {}}]},
            "arms[1].plateau: an arm has either a rule or phases",
        ),
        (
            {"arms": ["none", {"name": "a", "phases": [{"epochs": 30}], "epochs": 20}]},
            "arms[1].epochs: an arm has either a rule or phases",
        ),
        (
            {"milestones": [], "arms": ["none", "plateau"], "dataset__validation_size": 1000},
            "milestones: arm 'plateau' changes its setting at milestones, but there are none",
        ),
        (
            {"arms": [*ARMS, {"name": "placebo-none-10-1", "rule": "step"}], "placebos": [PLACEBO]},
            "arms: an arm 'placebo-none-10-1' is there twice",
        ),
        ({"placebos": [PLACEBO, PLACEBO | {"copies": 1}]}, "arms: an arm 'placebo-none-10-1' is there twice"),
        (
            {"arms": [*ARMS, {"name": "cut-4-batch", "rule": "step"}], "cut_sweep": SWEEP},
            "arms: an arm 'cut-4-batch' is there twice",
        ),
        (
            {"cut_sweep": SWEEP | {"of": "batch", "at": [25]}},
            "cut_sweep: arm 'cut-25-batch' would need batches of 32000",
        ),
        ({"cut_sweep": SWEEP | {"at": [4, 4]}}, "cut_sweep.at"),
        ({"placebos": [{"of": "none", "milestone": 10, "epochs": 5}]}, "placebos[0]: the key copies is missing"),
        ({"placebos": [PLACEBO | {"milestone": 0}]}, "placebos[0].milestone: must be >= 1"),
        ({"arms": ["none", {"name": "step", "plateau": {"paitence": 2}}]}, "unknown key paitence"),
        ({"averages": [1, 2, 3]}, "averages"),
        ({"averages": [0]}, "averages[0]: must be > 0"),
        ({"averages": [3, 1]}, "averages: must rise, but are [3, 1]"),
        ({"unchanged_fork": 4}, "unchanged_fork: 4 seeds wanted, but arm none has 3"),
        ({"unchanged_fork": 1, "arms": ["step"]}, "unchanged_fork: 1 seeds wanted, but arm none has 0"),
        ({"arms": [{"name": "none", "epochs": 20}, "step"]}, "arms[0]: arm none is the control"),
        (
            {"arms": [{"name": "none", "rule": "plateau"}, "step"], "dataset__validation_size": 1000},
            "arms[0]: arm none is the control",
        ),
        (
            {"arms": ["none", "plateau"], "dataset__validation_size": 1000, "cut_sweep": SWEEP | {"of": "plateau"}},
            "cut_sweep.of: arm 'plateau' decides its schedule during training",
        ),
        (
            {"arms": ["none", {"name": "plateau", "closeups": True}], "dataset__validation_size": 1000},
            "arms[1].closeups: the milestones of a plateau arm are not known beforehand",
        ),
        (
            {"arms": ["none", "step", "cosine"], "claims": {"drop_loss": [1, 2, 3]}},
            "claims.drop_loss: 3 thresholds, but no arm has more than 2 milestones",
        ),
        (
            {"arms": ["none", {"name": "step", "seeds": 2}], "placebos": [PLACEBO | {"of": "step", "seeds": 3}]},
            "placebos[0].seeds: 3 seeds wanted, but arm step has 2",
        ),
    ],
)
def test_mistakes_are_told_with_their_key(tmp_path, keys, expected):
    with pytest.raises(StudyError) as caught:
        load(tmp_path, **keys)
    assert expected in str(caught.value)
    assert "mine.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_families_say_what_they_are(tmp_path):
    loaded = load(tmp_path, placebos=[PLACEBO], cut_sweep=SWEEP)
    assert all(isinstance(arm, Arm) and arm.description for arm in loaded.arms)
    assert len({arm.description for arm in family(loaded, "cut")}) == 6
    assert "none" in loaded.arm("placebo-none-10-1").description and "10" in loaded.arm("cut-10-rate").description


def test_what_the_batch_of_a_stub_cannot_take_is_cut_from_its_rate(tmp_path):
    loaded = load(tmp_path, max_batch=160, cut_sweep=SWEEP)
    stub, base = loaded.arm("cut-4-batch").settings[4], loaded.base
    assert stub.batch_size == 160
    assert stub.learning_rate / stub.batch_size == pytest.approx(base.learning_rate / base.batch_size / loaded.factor)


def test_a_shorter_plateau_arm_waits_for_the_arm_that_it_begins_as(tmp_path):
    arms = ["none", {"name": "plateau", "epochs": 20}]
    loaded = load(tmp_path, arms=arms, dataset__validation_size=1000)
    assert plan.fork_points(loaded.arms)["plateau"] == ("none", 0)
