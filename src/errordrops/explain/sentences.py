"""The answer in plain words. Pure: an explanation in, lines of text out. Intervals (±) are of 95 %."""

import numpy as np

from ..figures.words import count, joined
from .change_effects import Decay, Effect
from .explained import Explained
from .first_line import LEAST, before, later, levels, verdict
from .known_changes import Change
from .moments import SIDE, Event, nearest, together
from .readers import Curve
from .spikes import stands_out
from .wording import (
    after,
    amount,
    between_labels,
    capital,
    first,
    level,
    listed,
    number,
    place,
    safe,
    told,
    when,
    with_half,
)


def answer(explanation: Explained) -> str:
    """The verdict, the schedule, each drop with its cause, what was missed, and notes."""
    parts = [verdict(explanation), "", *read(explanation), "", *happened(explanation)]
    parts += missed(explanation)
    if hint := looks_like(explanation):
        parts += ["", hint]
    parts += [f"Note: {safe(note)}." for note in [*explanation.schedule.notes, *explanation.log.notes]]
    return "\n".join(parts).rstrip()


def told_sizes(group: list[Event], explanation: Explained) -> list[str]:
    """What happened in each curve of a group; curves that were evaluated later say when."""
    start = first(group).label
    return [size(e, explanation) if e.label == start else f"{size(e, explanation)}, at {when(e)}" for e in group]


def read(explanation: Explained) -> list[str]:
    """What was read, which curves were judged, and the schedule."""
    log = explanation.log
    lines = [f"Read: {safe(log.source)} ({log.format}, {count(log.records, 'record')}, by {log.axis.unit})"]
    lines.append(f"Judged: {'; '.join(map(judged, log.judged))}")
    return [*lines, f"Schedule: {schedule(explanation)}"]


def judged(curve: Curve) -> str:
    """`test error (100 points)`."""
    short = "too few to find a drop in" if len(curve.values) < LEAST else ""
    return f"{safe(curve.name)} ({', '.join(filter(None, [f'{len(curve.values)} points', curve.how, short]))})"


def schedule(explanation: Explained) -> str:
    """One sentence on the schedule and where it is known from."""
    found = explanation.schedule
    if found.kind == "unknown":
        return "unknown. Give it with --milestones 30,60 or --lr-schedule step:30:0.1 to have drops compared with it"
    if found.kind == "constant":
        return f"no change ({found.source})"
    changes = [f"{told(c)} {after(c, explanation)}" for c in found.changes[:12]]
    if len(found.changes) > 12:
        changes.append(f"{len(found.changes) - 12} more")
    gradual = (found.gradual or "it moves gradually") if "smooth" in found.kind else ""
    return f"{'; '.join([*changes, gradual]).rstrip('; ')} ({found.source})"


def happened(explanation: Explained) -> list[str]:
    """A paragraph for each drop and rise; recoveries in one line."""
    lines = []
    lasting = [e for e in explanation.events if e.kind != "recovery"]
    for group in together([e for e in lasting if e.cause != "periodic"]):
        lines.append(f"{capital(place(first(group), explanation))}: {'; '.join(told_sizes(group, explanation))}.")
        lines.append(f"    {because(nearest(group), explanation)}")
    lines += [f"{told_rhythm(group)}." for group in rhythms(explanation)]
    groups = together([e for e in explanation.events if e.kind == "recovery"])
    spikes = [group for group in groups if any(map(stands_out, group))]
    if spikes:
        places = [
            f"{when(g[0])} ({joined(list(dict.fromkeys(safe(e.curve.name) for e in g)))}{raised(g)})" for g in spikes
        ]
        more = f" and {len(places) - 5} more" if len(places) > 5 else ""
        spots = f"{', '.join(places[:5])}{more}"
        lines.append(f"Not drops, only the ends of spikes, after which the curve is where it was before: {spots}.")
    return lines


def raised(group: list[Event]) -> str:
    """That the rate was raised where a spike is, if it was."""
    return ", where the rate was raised" if any("rate was raised" in e.why for e in group) else ""


def rhythms(explanation: Explained) -> list[list[Event]]:
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


