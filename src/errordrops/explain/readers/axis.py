"""The axis of a log: which epoch or step each record belongs to, and which records a restart made void.

Records are in the order in which they were written, so their place in the table is the clock by which a change of the
learning rate and a point of a curve are compared; epochs and steps are its labels.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from . import several_runs as runs
from .column_names import meaning, words
from .records import Records

FEW_EPOCHS = 16  # of so few epochs each is looked into, if the log tells more than their means


@dataclass(frozen=True)
class Axis:
    """Labels of the rows of a table.

    unit: epoch, step, or record where the log has neither. labels: shape (rows,), the number that holds at each row.
    whole: whether they are whole epochs, of which a curve has one point each. base: the label of the first epoch, 0 or
    1 (an epoch with label e is complete after e + 1 - base epochs). restarts: labels at which the log goes back to an
    earlier epoch or step. completed: epochs completed at each row, shape (rows,), where the log tells them, else None.
    own: whether a row has a label of its own, shape (rows,). spread: whether rows were spread evenly over their epochs,
    so that of their labels only the whole part is the log's own.
    """

    unit: str
    labels: np.ndarray
    whole: bool
    base: int
    restarts: list[float]
    completed: np.ndarray | None = None
    own: np.ndarray | None = None
    spread: bool = False


def columns_of(table: pd.DataFrame, role: str, named: dict[str, str]) -> list[str]:
    """Columns of a role, the best first; `named` are the user's own words (column to role)."""
    given = [name for name, r in named.items() if r == role and name in table]
    found = [(m.rank, place, name) for place, name in enumerate(table) if (m := meaning(name)) and m.role == role]
    return given or [name for _, _, name in sorted(found)]


def find(records: Records, named: dict[str, str], metrics: list[str]) -> tuple[Axis, pd.DataFrame, list[str]]:
    """(axis, table without void rows, notes). `metrics`: the columns that hold curves."""
    table, notes = records.table, []
    epoch = next((c for c in columns_of(table, "epoch", named) if _varies(table[c])), None)
    step = next((c for c in columns_of(table, "step", named) if _varies(table[c])), None)
    if epoch is None and step is not None and (counted := _counted(table[step])) is not None:
        table = table.assign(epoch=counted)
        epoch = "epoch"
        notes.append(f"{step} starts anew {int(counted.max())} times; each start was taken for an epoch")
    column = epoch if epoch is not None else step
    if epoch is not None and step is not None and not _whole(table[epoch]):
        column = step
    if column is None:
        labels = np.arange(1.0, len(table) + 1)
        return Axis("record", labels, True, 1, []), table, notes
    table = _in_order(table, column, metrics)
    labels, table, restarts, more = _restarted(table, column, metrics)
    whole = column == epoch and _whole(table[column])
    if whole and (before := _before_training(table, labels, metrics)).any():
        table, labels = table[~before].reset_index(drop=True), labels[~before]
        notes.append("what was evaluated before training, in epoch 0, was left out")
    few = (
        whole
        and len(np.unique(labels)) < FEW_EPOCHS
        and any(table[c].notna().sum() > 2 * len(np.unique(labels)) for c in metrics)
    )
    inside, spread = None, False
    if few and (teeth := _saw(table, labels, metrics)):
        records.running |= set(teeth)
        notes.append(
            f"{', '.join(teeth)} starts anew in each epoch, as a mean since it began does; its last value counts"
        )
        few = False
    if few:  # an epoch holds many points
        inside = _within(table, labels, metrics, 1) - (0 if np.nanmin(labels) < 1 else 1)
        if step is not None and table[step].dropna().is_monotonic_increasing and step != column:
            labels, whole, column = _filled(table[step]), False, step
        else:
            labels, whole, spread = _within(table, labels, metrics, 0), False, True
    base = 0 if len(labels) and np.nanmin(labels) < 1 else 1
    if whole:
        completed = labels + (1 - base)
    elif inside is not None:
        completed = inside
    elif column == step:
        completed = _filled(table[epoch]) if epoch is not None else None
    else:
        completed = labels
    own = table[column].notna().to_numpy()
    unit = "step" if column == step else "epoch"
    return Axis(unit, labels, whole, base, restarts, completed, own, spread), table, notes + more


