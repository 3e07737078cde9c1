"""Does the curve fall suddenly and lastingly at index k? Readings of the curve around k, and what they say together.

Each side of k is described by a robust line or parabola through the nearest points, so that trend and noise may
differ before and after: an interrupted time series at every epoch (Lopez Bernal et al. 2017, Int. J. Epidemiol.
46:348). Each fit is by least squares without the points that lie beyond three robust deviations of a fit of least
absolute deviations (Rousseeuw & Leroy 1987, section 1.3). Six readings are weighed by a logistic regression; its
coefficients come from synthetic curves with known drops (`python benchmarks/tuning.py --rule`), never from a real
log.

All values are logarithms: a drop is a ratio, and noise then changes little within a phase. x is the logarithm of the
epoch, in which power laws are straight. Nothing here knows of a schedule.
"""

import math
from typing import NamedTuple

import numpy as np

BEFORE, AFTER = 6, 5  # evaluated epochs that either side needs; 5 is what "lasting" means
NEAR, FAR = 10, 24  # evaluated epochs: what surrounds a drop; what it must stand out from
WINDOWS = ((1, 6), (1, 8), (1, 12), (2, 12), (2, 16), (2, 24), (2, 48))  # degree of the polynomial, points
TREND = 1.3  # a fall must exceed the median of those beside it by so much
FLOOR = 1e-3  # no deviation below 0.1 % of the value is believed
WEIGHTS = {"errors": 3.8, "stands_out": 2.9, "over_trend": 2.6, "halves": 5.0, "gap": 4.2, "fall": 1.0, "none": -21.2}


class Side(NamedTuple):
    """What one side says about index k: level, its standard error, noise (standard deviation), all of logarithms."""

    level: float
    error: float
    noise: float


class Glance(NamedTuple):
    """What is seen without a fit. Differences are of logarithms, positive = fell."""

    fall: float  # from k - 1 to k
    stands_out: float  # the fall over the 90 % quantile of the one-epoch falls that follow
    over_trend: float  # the fall over the median one-epoch fall just before or after
    gap: float  # lowest of five epochs before less highest of five after, over the fall


class Reading(NamedTuple):
    """All readings at index k."""

    k: int
    glance: Glance
    shift: float  # of the level, between the fits of both sides at k, positive = fell
    errors: float  # the shift in standard errors
    halves: float  # of the ten epochs before (after) the share above (below) the halfway line; the smaller one
    before: Side
    after: Side
    epochs_before: int  # since the change before


def glance(y: np.ndarray, grain: np.ndarray, k: int, lo: int, hi: int) -> Glance | None:
    """The first look at k, from points lo to hi - 1 (between the next changes); None where nothing much fell.

    `grain` is the resolution of each value: one image of the test set, as a difference of logarithms.
    """
    floor, fall = max(FLOOR, grain[k]), y[k - 1] - y[k]
    later = y[k : min(hi, k + FAR + 1)]
    later = later[:-1] - later[1:]
    if fall < floor or (later > fall / TREND).sum() > 0.1 * len(later) + 1:
        return None
    earlier = -np.diff(y[max(lo, k - 6) : k])
    stands_out = fall / max(np.quantile(later, 0.9), floor)
    over_trend = fall / max(np.median(earlier), np.median(later[:5]), floor / 10)
    gap = (y[max(lo, k - 5) : k].min() - y[k : min(hi, k + 5)].max()) / fall
    return Glance(fall, stands_out, over_trend, gap) if min(stands_out, over_trend) > TREND else None


