"""When the learning rate or the batch size changed, from what the log itself tells.

Three sources, in this order of trust: a column that was written along with the training; messages, such as `Change
learning rate to 0.01` or the `lr=` of a restart, each of which dates its change; the configuration that was printed.
Where a column holds the initial rate all along, the other two count.
"""

from dataclasses import replace

import numpy as np

from .known_changes import Change, Schedule, merged
from .rates import MANY_TURNS, steps, turns
from .readers import Curve, Log
from .stated import clock, parse, stated
from .wording import number

__all__ = ["Change", "Schedule", "from_log", "parse", "stated"]

RARE = 0.5  # observations of a rate per point of the finest curve; fewer, and most of them new, are messages


def from_log(log: Log) -> Schedule:
    """The schedule that the log tells."""
    found: list[Change] = []
    sources: list[str] = []
    notes: list[str] = []
    for name in ("batches per epoch", "batch size"):
        if name in log.settings and not (name == "batch size" and "batches per epoch" in log.settings):
            # of the two, how many batches there were is what happened; the size may be what is to come
            changes, _ = sudden(log, name, *log.settings[name])
            found += changes
            sources += [name] if changes else []
    rate, smooth, source = learning_rate(log)
    if source:
        sources.insert(0, source)
    configured = from_hint(log)
    if (
        not rate and not smooth and (configured.changes or configured.kind == "smooth")
    ):  # the rate that stands in each record is the configured one
        if column := log.settings.get("learning rate"):
            moves = "that it moves gradually" if configured.kind == "smooth" else "the changes"
            notes.append(
                f"the log's learning rate stays at {column[1][-1]:g}, which seems to be the initial one; the "
                f"configuration ({configured.source.partition(', ')[2]}) names {moves}"
            )
        return replace(configured, notes=notes, changes=merged([*configured.changes, *found]))
    if not source and not found:
        return configured
    if rate and configured.changes and (odd := _differs(log, rate, configured.changes)):
        notes.append(
            f"the configuration ({configured.source.partition(', ')[2]}) and the {source} of the log "
            f"disagree{odd}; what is "
            f"said here follows the {source}"
        )
    found = merged([*rate, *found])
    gradual = described(log, rate) if smooth else ""
    kinds = {(True, True): "steps and smooth", (True, False): "steps", (False, True): "smooth"}
    kind = kinds.get((bool(found), smooth), "constant")
    if not source and not found:
        kind = "unknown"
    return Schedule(kind, f"the log's {' and '.join(sources)}", found, gradual, notes)


def learning_rate(log: Log) -> tuple[list[Change], bool, str]:
    """(sudden changes of the learning rate, whether it moves gradually, where that is told); nothing where it is
    not."""
    column, told = log.settings.get("learning rate"), log.settings.get("reductions")
    if column is not None and not _messages(log, *column):
        if not _only_configured(log):
            changes, smooth = sudden(log, "learning rate", *column)
            if changes or smooth or told is None:
                return changes, smooth, "learning rate"
        if told is None:
            return [], False, ""
    if column is None and told is None:
        return [], False, ""
    parts = [part for part in (column, told) if part is not None]
    rows, values = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    order = np.argsort(rows, kind="stable")
    changes, smooth = messages(log, rows[order], values[order])
    return changes, smooth, "messages about the learning rate"


def _differs(log: Log, rate: list[Change], configured: list[Change]) -> str:
    """How the changes of a column and of the configuration part: empty where each has its like within one epoch, or by
    the log's labels within two points."""
    near = 2 * float(np.median(np.diff(_grid(log).labels)))
    pairs = list(zip(sorted(rate, key=_time), sorted(configured, key=_time), strict=False))
    if len({c.by_row for c in rate}) == len({c.by_row for c in configured}) and (
        all(abs(a.milestone - b.milestone) <= 1 for a, b in pairs)
        or all(abs(a.label - b.label) <= near for a, b in pairs)
    ):
        return ""
    named = [c.milestone for c in configured]
    seen = [c.milestone if c.counted else c.label for c in rate]
    listed = [", ".join(f"{n:g}" for n in sorted(set(numbers))) for numbers in (named, seen)]
    return f" ({listed[0]} and {listed[1]})"


def _time(change: Change) -> int:
    return change.by_row


def _messages(log: Log, rows: np.ndarray, values: np.ndarray) -> bool:
    """Whether a rate was written when it changed, and not along with the training: rarely, and mostly a new one."""
    if len(rows) < 2 or len(rows) > RARE * len(log.main.values):
        return False
    return bool(np.mean(np.diff(values) != 0) >= 0.6)


def _only_configured(log: Log) -> bool:
    """Whether the rate is written once or twice, as a setting, and not along with the training."""
    rows, values = log.settings["learning rate"]
    return bool(len(rows) < 3 and np.ptp(values) == 0 and len(log.main.values) >= 3 * len(rows) + 3)


