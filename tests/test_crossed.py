"""Intervals over seeds and images crossed, and of quotients: coverage against simulated data of known components."""

import numpy as np
import pandas as pd
import pytest

from errordrops.analysis import crossed, quotients
from errordrops.analysis.cause_claims import r2
from errordrops.analysis.right import Right, stacked
from errordrops.results.curves import pack
from errordrops.results.intervals import t_interval


def tables(rng, rounds, seeds=8, images=300, sd_seed=0.3, sd_image=4.0, sd_cell=6.0, mean=-2.0):
    """Effects of seeds and images: mean + a_s + b_i + c_si."""
    for _ in range(rounds):
        a, b = rng.normal(0, sd_seed, (seeds, 1)), rng.normal(0, sd_image, (1, images))
        yield mean + a + b + rng.normal(0, sd_cell, (seeds, images))


def covered(interval, truth):
    return interval.low <= truth <= interval.high


@pytest.mark.parametrize("components", [{}, {"sd_image": 0.0}, {"sd_seed": 0.0}, {"seeds": 3, "sd_image": 1.0}])
def test_crossed_intervals_cover_the_truth(components):
    """2,000 studies: 95 % but for two standard errors; t with seeds - 1 degrees of freedom errs to the wide."""
    rng = np.random.default_rng(7)
    found = [covered(crossed.crossed_interval(table), -2.0) for table in tables(rng, 2000, **components)]
    assert np.mean(found) > 0.94


def test_seeds_alone_do_not_cover_where_images_matter():
    rng = np.random.default_rng(8)
    found = [covered(t_interval(table.mean(axis=1)), -2.0) for table in tables(rng, 1000, sd_image=8.0)]
    assert np.mean(found) < 0.85


def test_the_variance_is_that_of_the_components():
    rng = np.random.default_rng(9)
    found = np.mean([crossed.covariance(table, table) for table in tables(rng, 3000, seeds=6, images=200)])
    assert found == pytest.approx(0.3**2 / 6 + 4.0**2 / 200 + 6.0**2 / 1200, rel=0.05)
    one = next(tables(rng, 1))
    assert crossed.variance(one) >= one.mean(axis=1).var(ddof=1) / len(one)
    assert np.isnan(crossed.crossed_interval(one[:1]).low)


def test_fieller_intervals_cover_and_agree_with_their_p():
    """A true quotient of 0.1 whose denominator is uncertain, too: 90 % intervals, six seeds."""
    rng, hits, wrong = np.random.default_rng(10), 0, 0
    for _ in range(2000):
        under = rng.normal(-2.0, 0.5, 6)
        over = rng.normal(-0.2, 0.4, 6)
        interval = quotients.fieller(over, under)
        hits += covered(interval, 0.1)
        inside = interval.low > -0.25 and interval.high < 0.25
        assert inside == (quotients.fieller_p(over, under, 0.25) < 0.05)
        over = rng.normal(-0.5, 0.4, 6)  # exactly at the margin
        wrong += quotients.fieller_p(over, under, 0.25) < 0.05
    assert hits / 2000 == pytest.approx(0.9, abs=0.02) and wrong / 2000 < 0.06
    assert np.isnan(quotients.fieller(np.array([1.0, 2.0]), np.array([1.0, -1.0])).low), "no fall to measure by"
    assert np.isnan(quotients.fieller(np.array([1.0]), np.array([2.0])).low) and quotients.fieller([], []).mean != 0


def test_fieller_of_images_is_that_of_seeds_where_images_are_alike():
    rng = np.random.default_rng(11)
    over, under = rng.normal(0.2, 0.1, 5), rng.normal(2.0, 0.2, 5)
    wide = [np.repeat(values[:, None], 50, axis=1) for values in (over, under)]
    assert quotients.fieller(*wide) == pytest.approx(quotients.fieller(over, under), rel=1e-2)


def test_a_statistic_of_too_few_seeds_has_no_interval():
    values = np.arange(8.0)
    found = quotients.over_seeds(lambda chosen: float(np.mean(chosen)), values)
    assert found.mean == 3.5 and 1.5 < found.low < 3.5 < found.high < 5.5
    assert np.isnan(quotients.over_seeds(lambda chosen: float(np.mean(chosen)), values[:3]).low)
    assert quotients.over_seeds(np.mean, values) == quotients.over_seeds(np.mean, values), "fixed random numbers"


def test_right_bits_give_the_error_of_the_curve():
    rng = np.random.default_rng(12)
    bits = {key: rng.random(13) < 0.7 for key in [("step", 0, 11), ("step", 0, 12), ("none", 0, 11), ("none", 0, 12)]}
    table = pd.DataFrame([(*key, pack(value)) for key, value in bits.items()], columns="arm seed epoch right".split())
    right = Right(table, 13)
    own = right.wrong(("step", 0), range(11, 13))
    assert own.mean() == pytest.approx(100 * np.mean([~bits["step", 0, 11], ~bits["step", 0, 12]]))
    found = right.difference(("step", 0), [("none", 0)], [11])
    assert found.tolist() == (100.0 * (bits["none", 0, 11].astype(int) - bits["step", 0, 11])).tolist()
    assert right.difference(("step", 0), [("none", 0)], [13]) is None and Right().wrong(("step", 0), [1]) is None
    assert stacked([found, None]) is None and stacked([found, found]).shape == (2, 13)


def test_r2_of_doses_has_an_interval_from_six_seeds_on():
    rng = np.random.default_rng(13)
    rows = [(f"dose-{g}", seed, g, 0.2 + 0.1 * g + rng.normal(0, 0.01)) for g in (1.0, 0.5, 0.2) for seed in range(8)]
    points = pd.DataFrame(rows, columns=["arm", "seed", "noise", "level"])
    found = r2(points)
    assert 0.9 < found.low < found.mean <= found.high <= 1
    assert np.isnan(r2(points[points["seed"] < 3]).low) and r2(points[points["seed"] < 3]).mean > 0.9
