"""What a reader hands over: a table of numbers in the order in which they were logged."""

from dataclasses import dataclass, field

import pandas as pd

from ...errors import UserError
from .hints import Hint
from .said import Said


class LogError(UserError):
    """A log that cannot be read; the message says what was tried and what to do."""


class NotThisFormat(Exception):
    """A reader looked and says that the file is not of its kind; the reason is told if no other reader takes it."""


class TooFew(NotThisFormat):
    """The format is the reader's own, but there are too few numbers to make a curve."""


class NotUnderstood(NotThisFormat):
    """The format is the reader's own, but no column's name tells a curve; `records` is what was read."""

    def __init__(self, message: str, records: "Records") -> None:
        super().__init__(message)
        self.records = records


@dataclass(frozen=True)
class Run:
    """One of several runs in a log. length: how many epochs or steps it has. span: from which to which, in words.
    notes: what is to be known of this one."""

    name: str
    table: pd.DataFrame
    length: int = 0
    span: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Records:
    """A log as its format has it.

    table: one row per record, oldest first; a column per name in the log, of floats, NaN where a record does not say.
    steps_only: the rows are ordered by step (TensorBoard, MLflow), not by being written. percent: columns written
    with a percent sign. running: columns that hold averages since the epoch began, so that its last value is the
    epoch's. notes: what a reader of the answer should know (lines skipped, file cut off). hint: what the log's
    configuration says of the schedule. said: what the log says in words, numbered by the column said.COLUMN.
    not_finite: whether nan or inf stands among the last records. runs: where the format keeps several apart;
    preferred: the index of the one to explain, if its reader knows better than that it is the last complete one.
    per_epoch: steps of an epoch that the configuration tells."""

    format: str
    table: pd.DataFrame
    percent: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    hint: Hint | None = None
    said: list[Said] = field(default_factory=list)
    not_finite: bool = False
    runs: list[Run] = field(default_factory=list)
    preferred: int | None = None
    per_epoch: float | None = None


def from_rows(format: str, rows: list[dict[str, float]], **more) -> Records:
    """Records of rows that each name their values."""
    if not rows:
        raise NotThisFormat("no line with a name and a number")
    return Records(format, pd.DataFrame.from_records(rows).astype(float), **more)
