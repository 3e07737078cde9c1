"""The blind drop detector: known answers, invariances, bad input, and a sample of the synthetic suite."""

import inspect
import math
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from errordrops.detector.drop_rule import AFTER, BEFORE, glance
from errordrops.detector.drops import Drop, candidates, find_drops, prepared, running_median

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
import scoring
import synthetic_curves

EPOCHS = np.arange(1, 91)


def noise(seed: int, n: int = 90) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def step_curve(seed: int = 0, at: int = 31, second: int = 61) -> np.ndarray:
    """Percent error as in He et al.'s picture: noisy decay, a cliff at `at` and a smaller one, calmer after each."""
    trend = 25 + 45 * EPOCHS**-0.8
    factor = np.where(at > EPOCHS, 1.0, np.where(second > EPOCHS, 0.7, 0.62))
    deviation = np.where(at > EPOCHS, 0.04, np.where(second > EPOCHS, 0.008, 0.004))
    return trend * factor * np.exp(deviation * noise(seed))


def drops(epochs, values, kind="error") -> list[float]:
    return [d.epoch for d in find_drops(epochs, values, kind) if d.kind == "drop"]


@pytest.mark.parametrize("at", [12, 30, 31, 33, 47])
def test_exact_epoch(at):
    """Milestones on no grid: ruptures.Pelt would search every fifth epoch only by default. One in 20 may err."""
    found = [drops(EPOCHS, step_curve(seed, at)) for seed in range(20)]
    assert all({at, 61} <= set(each) for each in found)
    assert found.count([at, 61]) >= 19


def test_what_is_said_about_a_drop():
    """From a level of 27 % the error falls by 30 %; noise falls from 4 % of the value to 0.8 %."""
    first, second = find_drops(EPOCHS, step_curve())
    assert (first.kind, second.kind) == ("drop", "drop")
    assert first.size == pytest.approx(0.3 * 27.9, abs=1.5) and second.size == pytest.approx(0.08 * 26.7, abs=0.5)
    assert first.ratio == pytest.approx(0.7, abs=0.03) and second.ratio == pytest.approx(0.886, abs=0.01)
    assert 0.01 < first.variance_ratio < 0.15
    assert first.confidence > 0.9 and second.confidence > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_smooth_curves_have_none(seed):
    t = np.arange(200)
    cosine = 0.5 * (1 + np.cos(np.pi * t / 200))
    smooth = {
        "power law": 5 + 60 * (1 + t) ** -0.7,
        "exponential": 8 + 70 * np.exp(-t / 25),
        "cosine": 6 + 12 * cosine + 50 * np.exp(-t / 6),
        "slow fall": 20 + 40 / (1 + np.exp((t - 100) / 8)),
        "constant": np.full(200, 30.0),
    }
    for name, trend in smooth.items():
        for deviation in (0.0, 0.002, 0.03, 0.15):
            assert not drops(t, trend * np.exp(deviation * noise(seed, 200))), (name, deviation)


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_spike_that_recovers_is_no_drop(length):
    values = (12 + 40 * EPOCHS**-0.9) * np.exp(0.02 * noise(3))
    values[40 : 40 + length] *= 2.5
    found = find_drops(EPOCHS, values)
    assert [(d.epoch, d.kind) for d in found if d.kind != "rise"] == [(41 + length, "recovery")]
    assert math.isnan(found[-1].variance_ratio)


def test_a_dip_is_no_drop():
    values = 20 * np.exp(0.02 * noise(4))
    values[40:44] *= 0.6
    assert not drops(EPOCHS, values)


def test_a_rise_and_the_drop_after_it():
    """The rate raised again at epoch 41 and cut at 61: a plateau of 20 epochs is no spike."""
    values = 10 * np.exp(0.02 * noise(5))
    values[40:60] *= 1.6
    found = find_drops(EPOCHS, values)
    assert [(d.epoch, d.kind) for d in found] == [(41, "rise"), (61, "drop")]
    assert found[0].size < 0 and found[0].ratio == pytest.approx(1.6, abs=0.1)


def test_a_plateau_of_eight_epochs_recovers():
    values = 10 * np.exp(0.02 * noise(6))
    values[40:48] *= 1.6
    assert [(d.epoch, d.kind) for d in find_drops(EPOCHS, values)] == [(41, "rise"), (49, "recovery")]


def test_a_calm_without_a_shift_is_no_drop():
    values = 20 * np.exp(np.where(EPOCHS < 46, 0.05, 0.005) * noise(7))
    assert not drops(EPOCHS, values)


def test_training_error_that_reaches_zero():
    """Counts of 50,000 images; the drop at 41 is found, the last steps from 0.002 % to 0 are nothing."""
    rate = 0.5 * np.exp(-EPOCHS / 10) * np.where(EPOCHS < 41, 1.0, 0.2)
    values = 100 * np.random.default_rng(8).poisson(50_000 * rate) / 50_000
    assert values.min() == 0
    assert drops(EPOCHS, values) == [41]
    assert find_drops(EPOCHS, np.zeros(90)) == []


def test_missing_epochs():
    values = step_curve(9)
    values[[5, 17, 18, 44, 70]] = np.nan
    values[50] = np.inf
    assert drops(EPOCHS, values) == [31, 61]
    values[30] = np.nan
    assert drops(EPOCHS, values) == [32, 61]  # the first epoch that was evaluated
    evaluated = np.isfinite(values)
    assert find_drops(EPOCHS[evaluated], values[evaluated]) == find_drops(EPOCHS, values)


