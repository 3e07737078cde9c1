"""What a drop or rise can be that is at no change of the schedule, said only as far as the curves show it."""

from dataclasses import replace

import numpy as np

from ..figures.words import joined
from .clauses import Moved, moved
from .known_changes import Change, Schedule
from .moments import NEARBY, SIDE, Event, at_once
from .passes import Passes
from .readers import Log
from .readers.said import AUGMENTATION, RESTART
from .wording import ordinal

PERIODIC = 5
LAST_EPOCHS = (10, 15, 20)  # before the end, at which detectors switch mosaic off by default
DETECTS = ("mAP", "box", "dfl", "iou", "cls")  # words of curves of an object detector

TRAINING_ONLY = (
    "; training alone is easier when augmentation, mixup, label smoothing or dropout is reduced or switched off"
)
TRAINING_HARDER = "; training alone is harder when augmentation or resolution is raised, or when a term enters the loss"
HELD_ALONE = "; what is evaluated may have changed (averaged weights, batch-norm statistics, the resolution, the data)"
HELD_FELL = (
    "; the training task may have become harder or nearer to the test (resolution, augmentation, a term of the loss)"
)
HELD_ROSE = "; training may have left the test behind (augmentation switched off, other data, over-fitting)"
UNTOLD = "the log tells no learning rate"
WHAT_ELSE = "look for what else changed here: another setting, the data, the resolution, a restart"
OR_A_PASS = ", or a new pass over the data (the log tells no epochs)"


def otherwise(event: Event, events: list[Event], log: Log, schedule: Schedule, passes: Passes) -> Event:
    """The event with its cause, which is not the schedule as far as that is known."""
    if event.kind == "recovery":
        return replace(event, cause="recovery from a spike", why=_spike(event, schedule))
    if (restart := _said(event, log, RESTART)) is not None:
        why = f'the log says here that training was resumed ("{restart}"), perhaps with other settings'
        return replace(event, cause="restart", why=why)
    if any(_near_label(event, label) for label in log.axis.restarts):
        why = "the log goes back to an earlier epoch or step here: training was resumed, perhaps with other settings"
        return replace(event, cause="restart", why=why)
    if (closed := _said(event, log, AUGMENTATION)) is not None:
        return replace(event, cause="augmentation switched off", why=f'the log says so here: "{closed}"')
    nth = ordinal(passes.number(event) or 0)
    if passes.begins(event) and event.curve.name in passes.means:
        why = (
            f"the log prints the mean of the loss since the epoch began, and here, in the {nth} epoch, that mean "
            f"starts anew; "
            "the loss itself goes on without a stair, so there is no cause to look for in the data or the schedule"
        )
        return replace(event, cause="mean starts anew", why=why)
    if event.kind == "drop" and passes.begins(event):
        why = (
            f"the {nth} pass over the data begins here, so the network has seen these examples before; with few epochs "
            "training loss falls in a stair at each"
        )
        return replace(event, cause="new epoch", why=why)
    if (period := _period(event, events)) is not None:
        why = f"it comes back every {period:,.6g} {event.unit}s: a rhythm of the training, such as passes over the data"
        return replace(event, cause="periodic", why=f"{why} in one order")
    if event.kind == "rise" and _diverged(event, log):
        return replace(event, cause="divergence", why="from here on the training loss is not finite: training diverged")
    others = [m for curve in log.judged if curve is not event.curve and (m := moved(curve, event)) is not None]
    told = {e.curve.name for e in events if e.kind == event.kind and at_once(e, event)}
    same = clauses([m for m in others if m.way and m.curve.name not in told], -1 if event.kind == "drop" else 1)
    if switched := _switched_off(event, others, log, told):
        denied = _denied(event, schedule, log) if schedule.known else UNTOLD
        return replace(event, cause="augmentation switched off?", why=f"{denied}; {switched}")
    cause, why = _apart(event, others)
    if not schedule.known:
        more = [why] if why else same
        ends = UNTOLD + ("" if passes.known else OR_A_PASS_UNKNOWN)
        return replace(event, cause="unknown", why="; ".join([ends, *more]))
    if cause:
        return replace(event, cause=cause, why=f"{_denied(event, schedule, log)}; {why}")
    more = WHAT_ELSE + ("" if passes.known or event.kind == "rise" else OR_A_PASS)
    return replace(event, cause="not the schedule", why="; ".join([_denied(event, schedule, log), *same, more]))


OR_A_PASS_UNKNOWN = " and no epochs; a change of the rate or a new pass over the data would look like this"


def clauses(others: list[Moved], way: int) -> list[str]:
    """`test error fell as well`, `test error rose at the same time`, each from the curve's own values."""
    return [f"{m.curve.name} {m.word} {'as well' if m.way == way else 'at the same time'}" for m in others]


def _denied(event: Event, schedule: Schedule, log: Log) -> str:
    """That the schedule does not explain an event, as far as that is so at its place."""
    here = [c for c in schedule.changes if _at(event, c)]
    against = [c for c in here if c.cut not in (None, event.kind == "drop")]
    if here and not against:
        return f"the {here[0].what} changes near here, but too far away to explain it"
    if against:
        change = against[0]
        way = "rises" if change.cut is False else "falls"
        noise = "more" if change.cut is False else "less"
        return (
            f"the {change.what} changes here, but it {way}, which brings {noise} noise and does not explain a "
            f"{'fall' if event.kind == 'drop' else 'rise'}"
        )
    if "smooth" in schedule.kind and _moves(event, log):
        return "the learning rate moves gradually here"
    return "the schedule does not change here"


