"""The settings of a training as its log has them: learning rate, batch size, batches per epoch."""

import numpy as np
import pandas as pd

from .axis import Axis, columns_of

ROLES = {"learning rate": "lr", "reductions": "reduced", "batch size": "batch", "batches per epoch": "batches"}


def settings(table: pd.DataFrame, axis: Axis, roles: dict[str, str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(rows, values) of each setting that the table has. `roles`: what columns are for, as the user named them."""
    found = {name: _first_of(table, columns_of(table, role, roles)) for name, role in ROLES.items()}
    known = {name: setting for name, setting in found.items() if setting is not None}
    if "learning rate" in known and axis.whole and axis.unit == "epoch":
        known["learning rate"] = _of_epochs(axis, *known["learning rate"])
    if "learning rate" in known and axis.spread:
        known["learning rate"] = _of_whole_epochs(axis, *known["learning rate"])
    return known


def _first_of(table: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray] | None:
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
    if axis.own is not None and not axis.own[: rows[0] + 1].any() and _ahead_of_each(axis, rows):
        ends = np.append(rows[1:], len(axis.labels)) - 1
        return np.column_stack([rows, ends]).ravel(), np.repeat(values, 2)
    if len(np.unique(own)) < len(own) or axis.own is None or not axis.own[: rows[0] + 1].any():
        return rows, values
    return np.searchsorted(axis.labels, own, side="left"), values


def _ahead_of_each(axis: Axis, rows: np.ndarray) -> bool:
    """Whether a setting is written once ahead of each epoch, for which it then holds."""
    gaps = np.diff(np.append(rows, len(axis.labels)))
    return bool((gaps > 1).all() and len(rows) == len(np.unique(axis.labels)))


def _of_whole_epochs(axis: Axis, rows: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A setting that is written once in each epoch, when it is done or as it begins, given to all records of the
    epoch."""
    own, epochs = np.floor(axis.labels[rows] + 1e-9), np.floor(axis.labels + 1e-9)
    if len(np.unique(own)) < len(own) or len(own) < 0.8 * len(np.unique(epochs)):
        return rows, values
    known = np.flatnonzero(np.isin(epochs, own))
    return known, values[np.searchsorted(own, epochs[known])]