def test_accuracy_is_turned_into_error():
    error = step_curve(10)
    of_error = find_drops(EPOCHS, error)
    percent, fraction = find_drops(EPOCHS, 100 - error, "accuracy"), find_drops(EPOCHS, 1 - error / 100, "accuracy")
    assert [d.epoch for d in percent] == [d.epoch for d in fraction] == [31, 61]
    assert percent[0].size == pytest.approx(of_error[0].size) == pytest.approx(100 * fraction[0].size)


@pytest.mark.parametrize("scale", [1e-4, 0.01, 1000.0])
def test_scale_does_not_matter(scale):
    for one, other in zip(find_drops(EPOCHS, step_curve(11)), find_drops(EPOCHS, scale * step_curve(11)), strict=True):
        assert other.epoch == one.epoch
        assert other.size == pytest.approx(scale * one.size)
        assert (other.ratio, other.confidence) == pytest.approx((one.ratio, one.confidence))


def test_numbering_does_not_matter():
    """Epochs counted from 0 or 1,000, every second or tenth epoch evaluated, fractions of epochs."""
    for numbers in (EPOCHS - 1, EPOCHS + 999, 2 * EPOCHS, 10 * EPOCHS, 0.5 * EPOCHS):
        assert drops(numbers, step_curve(12)) == [numbers[30], numbers[60]]
    assert type(find_drops(EPOCHS.tolist(), step_curve(12).tolist())[0].epoch) is int


@pytest.mark.parametrize("n", range(12))
def test_stubs_give_nothing(n):
    assert find_drops(range(n), 10.0 - np.arange(n) / 2 - 3 * (np.arange(n) > 4), "loss") == []


@pytest.mark.parametrize(
    ("epochs", "values", "kind", "message"),
    [
        ([1, 2, 3], [1.0, 2.0], "error", "one length"),
        ([1, 3, 2], [1.0, 2.0, 3.0], "error", "increase"),
        ([1, 2, 2], [1.0, 2.0, 3.0], "error", "increase"),
        ([1, 2, math.nan], [1.0, 2.0, 3.0], "error", "finite"),
        ([1, 2, 3], [1.0, -2.0, 3.0], "loss", "loss has negative values; the lowest is -2"),
        ([1, 2, 3], [1.0, 120.0, 3.0], "accuracy", "120 exceeds 100 %"),
        ([1, 2, 3], [1.0, 2.0, 3.0], "perplexity", "'perplexity'; it must be one of error, loss, accuracy"),
    ],
)
def test_bad_input_is_named(epochs, values, kind, message):
    with pytest.raises(ValueError, match=message):
        find_drops(epochs, values, kind)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_passed_over_at_once_is_what_glance_passes_over(seed):
    rng = np.random.default_rng(seed)
    values = np.exp(rng.choice([0.003, 0.05]) * rng.standard_normal(120)) * np.where(np.arange(120) < 60, 1.0, 0.8)
    curve = prepared(np.arange(120), np.round(values, int(rng.integers(2, 6))))
    for lo, hi in ((0, 120), (3, 60), (60, 71), (0, 11), (50, 90)):
        seen = [k for k in range(lo + BEFORE, hi - AFTER + 1) if glance(curve.y, curve.grain, k, lo, hi)]
        assert set(seen) <= set(candidates(curve, lo, hi))
        medians = [np.median(values[max(0, i - 5) : i + 6]) for i in range(lo, 120)]
        assert running_median(values, 5, 6)[lo:].tolist() == medians


def test_it_is_blind():
    """Nothing of a schedule goes in: epochs, values and what kind of value they are."""
    assert list(inspect.signature(find_drops).parameters) == ["epochs", "values", "kind"]
    names = "epoch size ratio variance_ratio confidence kind".split()
    assert list(asdict(find_drops(EPOCHS, step_curve())[0])) == names == list(Drop.__dataclass_fields__)


def test_input_is_left_as_it_was():
    values = step_curve(13)
    before = values.copy()
    find_drops(EPOCHS, values)
    assert (values == before).all()


def test_half_of_the_synthetic_curves_have_drops_as_defined():
    curves = synthetic_curves.make_curves(96, 12)
    assert {c.trend for c in curves} == set(synthetic_curves.TRENDS)
    assert {c.noise for c in curves} == set(synthetic_curves.NOISES)
    assert not any(c.drops for c in curves[::2]) and sum(bool(c.drops) for c in curves[1::2]) >= 46
    assert all(15 < len(c.values) <= 1000 for c in curves)  # of 20 and more, some are missing
    again = synthetic_curves.make_curves(10, 12)
    assert all(np.array_equal(a.values, b.values, equal_nan=True) for a, b in zip(curves, again, strict=False))


def test_scoring_counts_each_drop_once():
    curve = synthetic_curves.Curve("", "", "error", np.arange(20), np.ones(20), (5, 12))
    row = scoring.score([curve], lambda c: [4, 5, 13, 17])
    assert (row["precision"], row["recall"], row["exact"]) == (0.5, 1.0, 0.25)
    quiet = synthetic_curves.Curve("", "", "error", np.arange(20), np.ones(20), ())
    assert scoring.score([curve, quiet], lambda c: [5])["false_alarms"] == 1.0


def test_sample_of_the_synthetic_suite():
    """240 curves of another seed than benchmarks/detectors.csv; targets 0.95, 0.95, 0.9 and 2 % less two standard
    errors of a sample of about 220 drops and 120 curves without."""
    curves = synthetic_curves.make_curves(240, 77)
    row = scoring.score(curves, lambda c: drops(c.epochs, c.values, c.kind))
    assert row["precision"] >= 0.92 and row["recall"] >= 0.92 and row["exact"] >= 0.86
    assert row["false_alarms"] <= 0.045
