"""The typed record of a claim: verdicts from interval and threshold alone, exact intervals, p-values that agree."""

import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest

from errordrops.results import exact
from errordrops.results.intervals import Interval, t_interval
from errordrops.results.verdicts import NOTHING, claim, decided, few, overruled, share, verdict

OLD_KEYS = "id statement metric milestone holds value ci_low ci_high threshold_low threshold_high unit n".split()


def made(interval, low=None, high=None, **more):
    return claim("a", "s", "test error_recomputed", "points", Interval(*interval), low, high, **more)


@pytest.mark.parametrize(
    ("interval", "low", "high", "word"),
    [
        ((-3, -4, -2), None, -1.0, "holds"),
        ((-3, -4, -0.5), None, -1.0, "not decided"),
        ((0, -0.5, 0.5), None, -1.0, "does not hold"),
        ((-3, -4, -1), None, -1.0, "not decided"),  # more than: the threshold itself is on the other side
        ((0, 0, 0), 0.0, None, "does not hold"),
        ((0.1, -0.1, 0.2), -0.3, 0.3, "holds"),
        ((0.2, -0.1, 0.5), -0.3, 0.3, "not decided"),
        ((0.5, 0.4, 0.6), -0.3, 0.3, "does not hold"),
        ((0.5, math.nan, math.nan), -0.3, 0.3, "not decided"),
        ((0.5, 0.4, 0.6), None, None, "not tested"),
        (NOTHING, 0.0, None, "not tested"),
    ],
)
def test_a_verdict_is_interval_beside_threshold(interval, low, high, word):
    one = made(interval, low, high, n=5)
    assert one["verdict"] == verdict(one) == word
    assert one["holds"] is decided(one) is {"holds": True, "does not hold": False}.get(word)
    assert (one["reason"] is None) == (word in ("holds", "does not hold"))


def test_the_record_has_the_old_keys_first_and_the_typed_ones():
    one = made((-3, -4, -2), None, -1.0, n=8, milestone=10, epoch=11, control="placebo")
    assert list(one)[: len(OLD_KEYS)] == OLD_KEYS
    assert (one["rank"], one["stated"], one["kind"], one["control"], one["epoch"]) == (
        *("secondary", "before", "mean", "placebo"),
        11,
    )
    json.dumps(one, allow_nan=False)
    with pytest.raises(ValueError, match="unknown kind"):
        made((0, 0, 0), kind="share of seeds")


def test_no_word_of_a_sentence_and_no_unit_changes_a_verdict():
    one = share("a", "s", "m", "share of forks", [(1, 1), (1, 1), (0, 1)], 0.9)
    other = share("a", "In epoch 7 beside active placebos", "m", "drops per run", [(1, 1), (1, 1), (0, 1)], 0.9)
    skipped = {"statement", "unit"}
    assert {k: v for k, v in one.items() if k not in skipped} == {k: v for k, v in other.items() if k not in skipped}


def test_a_large_p_refutes_nothing_and_one_counterexample_refutes_every():
    words = [made((p, math.nan, math.nan), high=0.05, kind="p")["verdict"] for p in (0.01, 0.05, 0.9)]
    assert words == ["holds", "not decided", "not decided"]
    words = [made((s, math.nan, math.nan), low=1.0, kind="every")["verdict"] for s in (1.0, 5 / 6)]
    assert words == ["holds", "does not hold"]


def test_a_record_without_a_verdict_is_judged_by_its_interval():
    old = dict.fromkeys(OLD_KEYS) | {"id": "a", "holds": False, "value": -0.4, "ci_low": -1.2, "ci_high": 0.4}
    assert verdict(old | {"threshold_high": -0.5}) == "not decided"
    assert verdict(old | {"threshold_high": -1.5}) == "does not hold"
    assert verdict(old | {"ci_low": None, "ci_high": None, "threshold_low": 0.9, "holds": True}) == "not decided"
    assert verdict(old | {"value": None}) == "not tested"


def test_another_verdict_keeps_the_numbers():
    one = overruled(made((-3, -4, -2), None, -1.0, n=8), "not decided", "two devices")
    assert one["holds"] is None and one["value"] == -3 and one["reason"] == "two devices"


@pytest.mark.parametrize("kind", ["mean", "equivalence"])
def test_p_below_five_percent_is_the_same_as_an_interval_beyond_the_threshold(kind):
    rng = np.random.default_rng(3)
    for _ in range(200):
        values = rng.normal(rng.uniform(-0.6, 0.6), 0.3, 6)
        low, high = (-0.4, 0.4) if kind == "equivalence" else (None, 0.0)
        one = made(t_interval(values, 0.9 if kind == "equivalence" else 0.95), low, high, n=6, kind=kind)
        assert (one["p"] < 0.05) == (one["verdict"] == "holds")


def test_exact_intervals_are_those_of_the_textbooks():
    for x, n in ((0, 17), (8, 8), (27, 30)):
        found, known = exact.share_interval(exact.Counted(x, n)), binomtest(x, n).proportion_ci(0.95, "exact")
        assert found[1:] == pytest.approx((known.low, known.high))
        p = exact.share_p(exact.Counted(x, n), 0.6, None)
        assert p == pytest.approx(min(1, 2 * binomtest(x, n, 0.6, "greater").pvalue))
    assert exact.rate_interval(exact.Counted(0, 17))[1:] == (0, pytest.approx(3.689 / 17, rel=1e-3))  # Garwood 1936
    assert exact.rate_interval(exact.Counted(3, 10))[1:] == pytest.approx((0.0619, 0.8767), abs=1e-4)
    assert exact.rate_p(exact.Counted(0, 17), None, 3.689 / 17) == pytest.approx(0.05, abs=1e-3)


def test_runs_that_share_a_seed_count_for_less():
    """Ten changes a seed that all come out alike are hardly more than one; independent ones nearly ten."""
    alike = [(10, 10)] * 6 + [(0, 10)] * 2
    spread = [(8, 10), (7, 10), (8, 10), (7, 10), (8, 10), (7, 10), (8, 10), (7, 10)]
    assert exact.effective(alike).of < 10 < 50 < exact.effective(spread).of <= 80
    assert exact.effective(alike).value == pytest.approx(0.75)
    assert math.isnan(exact.effective([(3, 3)]).of), "one seed has no spread"
    one = share("a", "s", "m", "share of changes", alike, 0.5)
    assert one["value"] == 0.75 and one["n"] == 80 and one["ci_low"] < 0.5 and one["verdict"] == "not decided"


def test_the_clustered_interval_covers_the_truth():
    """Shares that differ from seed to seed (beta, variance 0.02 about 0.7), eight seeds of ten changes."""
    rng, hits, plain = np.random.default_rng(5), 0, 0
    for _ in range(1500):
        counted = rng.binomial(10, rng.beta(6.65, 2.85, 8))
        _, low, high = exact.share_interval(exact.effective([(x, 10) for x in counted]))
        hits += low <= 0.7 <= high
        _, low, high = exact.share_interval(exact.Counted(counted.sum(), 80))
        plain += low <= 0.7 <= high
    assert hits / 1500 > 0.93 and hits > plain


def test_events_that_crowd_in_one_seed_count_for_fewer_runs():
    even, crowded = [(1, 5)] * 8, [(8, 5), *[(0, 5)] * 7]
    assert exact.spread_out(even) == (8, 40) and exact.spread_out(crowded).of == pytest.approx(5)
    assert few("a", "s", "m", "u", [(0, 5)] * 8, 0.1)["verdict"] == "holds"
    assert few("a", "s", "m", "u", [(0, 1)] * 8, 0.1)["verdict"] == "not decided"
