"""How much of a visible drop is only lag: running batch-norm statistics that trail behind fast-moving weights."""

import pandas as pd

from ..results.intervals import summarise
from ..study.study import CONTROL, Study
from .changes import study_milestones
from .judged import series
from .levels import fall, windows

COLUMNS = "study arm index milestone seed visible recomputed lag".split()


def lag(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Points of test error, one row per arm, milestone and seed: means over up to five epochs before minus after.

    visible: with running statistics; recomputed: with statistics recomputed; lag = visible - recomputed.
    """
    running, fresh = series(curves, "test", "error"), series(curves, "test", "error_recomputed")
    rows = []
    for arm, own in study_milestones(study).items():
        if arm == CONTROL:
            continue
        last = len(study.arm(arm).settings)
        for index, (m, (pre, post)) in enumerate(zip(own, windows(own, last), strict=True), start=1):
            for seed in study.arm(arm).seeds:
                if (arm, seed) in running.index and (arm, seed) in fresh.index:
                    falls = [fall(table.loc[(arm, seed)], pre, post) for table in (running, fresh)]
                    rows.append((study.name, arm, index, m, seed, *falls, falls[0] - falls[1]))
    return pd.DataFrame(rows, columns=COLUMNS)


def lag_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals."""
    return summarise(table, ["study", "arm", "index", "milestone"], ["visible", "recomputed", "lag"])
