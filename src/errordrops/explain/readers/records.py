"""What a reader hands over: a table of numbers in the order in which they were logged."""

from dataclasses import dataclass, field

import pandas as pd

from ...errors import UserError


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


@dataclass
class Records:
    """A log as its format has it.

    table: one row per record, oldest first; a column per name in the log, of floats, NaN where a record does not say.
    steps_only: the rows are ordered by step (TensorBoard, MLflow), not by being written. percent: columns written with
    a percent sign. running: columns that hold averages since the epoch began, so that its last value is the epoch's.
    notes: what a reader of the answer should know (lines skipped, file cut off). hint: (key, milestones) that the log's
    configuration names.
    """

    format: str
    table: pd.DataFrame
    percent: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    hint: tuple[str, list[float]] | None = None


def from_rows(format: str, rows: list[dict[str, float]], **more) -> Records:
    """Records of rows that each name their values."""
    if not rows:
        raise NotThisFormat("no line with a name and a number")
    return Records(format, pd.DataFrame.from_records(rows).astype(float), **more)
