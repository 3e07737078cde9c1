"""Schedules exactly at their milestones, and the arithmetic of the papers."""

import pytest

from errordrops.batching import nominal_updates
from errordrops.schedules import (
    Phase,
    ScheduleError,
    Setting,
    milestones,
    noise_scale,
    phases,
    rule_phases,
    settings,
    shared_epochs,
)

BASE = Setting(0.05, 32, 0.9)


def arm(rule, base=BASE, epochs=30, at=(10, 20), factor=10, max_batch=None):
    return settings(rule_phases(rule, base, epochs, at, factor, max_batch))


def pairs(per_epoch):
    return [(s.learning_rate, s.batch_size) for s in per_epoch]


@pytest.mark.parametrize(
    ("rule", "first", "second"),
    [
        ("step", (0.005, 32), (0.0005, 32)),
        ("batch", (0.05, 320), (0.05, 3200)),
        ("hybrid", (0.05, 320), (0.005, 320)),
    ],
)
def test_settings_change_in_epoch_m_plus_1_and_nowhere_else(rule, first, second):
    per_epoch = pairs(arm(rule))
    # entry e - 1 belongs to epoch e: epoch 10 is the last under the old setting, epoch 11 the first under the new
    assert per_epoch[9] == (0.05, 32)
    assert per_epoch[10] == per_epoch[19] == first
    assert per_epoch[20] == per_epoch[29] == second
    assert len(per_epoch) == 30
    assert milestones(arm(rule)) == [10, 20]


def test_none_never_changes():
    assert set(arm("none")) == {BASE}
    assert milestones(arm("none")) == []


def test_rates_do_not_depend_on_how_they_were_computed():
    by_hand = (Phase(10, BASE), Phase(10, Setting(0.005, 32, 0.9)), Phase(10, Setting(0.0005, 32, 0.9)))
    assert settings(by_hand) == arm("step")


def test_unknown_rule_is_named():
    with pytest.raises(ScheduleError, match="'steps'"):
        arm("steps")


def test_phases_and_settings_are_inverse():
    for rule in ("none", "step", "batch", "hybrid"):
        assert settings(phases(arm(rule))) == arm(rule)


def test_shared_epochs_end_where_settings_differ():
    assert shared_epochs(arm("none"), arm("step")) == 10
    assert shared_epochs(arm("batch"), arm("hybrid")) == 20
    assert shared_epochs(arm("step"), arm("step")) == 30
    assert shared_epochs(arm("step", base=Setting(0.1, 32, 0.9)), arm("none")) == 0


def test_what_the_batch_cannot_take_is_cut_from_the_rate():
    last = arm("batch", max_batch=1000)[-1]
    assert last == Setting(0.05 / 3.2, 1000, 0.9)
    # the ratio learning rate / batch size, hence the noise, falls as without the limit
    free = arm("batch")[-1]
    assert last.learning_rate / last.batch_size == pytest.approx(free.learning_rate / free.batch_size)


SMITH = {"epochs": 200, "at": (60, 120, 160), "factor": 5}


@pytest.mark.parametrize(
    ("rule", "base", "max_batch", "updates"),
    [
        ("step", Setting(0.1, 128, 0.9), None, 78_125),
        ("hybrid", Setting(0.1, 128, 0.9), None, 34_375),
        ("batch", Setting(0.1, 128, 0.9), 5120, 29_141),
        ("batch", Setting(0.5, 640, 0.9), 5120, 6_406),
        ("batch", Setting(0.5, 3200, 0.98), 5120, 2_305),
    ],
)
def test_nominal_updates_of_smith_et_al(rule, base, max_batch, updates):
    assert nominal_updates(arm(rule, base=base, max_batch=max_batch, **SMITH), 50_000) == pytest.approx(updates, abs=1)


def test_noise_scale_of_smith_et_al():
    """N / B - 1 at 128, 640, 3200, 16000 of 50,000 images, with lr / (1 - m) = 1."""
    scales = [noise_scale(Setting(0.1, batch, 0.9), 50_000) for batch in (128, 640, 3200, 16_000)]
    assert scales == pytest.approx([389.625, 77.125, 14.625, 2.125])
