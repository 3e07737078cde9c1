"""The points of a curve from its records: each with its label, its value and the last record that it rests on.

Training curves that were logged more often than anything was evaluated are averaged: over each epoch, over the steps
between two evaluations, or, of more than MOST points, over windows of equal length.
"""

import numpy as np

DENSE = 400  # training points that are kept although evaluations are rarer
MOST = 2000  # points of a curve; beyond it windows are averaged
WINDOWS = 500

Points = tuple[np.ndarray, np.ndarray, np.ndarray, str]


def by_epoch(labels: np.ndarray, values: np.ndarray, rows: np.ndarray, held: bool, running: bool) -> Points:
    """One point an epoch: the mean of its values, or the last of a running average or of a held-out curve that was
    written twice."""
    keys, first, counts = np.unique(labels, return_index=True, return_counts=True)
    if counts.max(initial=1) == 1:
        return labels, values, rows, ""
    last = np.append(first[1:], len(labels)) - 1
    if running or held or np.mean(counts > 1) < 0.05:
        return keys, values[last], rows[last], "last value of each epoch" if np.mean(counts > 1) >= 0.05 else ""
    return keys, np.add.reduceat(values, first) / counts, rows[last], "mean over each epoch"


def by_step(
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


def windows(labels: np.ndarray, values: np.ndarray, rows: np.ndarray) -> Points:
    """Means over windows of equally many points; the last, incomplete one is left out."""
    width = -(-len(values) // WINDOWS)
    n = len(values) // width
    means = values[: n * width].reshape(n, width).mean(axis=1)
    ends = np.arange(1, n + 1) * width - 1
    return labels[ends], means, rows[ends], f"mean over {width} points"