def messages(log: Log, rows: np.ndarray, values: np.ndarray) -> tuple[list[Change], bool]:
    """(changes of which only messages tell, whether they make a gradual motion). Each holds from its record on; of
    several between two points of the curves the last counts."""
    grid = _grid(log)
    points = np.searchsorted(grid.rows, rows, side="right")
    last = np.append(points[1:] != points[:-1], True)
    rows, values, points = rows[last], values[last], points[last]
    known = points[0] == 0
    ratios = values[1:] / np.maximum(values[:-1], 1e-300)
    first = values[0] if known else values[0] / (float(np.median(ratios)) if len(ratios) > 1 else 0.1)
    place = np.searchsorted(points, np.arange(len(grid.rows)), side="right") - 1
    seen = np.where(place >= 0, values[np.maximum(place, 0)], first)
    if not seen.max() > 0:
        return [], False
    found, gradual = steps(seen, rate=False)
    changes = []
    for k in found:
        row = int(rows[place[k + 1]])
        before = None if place[k] < 0 else float(seen[k])
        cut = None if before is None else bool(seen[k + 1] < seen[k])
        label, milestone = _numbers(log, grid, int(grid.rows[k + 1]), k + 1)
        changes.append(
            Change(
                "learning rate", before, float(seen[k + 1]), cut, row, row + 1, label, milestone, _counts_epochs(log)
            )
        )
    return changes, gradual


def from_hint(log: Log) -> Schedule:
    """The schedule by the milestones that the log's configuration names, if it does and they lie within the log."""
    if log.hint is None:
        return Schedule("unknown", "")
    source = f"the log's configuration, {log.hint.key}"
    if log.hint.smooth:
        return Schedule("smooth", source)
    if not log.hint.milestones and not log.hint.every:
        return Schedule("constant", source)
    numbers = log.hint.milestones or [log.hint.every]
    last = float(np.nanmax(clock(log, max(numbers), None)[0]))
    if log.hint.every and last / log.hint.every < 50:
        numbers = list(np.arange(log.hint.every, last, log.hint.every))
    within = [n for n in numbers if n < last]
    if not within:
        return Schedule("unknown", "")
    found = stated(log, within)
    listed = f"every {log.hint.every:g}" if log.hint.every else ", ".join(f"{n:g}" for n in numbers)
    return Schedule(found.kind, f"{source}: {listed}", found.changes)


def sudden(log: Log, name: str, rows: np.ndarray, values: np.ndarray) -> tuple[list[Change], bool]:
    """(sudden changes of a setting, whether it also moves gradually), seen at the points of the finest curve."""
    grid = _grid(log)
    at = np.searchsorted(rows, grid.rows, side="right") - 1
    seen = values[np.maximum(at, 0)]
    floor = 1e-6 * values.max()
    found, gradual = steps(seen, rate=name == "learning rate")
    changes = []
    for k in found:
        inside = np.arange(
            max(at[k], 0), at[k + 1] + 1
        )  # the records of this interval; the largest step in it is the change
        if len(inside) < 2:
            continue
        inner = int(np.abs(np.diff(np.log(np.maximum(values[inside], floor)))).argmax())
        after_row, by_row = int(rows[inside[inner]]), int(rows[inside[inner + 1]])
        before, after = float(seen[k]), float(seen[k + 1])
        cut = (after < before) == (name != "batch size")
        label, milestone = _numbers(log, grid, by_row, int(k) + 1)
        changes.append(Change(name, before, after, cut, after_row, by_row, label, milestone, _counts_epochs(log)))
    return changes, gradual


def described(log: Log, sudden_ones: list[Change]) -> str:
    """How a gradual rate moves apart from its sudden changes, with its turning points: `rises until epoch 5, then falls
    to the end`."""
    parts = [log.settings[name] for name in ("learning rate", "reductions") if name in log.settings]
    if not parts:
        return ""
    rows, values = max(parts, key=lambda part: len(np.unique(part[1])))
    grid = _grid(log)
    seen = values[np.maximum(np.searchsorted(rows, grid.rows, side="right") - 1, 0)]
    edges = [min(c.points(grid)[1], len(seen) - 1) for c in sudden_ones if c.cut is False]
    if edges:  # warm restarts
        shapes = {tuple(way for _, way in turns(part)) for part in np.split(seen, sorted(set(edges))) if len(part) > 2}
        same = next(iter(shapes)) if len(shapes) == 1 else ()
        return (
            f"it moves gradually: between these it {same[0]}" if len(same) == 1 else "it moves gradually between these"
        )
    for change in sudden_ones:
        at = min(change.points(grid)[1], len(seen) - 1)
        if at and seen[at] > 0 and seen[at - 1] > 0:
            seen = np.where(np.arange(len(seen)) >= at, seen * (seen[at - 1] / seen[at]), seen)
    found = turns(seen)
    unit = log.axis.unit
    if len(found) > MANY_TURNS:
        tops = [k for (k, way), (_, last) in zip(found[1:], found, strict=False) if way == "falls" and last == "rises"]
        tops = tops or [k for k, way in found if way == "falls"]
        highest = [float(grid.labels[k]) for k in tops]
        every = number(float(np.median(np.diff(highest)))) if len(highest) > 1 else "a few"
        more = ", ..." if len(highest) > 4 else ""
        listed = ", ".join(map(number, highest[:4])) + more
        return f"it moves gradually: in cycles of {every} {unit}s, highest at {unit}s {listed}"
    ways = []
    for place, (_, way) in enumerate(found):
        last = place + 1 == len(found)
        until = "to the end" if last else f"until {unit} {number(float(grid.labels[found[place + 1][0]]))}"
        ways.append(f"{way} {until}")
    return f"it moves gradually: it {', then '.join(ways)}"


def _grid(log: Log) -> Curve:
    """The curve with the most points."""
    return max(log.curves, key=lambda curve: len(curve.rows))


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