def size(event: Event, explanation: Explained | None = None) -> str:
    """`test error fell by 8.2 points, from 14.9 % to 6.7 %`; at a known change with its interval; how sure, if not
    very."""
    effect = effect_of(event, explanation)
    if effect is not None and not (effect.resolved and (effect.size > 0) == (event.kind == "drop")):
        effect = None
    verb = "fell" if event.kind == "drop" else "rose"
    text = amount(event.size, event.curve.unit)
    if effect is not None:
        text = f"{with_half(abs(effect.size), effect.half)}{_points(event.curve.unit)}"
    between = levels(event)
    if effect is not None and between.startswith("from") and min(effect.before, effect.after) > 0:
        between = f"from {level(effect.before, event.curve.unit)} to {level(effect.after, event.curve.unit)}"
    between = f", {between}" if between.startswith("from") else ""
    doubts = [f"confidence {event.confidence:.2f}"] if event.confidence < SURE else []
    doubts += [] if event.blind or event.confidence == STAIR else ["seen only by looking at this place"]
    doubt = f" ({', '.join(doubts)})" if doubts else ""
    return f"{safe(event.curve.name)} {verb} by {text}{between}{doubt}"


def effect_of(event: Event, explanation: Explained | None):
    """The effect with its interval at the change that explains an event, None where there is none."""
    if explanation is None or event.change is None:
        return None
    found = [e.shift for e in explanation.measured if e.change == event.change and e.curve is event.curve]
    return found[0] if found else None


def because(event: Event, explanation: Explained) -> str:
    """The cause in a sentence."""
    change = event.change
    if change is None:
        if event.cause in BORNE_OUT or explanation.schedule.known:
            open_ = "Not at a change of the schedule" if explanation.schedule.known else "Cause"
            return f"{open_}: {event.why.removeprefix('the schedule does not change here; ')}."
        return f"Cause open: {event.why}."
    if event.offset < 0:
        return f"{capital(before(event, explanation))}."
    where = later(event, explanation) if event.offset else first_after(event, explanation)
    up = event.kind == "rise"
    named = told(change) if change.after is not None else f"the change ({explanation.schedule.source})"
    what = f"{named} {after(change, explanation)}"
    effect = " A higher rate (or smaller batch) means more noise." if up and change.cut is False else ""
    if change.neutral:
        effect = f" {capital(KEEPS)}, so noise does not explain this."
    return f"At a change of the schedule: {what}{where}.{effect}"


def first_after(event: Event, explanation: Explained) -> str:
    """`, in the first epoch after it`; nothing where the log does not date the change so well."""
    change, axis = event.change, explanation.log.axis
    if change is None or between_labels(change, explanation):
        return ", within that time"
    if axis.unit == "epoch" and axis.whole:
        completed = event.label + 1 - axis.base
        if completed - 1 == change.milestone:
            return ", in the first epoch after it"
        return f", seen in the first evaluation after it, {when(event)}"
    return ", in the first point after it"


def missed(explanation: Explained) -> list[str]:
    """Changes of the schedule that no curve shows, each with what can be said of every curve; those too near an end
    to be judged; what a gradual decay brought."""
    judged_at = [e for e in explanation.measured if e.shift is not None]
    known = {e.change for e in judged_at}
    plain = [c for c in explanation.unseen if c in known]
    seen = [e.change.by_row for e in explanation.events if e.change and e.offset >= 0]
    late = (
        " Later changes leave little noise to take away, so that is common."
        if plain and seen and plain[-1].by_row > min(seen)
        else ""
    )
    lines = [f"Nothing stands out of the noise at {_listed(plain, explanation)}.{late}"] if plain else []
    for change in [c for c in explanation.schedule.changes if c in known][:8]:
        told_ = {e.curve.name for e in explanation.events if e.change == change}
        parts = [effect(e) for e in judged_at if e.change == change and e.curve.name not in told_]
        if parts:
            also = " also" if told_ else ""
            lines.append(f"{capital(after(change, explanation))}{also}: {'; '.join(parts)}.")
        if change.neutral and change in plain:
            lines.append(f"    {capital(KEEPS)}, so no drop is to be expected, and none is there.")
    cut_off = [c for c in explanation.unseen if c not in known]
    if cut_off:
        lines.append(
            f"Too near the beginning or the end to be judged ({SIDE} points are needed on either side): "
            f"{_listed(cut_off, explanation)}."
        )
    return lines + [line for decay in explanation.decays if (line := decayed(decay, explanation.log.axis.unit))]


