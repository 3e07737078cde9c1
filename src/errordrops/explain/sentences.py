"""The answer in plain words. Pure: an explanation in, lines of text out."""

import math
from typing import TYPE_CHECKING

import numpy as np

from ..figures.words import count, joined
from .first_line import LEAST, before, later, verdict
from .looking import judgeable
from .moments import SIDE, Event, nearest, together
from .readers import Curve
from .schedule import Change
from .spikes import stands_out
from .wording import after, capital, first, listed, place, safe, told, when

if TYPE_CHECKING:
    from .answer import Explanation


def answer(explanation: "Explanation") -> str:
    """The verdict, the schedule, each drop with its cause, what was missed, and notes."""
    parts = [verdict(explanation), "", *read(explanation), "", *happened(explanation)]
    parts += missed(explanation)
    if hint := looks_like(explanation):
        parts += ["", hint]
    parts += [f"Note: {safe(note)}." for note in explanation.log.notes]
    return "\n".join(parts).rstrip()


def told_sizes(group: list[Event]) -> list[str]:
    """What happened in each curve of a group; curves that were evaluated later say when."""
    start = first(group).label
    return [size(e) if e.label == start else f"{size(e)}, evaluated at {when(e)}" for e in group]


def read(explanation: "Explanation") -> list[str]:
    """What was read, which curves were judged, and the schedule."""
    log = explanation.log
    lines = [f"Read: {safe(log.source)} ({log.format}, {count(log.records, 'record')}, by {log.axis.unit})"]
    lines.append(f"Judged: {'; '.join(map(judged, log.judged))}")
    return [*lines, f"Schedule: {schedule(explanation)}"]


def judged(curve: Curve) -> str:
    """`test error (100 points)`."""
    short = "too few to find a drop in" if len(curve.values) < LEAST else ""
    return f"{safe(curve.name)} ({', '.join(filter(None, [f'{len(curve.values)} points', curve.how, short]))})"


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


def happened(explanation: "Explanation") -> list[str]:
    """A paragraph for each drop and rise; recoveries in one line."""
    lines = []
    lasting = [e for e in explanation.events if e.kind != "recovery"]
    for group in together([e for e in lasting if e.cause != "periodic"]):
        lines.append(f"{capital(place(first(group), explanation))}: {'; '.join(told_sizes(group))}.")
        lines.append(f"    {because(nearest(group), explanation)}")
    lines += [f"{told_rhythm(group)}." for group in rhythms(explanation)]
    groups = together([e for e in explanation.events if e.kind == "recovery"])
    spikes = [group for group in groups if any(map(stands_out, group))]
    if spikes:
        places = [f"{when(g[0])} ({joined(list(dict.fromkeys(safe(e.curve.name) for e in g)))})" for g in spikes]
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        spots = f"{', '.join(places[:5])}{more}"
        lines.append(f"Not drops, only the ends of spikes, after which the curve is where it was before: {spots}.")
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
    if event.offset < 0:
        return f"{capital(before(event, explanation))}."
    where = later(event, explanation) if event.offset else "in the first point after it"
    up = event.kind == "rise"
    named = told(change) if change.after is not None else f"the change ({explanation.schedule.source})"
    what = f"{named} {after(change, explanation)}"
    effect = " A higher rate (or smaller batch) means more noise." if up and change.cut is False else ""
    return f"At a change of the schedule: {what}, {where}.{effect}"


def missed(explanation: "Explanation") -> list[str]:
    """Changes of the schedule that no curve shows: in one line those at which nothing stands out of the noise, which
    may be there all the same, in another those too near an end to be judged.
    """
    curves = explanation.log.judged
    known = {change: any(judgeable(change, curve) for curve in curves) for change in explanation.unseen}
    plain = [change for change in explanation.unseen if known[change]]
    cut_off = [change for change in explanation.unseen if not known[change]]
    seen = [e.change.by_row for e in explanation.events if e.change and e.offset >= 0]
    late = (
        " Later changes leave little noise to take away, so that is common."
        if plain and seen and plain[-1].by_row > min(seen)
        else ""
    )
    lines = [f"Nothing stands out of the noise at {_listed(plain, explanation)}.{late}"] if plain else []
    if cut_off:
        lines.append(
            f"Too near the beginning or the end to be judged ({SIDE} points are needed on either side): "
            f"{_listed(cut_off, explanation)}."
        )
    return lines


def _listed(changes: list[Change], explanation: "Explanation") -> str:
    """Up to eight changes with their times."""
    names = [f"{told(c)} {after(c, explanation)}" for c in changes[:8]]
    return f"{'; '.join(names)}{f' and {len(changes) - 8} more' if len(changes) > 8 else ''}"


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
