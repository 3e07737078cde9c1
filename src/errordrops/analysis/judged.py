"""What claims are about: test error and training loss, both with recomputed batch-norm statistics."""

import numpy as np
import pandas as pd

from ..study.study import Study

# name in ids of claims: (split, metric, unit)
JUDGED = {
    "error": ("test", "error_recomputed", "points"),
    "loss": ("train_eval", "loss_recomputed", "nats"),
}
WORDS = {"error": "test error", "loss": "training loss", "running": "running training loss"}
# loss of the training batches as they are met: sharpest where the noise of the weights stays high
RUNNING = ("train", "loss", "nats")
READINGS = JUDGED | {"running": RUNNING}

KEPT = 0.05  # batches are whole numbers: noise that falls by less than this is kept


def series(curves: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """One row per (arm, seed), one column per epoch; NaN where an arm has ended."""
    chosen = curves[(curves["split"] == split) & (curves["metric"] == metric)]
    return chosen.pivot(index=["arm", "seed"], columns="epoch", values="value")


def of_reading(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of a table with columns split and metric that are about a reading, by its name: never of another split
    that has the same metric.
    """
    split, metric, _ = READINGS[name]
    return table[(table["split"] == split) & (table["metric"] == metric)]


def judged_series(curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`series` of test error and training loss, by their names in JUDGED."""
    return {name: series(curves, split, metric) for name, (split, metric, _) in JUDGED.items()}


def settings(curves: pd.DataFrame, study: Study | None = None) -> pd.DataFrame:
    """One row per arm, seed and epoch from 1: learning_rate, batch_size, update (cumulative), as they were trained;
    with a study also noise, the factor by which its arms multiply the covariance of the gradient.
    """
    columns = ["arm", "seed", "epoch", "learning_rate", "batch_size", "update"]
    trained = curves.loc[curves["epoch"] > 0, columns].drop_duplicates(["arm", "seed", "epoch"]).reset_index(drop=True)
    return trained if study is None else trained.assign(noise=_noise_factors(study, trained))


def _noise_factors(study: Study, trained: pd.DataFrame) -> list[float]:
    """Of each row: from the study's settings, since curves do not have it; 1 where a rule decides during training."""
    planned: dict[tuple[str, int], list[float]] = {}
    for arm in study.arms:
        for seed in arm.seeds:
            planned[arm.name, seed] = [] if arm.plateau else [s.noise for s in arm.for_seed(seed).settings]
    rows = zip(trained["arm"], trained["seed"], trained["epoch"], strict=True)
    return [_entry(planned.get((arm, seed), []), epoch) for arm, seed, epoch in rows]


def _entry(factors: list[float], epoch: int) -> float:
    return factors[epoch - 1] if epoch <= len(factors) else 1.0


def milestones_trained(curves: pd.DataFrame, study: Study | None = None) -> dict[tuple[str, int], list[int]]:
    """For each (arm, seed) the epochs completed when learning rate or batch size changed (with a study also the noise
    factor), as they were trained.
    """
    changes = {}
    for key, run in settings(curves, study).groupby(["arm", "seed"], sort=False):
        run = run.sort_values("epoch")
        watched = [name for name in ("learning_rate", "batch_size", "noise") if name in run]
        changed = (run[watched].diff().abs().sum(axis=1) > 0).to_numpy()
        changes[key] = [int(epoch) - 1 for epoch in run["epoch"].to_numpy()[changed]]
    return changes


def noise_falls(study: Study, curves: pd.DataFrame) -> dict[tuple[str, int, int], float]:
    """The (arm, seed, m) at which learning rate x noise factor / batch size falls, as it was trained, and to which
    share. Where the rate is cut and its noise put back nothing falls.
    """
    falls = {}
    for (arm, seed), run in settings(curves, study).groupby(["arm", "seed"], sort=False):
        run = run.sort_values("epoch")
        noise = run["learning_rate"] * run["noise"] / run["batch_size"]
        for epoch, share in zip(run["epoch"], noise / noise.shift(), strict=True):
            if share < 1 - KEPT:
                falls[arm, seed, int(epoch) - 1] = float(share)
    return falls


def updates_per_epoch(curves: pd.DataFrame) -> pd.Series:
    """Updates of each epoch from 1, indexed by (arm, seed, epoch)."""
    trained = settings(curves).sort_values(["arm", "seed", "epoch"]).set_index(["arm", "seed", "epoch"])["update"]
    return trained.groupby(level=["arm", "seed"]).diff().fillna(trained)


def flow_time(curves: pd.DataFrame) -> pd.DataFrame:
    """Columns arm, seed, epoch (from 0), rate_sum, noise_sum: sums over updates of the learning rate, and of learning
    rate / batch size (trap: arms at equal epochs have travelled different distances).
    """
    rows = []
    for (arm, seed), run in settings(curves).groupby(["arm", "seed"], sort=False):
        run = run.sort_values("epoch")
        updates = run["update"].diff().fillna(run["update"].iloc[0]).to_numpy()
        rate = updates * run["learning_rate"].to_numpy()
        sums = (np.concatenate([[0.0], np.cumsum(each)]) for each in (rate, rate / run["batch_size"].to_numpy()))
        epochs = range(len(run) + 1)
        rows += [(arm, seed, *row) for row in zip(epochs, *sums, strict=True)]
    return pd.DataFrame(rows, columns=["arm", "seed", "epoch", "rate_sum", "noise_sum"])
