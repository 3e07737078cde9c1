"""What was understood of a log: its curves, its settings, what it says. Data only."""

from dataclasses import dataclass, field

import numpy as np

from .axis import Axis
from .hints import Hint
from .said import Said


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
