"""The answer for one log: `explain` reads it, finds what happened, and lays it beside the schedule."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UserError
from . import facts
from . import schedule as schedules
from .change_effects import decays
from .events import explained
from .explained import Explained
from .readers import read_frame, read_log
from .sentences import answer


@dataclass(frozen=True)
class Explanation(Explained):
    """What happened in a log and why; printed, it is the answer in plain words.

    `drops`, `rises`, `recoveries` (falls that only end a spike), `missed` (changes of the schedule without a visible
    drop), `effects` (of each change on each curve, with an interval) and `curves` (all points) are tables; `to_dict`
    is what `--json` prints; `save` writes .html, .png, .svg or .json.
    """

    @property
    def drops(self) -> pd.DataFrame:
        """Sudden, lasting drops: one row per curve and drop."""
        return facts.event_table(self, "drop")

    @property
    def rises(self) -> pd.DataFrame:
        """Sudden, lasting rises; their size is negative."""
        return facts.event_table(self, "rise")

    @property
    def recoveries(self) -> pd.DataFrame:
        """Falls back from a spike, which are no drops; in words are told those that stand out of the noise."""
        return facts.event_table(self, "recovery")

    @property
    def missed(self) -> pd.DataFrame:
        """Sudden changes of the schedule at which no curve shows anything."""
        return facts.missed_table(self)

    @property
    def effects(self) -> pd.DataFrame:
        """How far each curve's level shifts at each change of the schedule, with the 95 % interval; positive = fell."""
        return facts.effect_table(self)

    @property
    def curves(self) -> pd.DataFrame:
        """Every point of every curve that was understood: columns curve, epoch (ordinal), label, value, judged."""
        return facts.point_table(self)

    def to_dict(self) -> dict[str, Any]:
        """One object of plain numbers and text, without NaN."""
        return facts.facts(self)

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return facts.as_json(self)

    def __str__(self) -> str:
        return answer(self)

    def chart(self):
        """The picture as an Altair chart: every judged curve, drops and rises, changes of the schedule, the rate."""
        from .chart import draw

        return draw(self)

    def save(self, path: str | Path) -> Path:
        """Write the page (.html), the picture (.png, .svg) or the facts (.json); UserError for another ending."""
        from .page import write

        return write(self, Path(path))


def explain(
    log: str | Path | pd.DataFrame | list[str | Path],
    *,
    milestones: Sequence[float] | None = None,
    lr_schedule: str | None = None,
    columns: Mapping[str, str] | None = None,
    steps_per_epoch: float | None = None,
    run: int | None = None,
) -> Explanation:
    """Find the sudden drops of a training log and say what explains each.

    log: a file, a folder, a list of files of one run (train.log, test.log), or a table with a row per epoch,
    evaluation or step. milestones: numbers of completed epochs after which the learning rate (or the batch size) was
    changed, if the log does not tell. lr_schedule: the same as `step:30:0.1`, `multistep:30,60:0.1`, `constant`,
    `cosine`. columns: what columns are that their names don't tell, such as {"top_one": "test accuracy"}.
    steps_per_epoch: for milestones, and for passes over the data, in a log that counts steps. run: which of several
    runs in the log, from 1; the last complete one if not given.

    Raises UserError (a log that cannot be read or understood, a milestone outside it).
    """
    if milestones is not None and lr_schedule is not None:
        raise UserError("give either milestones or a schedule of the learning rate, not both")
    if steps_per_epoch is not None and not 0 < steps_per_epoch < math.inf:
        raise UserError(f"steps per epoch is {steps_per_epoch}; it must be a positive number")
    named = dict(columns or {})
    read = read_frame(log, named, run) if isinstance(log, pd.DataFrame) else read_log(log, named, run)
    if steps_per_epoch is not None:
        read = replace(read, per_epoch=steps_per_epoch)
    if milestones is not None:
        numbers = list(milestones)
        if not all(isinstance(m, int | float) and math.isfinite(m) for m in numbers):
            raise UserError(f"milestones are {numbers}; they must be numbers of completed epochs")
        found = schedules.stated(read, numbers, steps_per_epoch)
    elif lr_schedule is not None:
        found = schedules.parse(lr_schedule, read, steps_per_epoch)
    else:
        found = schedules.from_log(read)
    return Explanation(read, found, *explained(read, found), decays(read))
