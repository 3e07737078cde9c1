"""Dates drawn by lot: p-values against enumeration by hand, and their rate where nothing follows the date."""

from itertools import product

import numpy as np
import pytest

from errordrops.analysis.randomised import Lot, hits, merged, p_value, shifts


def by_hand(lots):
    """All dates that might have been drawn, one by one."""
    observed = sum(lot.score for lot in lots)
    sums = [sum(each) for each in product(*(lot.scores for lot in lots))]
    return np.mean([total >= observed - 1e-9 for total in sums])


def test_p_values_are_those_of_all_dates():
    rng = np.random.default_rng(2)
    for whole in (True, False):
        for _ in range(20):
            scores = [rng.integers(0, 3, 4) if whole else rng.normal(size=4) for _ in range(4)]
            lots = [Lot(tuple(map(float, each)), int(rng.integers(4))) for each in scores]
            assert p_value(lots) == pytest.approx(by_hand(lots))


def test_many_dates_are_drawn_at_random_with_a_fixed_number():
    rng = np.random.default_rng(3)
    lots = [Lot(tuple(rng.normal(size=6)), 0) for _ in range(12)]
    one, other = p_value(lots), p_value(lots)
    assert one == other and 0 < one <= 1
    best = [Lot(tuple(sorted(lot.scores, reverse=True)), 0) for lot in lots]
    assert p_value(best) == pytest.approx(1 / 200_001, rel=0.5), "never 0: the dates themselves are among them"


def test_a_detector_that_follows_nothing_is_rarely_significant():
    """Drops anywhere: p below 0.05 in no more than 5 % of the studies."""
    rng, found = np.random.default_rng(4), []
    for _ in range(500):
        lots = []
        for _ in range(8):
            detected = set(rng.choice(np.arange(5, 25), 2, replace=False).tolist())
            lots.append(Lot(hits(detected, range(7, 14)), int(rng.integers(7))))
        found.append(p_value(lots) < 0.05)
    assert np.mean(found) <= 0.065
    assert p_value([Lot(hits({11}, range(7, 14)), 3)] * 1) == pytest.approx(1 / 7)


def test_exactly_the_epoch_after_the_date_counts():
    assert hits({11, 12}, range(9, 13)) == (0.0, 1.0, 1.0, 0.0), "a drop in epoch 11 belongs to date 10"
    assert shifts({9: 1.0, 10: 2.0}, range(9, 11)) == (1.0, 2.0)
    assert shifts({9: 1.0}, range(9, 11)) is None and shifts({9: np.nan}, range(9, 10)) is None


def test_two_arms_of_one_lot_are_one_draw():
    a, b = Lot((0.0, 1.0), 1), Lot((0.0, 1.0), 1)
    (both,) = merged([("seed 1", a), ("seed 1", b)])
    assert both.scores == (0.0, 2.0) and p_value([both]) == 0.5 and p_value(merged([("1", a), ("2", b)])) == 0.25
    with pytest.raises(ValueError, match="two dates"):
        merged([("seed 1", a), ("seed 1", Lot((0.0, 1.0), 0))])
    assert np.isnan(p_value([]))
