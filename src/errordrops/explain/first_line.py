"""The first line of the answer: what went wrong, and what the drops are due to."""

from ..detector.drop_rule import AFTER, BEFORE
from ..figures.words import count, joined
from .clauses import sides
from .explained import Explained
from .faults import worst
from .moments import Event, early, nearest, together
from .wording import after, amount, capital, distance, level, listed, number, safe, told

LEAST = BEFORE + AFTER  # evaluated points of a curve in which the detector can find a drop


def verdict(explanation: Explained) -> str:
    """One sentence or two on what went wrong and on all drops."""
    first = went_wrong(explanation)
    drops = together([e for e in explanation.events if e.kind == "drop"])
    if first and not drops:
        return first
    return f"{first} {of_drops(drops, explanation)}".strip()


def of_drops(drops: list[list[Event]], explanation: Explained) -> str:
    """One sentence on all drops."""
    if not drops:
        return nothing(explanation)
    at = [group for group in drops if group[0].cause == "schedule" and not early(group)]
    early_ones = [group for group in drops if early(group)]
    others = [group for group in drops if group[0].cause != "schedule"]
    if len(at) == len(drops):
        every = "The drop is" if len(at) == 1 else "Both drops are" if len(at) == 2 else f"All {len(at)} drops are"
        return f"{every} at a change of the schedule ({listed(at)}): expected, not a bug{besides(explanation)}."
    if len(early_ones) == len(drops):
        return all_before(early_ones, explanation)
    if at or early_ones:
        return mixed(at, early_ones, others, explanation)
    found = f"{count(len(drops), 'sudden drop')} ({listed(others)})"
    if (shared := _shared(others)) is not None:
        but = (
            "not at a change of the schedule, but " if shared == SHARED[SWITCHED] and explanation.schedule.known else ""
        )
        return f"{found}, {but}{shared}."
    if not explanation.schedule.known:
        return f"{found}; the log tells no learning rate, so the cause is open."
    return f"{found}, {'not' if len(drops) == 1 else 'none of them'} at a change of the schedule."


def besides(explanation: Explained) -> str:
    """`; but validation loss rose at epoch 31`, where a curve rose lastingly and no rate was raised."""
    rises = [e for e in explanation.events if e.kind == "rise" and e.change is None and e.cause != "periodic"]
    names = joined(list(dict.fromkeys(safe(e.curve.name) for e in rises)))
    return f"; but {names} rose at {listed(together(rises))}" if rises else ""


SWITCHED = "augmentation switched off?"
SHARED = {
    "new epoch": "where a new pass over the data begins: the model sees the data again; not the schedule",
    "mean starts anew": "made by a printed mean that starts anew at each epoch, not by the training",
    "restart": "where training was resumed",
    "augmentation switched off": "where the log says that augmentation was switched off",
    SWITCHED: "where object detectors switch augmentation off by default",
}


def _shared(groups: list[list[Event]]) -> str | None:
    """What is said of drops that all have one cause which the log bears out."""
    causes = {nearest(group).cause for group in groups} | {group[0].cause for group in groups}
    best = next((c for c in SHARED if all(any(e.cause == c for e in group) for group in groups)), None)
    return SHARED[best] if best and causes else None


def went_wrong(explanation: Explained) -> str:
    """The first sentence where training diverged, collapsed, or an error rose and stayed; empty elsewhere."""
    fault = worst(explanation.log, explanation.events)
    if fault is None:
        return ""
    unit = explanation.log.axis.unit
    where = f"{unit} {number(fault.label)}"
    rises = [f"{safe(e.curve.name)} rose {levels(e)}" for e in fault.events]
    if fault.kind == "divergence":
        also = f", and {joined(rises)}" if rises else ""
        gone = joined([safe(curve.name) for curve in fault.curves])
        what = "is not a number" if len(fault.curves) == 1 else "are not numbers"
        return f"Training diverged at {where}: {gone} {what} from there on{also}."
    lead = fault.events[0]
    rest = f" ({'; '.join(rises[1:])})" if rises[1:] else ""
    stays = "and stayed there: training collapsed" if fault.kind == "collapse" else "and did not come back"
    sentence = f"{capital(safe(lead.curve.name))} rose suddenly at {where} {levels(lead)} {stays}{rest}."
    return sentence


def levels(event: Event) -> str:
    """`from 10.8 % to 90.0 %`, the medians of five points on either side; `by 2.6` where levels mean nothing."""
    if event.curve.shifted:
        return f"by {amount(event.size, event.curve.unit)}"
    before, after = sides(event.curve, event.point)
    if (after < before) != (event.kind == "drop"):  # a steep course hides the step in medians of five points
        before, after = (float(v) for v in event.curve.values[event.point - 1 : event.point + 1])
    if (after < before) != (event.kind == "drop"):
        return f"by {amount(event.size, event.curve.unit)}"
    return f"from {level(before, event.curve.unit)} to {level(after, event.curve.unit)}"


