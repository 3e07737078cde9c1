"""Precision, recall, exactness and false alarms of a drop detector on curves whose drops are known."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from synthetic_curves import Curve

COLUMNS = "precision recall exact false_alarms n drops seconds".split()


def positions(epochs: np.ndarray, at: Sequence[float]) -> list[int]:
    """The index of each epoch among the evaluated ones; where that one was not evaluated, the next that was."""
    return [int(np.searchsorted(epochs, e)) for e in at]


def with_milestones(name: str, kind: str, table: pd.DataFrame, milestones: list[int]) -> Curve:
    """A curve that must show its visible milestones and may show the others."""
    table = table.sort_values("epoch")
    epochs, values = table["epoch"].to_numpy(), table["value"].to_numpy(dtype=float)
    falls = -np.diff(values)
    limit = 3 * 1.4826 * np.median(np.abs(falls - np.median(falls)))
    known = [m for m in milestones if epochs[0] < m <= epochs[-1]]
    visible = [
        m for m, k in zip(known, positions(epochs, known), strict=True) if falls[max(0, k - 2) : k + 1].max() > limit
    ]
    optional = tuple(m for m in known if m not in visible)
    return Curve(name, "", kind, epochs, values, tuple(visible), optional)


def matches(found: list[int], known: list[int]) -> list[tuple[int, int]]:
    """Pairs (found, known) no more than one evaluated epoch apart, nearest first, each used once."""
    pairs = sorted((abs(f - k), f, k) for f in found for k in known if abs(f - k) <= 1)
    chosen: list[tuple[int, int]] = []
    for _, f, k in pairs:
        if all(f != a and k != b for a, b in chosen):
            chosen.append((f, k))
    return chosen


def score(curves: Sequence[Curve], detect: Callable[[Curve], Sequence[float]]) -> dict[str, float]:
    """`detect` gives the epochs of drops. Shares over all curves: precision = detections that are true within one
    evaluated epoch, recall = drops found so, exact = detections in exactly the true epoch, false_alarms = curves
    without a drop that have a detection. Changes in `Curve.optional` need not be seen, but are no mistake. Seconds
    are per curve.
    """
    found_all = true_all = hits = exact = alarms = drops = quiet = 0
    start = time.perf_counter()
    for curve in curves:
        evaluated = curve.epochs[np.isfinite(curve.values)]
        found = positions(evaluated, detect(curve))
        known, optional = positions(evaluated, curve.drops), positions(evaluated, curve.optional)
        hits += len(matches(found, known))
        right = matches(found, [*known, *optional])
        true_all += len(right)
        exact += sum(f == k for f, k in right)
        found_all += len(found)
        drops += len(known)
        quiet += not (known or optional)
        alarms += bool(found) and not (known or optional)
    seconds = (time.perf_counter() - start) / len(curves)
    share = lambda part, whole: part / whole if whole else float("nan")  # noqa: E731
    values = (share(true_all, found_all), share(hits, drops), share(exact, found_all), share(alarms, quiet))
    return dict(zip(COLUMNS, (*values, len(curves), drops, seconds), strict=True))
