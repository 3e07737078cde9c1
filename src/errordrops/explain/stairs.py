"""Stairs that an eye sees and a detector of single points does not: a shift of level many times its error, in noise
that hides it between any two points. Found without a schedule, as the detector's drops are, with a margin for having
looked everywhere.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .level_shifts import Shift, shift
from .moments import Event
from .readers import Curve

WIDTH = 8  # points on either side that a first look compares
REACHES = (40, 20)  # points on either side that are compared; fewer, as another stair may follow
AROUND = 45  # third differences that the noise around a point is told from
LEAST = 10  # points that either side needs
FIRST, SURE, DEEP, STEEP = 3.0, 6.0, 3.0, 0.6  # deviations at first sight; errors; noise deviations; share at once
MOST = 3  # stairs of a curve


def found(curve: Curve, unit: str, whole: bool, events: list[Event]) -> list[Event]:
    """Falls of a curve that no event explains, strongest first. events: what was found in it already."""
    out: list[Event] = []
    heights = first_look(curve.values)
    taken = [e.point for e in events if e.curve is curve]
    for _ in range(MOST):
        for point in taken:
            heights[max(0, point - WIDTH + 1) : point + WIDTH] = 0.0
        if not len(heights) or heights.max() < FIRST:
            break
        point = sharpest(curve.values, int(heights.argmax()))
        taken += [point, int(heights.argmax())]
        known = [e.point for e in [*events, *out] if e.curve is curve]
        seen = next(filter(None, (judged(curve.values, point, known, reach) for reach in REACHES)), None)
        if seen is not None:
            ratio = seen.after / seen.before if seen.before > 0 else math.nan
            out.append(Event("drop", unit, curve, point, seen.size, ratio, math.nan, 0.9, blind=False, whole=whole))
    return out


def judged(values: np.ndarray, point: int, known: list[int], reach: int) -> Shift | None:
    """The fall at a point, from at most `reach` points on either side and none beyond a known event; None where it is
    not beyond doubt, not deep, or not steep."""
    lo = max([0, point - reach, *(p for p in known if p < point)])
    hi = min([len(values), point + reach, *(p for p in known if p > point)])
    seen = shift(values, point, point, lo, hi)
    if seen is None or seen.size < SURE * seen.error or seen.size < DEEP * noise(values, point):
        return None
    near = values[point - 3 : point + 3]
    return seen if float(np.median(near[:3]) - np.median(near[3:])) >= STEEP * seen.size else None


def first_look(values: np.ndarray) -> np.ndarray:
    """How far medians of WIDTH values fall at each point, in deviations of the noise around it, shape (n,)."""
    n = len(values)
    out = np.zeros(n)
    if n < 2 * LEAST + 4:
        return out
    medians = np.median(sliding_window_view(values, WIDTH), axis=1)
    jitter = np.abs(np.diff(values, 3))
    width = min(AROUND, len(jitter))
    local = 1.4826 * np.median(sliding_window_view(jitter, width), axis=1) / math.sqrt(20)
    points = np.arange(LEAST, n - LEAST + 1)
    spread = local[np.clip(points - width // 2, 0, len(local) - 1)]
    out[points] = (medians[points - WIDTH] - medians[points]) / np.maximum(spread, 1e-300)
    return out


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
