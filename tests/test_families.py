"""Holds, forks, drawn dates, and the control of a change: found from settings, never from names."""

import pytest

from errordrops.study import plan
from errordrops.study.arms import control_of
from errordrops.study.families import date
from errordrops.study.settings import Multiples, Setting, cut, noise_scale, rule_phases, settings
from errordrops.study.study import StudyError
from test_arms import family, load

BASE = Setting(0.2, 32, 0.9)
HOLDS = [{"of": "step", "milestone": 20}, {"of": "batch", "milestone": 20, "epochs": 5}]
FORKS = {
    "of": "none",
    "at": [8, 14],
    "lot": 613,
    "epochs": 5,
    "list": [
        {"name": "rate", "rate": 0.25},
        {"name": "rate-noise", "rate": 0.25, "noise": 4, "orders": 3},
        {"name": "batch", "batch": 4, "momentum": 0.6, "decayed": False},
        {"name": "placebo", "orders": 2},
    ],
}
DRAWN = {"name": "drawn", "rule": "step", "dates": [[7, 12], [15, 20]], "lot": 4}


def test_restored_divides_the_rate_and_puts_its_noise_back():
    first, second, third = (phase.setting for phase in rule_phases("restored", BASE, 30, [10, 20], 5))
    assert (second.learning_rate, second.noise) == (0.04, 1.0)
    assert (third.learning_rate, third.batch_size, third.noise) == (0.008, 32, 5.0)
    assert noise_scale(third, 9600) == pytest.approx(noise_scale(second, 9600))
    assert noise_scale(first, 9600) == pytest.approx(5 * noise_scale(second, 9600))


def test_swap_grows_the_batch_and_then_divides_rate_and_batch():
    _, second, third = (phase.setting for phase in rule_phases("swap", BASE, 30, [10, 20], 5))
    assert (second.learning_rate, second.batch_size) == (0.2, 160)
    assert (third.learning_rate, third.batch_size, third.noise) == (0.04, 32, 1.0)
    assert third.learning_rate / third.batch_size == pytest.approx(second.learning_rate / second.batch_size)


def test_settings_change_exactly_at_the_milestones():
    for rule in ("restored", "swap"):
        per_epoch = settings(rule_phases(rule, BASE, 30, [10, 20], 5))
        assert [m for m in range(1, 30) if per_epoch[m] != per_epoch[m - 1]] == [10, 20]


def test_a_batch_has_two_images_at_least():
    assert cut(Setting(0.1, 4, 0.9), Multiples(1.0, 0.25), None).batch_size == 2


def test_a_hold_is_its_arm_without_the_change(tmp_path):
    loaded = load(tmp_path, holds=HOLDS)
    long, short = family(loaded, "hold")
    assert [long.name, short.name] == ["hold-step-20", "hold-batch-20"]
    step = loaded.arm("step")
    assert long.settings[:20] == step.settings[:20] and set(long.settings[10:]) == {step.settings[19]}
    assert len(long.settings) == 30 and len(short.settings) == 25


def test_the_control_of_a_change_is_found_from_settings(tmp_path):
    loaded = load(tmp_path, holds=HOLDS)
    control = {(arm, m): control_of(loaded.arm(arm), m, loaded.arms) for arm in ("step", "batch") for m in (10, 20)}
    assert {key: arm.name for key, arm in control.items()} == {
        ("step", 10): "none",
        ("batch", 10): "none",
        ("step", 20): "hold-step-20",
        ("batch", 20): "hold-batch-20",
    }
    # hybrid is batch until its second change, so it has that hold
    assert control_of(loaded.arm("hybrid"), 20, loaded.arms).name == "hold-batch-20"
    assert control_of(loaded.arm("step"), 20, load(tmp_path).arms) is None


def test_an_arm_shares_everything_with_its_hold_until_the_change(tmp_path):
    loaded = load(tmp_path, holds=HOLDS)
    shared = plan.find_run(loaded, "step", 0)
    assert (shared.parent, shared.fork_epoch) == ("hold-step-20", 20)


