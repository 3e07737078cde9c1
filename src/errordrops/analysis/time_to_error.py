"""What an arm needs to reach the step arm's final test error: parameter updates, and seconds on this machine."""

from collections.abc import Mapping

import pandas as pd

from ..study.study import Study
from .judged import JUDGED, series
from .same_curve import REFERENCE

COLUMNS = "study arm seed target epoch updates updates_step ratio seconds seconds_step ratio_seconds".split()


def speed(
    study: Study, curves: pd.DataFrame, margin: float, epoch_seconds: Mapping[tuple[str, int], list[float]]
) -> pd.DataFrame:
    """Per whole arm and seed: the first epoch from which test error stays under the target + `margin`.

    target: the step arm's last epoch, same seed. Stays: until the end, so that a lucky epoch does not count.
    updates_step: where the step arm itself gets there. NaN for an arm that does not. seconds: of training alone on the
    machine that trained, runs side by side; `epoch_seconds` has them epoch by epoch, inherited ones included.
    """
    table = series(curves, *JUDGED["error"][:2])
    updates = curves.drop_duplicates(["arm", "seed", "epoch"]).set_index(["arm", "seed", "epoch"])["update"]
    rows = []
    for arm in study.schedules:
        for seed in arm.seeds:
            needed = {(arm.name, seed), (REFERENCE, seed)}
            if len(arm.settings) < study.epochs or not needed <= set(table.index):
                continue
            target = table.loc[(REFERENCE, seed), study.epochs]
            reached = {name: _reached(table.loc[(name, seed)], target + margin) for name in (arm.name, REFERENCE)}
            counts = [updates.get((name, seed, epoch), float("nan")) for name, epoch in reached.items()]
            own, step = counts[0], counts[-1]
            times = [_time(epoch_seconds.get((name, seed), []), epoch) for name, epoch in reached.items()]
            head = study.name, arm.name, seed, target, reached[arm.name]
            rows.append((*head, own, step, own / step, times[0], times[-1], times[0] / times[-1]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _time(seconds: list[float], epoch: float) -> float:
    """Sum of the seconds of all epochs until then, NaN where they are not known."""
    return sum(seconds[: int(epoch)]) if epoch == epoch and epoch <= len(seconds) else float("nan")


def _reached(values: pd.Series, target: float) -> float:
    """The first epoch from which all values are at or below the target, NaN if the last is not."""
    above = values.index[~(values <= target)]
    later = values.index if not len(above) else values.index[values.index > above[-1]]
    return float(later[0]) if len(later) else float("nan")
