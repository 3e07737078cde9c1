"""What happened in the curves, and what explains it: each drop, rise and recovery laid beside the schedule."""

import math
from dataclasses import replace

import numpy as np

from ..analysis.drops import find_drops
from ..logs import Log
from .causes import otherwise
from .moments import NEARBY, SIDE, Event
from .schedule import Change, Schedule

VISIBLE = 3.0  # robust deviations, as benchmarks/detectors.py says what a visible drop is


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
    more = [event for change in schedule.changes for event in _looked_for(change, log)]
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


def _looked_for(change: Change, log: Log) -> list[Event]:
    """What curves show at a change, also where nothing was found blind: a fall (a rise, where the noise grew) that
    stands out of the curve's one-point changes by VISIBLE robust deviations and lasts."""
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
                    Event(
                        kind,
                        log.axis.unit,
                        curve,
                        point,
                        before - after,
                        ratio,
                        math.nan,
                        sure,
                        "schedule",
                        change,
                        blind=False,
                    )
                )
    return events
