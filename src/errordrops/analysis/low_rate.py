"""A low learning rate from the start: better until the others cut theirs, worse after (Li, Wei & Ma 2019)."""

import pandas as pd

from ..study.study import CONTROL, Study
from .judged import JUDGED, series
from .levels import before, mean_over

COLUMNS = "study seed before before_none before_gain end end_step end_gain".split()


def low_rate(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Test error, means over five epochs, one row per seed: up to milestone 1 beside arm none, at the end beside step.

    before_gain = none - low, end_gain = low - step: both positive if the paper is right.
    """
    there = {arm.name for arm in study.schedules}
    if not {"low", "step", CONTROL} <= there or not study.milestones:
        return pd.DataFrame(columns=COLUMNS)
    table, rows, m = series(curves, *JUDGED["error"][:2]), [], study.milestones[0]
    spans = [before(last) for last in (m, study.epochs)]
    for seed in study.arm("low").seeds:
        if not {("low", seed), ("step", seed), (CONTROL, seed)} <= set(table.index):
            continue
        early, end = (mean_over(table.loc[("low", seed)], span) for span in spans)
        none, step = (
            mean_over(table.loc[(arm, seed)], span) for arm, span in zip((CONTROL, "step"), spans, strict=True)
        )
        rows.append((study.name, seed, early, none, none - early, end, step, end - step))
    return pd.DataFrame(rows, columns=COLUMNS)
