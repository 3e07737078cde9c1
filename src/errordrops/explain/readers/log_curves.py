"""From records to what is understood of a log: which columns are curves, of which run, and what is left out."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from . import several_runs as runs
from .axis import Axis, find, split_runs
from .column_names import TEST, TRAIN, VALIDATION, Meaning, meaning, stated
from .curve_points import curve_of, grid_of, name_of, scales_of, spelled, usable
from .log_settings import settings
from .records import LogError, Records
from .repeats import without_repeats
from .said import COLUMN, Said
from .splits import splits_of
from .understood import Curve, Log
from .unknown import NoCurve, taken, without

PLAYERS = tuple(
    re.compile(rf"(?<![A-Za-z])(?:{names})(?![A-Za-z])", re.IGNORECASE)
    for names in ("d|dis|disc|discriminator|critic|netd|d_loss|loss_d", "g|gen|generator|netg|g_loss|loss_g")
)
NUMBERED = re.compile(r"(.*?(?:acc|accuracy|err|error|prec|precision))[_./ -]?(\d+)", re.IGNORECASE)
ENDS = 2  # records that go on without a value of a curve that is not finite any more
ORDER = {TEST: 0, VALIDATION: 1, "": 2, TRAIN: 3}


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
        notes = [*several[picked].notes, *notes, runs.note(several, picked, axis.unit)]
    metrics = [n for n in metrics if usable(table[n]).sum() > 1]  # also without what a restart made void
    splits = splits_of({n: meanings[n] for n in metrics}, table, Path(source).stem)
    scale = scales_of(table, splits, records.percent)
    splits = {name: spelled(name, found) for name, found in splits.items()}
    curves = []
    grid = grid_of(table, axis, splits)
    for name in metrics:
        curve = curve_of(table, axis, name, splits[name], scale[name], grid, name in records.running, notes)
        if curve is not None:
            curves.append(curve)
    if not curves:
        why = f": {'; '.join(notes)}" if notes else ""
        raise LogError(f"{source} holds no curve of two points or more{why}")
    curves = without_repeats(sorted(curves, key=_place), {c: splits[c].rank for c in metrics}, set(given))
    known_settings = settings(table, axis, roles)
    told = [
        (str(name), _told(meanings.get(name), splits.get(name))) for name in records.table.columns if name != COLUMN
    ]
    judged = [curve for curve in curves if not curve.left_out]
    measured = int(table.drop(columns=COLUMN, errors="ignore").notna().any(axis=1).sum())
    return Log(
        source, records.format, axis, curves, known_settings, told, records.notes + notes, measured, records.hint,
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


def _told(found: Meaning | None, resolved: Meaning | None) -> str:
    return name_of(resolved or found) if found and found.role == "metric" else taken(found)


def _place(curve: Curve) -> tuple:
    errors = {"error": 0}.get(curve.metric, 1 if curve.kind == "error" else 3)
    return (2 if curve.kind == "loss" else 0) + (curve.split == TRAIN), errors, ORDER[curve.split]
