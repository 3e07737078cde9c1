"""Exact intervals and p-values of what was counted: shares (binomial), numbers for each run (Poisson).

Counts that share a seed are no independent trials: where they are given seed by seed, their effective number is smaller
(Korn & Graubard 1998, the interval that the US National Center for Health Statistics prescribes for clustered shares).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .intervals import Interval, t_quantile

Clusters = Sequence[tuple[float, float]]  # (counted, of how many) of each seed


class Counted(NamedTuple):
    """So many counted in so many trials (or runs), as if they were independent; no whole numbers where they are not."""

    counted: float
    of: float

    @property
    def value(self) -> float:
        return self.counted / self.of if self.of else math.nan


def total(clusters: Clusters) -> Counted:
    """All of them, as if they were independent."""
    table = np.asarray(list(clusters), dtype=float).reshape(-1, 2)
    return Counted(float(table[:, 0].sum()), float(table[:, 1].sum()))


def effective(clusters: Clusters) -> Counted:
    """The share of clustered trials as that of fewer independent ones.

    n* = p (1 - p) / v with v the variance of the share over clusters (ratio estimator), never more than n, times
    (t(n - 1) / t(k - 1))^2 for the k clusters that v rests on. Where all or none were counted v says nothing: n* = n
    then. NaN for fewer than two clusters.
    """
    table = np.asarray([c for c in clusters if c[1]], dtype=float).reshape(-1, 2)
    counted, of = table.T
    k, n = len(table), of.sum()
    if k < 2:
        return Counted(math.nan, math.nan)
    p = counted.sum() / n
    v = k / (k - 1) * ((counted - p * of) ** 2).sum() / n**2
    independent = n if p in (0, 1) or v == 0 else min(n, p * (1 - p) / v)
    fewer = independent * (min(1.0, t_quantile(0.95, max(n - 1, 1)) / t_quantile(0.95, k - 1))) ** 2
    return Counted(float(p * fewer), float(fewer))


def share_interval(count: Counted, confidence: float = 0.95) -> Interval:
    """Clopper & Pearson 1934, by quantiles of the beta distribution, so that numbers need not be whole."""
    from scipy.stats import beta

    x, n = count
    if not n > 0:
        return Interval(math.nan, math.nan, math.nan)
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, x, n - x + 1)) if x > 0 else 0.0
    high = float(beta.ppf(1 - tail, x + 1, n - x)) if x < n else 1.0
    return Interval(x / n, low, high)


def share_p(count: Counted, low: float | None, high: float | None) -> float:
    """Two-sided p of the threshold, by the tail that `share_interval` cuts off: below 0.05 where it lies beyond it."""
    from scipy.stats import beta

    x, n = count
    tails = []
    if low is not None:  # P(X >= x) where the share is `low`
        tails.append(float(beta.cdf(low, x, n - x + 1)) if x > 0 else 1.0)
    if high is not None:
        tails.append(float(beta.sf(high, x + 1, n - x)) if x < n else 1.0)
    return min(1.0, 2 * max(tails))


def rate_interval(count: Counted, confidence: float = 0.95) -> Interval:
    """Garwood 1936: so many events in so many runs, for each run."""
    from scipy.stats import chi2

    x, n = count
    if not n > 0:
        return Interval(math.nan, math.nan, math.nan)
    tail = (1 - confidence) / 2
    low = float(chi2.ppf(tail, 2 * x) / 2 / n) if x > 0 else 0.0
    return Interval(x / n, low, float(chi2.ppf(1 - tail, 2 * x + 2) / 2 / n))


def rate_p(count: Counted, low: float | None, high: float | None) -> float:
    """Two-sided p of the threshold, by the tail that `rate_interval` cuts off."""
    from scipy.stats import chi2

    x, n = count
    tails = []
    if low is not None:
        tails.append(float(chi2.cdf(2 * n * low, 2 * x)) if x > 0 else 1.0)
    if high is not None:
        tails.append(float(chi2.sf(2 * n * high, 2 * x + 2)))
    return min(1.0, 2 * max(tails))


def spread_out(clusters: Clusters) -> Counted:
    """Events of clustered runs as those of fewer independent ones: both divided by how much more they vary from seed to
    seed than Poisson's would (McCullagh & Nelder 1989, section 4.5), never by less than 1.
    """
    table = np.asarray([c for c in clusters if c[1]], dtype=float).reshape(-1, 2)
    counted, of = table.T
    count = total(clusters)
    if len(table) < 2 or not count.counted:
        return count
    expected = of * count.value
    factor = max(1.0, float(((counted - expected) ** 2 / expected).sum() / (len(table) - 1)))
    return Counted(count.counted / factor, count.of / factor)
