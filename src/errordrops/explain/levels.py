"""How far the level of a curve shifts at a place that is known, with an interval. Pure.

On either side of the place the curve is a straight line in the logarithm of time, a smooth departure from it and noise
in which neighbours may follow each other: an interrupted time series (Lopez Bernal et al. 2017, Int. J. Epidemiol.
46:348) whose trends are smoothing splines (Wahba 1978, J. R. Stat. Soc. B 40:364). How smooth the trend is and how
strongly the noise follows itself is not chosen but averaged over, each setting weighed by its restricted likelihood, so
that the interval grows where the data cannot tell a trend from a shift.

How often the intervals hold the true shift, and how often shifts are found: benchmarks/intervals.csv.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEAST = 5  # points that either side needs
MOST = 40  # points of a side, the nearest ones
WIGGLES = np.array([0.0, 0.6, 1.8, 5.0, 15.0, 45.0])  # departure from the line over the side, in noise deviations
LIKELY = np.array([1.0, 0.8, 0.6, 0.4, 0.3, 0.2])  # prior weight of each; strong ones are rare
FOLLOWS = np.array([0.0, 0.2, 0.4, 0.6, 0.8])  # correlation of neighbours
PRIOR = np.array([1.0, 0.9, 0.8, 0.6, 0.4])  # of the latter; strong ones are rare in curves of epochs
NARROWER = 0.96  # of the averaged interval, which is a little too wide: benchmarks/intervals.csv
FAR_OUT = 4.0  # robust deviations, beyond which a point counts less
LEVEL = 0.95


class Shift(NamedTuple):
    """size: level before less level after, positive = fell. error: its standard error. low, high: the 95 % interval.
    before, after: the two levels."""

    size: float
    error: float
    low: float
    high: float
    before: float
    after: float

    @property
    def half(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def resolved(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def shift(values: np.ndarray, first: int, last: int, lo: int = 0, hi: int | None = None) -> Shift | None:
    """The shift of level between points lo ... first - 1 and last ... hi - 1 of values, shape (n,), at the place
    between.

    Points from first to last - 1 may lie on either side and are left out. None where a side has fewer than LEAST.
    """
    hi = len(values) if hi is None else hi
    start, end = max(lo, first - MOST), min(hi, last + MOST)
    if first - start < LEAST or end - last < LEAST:
        return None
    return _between(values, np.arange(start, first), np.arange(last, end), (first + last - 1) / 2)


def beyond(values: np.ndarray, begin: int, lo: int = 0) -> Shift | None:
    """How far values lie at their end below what points lo ... begin - 1, carried on, would have given there.

    None where the points before have fewer than 4 LEAST, or those from begin on fewer than 2 LEAST.
    """
    n = len(values)
    if begin - lo < 4 * LEAST or n - begin < 2 * LEAST:
        return None
    before = np.unique(np.linspace(max(lo, begin - 4 * (n - begin)), begin - 1, 2 * MOST).round().astype(int))
    width = max(2 * LEAST, (n - begin) // 3)
    return _between(values, before, np.arange(n - width, n), n - 1)


def _between(values: np.ndarray, earlier: np.ndarray, later: np.ndarray, place: float) -> Shift:
    """The level that the earlier points give at a place less the level that the later ones give there."""
    both = np.concatenate([values[earlier], values[later]])
    scale = float(np.median(np.abs(np.diff(both)))) or float(np.ptp(both)) or 1.0
    sides = [_side(values[part] / scale, part + 1.0, place + 1.0) for part in (earlier, later)]
    (m1, v1, w1, n1), (m2, v2, w2, n2) = sides
    together = PRIOR * w1.sum(axis=0) * w2.sum(axis=0)  # by correlation
    together /= together.sum()
    means, variances = [], []
    for m, v, w in ((m1, v1, w1), (m2, v2, w2)):
        share = w / w.sum(axis=0)
        mean = (share * m).sum(axis=0)
        means.append(mean)
        variances.append((share * (v + m**2)).sum(axis=0) - mean**2)
    size = means[0] - means[1]
    total = float((together * size).sum())
    variance = float((together * (variances[0] + variances[1] + size**2)).sum()) - total**2
    error = math.sqrt(max(variance, 0.0)) * scale
    half = NARROWER * quantile(LEVEL, min(n1, n2) + 2) * error
    before, after = (float((together * mean).sum()) * scale for mean in means)
    return Shift(total * scale, error, total * scale - half, total * scale + half, before, after)


def _side(y: np.ndarray, t: np.ndarray, place: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """(level at the place, its variance, weight) of each setting, three arrays of shape (wiggles, correlations), and
    the degrees of freedom of one side; t counts from 1."""
    n = len(y)
    distance = np.abs(np.log(t) - math.log(place))
    distance = distance / (distance.max() - distance.min())
    noise = spread(y)
    design = np.stack([np.ones(n), distance], axis=1) / noise[:, None]
    near, far = np.minimum.outer(distance, distance), np.maximum.outer(distance, distance)
    spline = 3 * near**2 * (far - near / 3) / 2 / np.outer(noise, noise)
    gaps = np.abs(np.subtract.outer(t, t))
    follow = FOLLOWS[:, None, None] ** gaps
    covariance = follow[None] + WIGGLES[:, None, None, None] ** 2 * spline[None, None]
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(n))
    both = np.linalg.solve(root, np.broadcast_to(np.column_stack([design, y / noise]), (*root.shape[:2], n, 3)))
    x, z = both[..., :2], both[..., 2]
    gram = np.swapaxes(x, -1, -2) @ x
    inverse = np.linalg.inv(gram)
    line = (inverse @ (np.swapaxes(x, -1, -2) @ z[..., None]))[..., 0]
    left = ((z - (x @ line[..., None])[..., 0]) ** 2).sum(axis=-1)
    free = n - 2
    floor = 1e-12 * float(np.abs(y).max()) ** 2 + 1e-18
    scale = (left + floor) / free
    likelihood = -0.5 * free * np.log(left + floor) - np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
    likelihood = likelihood - 0.5 * np.log(np.linalg.det(gram))
    weight = LIKELY[:, None] * np.exp(likelihood - likelihood.max())
    return line[..., 0], scale * inverse[..., 0, 0], weight, free


def spread(y: np.ndarray) -> np.ndarray:
    """The relative noise of each point, shape (n,), around 1: more where a point lies far out, and in proportion to the
    level where the noise goes with it."""
    n = len(y)
    middle = np.array([np.median(y[max(0, i - 3) : i + 4]) for i in range(n)])
    out = np.ones(n)
    if n >= 16 and middle.min() > 0:
        jitter = np.abs(np.diff(y, 3))
        halves = [float(np.median(part)) for part in np.array_split(jitter, 2)]
        levels = [float(np.median(part)) for part in np.array_split(middle, 2)]
        if min(halves) > 0 and abs(math.log(levels[0] / levels[1])) > 0.1:
            plain = abs(math.log(halves[0] / halves[1]))
            relative = abs(math.log(halves[0] / levels[0] / (halves[1] / levels[1])))
            out = middle / np.median(middle) if relative < plain else out
    away = np.abs(y - _expected(y)) / out
    deviation = 1.4826 * float(np.median(away))
    if deviation > 0:
        out = out * np.maximum(1.0, away / (FAR_OUT * deviation))
    return out


def _expected(y: np.ndarray) -> np.ndarray:
    """What neighbours say of each point along a straight line: the median of what lies between, before and after."""
    n = len(y)
    said = np.full((3, n), np.nan)
    said[0, 1:-1] = (y[:-2] + y[2:]) / 2
    said[1, 2:] = 2 * y[1:-1] - y[:-2]
    said[2, :-2] = 2 * y[1:-1] - y[2:]
    return np.nanmedian(said, axis=0)


def quantile(level: float, free: float) -> float:
    """Half width, in standard errors, of the central interval of Student's t (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / free**power for power, term in enumerate(terms, 1))
