"""Effects at known changes: what is found, how often falsely, and how often the intervals hold the truth."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from errordrops import explain
from errordrops.explain import stairs
from errordrops.explain.level_shifts import LEAST, beyond, quantile, shift
from errordrops.explain.readers import Curve

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import intervals


def noisy(seed, size, n=90, at=30):
    """A log of noise alone around 20, whose level falls by so many deviations after `at` epochs, where the rate is
    cut."""
    values = 20 + np.random.default_rng(seed).normal(size=n) - size * (np.arange(n) >= at)
    return pd.DataFrame({"epoch": range(1, n + 1), "test_error": values, "lr": np.where(np.arange(n) < at, 0.1, 0.01)})


def test_a_lasting_fall_of_three_deviations_is_found_in_38_of_40_logs():
    found = [explain(noisy(seed, 3)) for seed in range(40)]
    right = [f for f in found if set(f.drops["cause"]) == {"schedule"} and set(f.drops["milestone"]) == {30}]
    assert len(right) >= 38
    held = sum(f.effects["low"][0] <= 3 <= f.effects["high"][0] for f in found)
    assert held >= 35


def test_noise_alone_shows_no_effect():
    found = [explain(noisy(seed, 0)) for seed in range(100, 200)]
    assert sum(f.effects["resolved"][0] for f in found) <= 8  # 95 % intervals; 5 expected at most
    assert sum(len(f.drops) > 0 for f in found) <= 3
    quiet = next(f for f in found if f.drops.empty and not f.effects["resolved"][0])
    assert "not resolved, a change of" in str(quiet) and "±" in str(quiet) and "no drop" not in str(quiet).lower()


def test_the_effects_are_in_json():
    effect = explain(noisy(1, 3)).to_dict()["effects"][0]
    assert effect["milestone"] == 30 and effect["curve"] == "test error" and effect["resolved"]
    assert effect["low"] < effect["size"] < effect["high"]


def test_intervals_hold_the_truth_on_logs_with_trends_and_correlated_noise():
    """A small edition of benchmarks/intervals.py, whose table is committed."""
    rows = intervals.table(480)
    assert 0.93 <= np.average(rows["covered"], weights=rows["logs"]) <= 0.985
    assert rows.loc[rows["shift"] == 0, "found"].mean() <= 0.05
    kept = pd.read_csv(Path(__file__).parents[1] / "benchmarks" / "intervals.csv")
    assert kept["logs"].sum() >= 2000
    assert 0.93 <= np.average(kept["covered"], weights=kept["logs"]) <= 0.97


def test_a_side_that_is_too_short_is_not_judged():
    values = np.arange(20.0)
    assert shift(values, LEAST - 1, LEAST - 1) is None and shift(values, 20 - LEAST + 1, 20 - LEAST + 1) is None
    assert shift(values, LEAST, LEAST) is not None and beyond(values, 15) is None


def test_a_curve_without_noise_has_a_narrow_interval():
    found = shift(np.where(np.arange(40) < 20, 2.0, 1.0), 20, 20)
    assert found.size == pytest.approx(1) and found.half < 1e-3


def test_one_point_far_out_does_not_hide_a_shift():
    values = 20 + np.random.default_rng(0).normal(size=80) - 4 * (np.arange(80) >= 40)
    values[[35, 50]] += 30
    assert shift(values, 40, 40).low > 1


@pytest.mark.parametrize(("free", "expected"), [(4, 2.776), (10, 2.228), (30, 2.042), (1000, 1.962)])
def test_quantiles_of_students_t(free, expected):
    assert quantile(0.95, free) == pytest.approx(expected, rel=0.004)


def stair(seed, size, follow=0.0, kind="none"):
    """90 points with a trend, correlated noise of deviation 1, and a fall of so many deviations at point 40."""
    rng = np.random.default_rng(seed)
    values = 100 + intervals.trend(kind, 90, 30) + intervals.noise(rng, 90, follow) - size * (np.arange(90) >= 40)
    return Curve("train loss", "loss", "train", "loss", "loss", "", np.arange(90.0), values, np.arange(90))


def test_a_stair_in_noise_is_seen_without_a_schedule_and_smooth_curves_have_none():
    seen = [stairs.found(stair(seed, 5), "step", False, []) for seed in range(20)]
    assert sum(any(abs(e.point - 40) <= 1 for e in found) for found in seen) >= 18
    smooth = [stair(seed, 0, f, kind) for seed in range(5) for f in intervals.FOLLOWS for kind in intervals.TRENDS]
    assert sum(bool(stairs.found(curve, "step", False, [])) for curve in smooth) <= 1  # of 75
