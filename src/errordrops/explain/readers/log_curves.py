"""From records to curves: which columns are curves, their units, and the points that are judged.

A point is one evaluation, or what `points` makes of more frequent records.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .axis import Axis, columns_of, find
from .column_names import TEST, TRAIN, VALIDATION, Meaning, meaning, stated
from .points import MOST, by_epoch, by_step, windows
from .records import LogError, Records
from .splits import HELD_OUT, splits_of
from .unknown import NoCurve, taken, without

FEW = 16  # points a grid of evaluations or epochs needs to average over
HUGE = 1e100
ORDER = {TEST: 0, VALIDATION: 1, "": 2, TRAIN: 3}


@dataclass(frozen=True)
class Curve:
    """One curve, as it is judged.

    name: split and metric. kind: error or loss. unit: `%` for errors, empty for losses. labels: the log's own number of
    each point, shape (n,). values: shape (n,), errors in percent. rows: the last record that each point rests on.
    how: what a point is, where it is not one record. left_out: why it is not judged, empty if it is.
    """

    name: str
    column: str
    split: str
    metric: str
    kind: str
    unit: str
    labels: np.ndarray
    values: np.ndarray
    rows: np.ndarray
    how: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Log:
    """What was understood of a log.

    settings: `learning rate`, `reductions` of it, `batch size`, `batches per epoch`, each (rows, values). hint: (key,
    milestones) that the log's configuration names.
    columns: (name, what it was taken for) of every column. records: how many there are.
    """

    source: str
    format: str
    axis: Axis
    curves: list[Curve]
    settings: dict[str, tuple[np.ndarray, np.ndarray]]
    columns: list[tuple[str, str]]
    notes: list[str]
    records: int
    hint: tuple[str, list[float]] | None = None
    judged: list[Curve] = field(default_factory=list)

    @property
    def main(self) -> Curve:
        """The curve that numbers of a schedule refer to: of the judged ones the first."""
        return self.judged[0]


def understand(records: Records, source: str, named: dict[str, str] | None = None) -> Log:
    """Curves and settings of records. `named`: column to meaning, in words such as `test error` or `lr`.

    Raises LogError where no curve is left, UserError for a column or meaning that does not exist.
    """
    given = {}
    for name, meant in (named or {}).items():
        if name not in records.table:
            raise without(name, records)
        given[name] = stated(meant, name)
    table = records.table
    known = {name: given.get(name) or meaning(name) for name in table.columns}
    meanings = {name: m for name, m in known.items() if m}
    if not any(m.role == "metric" for m in meanings.values()):
        raise NoCurve(source, records, given)
    metrics = [n for n, m in meanings.items() if m.role == "metric" and usable(table[n]).sum() > 1]
    roles = {name: m.role for name, m in given.items()}
    axis, table, notes = find(records, roles, metrics)
    metrics = [n for n in metrics if usable(table[n]).sum() > 1]  # also without what a restart made void
    splits = splits_of({n: meanings[n] for n in metrics}, table, Path(source).stem)
    scale = _scales(table, splits, records.percent)
    curves = []
    grid = _grid(table, axis, splits)
    for name in metrics:
        curve = _curve(table, axis, name, splits[name], scale[name], grid, name in records.running, notes)
        if curve is not None:
            curves.append(curve)
    if not curves:
        why = f": {'; '.join(notes)}" if notes else ""
        raise LogError(f"{source} holds no curve of two points or more{why}")
    curves = _without_repeats(sorted(curves, key=_place), {c: splits[c].rank for c in metrics}, set(given))
    settings = {
        "learning rate": _setting(table, columns_of(table, "lr", roles)),
        "reductions": _setting(table, columns_of(table, "reduced", roles)),
        "batch size": _setting(table, columns_of(table, "batch", roles)),
        "batches per epoch": _setting(table, columns_of(table, "batches", roles)),
    }
    if axis.whole and axis.unit == "epoch" and (rate := settings["learning rate"]) is not None:
        settings["learning rate"] = _of_epochs(axis, *rate)
    told = [(str(name), _told(meanings.get(name), splits.get(name))) for name in records.table.columns]
    judged = [curve for curve in curves if not curve.left_out]
    known = {name: found for name, found in settings.items() if found is not None}
    return Log(
        source, records.format, axis, curves, known, told, records.notes + notes, len(table), records.hint, judged
    )


def usable(values: pd.Series | np.ndarray) -> np.ndarray:
    """Which values are numbers that a curve can have: what has diverged is as good as not evaluated."""
    return np.abs(np.asarray(values, dtype=float)) < HUGE  # false for NaN


def _told(found: Meaning | None, resolved: Meaning | None) -> str:
    return _name(resolved or found) if found and found.role == "metric" else taken(found)


def _name(found: Meaning) -> str:
    return f"{found.split} {found.label}".strip()


def _place(curve: Curve) -> tuple:
    errors = {"error": 0}.get(curve.metric, 1 if curve.kind == "error" else 3)
    return (2 if curve.kind == "loss" else 0) + (curve.split == TRAIN), errors, ORDER[curve.split]


def _scales(table: pd.DataFrame, splits: dict[str, Meaning], percent: set[str]) -> dict[str, float]:
    """100 for accuracies and errors written as fractions, 1 for percent and for losses."""
    largest = {name: float(np.nanmax(np.where(usable(table[name]), table[name], np.nan))) for name in splits}
    errors = [largest[n] for n, m in splits.items() if m.kind == "error"]
    accuracies = [largest[n] for n, m in splits.items() if m.kind == "accuracy" and not m.label.startswith("100 - ")]
    scales = {}
    for name, found in splits.items():
        fraction = largest[name] <= 1.0 + 1e-6
        if found.kind == "error" and len(errors + accuracies) > 1:
            fraction = fraction and max(errors + accuracies) <= 1.0 + 1e-6
        scales[name] = 100.0 if found.kind != "loss" and fraction and name not in percent else 1.0
    return scales


def _grid(table: pd.DataFrame, axis: Axis, splits: dict[str, Meaning]) -> np.ndarray | None:
    """Labels at which held-out data were evaluated, if FEW times or more; None where epochs are the grid."""
    if axis.whole:
        return None
    found = [axis.labels[np.isfinite(table[n])] for n, m in splits.items() if m.split in HELD_OUT]
    found = [np.unique(labels[labels > 0]) for labels in found]
    best = max(found, key=len, default=np.zeros(0))
    return best if FEW <= len(best) <= MOST else None


def _curve(
    table: pd.DataFrame,
    axis: Axis,
    name: str,
    found: Meaning,
    scale: float,
    grid: np.ndarray | None,
    running: bool,
    notes: list[str],
) -> Curve | None:
    values = table[name].to_numpy(dtype=float) * scale
    rows = np.flatnonzero(usable(values))
    values, labels = values[rows], axis.labels[rows]
    if found.kind == "accuracy":
        if values.size and values.max() > 100 + 1e-6:
            notes.append(f"{name} exceeds 100 %, so it is no accuracy")
            return None
        values = np.maximum(100 - values, 0.0)  # rounding
    if found.kind == "error" and values.size and (values.min() < 0 or values.max() > 100 + 1e-6):
        notes.append(f"{name} lies outside 0 to 100 %, so it is no error")
        return None
    held = found.split in HELD_OUT
    if axis.whole:
        labels, values, rows, how = by_epoch(labels, values, rows, held and axis.unit != "record", running)
    else:
        labels, values, rows, how = by_step(labels, values, rows, held, grid, running)
    if len(values) > MOST:
        labels, values, rows, how = windows(labels, values, rows)
    if len(values) < 2:
        return None
    if found.kind == "loss" and values.min() < 0:
        values = values - values.min() + 0.1 * (values.max() - values.min())
        how = f"{how}; shifted to be positive".lstrip("; ")
        notes.append(f"{name} has negative values; it was shifted, so its ratios mean nothing")
    kind = "loss" if found.kind == "loss" else "error"
    unit = "" if kind == "loss" else "%"
    return Curve(_name(found), name, found.split, found.label, kind, unit, labels, values, rows, how)


def _setting(table: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """(rows, values) of the first of these columns that changes, else of the first that has positive numbers."""
    for name in sorted(names, key=lambda n: table[n].nunique() < 2):
        values = table[name].to_numpy(dtype=float)
        rows = np.flatnonzero(np.isfinite(values) & (values >= 0))
        if len(rows) and (values[rows] > 0).any():
            return rows, values[rows]
    return None


def _of_epochs(axis: Axis, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A setting that is written once in each epoch, at whatever place, moved to its first record; one that stands
    before the first epoch is written ahead of each, and stays where it is."""
    own = axis.labels[rows]
    if len(np.unique(own)) < len(own) or axis.own is None or not axis.own[: rows[0] + 1].any():
        return rows, values
    return np.searchsorted(axis.labels, own, side="left"), values


