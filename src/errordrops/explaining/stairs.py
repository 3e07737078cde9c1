"""Stairs that an eye sees and a detector of single points does not: a shift of level many times its error, in noise
that hides it between any two points. Found without a schedule, as the detector's drops are, with a margin for having
looked everywhere.
"""

import math

import numpy as np

from ..logs import Curve
from .effects import at
from .moments import Event

WIDTH = 8  # points on either side that a first look compares
LEAST = 10  # points that either side needs
FIRST, SURE, DEEP, STEEP = 3.0, 6.0, 3.0, 0.6  # deviations at first sight; errors; noise deviations; share at once
MOST = 3  # stairs of a curve


def found(curve: Curve, unit: str, whole: bool, events: list[Event]) -> list[Event]:
    """Falls of a curve that no event explains, strongest first. events: what was found in it already."""
    out: list[Event] = []
    taken = [e.point for e in events if e.curve is curve]
    for _ in range(MOST):
        point = candidate(curve.values, taken)
        if point is None:
            break
        taken.append(point)
        known = [e for e in [*events, *out] if e.curve is curve]
        seen = at(curve, point, point, [], known)
        if seen is None or seen.size < SURE * seen.error or seen.size < DEEP * noise(curve.values, point):
            continue
        near = curve.values[point - 3 : point + 3]
        if float(np.median(near[:3]) - np.median(near[3:])) < STEEP * seen.size:
            continue
        ratio = seen.after / seen.before if seen.before > 0 else math.nan
        out.append(Event("drop", unit, curve, point, seen.size, ratio, math.nan, 0.9, blind=False, whole=whole))
    return out


def candidate(values: np.ndarray, taken: list[int]) -> int | None:
    """The point at which medians of WIDTH values fall the most, in deviations of the noise; None where none stands
    out."""
    best, place = FIRST, None
    for k in range(LEAST, len(values) - LEAST + 1):
        if any(abs(k - t) < WIDTH for t in taken):
            continue
        fall = float(np.median(values[k - WIDTH : k]) - np.median(values[k : k + WIDTH]))
        if fall > 0 and fall / max(noise(values, k), 1e-300) > best:
            best, place = fall / max(noise(values, k), 1e-300), k
    return None if place is None else sharpest(values, place)


def sharpest(values: np.ndarray, place: int) -> int:
    """The point near a place at which two levels describe the values around it best."""
    start, end = max(0, place - 12), min(len(values), place + 12)
    near = range(max(start + 3, place - 4), min(end - 3, place + 4) + 1)
    spread = {k: float(np.var(values[start:k]) * (k - start) + np.var(values[k:end]) * (end - k)) for k in near}
    return min(spread, key=lambda k: spread[k])


def noise(values: np.ndarray, point: int) -> float:
    """Robust standard deviation of the noise around a point, whatever the trend."""
    near = values[max(0, point - 24) : point + 24]
    return 1.4826 * float(np.median(np.abs(np.diff(near, 3)))) / math.sqrt(20) if len(near) > 3 else math.inf
