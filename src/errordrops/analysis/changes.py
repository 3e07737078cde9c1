"""The change of error at each milestone, beside that of the arm that changes nothing.

Two readings: in the first epoch after it (a drop is sudden), and as a shift of level, means over several epochs before
and after (it lasts; one epoch of a run at a high learning rate is a noisy reading).
"""

import numpy as np
import pandas as pd

from ..results.curves import wide
from ..results.intervals import summarise
from ..study.settings import shared_epochs
from ..study.study import CONTROL, Study

LEVEL_EPOCHS = 5
COLUMNS = "study arm index milestone seed split metric before after change change_none difference".split()


def study_milestones(study: Study) -> dict[str, list[int]]:
    """For each arm the epochs whose successor is looked at: its own milestones; for the control those of all others."""
    own = {arm.name: arm.milestones for arm in study.schedules if arm.sudden}
    if CONTROL in own:
        own[CONTROL] = sorted({m for milestones in own.values() for m in milestones})
    return own


def comparable(study: Study) -> set[str]:
    """Arms that are one run with the control up to their first milestone, so that pairing by seed means something."""
    control = [arm for arm in study.schedules if arm.name == CONTROL]
    return {
        arm.name
        for arm in study.schedules
        for none in control
        if arm.milestones and shared_epochs(arm.settings, none.settings) >= arm.milestones[0]
    }


def of_study(study: Study, curves: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """`milestone_changes` of a study: all arms at their own milestones, paired where pairing means something."""
    changes = milestone_changes(curves, study_milestones(study), study.epochs, epochs)
    alone = ~changes["arm"].isin(comparable(study))
    changes.loc[alone, "difference"] = np.nan
    changes.loc[alone & (changes["arm"] != CONTROL), "change_none"] = np.nan
    return changes


def windows(milestones: list[int], last: int, epochs: int) -> list[tuple[range, range]]:
    """For each milestone the epochs before and after it, up to `epochs` each, not reaching into other phases."""
    edges = [0, *milestones, last]
    return [
        (range(max(start + 1, m - epochs + 1), m + 1), range(m + 1, min(end, m + epochs) + 1))
        for start, m, end in zip(edges, milestones, edges[2:], strict=False)
    ]


def milestone_changes(
    curves: pd.DataFrame, milestones: dict[str, list[int]], last: int, epochs: int = 1
) -> pd.DataFrame:
    """One row per arm, milestone, seed, split and metric; `last` is the last epoch of the study.

    `before` and `after` are means over up to `epochs` epochs on either side, `change` is after - before, in points or
    nats; `change_none` is the change of arm none with the same seed over the same epochs; `difference` = change -
    change_none. Paired by seed: up to its first milestone an arm and arm none are one run. NaN where a run ended
    before, or there is no arm none.
    """
    about_error = curves["metric"].str.match("error|loss") & curves["arm"].isin([*milestones, CONTROL])
    table = wide(curves[about_error]).reindex(columns=range(last + 1))
    study = curves["study"].iloc[0]
    by_epoch = dict(
        zip(table.index, table.to_numpy(float), strict=True)
    )  # plain arrays: many times faster to look into
    rows = []
    for (arm, seed, split, metric), values in by_epoch.items():
        control = by_epoch.get((CONTROL, seed, split, metric))
        at = milestones.get(arm, [])
        # the control has no phases that a window could reach into
        spans = [w for m in at for w in windows([m], last, epochs)] if arm == CONTROL else windows(at, last, epochs)
        for index, (m, (pre, post)) in enumerate(zip(at, spans, strict=True), start=1):
            before, after = (_mean(values, window) for window in (pre, post))
            without = np.nan if control is None else _mean(control, post) - _mean(control, pre)
            paired = np.nan if arm == CONTROL else after - before - without
            row = (study, arm, index, m, seed, split, metric, before, after, after - before, without, paired)
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(values: np.ndarray, window: range) -> float:
    """NaN if an epoch is missing: a mean over other epochs would be another number."""
    return float(values[window.start : window.stop].mean())


def milestone_summary(changes: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals of change, change_none and difference; n seeds have all that is there."""
    by = "study arm index milestone split metric".split()
    return summarise(changes, by, ["change", "change_none", "difference"])
