"""Is it the noise? Height of the first plateau and size of drops against Smith & Le's noise scale g."""

import numpy as np
import pandas as pd
from scipy import stats

from ..schedules import noise_scale, shared_epochs
from ..study import CONTROL, Study
from .judged import JUDGED, flow_time, series

LAST_EPOCHS = 5  # of a plateau: what it has settled to
PLATEAU_COLUMNS = "study arm seed noise level".split()
DROP_COLUMNS = "study arm index milestone seed noise_before noise_after before after fall rate_sum".split()


def dose_arms(study: Study) -> list[str]:
    """Arm none and those that are one run with it up to the study's first milestone and change there."""
    if CONTROL not in {arm.name for arm in study.schedules} or not study.milestones:
        return []
    none, m = study.arm(CONTROL), study.milestones[0]
    changed = [
        arm.name
        for arm in study.schedules
        if arm.rule in ("step", "batch") and m in arm.milestones and shared_epochs(arm.settings, none.settings) >= m
    ]
    return [CONTROL, *changed]


def plateaus(study: Study, curves: pd.DataFrame, train_images: int) -> pd.DataFrame:
    """Training loss at the end of the first plateau after the first milestone, one row per dose arm and seed.

    Seeds that all dose arms have; noise is g relative to the base setting's.
    """
    names = dose_arms(study)
    if len(names) < 3:
        return pd.DataFrame(columns=PLATEAU_COLUMNS)
    m = study.milestones[0]
    end = study.milestones[1] if len(study.milestones) > 1 else study.epochs
    table = series(curves, *JUDGED["loss"][:2])
    seeds = set.intersection(*(set(study.arm(name).seeds) for name in names))
    base = noise_scale(study.base, train_images)
    rows = []
    for name in names:
        noise = noise_scale(study.arm(name).settings[m], train_images) / base
        for seed in sorted(seeds):
            if (name, seed) in table.index:
                level = table.loc[(name, seed), max(m + 1, end - LAST_EPOCHS + 1) : end].mean(skipna=False)
                rows.append((study.name, name, seed, noise, level))
    return pd.DataFrame(rows, columns=PLATEAU_COLUMNS).dropna()


def drops(study: Study, curves: pd.DataFrame, train_images: int) -> pd.DataFrame:
    """Fall of training loss in the second epoch after each milestone of the dose arms, with g before and after.

    before: mean of up to five epochs up to the milestone; after: the second epoch after it (the first may be too short
    for large batches); noise relative to the base setting's; rate_sum: the learning rates summed over updates until
    then (arms that cut early have travelled less far).
    """
    table, flow = series(curves, *JUDGED["loss"][:2]), flow_time(curves).set_index(["arm", "seed", "epoch"])["rate_sum"]
    base = noise_scale(study.base, train_images)
    rows = []
    for name in dose_arms(study)[1:]:
        arm = study.arm(name)
        for index, m in enumerate(arm.milestones, start=1):
            g = [noise_scale(setting, train_images) / base for setting in (arm.settings[m - 1], arm.settings[m])]
            for seed in arm.seeds:
                if (name, seed) not in table.index or m + 2 not in table.columns:
                    continue
                before = table.loc[(name, seed), max(1, m - LAST_EPOCHS + 1) : m].mean()
                after = table.loc[(name, seed), m + 2]
                distance = flow.get((name, seed, m), np.nan)
                rows.append((study.name, name, index, m, seed, *g, before, after, before - after, distance))
    return pd.DataFrame(rows, columns=DROP_COLUMNS).dropna()


def line(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """(intercept, slope, R2) of a straight line through the points; NaN for fewer than three."""
    if len(x) < 3 or x.nunique() < 2:
        return np.nan, np.nan, np.nan
    fit = stats.linregress(x, y)
    return fit.intercept, fit.slope, fit.rvalue**2


def noise_fits(plateau_table: pd.DataFrame, drop_table: pd.DataFrame) -> pd.DataFrame:
    """R2 of straight lines through arm means: level against noise at the first plateau, falls against the change of
    noise at each milestone, and at later milestones falls against change of noise and distance travelled together.

    Columns what n intercept slope r2.
    """
    means = plateau_table.groupby("arm")[["noise", "level"]].mean()
    rows = [("first plateau", len(means), *line(means["noise"], means["level"]))]
    for index, group in drop_table.groupby("index"):
        means = group.groupby("arm")[["noise_before", "noise_after", "fall", "rate_sum"]].mean()
        cut = means["noise_before"] - means["noise_after"]
        rows.append((f"drop at milestone {index}", len(means), *line(cut, means["fall"])))
        if index > 1 and len(means) > 3:
            rows.append((f"drop at milestone {index}, with distance", len(means), np.nan, *_two(cut, means)))
    return pd.DataFrame(rows, columns="what n intercept slope r2".split())


def _two(cut: pd.Series, means: pd.DataFrame) -> tuple[float, float]:
    """(coefficient of the cut, R2) of fall on the cut and the distance travelled."""
    x = np.column_stack([np.ones(len(cut)), cut, means["rate_sum"]])
    coefficients, *_ = np.linalg.lstsq(x, means["fall"], rcond=None)
    left = means["fall"] - x @ coefficients
    return float(coefficients[1]), float(1 - left.var(ddof=0) / means["fall"].var(ddof=0))