KEEPS = "rate over batch size stays, and with it the noise of SGD"
STAIR = 0.9  # confidence of a stair in noise
SURE = 0.9  # a confidence that need not be mentioned
BORNE_OUT = ("new epoch", "mean starts anew", "restart", "divergence", "augmentation switched off")


def effect(found: Effect) -> str:
    """`test error fell by 1.2 points (95 % interval 0.3 to 2.1)`, or that it is not resolved."""
    seen, unit, name = found.shift, found.curve.unit, safe(found.curve.name)
    assert seen is not None, "only effects that could be judged are told"
    if not seen.resolved:
        return f"{name} not resolved, a change of {with_half(-seen.size, seen.half, signed=True)}{_points(unit)}"
    verb = "fell" if seen.size > 0 else "rose"
    return f"{name} {verb} by {with_half(abs(seen.size), seen.half)}{_points(unit)}"


def _points(unit: str) -> str:
    return " points" if unit == "%" else ""


def decayed(decay: Decay, unit: str) -> str:
    """What a gradual decay brought, spread out."""
    curve, seen = decay.curve, decay.shift
    if seen is None:
        return ""
    name = safe(curve.name)
    start = f"From {unit} {number(float(curve.labels[decay.point]))} on the rate decays gradually."
    if not seen.resolved:
        change = f"{with_half(-seen.size, seen.half, signed=True)}{_points(curve.unit)}"
        return f"{start} Whether {name} ends lower than at the constant rate is not resolved: a change of {change}."
    way = "lower" if seen.size > 0 else "higher"
    by = f"{with_half(abs(seen.size), seen.half)}{_points(curve.unit)}"
    return (
        f"{start} {capital(name)} ends {way} by {by} than its course at the constant rate would have given: "
        f"what a decay "
        "brings, spread out."
    )


def _listed(changes: list[Change], explanation: Explained) -> str:
    """Up to eight changes with their times."""
    names = [f"{told(c)} {after(c, explanation)}" for c in changes[:8]]
    return f"{'; '.join(names)}{f' and {len(changes) - 8} more' if len(changes) > 8 else ''}"


def looks_like(explanation: Explained) -> str:
    """With no schedule known: what the times and shapes of the drops look like."""
    drops = together([e for e in explanation.events if e.kind == "drop" and e.cause == "unknown"])
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
    round_ = axis.unit != "record" and all(_round(c, axis.unit) for c in completed)
    if round_:
        signs.append((ROUND if len(drops) > 1 else ROUND_ONE)[axis.unit])
    if all(_flat(group[0]) for group in drops):
        signs.append("where the curve had flattened")
    if all(any(e.variance < 0.5 for e in group) for group in drops):
        signs.append(f"with less noise after {'them' if len(drops) > 1 else 'it'}")
    where = listed(drops)
    start = f"The drop at {where}" if len(drops) == 1 else f"Drops at {where}"
    if (len(signs) >= 2 and (held or len(drops) > 1)) or (round_ and len(drops) > 1):
        return (
            f"{start}, {joined(signs)}: that looks like step decay of the learning rate (or a growing batch). "
            "Check your scheduler, and give it with --milestones."
        )
    found = f" ({joined(signs)})" if signs else ""
    return f"{start}{found}: check the scheduler, restarts, augmentation and data at these times."


ROUND = {"epoch": "after round numbers of epochs", "step": "at round numbers of steps"}
ROUND_ONE = {"epoch": "after a round number of epochs", "step": "at a round number of steps"}


def _round(completed: float, unit: str) -> bool:
    """Whether a number of completed epochs, or of steps, is one that people choose."""
    if unit == "step":
        grain = 1000 if completed >= 5000 else 100
        return completed > 0 and min(completed % grain, -completed % grain) < 1e-9
    return completed > 0 and (completed % (10 if completed > 20 else 5)) < 1e-9


def _flat(event: Event) -> bool:
    """Whether the curve fell little in the ten points before, beside the drop."""
    before = event.curve.values[max(0, event.point - 10) : event.point]
    if len(before) < 6:
        return False
    half = len(before) // 2
    trend = float(np.median(before[:half]) - np.median(before[half:]))
    return bool(trend < 0.3 * abs(event.size))
