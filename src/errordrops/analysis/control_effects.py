"""The effect of a change: an arm less what would have been without it, seed by seed.

The control of a change is found from the settings: active placebos (the arm without its change, in fresh orders of the
data), and the arm that has the same past and goes on with what it had: arm none at the first change, a hold at a later
one. Up to the change both are one run, so nothing before it enters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..results.intervals import Interval, summarise
from ..study.arms import Arm, control_of
from ..study.study import CONTROL, Study
from .crossed import crossed_interval
from .judged import READINGS, series
from .levels import LEVEL_EPOCHS, after, mean_over
from .right import Right, stacked

HEAD = "study arm index milestone control span split metric".split()
COLUMNS = [*HEAD, "seed", "beside", "epochs", "value", "value_control", "effect"]
SPANS = {"drop": 1, "level": LEVEL_EPOCHS}  # epochs after the change that are read
SUDDEN = ("schedule", "drawn")  # roles of arms whose changes have effects
ERROR = "error"


@dataclass(frozen=True)
class Change:
    """One change of one run: arm and seed, the number of the change (from 1), epochs completed, the last epoch before
    another change of the arm or of its control; the control's kind (placebo, hold, none) and its runs.
    """

    arm: str
    seed: int
    index: int
    milestone: int
    last: int
    control: str
    beside: tuple[str, ...]

    def epochs(self, span: str) -> range:
        """The epochs that are read after it."""
        return after(self.milestone, self.last, SPANS[span])

    @property
    def run(self) -> tuple[str, int]:
        return self.arm, self.seed

    @property
    def controls(self) -> list[tuple[str, int]]:
        return [(name, self.seed) for name in self.beside]


def changes_of(study: Study, arm: Arm, seed: int, there: Sequence[str] | None = None) -> list[Change]:
    """The changes of a run with each control that they have; `there`: arms that this seed was trained with."""
    if not arm.sudden or arm.role not in SUDDEN:
        return []
    own = arm.for_seed(seed)
    others = [
        other.for_seed(seed)
        for other in study.arms
        if seed in other.seeds and not other.plateau and (there is None or other.name in there)
    ]
    changes = []
    for index, m in enumerate(own.milestones, start=1):
        end = [*own.milestones, len(own.settings)][index]
        copies = [a for a in others if a.role == "placebo" and a.at == m and a.settings[:m] == own.settings[:m]]
        if len(copies) > 1:
            last = min([end, *(len(a.settings) for a in copies)])
            changes.append(Change(arm.name, seed, index, m, last, "placebo", tuple(a.name for a in copies)))
        plain = control_of(own, m, [a for a in others if a.role in ("schedule", "hold")])
        if plain is not None:
            last = min(end, m + held(plain, m))
            kind = "none" if plain.name == CONTROL else "hold"
            changes.append(Change(arm.name, seed, index, m, last, kind, (plain.name,)))
    return changes


def held(arm: Arm, m: int) -> int:
    """For how many epochs after m an arm goes on with the setting of epoch m."""
    settings = arm.settings
    return next((i for i, setting in enumerate(settings[m:]) if setting != settings[m - 1]), len(settings) - m)


def all_changes(study: Study, curves: pd.DataFrame) -> list[Change]:
    """Those of every run in the curves."""
    runs = curves[["arm", "seed"]].drop_duplicates()
    there = {seed: set(group["arm"]) for seed, group in runs.groupby("seed")}
    return [
        change
        for arm in study.arms
        for seed in arm.seeds
        if arm.name in there.get(seed, ())
        for change in changes_of(study, arm, seed, sorted(there[seed]))
    ]


def effects(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per change, kind of control, span (drop: the first epoch; level: mean over up to five), reading (test
    error and training loss recomputed, running training loss) and seed: effect = value - value_control, in points or
    nats. beside: the control's runs; epochs: how many are read. Without rows where a run or its control has ended.
    """
    changes, rows = all_changes(study, curves), []
    for split, metric, _ in READINGS.values():
        table = series(curves, split, metric)
        table = table.reindex(columns=range(study.epochs + 1))
        by_run = dict(zip(table.index, table.to_numpy(float), strict=True))
        for change in changes:
            if not {change.run, *change.controls} <= set(by_run):
                continue
            for span in SPANS:
                epochs = change.epochs(span)
                value = mean_over(by_run[change.run], epochs)
                control = float(np.mean([mean_over(by_run[run], epochs) for run in change.controls]))
                head = (study.name, change.arm, change.index, change.milestone, change.control, span, split, metric)
                numbers = len(epochs), value, control, value - control
                rows.append((*head, change.seed, " ".join(change.beside), *numbers))
    return pd.DataFrame(rows, columns=COLUMNS).dropna(subset=["effect"]).reset_index(drop=True)


def summary(study: Study, curves: pd.DataFrame, table: pd.DataFrame, right: Right | None = None) -> pd.DataFrame:
    """Means over seeds of the effects with 95 % intervals: effect, effect_low, effect_high, n, epochs; `over` says of
    what they are intervals: "seeds", or "seeds and images" where it is known which test images were right.

    Changes whose dates are drawn have no milestone of their own: theirs is missing.
    """
    drawn = {arm.name for arm in study.arms if arm.role == "drawn"}
    table = table.assign(milestone=table["milestone"].where(~table["arm"].isin(drawn), -1))
    means = summarise(table, HEAD, ["effect"]).assign(over="seeds")
    most = table.groupby(HEAD, sort=False)["epochs"].max().rename("epochs").reset_index()
    means = means.merge(most, on=HEAD, how="left")
    if right is not None:
        crossed = crossed_effects(study, curves, right)
        for place in means.index[(means["split"] == READINGS[ERROR][0]) & (means["metric"] == READINGS[ERROR][1])]:
            row = means.loc[place]
            key = row["arm"], row["index"], row["control"], row["span"]
            images = crossed.get(key)
            if images is not None and len(images) == row["n"] > 1:
                interval = crossed_interval(images)
                means.loc[place, ["effect", "effect_low", "effect_high"]] = list(interval)
                means.loc[place, "over"] = "seeds and images"
    return means.assign(milestone=means["milestone"].where(means["milestone"] >= 0))


def crossed_effects(
    study: Study, curves: pd.DataFrame, right: Right
) -> Mapping[tuple[str, int, str, str], np.ndarray | None]:
    """By (arm, index, control, span): effects on test error image by image (seeds, images), points; None where the bits
    of a seed are missing.
    """
    rows: dict[tuple[str, int, str, str], list[np.ndarray | None]] = {}
    for change in all_changes(study, curves):
        for span in SPANS:
            key = change.arm, change.index, change.control, span
            rows.setdefault(key, []).append(right.difference(change.run, change.controls, change.epochs(span)))
    return {key: stacked(by_seed) for key, by_seed in rows.items()}


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of one change in a summary that with the most seeds; of equal ones that beside placebos."""
    if table.empty:
        return table
    order = table.assign(first=table["control"].eq("placebo")).sort_values(["n", "first"], ascending=False)
    return order.head(1).drop(columns="first")


def of_row(row: pd.DataFrame, column: str = "effect") -> Interval:
    """Mean and interval that a summary's single row holds; NaN for no row."""
    if row.empty:
        return Interval(np.nan, np.nan, np.nan)
    return Interval(*(float(row[name].iloc[0]) for name in (column, f"{column}_low", f"{column}_high")))