def test_forks_leave_at_the_date_of_their_seed(tmp_path):
    loaded = load(tmp_path, forks=[FORKS])
    arms = {arm.name: arm for arm in family(loaded, "fork")}
    assert list(arms) == [
        "fork-rate", "fork-rate-noise", "fork-rate-noise-2", "fork-rate-noise-3", "fork-batch", "fork-placebo",
        "fork-placebo-2",
    ]  # fmt: skip
    none = loaded.arm("none")
    for seed in (0, 1, 2):
        at = date(613, seed, 0, 8, 14)
        own = {name: arm.for_seed(seed) for name, arm in arms.items()}
        assert all(arm.at == at and arm.settings[:at] == none.settings[:at] for arm in own.values())
        assert all(len(arm.settings) == at + 5 for arm in own.values())
        base = none.settings[0]
        after = {name: arm.settings[-1] for name, arm in own.items()}
        assert after["fork-rate"] == Setting(base.learning_rate / 4, 32, 0.9)
        assert after["fork-rate-noise-2"] == Setting(base.learning_rate / 4, 32, 0.9, order=1, noise=4.0)
        assert after["fork-batch"] == Setting(base.learning_rate, 128, 0.6, decayed=False)
        assert [after[name].order for name in ("fork-placebo", "fork-placebo-2")] == [1, 2]
        assert noise_scale(after["fork-rate-noise"], 9600) == pytest.approx(noise_scale(base, 9600))
        run = plan.find_run(loaded, "fork-rate", seed)
        assert (run.parent, run.fork_epoch, run.settings) == ("none", at, own["fork-rate"].settings)


def test_dates_are_drawn_by_the_lot_and_differ_between_seeds():
    dates = [date(613, seed, 0, 8, 14) for seed in range(300)]
    assert set(dates) == set(range(8, 15))
    assert dates != [date(614, seed, 0, 8, 14) for seed in range(300)]
    assert dates[:5] == [date(613, seed, 0, 8, 14) for seed in range(5)]


def test_an_arm_with_drawn_dates_changes_there_in_each_seed(tmp_path):
    loaded = load(tmp_path, arms=["none", "step", DRAWN])
    arm = loaded.arm("drawn")
    assert arm.role == "drawn" and arm not in loaded.schedules
    with pytest.raises(ValueError, match="drawn for each seed"):
        arm.settings  # noqa: B018
    for seed in (0, 1, 2):
        expected = [date(4, seed, 0, 7, 12), date(4, seed, 1, 15, 20)]
        assert arm.for_seed(seed).milestones == expected
        assert plan.find_run(loaded, "drawn", seed).settings == arm.for_seed(seed).settings


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"holds": [{"of": "step", "milestone": 15}]},
            "holds[0].milestone: arm 'step' changes after [10, 20], not after 15",
        ),
        (
            {"holds": [{"of": "step", "milestone": 20, "epochs": 11}]},
            "holds[0].milestone: epoch 20 + 11 epochs is beyond",
        ),
        ({"forks": [FORKS | {"at": [8, 28]}]}, "forks[0].at: epoch 28 + 5 epochs is beyond"),
        ({"forks": [{k: v for k, v in FORKS.items() if k != "lot"}]}, "forks[0].at: needs lot"),
        ({"forks": [FORKS | {"list": [{"name": "nothing"}]}]}, "forks[0].list[0]: a fork changes something"),
        ({"forks": [FORKS | {"list": [{"name": "placebo", "rate": 2}]}]}, "forks[0].list[0]: a fork changes something"),
        ({"arms": ["none", DRAWN | {"dates": [[7, 12], [12, 20]]}]}, "arms[1].dates: must rise and not overlap"),
        ({"arms": ["none", DRAWN | {"dates": [[7, 30]]}]}, "arms[1].dates: 30 is not before the last epoch"),
        ({"arms": ["none", DRAWN | {"milestones": [10]}]}, "arms[1].milestones: an arm whose dates are drawn"),
        ({"arms": ["none", DRAWN | {"rule": "cosine"}]}, "arms[1].dates: rule 'cosine' has no milestones"),
        ({"arms": ["none", {k: v for k, v in DRAWN.items() if k != "lot"}]}, "arms[1].dates: needs lot"),
        ({"arms": ["none", DRAWN], "holds": [{"of": "drawn", "milestone": 9}]}, "holds[0].of: arm 'drawn' decides"),
    ],
)
def test_mistakes_are_told_with_their_key(tmp_path, keys, expected):
    with pytest.raises(StudyError) as caught:
        load(tmp_path, **keys)
    assert expected in str(caught.value)
