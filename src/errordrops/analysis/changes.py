"""The change of error at each milestone, beside that of the arm that goes on without it.

Two readings: in the first epoch after it (a drop is sudden), and as a shift of level, means over several epochs before
and after (it lasts; one epoch of a run at a high learning rate is a noisy reading).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..results.curves import wide
from ..results.intervals import summarise
from ..study.arms import control_of
from ..study.settings import shared_epochs
from ..study.study import CONTROL, Study
from .control_effects import held
from .levels import LEVEL_EPOCHS, change, mean_over, windows

__all__ = ["LEVEL_EPOCHS", "comparable", "milestone_changes", "milestone_summary", "of_study", "windows"]

COLUMNS = "study arm index milestone seed split metric control before after change change_control difference".split()


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


def controls(study: Study, epochs: int) -> dict[tuple[str, int], str]:
    """For each (arm, milestone) the arm that has its past and goes on without the change for as many epochs as are
    read, where there is one.
    """
    names = {}
    for arm in study.schedules:
        others = [other for other in study.arms if other.role in ("schedule", "hold") and not other.plateau]
        own = arm.milestones if arm.sudden else []
        for m, (_, post) in zip(own, windows(own, len(arm.settings), epochs), strict=True):
            control = control_of(arm, m, others)
            if control is not None and held(control, m) >= len(post):
                names[arm.name, m] = control.name
    return names


def of_study(study: Study, curves: pd.DataFrame, epochs: int) -> pd.DataFrame:
    """`milestone_changes` of a study: all arms at their own milestones, each beside the control of that change."""
    return milestone_changes(curves, study_milestones(study), study.epochs, epochs, controls(study, epochs))


def milestone_changes(
    curves: pd.DataFrame,
    milestones: dict[str, list[int]],
    last: int,
    epochs: int = 1,
    controls: Mapping[tuple[str, int], str] | None = None,
) -> pd.DataFrame:
    """One row per arm, milestone, seed, split and metric; `last` is the last epoch of the study.

    `before` and `after` are means over up to `epochs` epochs on either side, `change` is after - before, in points or
    nats; `control` is the arm that goes on without this change (by (arm, milestone) in `controls`), `change_control`
    its change over the same epochs, same seed; `difference` = change - change_control. NaN where a run ended before, or
    there is no control.
    """
    controls = {(arm, m): CONTROL for arm, at in milestones.items() for m in at} if controls is None else controls
    about_error = curves["metric"].str.match("error|loss") & curves["arm"].isin([*milestones, *controls.values()])
    table = wide(curves[about_error]).reindex(columns=range(last + 1))
    study = curves["study"].iloc[0]
    # plain arrays: many times faster to look into
    by_epoch = dict(zip(table.index, table.to_numpy(float), strict=True))
    rows = []
    for (arm, seed, split, metric), values in by_epoch.items():
        at = milestones.get(arm, [])
        # the control has no phases that a window could reach into
        spans = [w for m in at for w in windows([m], last, epochs)] if arm == CONTROL else windows(at, last, epochs)
        for index, (m, (pre, post)) in enumerate(zip(at, spans, strict=True), start=1):
            name = None if arm == CONTROL else controls.get((arm, m))
            control = by_epoch.get((name, seed, split, metric))
            start, end = mean_over(values, pre), mean_over(values, post)
            if arm == CONTROL:
                control = values
            without = np.nan if control is None else change(control, pre, post)
            paired = np.nan if arm == CONTROL else end - start - without
            head = (study, arm, index, m, seed, split, metric, name if control is not None else None)
            rows.append((*head, start, end, end - start, without, paired))
    return pd.DataFrame(rows, columns=COLUMNS)


def milestone_summary(changes: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals of change, change_control and difference; n seeds have all that is
    there.
    """
    by = "study arm index milestone split metric".split()
    return summarise(changes, by, ["change", "change_control", "difference"])
