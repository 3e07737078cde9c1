"""Where a new pass over the data begins, and the stair that a training loss makes there.

A model that is trained for a few epochs has seen each example once when the second pass begins; from there on its
training loss is that of examples it has seen before. The stair is often hidden by the noise of single points, so the
places where passes begin are judged as known changes are.

A mean since the epoch began makes a stair of its own when it starts anew; it is told from its noise, which shrinks
within each epoch.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from .change_effects import at
from .known_changes import Schedule
from .level_shifts import LEAST
from .moments import NEARBY, Event
from .readers import Curve, Log

FEW_EPOCHS = 12  # of so few epochs each is a pass that shows
SURE = 2.6  # standard errors of all stairs together
EACH = 1.0  # standard errors that each of them has at least
SHRINKS = -0.5  # slope of log noise on log points since the epoch began; -1 for a mean, 0 for single values
POINTS = 24  # changes of a mean within epochs that its noise is told from


@dataclass(frozen=True)
class Passes:
    """starts: of each judged training curve, by name, the points at which a pass begins. means: names of the curves
    that are means since the epoch began. events: stairs that the detector did not see. known: whether the log tells
    epochs."""

    starts: dict[str, list[int]] = field(default_factory=dict)
    means: frozenset[str] = frozenset()
    events: list[Event] = field(default_factory=list)
    known: bool = False

    def begins(self, event: Event) -> bool:
        """Whether a pass begins where an event is."""
        return self.number(event) is not None

    def number(self, event: Event) -> int | None:
        """Which pass begins where an event is, from 2; None where none does."""
        starts = self.starts.get(event.curve.name, [])
        return next((k for k, start in enumerate(starts, 2) if abs(event.point - start) <= NEARBY), None)


def beginnings(log: Log, schedule: Schedule, events: list[Event]) -> Passes:
    """Where passes begin, and the stairs there that stand out only if one knows where to look."""
    completed = epochs(log)
    if completed is None:
        return Passes(known=log.axis.whole and log.axis.unit == "epoch")
    if np.nanmax(completed) > FEW_EPOCHS:
        return Passes(known=True)
    starts, means, more = {}, [], []
    for curve in log.judged:
        if curve.split not in ("train", ""):
            continue
        done = completed[curve.rows]
        off = 0.25 * float(np.median(np.diff(done))) if len(done) > 1 else 0.0  # of rounding
        borders = [int(np.searchsorted(done, k + off, side="right")) for k in range(1, math.ceil(done[-1] - off))]
        borders = [b for b in borders if 0 < b < len(done)]
        starts[curve.name] = borders
        if since_epoch(curve.values, borders):
            means.append(curve.name)
        else:
            more += stairs(log, curve, borders, schedule, events)
    return Passes(starts, frozenset(means), more, True)


def epochs(log: Log) -> np.ndarray | None:
    """Epochs completed at each row, shape (rows,), where a log of few epochs tells them; steps make rounded ones
    exact."""
    axis = log.axis
    if axis.whole and axis.unit == "epoch":
        return None
    if axis.completed is None:
        return axis.labels / log.per_epoch if axis.unit == "step" and log.per_epoch else None
    done = np.asarray(axis.completed, dtype=float)
    if axis.unit != "step" or len(np.unique(done)) < 3:
        return done
    steps = axis.labels
    ok = np.isfinite(done) & np.isfinite(steps) & (steps > 0)
    if ok.sum() < 3 or (np.diff(done[ok]) < 0).any():
        return done
    rate = float((done[ok] @ steps[ok]) / (steps[ok] @ steps[ok]))
    grain = np.diff(np.unique(done))
    off = float(np.abs(done[ok] - rate * steps[ok]).max())
    return rate * steps if off <= max(0.02, 1.01 * float(grain.min(initial=1.0))) else done


def stairs(log: Log, curve: Curve, borders: list[int], schedule: Schedule, events: list[Event]) -> list[Event]:
    """The stairs of a curve at the borders of passes, if together they are beyond chance and each of them falls."""
    changed = {p for c in schedule.changes for p in c.points(curve)}
    found = []
    for place, border in enumerate(borders):
        near = [*range(border - NEARBY, border + NEARBY + 1)]
        if changed & set(near):
            continue
        lo = borders[place - 1] if place else 0
        hi = borders[place + 1] if place + 1 < len(borders) else len(curve.values)
        if min(border - lo, hi - border) < LEAST:
            continue
        others = [e for e in events if e.point not in near and lo < e.point < hi]
        seen = at(_part(curve, lo, hi), border - lo, border - lo, [], [])
        if seen is not None and not any(e.curve is curve and e.kind != "recovery" for e in others):
            found.append((border, seen))
    if not found:
        return []
    together = sum(s.size for _, s in found) / math.sqrt(sum(s.error**2 for _, s in found))
    if together < SURE:
        return []
    out = []
    for border, seen in found:
        if seen.size > EACH * seen.error:
            ratio = seen.after / seen.before if seen.before > 0 else math.nan
            sure = min(0.95, 0.5 * (1 + math.erf(seen.size / seen.error / math.sqrt(2))))
            out.append(
                Event(
                    "drop",
                    log.axis.unit,
                    curve,
                    border,
                    seen.size,
                    ratio,
                    math.nan,
                    sure,
                    blind=False,
                    whole=log.axis.spread,
                )
            )
    return out


def _part(curve: Curve, lo: int, hi: int) -> Curve:
    from dataclasses import replace

    return replace(curve, labels=curve.labels[lo:hi], values=curve.values[lo:hi], rows=curve.rows[lo:hi])


def since_epoch(values: np.ndarray, borders: list[int]) -> bool:
    """Whether values, shape (n,), are means since the epoch began: within epochs their noise shrinks as 1 / points, and
    what they are means of has noise that does not grow."""
    sizes: list[np.ndarray] = []
    singles: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    for lo, hi in zip([0, *borders], [*borders, len(values)], strict=True):
        part = values[lo:hi]
        if len(part) < 6:
            continue
        k = np.arange(1, len(part) + 1)
        own = np.diff(k * part, prepend=0.0)  # the values of which these would be means
        for series, into in ((part, sizes), (own, singles)):
            into.append(np.abs(np.diff(series, 2)))
        counts.append(k[2:])
    if sum(len(part) for part in sizes) < POINTS:
        return False
    x = np.log(np.concatenate(counts))
    slopes = []
    for series in (sizes, singles):
        noise = np.concatenate(series)
        kept = noise > 0
        if kept.sum() < POINTS:
            return False
        slopes.append(float(np.polyfit(x[kept], np.log(noise[kept]), 1)[0]))
    return slopes[0] < SHRINKS and slopes[1] < 0.5 and _seamless(values, borders)


def _seamless(values: np.ndarray, borders: list[int]) -> bool:
    """Whether the values of which these would be means go on over the borders where the means jump."""
    jumps, seams = [], []
    for lo, border in zip([0, *borders[:-1]], borders, strict=True):
        k = border - lo
        if k > 1 and border < len(values):
            last = k * values[border - 1] - (k - 1) * values[border - 2]
            jumps.append(abs(values[border] - values[border - 1]))
            seams.append(abs(values[border] - last))
    return bool(jumps) and float(np.median(seams)) < 0.5 * float(np.median(jumps))