def _saw(table: pd.DataFrame, labels: np.ndarray, metrics: list[str]) -> list[str]:
    """Columns that fall within each epoch and jump up as the next begins: means since the epoch began, whose last
    value is the epoch's."""
    out = []
    for name in metrics:
        rows = np.flatnonzero(table[name].notna())
        values, own = table[name].to_numpy()[rows], labels[rows]
        starts = np.flatnonzero(np.diff(own) > 0) + 1
        if len(starts) < 3 or len(rows) < 3 * len(starts):
            continue
        ups = values[starts] > values[starts - 1]
        falls = np.array([part[-1] < part[0] for part in np.split(values, starts)])
        if ups.mean() > 0.9 and falls.mean() > 0.9:
            out.append(name)
    return out


def _before_training(table: pd.DataFrame, labels: np.ndarray, metrics: list[str]) -> np.ndarray:
    """Which rows are an evaluation in epoch 0, before training: epoch 0 holds held-out curves alone, later ones also
    training curves."""
    first = labels == 0
    split = {name: m.split for name in metrics if (m := meaning(name))}
    held = [name for name, s in split.items() if s in ("test", "validation") or "eval" in words(name)]
    trained = [name for name in metrics if name not in held]
    if not (first.any() and held and trained) or table.loc[first, trained].notna().any(axis=None):
        return np.zeros(len(table), dtype=bool)
    second = labels == 1
    both = table.loc[second, trained].notna().any(axis=None) and table.loc[second, held].notna().any(axis=None)
    return first if both else np.zeros(len(table), dtype=bool)


def _varies(column: pd.Series) -> bool:
    values = column.dropna()
    return len(values) > 1 and values.nunique() > 1 and bool(np.isfinite(values).all())


def _whole(column: pd.Series) -> bool:
    values = column.dropna()
    return bool((values == values.round()).mean() > 0.98)


def _counted(column: pd.Series) -> pd.Series | None:
    """Epochs, from 1, of a counter that starts anew often and regularly; None for one that goes on."""
    values = column.ffill()
    starts = np.flatnonzero(np.diff(values) < 0) + 1
    lengths = np.diff([0, *starts, len(values)])
    if len(starts) < 4 or np.median(lengths) < 2 or lengths[:-1].max() > 3 * np.median(lengths):
        return None
    return pd.Series(1.0 + np.searchsorted(starts, np.arange(len(values)), side="right"), index=column.index)


def _filled(column: pd.Series) -> np.ndarray:
    """The label of each row: that of the last row that has one, of the next where none came before."""
    return column.ffill().bfill().to_numpy(dtype=float)


def _led_in(column: pd.Series, measured: np.ndarray) -> np.ndarray:
    """The label of each row as `_filled` has it, but what stands ahead of a run or a restart (its settings, the
    checkpoint that it loads) has the label of that."""
    labels = _filled(column).copy()
    free = column.isna().to_numpy() & ~measured
    for back in np.flatnonzero(np.diff(labels) < 0) + 1:
        start = back
        while start > 0 and free[start - 1]:
            start -= 1
        labels[start:back] = labels[back]
    return labels


def _in_order(table: pd.DataFrame, column: str, metrics: list[str]) -> pd.DataFrame:
    """Rows oldest first, where the log has them newest first or in no order; labels that come after their values moved
    up to them."""
    values = table[column].dropna().to_numpy()
    steps = np.diff(values)
    if len(steps) > 1 and (steps <= 0).all() and (steps < 0).mean() > 0.5:
        return table.iloc[::-1].reset_index(drop=True)
    if table[column].notna().all() and (steps < 0).mean() > 0.05 and (steps < 0).sum() > 3:
        return table.sort_values(column, kind="stable").reset_index(drop=True)
    has_metric = table[metrics].notna().any(axis=1).to_numpy() if metrics else np.zeros(len(table), dtype=bool)
    has_label = table[column].notna().to_numpy()
    if has_metric.any() and has_label.any() and not (has_metric & has_label).any():
        first_metric, first_label = has_metric.argmax(), has_label.argmax()
        last_metric = len(table) - has_metric[::-1].argmax()
        last_label = len(table) - has_label[::-1].argmax()
        if first_metric < first_label and last_metric < last_label:  # the number is written after its results
            return table.assign(**{column: table[column].bfill()})
    return table