def nothing(explanation: Explained) -> str:
    """The verdict where there is no drop."""
    longest = max(len(curve.values) for curve in explanation.log.judged)
    if longest < LEAST:
        return (
            f"Too short to tell: the detector needs {LEAST} evaluated points of a curve, {BEFORE} before a drop and "
            f"{AFTER} from it on; this log has {longest}."
        )
    if explanation.schedule.changes:
        if all(change.neutral for change in explanation.schedule.changes):
            return "No sudden, lasting drop was found, and none is to be expected: see below."
        rises = together([e for e in explanation.events if e.kind == "rise"])
        if rises and all(e.change is not None for group in rises for e in group):
            return f"No sudden, lasting drop; rises at {listed(rises)}, where the rate was raised: expected, not a bug."
        return "No sudden, lasting drop was found, although the schedule changes: see below."
    if any(d.shift is not None and d.shift.low > 0 for d in explanation.decays):
        return (
            "No sudden, lasting drop was found; the gradual decay of the rate lowers the curve, spread out: see below."
        )
    return "No sudden, lasting drop was found in this log."


def all_before(groups: list[list[Event]], explanation: Explained) -> str:
    """The verdict where every drop comes before the change that it was laid to."""
    if len(groups) == 1:
        return f"The drop ({listed(groups)}) comes {before(nearest(groups[0]), explanation)}."
    return (
        f"{len(groups)} sudden drops ({listed(groups)}), each one point before a change of the schedule: perhaps those "
        "are told too late, as below; otherwise they are not the cause."
    )


def mixed(
    at: list[list[Event]], early_ones: list[list[Event]], others: list[list[Event]], explanation: Explained
) -> str:
    """The verdict where some drops are at a change of the schedule, or just before one, and others are not."""
    told = []
    if at:
        rest = f"; {listed(others)} {_is(others)} not" if others else ""
        total = len(at) + len(early_ones) + len(others)
        told.append(f"{len(at)} of {total} drops {_is(at)} at a change of the schedule ({listed(at)}){rest}.")
    if len(early_ones) == 1:
        told.append(f"{capital(listed(early_ones))} comes {before(nearest(early_ones[0]), explanation)}.")
    elif early_ones:
        told.append(
            f"{capital(listed(early_ones))} come one point before changes of the schedule: perhaps those are told too "
            "late, as below; otherwise they are not the cause."
        )
    if others and not at:
        told.append(f"{capital(listed(others))} {_is(others)} not at a change of the schedule.")
    return " ".join(told)


def before(event: Event, explanation: Explained) -> str:
    """`one epoch before the change that you stated (after 31 epochs): perhaps ...; otherwise ...`.

    A cause cannot come after its effect; but people count epochs in two ways, and some loops log a rate late.
    """
    change, source = event.change, explanation.schedule.source
    assert change is not None, "an event before a change has one"
    far, fits = distance(event, explanation)
    time = after(change, explanation)
    if source.startswith("what you stated"):
        named = f"the change that you stated ({time})"
        perhaps = f"{number(fits)} is meant (milestones are numbers of completed epochs)" if fits else "it came earlier"
    elif source.startswith("the log's configuration"):
        named = f"the change that the log's configuration names ({time})"
        perhaps = f"it counts epochs from 1, and the change came after {number(fits)}" if fits else "it came earlier"
    else:
        named, perhaps = f"the log shows {told(change)} ({time})", "the log writes it late"
    return f"{far} before {named}: perhaps {perhaps}; otherwise that change is not its cause"


def later(event: Event, explanation: Explained) -> str:
    """`, one point later (some loops log the rate after scheduler.step(): then the change was after 30)`."""
    change, source = event.change, explanation.schedule.source
    assert change is not None, "an event after a change has one"
    far, fits = distance(event, explanation)
    if source.startswith(("what you stated", "the log's configuration")):
        return f", {far} later{f' (perhaps after {number(fits)} is meant)' if fits else ''}"
    if event.curve.how.startswith("mean over") and event.offset == 1:
        return f", {far} later: the point before is a mean over both sides"
    if change.what != "learning rate":
        return f", {far} later"
    then = f": then the change was after {number(fits)}" if fits else ""
    return f", {far} later (some loops log the rate after scheduler.step(){then})"


def _is(groups: list) -> str:
    return "is" if len(groups) <= 1 else "are"
