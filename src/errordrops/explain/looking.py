"""What a curve shows at a change of the schedule that is known, also where the blind detector saw nothing.

Two readings: a fall in one point that stands out of the others, and a shift of level between straight lines on either
side (regression discontinuity, Thistlethwaite & Campbell 1960), for curves whose noise hides the single point.
"""

import math

import numpy as np

from .moments import NEARBY, SIDE, Event
from .readers import Curve, Log
from .schedule import Change

VISIBLE = 3.0  # robust deviations, as benchmarks/detectors.py says what a visible drop is
LEVEL = 5.0  # standard errors of a shift of level
LONG, SHORT = 24, 8  # most and fewest points of a straight line on either side; most is a fifth of a long curve


def judgeable(change: Change, curve: Curve) -> bool:
    """Whether a curve has SIDE points on either side of a change, without which nothing can be said of it."""
    first, last = change.points(curve)
    return first >= SIDE and last <= len(curve.values) - SIDE


def looked_for(change: Change, changes: list[Change], log: Log) -> list[Event]:
    """The falls of the judged curves at one of the schedule's changes; rises where the noise grew there."""
    sign = -1 if change.cut is False else 1
    events = []
    for curve in log.judged:
        found = judgeable(change, curve) and (
            in_one_point(change, curve, sign) or of_level(change, changes, curve, sign)
        )
        if found:
            point, size, before, sure = found
            ratio = (before - sign * size) / before if before else math.nan
            numbers = sign * size, ratio, math.nan, sure
            kind = "drop" if sign > 0 else "rise"
            events.append(Event(kind, log.axis.unit, curve, point, *numbers, "schedule", change, blind=False))
    return events


def in_one_point(change: Change, curve: Curve, sign: int) -> tuple[int, float, float, float] | None:
    """(point, size, level before, confidence) of a fall that stands out of the curve's one-point changes by VISIBLE
    robust deviations, and of the trend around it, and lasts; None if there is none. sign -1: of a rise.
    """
    values, falls = curve.values, -np.diff(curve.values)
    spread = _deviation(falls)
    if spread <= 0:
        return None
    first, last = change.points(curve)
    points = np.arange(max(SIDE, first), min(last + NEARBY, len(values) - SIDE) + 1)
    point = int(points[np.argmax(sign * falls[points - 1])])
    before, after = float(np.median(values[point - SIDE : point])), float(np.median(values[point : point + SIDE]))
    # what the curve falls by a point anyway: a steep beginning is no drop
    sides = falls[point - SIDE : point - 1], falls[point : point + SIDE - 1]
    slope = max(0.0, *(sign * float(np.median(side)) for side in sides))
    height = (sign * float(falls[point - 1]) - slope) / spread
    size = sign * (before - after) - (SIDE - 1) * slope
    noise = _deviation(falls[max(0, point - 24) : point - 1]) / math.sqrt(2)
    earlier = float(values[point - 2 * SIDE : point - SIDE].mean() - before) if point >= 2 * SIDE else 0.0
    if height <= VISIBLE or size <= max(spread, 2 * noise) or sign * (before - after) <= 2 * sign * earlier:
        return None
    return point, size, before, height / (height + VISIBLE)


def of_level(change: Change, changes: list[Change], curve: Curve, sign: int) -> tuple[int, float, float, float] | None:
    """The same for a shift of level: at the change the line through up to LONG points before it (a fifth of a long
    curve) lies above that through as many after it, not reaching into other changes, by LEVEL standard errors (wider
    where residuals follow each other) and by more than either line falls over half its length.
    """
    first, last = change.points(curve)
    long = max(LONG, len(curve.values) // 5)
    others = [other.points(curve) for other in changes if other is not change]
    start = max([0, first - long, *(end for _, end in others if end <= first)])
    end = min([len(curve.values), last + long, *(begin for begin, _ in others if begin > last)])
    if min(first - start, end - last) < SHORT:
        return None
    before = _line(curve.values[start:first], first - start - 0.5)
    after = _line(curve.values[last:end], -0.5)
    size = sign * (before[0] - after[0])
    error = math.hypot(before[2], after[2])
    drift = max(abs(line[1]) * n / 2 for line, n in ((before, first - start), (after, end - last)))
    if error <= 0 or size < LEVEL * error or size < drift:
        return None
    return last, size, before[0], size / error / (size / error + LEVEL)


def _line(values: np.ndarray, at: float) -> tuple[float, float, float]:
    """(value at a place, slope, standard error of the value) of a straight line through values 0, 1, ..."""
    x = np.arange(len(values)) - at
    (slope, value), covariance = np.polyfit(x, values, 1, cov=True)
    left = values - value - slope * x
    follow = float(left[1:] @ left[:-1]) / float(left @ left) if left.any() else 0.0
    follow = min(max(follow, 0.0), 0.9)
    error = math.sqrt(covariance[1, 1] * (1 + follow) / (1 - follow))
    return float(value), float(slope), error


def _deviation(values: np.ndarray) -> float:
    """Robust standard deviation, 1.4826 MAD; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
