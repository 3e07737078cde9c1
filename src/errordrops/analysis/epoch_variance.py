"""The collapse of noise: epoch-to-epoch variance of test error before and after a change."""

import numpy as np
import pandas as pd

from ..results.intervals import t_interval
from ..study.study import CONTROL, Study
from .changes import comparable, study_milestones
from .judged import JUDGED, judged_series

EPOCHS = 6  # on either side: longer ones would reach into the steep first epochs
COLUMNS = "study arm index milestone seed split metric sd_before sd_after log_ratio beside_none".split()


def epoch_to_epoch_sd(values: np.ndarray) -> float:
    """Deviation of one epoch's reading from successive differences, sqrt(mean d^2 / 2) (von Neumann 1941). Of a trend
    only its slope counts, d = slope + noise. NaN for fewer than three values, or if one is missing.
    """
    differences = np.diff(values)
    return float(np.sqrt((differences**2).mean() / 2)) if len(differences) > 1 else np.nan


def collapse(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per arm, milestone, seed and judged metric; up to six epochs on either side, not reaching into others.

    The first epoch after the change belongs to neither side: it falls. log_ratio = log of the ratio of variances.
    Arm none stands there with the milestones of the others, as what happens without a change; beside_none = log_ratio
    less that of arm none, same seed and epochs, for arms that are one run with it until then.
    """
    rows = []
    own = study_milestones(study)
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        for (arm, seed), values in table.iterrows():
            for index, m in enumerate(own.get(arm, []), start=1):
                others = [] if arm == CONTROL else own[arm]
                first = max([1, m - EPOCHS + 1, *(o + 2 for o in others if o < m)])
                last = min([values.last_valid_index(), m + EPOCHS + 1, *(o for o in others if o > m)])
                before, after = (epoch_to_epoch_sd(values.loc[a:b].to_numpy()) for a, b in ((first, m), (m + 2, last)))
                ratio = 2 * np.log(after / before) if before > 0 and after > 0 else np.nan
                rows.append((study.name, arm, index, m, seed, split, metric, before, after, ratio, np.nan))
    ratios = pd.DataFrame(rows, columns=COLUMNS)
    key = ["milestone", "seed", "split", "metric"]
    none = ratios[ratios["arm"] == CONTROL].set_index(key)["log_ratio"].rename("log_ratio_none")
    paired = ratios["arm"].isin(comparable(study)) & (ratios["index"] == 1)
    ratios["beside_none"] = (ratios["log_ratio"] - ratios.join(none, on=key)["log_ratio_none"]).where(paired)
    return ratios


def collapse_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Per arm, milestone and metric: mean deviations, the ratio of variances, and that ratio over arm none's (geometric
    means with intervals).
    """
    rows = []
    by = "study arm index milestone split metric".split()
    for keys, group in table.dropna(subset=["log_ratio"]).groupby(by, sort=False):
        ratios = [*np.exp(t_interval(group["log_ratio"])), *np.exp(t_interval(group["beside_none"].dropna()))]
        rows.append((*keys, len(group), group["sd_before"].mean(), group["sd_after"].mean(), *ratios))
    ends = [f"{name}{end}" for name in ("ratio", "beside_none") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*by, "n", "sd_before", "sd_after", *ends])
