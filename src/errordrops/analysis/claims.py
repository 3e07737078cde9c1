"""Claims: statements with a number, an interval and a threshold that the study file states."""

import math
from typing import Any

import pandas as pd

from ..study import CONTROL, Arm, Study
from .changes import LEVEL_EPOCHS

JUDGED = ("test", "error_recomputed")  # statistics recomputed: what running averages lag behind is no drop
KINDS = {
    "drop": "In epoch {next}, the first after milestone {m}, test error falls {more}further than in arm none.",
    "level": f"Mean of up to {LEVEL_EPOCHS} epochs after milestone {{m}} beside as many before: test error falls "
    "{more}further than in arm none.",
}


def milestone_claims(study: Study, summaries: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """ARM.mI.drop and ARM.mI.level for each arm and milestone: the whole interval of the paired difference to arm none
    lies below minus the stated points.

    `summaries` holds the tables of milestone_summary over one epoch (drop) and several (level). `holds` is None where
    the study lacks arm none, the seeds for an interval, or a stated threshold.
    """
    split, metric = JUDGED
    claims = []
    for kind, summary in summaries.items():
        thresholds = study.claims.get(kind, [])
        rows = summary[(summary["split"] == split) & (summary["metric"] == metric)]
        for arm in study.arms:
            for index, m in enumerate(arm.milestones if arm.name != CONTROL else [], start=1):
                row = rows[(rows["arm"] == arm.name) & (rows["milestone"] == m)]
                points = thresholds[index - 1] if index <= len(thresholds) else None
                claims.append(_claim(kind, arm, index, m, row, points))
    return claims


def _claim(kind: str, arm: Arm, index: int, m: int, row: pd.DataFrame, points: float | None) -> dict[str, Any]:
    value, low, high = (_number(row, column) for column in ("difference", "difference_low", "difference_high"))
    limit = None if points is None else 0.0 - points
    more = f"by more than {points:g} points " if points else ""
    return {
        "id": f"{arm.name}.m{index}.{kind}",
        "statement": f"Arm {arm.name} ({arm.description}). " + KINDS[kind].format(m=m, next=m + 1, more=more),
        "metric": " ".join(JUDGED),
        "milestone": m,
        "holds": None if limit is None or high is None else high < limit,
        "value": value,
        "ci_low": low,
        "ci_high": high,
        "threshold_low": None,
        "threshold_high": limit,
        "unit": "points",
        "n": int(row["n"].iloc[0]) if len(row) else None,
    }


def _number(row: pd.DataFrame, column: str) -> float | None:
    """The single value of a column, None where there is none."""
    if not len(row) or math.isnan(row[column].iloc[0]):
        return None
    return float(row[column].iloc[0])
