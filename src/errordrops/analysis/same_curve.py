"""The same curve? Differences between arms with margins fixed beforehand.

Two one-sided tests at 5 % (Schuirmann 1987) are the question whether the 90 % interval of the paired difference lies
within the margins. "Not significantly different" would prove nothing.
"""

import numpy as np
import pandas as pd

from ..results.intervals import t_interval
from ..study.study import CONTROL, Study
from .judged import JUDGED, flow_time, judged_series

REFERENCE = "step"
COMPARED = ("batch", "hybrid")
AXES = {"epoch": "epoch", "rate_sum": "summed learning rate", "noise_sum": "summed learning rate over batch size"}
FINAL_COLUMNS = "study arm reference seed split metric epoch value value_reference difference".split()
BAND_COLUMNS = "study arm reference axis at split metric n difference low high".split()


def pairs(study: Study) -> list[str]:
    """The arms that are compared with the step arm; all change their settings."""
    there = {arm.name for arm in study.schedules if arm.milestones}
    return [name for name in COMPARED if {name, REFERENCE} <= there]


def final_differences(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Last epoch, one row per arm, seed and judged metric: arm minus step, same seed."""
    rows = []
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        for arm in pairs(study):
            for seed in study.arm(arm).seeds:
                if {(arm, seed), (REFERENCE, seed)} <= set(table.index) and study.epochs in table.columns:
                    value, other = table.loc[(arm, seed), study.epochs], table.loc[(REFERENCE, seed), study.epochs]
                    row = (study.name, arm, REFERENCE, seed, split, metric, study.epochs, value, other, value - other)
                    rows.append(row)
    return pd.DataFrame(rows, columns=FINAL_COLUMNS).dropna()


def bands(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Difference to step along the whole curve after the first milestone, with a simultaneous 95 % band over seeds.

    On three axes; on those of summed rates both curves are interpolated to the step arm's epochs, as far as both reach.
    The band is Bonferroni's: each of k points has the interval of confidence 1 - 0.05 / k. Where a run has diverged
    difference and band are NaN.
    """
    flow = flow_time(curves).set_index(["arm", "seed"]).sort_index()
    rows = []
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        for arm in pairs(study):
            first = study.arm(arm).milestones[0] + 1
            for axis in AXES:
                differences = {
                    seed: _difference(table, flow, arm, seed, axis, first)
                    for seed in study.arm(arm).seeds
                    if {(arm, seed), (REFERENCE, seed)} <= set(table.index)
                }
                both = pd.DataFrame(differences)
                for at, values in both.iterrows():
                    interval = t_interval(values, 1 - 0.05 / len(both))
                    rows.append((study.name, arm, REFERENCE, axis, at, split, metric, len(values), *interval))
    return pd.DataFrame(rows, columns=BAND_COLUMNS)


def _difference(table: pd.DataFrame, flow: pd.DataFrame, arm: str, seed: int, axis: str, first: int) -> pd.Series:
    """arm - step, indexed by epoch or by the step arm's place on the axis; NaN from where either run has diverged."""
    own, other = (table.loc[(name, seed)] for name in (arm, REFERENCE))
    if axis == "epoch" or own.isna().any() or other.isna().any():
        difference = (own - other).loc[first:]
        return difference if axis == "epoch" else pd.Series(dtype=float)
    places = {name: flow.loc[(name, seed)].set_index("epoch")[axis] for name in (arm, REFERENCE)}
    at = places[REFERENCE].loc[first:]
    at = at[at <= places[arm].max()]
    interpolated = np.interp(at, places[arm].loc[own.index], own)
    return pd.Series(interpolated - other.loc[at.index].to_numpy(), index=at.round(6).to_numpy())


def reversal(study: Study, curves: pd.DataFrame, window: int = 5) -> pd.DataFrame:
    """Arm reversal at its end beside arm none at equal summed learning rate, and at equal epoch: training loss.

    One row per seed: mean over the last `window` epochs of reversal, of arm none over as many epochs up to equal summed
    rate, and up to the same epoch. Columns study seed epoch epoch_none value value_none difference
    value_same_epoch difference_same_epoch.
    """
    columns = "study seed epoch epoch_none value value_none difference value_same_epoch difference_same_epoch".split()
    there = {arm.name for arm in study.schedules}
    if not {"reversal", CONTROL} <= there:
        return pd.DataFrame(columns=columns)
    table, flow = (
        judged_series(curves)["loss"],
        flow_time(curves).set_index(["arm", "seed", "epoch"])["rate_sum"].sort_index(),
    )
    rows = []
    for seed in study.arm("reversal").seeds:
        if not {("reversal", seed), (CONTROL, seed)} <= set(table.index):
            continue
        own, none = table.loc[("reversal", seed)].dropna(), table.loc[(CONTROL, seed)].dropna()
        if int(own.index.max()) < len(study.arm("reversal").settings):
            continue  # diverged: there is nothing to compare
        end, target = int(own.index.max()), flow.loc[("reversal", seed)].max()
        same = int((flow.loc[(CONTROL, seed)] - target).abs().idxmin())
        value, equal_rate, equal_epoch = (
            series.loc[last - window + 1 : last].mean() for series, last in ((own, end), (none, same), (none, end))
        )
        differences = value - equal_rate, equal_epoch, value - equal_epoch
        rows.append((study.name, seed, end, same, value, equal_rate, *differences))
    return pd.DataFrame(rows, columns=columns)
