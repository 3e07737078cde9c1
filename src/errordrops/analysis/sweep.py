"""The cut sweep: the same change tried after many epochs, and what the averaged weights foretold of each drop.

Zhang et al. 2019, Sandler et al. 2023: the average already sits where the weights fall to when the noise is cut. So
loss(weights) - loss(average) before the cut predicts the drop.
"""

import pandas as pd
from scipy import stats

from ..results.intervals import summarise
from ..study.study import Study
from .judged import JUDGED, series

COLUMNS = "study at cut seed split metric before after fall foretold foretold_long".split()
FIT_COLUMNS = "study cut memory seed split metric from_epoch n slope intercept r".split()
MEMORIES = {"short": "foretold", "long": "foretold_long"}  # of the averaged weights: where their prediction stands
SHARE_COLUMNS = "study at cut seed corrected foreseen corrected_foreseen wrong share base_share".split()


def sweep(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per date, cut (rate, batch, placebo), seed and judged metric.

    before: after epoch `at`; after: one epoch later; fall = before - after; foretold = before - value of the averaged
    weights after epoch `at` (foretold_long: of the average with the longer memory, where it was evaluated).
    """
    stubs = [arm for arm in study.arms if arm.role == "cut"]
    rows = []
    for split, metric, _ in JUDGED.values():
        table = series(curves, split, metric)
        averages = [series(curves, split, metric.replace("recomputed", name)) for name in ("averaged", "averaged_long")]
        for arm in stubs:
            for seed in arm.seeds:
                key, m = (arm.name, seed), arm.at
                if key not in table.index or m + 1 not in table.columns:
                    continue
                before, after = table.loc[key, m], table.loc[key, m + 1]
                foretold = [before - a.loc[key, m] if key in a.index and m in a else float("nan") for a in averages]
                cut = arm.name.rsplit("-", 1)[1]
                rows.append((study.name, m, cut, seed, split, metric, before, after, before - after, *foretold))
    return pd.DataFrame(rows, columns=COLUMNS)


def fits(table: pd.DataFrame, first: int) -> pd.DataFrame:
    """Least squares, fall = intercept + slope x foretold, dates from `first` on.

    One row per cut, memory of the average, seed and metric.
    """
    rows, by = [], ["study", "cut", "seed", "split", "metric"]
    for memory, foretold in MEMORIES.items():
        chosen = table[table["at"] >= first].dropna(subset=["fall", foretold])
        for (study, cut, seed, split, metric), group in chosen.groupby(by, sort=False):
            if len(group) < 3 or group[foretold].nunique() < 2:
                continue
            line = stats.linregress(group[foretold], group["fall"])
            head = study, cut, memory, seed, split, metric, first, len(group)
            rows.append((*head, line.slope, line.intercept, line.rvalue))
    return pd.DataFrame(rows, columns=FIT_COLUMNS)


def fit_summary(fitted: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals of slope, intercept and r."""
    return summarise(fitted, ["study", "cut", "memory", "split", "metric"], ["slope", "intercept", "r"])


def gains(table: pd.DataFrame) -> pd.DataFrame:
    """Per date, cut (rate, batch) and metric: fall beyond that of the placebo of the same seed, with interval."""
    key = ["study", "at", "seed", "split", "metric"]
    placebo = table[table["cut"] == "placebo"].set_index(key)["fall"].rename("fall_placebo")
    joined = table[table["cut"] != "placebo"].join(placebo, on=key)
    joined["gain"] = joined["fall"] - joined["fall_placebo"]
    return summarise(joined, ["study", "at", "cut", "split", "metric"], ["fall", "fall_placebo", "gain"])


def beyond_placebo(table: pd.DataFrame, cut: str, column: str) -> pd.Series:
    """By seed, the mean over dates of a column of a cut's stubs less that of the placebo of the same seed and date."""
    values = table.set_index(["cut", "seed", "at"])[column]
    if not {cut, "placebo"} <= set(table["cut"]):
        return pd.Series(dtype=float)
    return (values[cut] - values["placebo"]).dropna().groupby("seed").mean()


def landings(table: pd.DataFrame, first: int) -> pd.DataFrame:
    """Where a stub lands, beside what was known before it, without a reading that both share: r of the value after the
    first epoch with that of the averaged weights before the change (r_average), and with that of the weights
    (r_weights); dates from `first` on, means of dates and seeds taken out. One row per cut and metric, n stubs.
    """
    rows = []
    chosen = table[table["at"] >= first].dropna(subset=["after", "foretold"])
    chosen = chosen.assign(average=chosen["before"] - chosen["foretold"])
    for keys, group in chosen.groupby(["study", "cut", "split", "metric"], sort=False):
        grids = [group.pivot(index="seed", columns="at", values=name) for name in ("after", "average", "before")]
        left = [(g.sub(g.mean(axis=1), axis=0) - g.mean() + g.to_numpy().mean()).to_numpy().ravel() for g in grids]
        if len(group) > 2 and all(values.std() > 0 for values in left):  # NaN where a stub is missing
            r = [float(stats.pearsonr(left[0], other).statistic) for other in left[1:]]
            rows.append((*keys, len(group), *r))
    return pd.DataFrame(rows, columns="study cut split metric n r_average r_weights".split())


def corrected_images(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Per stub and seed: of the test images that its first epoch corrects, the share that the average had right before.

    corrected, corrected_foreseen, foreseen, wrong: percent of the test images. base_share: of all images that the
    weights had wrong, the share that the average had right: what the share would be if corrections fell blindly.
    """
    parts = {name: series(curves, "test", name) for name in ("corrected", "foreseen", "corrected_foreseen")}
    wrong = series(curves, *JUDGED["error"][:2])
    rows = []
    for arm in study.arms:
        for seed in arm.seeds if arm.role == "cut" else ():
            key, m = (arm.name, seed), arm.at
            if key not in parts["corrected"].index or m + 1 not in parts["corrected"].columns:
                continue
            corrected, foreseen, both = (table.loc[key, m + 1] for table in parts.values())
            numbers = corrected, foreseen, both, wrong.loc[key, m]
            shares = both / corrected if corrected else float("nan"), foreseen / numbers[3]
            rows.append((study.name, m, arm.name.rsplit("-", 1)[1], seed, *numbers, *shares))
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)
