"""What happened in the curves, and what explains it: each drop, rise and recovery laid beside the schedule."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..analysis.drops import find_drops
from ..logs import Curve, Log
from .schedule import Change, Schedule

NEARBY = 1  # evaluated points: noise, and logs that write the rate one record early or late
SIDE = 5  # points on either side by which a curve is said to have moved
PERIODIC = 5
VISIBLE = 3.0  # robust deviations, as benchmarks/detectors.py says what a visible drop is
FEW_EPOCHS = 12  # of so few epochs each is a pass that shows


@dataclass(frozen=True)
class Event:
    """A drop, rise or recovery of one curve.

    point: index of the first evaluated point at the new level. size: level before less level after, in percentage points
    or units of the loss, positive = fell. ratio: level after / before. cause: schedule, restart, or in words what it may
    be. change: the change of the schedule that explains it, or None. why: a sentence.
    """

    kind: str
    unit: str
    curve: Curve
    point: int
    size: float
    ratio: float
    variance: float
    confidence: float
    cause: str = ""
    change: Change | None = None
    why: str = ""
    blind: bool = True

    @property
    def label(self) -> float:
        return float(self.curve.labels[self.point])


def found(log: Log) -> list[Event]:
    """The events of every judged curve, found blind: the detector gets values, and no schedule."""
    events = []
    for curve in log.judged:
        ordinals = np.arange(1, len(curve.values) + 1)
        for drop in find_drops(ordinals, curve.values, curve.kind):
            point = int(drop.epoch) - 1
            events.append(
                Event(drop.kind, log.axis.unit, curve, point, drop.size, drop.ratio, drop.variance_ratio, drop.confidence)
            )
    return events


def explained(log: Log, schedule: Schedule) -> tuple[list[Event], list[Change]]:
    """(all events, each with its cause; changes of the schedule that left none)."""
    events = [_at_change(event, schedule) for event in found(log)]
    told = {(event.change, event.curve.name) for event in events if event.change}
    more = [event for change in schedule.changes for event in _looked_for(change, log)]
    events += [event for event in more if (event.change, event.curve.name) not in told]
    seen = {event.change for event in events if event.change}
    events = [event if event.cause else _otherwise(event, events, log, schedule) for event in events]
    events.sort(key=lambda e: (e.curve.rows[e.point], log.judged.index(e.curve)))
    return events, [change for change in schedule.changes if change not in seen]


def _at_change(event: Event, schedule: Schedule) -> Event:
    """The event with the change of the schedule that it is at, if it is at one."""
    candidates = []
    for change in schedule.changes:
        first, last = change.points(event.curve)
        if first - NEARBY <= event.point <= last + NEARBY and first < len(event.curve.values):
            fits = change.cut is None or change.cut == (event.kind == "drop")
            if event.kind != "recovery" or change.cut is not False:
                candidates.append((not fits, abs(event.point - last), change))
    if not candidates or event.kind == "recovery":
        return event
    return replace(event, cause="schedule", change=min(candidates, key=lambda c: c[:2])[2])


def _looked_for(change: Change, log: Log) -> list[Event]:
    """What curves show at a change, also where nothing was found blind: a fall (or rise, where the noise grew) that stands out
    of the curve's one-point changes by VISIBLE robust deviations and lasts."""
    events = []
    for curve in log.judged:
        first, last = change.points(curve)
        signs = {True: (1,), False: (-1,), None: (1,)}[change.cut]
        falls = -np.diff(curve.values)
        spread = 1.4826 * float(np.median(np.abs(falls - np.median(falls)))) if len(falls) else 0.0
        if spread <= 0 or first < SIDE or last > len(curve.values) - SIDE:
            continue
        points = np.arange(max(SIDE, first), min(last + NEARBY, len(curve.values) - SIDE) + 1)
        for sign in signs:
            point = int(points[np.argmax(sign * falls[points - 1])])
            height = float(sign * falls[point - 1] / spread)
            before = float(np.median(curve.values[point - SIDE : point]))
            after = float(np.median(curve.values[point : point + SIDE]))
            near = falls[max(0, point - 24) : point - 1]
            noise = 1.4826 * float(np.median(np.abs(near - np.median(near)))) / math.sqrt(2)
            trend = float(curve.values[point - 2 * SIDE : point - SIDE].mean() - before) if point >= 2 * SIDE else 0.0
            if height > VISIBLE and sign * (before - after) > max(spread, 2 * noise, 2 * sign * trend):
                sure = height / (height + VISIBLE)
                kind = "drop" if sign > 0 else "rise"
                ratio = after / before if before else math.nan
                events.append(
                    Event(kind, log.axis.unit, curve, point, before - after, ratio, math.nan, sure, "schedule", change, blind=False)
                )
    return events


