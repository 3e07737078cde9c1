"""What a curve does around a place, in words that its own values bear out.

Each clause is computed from the values just before and just after: `fell` is said only of a curve whose values are
lower after the place than before it, whatever its trend.
"""

import math
from dataclasses import dataclass

import numpy as np

from .moments import SIDE, Event
from .readers import Curve

CLEAR = 3.0  # deviations of the noise


@dataclass(frozen=True)
class Moved:
    """What a curve does at a point. before, after: medians of SIDE values. way: -1 fell, 1 rose, 0 stayed, None where
    the noise does not tell. word: fell, rose, hardly moved, or empty."""

    curve: Curve
    point: int
    before: float
    after: float
    way: int | None

    @property
    def word(self) -> str:
        return {-1: "fell", 1: "rose", 0: "hardly moved", None: ""}[self.way]


def moved(curve: Curve, event: Event) -> Moved | None:
    """What another curve does where an event is; None where the place is too near an end of the curve.

    It fell (rose) if its values do by more than the noise, and if more than its trend before gives.
    """
    point = int(np.searchsorted(curve.rows, event.curve.rows[event.point], side="left"))
    near = [p for p in (point - 1, point, point + 1) if min(3, SIDE) <= p <= len(curve.values) - 3]
    if not near:
        return None
    shifts = {p: shift(curve, p) for p in near}
    place = max(near, key=lambda p: abs(shifts[p][1]))
    beyond, deviations = shifts[place]
    before, after = sides(curve, place)
    raw = math.log(max(after, 1e-12) / max(before, 1e-12)) if min(before, after) > 0 else after - before
    size = abs(shift(event.curve, event.point)[0])
    way: int | None = None
    if abs(deviations) > CLEAR and abs(beyond) > 0.01:
        way = int(np.sign(beyond)) if np.sign(beyond) == np.sign(raw) else None
    elif abs(beyond) < size / 4 and abs(raw) < size / 3:
        way = 0
    return Moved(curve, place, before, after, way)


def sides(curve: Curve, point: int) -> tuple[float, float]:
    """Medians of SIDE values before a point and from it on."""
    values = curve.values
    return float(np.median(values[max(0, point - SIDE) : point])), float(np.median(values[point : point + SIDE]))


def shift(curve: Curve, point: int) -> tuple[float, float]:
    """(how far the logarithm of a curve moves at a point beyond its trend, the same in noise deviations).

    Negative = fell. Zero where the point is too near an end."""
    y = np.log(np.maximum(curve.values, 1e-6 * max(curve.values.max(), 1e-12)))
    before, after = y[max(0, point - SIDE) : point], y[point : point + SIDE]
    if len(before) < 3 or len(after) < 3:
        return 0.0, 0.0
    steps = np.diff(y[max(0, point - 24) : point + 24])
    noise = max(1e-4, 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2))
    earlier = y[max(0, point - 2 * SIDE) : max(0, point - SIDE)]
    trend = float(np.median(before) - np.median(earlier)) if len(earlier) >= 3 else 0.0
    beyond = float(np.median(after) - np.median(before)) - trend
    return beyond, beyond / noise