def _moves(event: Event, log: Log) -> bool:
    """Whether the rate moves around an event; true where the log does not hold the rate."""
    told = [log.settings[name] for name in ("learning rate", "reductions") if name in log.settings]
    if not told:
        return True
    rows, values = max(told, key=lambda setting: len(np.unique(setting[1])))
    near = event.curve.rows[max(0, event.point - SIDE) : event.point + SIDE]
    seen = values[np.maximum(np.searchsorted(rows, near, side="right") - 1, 0)]
    return bool(np.ptp(seen) > 1e-6 * seen.max())


def _at(event: Event, change: Change) -> bool:
    first, last = change.points(event.curve)
    return first - NEARBY <= event.point <= last + NEARBY


def _said(event: Event, log: Log, kind: str) -> str | None:
    """What the log says of a kind just before an event, in the interval between two points of its curve or one
    beside."""
    rows = event.curve.rows
    start, end = rows[max(0, event.point - 1 - NEARBY)], rows[min(len(rows) - 1, event.point)]
    texts = [what.text for row, what in log.said if what.kind == kind and start <= row <= end]
    return texts[-1] if texts else None


def _spike(event: Event, schedule: Schedule) -> str:
    """Why a fall is only the end of a spike."""
    raised = [c for c in schedule.changes if c.cut is False and 0 <= event.point - c.points(event.curve)[0] < 10]
    up = (
        "the curve had gone up when the rate was raised, and came back"
        if raised
        else "the curve had jumped up and came back"
    )
    return f"{up}; the level before the spike is the one to compare with"


def _period(event: Event, events: list[Event]) -> float | None:
    """The spacing of labels of an event that is one of PERIODIC or more of its kind and curve, evenly spaced."""
    labels = np.array([e.label for e in events if e.kind == event.kind and e.curve is event.curve and e.change is None])
    if len(labels) < PERIODIC:
        return None
    labels = np.unique(labels)
    gaps = np.diff(labels)
    usual = float(np.median(gaps))
    near = np.abs(gaps / usual - np.round(gaps / usual)) < 0.1
    mine = np.flatnonzero(labels == event.label)[0]
    beside = near[max(0, mine - 1) : mine + 1]
    return usual if near.mean() > 0.8 and beside.any() else None


def _near_label(event: Event, label: float) -> bool:
    at = int(np.searchsorted(event.curve.labels, label))
    return abs(event.point - at) <= NEARBY


def _diverged(event: Event, log: Log) -> bool:
    """Whether a training curve ends, for lack of finite values, where a held-out curve rises and goes on."""
    start, rows = event.curve.rows[event.point - 1], event.curve.rows
    ends = [curve.rows[-1] for curve in log.judged if curve.split == "train" and curve is not event.curve]
    return event.curve.split != "train" and any(rows[max(0, event.point - 3)] <= end <= start + 1 for end in ends)


def _switched_off(event: Event, others: list[Moved], log: Log, told: set[str]) -> str:
    """Of a detector whose curves fall together 10, 15 or 20 epochs before the end: that this is when augmentation
    ends. `told`: the curves of which it is said anyway that they fell."""
    axis = log.axis
    if event.kind != "drop" or axis.unit != "epoch" or not axis.whole:
        return ""
    left = round(float(np.nanmax(axis.labels)) - event.label) + 1
    names = [c.column for c in log.curves] + [c.metric for c in log.curves]
    detects = any(word in name for word in DETECTS for name in names)
    if left not in (*LAST_EPOCHS, *(n + 1 for n in LAST_EPOCHS)) or not detects:
        return ""
    both = event.curve.split == "train" or any(m.curve.split == "train" and m.way == -1 for m in others)
    if not both:
        return ""
    least = min(LAST_EPOCHS, key=lambda n: abs(n - left))
    fell = [m.curve.name for m in others if m.way == -1 and m.curve.name not in told]
    with_it = f"{joined(fell)} fell as well; " if fell else ""
    return (
        f"{with_it}this is {least} epochs before the end, where detectors switch mosaic and other "
        f"augmentation off by default "
        "(close_mosaic): training becomes easier and nearer to the test"
    )


def _apart(event: Event, others: list[Moved]) -> tuple[str, str]:
    """(cause, why) where training and held-out curves part ways at the event; empty where they do not, or noise hides
    it."""
    trained = [m for m in others if m.curve.split == "train"]
    held = [m for m in others if m.curve.split in ("test", "validation")]
    fell = event.kind == "drop"
    against = 1 if fell else -1
    if event.curve.split == "train" and held and all(m.way in (0, against) for m in held):
        if fell:
            return "training made easier (augmentation?)", f"only training fell, {_how(held)}{TRAINING_ONLY}"
        return "training made harder (augmentation?)", f"only training rose, {_how(held)}{TRAINING_HARDER}"
    if event.curve.split in ("test", "validation") and trained and all(m.way in (0, against) for m in trained):
        if not any(m.way for m in trained):
            return "evaluation changed", f"only held-out data {_fell(fell)}, {_how(trained)}{HELD_ALONE}"
        cause = "training task changed (augmentation, resolution?)"
        return cause, f"held-out data {_fell(fell)}, {_how(trained)}{HELD_FELL if fell else HELD_ROSE}"
    return "", ""


def _fell(fell: bool) -> str:
    return "fell" if fell else "rose"


def _how(others: list[Moved]) -> str:
    """`training rose (train loss)`, `held-out data hardly moved (test error)`, or of each what it did."""
    if len({m.way for m in others}) > 1:
        return " and ".join(f"{m.curve.name} {m.word}" for m in others)
    what = "training" if others[0].curve.split == "train" else "held-out data"
    return f"{what} {others[0].word} ({joined([m.curve.name for m in others])})"