def _otherwise(event: Event, events: list[Event], log: Log, schedule: Schedule) -> Event:
    """What else it can be, said only as far as the curves show it."""
    if event.kind == "recovery":
        raised = [c for c in schedule.changes if c.cut is False and 0 <= event.point - c.points(event.curve)[0] < 10]
        why = "the error had gone up when the rate was raised, and came back" if raised else "the curve had jumped up and came back"
        return replace(event, cause="recovery from a spike", why=f"{why}; the level before the spike is the one to compare")
    if (period := _period(event, events)) is not None:
        why = f"it comes back every {period:g} {event.unit}s: a rhythm of the training, such as passes over the data in one order"
        return replace(event, cause="periodic", why=why)
    if any(_near_label(event, label) for label in log.axis.restarts):
        why = "the log goes back to an earlier epoch or step here: training was resumed, perhaps with other settings"
        return replace(event, cause="restart", why=why)
    if event.kind == "drop" and _new_pass(event, log):
        why = "a new pass over the data begins here: the model has seen these examples before"
        return replace(event, cause="new epoch", why=why)
    moved = _others(event, log)
    cause, why = _apart(event, moved)
    if cause:
        return replace(event, cause=cause, why=why)
    same = " and ".join(f"{name} {'fell' if m < 0 else 'rose'} as well" for name, m in moved.items() if m)
    if not schedule.known:
        return replace(event, cause="unknown", why="the log tells no learning rate" + (f"; {same}" if same else ""))
    smooth = "moves gradually" if "smooth" in schedule.kind else "does not change"
    if schedule.source == "what you stated" and schedule.changes:
        smooth = "does not change by what you stated"
    why = f"the schedule {smooth} here. Look for something that the log does not show: another setting, the data, the resolution, a restart"
    return replace(event, cause="not the schedule", why=why + (f" ({same})" if same else ""))


def _period(event: Event, events: list[Event]) -> float | None:
    """The spacing of labels of an event that is one of PERIODIC or more of its kind and curve, evenly spaced."""
    labels = np.array([e.label for e in events if e.kind == event.kind and e.curve is event.curve and e.change is None])
    if len(labels) < PERIODIC:
        return None
    gaps = np.diff(labels)
    usual = float(np.median(gaps))
    near = np.abs(gaps / usual - np.round(gaps / usual)) < 0.1
    mine = np.flatnonzero(labels == event.label)[0]
    beside = near[max(0, mine - 1) : mine + 1]
    return usual if near.mean() > 0.8 and beside.any() else None


def _near_label(event: Event, label: float) -> bool:
    at = int(np.searchsorted(event.curve.labels, label))
    return abs(event.point - at) <= NEARBY


def _new_pass(event: Event, log: Log) -> bool:
    """Whether a training curve falls where one of few epochs ends."""
    completed = log.axis.completed
    if log.axis.whole or completed is None or event.curve.split != "train" or np.nanmax(completed) > FEW_EPOCHS:
        return False
    rows = event.curve.rows
    before = completed[rows[max(0, event.point - 1 - NEARBY)]]
    after = completed[rows[min(len(rows) - 1, event.point + NEARBY)]]
    return math.floor(after + 1e-6) > math.floor(before + 1e-6)


def shift(curve: Curve, point: int) -> float:
    """How far a curve moved at a point, in noise deviations of its logarithm: negative = fell, 0 where it is too near an
    end or less than 1 %."""
    y = np.log(np.maximum(curve.values, 1e-6 * max(curve.values.max(), 1e-12)))
    before, after = y[max(0, point - SIDE) : point], y[point : point + SIDE]
    if len(before) < 3 or len(after) < 3:
        return 0.0
    steps = np.diff(y[max(0, point - 24) : point + 24])
    noise = max(1e-4, 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2))
    trend = float(np.median(np.diff(before))) if len(before) > 3 else 0.0
    moved = float(np.median(after) - np.median(before)) - trend * SIDE
    return moved / noise if abs(moved) > 0.01 else 0.0


def _others(event: Event, log: Log) -> dict[str, int]:
    """The other judged curves, by name: -1 where one fell with the event, 1 where it rose, 0 where it did neither."""
    row = event.curve.rows[event.point]
    out = {}
    for curve in log.judged:
        if curve is event.curve or curve.name == event.curve.name:
            continue
        point = int(np.searchsorted(curve.rows, row, side="left"))
        found = max((shift(curve, p) for p in (point - 1, point, point + 1) if p > 0), key=abs, default=0.0)
        out[curve.name] = int(np.sign(found)) if abs(found) > 3 else 0
    return out


def _apart(event: Event, moved: dict[str, int]) -> tuple[str, str]:
    """(cause, why) where training and held-out curves part ways at the event; empty where they do not."""
    trained = [m for name, m in moved.items() if name.startswith("train")]
    held = [m for name, m in moved.items() if name.startswith(("test", "validation"))]
    fell = event.kind == "drop"
    sign = -1 if fell else 1
    if event.curve.split == "train" and held and not any(m == sign for m in held):
        how = "stayed where it was" if not any(held) else "went the other way"
        if fell:
            why = f"only training fell, held-out data {how}: the training task became easier (augmentation, mixup, label smoothing or dropout reduced or switched off) or a term left the loss"
            return "training made easier (augmentation?)", why
        why = f"only training rose, held-out data {how}: the training task became harder (stronger augmentation, a larger resolution) or a term entered the loss"
        return "training made harder (augmentation?)", why
    if event.curve.split in ("test", "validation") and trained and not any(m == sign for m in trained):
        if not any(trained):
            why = "only held-out data moved, training did not: what is evaluated changed (averaged weights, batch-norm statistics, resolution, the data)"
            return "evaluation changed", why
        if fell:
            why = "held-out data fell while training rose: the training task became harder or nearer to the test (resolution raised, augmentation changed), or a term entered the loss"
            return "training task changed (augmentation, resolution?)", why
        why = "held-out data rose while training fell: training left the test behind (augmentation switched off, another data set, over-fitting)"
        return "training task changed (augmentation, data?)", why
    return "", ""