def split_runs(table: pd.DataFrame, named: dict[str, str], metrics: list[str]) -> list[runs.Run]:
    """The runs of a table that goes back to its first epoch or step several times; one run where it does not."""
    whole = [runs.Run("run 1", table)]
    epoch = next((c for c in columns_of(table, "epoch", named) if _varies(table[c])), None)
    step = next((c for c in columns_of(table, "step", named) if _varies(table[c])), None)
    column = epoch if epoch is not None else step
    if column is None or (epoch is None and _counted(table[column]) is not None):
        return whole
    ordered = _in_order(table, column, metrics)
    measured = ordered[metrics].notna().any(axis=1).to_numpy() if metrics else np.ones(len(ordered), dtype=bool)
    labels = _led_in(ordered[column], measured)
    if not (np.diff(labels) < 0).any():
        return whole
    found = runs.split(ordered, labels, measured)
    return found if len(found) > 1 else whole


def _restarted(
    table: pd.DataFrame, column: str, metrics: list[str]
) -> tuple[np.ndarray, pd.DataFrame, list[float], list[str]]:
    """(labels, table, restarts, notes): where training went back the later records count; of what starts anew the
    longest.

    A record that only names an earlier epoch (`resuming from epoch 50`) makes nothing void: what is measured next does.
    """
    measured = table[metrics].notna().any(axis=1).to_numpy() if metrics else np.ones(len(table), dtype=bool)
    labels = _led_in(table[column], measured)
    backs = np.flatnonzero(np.diff(labels) < 0) + 1
    if not len(backs):
        return labels, table, [], []
    kept = np.zeros(len(labels), dtype=bool)
    restarts: list[float] = []
    runs = 1
    edges = [0, *backs, len(labels)]
    while len(edges) > 2 and not measured[edges[0] : edges[1]].any():
        edges.pop(0)  # a heading that names the epochs to come (`epochs=90`) is no run
    first = labels[edges[0] + measured[edges[0] : edges[1]].argmax()]
    kept[edges[0] : edges[1]] = True
    for start, end in pairwise(edges[1:]):
        if not measured[start:end].any():
            continue
        at = labels[start + measured[start:end].argmax()]
        if at <= first + 1e-9:  # a run from the beginning
            runs += 1
            if len(np.unique(labels[start:end])) < len(np.unique(labels[kept])):
                continue
            kept[:], restarts = False, []
        else:
            if (kept & measured & (labels >= at)).any():
                restarts.append(float(at))
            kept &= labels < at
        kept[start:end] = True
    notes = []
    if runs > 1:
        notes.append(f"the log holds {runs} runs from the beginning; this is the longest, of equals the last")
    if restarts:
        listed = ", ".join(f"{at:g}" for at in restarts[:6])
        notes.append(f"the log goes back to an earlier {column} at {listed}; what was trained again replaces what was")
    return labels[kept], table[kept].reset_index(drop=True), restarts, notes


def _within(table: pd.DataFrame, labels: np.ndarray, metrics: list[str], end: int) -> np.ndarray:
    """Fractions of epochs: rows spread evenly within each, as no step says where they are; end 1: the part of the epoch
    that each row completes, 0: that before it. What was evaluated before an epoch's first training row stands at its
    beginning."""
    out = labels.astype(float).copy()
    trained = [c for c in metrics if (m := meaning(c)) is None or m.split not in ("test", "validation")]
    training = table[trained].notna().any(axis=1).to_numpy() if trained else np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if training[rows].any() and np.unique(labels[training]).size > 1:
            ahead = rows[: training[rows].argmax()]
            out[ahead] = label
            rows = rows[len(ahead) :]
        out[rows] = label + np.arange(end, len(rows) + end) / len(rows)
    return out
