"""What each judged curve does at each known change: an effect with its interval, or that it is not resolved.

The detector that is blind to the schedule misses a lasting fall that the noise hides at a single point. Where a change
is known only one place has to be judged, and a fall of three deviations of the noise is found.
"""

from dataclasses import dataclass

import numpy as np

from .known_changes import Change
from .level_shifts import Shift, beyond, shift
from .moments import Event
from .rates import turns
from .readers import Curve, Log

MOST = 60  # pairs of change and curve that are judged, the first ones
CERTAIN = 1.35  # half widths of the 95 % interval: the 99 % interval
RESTED = 0.2  # share of the points at which a rate rests before it decays


@dataclass(frozen=True)
class Effect:
    """A change, a curve, the point at which it is judged, and the shift of level there (None where it is too near an
    end or another change)."""

    change: Change
    curve: Curve
    point: int
    shift: Shift | None

    @property
    def certain(self) -> bool:
        """Whether the shift would be found at 99 % as well."""
        return self.shift is not None and abs(self.shift.size) > CERTAIN * self.shift.half


def measured(log: Log, changes: list[Change], events: list[Event]) -> list[Effect]:
    """The effect of each change on each judged curve; what else happens to the curve bounds the points used."""
    out: list[Effect] = []
    for change in changes:
        for curve in log.judged:
            if len(out) == MOST:
                return out
            first, last = change.points(curve)
            seen = [e.point for e in events if e.curve is curve and e.change == change]
            if seen:
                first = last = seen[0]
            out.append(
                Effect(change, curve, last, at(curve, first, last, [c for c in changes if c is not change], events))
            )
    return out


def at(curve: Curve, first: int, last: int, changes: list[Change], events: list[Event]) -> Shift | None:
    """The shift of a curve at a place between points first - 1 and last, clear of changes and events elsewhere."""
    places = [p for c in changes for p in c.points(curve)]
    places += [e.point for e in events if e.curve is curve and e.kind != "recovery" and not first <= e.point <= last]
    lo = max([0, *(p for p in places if p <= first - 1)])
    hi = min([len(curve.values), *(p for p in places if p > last)])
    with np.errstate(all="ignore"):
        try:
            found = shift(curve.values, first, last, lo, hi)
        except np.linalg.LinAlgError:
            return None
    return found if found is not None and np.isfinite(found).all() else None


@dataclass(frozen=True)
class Decay:
    """A rate that rested and then fell to the end: from which point of a curve on, and how far the curve ends below
    what its course before would have given."""

    curve: Curve
    point: int
    shift: Shift | None


def decays(log: Log) -> list[Decay]:
    """What a gradual decay at the end brought in each judged curve, where the rate rested before."""
    if "learning rate" not in log.settings:
        return []
    rows, values = log.settings["learning rate"]
    out = []
    for curve in log.judged:
        seen = values[np.maximum(np.searchsorted(rows, curve.rows, side="right") - 1, 0)]
        found = turns(seen)
        if len(found) < 2 or found[-1][1] != "falls" or found[-2][1] != "rests":
            continue
        (start, _), (begin, _) = found[-2], found[-1]
        if begin - start < RESTED * len(seen):
            continue
        with np.errstate(all="ignore"):
            out.append(Decay(curve, begin + 1, beyond(curve.values, begin + 1, start)))
    return out
