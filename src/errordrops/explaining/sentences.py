"""The answer in plain words. Pure: an explanation in, lines of text out."""

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ..figures.words import count, joined
from .moments import Event, together
from .schedule import Change

if TYPE_CHECKING:
    from .answer import Explanation

WIDTH = 100
CONTROL = {c: None for c in (*range(32), *range(127, 160))}


def safe(text: object) -> str:
    """Text from a log without control characters, which a terminal would obey."""
    return str(text).translate(CONTROL)


def number(value: float) -> str:
    """0.1, 32,000, 1e-06; whole epochs without a point."""
    if not math.isfinite(value):
        return "?"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    return f"{value:.4g}"


def wrapped(text: str) -> str:
    """Lines of at most WIDTH characters for a console; what belongs to a line is indented below it."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        more = indent + ("" if indent else "    " if lines else "")
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=more, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def answer(explanation: "Explanation") -> str:
    """The verdict, the schedule, each drop with its cause, what was missed, and notes."""
    parts = [verdict(explanation), "", *read(explanation), "", *happened(explanation)]
    parts += missed(explanation)
    if hint := looks_like(explanation):
        parts += ["", hint]
    parts += [f"Note: {safe(note)}." for note in explanation.log.notes]
    return "\n".join(parts).rstrip()


def verdict(explanation: "Explanation") -> str:
    """The first line: what the drops are due to."""
    drops = together([e for e in explanation.events if e.kind == "drop"])
    if not drops:
        if explanation.schedule.changes:
            return "No sudden, lasting drop was found, although the schedule changes: see below."
        return "No sudden, lasting drop was found in this log."
    at = [group for group in drops if group[0].cause == "schedule"]
    times = listed(at)
    if len(at) == len(drops):
        every = "The drop is" if len(at) == 1 else "Both drops are" if len(at) == 2 else f"All {len(at)} drops are"
        return f"{every} at a change of the schedule ({times}): expected, not a bug."
    others = [group for group in drops if group[0].cause != "schedule"]
    where = listed(others)
    if at:
        verb = "is" if len(at) == 1 else "are"
        rest = "is" if len(others) == 1 else "are"
        return f"{len(at)} of {len(drops)} drops {verb} at a change of the schedule ({times}); {where} {rest} not."
    if not explanation.schedule.known:
        return f"{count(len(drops), 'sudden drop')} ({where}); the log tells no learning rate, so the cause is open."
    which = "not" if len(drops) == 1 else "none of them"
    return f"{count(len(drops), 'sudden drop')} ({where}), {which} at a change of the schedule."


def listed(groups: list[list[Event]]) -> str:
    """`epoch 31`, `epochs 31 and 61`."""
    numbers = [number(first(group).label) for group in groups]
    return f"{groups[0][0].unit}{'s' if len(numbers) > 1 else ''} {joined(numbers)}" if groups else ""


def first(group: list[Event]) -> Event:
    """Of events of several curves the one that was evaluated first."""
    return min(group, key=lambda event: event.label)


def told_sizes(group: list[Event]) -> list[str]:
    """What happened in each curve of a group; curves that were evaluated later say when."""
    start = first(group).label
    return [size(e) if e.label == start else f"{size(e)}, evaluated at {when(e)}" for e in group]


def when(event: Event) -> str:
    """`epoch 31`, `step 32,000`: the log's own number of the first point at the new level."""
    return f"{event.unit} {number(event.label)}"


def read(explanation: "Explanation") -> list[str]:
    """What was read, which curves were judged, and the schedule."""
    log = explanation.log
    lines = [f"Read: {safe(log.source)} ({log.format}, {count(log.records, 'record')}, by {log.axis.unit})"]
    judged = [f"{safe(c.name)} ({len(c.values)} points{', ' + c.how if c.how else ''})" for c in log.judged]
    lines.append(f"Judged: {'; '.join(judged)}")
    return [*lines, f"Schedule: {schedule(explanation)}"]


def schedule(explanation: "Explanation") -> str:
    """One sentence on the schedule and where it is known from."""
    found = explanation.schedule
    if found.kind == "unknown":
        return "unknown. Give it with --milestones 30,60 or --lr-schedule step:30:0.1 to have drops laid beside it"
    if found.kind == "constant":
        return f"no change ({found.source})"
    changes = [f"{told(c)} {after(c, explanation)}" for c in found.changes[:12]]
    if len(found.changes) > 12:
        changes.append(f"{len(found.changes) - 12} more")
    gradual = "it moves gradually" if "smooth" in found.kind else ""
    return f"{'; '.join([*changes, gradual]).rstrip('; ')} ({found.source})"


