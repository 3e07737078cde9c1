"""When the learning rate or the batch size changed: from the log's own columns, or as the user states it.

A sudden change is a step of at least SUDDEN between settled levels: the changes around it are smaller by CALM, both as
ratios and as differences. So neither a warm-up nor a cosine, a cycle or a decay a little every epoch has any, whereas a
division at a milestone and the rise of a warm restart have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import UserError
from ..figures.words import joined
from .readers import Curve, Log

SUDDEN = 1.4  # a factor; 0.7 is the mildest of the factors that people divide by
CALM = 3.0
BACK = 2.0  # the same for changes the other way
AROUND = 2  # points on either side that must be calm
FEW_MOVES = 4  # a setting that moves no more often than this goes in steps, even close to each other
SMOOTH_STEP = 0.002  # relative change of a setting that counts as one
SMOOTH = ("cosine", "linear", "exponential", "polynomial", "cyclic", "onecycle", "smooth")


@dataclass(frozen=True)
class Change:
    """One sudden change of a setting.

    what: learning rate, batch size, or schedule where the user gave only the time. before, after: the setting, None
    where it is not known. cut: whether noise fell (rate down or batch up), None where not known. after_row, by_row: the
    change happened after the first record and by the second. label: the log's number where it is first seen. milestone:
    epochs completed, or evaluated points of the finest curve where the log has no epochs (`counted` is then False).
    """

    what: str
    before: float | None
    after: float | None
    cut: bool | None
    after_row: int
    by_row: int
    label: float
    milestone: float
    counted: bool = True

    def points(self, curve: Curve) -> tuple[int, int]:
        """(first, last): the indices of the points of a curve of which one is the first after the change."""
        low = int(np.searchsorted(curve.rows, self.after_row, side="right"))
        return low, max(low, int(np.searchsorted(curve.rows, self.by_row, side="left")))


@dataclass(frozen=True)
class Schedule:
    """kind: unknown, constant, steps, smooth, or both. source: where it is known from. changes: the sudden ones."""

    kind: str
    source: str
    changes: list[Change] = field(default_factory=list)

    @property
    def known(self) -> bool:
        return self.kind != "unknown"


def from_log(log: Log) -> Schedule:
    """The schedule that the log tells: its columns, messages of reductions, or else its configuration."""
    names = [name for name in ("learning rate", "batches per epoch", "batch size") if name in log.settings]
    if "batches per epoch" in names and "batch size" in names:
        names.remove("batch size")  # how many batches there were is what happened; the size may be what is to come
    if "learning rate" in names and _only_configured(log):
        names.remove("learning rate")
    found, smooth = [], False
    sources: list[str] = []
    for name in names:
        changes, gradual = sudden(log, name, *log.settings[name])
        found += changes
        smooth |= gradual and name == "learning rate"
        if name == "learning rate" or changes:
            sources.append(name)
    if "learning rate" not in names and "reductions" in log.settings:
        found += reductions(log)
        sources.append("messages that the learning rate was reduced")
    if not (found or smooth) and log.hint and log.hint[1] and (hinted := from_hint(log)).changes:
        return hinted  # the rate that stands in each record is the configured one
    if not found and "learning rate" not in names:
        return from_hint(log)
    kinds = {(True, True): "steps and smooth", (True, False): "steps", (False, True): "smooth"}
    kind = kinds.get((bool(found), smooth), "constant")
    return Schedule(kind, f"the log's {' and '.join(sources)}", sorted(found, key=lambda change: change.by_row))


def _only_configured(log: Log) -> bool:
    """Whether the rate is written once or twice, as a setting, and not along with the training."""
    rows, values = log.settings["learning rate"]
    return bool(len(rows) < 3 and np.ptp(values) == 0 and len(log.main.values) >= 3 * len(rows) + 3)


def reductions(log: Log) -> list[Change]:
    """Changes of which only messages tell, such as `reducing learning rate to 0.001`; they hold afterwards."""
    grid = max(log.curves, key=lambda curve: len(curve.rows))
    rows, values = log.settings["reductions"]
    before: float | None = None
    changes = []
    for row, value in zip(rows, values, strict=True):
        point = int(np.searchsorted(grid.rows, row, side="right"))
        if value != before and point < len(grid.rows):
            label, milestone = _numbers(log, grid, int(grid.rows[point]), point)
            cut = before is None or bool(value < before)
            change = Change("learning rate", before, float(value), cut, int(row), int(row) + 1, label, milestone)
            changes.append(replace(change, counted=_counts_epochs(log)))
        before = float(value)
    return changes


def from_hint(log: Log) -> Schedule:
    """The schedule by the milestones that the log's configuration names, if it does and they lie within the log."""
    if log.hint is None:
        return Schedule("unknown", "")
    key, numbers = log.hint
    source = f"the log's configuration, {key}"
    if not numbers:
        return Schedule("constant", source)
    last = float(np.nanmax(_clock(log, max(numbers), None)[0]))
    within = [n for n in numbers if n < last]
    if not within:
        return Schedule("unknown", "")
    found = stated(log, within)
    return Schedule(found.kind, f"{source}: {', '.join(f'{n:g}' for n in numbers)}", found.changes)


