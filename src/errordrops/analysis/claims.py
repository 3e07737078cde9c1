"""Claims about milestones: an arm falls further than what would have happened without its change."""

from typing import Any

import pandas as pd

from ..schedules import shared_epochs
from ..study import CONTROL, Arm, Study
from .changes import LEVEL_EPOCHS, comparable
from .intervals import Interval
from .judged import JUDGED, WORDS
from .verdicts import NOTHING, at_least, claim

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
    if not len(row):
        return NOTHING
    return Interval(*(float(row[name].iloc[0]) for name in (column, f"{column}_low", f"{column}_high")))


def milestone_claims(study: Study, summaries: dict[str, pd.DataFrame], placebo: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.drop and .level (test error), .drop_loss and .level_loss (training loss) for each arm and milestone.

    The whole interval of the paired difference lies below minus the stated points. The difference is to the mean of the
    active placebos where the study has them, else to the one run of arm none with the same seed. `summaries` holds the
    tables of milestone_summary over one epoch (drop) and several (level), `placebo` that of placebo_summary. A study
    with placebos claims nothing about later milestones that have none: since its first change such an arm has a past
    of its own.
    """
    found, has_placebos = [], bool((placebo["control"] == "placebos").any())
    for kind, summary in summaries.items():
        for ending, name in READINGS.items():
            key = f"{kind}{ending}"
            if ending and key not in study.claims:
                continue
            split, metric, unit = JUDGED[name]
            for arm in changed_arms(study):
                for index, m in enumerate(arm.milestones, start=1):
                    points = points_of(study, key, index)
                    rows = placebo[
                        (placebo["arm"] == arm.name)
                        & (placebo["milestone"] == m)
                        & (placebo["control"] == "placebos")
                        & (placebo["metric"] == metric)
                        & (placebo["split"] == split)
                    ]
                    if index > 1 and has_placebos and not len(rows):
                        continue  # no past in common with arm none, and no placebo to say what would have happened
                    if len(rows):
                        row = rows[rows["after"] == (1 if kind == "drop" else rows["after"].max())]
                        interval, words = interval_of(row, "effect"), _placebo_words(kind, m, row)
                    else:
                        same = summary[(summary["split"] == split) & (summary["metric"] == metric)]
                        row = same[(same["arm"] == arm.name) & (same["milestone"] == m)]
                        interval, words = interval_of(row, "difference"), _none_words(kind, m)
                    more = f"by more than {points:g} {unit} " if points else ""
                    found.append(
                        claim(
                            f"{arm.name}.m{index}.{key}",
                            f"Arm {arm.name} ({arm.description}{_one_with(study, arm, m)}). "
                            + words.format(what=WORDS[name], more=more),
                            f"{split} {metric}",
                            unit,
                            interval,
                            high=None if points is None else 0.0 - points,
                            milestone=m,
                            n=int(row["n"].iloc[0]) if len(row) else None,
                        )
                    )
    return found


def _one_with(study: Study, arm: Arm, m: int) -> str:
    """`; until epoch 20 one run with arm batch`, where an earlier arm of the study is that until after milestone m."""
    for other in changed_arms(study):
        if other is arm:
            break
        shared = shared_epochs(arm.settings, other.settings)
        if shared > m:
            return f"; until epoch {shared} one run with arm {other.name}"
    return ""


def _none_words(kind: str, m: int) -> str:
    if kind == "drop":
        return f"In epoch {m + 1}, the first after milestone {m}, {{what}} falls {{more}}further than in arm none."
    return (
        f"Mean of up to {LEVEL_EPOCHS} epochs after milestone {m} beside as many before: "
        "{what} falls {more}further than in arm none."
    )


def _placebo_words(kind: str, m: int, row: pd.DataFrame) -> str:
    epoch = m + (int(row["after"].iloc[0]) if len(row) else 1)
    first = ", the first after milestone" if epoch == m + 1 else ", after milestone"
    return (
        f"In epoch {epoch}{first} {m}, {{what}} is {{more}}lower than the mean of the active placebos, "
        "which go on without the change."
    )


def beyond_claims(study: Study, placebo: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.beyond_placebos: in how many seeds the arm lies below every single placebo in the first epoch."""
    if "beyond_placebos" not in study.claims:
        return []
    split, metric, _ = JUDGED["error"]
    found = []
    first = placebo[(placebo["after"] == 1) & (placebo["control"] == "placebos") & (placebo["metric"] == metric)]
    for arm in changed_arms(study):
        for index, m in enumerate(arm.milestones, start=1):
            row = first[(first["arm"] == arm.name) & (first["milestone"] == m)]
            if not len(row):
                continue
            found.append(
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
                )
            )
    return found
