"""What happened in the curves, and what explains it: each drop, rise and recovery laid beside the schedule."""

import math
from dataclasses import replace

import numpy as np

from ..detector.drops import find_drops
from .causes import otherwise
from .change_effects import Effect, measured
from .known_changes import Change, Schedule
from .looking import in_one_point, judgeable
from .moments import NEARBY, Event, at_once
from .passes import beginnings
from .readers import Curve, Log
from .stairs import found as stairs_of

TOLD = ("restart", "augmentation switched off", "augmentation switched off?")  # causes that hold for every curve
LEAST_POINTS = 24  # of a curve in which stairs are looked for
SUREST = 0.98  # of published logs this share of what the detector names is right; nothing is surer than that


def found(log: Log) -> list[Event]:
    """The events of every judged curve, found blind: the detector gets values, and no schedule."""
    events = []
    for curve in log.judged:
        ordinals = np.arange(1, len(curve.values) + 1)
        with np.errstate(all="ignore"):  # values near the ends of what floats hold
            drops = find_drops(ordinals, curve.values, curve.kind)
        for drop in drops:
            point = int(drop.epoch) - 1
            numbers = (drop.size, drop.ratio, drop.variance_ratio, min(drop.confidence, SUREST))
            events.append(Event(drop.kind, log.axis.unit, curve, point, *numbers, whole=log.axis.spread))
    return events


def explained(log: Log, schedule: Schedule) -> tuple[list[Event], list[Change], list[Effect]]:
    """(all events, each with its cause; changes of the schedule that left none; the effect of each change)."""
    tolerance = spacing(log)
    events = _one_cause([_at_change(event, schedule.changes, tolerance, log) for event in found(log)])
    effects = measured(log, schedule.changes, events)
    told = {(event.change, event.curve.name) for event in events if event.change}
    more = [
        seen for effect in effects if (effect.change, effect.curve.name) not in told and (seen := _seen(effect, log))
    ]
    events += [event for event in more if not any(e.curve is event.curve and e.point == event.point for e in events)]
    passes = beginnings(log, schedule, events)
    for curve in log.judged:
        if curve.name not in passes.means and len(curve.values) >= LEAST_POINTS:
            events += [_at_change(e, schedule.changes, tolerance, log) for e in found_stairs(curve, log, events)]
    events += [
        event for event in passes.events if not any(at_once(event, e) and e.curve is event.curve for e in events)
    ]
    seen = {event.change for event in events if event.change}
    events = [event if event.cause else otherwise(event, events, log, schedule, passes) for event in events]
    events = _agreed([e for e in events if not (e.kind == "recovery" and e.curve.name in passes.means)])
    events.sort(key=lambda e: (e.curve.rows[e.point], log.judged.index(e.curve)))
    return events, [change for change in schedule.changes if change not in seen], effects


def spacing(log: Log) -> float:
    """How far an event may lie from its change, in the log's labels: an epoch, or one point of the finest curve."""
    if log.axis.unit == "epoch" and log.axis.whole:
        return 1.0
    steps = [float(np.median(np.diff(c.labels))) for c in log.judged if len(c.labels) > 1]
    return min(steps, default=1.0)


def _at_change(event: Event, changes: list[Change], tolerance: float, log: Log) -> Event:
    """The event with the change of the schedule that it is at, if it is at one: drops at cuts, rises at the reverse."""
    if event.kind == "recovery":
        return event
    candidates = []
    for place, change in enumerate(changes):
        first, last = change.points(event.curve)
        if first >= len(event.curve.values) or change.cut not in (None, event.kind == "drop"):
            continue
        if not first - NEARBY <= event.point <= last + NEARBY or far(event, change, log) > tolerance + 1e-9:
            continue
        off = max(first - event.point, event.point - last, 0)
        candidates.append((off, abs(event.point - last), place, change))
    if not candidates:
        return event
    return replace(event, cause="schedule", change=min(candidates, key=lambda c: c[:3])[3])


def far(event: Event, change: Change, log: Log) -> float:
    """How far an event lies from a change, in the log's labels; 0 where it may be at it."""
    labels, rows = log.axis.labels, event.curve.rows
    first, last = change.points(event.curve)
    if event.point > last:  # it came later than the first point with the new setting, which may be a mean over both
        start = max(float(labels[min(change.by_row, len(labels) - 1)]), float(event.curve.labels[last]))
        return event.label - start
    if event.point < first:
        return float(labels[min(change.by_row, len(labels) - 1)] - labels[rows[event.point]])
    return 0.0


def _one_cause(events: list[Event]) -> list[Event]:
    """The events, those of one kind at one time with one change: the one that lies nearest to most of them."""
    out = list(events)
    for i, event in enumerate(events):
        if event.change is None:
            continue
        mates = [e for e in events if e.change is not None and e.kind == event.kind and at_once(e, event)]
        best = min(mates, key=lambda e: (abs(e.offset), e.offset < 0, -e.confidence))
        if best.change != event.change:
            moved = replace(event, change=best.change)
            if abs(moved.offset) <= NEARBY:
                out[i] = moved
    return out


def _agreed(events: list[Event]) -> list[Event]:
    """The events, those of one kind at one time with the cause that the log bears out for one of them."""
    out = []
    for event in events:
        mates = [e for e in events if e.kind == event.kind and e.cause in TOLD and at_once(e, event)]
        if event.change is None and event.cause not in TOLD and mates and event.kind != "recovery":
            event = replace(event, cause=mates[0].cause, why=mates[0].why)
        out.append(event)
    return out


def found_stairs(curve: Curve, log: Log, events: list[Event]) -> list[Event]:
    """Stairs of a curve hidden in its noise."""
    return stairs_of(curve, log.axis.unit, log.axis.spread, events)


def _seen(effect: Effect, log: Log) -> Event | None:
    """The fall (at a change the other way: the rise) that an effect or a single point shows at a known change."""
    change, curve = effect.change, effect.curve
    sign = -1 if change.cut is False else 1
    found = in_one_point(change, curve, sign) if judgeable(change, curve) else None
    point, before = effect.point, 0.0
    if effect.shift is not None and effect.certain and sign * effect.shift.size > 0 and not change.neutral:
        size, before = effect.shift.size, effect.shift.before
        sure = 0.95
    elif found is not None:
        point, size, before, sure = found
        size = sign * size
    else:
        return None
    ratio = (before - size) / before if before > 0 else math.nan
    kind = "drop" if size > 0 else "rise"
    return Event(
        kind,
        log.axis.unit,
        curve,
        point,
        size,
        ratio,
        math.nan,
        min(sure, SUREST),
        "schedule",
        change,
        blind=False,
        whole=log.axis.spread,
    )
