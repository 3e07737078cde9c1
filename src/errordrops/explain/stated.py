"""Schedules that a user states: times alone, or `step:30:0.1`."""

import math
from collections.abc import Sequence

import numpy as np

from ..errors import UserError
from ..figures.words import joined
from .changes import Change, Schedule
from .readers import Log

SMOOTH = ("cosine", "linear", "exponential", "polynomial", "cyclic", "onecycle", "smooth")


def stated(log: Log, milestones: Sequence[float], steps_per_epoch: float | None = None) -> Schedule:
    """The schedule of which only the times are given: numbers of completed epochs.

    In a log without epochs they are numbers of evaluated points, or steps where they exceed those. UserError for a time
    beyond the log.
    """
    changes = []
    rows, unit = clock(log, max(milestones, default=0), steps_per_epoch)
    last = float(np.nanmax(rows))
    beyond = [m for m in sorted(set(milestones)) if m >= last - 1e-9]
    for milestone in sorted(set(milestones) - set(beyond)) or beyond:
        later = np.flatnonzero(rows > milestone + 1e-9)
        if milestone <= 0 or not len(later):
            raise UserError(f"milestone {milestone:g} lies outside the log, which ends after {last:g} {unit}")
        row = int(later[0])
        label = float(log.axis.labels[row])
        changes.append(Change("schedule", None, None, None, row - 1, row, label, float(milestone)))
    ends = f"; the log ends after {last:g} {unit}, before {joined([f'{m:g}' for m in beyond])}" if beyond else ""
    return Schedule("steps" if changes else "constant", f"what you stated{ends}", changes)


def clock(log: Log, largest: float, steps_per_epoch: float | None) -> tuple[np.ndarray, str]:
    """(what is completed at each row, its unit), in the unit in which milestones count."""
    axis = log.axis
    if steps_per_epoch and axis.unit == "step":
        return axis.labels / steps_per_epoch, "epochs"
    if axis.completed is not None and (axis.whole or largest <= np.nanmax(axis.completed)):
        return axis.completed, "epochs"
    if largest <= len(log.main.rows) or axis.unit == "record":
        points = np.searchsorted(log.main.rows, np.arange(len(axis.labels)), side="left") + 1
        return points.astype(float), "evaluated points"
    return axis.labels, "steps"


def parse(text: str, log: Log, steps_per_epoch: float | None = None) -> Schedule:
    """The schedule that `--lr-schedule` states: step:30:0.1, multistep:30,60:0.1, constant, cosine, linear, ...

    UserError for anything else. The factor may be left out.
    """
    name, _, rest = text.strip().lower().partition(":")
    try:
        if name == "constant" and not rest:
            return Schedule("constant", "what you stated")
        if name in SMOOTH:
            return Schedule("smooth", "what you stated")
        numbers, _, factor = rest.partition(":")
        cut = float(factor) if factor else None
        times = [float(n) for n in numbers.split(",")]
        if name not in ("step", "multistep") or min(times) <= 0 or not all(map(math.isfinite, times)):
            raise ValueError
        if cut is not None and not 0 < cut < math.inf:
            raise ValueError
    except ValueError:
        raise UserError(
            f"--lr-schedule {text!r} is not understood: say step:30:0.1 (every 30 epochs times 0.1), "
            f"multistep:30,60:0.1, constant, or one of {', '.join(SMOOTH)}"
        ) from None
    rows, _ = clock(log, max(times), steps_per_epoch)
    last = float(np.nanmax(rows))
    if name == "step":
        if last / times[0] > 10_000:
            raise UserError(f"--lr-schedule {text!r} would change the rate {last / times[0]:.0f} times in this log")
        times = [times[0] * k for k in range(1, math.ceil(last / times[0]))]
    found = stated(log, [t for t in times if t < last], steps_per_epoch)
    if cut is None:
        return found
    changes = [
        Change("learning rate", 1.0, cut, cut < 1, c.after_row, c.by_row, c.label, c.milestone) for c in found.changes
    ]
    return Schedule(found.kind, found.source, changes)