def told(change: Change) -> str:
    """`learning rate 0.1 to 0.01`, `batches per epoch 188 to 63`, `the schedule changes`."""
    if change.after is None:
        return "a change"
    if change.before is None:
        return f"{change.what} reduced to {number(change.after)}"
    if change.before == 1.0 and change.counted and change.after < 1:
        return f"learning rate times {number(change.after)} (as stated)"
    return f"{change.what} {number(change.before)} to {number(change.after)}"


def after(change: Change, explanation: "Explanation") -> str:
    """`after 30 epochs`, or `at step 32,000`, where the log first shows the new setting."""
    axis = explanation.log.axis
    if axis.unit == "epoch" and axis.whole:
        return (
            f"after {count(int(change.milestone), 'epoch')}"
            if float(change.milestone).is_integer()
            else f"after {change.milestone:g} epochs"
        )
    if change.counted and axis.unit == "epoch" and float(change.milestone).is_integer():
        return f"after {count(int(change.milestone), 'epoch')}"
    if axis.unit == "record" or (change.before is None and change.milestone != change.label):
        return f"after {number(change.milestone)} points"
    return f"at {axis.unit} {number(change.label)}"


def happened(explanation: "Explanation") -> list[str]:
    """A paragraph for each drop and rise; recoveries in one line."""
    lines = []
    lasting = [e for e in explanation.events if e.kind != "recovery"]
    for group in together([e for e in lasting if e.cause != "periodic"]):
        start = when(first(group))
        lines.append(f"{start[:1].upper()}{start[1:]}: {'; '.join(told_sizes(group))}.")
        lines.append(f"    {because(group[0], explanation)}")
    lines += [f"{told_rhythm(group)}." for group in rhythms(explanation)]
    spikes = [e for e in explanation.events if e.kind == "recovery"]
    if spikes:
        places = [
            f"{when(g[0])} ({joined(list(dict.fromkeys(safe(e.curve.name) for e in g)))})" for g in together(spikes)
        ]
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        spots = f"{', '.join(places[:5])}{more}"
        lines.append(f"No drops, but the ends of spikes, after which the curve is where it was before: {spots}.")
    return lines


def rhythms(explanation: "Explanation") -> list[list[Event]]:
    """Periodic events, together by curve and kind."""
    groups: dict[tuple, list[Event]] = {}
    for event in explanation.events:
        if event.cause == "periodic":
            groups.setdefault((event.curve.name, event.kind), []).append(event)
    return list(groups.values())


def told_rhythm(group: list[Event]) -> str:
    """`From step 211,000 to step 491,000 (13 times): train loss rose by ...`."""
    start, last = group[0], group[-1]
    verb = "fell" if start.kind == "drop" else "rose"
    ends = sorted(abs(e.size) for e in group)
    amount = f"by {ends[0]:.3g} to {ends[-1]:.3g}"
    name = safe(start.curve.name)
    return (
        f"From {when(start)} to {when(last)}, {len(group)} times: {name} {verb} {amount}. Not the schedule: {start.why}"
    )


def size(event: Event) -> str:
    """`test error fell by 8.2 points (to 0.55 of what it was), confidence 0.99`."""
    verb = "fell" if event.kind == "drop" else "rose"
    amount = abs(event.size)
    text = f"{amount:.2f} points" if event.curve.unit == "%" else f"{amount:.3g}"
    ratio = f", to {event.ratio:.2f} of its level" if math.isfinite(event.ratio) and event.ratio > 0 else ""
    blind = "" if event.blind else ", seen only by looking at this change"
    return f"{safe(event.curve.name)} {verb} by {text}{ratio} (confidence {event.confidence:.2f}{blind})"


