"""Schedules exactly at their milestones, and the arithmetic of the papers."""

from itertools import pairwise

import pytest

from errordrops.study.batching import nominal_updates
from errordrops.study.settings import (
    Phase,
    ScheduleError,
    Setting,
    milestones,
    noise_scale,
    phases,
    rule_phases,
    settings,
    shared_epochs,
    smooth_phases,
    truncated,
)

BASE = Setting(0.05, 32, 0.9)


def arm(rule, base=BASE, epochs=30, at=(10, 20), factor=10, max_batch=None):
    return settings(rule_phases(rule, base, epochs, at, factor, max_batch))


def smooth(rule, base=BASE, epochs=30, total=100, max_batch=None):
    return settings(smooth_phases(rule, base, epochs, total, max_batch))


def ratio(setting):
    """Learning rate over batch size: with momentum unchanged, the noise."""
    return setting.learning_rate / setting.batch_size


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


def test_reversal_cuts_the_rate_and_restores_it():
    per_epoch = pairs(arm("reversal", at=(10, 20, 25)))
    assert per_epoch == [(0.05, 32)] * 10 + [(0.005, 32)] * 10 + [(0.05, 32)] * 5 + [(0.005, 32)] * 5
    assert shared_epochs(arm("reversal"), arm("step")) == 20
    assert arm("reversal")[20:] == arm("none")[20:]


def test_cosine_falls_along_half_a_cosine_as_far_as_the_steps():
    per_epoch = smooth("cosine")
    rates = [setting.learning_rate for setting in per_epoch]
    assert per_epoch[0] == BASE and per_epoch[-1] == arm("step")[-1]
    assert smooth("cosine", epochs=31)[15].learning_rate == pytest.approx((0.05 + 0.0005) / 2)  # half way
    assert {(setting.batch_size, setting.momentum) for setting in per_epoch} == {(32, 0.9)}
    falls = [earlier - later for earlier, later in pairwise(rates)]
    assert falls == pytest.approx(falls[::-1]) and falls.index(max(falls)) == 14
    # never suddenly: at most 6 % of the whole fall, at most by a factor of 1.7 (a step: 91 %, a factor of 10)
    assert min(falls) > 0 and max(falls) < 0.06 * (0.05 - 0.0005)
    assert max(earlier / later for earlier, later in pairwise(rates)) < 1.7


@pytest.mark.parametrize("max_batch", [None, 960])
def test_ramp_cuts_the_noise_by_an_equal_factor_every_epoch(max_batch):
    per_epoch = smooth("ramp", max_batch=max_batch)
    assert per_epoch[0] == BASE
    # in all as much as steps and batches do
    for rule in ("step", "batch"):
        assert ratio(per_epoch[-1]) == pytest.approx(ratio(arm(rule, max_batch=max_batch)[-1]))
    steps = [ratio(earlier) / ratio(later) for earlier, later in pairwise(per_epoch)]
    # the factor is 1.172; batches are whole images, so it is off by an image in 32 at most
    assert steps == pytest.approx([100 ** (1 / 29)] * 29, rel=1 / 32)
    assert max(steps) < 1.22
    batches = [setting.batch_size for setting in per_epoch]
    assert batches == sorted(batches) and batches[-1] == (max_batch or 3200)
    assert {setting.momentum for setting in per_epoch} == {0.9}


def test_what_the_ramps_batch_cannot_take_is_cut_from_the_rate():
    free, capped = smooth("ramp"), smooth("ramp", max_batch=960)
    for with_cap, without in zip(capped, free, strict=True):
        assert with_cap.batch_size == min(without.batch_size, 960)
        assert ratio(with_cap) == pytest.approx(ratio(without))
        assert (with_cap.learning_rate < 0.05) == (without.batch_size > 960)
    assert capped[-1] == Setting(0.015, 960, 0.9)


@pytest.mark.parametrize("rule", ["cosine", "ramp"])
def test_smooth_rules_of_one_and_two_epochs(rule):
    assert smooth(rule, epochs=1) == (BASE,)
    first, last = smooth(rule, epochs=2)
    assert first == BASE and ratio(last) == pytest.approx(ratio(BASE) / 100)


def test_an_unknown_smooth_rule_is_named():
    with pytest.raises(ScheduleError, match="'linear'"):
        smooth("linear")


@pytest.mark.parametrize("rule", ["step", "batch", "hybrid", "reversal"])
@pytest.mark.parametrize("epochs", [1, 10, 11, 22, 30])
def test_truncated_is_the_beginning(rule, epochs):
    whole = rule_phases(rule, BASE, 30, (10, 20), 10)
    assert settings(truncated(whole, epochs)) == settings(whole)[:epochs]
    assert sum(phase.epochs for phase in truncated(whole, epochs)) == epochs


def test_the_order_of_the_data_is_part_of_a_setting():
    fresh = Setting(0.05, 32, 0.9, order=1)
    assert milestones((BASE, BASE, fresh, fresh)) == [2]
    assert shared_epochs((BASE, BASE), (BASE, fresh)) == 1
    assert BASE.described() == {"learning_rate": 0.05, "batch_size": 32, "momentum": 0.9}
    assert fresh.described() == BASE.described() | {"order": 1}
