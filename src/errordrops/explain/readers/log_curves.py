"""From records to curves: which columns are curves, their units, and the points that are judged.

A point is one evaluation, or what `points` makes of more frequent records.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from . import several_runs as runs
from .axis import Axis, columns_of, find, split_runs
from .column_names import TEST, TRAIN, VALIDATION, Meaning, meaning, stated, words
from .hints import Hint
from .points import MOST, by_epoch, by_step, windows
from .records import LogError, Records
from .repeats import without_repeats
from .said import COLUMN, Said
from .splits import HELD_OUT, splits_of
from .unknown import NoCurve, taken, without

FEW = 16  # points a grid of evaluations or epochs needs to average over
HUGE = 1e100
PLAYERS = tuple(
    re.compile(rf"(?<![A-Za-z])(?:{names})(?![A-Za-z])", re.IGNORECASE)
    for names in ("d|dis|disc|discriminator|critic|netd|d_loss|loss_d", "g|gen|generator|netg|g_loss|loss_g")
)
NUMBERED = re.compile(r"(.*?(?:acc|accuracy|err|error|prec|precision))[_./ -]?(\d+)", re.IGNORECASE)
ENDS = 2  # records that go on without a value of a curve that is not finite any more
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
    shifted: bool = False  # moved to be positive, so that its levels and ratios mean nothing


@dataclass(frozen=True)
class Log:
    """What was understood of a log.

    settings: `learning rate`, `reductions` of it, `batch size`, `batches per epoch`, each (rows, values). hint: what
    the log's configuration says of the schedule. said: (row, what) the log says in words.
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
    hint: Hint | None = None
    said: list[tuple[int, Said]] = field(default_factory=list)
    judged: list[Curve] = field(default_factory=list)
    per_epoch: float | None = None  # steps of an epoch, where the log tells them beside its records
    broken: list[tuple[Curve, float]] = field(default_factory=list)  # curves that end as nan, and from which label on
    runs: list[str] = field(default_factory=list)  # names of the runs that the log holds, if several
    run: int = 1  # which of them this is, from 1

    @property
    def main(self) -> Curve:
        """The curve that numbers of a schedule refer to: of the judged ones the first."""
        return self.judged[0]


def understand(records: Records, source: str, named: dict[str, str] | None = None, run: int | None = None) -> Log:
    """Curves and settings of records. `named`: column to meaning, in words such as `test error` or `lr`. `run`: which
    of several runs, from 1; the last complete one if it is not given.

    Raises LogError where no curve is left, UserError for a column or meaning that does not exist.
    """
    given = {}
    for name, meant in (named or {}).items():
        if name not in records.table:
            raise without(name, records)
        given[name] = stated(meant, name)
    table, picked, several = _one_run(records, given, run)
    known = heads(list(map(str, table.columns))) | {n: m for n, m in given.items()}
    known = {name: known.get(name) or meaning(name) for name in table.columns}
    meanings = {name: m for name, m in known.items() if m}
    if not any(m.role == "metric" for m in meanings.values()):
        raise NoCurve(source, records, given)
    metrics = [n for n, m in meanings.items() if m.role == "metric" and usable(table[n]).sum() > 1]
    roles = {name: m.role for name, m in given.items()}
    axis, table, notes = find(replace(records, table=table), roles, metrics)
    if PLAYERS[0].search(" ".join(metrics)) and PLAYERS[1].search(" ".join(metrics)):
        notes.append(
            "these are losses of two players, a generator and a discriminator: a fall of one may be the other's "
            "loss, and "
            "levels say little about what is generated"
        )
    if len(several) > 1:
        notes.append(runs.note(several, picked, axis.unit))
    metrics = [n for n in metrics if usable(table[n]).sum() > 1]  # also without what a restart made void
    splits = splits_of({n: meanings[n] for n in metrics}, table, Path(source).stem)
    scale = _scales(table, splits, records.percent)
    splits = {name: _spelled(name, found) for name, found in splits.items()}
    curves = []
    grid = _grid(table, axis, splits)
    for name in metrics:
        curve = _curve(table, axis, name, splits[name], scale[name], grid, name in records.running, notes)
        if curve is not None:
            curves.append(curve)
    if not curves:
        why = f": {'; '.join(notes)}" if notes else ""
        raise LogError(f"{source} holds no curve of two points or more{why}")
    curves = without_repeats(sorted(curves, key=_place), {c: splits[c].rank for c in metrics}, set(given))
    settings = {
        "learning rate": _setting(table, columns_of(table, "lr", roles)),
        "reductions": _setting(table, columns_of(table, "reduced", roles)),
        "batch size": _setting(table, columns_of(table, "batch", roles)),
        "batches per epoch": _setting(table, columns_of(table, "batches", roles)),
    }
    if axis.whole and axis.unit == "epoch" and (rate := settings["learning rate"]) is not None:
        settings["learning rate"] = _of_epochs(axis, *rate)
    if axis.spread and (rate := settings["learning rate"]) is not None:
        settings["learning rate"] = _of_whole_epochs(axis, *rate)
    told = [
        (str(name), _told(meanings.get(name), splits.get(name))) for name in records.table.columns if name != COLUMN
    ]
    judged = [curve for curve in curves if not curve.left_out]
    measured = int(table.drop(columns=COLUMN, errors="ignore").notna().any(axis=1).sum())
    known = {name: found for name, found in settings.items() if found is not None}
    return Log(
        source, records.format, axis, curves, known, told, records.notes + notes, measured, records.hint,
        _said(records, table), judged, broken=_broken(table, axis, judged) if records.not_finite else [],
        per_epoch=records.per_epoch, runs=[run.name for run in several], run=picked + 1,
    )  # fmt: skip