def fit(x: np.ndarray, y: np.ndarray, at: float, degree: int, least: float) -> Side | None:
    """Robust polynomial through points (m,), evaluated at `at`; noise is `least` or more; None if too few are left."""
    design = np.vander((x - at) / np.abs(x - at).max(), degree + 1, increasing=True)
    weights = np.ones(len(y))
    for _ in range(5):  # least absolute deviations by reweighting
        residuals = np.abs(y - design @ _solve(design, y, weights))
        weights = 1 / np.maximum(residuals, FLOOR)
    for _ in range(2):
        deviation = 1.4826 * np.median(residuals) * np.sqrt(len(y) / (len(y) - degree - 1))
        kept = residuals <= 3 * max(deviation, FLOOR)
        if kept.sum() < degree + 3:
            return None
        coefficients = _solve(design, y, kept)
        residuals = np.abs(y - design @ coefficients)
    noise = max(least, np.sqrt((residuals[kept] ** 2).sum() / (kept.sum() - degree - 1)))
    leverage = np.sqrt(np.linalg.inv(design[kept].T @ design[kept])[0, 0])
    return Side(float(coefficients[0]), float(noise * leverage), float(noise))


def _solve(design: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weighted = design.T * weights
    return np.linalg.solve(weighted @ design, weighted @ y)


def describe(x: np.ndarray, y: np.ndarray, at: float, floor: float) -> Side | None:
    """Of the fits to the nearest points the one with the smallest standard error; x and y go outwards from k."""
    jitter = np.abs(np.diff(y[:FAR], 3)) / np.sqrt(20)  # noise whatever the trend: a short window may fit by luck
    least = max(floor, 1.4826 * np.median(jitter)) if len(jitter) >= 12 else floor
    largest = min((m for _, m in WINDOWS if m >= len(y)), default=len(y))
    fits = [fit(x[:m], y[:m], at, degree, least) for degree, m in WINDOWS if m <= largest and len(y) >= degree + 4]
    return min((side for side in fits if side), key=lambda side: side.error, default=None)


def read(x: np.ndarray, y: np.ndarray, grain: np.ndarray, k: int, lo: int, hi: int, seen: Glance) -> Reading | None:
    """The readings at k from points lo to hi - 1; None where a side cannot be described or its level did not fall."""
    floor = max(FLOOR, grain[k])
    before = describe(x[lo:k][::-1], y[lo:k][::-1], x[k], floor)
    after = describe(x[k:hi], y[k:hi], x[k], floor)
    if before is None or after is None or before.level <= after.level:
        return None
    shift, halfway = before.level - after.level, (before.level + after.level) / 2
    above = (y[max(lo, k - NEAR) : k] > halfway).mean()
    below = (y[k : min(hi, k + NEAR)] < halfway).mean()
    errors = shift / np.hypot(before.error, after.error)
    return Reading(k, seen, shift, float(errors), float(min(above, below)), before, after, k - lo)


def terms(seen: Glance, errors: float, halves: float) -> dict[str, float]:
    """What the logistic regression weighs. Beyond its cap a reading says no more."""
    return {
        "errors": math.log(min(max(errors, 0.5), 15)),
        "stands_out": math.log(min(seen.stands_out, 30)),
        "over_trend": math.log(min(seen.over_trend, 6)),
        "halves": halves,
        "gap": max(seen.gap, -1.0),
        "fall": math.log(min(seen.fall, 0.2)),
        "none": 1.0,
    }


def log_odds(reading: Reading) -> float:
    """Logarithm of the odds that this is a drop."""
    weighed = terms(reading.glance, reading.errors, reading.halves)
    return sum(WEIGHTS[name] * value for name, value in weighed.items())


def hopeless(seen: Glance) -> bool:
    """Whether no fit could make a drop of it: this saves nearly all of them."""
    best = sum(WEIGHTS[name] * value for name, value in terms(seen, math.inf, 1.0).items())
    return best <= 0 and min(seen.stands_out, seen.over_trend) < 3


def calms(reading: Reading) -> bool:
    """The fall after which the noise is gone: up to 15 noisy epochs leave the level before uncertain, yet it is seen.

    Noise shrinks 2.5 times or more, nothing like the fall follows, and nearly all that follows lies below what was.
    """
    return (
        reading.epochs_before <= 15
        and reading.errors >= 1
        and reading.before.noise >= 2.5 * reading.after.noise
        and min(reading.glance.stands_out, reading.glance.over_trend) >= 3
        and reading.halves >= 0.9
        and reading.glance.gap >= 0.25
        and reading.glance.fall >= 0.1
    )
