"""What a drop or rise can be that is at no change of the schedule, said only as far as the curves show it."""

import math
from dataclasses import replace

import numpy as np

from .moments import NEARBY, SIDE, Event
from .readers import Curve, Log
from .schedule import Schedule

PERIODIC = 5
FEW_EPOCHS = 12  # of so few epochs each is a pass that shows

TRAIN_FELL = (
    "only training fell, held-out data {how}: the training task became easier (augmentation, mixup, label smoothing or "
    "dropout reduced or switched off), or a term left the loss, or the network began to memorise"
)
TRAIN_ROSE = (
    "only training rose, held-out data {how}: the training task became harder (stronger augmentation, a larger "
    "resolution), or a term entered the loss"
)
HELD_ALONE = (
    "only held-out data moved, training did not: what is evaluated changed (averaged weights, batch-norm statistics, "
    "resolution, the data)"
)
HELD_FELL = (
    "held-out data fell while training rose: the training task became harder or nearer to the test (resolution raised, "
    "augmentation changed), or a term entered the loss"
)
HELD_ROSE = (
    "held-out data rose while training fell: training left the test behind (augmentation switched off, another data "
    "set, over-fitting)"
)
WHAT_ELSE = "look for what else changed here: another setting, the data, the resolution, a restart"


def otherwise(event: Event, events: list[Event], log: Log, schedule: Schedule) -> Event:
    """The event with its cause, which is not the schedule as far as that is known."""
    if event.kind == "recovery":
        return replace(event, cause="recovery from a spike", why=_spike(event, schedule))
    if (period := _period(event, events)) is not None:
        why = f"it comes back every {period:,.6g} {event.unit}s: a rhythm of the training, such as passes over the data"
        return replace(event, cause="periodic", why=f"{why} in one order")
    if any(_near_label(event, label) for label in log.axis.restarts):
        why = "the log goes back to an earlier epoch or step here: training was resumed, perhaps with other settings"
        return replace(event, cause="restart", why=why)
    if event.kind == "drop" and _new_pass(event, log):
        why = "a new pass over the data begins here: the network has seen these examples before"
        return replace(event, cause="new epoch", why=why)
    if event.kind == "rise" and _diverged(event, log):
        return replace(event, cause="divergence", why="from here on the training loss is not finite: training diverged")
    moved = _others(event, log)
    cause, why = _apart(event, moved)
    told = {e.curve.name for e in events if e.kind == event.kind and _together(e, event)}
    same = [f"{name} {'fell' if m < 0 else 'rose'} as well" for name, m in moved.items() if m and name not in told]
    if not schedule.known:
        more = [why] if why else same
        return replace(event, cause="unknown", why="; ".join(["the log tells no learning rate", *more]))
    if cause:
        return replace(event, cause=cause, why=why)
    source = f" ({schedule.source})" if schedule.source else ""
    here = f"moves gradually{source}" if "smooth" in schedule.kind else f"does not change here{source}"
    return replace(event, cause="not the schedule", why="; ".join([f"the schedule {here}", *same, WHAT_ELSE]))


def _together(one: Event, other: Event) -> bool:
    """Whether two events are one and the same, so that neither need be told of the other."""
    rows = other.curve.rows
    before, after = rows[max(0, other.point - 2)], rows[min(len(rows) - 1, other.point + 1)]
    return bool(before <= one.curve.rows[one.point] <= after)


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


def _diverged(event: Event, log: Log) -> bool:
    """Whether a training curve ends, for lack of finite values, where a held-out curve rises and goes on."""
    start, rows = event.curve.rows[event.point - 1], event.curve.rows
    ends = [curve.rows[-1] for curve in log.judged if curve.split == "train" and curve is not event.curve]
    return event.curve.split != "train" and any(rows[max(0, event.point - 3)] <= end <= start + 1 for end in ends)


def shift(curve: Curve, point: int) -> tuple[float, float]:
    """(how far the logarithm of a curve moves at a point beyond its trend, the same in noise deviations).

    Negative = fell. Zero where the point is too near an end."""
    y = np.log(np.maximum(curve.values, 1e-6 * max(curve.values.max(), 1e-12)))
    before, after = y[max(0, point - SIDE) : point], y[point : point + SIDE]
    if len(before) < 3 or len(after) < 3:
        return 0.0, 0.0
    steps = np.diff(y[max(0, point - 24) : point + 24])
    noise = max(1e-4, 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2))
    earlier = y[max(0, point - 2 * SIDE) : max(0, point - SIDE)]
    trend = float(np.median(before) - np.median(earlier)) if len(earlier) >= 3 else 0.0
    moved = float(np.median(after) - np.median(before)) - trend
    return moved, moved / noise


def _others(event: Event, log: Log) -> dict[str, int | None]:
    """The other judged curves, by name: -1 where one fell with the event, 1 where it rose, 0 where it clearly did
    neither, None where its noise does not tell."""
    row = event.curve.rows[event.point]
    size = abs(shift(event.curve, event.point)[0])
    out: dict[str, int | None] = {}
    for curve in log.judged:
        if curve is event.curve:
            continue
        point = int(np.searchsorted(curve.rows, row, side="left"))
        near = [shift(curve, p) for p in (point - 1, point, point + 1) if p > 0]
        moved, deviations = max(near, key=lambda found: abs(found[1]), default=(0.0, 0.0))
        if abs(deviations) > 3 and abs(moved) > 0.01:
            out[curve.name] = int(np.sign(moved))
        else:
            out[curve.name] = 0 if abs(moved) < size / 4 else None
    return out


def _apart(event: Event, moved: dict[str, int | None]) -> tuple[str, str]:
    """(cause, why) where training and held-out curves part ways at the event; empty where they do not, or noise hides
    it."""
    trained = [m for name, m in moved.items() if name.startswith("train")]
    held = [m for name, m in moved.items() if name.startswith(("test", "validation"))]
    fell = event.kind == "drop"
    with_it = -1 if fell else 1
    if event.curve.split == "train" and held and all(m in (0, -with_it) for m in held):
        how = "went the other way" if any(held) else "stayed where they were"
        if fell:
            return "training made easier (augmentation?)", TRAIN_FELL.format(how=how)
        return "training made harder (augmentation?)", TRAIN_ROSE.format(how=how)
    if event.curve.split in ("test", "validation") and trained and all(m in (0, -with_it) for m in trained):
        if not any(trained):
            return "evaluation changed", HELD_ALONE
        return "training task changed (augmentation, resolution?)", HELD_FELL if fell else HELD_ROSE
    return "", ""
