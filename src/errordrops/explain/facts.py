"""What was found as plain numbers and text: rows of the tables, and the object that `--json` prints."""

import json
import math
from typing import Any

import pandas as pd

from .change_effects import Effect
from .explained import Explained
from .known_changes import Change
from .moments import Event
from .readers import Curve
from .sentences import answer

EVENT_COLUMNS = "epoch label curve size ratio confidence cause milestone offset why found".split()
EFFECT_COLUMNS = "milestone label what curve size low high resolved".split()
LOOKED = {True: "by looking at the change of the schedule", False: "by comparing levels"}
CHANGE_COLUMNS = "milestone label what before after".split()


def facts(explanation: Explained) -> dict[str, Any]:
    """One object of plain numbers and text, without NaN."""
    schedule, log = explanation.schedule, explanation.log
    return {
        "source": log.source,
        "format": log.format,
        "unit": log.axis.unit,
        "answer": answer(explanation),
        "drops": [event_facts(e) for e in explanation.events if e.kind == "drop"],
        "rises": [event_facts(e) for e in explanation.events if e.kind == "rise"],
        "recoveries": [event_facts(e) for e in explanation.events if e.kind == "recovery"],
        "missed": [change_facts(c) for c in explanation.unseen],
        "effects": [effect_facts(e) for e in explanation.measured],
        "schedule": {
            "kind": schedule.kind,
            "source": schedule.source or None,
            "changes": [change_facts(c) for c in schedule.changes],
        },
        "curves": [curve_facts(c) for c in log.curves],
        "runs": log.runs,
        "run": log.run,
        "notes": [*schedule.notes, *log.notes],
    }


def as_json(explanation: Explained) -> str:
    """`facts` as one line of JSON."""
    return json.dumps(facts(explanation), allow_nan=False)


def event_table(explanation: Explained, kind: str) -> pd.DataFrame:
    """Events of a kind: one row per curve and event."""
    return pd.DataFrame([event_facts(e) for e in explanation.events if e.kind == kind], columns=EVENT_COLUMNS)


def missed_table(explanation: Explained) -> pd.DataFrame:
    """Changes of the schedule at which no curve shows anything."""
    return pd.DataFrame([change_facts(c) for c in explanation.unseen], columns=CHANGE_COLUMNS)


def effect_table(explanation: Explained) -> pd.DataFrame:
    """The effect of each change on each curve."""
    return pd.DataFrame([effect_facts(e) for e in explanation.measured], columns=EFFECT_COLUMNS)


def point_table(explanation: Explained) -> pd.DataFrame:
    """Every point of every curve."""
    frames = [
        pd.DataFrame({
            "curve": c.name, "column": c.column, "epoch": range(1, len(c.values) + 1), "label": c.labels,
            "value": c.values, "judged": not c.left_out,
        })
        for c in explanation.log.curves
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


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
