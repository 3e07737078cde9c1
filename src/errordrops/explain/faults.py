"""Training that went wrong: losses that are no longer numbers, errors that rise to chance and stay there."""

from dataclasses import dataclass

import numpy as np

from .moments import Event
from .readers import Curve, Log

ENDS = 3  # records at the end of a log in which a curve has no value although others have
SUDDEN_RISE = 1.5  # factor of a rise of a loss that is told first
POINTS = 10.0  # percentage points of a rise of an error that are told first
CHANCE = 1e-6


@dataclass(frozen=True)
class Fault:
    """kind: divergence, collapse or rise. label: the first epoch or step of it. curves: those that end as
    nan, or that rise. events: the rises that belong to it."""

    kind: str
    label: float
    curves: list[Curve]
    events: list[Event]


def worst(log: Log, events: list[Event]) -> Fault | None:
    """What went wrong first, and lastingly; None where nothing did."""
    rises = [e for e in events if e.kind == "rise" and e.change is None and e.cause != "periodic" and _large(e)]
    if log.broken:
        label = min(at for _, at in log.broken)
        near = [e for e in rises if abs(e.label - label) <= 2 * _step(e)]
        gone = [c for c, at in log.broken if at == label]
        return Fault("divergence", label, gone, near)
    if not rises:
        return None
    first = max(rises, key=lambda e: abs(e.size) if e.curve.kind == "error" else abs(e.size) / max(_before(e), 1e-300))
    same = [e for e in rises if abs(e.label - first.label) <= 2 * _step(e)]
    if _recovers(first):
        return None
    stuck = all(_constant(e) for e in same)
    return Fault("collapse" if stuck else "rise", min(e.label for e in same), [e.curve for e in same], same)


def _before(event: Event) -> float:
    values = event.curve.values
    return float(np.median(values[max(0, event.point - 5) : event.point]))


def _step(event: Event) -> float:
    return float(event.curve.labels[event.point] - event.curve.labels[event.point - 1])


def _large(event: Event) -> bool:
    """Whether a rise is too large to be passed over in the first line."""
    if event.curve.kind == "error":
        return abs(event.size) >= POINTS or event.ratio >= SUDDEN_RISE
    return bool(event.ratio >= SUDDEN_RISE)


def _recovers(event: Event) -> bool:
    """Whether the curve ends below the middle between the levels before and after a rise."""
    values = event.curve.values
    before, after = _before(event), float(np.median(values[event.point : event.point + 5]))
    return bool(np.median(values[-5:]) < (before + after) / 2)


def _constant(event: Event) -> bool:
    """Whether nothing moves after a rise, as in a network that predicts one class."""
    after = event.curve.values[event.point :]
    return bool(np.ptp(after) <= 0.02 * float(np.abs(after).max()))