def sudden(log: Log, name: str, rows: np.ndarray, values: np.ndarray) -> tuple[list[Change], bool]:
    """(sudden changes of a setting, whether it also moves gradually), seen at the points of the finest curve."""
    grid = max(log.curves, key=lambda curve: len(curve.rows))
    at = np.searchsorted(rows, grid.rows, side="right") - 1
    seen = values[np.maximum(at, 0)]
    floor = 1e-6 * values.max()
    logs = np.diff(np.log(np.maximum(seen, floor)))
    steps = np.diff(seen)
    changes = []
    moves = np.abs(logs) > SMOOTH_STEP
    for k in np.flatnonzero(np.abs(logs) >= math.log(SUDDEN)).tolist():
        if name == "learning rate" and logs[k] > 0 and (k < AROUND or seen[k + 1] < values.max() / 10):
            continue  # what rises at the very beginning, or from nothing to little, is a warm-up
        near = [j for j in range(max(0, k - AROUND), min(len(logs), k + AROUND + 1)) if j != k]
        if moves.sum() <= FEW_MOVES and not moves[[j for j in near if abs(j - k) == 1]].any():
            near = []  # levels between a few steps, however short: 80 % and 90 % of a short run
        # what moves the other way around it, as a cosine does before a warm restart, may be larger
        ratios = [abs(logs[j]) * (CALM if logs[j] * logs[k] > 0 else BACK) for j in near]
        if max(ratios, default=0) > abs(logs[k]) or any(abs(steps[j]) > abs(steps[k]) / CALM for j in near):
            continue
        inside = np.arange(
            max(at[k], 0), at[k + 1] + 1
        )  # the records of this interval; the largest step in it is the change
        if len(inside) < 2:
            continue
        inner = int(np.abs(np.diff(np.log(np.maximum(values[inside], floor)))).argmax())
        after_row, by_row = int(rows[inside[inner]]), int(rows[inside[inner + 1]])
        before, after = float(seen[k]), float(seen[k + 1])
        cut = (after < before) == (name != "batch size")
        what = "learning rate" if name == "learning rate" else name
        label, milestone = _numbers(log, grid, by_row, int(k) + 1)
        changes.append(Change(what, before, after, cut, after_row, by_row, label, milestone, _counts_epochs(log)))
    gradual = (np.abs(logs) > SMOOTH_STEP).sum() > len(changes) + max(2, 0.05 * len(logs))
    return changes, bool(gradual)


def _numbers(log: Log, grid: Curve, row: int, point: int) -> tuple[float, float]:
    """(label, milestone) of a change that is first seen at a row and a point of the finest curve."""
    axis = log.axis
    seen = row if axis.own is None or axis.own[row] else int(grid.rows[point])
    if axis.whole and axis.completed is not None:
        return float(axis.labels[seen]), float(axis.completed[seen] - 1)
    if axis.completed is not None:
        before, after = float(axis.completed[max(row - 1, 0)]), float(axis.completed[row])
        whole = float(np.floor(after - 1e-9))  # a change at the turn of an epoch, seen a little later
        return float(axis.labels[row]), whole if before <= whole + 1e-9 else before
    return float(axis.labels[row]), float(point)


def _counts_epochs(log: Log) -> bool:
    """Whether milestones are numbers of epochs, not of points."""
    return log.axis.whole or log.axis.completed is not None


def stated(log: Log, milestones: Sequence[float], steps_per_epoch: float | None = None) -> Schedule:
    """The schedule of which only the times are given: numbers of completed epochs.

    In a log without epochs they are numbers of evaluated points, or steps where they exceed those. UserError for a time
    beyond the log.
    """
    changes = []
    rows, unit = _clock(log, max(milestones, default=0), steps_per_epoch)
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


def _clock(log: Log, largest: float, steps_per_epoch: float | None) -> tuple[np.ndarray, str]:
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
    rows, _ = _clock(log, max(times), steps_per_epoch)
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
