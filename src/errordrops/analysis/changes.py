"""The change of error in the first epoch after each milestone, beside that of the arm that changes nothing."""

import numpy as np
import pandas as pd

from ..curves import wide
from ..study import Study
from .intervals import summarise

CONTROL = "none"
COLUMNS = "study arm index milestone seed split metric before after change change_none difference".split()


def study_milestones(study: Study) -> dict[str, list[int]]:
    """For each arm the epochs whose successor is looked at: its own milestones; for the control those of all others."""
    own = {arm.name: arm.milestones for arm in study.arms}
    if CONTROL in own:
        own[CONTROL] = sorted({m for milestones in own.values() for m in milestones})
    return own


def milestone_changes(curves: pd.DataFrame, milestones: dict[str, list[int]]) -> pd.DataFrame:
    """One row per arm, milestone, seed, split and metric.

    `change` is the value at epoch m + 1 minus that at m, in points or nats; `change_none` the same change of the same
    seed in arm none; `difference` = change - change_none. Paired by seed: up to m of the first milestone both runs are
    one and the same. NaN where a run ended before, or there is no arm none.
    """
    table = wide(curves)
    study = curves["study"].iloc[0]
    rows = []
    for (arm, seed, split, metric), values in table.iterrows():
        control_row = (CONTROL, seed, split, metric)
        control = table.loc[control_row] if control_row in table.index else None
        for index, m in enumerate(milestones.get(arm, []), start=1):
            before, after = values.get(m, np.nan), values.get(m + 1, np.nan)
            without = np.nan if control is None else control.get(m + 1, np.nan) - control.get(m, np.nan)
            paired = np.nan if arm == CONTROL else after - before - without
            row = (study, arm, index, m, seed, split, metric, before, after, after - before, without, paired)
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def milestone_summary(changes: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals of change, change_none and difference."""
    by = "study arm index milestone split metric".split()
    return summarise(changes, by, ["change", "change_none", "difference"])
