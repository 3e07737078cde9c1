"""A fall in one point at a known change that stands out of the other one-point changes of a curve, also where the blind
detector saw nothing. `levels` compares the levels of both sides, for curves whose noise hides the single point."""

import math

import numpy as np

from .changes import Change
from .moments import NEARBY, SIDE
from .readers import Curve

VISIBLE = 3.0  # robust deviations, as benchmarks/detectors.py says what a visible drop is


def judgeable(change: Change, curve: Curve) -> bool:
    """Whether a curve has SIDE points on either side of a change, without which nothing can be said of it."""
    first, last = change.points(curve)
    return first >= SIDE and last <= len(curve.values) - SIDE


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


def _deviation(values: np.ndarray) -> float:
    """Robust standard deviation, 1.4826 MAD; 0 for no values."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0
