"""What happened in the curves, and what explains it: each drop, rise and recovery laid beside the schedule."""

from dataclasses import replace

import numpy as np

from ..detector.drops import find_drops
from .causes import otherwise
from .looking import looked_for
from .moments import NEARBY, Event
from .readers import Log
from .schedule import Change, Schedule


def found(log: Log) -> list[Event]:
    """The events of every judged curve, found blind: the detector gets values, and no schedule."""
    events = []
    for curve in log.judged:
        ordinals = np.arange(1, len(curve.values) + 1)
        with np.errstate(all="ignore"):  # values near the ends of what floats hold
            drops = find_drops(ordinals, curve.values, curve.kind)
        for drop in drops:
            point = int(drop.epoch) - 1
            numbers = (drop.size, drop.ratio, drop.variance_ratio, drop.confidence)
            events.append(Event(drop.kind, log.axis.unit, curve, point, *numbers))
    return events


def explained(log: Log, schedule: Schedule) -> tuple[list[Event], list[Change]]:
    """(all events, each with its cause; changes of the schedule that left none)."""
    events = [_at_change(event, schedule) for event in found(log)]
    told = {(event.change, event.curve.name) for event in events if event.change}
    more = [event for change in schedule.changes for event in looked_for(change, schedule.changes, log)]
    events += [event for event in more if (event.change, event.curve.name) not in told]
    seen = {event.change for event in events if event.change}
    events = [event if event.cause else otherwise(event, events, log, schedule) for event in events]
    events.sort(key=lambda e: (e.curve.rows[e.point], log.judged.index(e.curve)))
    return events, [change for change in schedule.changes if change not in seen]


def _at_change(event: Event, schedule: Schedule) -> Event:
    """The event with the change of the schedule that it is at, if it is at one: drops at cuts, rises at the reverse."""
    candidates = []
    for change in schedule.changes:
        first, last = change.points(event.curve)
        near = first - NEARBY <= event.point <= last + NEARBY and first < len(event.curve.values)
        if near and event.kind != "recovery" and change.cut in (None, event.kind == "drop"):
            candidates.append((abs(event.point - last), change))
    if not candidates:
        return event
    return replace(event, cause="schedule", change=min(candidates, key=lambda c: c[0])[1])
