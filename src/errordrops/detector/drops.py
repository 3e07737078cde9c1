"""Sudden, lasting drops of a curve, found blind: from epochs and values alone, at every epoch, without any schedule.

A drop is a shift of level that happens within one epoch and lasts: for five evaluated epochs or more, or until the
next change. The most credible one is found first; it splits the curve, and both parts are searched again, so that
each drop is judged between its neighbours (binary segmentation, Scott & Knott 1974). `drop_rule` says what is
weighed. A rise is a drop of the curve read backwards. A fall that only ends a spike is named a recovery.

How often it errs, beside the change-point methods of the library ruptures and others: benchmarks/detectors.csv.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from .drop_rule import AFTER, BEFORE, FAR, FLOOR, NEAR, TREND, Reading, calms, glance, hopeless, log_odds, read

LEAST_POINTS = 10  # a shorter curve (a stub) has no two sides
KINDS = ("error", "loss", "accuracy")
SPIKE = 5.0  # noise deviations above the running median


@dataclass(frozen=True)
class Drop:
    """One change of level.

    epoch: the first evaluated epoch at the new level. size: level before less level after, in the curve's units (of the
    error, where accuracy was given), positive = fell. ratio: level after / level before. variance_ratio: variance of
    the relative noise after / before (NaN for a recovery). confidence: from 0 to 1, of the change being what `kind`
    says: drop, rise, or recovery (the end of a spike, not a drop).
    """

    epoch: int | float
    size: float
    ratio: float
    variance_ratio: float
    confidence: float
    kind: str


@dataclass(frozen=True)
class Curve:
    """What is searched, three arrays of shape (n,): x = log(1 + epochs since the first), y = log(value + offset), and
    grain, the resolution of the values on the scale of y. The offset, 0.1 % of the upper values, is there for zeros."""

    x: np.ndarray
    y: np.ndarray
    grain: np.ndarray
    offset: float

    def backwards(self) -> "Curve":
        """The same curve with time reversed."""
        return Curve(-self.x[::-1], self.y[::-1], self.grain[::-1], self.offset)


def find_drops(epochs: ArrayLike, values: ArrayLike, kind: str = "error") -> list[Drop]:
    """All drops, rises and recoveries of one curve, sorted by epoch; epochs and values have shape (n,).

    `kind` is error (percent or fraction), loss, or accuracy (percent, or fractions if none exceeds 1), which is turned
    into an error. Epochs may start anywhere and leave gaps; values that are not finite count as not evaluated. Curves
    of fewer than 10 evaluated epochs give an empty list. ValueError for epochs that do not increase, lengths that
    differ, negative values, an unknown kind.
    """
    numbers, values = checked(epochs, values, kind)
    if len(values) < LEAST_POINTS or values.max() == values.min():
        return []
    curve = prepared(numbers, values)
    n = len(values)
    falls = search(curve, [])
    rises = {n - k: reading for k, reading in search(curve.backwards(), [n - k for k in falls]).items()}
    if rises:
        falls = search(curve, rises)  # what follows a rise is judged from there on
    events = [_fall(numbers[k], reading, curve.offset, rises) for k, reading in falls.items()]
    events += [_rise(numbers[k], reading, curve.offset) for k, reading in rises.items()]
    events += [_recovery(numbers[k], *rest) for k, *rest in recoveries(curve, [*falls, *rises])]
    return sorted(events, key=lambda drop: drop.epoch)


def checked(epochs: ArrayLike, values: ArrayLike, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Evaluated epochs and their errors or losses; ValueError as find_drops states."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    numbers, x, values = np.asarray(epochs), np.asarray(epochs, dtype=float), np.asarray(values, dtype=float)
    if numbers.ndim != 1 or numbers.shape != values.shape:
        raise ValueError(
            f"epochs and values must be lists of one length; their shapes: {numbers.shape}, {values.shape}"
        )
    if not np.isfinite(x).all() or (np.diff(x) <= 0).any():
        raise ValueError("epochs must be finite numbers that increase, none of them twice")
    numbers, values = numbers[np.isfinite(values)], values[np.isfinite(values)]
    if kind == "accuracy" and len(values):
        whole = 1.0 if values.max() <= 1 else 100.0
        if values.max() > whole:
            raise ValueError(f"an accuracy of {values.max():g} exceeds 100 %")
        values = whole - values
    if (values < 0).any():
        raise ValueError(f"{kind} has negative values; the lowest is {values.min():g}")
    return numbers, values


def prepared(numbers: np.ndarray, values: np.ndarray) -> Curve:
    """Logarithms of epochs and values, and the resolution of the values (one image of a test set)."""
    offset = 1e-3 * (np.quantile(values, 0.9) or values.max())
    steps = np.diff(np.unique(values))
    steps = steps[steps > 1e-6 * values.max()]  # smaller ones are rounding
    x = np.log1p((numbers - numbers[0]) / np.median(np.diff(numbers)))
    return Curve(x, np.log(values + offset), steps.min(initial=values.max()) / (values + offset), float(offset))


def search(curve: Curve, fixed: Iterable[int]) -> dict[int, Reading]:
    """The falls, each judged between its neighbours, by index; `fixed` are the indices of changes that are known."""
    accepted: dict[int, Reading] = {}
    best: dict[tuple[int, int], Reading | None] = {}
    while True:
        edges = sorted({0, len(curve.y), *fixed, *accepted})
        segments = list(pairwise(edges))
        for segment in segments:
            if segment not in best:
                best[segment] = strongest(curve, *segment)
        chosen = max(filter(None, (best[s] for s in segments)), key=log_odds, default=None)
        if chosen is None:
            return accepted
        accepted[chosen.k] = chosen


def strongest(curve: Curve, lo: int, hi: int) -> Reading | None:
    """The most credible drop between the indices lo and hi, if any."""
    drops = []
    for k in candidates(curve, lo, hi):
        seen = glance(curve.y, curve.grain, k, lo, hi)
        reading = None if seen is None or hopeless(seen) else read(curve.x, curve.y, curve.grain, k, lo, hi, seen)
        if reading and (log_odds(reading) > 0 or calms(reading)):
            drops.append(reading)
    return max(drops, key=log_odds, default=None)


def candidates(curve: Curve, lo: int, hi: int) -> list[int]:
    """The indices between lo and hi at which something may have fallen: `glance` tests the same, one after another."""
    ks = np.arange(lo + BEFORE, hi - AFTER + 1)
    if not len(ks):
        return []
    falls = curve.y[lo : hi - 1] - curve.y[lo + 1 : hi]
    fall, floor = falls[ks - 1 - lo], np.maximum(FLOOR, curve.grain[ks])
    before = np.median(sliding_window_view(falls, 5), axis=1)[ks - BEFORE - lo]
    after = np.array([*np.median(sliding_window_view(falls, 5), axis=1)[BEFORE:], np.median(falls[-4:])])
    passes = (fall >= floor) & (fall / np.maximum(np.maximum(before, after), floor / 10) > TREND)
    full = np.flatnonzero(ks + FAR < hi)  # nearer to the end fewer falls follow
    if len(full):
        larger = (sliding_window_view(falls, FAR)[ks[full] - lo] > (fall[full] / TREND)[:, None]).sum(axis=1)
        passes[full] &= larger <= 0.1 * FAR + 1
    return ks[passes].tolist()


def running_median(values: np.ndarray, before: int, after: int) -> np.ndarray:
    """The median of values[i - before : i + after] at each i, shape (n,); near the ends of what there is."""
    n = len(values)
    inner = range(before, n - after + 1)
    out = np.empty(n)
    if len(inner):
        out[before : n - after + 1] = np.median(sliding_window_view(values, before + after), axis=1)
    for i in (i for i in range(n) if i not in inner):
        out[i] = np.median(values[max(0, i - before) : i + after])
    return out


def recoveries(curve: Curve, changes: list[int]) -> Iterator[tuple[int, float, float, float]]:
    """(index, value before, value after, height in noise deviations) of falls back from spikes between the changes."""
    edges = sorted({0, len(curve.y), *changes})
    for lo, hi in pairwise(edges):
        y = curve.y[lo:hi]
        middle = running_median(y, 5, 6)
        above = y - middle
        noise = np.maximum(FLOOR, 1.4826 * running_median(np.abs(above), FAR, FAR))
        height = above / noise
        i = 1
        while i < len(y):
            end = i + 1
            if height[i] > SPIKE and y[i] - y[i - 1] > (SPIKE - 1) * noise[i]:  # it came up, it was no early decay
                while end < len(y) and height[end] > SPIKE / 2:
                    end += 1
                if end < len(y):
                    k = i + 1 + int(np.argmin(np.diff(y[i : end + 1])))
                    before, after = np.exp([y[k - 1], middle[k]]) - curve.offset
                    yield lo + k, float(before), float(after), float(height[i:end].max())
            i = end


def _fall(epoch: np.generic, fall: Reading, offset: float, rises: dict[int, Reading]) -> Drop:
    """A drop, or the recovery from a spike: a rise of fewer than ten epochs ago, of which little is left."""
    spike = [r for k, r in rises.items() if 0 < fall.k - k < NEAR and r.after.level - fall.after.level < fall.shift / 2]
    before, after = np.exp([fall.before.level, fall.after.level]) - offset
    noise = fall.after.noise / fall.before.noise
    return _drop(epoch, before, after, noise**2, log_odds(fall), "recovery" if spike else "drop")


def _rise(epoch: np.generic, rise: Reading, offset: float) -> Drop:
    """What the reversed curve calls after came before."""
    before, after = np.exp([rise.after.level, rise.before.level]) - offset
    return _drop(epoch, before, after, (rise.before.noise / rise.after.noise) ** 2, log_odds(rise), "rise")


def _recovery(epoch: np.generic, before: float, after: float, height: float) -> Drop:
    return _drop(epoch, before, after, math.nan, height - SPIKE, "recovery")


def _drop(epoch: np.generic, before: float, after: float, variance: float, odds: float, kind: str) -> Drop:
    """`odds` below zero stand for a drop that only `calms` accepts: as likely as not."""
    confidence = 1 / (1 + math.exp(-max(odds, 0.0)))
    before, after = max(float(before), 0.0), max(float(after), 0.0)  # near zero a fit may lie below it
    return Drop(epoch.item(), before - after, after / before if before else math.nan, float(variance), confidence, kind)
