"""Levels: means over several epochs, and how they change. Every change of level of this project is one of these."""

import numpy as np
import pandas as pd

LEVEL_EPOCHS = 5


def mean_over(values: np.ndarray | pd.Series, epochs: range) -> float:
    """Mean over these epochs; NaN if one is missing: a mean over other epochs would be another number.

    values: by epoch from 0 (array), or with epochs as index (series).
    """
    if len(epochs) == 0:
        return np.nan
    if isinstance(values, pd.Series):
        return float(values.reindex(list(epochs)).mean(skipna=False))
    if epochs.start < 0 or epochs.stop > len(values):
        return np.nan
    return float(values[epochs.start : epochs.stop].mean())


def before(m: int, epochs: int = LEVEL_EPOCHS, first: int = 1) -> range:
    """The last `epochs` epochs up to m, none before `first`."""
    return range(max(first, m - epochs + 1), m + 1)


def after(m: int, last: int, epochs: int = LEVEL_EPOCHS) -> range:
    """The first `epochs` epochs after m, none after `last`."""
    return range(m + 1, min(last, m + epochs) + 1)


def windows(milestones: list[int], last: int, epochs: int = LEVEL_EPOCHS) -> list[tuple[range, range]]:
    """For each milestone the epochs before and after it, up to `epochs` each, not reaching into other phases."""
    edges = [0, *milestones, last]
    return [
        (before(m, epochs, start + 1), after(m, end, epochs))
        for start, m, end in zip(edges, milestones, edges[2:], strict=False)
    ]


def change(values: np.ndarray | pd.Series, before: range, after: range) -> float:
    """Mean after less mean before."""
    return mean_over(values, after) - mean_over(values, before)


def fall(values: np.ndarray | pd.Series, before: range, after: range) -> float:
    """Mean before less mean after."""
    return change(values, after, before)


def falls(values: np.ndarray, first: int, epochs: int = LEVEL_EPOCHS) -> dict[int, float]:
    """For each m from `first` on the fall of level after epoch m, `epochs` on either side; only where both are whole.
    values[e] is that of epoch e.
    """
    last = len(values) - 1 - epochs
    return {
        m: fall(values, range(m - epochs + 1, m + 1), range(m + 1, m + epochs + 1))
        for m in range(max(first, epochs), last + 1)
    }
