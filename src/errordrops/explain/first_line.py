"""The first line of the answer: what the drops are due to."""

from typing import TYPE_CHECKING

from ..detector.drop_rule import AFTER, BEFORE
from ..figures.words import count
from .moments import Event, early, nearest, together
from .wording import after, capital, distance, listed, number, told

if TYPE_CHECKING:
    from .answer import Explanation

LEAST = BEFORE + AFTER  # evaluated points of a curve in which the detector can find a drop


def verdict(explanation: "Explanation") -> str:
    """One sentence on all drops."""
    drops = together([e for e in explanation.events if e.kind == "drop"])
    if not drops:
        return nothing(explanation)
    at = [group for group in drops if group[0].cause == "schedule" and not early(group)]
    early_ones = [group for group in drops if early(group)]
    others = [group for group in drops if group[0].cause != "schedule"]
    if len(at) == len(drops):
        every = "The drop is" if len(at) == 1 else "Both drops are" if len(at) == 2 else f"All {len(at)} drops are"
        return f"{every} at a change of the schedule ({listed(at)}): expected, not a bug."
    if len(early_ones) == len(drops):
        return all_before(early_ones, explanation)
    if at or early_ones:
        return mixed(at, early_ones, others, explanation)
    found = f"{count(len(drops), 'sudden drop')} ({listed(others)})"
    if not explanation.schedule.known:
        return f"{found}; the log tells no learning rate, so the cause is open."
    return f"{found}, {'not' if len(drops) == 1 else 'none of them'} at a change of the schedule."


def nothing(explanation: "Explanation") -> str:
    """The verdict where there is no drop."""
    longest = max(len(curve.values) for curve in explanation.log.judged)
    if longest < LEAST:
        return (
            f"Too short to tell: the detector needs {LEAST} evaluated points of a curve, {BEFORE} before a drop and "
            f"{AFTER} from it on; this log has {longest}."
        )
    if explanation.schedule.changes:
        return "No sudden, lasting drop was found, although the schedule changes: see below."
    return "No sudden, lasting drop was found in this log."


def all_before(groups: list[list[Event]], explanation: "Explanation") -> str:
    """The verdict where every drop comes before the change that it was laid to."""
    if len(groups) == 1:
        return f"The drop ({listed(groups)}) comes {before(nearest(groups[0]), explanation)}."
    return (
        f"{len(groups)} sudden drops ({listed(groups)}), each one point before a change of the schedule: perhaps those "
        "are told too late, as below; otherwise they are not the cause."
    )


def mixed(
    at: list[list[Event]], early_ones: list[list[Event]], others: list[list[Event]], explanation: "Explanation"
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


def before(event: Event, explanation: "Explanation") -> str:
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


def later(event: Event, explanation: "Explanation") -> str:
    """`one point later (some loops log the rate after scheduler.step(): then the change was after 30)`."""
    change, source = event.change, explanation.schedule.source
    assert change is not None, "an event after a change has one"
    far, fits = distance(event, explanation)
    if source.startswith(("what you stated", "the log's configuration")):
        return f"{far} later{f' (perhaps after {number(fits)} is meant)' if fits else ''}"
    if change.what != "learning rate":
        return f"{far} later"
    then = f": then the change was after {number(fits)}" if fits else ""
    return f"{far} later (some loops log the rate after scheduler.step(){then})"


def _is(groups: list) -> str:
    return "is" if len(groups) <= 1 else "are"
