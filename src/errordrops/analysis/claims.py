"""Claims about milestones: an arm falls further than what would have happened without its change."""

from typing import Any

import pandas as pd

from ..results.intervals import Interval
from ..results.verdicts import at_least, claim
from ..study.settings import shared_epochs
from ..study.study import CONTROL, Arm, Study
from . import control_effects as effects
from .changes import comparable
from .judged import JUDGED, WORDS, of_reading

READINGS = {"": "error", "_loss": "loss"}  # ending of the key in the study file: what is judged


def changed_arms(study: Study) -> list[Arm]:
    """The arms that milestone claims are about: they begin as arm none, and cut the noise by the study's factor.

    Other factors are doses of their own, told by their trend.
    """
    began = comparable(study)
    return [arm for arm in study.schedules if arm.name != CONTROL and not _passed_over(study, arm, began)]


def _passed_over(study: Study, arm: Arm, began: set[str]) -> str:
    """Why there are no milestone claims about an arm; empty where there are."""
    if not arm.milestones and arm.plateau is None:
        return "its setting does not change"
    if arm.plateau is not None:
        return "it decides during training when its setting changes"
    if arm.rule not in (None, "step", "batch", "hybrid"):
        return f"the thresholds are not about rule {arm.rule}"
    if arm.factor not in (None, study.factor):
        return f"the thresholds are about factor {study.factor:g}, and its factor is {arm.factor:g}"
    if began and arm.name not in began:
        return f"it does not begin as arm {CONTROL}"
    return ""


def unclaimed(study: Study, made: list[dict[str, Any]]) -> dict[str, str]:
    """Arms, but the control, that no claim in `made` names, with the reason in words."""
    named, began = {claim["id"].split(".")[0] for claim in made}, comparable(study)
    arms = [arm for arm in study.schedules if arm.name not in (CONTROL, *named)]
    return {arm.name: _passed_over(study, arm, began) or "the study states no threshold for it" for arm in arms}


def points_of(study: Study, key: str, index: int) -> float | None:
    """The threshold that the study states for milestone `index` (from 1), None if it states none."""
    stated = study.claims.get(key, [])
    return stated[index - 1] if index <= len(stated) else None


def interval_of(row: pd.DataFrame, column: str) -> Interval:
    """Mean and interval that a summary's single row holds for a column; nothing for no row."""
    return effects.of_row(row, column)


def milestone_claims(study: Study, summary: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.drop and .level (test error), .drop_loss and .level_loss (training loss) for each arm and milestone.

    The whole interval of the effect, arm less the control of that change, lies below minus the stated points, in the
    first epoch (drop) or over up to five (level). `summary`: the table of effects.summary.
    """
    claims = []
    for span in effects.SPANS:
        for ending, name in READINGS.items():
            key = f"{span}{ending}"
            if ending and key not in study.claims:
                continue
            split, metric, unit = JUDGED[name]
            rows = of_reading(summary[summary["span"] == span], name)
            for arm in changed_arms(study):
                for index, m in enumerate(arm.milestones, start=1):
                    points = points_of(study, key, index)
                    row = effects.best(rows[(rows["arm"] == arm.name) & (rows["index"] == index)])
                    control = row["control"].iloc[0] if len(row) else None
                    made = claim(
                        f"{arm.name}.m{index}.{key}",
                        f"Arm {arm.name} ({arm.description}{_one_with(study, arm, m)}). "
                        + _words(span, m, WORDS[name], points, unit, row),
                        f"{split} {metric}",
                        unit,
                        interval_of(row, "effect"),
                        high=None if points is None else 0.0 - points,
                        milestone=m,
                        n=int(row["n"].iloc[0]) if len(row) else None,
                        control=control,
                        epoch=m + 1 if span == "drop" else None,
                    )
                    claims.append(made | {"over": row["over"].iloc[0] if len(row) else None})
    return claims


BESIDE = {
    "placebo": "the mean of its active placebos, which go on without the change",
    "hold": "the same run without this change",
    "none": f"arm {CONTROL}, the same run without the change",
}


def _words(span: str, m: int, what: str, points: float | None, unit: str, row: pd.DataFrame) -> str:
    epochs = int(row["epochs"].iloc[0]) if len(row) else effects.SPANS[span]
    when = f"In epoch {m + 1}, the first after the change" if span == "drop" else f"Over the {epochs} epochs after {m}"
    beside = BESIDE[row["control"].iloc[0]] if len(row) else "a run without the change"
    more = f"by more than {points:g} {unit} " if points else ""
    return f"{when}, {what} is {more}lower than in {beside}."


def _one_with(study: Study, arm: Arm, m: int) -> str:
    """`; until epoch 20 one run with arm batch`, where an earlier arm of the study is that until after milestone m."""
    for other in changed_arms(study):
        if other is arm:
            break
        shared = shared_epochs(arm.settings, other.settings)
        if shared > m:
            return f"; until epoch {shared} one run with arm {other.name}"
    return ""


def beyond_claims(study: Study, placebo: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.beyond_placebos: in how many seeds the arm lies below every single placebo in the first epoch."""
    if "beyond_placebos" not in study.claims:
        return []
    split, metric, _ = JUDGED["error"]
    claims = []
    first = of_reading(placebo[(placebo["after"] == 1) & (placebo["control"] == "placebos")], "error")
    for arm in changed_arms(study):
        for index, m in enumerate(arm.milestones, start=1):
            row = first[(first["arm"] == arm.name) & (first["milestone"] == m)]
            if not len(row):
                continue
            claims.append(
                at_least(
                    f"{arm.name}.m{index}.beyond_placebos",
                    f"Arm {arm.name}, epoch {m + 1}: test error is lower than in every active placebo, "
                    "in this share of the seeds.",
                    f"{split} {metric}",
                    "share of seeds",
                    float(row["beyond_all"].iloc[0]),
                    points_of(study, "beyond_placebos", index),
                    kind="share",
                    milestone=m,
                    n=int(row["n"].iloc[0]),
                    control="placebo",
                    epoch=m + 1,
                )
            )
    return claims
