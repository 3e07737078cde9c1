"""Several runs in one log: which they are, and which one is explained.

The last complete one, unless the user chooses; nothing is stitched out of pieces of several. Complete are runs of at
least COMPLETE of the length of the longest.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from .records import LogError, Run

COMPLETE = 0.8
SHOWN = 8  # runs that a note names
__all__ = ["Run", "choose", "split"]


def split(table: pd.DataFrame, labels: np.ndarray, measured: np.ndarray) -> list[Run]:
    """The runs of a table that starts from the beginning several times. labels: epoch or step of each row, shape
    (rows,). measured: whether a row holds a value of a curve."""
    backs = np.flatnonzero(np.diff(labels) < 0) + 1
    edges = [0, *backs.tolist(), len(labels)]
    while len(edges) > 2 and not measured[edges[0] : edges[1]].any():
        edges.pop(0)  # a heading that names the epochs to come is no run
    begin = edges[0]
    first = labels[begin + int(measured[begin : edges[1]].argmax())] if measured.any() else 0.0
    starts = [begin]
    for start, end in pairwise(edges[1:]):
        if measured[start:end].any() and labels[start + int(measured[start:end].argmax())] <= first + 1e-9:
            starts.append(start)
    out = []
    for place, (start, end) in enumerate(pairwise([*starts, len(labels)])):
        own = np.unique(labels[start:end][measured[start:end]])
        name = f"run {place + 1}"
        out.append(Run(name, table.iloc[start:end].reset_index(drop=True), len(own), _span(own)))
    return out


def _span(labels: np.ndarray) -> str:
    return f"{labels[0]:g} to {labels[-1]:g}" if len(labels) else "nothing"


def choose(runs: list[Run], wanted: int | None, preferred: int | None = None) -> int:
    """The index of the run to explain. wanted: the number that the user gives, from 1. preferred: the reader's choice.

    LogError for a number that no run has.
    """
    if wanted is not None:
        if not 1 <= wanted <= len(runs):
            listed = ", ".join(f"{k} ({run.name})" for k, run in enumerate(runs[:SHOWN], 1))
            raise LogError(f"there is no run {wanted}; the log holds {len(runs)}: {listed}")
        return wanted - 1
    if preferred is not None:
        return preferred
    lengths = [run.length or len(run.table) for run in runs]
    return max(k for k, n in enumerate(lengths) if n >= COMPLETE * max(lengths))


def note(runs: list[Run], chosen: int, unit: str) -> str:
    """What is said of several runs: all of them, which one is explained, how to choose another."""
    listed = "; ".join(
        f"{k}: {unit}s {run.span}" if run.name == f"run {k}" else f"{k}: {run.name}, {run.span}"
        for k, run in enumerate(runs[:SHOWN], 1)
    )
    more = f"; and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return (
        f"the log holds {len(runs)} runs ({listed}{more}); this is run {chosen + 1}. --run N chooses another, "
        f"--run all "
        "explains each"
    )
