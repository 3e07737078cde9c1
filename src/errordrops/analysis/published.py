"""A study beside the paper that it follows: final results, and the same schedules under other optimisers."""

import pandas as pd

from ..results.intervals import summarise, t_interval
from ..study.study import CONTROL, Study
from .judged import JUDGED, series
from .levels import LEVEL_EPOCHS, before, fall

COLUMNS = "study arm measure n mean low high published source".split()
OPTIMIZER_COLUMNS = "study optimizer of arm seed epoch error change change_control difference".split()


def published(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per result that the study file quotes: ours (last epoch, running statistics as in the papers, mean over
    seeds with 95 % t-interval) beside theirs, both as `measure` (error or accuracy, in percent).
    """
    errors = series(curves, "test", "error")
    rows = []
    for entry in study.published:
        measure = "accuracy" if "accuracy" in entry else "error"
        ours = final_errors(errors, entry["arm"], study.epochs)
        interval = t_interval(100 - ours if measure == "accuracy" else ours)
        rows.append((study.name, entry["arm"], measure, len(ours), *interval, entry[measure], entry["source"]))
    return pd.DataFrame(rows, columns=COLUMNS)


def final_errors(errors: pd.DataFrame, arm: str, epoch: int) -> pd.Series:
    """Test error (percent) by seed in the last epoch of the study, without runs that ended before."""
    if epoch not in errors.columns or arm not in errors.index.get_level_values("arm"):
        return pd.Series(dtype=float)
    return errors.loc[arm, epoch].dropna()


def optimizers(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """For each arm under each optimiser and seed: test error at its end, and its change at the arm's first milestone
    (means over up to five epochs after less before, points) beside that of the control with that optimiser.

    Recomputed statistics. The study's own optimiser, momentum, is among them; empty for a study without any other.
    """
    twins = [arm for arm in study.arms if arm.role == "optimizer"]
    own = {twin.of for twin in twins}
    listed = [arm for arm in study.schedules if arm.name in own] if twins else []
    table = series(curves, *JUDGED["error"][:2])
    rows = []
    for arm in [*listed, *twins]:
        control = CONTROL if arm.role == "schedule" else f"{CONTROL}-{arm.optimizer}"
        for seed in arm.seeds:
            if (arm.name, seed) not in table.index:
                continue
            run, end = table.loc[(arm.name, seed)], len(arm.settings)
            change = without = float("nan")
            if arm.milestones:
                change = _level_change(run, arm.milestones[0])
                if (control, seed) in table.index:
                    without = _level_change(table.loc[(control, seed)], arm.milestones[0])
            head = (study.name, arm.optimizer, arm.of or arm.name, arm.name, seed, end)
            rows.append((*head, run.get(end, float("nan")), change, without, change - without))
    return pd.DataFrame(rows, columns=OPTIMIZER_COLUMNS)


def _level_change(run: pd.Series, m: int) -> float:
    return -fall(run, before(m), range(m + 1, m + LEVEL_EPOCHS + 1))


def optimizer_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals, by optimiser and arm."""
    by = ["study", "optimizer", "of", "arm", "epoch"]
    parts = [summarise(table, by, [column]).set_index(by) for column in ("error", "difference")]
    return parts[0].join(parts[1].drop(columns="n")).reset_index()