def _without_repeats(curves: list[Curve], ranks: dict[str, int], given: set[str]) -> list[Curve]:
    """The same curves, with a reason in `left_out` for those that repeat another or tell nothing more."""
    best: dict[str, Curve] = {}
    most: dict[str, int] = {}
    for curve in curves:
        most[curve.name] = max(most.get(curve.name, 0), len(curve.values))

    def strength(curve: Curve) -> tuple:
        """Of two of one name which counts: what the user named, what moves, what is long, what has the plain name."""
        long = len(curve.values) >= most[curve.name] / 2
        return curve.column in given, bool(np.ptp(curve.values)), long, -ranks[curve.column]

    for curve in curves:
        rival = best.get(curve.name)
        if rival is None or strength(curve) > strength(rival):
            best[curve.name] = curve
    main = set(best)
    out = []
    for curve in curves:
        why = ""
        if best[curve.name] is not curve:
            why = f"repeats {best[curve.name].column}"
        elif curve.column in given:
            why = ""
        elif curve.metric == "perplexity" and f"{curve.split} loss".strip() in main:
            why = "the exponential of the loss"
        elif curve.metric == "top-5 error" and f"{curve.split} error".strip() in main:
            why = "goes with the top-1 error"
        elif curve.metric.startswith("100 - ") and _lesser(curve, best):
            why = "goes with another score"
        elif curve.metric.endswith(" loss") and f"{curve.split} loss".strip() in main:
            why = "a part of the loss"
        elif len(curve.values) < 3:
            why = "too few points"
        elif np.ptp(curve.values) == 0:
            why = "constant"
        out.append(replace(curve, left_out=why))
    if all(curve.left_out for curve in out):
        out = [replace(out[0], left_out=""), *out[1:]]
    parts = [c for c in out if c.metric.endswith(" loss") and not c.left_out and c.column not in given]
    return [replace(c, left_out="one of many losses") if c in parts[6:] else c for c in out]


def _lesser(curve: Curve, best: dict[str, Curve]) -> bool:
    """Whether another score of the split, or its error, tells more: mAP before precision and recall."""
    if f"{curve.split} error".strip() in best:
        return True
    rivals = [c for c in best.values() if c.split == curve.split and c.metric.startswith("100 - ")]
    rank = lambda c: 0 if "mAP" in c.metric and "95" in c.metric else 1 if "mAP" in c.metric else 2  # noqa: E731
    return min(rivals, key=rank) is not curve
