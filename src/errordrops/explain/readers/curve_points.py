"""From a column to a curve: its unit, its name, and the points that are judged.

A point is one evaluation, or what `points` makes of more frequent records.
"""

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from .axis import Axis
from .column_names import Meaning, words
from .points import MOST, by_epoch, by_step, windows
from .splits import HELD_OUT
from .understood import Curve

FEW = 16  # points a grid of evaluations or epochs needs to average over
HUGE = 1e100


def usable(values: pd.Series | np.ndarray) -> np.ndarray:
    """Which values are numbers that a curve can have: what has diverged is as good as not evaluated."""
    return np.abs(np.asarray(values, dtype=float)) < HUGE  # false for NaN


def name_of(found: Meaning) -> str:
    """`test error`: split and metric."""
    return f"{found.split} {found.label}".strip()


def spelled(name: str, found: Meaning) -> Meaning:
    """The meaning with the name of a loss as the log spells it: `D_A loss`, not `d a loss`."""
    rest = found.label.removesuffix(" loss").split()
    if found.kind != "loss" or not rest or not found.label.endswith(" loss"):
        return found
    token = next((t for t in re.findall(r"[A-Za-z]\w*", name) if words(t) == rest), None)
    return replace(found, label=f"{token} loss") if token else found


def scales_of(table: pd.DataFrame, splits: dict[str, Meaning], percent: set[str]) -> dict[str, float]:
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


def grid_of(table: pd.DataFrame, axis: Axis, splits: dict[str, Meaning]) -> np.ndarray | None:
    """Labels at which held-out data were evaluated, if FEW times or more; None where epochs are the grid."""
    if axis.whole:
        return None
    found = [axis.labels[np.isfinite(table[n])] for n, m in splits.items() if m.split in HELD_OUT]
    found = [np.unique(labels[labels > 0]) for labels in found]
    best = max(found, key=len, default=np.zeros(0))
    return best if FEW <= len(best) <= MOST else None


def curve_of(
    table: pd.DataFrame,
    axis: Axis,
    name: str,
    found: Meaning,
    scale: float,
    grid: np.ndarray | None,
    running: bool,
    notes: list[str],
) -> Curve | None:
    """The curve of a column, None where it has not two values that can be judged; `notes` takes what is to be said."""
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
    return Curve(name_of(found), name, found.split, found.label, kind, unit, labels, values, rows, how, "", shifted)
