"""Is it the noise? Height of the first plateau and size of drops against Smith & Le's noise scale g."""

import numpy as np
import pandas as pd
from scipy import stats

from ..study.settings import noise_scale, phases, shared_epochs
from ..study.study import CONTROL, Study
from .changes import comparable
from .judged import JUDGED, flow_time, series
from .levels import before, mean_over

LAST_EPOCHS = 5  # of a plateau: what it has settled to
PLATEAU_COLUMNS = "study arm seed noise level".split()
LATER_COLUMNS = "study arm seed end noise rate_sum level".split()
DROP_COLUMNS = "study arm index milestone seed noise_before noise_after before after fall".split()


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
    """Training loss at the end of the first plateau after the first milestone, as far as all dose arms go, one row per
    dose arm and seed.

    Seeds that all dose arms have; noise is g relative to the base setting's.
    """
    names = dose_arms(study)
    if len(names) < 3:
        return pd.DataFrame(columns=PLATEAU_COLUMNS)
    m = study.milestones[0]
    end = study.milestones[1] if len(study.milestones) > 1 else study.epochs
    end = min(end, *(len(study.arm(name).settings) for name in names))  # an epoch that all of them have
    table = series(curves, *JUDGED["loss"][:2])
    seeds = set.intersection(*(set(study.arm(name).seeds) for name in names))
    base = noise_scale(study.base, train_images)
    rows = []
    for name in names:
        noise = noise_scale(study.arm(name).settings[m], train_images) / base
        for seed in sorted(seeds):
            if (name, seed) in table.index:
                level = mean_over(table.loc[(name, seed)], before(end, LAST_EPOCHS, first=m + 1))
                rows.append((study.name, name, seed, noise, level))
    return pd.DataFrame(rows, columns=PLATEAU_COLUMNS).dropna()


def drops(study: Study, curves: pd.DataFrame, train_images: int) -> pd.DataFrame:
    """Fall of training loss in the second epoch after each milestone of the dose arms, with g before and after, of the
    seeds that all of them have.

    before: mean of up to five epochs up to the milestone; after: the second epoch after it (the first may be too short
    for large batches); noise relative to the base setting's.
    """
    table, base = series(curves, *JUDGED["loss"][:2]), noise_scale(study.base, train_images)
    names = dose_arms(study)[1:]
    seeds = set.intersection(*(set(study.arm(name).seeds) for name in names)) if names else set()
    rows = []
    for name in names:
        arm = study.arm(name)
        for index, m in enumerate(arm.milestones, start=1):
            g = [noise_scale(setting, train_images) / base for setting in (arm.settings[m - 1], arm.settings[m])]
            for seed in sorted(seeds):
                if (name, seed) not in table.index or m + 2 not in table.columns:
                    continue
                before = table.loc[(name, seed), max(1, m - LAST_EPOCHS + 1) : m].mean()
                after = table.loc[(name, seed), m + 2]
                rows.append((study.name, name, index, m, seed, *g, before, after, before - after))
    return pd.DataFrame(rows, columns=DROP_COLUMNS).dropna()


def all_plateaus(study: Study, curves: pd.DataFrame, train_images: int) -> pd.DataFrame:
    """Training loss at the end of every plateau after the first milestone, with g and the distance travelled.

    Arms that begin as arm none; a plateau is five epochs or more of one setting, its level the mean of the last five;
    arm none itself is read wherever such a plateau of another arm ends. noise relative to the base setting's; rate_sum:
    learning rates summed over updates up to there.
    """
    began = [study.arm(name) for name in comparable(study) if not study.arm(name).plateau and study.arm(name).sudden]
    ends: dict[str, list[int]] = {}
    for arm in sorted(began, key=lambda arm: arm.name):
        end = 0
        for phase in phases(arm.settings):
            end += phase.epochs
            if phase.epochs >= LAST_EPOCHS and end > arm.milestones[0]:
                ends.setdefault(arm.name, []).append(end)
    if ends:
        ends[CONTROL] = sorted({end for own in ends.values() for end in own})
    table, flow = series(curves, *JUDGED["loss"][:2]), flow_time(curves).set_index(["arm", "seed", "epoch"])["rate_sum"]
    base = noise_scale(study.base, train_images)
    rows = []
    for name, own in ends.items():
        for seed in study.arm(name).seeds:
            for end in own if (name, seed) in table.index else ():
                noise = noise_scale(study.arm(name).settings[end - 1], train_images) / base
                level = mean_over(table.loc[(name, seed)], range(end - LAST_EPOCHS + 1, end + 1))
                rows.append((study.name, name, seed, end, noise, flow.get((name, seed, end), np.nan), level))
    return pd.DataFrame(rows, columns=LATER_COLUMNS).dropna()


def line(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """(intercept, slope, R2) of a straight line through the points; NaN for fewer than three."""
    if len(x) < 3 or x.nunique() < 2:
        return np.nan, np.nan, np.nan
    fit = stats.linregress(x, y)
    return fit.intercept, fit.slope, fit.rvalue**2


def noise_fits(plateau_table: pd.DataFrame, drop_table: pd.DataFrame, all_table: pd.DataFrame) -> pd.DataFrame:
    """R2 of straight lines through means over seeds: level against noise at the first plateau, falls against the change
    of noise at each milestone, and the levels of all plateaus against noise alone, and against noise and distance.

    Columns what n (points) intercept slope (of the noise) r2; empty for fewer than three noise scales: any line fits
    through two.
    """
    columns = "what n intercept slope r2".split()
    if plateau_table["noise"].round(1).nunique() < 3:
        return pd.DataFrame(columns=columns)
    means = plateau_table.groupby("arm")[["noise", "level"]].mean()
    rows = [("first plateau", len(means), *line(means["noise"], means["level"]))]
    for index, group in drop_table.groupby("index"):
        means = group.groupby("arm")[["noise_before", "noise_after", "fall"]].mean()
        cut = means["noise_before"] - means["noise_after"]
        rows.append((f"drop at milestone {index}", len(means), *line(cut, means["fall"])))
    means = all_table.groupby(["arm", "end"])[["noise", "rate_sum", "level"]].mean()
    if len(means) > 4:
        rows.append(("all plateaus", len(means), *line(means["noise"], means["level"])))
        rows.append(("all plateaus, with distance", len(means), *_two(means)))
    return pd.DataFrame(rows, columns=columns)


def _two(means: pd.DataFrame) -> tuple[float, float, float]:
    """(intercept, coefficient of the noise, R2) of level on noise and distance travelled."""
    x = np.column_stack([np.ones(len(means)), means["noise"], means["rate_sum"]])
    coefficients, *_ = np.linalg.lstsq(x, means["level"], rcond=None)
    left = means["level"] - x @ coefficients
    return float(coefficients[0]), float(coefficients[1]), float(1 - left.var(ddof=0) / means["level"].var(ddof=0))