def because(event: Event, explanation: "Explanation") -> str:
    """The cause in a sentence."""
    change = event.change
    if change is None:
        return (
            f"Not at a change of the schedule: {event.why}."
            if explanation.schedule.known
            else f"Cause open: {event.why}."
        )
    low, high = change.points(event.curve)
    off = 0 if low <= event.point <= high else min(event.point - low, event.point - high, key=abs)
    where = (
        "in the first point after it" if off == 0 else f"one point {'later' if off > 0 else 'before the log shows it'}"
    )
    up = event.kind == "rise"
    named = told(change) if change.after is not None else f"the change ({explanation.schedule.source})"
    what = f"{named} {after(change, explanation)}"
    effect = " A higher rate (or smaller batch) means more noise." if up and change.cut is False else ""
    return f"At a change of the schedule: {what}, {where}.{effect}"


def missed(explanation: "Explanation") -> list[str]:
    """Changes of the schedule that no curve shows, in one line."""
    unseen = explanation.unseen
    if not unseen:
        return []
    names = [f"{told(c)} {after(c, explanation)}" for c in unseen[:8]]
    more = f" and {len(unseen) - 8} more" if len(unseen) > 8 else ""
    seen = [e.change.by_row for e in explanation.events if e.change]
    late = (
        " Later changes leave little noise to take away, so that is common."
        if seen and unseen[-1].by_row > min(seen)
        else ""
    )
    return [f"Without a visible effect: {'; '.join(names)}{more}.{late}"]


def looks_like(explanation: "Explanation") -> str:
    """With no schedule known: what the times and shapes of the drops look like."""
    drops = together([e for e in explanation.events if e.kind == "drop"])
    if explanation.schedule.known or not drops:
        return ""
    held = any(e.curve.split != "train" for group in drops for e in group)
    labels = [first(group).label for group in drops]
    axis = explanation.log.axis
    base = axis.base if axis.unit == "epoch" and axis.whole else 0
    completed = [label - base for label in labels] if axis.unit == "epoch" and axis.whole else labels
    signs = []
    gaps = np.diff([0, *completed])
    if len(gaps) > 1 and np.ptp(gaps) <= max(1.0, 0.03 * gaps.mean()):
        signs.append("evenly spaced")
    if all(_round(c, axis.unit) for c in completed):
        signs.append("at round numbers")
    if all(_flat(group[0]) for group in drops):
        signs.append("where the curve had flattened")
    if all(any(e.variance < 0.5 for e in group) for group in drops):
        signs.append("with less noise after them")
    where = listed(drops)
    start = f"The drop at {where}" if len(drops) == 1 else f"Drops at {where}"
    if (len(signs) >= 2 and (held or len(drops) > 1)) or ("at round numbers" in signs and len(drops) > 1):
        return (
            f"{start}, {joined(signs)}: that looks like step decay of the learning rate (or a growing batch). "
            "Check your scheduler, and give it with --milestones."
        )
    found = f" ({joined(signs)})" if signs else ""
    return f"{start}{found}: check the scheduler, restarts, augmentation and data at these times."


def _round(completed: float, unit: str) -> bool:
    grain = 1000 if unit == "step" and completed >= 5000 else 10 if completed > 20 else 5
    return any(abs((completed + off) / grain - round((completed + off) / grain)) < 1e-9 for off in (0, -1, 1))


def _flat(event: Event) -> bool:
    """Whether the curve fell little in the ten points before, beside the drop."""
    before = event.curve.values[max(0, event.point - 10) : event.point]
    if len(before) < 6:
        return False
    half = len(before) // 2
    trend = float(np.median(before[:half]) - np.median(before[half:]))
    return bool(trend < 0.3 * abs(event.size))


def columns(explanation_log) -> list[str]:
    """`--list`: each column and what it was taken for, each curve and why it is not judged."""
    log = explanation_log
    lines = [
        f"{safe(log.source)}: {log.format}, {count(log.records, 'record')}, counted by {log.axis.unit}",
        "",
        "Columns:",
    ]
    width = min(40, max((len(safe(name)) for name, _ in log.columns), default=0))
    lines += [f"  {safe(name):<{width}}  {meaning or '(not understood)'}" for name, meaning in log.columns]
    lines += ["", "Curves:"]
    for curve in log.curves:
        points = (
            f"{len(curve.values)} points from {log.axis.unit} {number(curve.labels[0])} to {number(curve.labels[-1])}"
        )
        how = f", {curve.how}" if curve.how else ""
        why = f"; not judged: {safe(curve.left_out)}" if curve.left_out else ""
        lines.append(f"  {safe(curve.name):<24} {points}{how}{why}")
    lines += [f"Note: {safe(note)}." for note in log.notes]
    return lines
