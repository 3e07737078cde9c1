"""Paired effects: an arm minus the mean of its active placebos, same seed.

The placebos are the arm without its change, in fresh orders of the data. Their mean is what would have happened, their
spread is what chance does; one unchanged run would be a noisy control (Bouthillier et al. 2021).
"""

import numpy as np
import pandas as pd

from ..results.intervals import summarise
from ..study.arms import Arm
from ..study.study import CONTROL, Study
from .changes import comparable
from .judged import JUDGED, judged_series

AFTER = (1, 2, 5)
HEAD = "study arm index milestone seed control after split metric"
COLUMNS = f"{HEAD} value control_mean control_sd copies beyond effect".split()
BY = [column for column in HEAD.split() if column != "seed"]


def families(study: Study) -> dict[tuple[str, int], list[Arm]]:
    """The placebos of a study by what they are placebos of: (arm, milestone)."""
    placebos: dict[tuple[str, int], list[Arm]] = {}
    for arm in study.arms:
        if arm.role == "placebo":
            placebos.setdefault((arm.of, arm.at), []).append(arm)
    return placebos


def treated(study: Study, milestone: int, copies: list[Arm]) -> list[Arm]:
    """The arms that have the past of these placebos up to the milestone, and change there."""
    past = copies[0].settings[:milestone]
    return [
        arm
        for arm in study.schedules
        if arm.sudden and milestone in arm.milestones and arm.settings[:milestone] == past
    ]


def placebo_effects(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per arm, milestone, seed, judged metric and epochs after the milestone (1, 2, 5, as far as placebos go).

    value is the arm's, control_mean and control_sd (ddof 1) those of its `copies` placebos, `beyond` how many of them
    lie above the arm, effect = value - control_mean. `after` counts epochs from the milestone. The last epoch of the
    arm is compared with the one run of arm none (control = none), if they share the past. Empty without placebos.
    """
    rows = []
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        for (_, m), copies in families(study).items():
            for arm in treated(study, m, copies):
                head = (study.name, arm.name, arm.milestones.index(m) + 1, m)
                for seed in arm.seeds:
                    there = [(copy.name, seed) for copy in copies if (copy.name, seed) in table.index]
                    for after in AFTER if there and (arm.name, seed) in table.index else ():
                        if m + after not in table.columns:
                            continue
                        value, others = table.loc[(arm.name, seed), m + after], table.loc[there, m + after].dropna()
                        if np.isnan(value) or len(others) < 2:
                            continue
                        numbers = value, others.mean(), others.std(), len(others), int((others > value).sum())
                        rows.append((*head, seed, "placebos", after, split, metric, *numbers, value - others.mean()))
        rows += _last_epochs(study, table, split, metric) if families(study) else []
    return pd.DataFrame(rows, columns=COLUMNS)


def _last_epochs(study: Study, table: pd.DataFrame, split: str, metric: str) -> list[tuple]:
    """Rows of the study's last epoch, of each arm that began as arm none and goes so far, beside arm none."""
    began, end, rows = comparable(study), study.epochs, []
    for arm in study.schedules:
        if arm.name not in began or not arm.sudden or len(arm.settings) < end:
            continue
        m = arm.milestones[0]
        for seed in arm.seeds:
            if {(arm.name, seed), (CONTROL, seed)} <= set(table.index) and end in table.columns:
                value, other = table.loc[(arm.name, seed), end], table.loc[(CONTROL, seed), end]
                head = (study.name, arm.name, 1, m, seed, CONTROL, end - m, split, metric)
                rows.append((*head, value, other, np.nan, 1, int(other > value), value - other))
    return rows


def placebo_summary(effects: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals of the effect; control_sd and beyond_all (share of seeds) beside them."""
    summary = summarise(effects, BY, ["effect"])
    grouped = effects.assign(beyond_all=effects["beyond"] == effects["copies"]).groupby(BY, sort=False)
    more = grouped.agg(control_sd=("control_sd", "mean"), beyond_all=("beyond_all", "mean")).reset_index()
    return summary.merge(more, on=BY, how="left")


def update_effects(study: Study, closeups: pd.DataFrame) -> pd.DataFrame:
    """Within the first epoch after a milestone: arm minus the mean of its placebos at equal numbers of updates.

    Columns study arm milestone update metric n effect effect_low effect_high control_sd (mean over seeds of the
    deviation of the placebos); update 1, 2, 4, ... of the arm where the placebos were looked at too, which leaves out
    the last of an epoch that is shorter than theirs. From the close-ups (a sample of test images, recomputed
    statistics).
    """
    changed = closeups[closeups["branch"] == "changed"]
    key = ["seed", "update", "metric"]
    rows = []
    for (_, m), copies in families(study).items():
        names = [copy.name for copy in copies]
        others = changed[changed["arm"].isin(names) & (changed["milestone"] == m)]
        control = others.groupby(key)["value"].agg(control="mean", control_sd="std", copies="count")
        for arm in treated(study, m, copies):
            own = changed[(changed["arm"] == arm.name) & (changed["milestone"] == m)].set_index(key)["value"]
            both = pd.concat([own, control[control["copies"] > 1]], axis=1, join="inner").reset_index()
            rows.append(
                both.assign(study=study.name, arm=arm.name, milestone=m, effect=both["value"] - both["control"])
            )
    by = "study arm milestone update metric".split()
    empty = pd.DataFrame(columns=[*by, "seed", "effect", "control_sd"])
    effects = pd.concat([r for r in rows if len(r)] or [empty], ignore_index=True)
    spread = effects.groupby(by, sort=False)["control_sd"].mean().reset_index()
    return summarise(effects, by, ["effect"]).merge(spread, on=by, how="left")
