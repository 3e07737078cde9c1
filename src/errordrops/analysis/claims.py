"""Claims: statements with a number, an interval and a threshold that the study file states before training."""

import math
from typing import Any

import pandas as pd

from ..study import Study
from .changes import CONTROL

JUDGED = ("test", "error_recomputed")  # statistics recomputed: what running averages lag behind is no drop


def drop_claims(study: Study, summary: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.drop for each arm and milestone: the paired difference to arm none lies below minus the threshold.

    `summary` is the table of milestone_summary. `holds` is None where the study lacks the arm none, the seeds for an
    interval, or a stated threshold.
    """
    thresholds = study.claims.get("drop", [])
    split, metric = JUDGED
    rows = summary[(summary["split"] == split) & (summary["metric"] == metric)]
    claims = []
    for arm in study.arms:
        if arm.name == CONTROL:
            continue
        for index, m in enumerate(arm.milestones, start=1):
            row = rows[(rows["arm"] == arm.name) & (rows["milestone"] == m)]
            threshold = thresholds[index - 1] if index <= len(thresholds) else None
            claims.append(_drop_claim(arm.name, arm.description, index, m, row, threshold))
    return claims


def _drop_claim(arm: str, description: str, index: int, m: int, row: pd.DataFrame, points: float | None) -> dict:
    value, low, high = (_number(row, c) for c in ("difference", "difference_low", "difference_high"))
    limit = None if points is None else 0.0 - points
    more = f"by more than {points:g} points " if points else ""
    return {
        "id": f"{arm}.m{index}.drop",
        "statement": f"Arm {arm} ({description}): in epoch {m + 1}, the first after milestone {m}, test error falls "
        f"{more}further than in arm none.",
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
