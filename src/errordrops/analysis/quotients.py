"""Intervals of quotients: of two means (Fieller 1954), and of any statistic by resampling seeds."""

import math
from collections.abc import Callable

import numpy as np

from ..results.intervals import Interval, t_quantile
from .crossed import covariance

ENOUGH = 6  # seeds from which on they can be resampled: of fewer there are too few different samples


def fieller(over: np.ndarray, under: np.ndarray, confidence: float = 0.9) -> Interval:
    """Mean of `over` / mean of `under`, paired by seed: arrays (seeds,), or (seeds, images) for both crossed.

    All r for which the mean of over - r under cannot be told from 0. NaN bounds where `under` itself cannot be told
    from 0, and for fewer than two seeds.
    """
    seeds = len(over)
    if not seeds:
        return Interval(math.nan, math.nan, math.nan)
    a, b = float(over.mean()), float(under.mean())
    value = a / b if b else math.nan
    if seeds < 2:
        return Interval(value, math.nan, math.nan)
    if over.ndim == 1:
        v = np.cov(over, under) / seeds
        v_aa, v_ab, v_bb = float(v[0, 0]), float(v[0, 1]), float(v[1, 1])
    else:
        v_aa, v_ab, v_bb = covariance(over, over), covariance(over, under), covariance(under, under)
    t2 = t_quantile(confidence, seeds - 1) ** 2
    p, q, r = b * b - t2 * v_bb, a * b - t2 * v_ab, a * a - t2 * v_aa
    root = q * q - p * r
    if p <= 0 or root < 0:
        return Interval(value, math.nan, math.nan)
    half = math.sqrt(root)
    return Interval(value, (q - half) / p, (q + half) / p)


def fieller_p(over: np.ndarray, under: np.ndarray, margin: float) -> float:
    """p of two one-sided tests that the quotient lies within +- margin: the least level at which it is shown."""
    low, high = 1e-12, 1.0  # 1 - confidence of the interval, halved: one tail

    def shown(tail: float) -> bool:
        _, below, above = fieller(over, under, 1 - 2 * tail)
        return below > -margin and above < margin

    if not shown(0.4999):
        return 1.0
    high = 0.4999
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def over_seeds(
    statistic: Callable[[np.ndarray], float], seeds: np.ndarray, draws: int = 2000, confidence: float = 0.95
) -> Interval:
    """Percentile bootstrap over seeds (Efron 1979): `statistic` of an array of seeds, drawn with replacement.

    NaN bounds for fewer than ENOUGH seeds. With so few it covers somewhat less than it says. The random numbers are
    fixed.
    """
    seeds = np.asarray(seeds)
    value = float(statistic(seeds)) if len(seeds) else math.nan
    if len(seeds) < ENOUGH:
        return Interval(value, math.nan, math.nan)
    rng = np.random.default_rng(0)
    drawn = [statistic(rng.choice(seeds, len(seeds))) for _ in range(draws)]
    low, high = np.nanquantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
