"""Means over seeds with t-intervals. Seeds are what is resampled in this project, never epochs."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats


class Interval(NamedTuple):
    """A mean with the bounds of its interval; bounds are NaN where one value gives none."""

    mean: float
    low: float
    high: float


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Student's t-interval of the mean of independent values (one a seed). NaN for no values."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n == 0:
        return Interval(np.nan, np.nan, np.nan)
    mean = float(values.mean())
    if n == 1:
        return Interval(mean, np.nan, np.nan)
    half = t_quantile(confidence, n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


@cache
def t_quantile(confidence: float, freedom: float) -> float:
    """Quantile of Student's t, two-sided."""
    return float(stats.t.ppf((1 + confidence) / 2, freedom))


def summarise(table: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """One row per group: n, and for each column its mean and interval as COLUMN, COLUMN_low, COLUMN_high.

    Columns without any value give NaN. Of the others a row counts only if it has all: means that stand side by side
    rest on the same n rows.
    """
    rows = []
    for keys, group in table.groupby(by, sort=False):
        filled = [column for column in columns if group[column].notna().any()]
        group = group.dropna(subset=filled)
        row = dict(zip(by, keys, strict=True)) | {"n": len(group) if filled else 0}
        for column in columns:
            interval = t_interval(group[column].dropna())
            row |= {column: interval.mean, f"{column}_low": interval.low, f"{column}_high": interval.high}
        rows.append(row)
    names = [*by, "n", *(c + suffix for c in columns for suffix in ("", "_low", "_high"))]
    return pd.DataFrame(rows, columns=names)


def t_tail(
    interval: Interval, low: float | None, high: float | None, confidence: float, freedom: float
) -> tuple[float, float]:
    """One-sided p-values of the two thresholds, from a t-interval: that the mean is `low` or less, `high` or more; 0
    where a threshold is missing.
    """
    half = t_quantile(confidence, freedom)
    error = (interval.high - interval.low) / 2 / half

    def tail(distance: float) -> float:
        if error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(stats.t.sf(distance / error, freedom))

    return (
        0.0 if low is None else tail(interval.mean - low),
        0.0 if high is None else tail(high - interval.mean),
    )