def _broken(table: pd.DataFrame, axis: Axis, judged: list[Curve]) -> list[tuple[Curve, float]]:
    """Curves whose column ends without finite values while records go on at the pace at which it was written."""
    out = []
    for curve in judged:
        rows = np.flatnonzero(usable(table[curve.column]))
        if len(rows) < 3 or rows[-1] >= len(table) - 1:
            continue
        pace = float(np.median(np.diff(rows)))
        if (len(table) - 1 - rows[-1]) / pace >= ENDS:
            out.append((curve, float(axis.labels[min(rows[-1] + max(1, round(pace)), len(table) - 1)])))
    return out


def _said(records: Records, table: pd.DataFrame) -> list[tuple[int, Said]]:
    """(row, what) of what the log says in words after the first measurement and before the last."""
    if COLUMN not in table:
        return []
    number = table[COLUMN].to_numpy()
    measured = table.drop(columns=COLUMN).notna().any(axis=1).to_numpy()
    first, last = measured.argmax(), len(measured) - 1 - measured[::-1].argmax()
    rows = [row for row in np.flatnonzero(np.isfinite(number)) if first < row < last]
    return [(int(row), records.said[int(number[row])]) for row in rows]


def _one_run(
    records: Records, given: dict[str, Meaning], wanted: int | None
) -> tuple[pd.DataFrame, int, list[runs.Run]]:
    """(table of the run to explain, its index, all runs)."""
    if len(records.runs) > 1:
        picked = runs.choose(records.runs, wanted, records.preferred)
        return records.runs[picked].table, picked, records.runs
    table = records.table
    roles = {name: m.role for name, m in given.items()}
    metrics = [n for n in table if (m := given.get(n) or meaning(n)) and m.role == "metric"]
    several = split_runs(table, roles, metrics)
    picked = runs.choose(several, wanted)
    return (several[picked].table if len(several) > 1 else table), picked, several


def heads(names: list[str]) -> dict[str, Meaning]:
    """The meanings of columns that differ in a number alone and of which the number is no top-1 or top-5: acc_0, acc_1,
    acc_5 are heads of a network."""
    families: dict[str, list[tuple[str, str, int]]] = {}
    for name in names:
        if (found := NUMBERED.fullmatch(name)) is not None:
            families.setdefault(found[1].lower(), []).append((name, found[1], int(found[2])))
    out = {}
    for family in families.values():
        if len(family) > 1 and not {number for _, _, number in family} <= {1, 5}:
            for name, stem, number in family:
                plain = meaning(stem)
                if plain and plain.role == "metric" and plain.kind != "loss":
                    out[name] = replace(plain, label=f"{plain.label} {number}")
    return out


def usable(values: pd.Series | np.ndarray) -> np.ndarray:
    """Which values are numbers that a curve can have: what has diverged is as good as not evaluated."""
    return np.abs(np.asarray(values, dtype=float)) < HUGE  # false for NaN


def _told(found: Meaning | None, resolved: Meaning | None) -> str:
    return _name(resolved or found) if found and found.role == "metric" else taken(found)


def _name(found: Meaning) -> str:
    return f"{found.split} {found.label}".strip()


def _spelled(name: str, found: Meaning) -> Meaning:
    """The meaning with the name of a loss as the log spells it: `D_A loss`, not `d a loss`."""
    rest = found.label.removesuffix(" loss").split()
    if found.kind != "loss" or not rest or not found.label.endswith(" loss"):
        return found
    token = next((t for t in re.findall(r"[A-Za-z]\w*", name) if words(t) == rest), None)
    return replace(found, label=f"{token} loss") if token else found


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
    shifted = found.kind == "loss" and bool(values.min() < 0)
    if shifted:
        values = values - values.min() + 0.1 * (values.max() - values.min())
        how = f"{how}; shifted to be positive".lstrip("; ")
        notes.append(f"{name} has negative values, so sizes are differences; it was shifted to be judged")
    kind = "loss" if found.kind == "loss" else "error"
    unit = "" if kind == "loss" else "%"
    return Curve(_name(found), name, found.split, found.label, kind, unit, labels, values, rows, how, "", shifted)


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


def _of_whole_epochs(axis: Axis, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A setting that is written once in each epoch, when it is done or as it begins, given to all records of the
    epoch."""
    own, epochs = np.floor(axis.labels[rows] + 1e-9), np.floor(axis.labels + 1e-9)
    if len(np.unique(own)) < len(own) or len(own) < 0.8 * len(np.unique(epochs)):
        return rows, values
    known = np.flatnonzero(np.isin(epochs, own))
    return known, values[np.searchsorted(own, epochs[known])]
