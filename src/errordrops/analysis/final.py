"""Where each arm ends, and what it cost: the last epoch, never the best one on test data."""

import pandas as pd

from ..results.intervals import t_interval
from ..study.batching import nominal_updates, updates_per_epoch
from ..study.study import Study

COLUMNS = "study arm split metric epoch n mean low high updates updates_nominal examples".split()


def schedules(study: Study, train_images: int) -> pd.DataFrame:
    """Columns arm, epoch (from 1), learning_rate, batch_size, updates (in that epoch), headline (shown at first),
    momentum.
    """
    first = study.headline
    rows = [
        (
            arm.name,
            epoch,
            s.learning_rate,
            s.batch_size,
            updates_per_epoch(train_images, s.batch_size),
            arm.name in first,
            s.momentum,
        )
        for arm in study.schedules
        for epoch, s in enumerate(arm.settings, start=1)
    ]
    return pd.DataFrame(rows, columns="arm epoch learning_rate batch_size updates headline momentum".split())


def final_values(study: Study, curves: pd.DataFrame, train_images: int) -> pd.DataFrame:
    """The last epoch of each arm: mean over seeds with 95 % t-interval, updates counted and nominal (sum of N / B).

    A run that ended early (diverged) is not in it; n tells how many are.
    """
    nominal = {arm.name: nominal_updates(arm.settings, train_images) for arm in study.schedules}
    rows = []
    whole = [arm.name for arm in study.schedules if len(arm.settings) == study.epochs]
    last = curves[(curves["epoch"] == study.epochs) & curves["arm"].isin(whole)]
    for (arm, split, metric), group in last.groupby(["arm", "split", "metric"], sort=False):
        interval = t_interval(group["value"])
        cost = (int(group["update"].iloc[0]), nominal[arm], int(group["examples"].iloc[0]))
        rows.append((study.name, arm, split, metric, study.epochs, len(group), *interval, *cost))
    return pd.DataFrame(rows, columns=COLUMNS)
