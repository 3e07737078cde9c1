"""From records to curves: which columns are curves, their units, and the points that are judged.

A point is one evaluation. Training curves that were logged more often than anything was evaluated are averaged: over
each epoch, over the steps between two evaluations, or, of more than MOST points, over windows of equal length.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .axis import Axis, columns_of, find
from .records import LogError, Records
from .words import SPLITS, TEST, TRAIN, VALIDATION, Meaning, meaning, stated, words

FEW = 16  # points a grid of evaluations or epochs needs to average over
DENSE = 400  # training points that are kept although evaluations are rarer
MOST = 2000  # points of a curve; beyond it windows are averaged
WINDOWS = 500
HUGE = 1e100
HELD_OUT = (TEST, VALIDATION)
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
            listed = ", ".join(map(str, list(records.table.columns)[:30]))
            raise LogError(f"there is no column {name!r}; the log has: {listed}")
        given[name] = stated(meant, name)
    table = records.table
    known = {name: given.get(name) or meaning(name) for name in table.columns}
    meanings = {name: m for name, m in known.items() if m}
    metrics = [n for n, m in meanings.items() if m.role == "metric" and usable(table[n]).sum() > 1]
    roles = {name: m.role for name, m in given.items()}
    axis, table, notes = find(records, roles, metrics)
    metrics = [n for n in metrics if usable(table[n]).sum() > 1]  # also without what a restart made void
    splits = _splits({n: meanings[n] for n in metrics}, table, Path(source).stem)
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
    if found is None:
        return ""
    if found.role == "metric":
        return _name(resolved or found)
    return {"lr": "learning rate", "batch": "batch size", "batches": "batches per epoch"}.get(found.role, found.role)


def _name(found: Meaning) -> str:
    return f"{found.split} {found.label}".strip()


def _place(curve: Curve) -> tuple:
    errors = {"error": 0}.get(curve.metric, 1 if curve.kind == "error" else 3)
    return (2 if curve.kind == "loss" else 0) + (curve.split == TRAIN), errors, ORDER[curve.split]


def _splits(metrics: dict[str, Meaning], table: pd.DataFrame, stem: str) -> dict[str, Meaning]:
    """The split of each metric, where names leave it open: beside a held-out curve an unnamed one is training, beside a
    training curve of the same metric it is the test; a score such as mAP is always held out. Where no name tells,
    the `stem` of the file may; else a log with a loss is one of the training."""
    strong = {n: m for n, m in metrics.items() if table[n].notna().sum() > 2}
    held = {m.split for m in strong.values()} & set(HELD_OUT)
    held_labels = {m.label for m in strong.values() if m.split in HELD_OUT}
    trained = {m.label for m in strong.values() if m.split == TRAIN}
    out = {}
    for name, found in metrics.items():
        split = found.split
        if not split and found.label.startswith("100 - "):
            split = VALIDATION
        elif not split and found.label not in held_labels and found.label in trained:
            split = next(iter(sorted(held)), TEST)
        elif not split and not held and _apart(name, metrics, table):
            split = VALIDATION
        elif not split and held and trained and found.kind != "loss" and found.label not in held_labels:
            split = next(iter(sorted(held)))  # fastai: train_loss, valid_loss, accuracy; the last is the validation's
        elif not split and held:
            split = TRAIN
        out[name] = replace(found, split=split)
    alone = not any(m.split for m in out.values())
    if alone and (split := next((SPLITS[word] for word in words(stem) if word in SPLITS), "")):
        out = {n: replace(m, split=split) for n, m in out.items()}  # test.csv, val_acc.csv
    elif alone and any(m.kind == "loss" for m in out.values()):
        out = {n: replace(m, split=TRAIN) for n, m in out.items()}
    if not held and any(m.split in HELD_OUT for m in out.values()):
        out = {n: replace(m, split=m.split or TRAIN) for n, m in out.items()}
    for split in {m.split for m in out.values()}:  # the only loss of a split is its loss
        losses = {m.label for m in out.values() if m.split == split and m.kind == "loss" and m.label != "perplexity"}
        if len(losses) == 1:
            out = {n: replace(m, label="loss") if m.split == split and m.label in losses else m for n, m in out.items()}
    return out


def _apart(name: str, metrics: dict[str, Meaning], table: pd.DataFrame) -> bool:
    """Whether an error never stands in a record with a loss, and there are fewer of it: it was evaluated by itself."""
    if metrics[name].kind == "loss":
        return False
    mine = table[name].notna()
    losses = [table[n].notna() for n, m in metrics.items() if m.kind == "loss"]
    return (
        bool(losses) and not any((mine & other).any() for other in losses) and mine.sum() < max(o.sum() for o in losses)
    )


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
        labels, values, rows, how = _by_epoch(labels, values, rows, held and axis.unit != "record", running)
    else:
        labels, values, rows, how = _by_step(labels, values, rows, held, grid, running)
    if len(values) > MOST:
        labels, values, rows, how = _windows(labels, values, rows)
    if len(values) < 2:
        return None
    if found.kind == "loss" and values.min() < 0:
        values = values - values.min() + 0.1 * (values.max() - values.min())
        how = f"{how}; shifted to be positive".lstrip("; ")
        notes.append(f"{name} has negative values; it was shifted, so its ratios mean nothing")
    kind = "loss" if found.kind == "loss" else "error"
    unit = "" if kind == "loss" else "%"
    return Curve(_name(found), name, found.split, found.label, kind, unit, labels, values, rows, how)


Points = tuple[np.ndarray, np.ndarray, np.ndarray, str]


def _by_epoch(labels: np.ndarray, values: np.ndarray, rows: np.ndarray, held: bool, running: bool) -> Points:
    """One point an epoch: the mean of its values, or the last of a running average or of a held-out curve that was
    written twice."""
    keys, first, counts = np.unique(labels, return_index=True, return_counts=True)
    if counts.max(initial=1) == 1:
        return labels, values, rows, ""
    last = np.append(first[1:], len(labels)) - 1
    if running or held or np.mean(counts > 1) < 0.05:
        return keys, values[last], rows[last], "last value of each epoch" if np.mean(counts > 1) >= 0.05 else ""
    return keys, np.add.reduceat(values, first) / counts, rows[last], "mean over each epoch"


def _by_step(
    labels: np.ndarray, values: np.ndarray, rows: np.ndarray, held: bool, grid: np.ndarray | None, running: bool
) -> Points:
    """Points at steps: what was measured before training is left out of a held-out curve, and goes into the first point
    of a training curve; a training curve of many points is averaged between evaluations."""
    keys, first, counts = np.unique(labels, return_index=True, return_counts=True)
    if counts.max(initial=1) > 1:
        last = np.append(first[1:], len(labels)) - 1
        labels, values, rows = keys, values[last], rows[last]
    spacing = float(np.median(np.diff(labels))) if len(labels) > 1 else 1.0
    every = spacing <= 1 and labels.size and labels[0] == 0
    if held:
        start = 1 if len(labels) > 2 and labels[0] == 0 and spacing > 1 else 0
        return labels[start:], values[start:], rows[start:], ""
    if grid is not None and len(labels) > DENSE and len(labels) > 2 * len(grid):
        # a step counted from 0 belongs to the update after it
        bins = np.searchsorted(grid, labels + 1 if every else labels, side="left")
        kept = bins < len(grid)
        keys, first, counts = np.unique(bins[kept], return_index=True, return_counts=True)
        means = np.add.reduceat(values[kept], first) / counts if len(first) else values[:0]
        last = np.append(first[1:], kept.sum()) - 1 if len(first) else first
        return grid[keys], means, rows[kept][last], "mean over the steps between evaluations"
    if len(labels) > 2 and labels[0] == 0 and spacing > 1:
        values = np.append((values[0] + values[1]) / 2, values[2:])
        labels, rows = labels[1:], rows[1:]
    return labels, values, rows, ""


def _windows(labels: np.ndarray, values: np.ndarray, rows: np.ndarray) -> Points:
    """Means over windows of equally many points; the last, incomplete one is left out."""
    width = -(-len(values) // WINDOWS)
    n = len(values) // width
    means = values[: n * width].reshape(n, width).mean(axis=1)
    ends = np.arange(1, n + 1) * width - 1
    return labels[ends], means, rows[ends], f"mean over {width} points"


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
