"""The answer for one log: `explain` reads it, finds what happened, and lays it beside the schedule."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UserError
from . import schedule as schedules
from .change_effects import Decay, Effect, decays
from .events import explained
from .known_changes import Change, Schedule
from .moments import Event
from .readers import Curve, Log, read_frame, read_log

EVENT_COLUMNS = "epoch label curve size ratio confidence cause milestone offset why found".split()
EFFECT_COLUMNS = "milestone label what curve size low high resolved".split()
LOOKED = {True: "by looking at the change of the schedule", False: "by comparing levels"}
CHANGE_COLUMNS = "milestone label what before after".split()


@dataclass(frozen=True)
class Explanation:
    """What happened in a log and why; printed, it is the answer in plain words.

    `drops`, `rises`, `recoveries` (falls that only end a spike), `missed` (changes of the schedule without a visible
    drop), `effects` (of each change on each curve, with an interval) and `curves` (all points) are tables; `to_dict`
    is what `--json` prints; `save` writes .html, .png, .svg or .json.
    """

    log: Log
    schedule: Schedule
    events: list[Event]
    unseen: list[Change]
    measured: list[Effect] = field(default_factory=list)
    decays: list[Decay] = field(default_factory=list)

    def _events(self, kind: str) -> pd.DataFrame:
        return pd.DataFrame([event_facts(e) for e in self.events if e.kind == kind], columns=EVENT_COLUMNS)

    @property
    def drops(self) -> pd.DataFrame:
        """Sudden, lasting drops: one row per curve and drop."""
        return self._events("drop")

    @property
    def rises(self) -> pd.DataFrame:
        """Sudden, lasting rises; their size is negative."""
        return self._events("rise")

    @property
    def recoveries(self) -> pd.DataFrame:
        """Falls back from a spike, which are no drops; in words are told those that stand out of the noise."""
        return self._events("recovery")

    @property
    def missed(self) -> pd.DataFrame:
        """Sudden changes of the schedule at which no curve shows anything."""
        return pd.DataFrame([change_facts(c) for c in self.unseen], columns=CHANGE_COLUMNS)

    @property
    def effects(self) -> pd.DataFrame:
        """How far each curve's level shifts at each change of the schedule, with the 95 % interval; positive = fell."""
        return pd.DataFrame([effect_facts(e) for e in self.measured], columns=EFFECT_COLUMNS)

    @property
    def curves(self) -> pd.DataFrame:
        """Every point of every curve that was understood: columns curve, epoch (ordinal), label, value, judged."""
        frames = [
            pd.DataFrame({
                "curve": c.name, "column": c.column, "epoch": range(1, len(c.values) + 1), "label": c.labels,
                "value": c.values, "judged": not c.left_out,
            })
            for c in self.log.curves
        ]  # fmt: skip
        return pd.concat(frames, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """One object of plain numbers and text, without NaN."""
        changes = [change_facts(c) for c in self.schedule.changes]
        return {
            "source": self.log.source,
            "format": self.log.format,
            "unit": self.log.axis.unit,
            "answer": str(self),
            "drops": [event_facts(e) for e in self.events if e.kind == "drop"],
            "rises": [event_facts(e) for e in self.events if e.kind == "rise"],
            "recoveries": [event_facts(e) for e in self.events if e.kind == "recovery"],
            "missed": [change_facts(c) for c in self.unseen],
            "effects": [effect_facts(e) for e in self.measured],
            "schedule": {"kind": self.schedule.kind, "source": self.schedule.source or None, "changes": changes},
            "curves": [curve_facts(c) for c in self.log.curves],
            "runs": self.log.runs,
            "run": self.log.run,
            "notes": [*self.schedule.notes, *self.log.notes],
        }

    def to_json(self) -> str:
        """`to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __str__(self) -> str:
        from .sentences import answer

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


def finite(value: float | None, digits: int = 6) -> float | int | None:
    """A number for JSON: whole ones as integers, none for what is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else float(f"{value:.{digits}g}")


def milestone(event: Event) -> float | None:
    """Epochs completed at the change that explains an event; points of its curve where the log has no epochs."""
    change = event.change
    if change is None:
        return None
    if change.counted:
        return change.milestone
    first, last = change.points(event.curve)
    return float(min(max(event.point, first), last))


def event_facts(event: Event) -> dict[str, Any]:
    """An event as the contract of `--json` has it."""
    return {
        "epoch": event.point + 1,
        "label": finite(event.label, 12),
        "curve": event.curve.name,
        "size": finite(event.size),
        "ratio": None if event.curve.shifted or not event.ratio >= 0 else finite(event.ratio),
        "confidence": round(event.confidence, 3),
        "cause": event.cause,
        "milestone": finite(milestone(event), 12),
        "offset": event.offset if event.change else None,
        "why": event.why,
        "found": "blind" if event.blind else LOOKED[event.change is not None],
    }


def change_facts(change: Change) -> dict[str, Any]:
    """A change of the schedule."""
    return {
        "milestone": finite(change.milestone, 12),
        "label": finite(change.label, 12),
        "what": change.what,
        "before": finite(change.before),
        "after": finite(change.after),
    }


def effect_facts(effect: Effect) -> dict[str, Any]:
    """The shift of a curve's level at a change, with its interval; none where it could not be judged."""
    change, seen = effect.change, effect.shift
    return {
        "milestone": finite(change.milestone, 12),
        "label": finite(change.label, 12),
        "what": change.what,
        "curve": effect.curve.name,
        "size": finite(seen.size if seen else None, 4),
        "low": finite(seen.low if seen else None, 4),
        "high": finite(seen.high if seen else None, 4),
        "resolved": bool(seen and seen.resolved),
    }


def curve_facts(curve: Curve) -> dict[str, Any]:
    """A curve with its points; errors in percent."""
    return {
        "curve": curve.name,
        "column": curve.column,
        "split": curve.split or None,
        "metric": curve.metric,
        "unit": curve.unit or None,
        "judged": not curve.left_out,
        "left_out": curve.left_out or None,
        "points": curve.how or "as logged",
        "label": [finite(v, 12) for v in curve.labels],
        "value": [finite(v, 8) for v in curve.values],
    }
