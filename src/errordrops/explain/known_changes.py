"""A sudden change of a setting, and a schedule of them."""

from dataclasses import dataclass, field, replace

import numpy as np

from .readers import Curve

SAME_NOISE = 1.1  # a factor of rate over batch that is no change of the noise


@dataclass(frozen=True)
class Change:
    """One sudden change of a setting.

    what: learning rate, batch size, or schedule where the user gave only the time. before, after: the setting, None
    where it is not known. cut: whether noise fell (rate down or batch up), None where not known. after_row, by_row: the
    change happened after the first record and by the second. label: the log's number where it is first seen. milestone:
    epochs completed, or evaluated points of the finest curve where the log has no epochs (`counted` is then False).
    """

    what: str
    before: float | None
    after: float | None
    cut: bool | None
    after_row: int
    by_row: int
    label: float
    milestone: float
    counted: bool = True
    batch: tuple[float, float] | None = None  # before and after, where rate and batch size changed at once

    @property
    def neutral(self) -> bool:
        """Whether rate and batch changed together so that rate over batch, the noise of SGD, stayed."""
        if self.batch is None or not self.before or not self.after:
            return False
        factor = (self.after / self.before) / (self.batch[1] / self.batch[0])
        return 1 / SAME_NOISE < factor < SAME_NOISE

    def points(self, curve: Curve) -> tuple[int, int]:
        """(first, last): the indices of the points of a curve of which one is the first after the change."""
        low = int(np.searchsorted(curve.rows, self.after_row, side="right"))
        return low, max(low, int(np.searchsorted(curve.rows, self.by_row, side="left")))


@dataclass(frozen=True)
class Schedule:
    """kind: unknown, constant, steps, smooth, or both. source: where it is known from. changes: the sudden ones.
    gradual: in words how it moves otherwise. notes: where sources disagree."""

    kind: str
    source: str
    changes: list[Change] = field(default_factory=list)
    gradual: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def known(self) -> bool:
        return self.kind != "unknown"


def merged(changes: list[Change]) -> list[Change]:
    """Changes in order; rate and batch size that change at one place become one change."""
    out: list[Change] = []
    for change in sorted(changes, key=lambda c: (c.by_row, c.what != "learning rate")):
        last = out[-1] if out else None
        both = last is not None and {last.what, change.what} == {"learning rate", "batch size"}
        if (
            last is not None
            and both
            and last.by_row == change.by_row
            and (last.before and last.after and change.before and change.after)
        ):
            noise = (last.after / last.before) / (change.after / change.before)
            out[-1] = replace(last, batch=(change.before, change.after), cut=bool(noise < 1))
        else:
            out.append(change)
    return out
