"""What claims are about: test error and training loss, both with recomputed batch-norm statistics."""

import numpy as np
import pandas as pd

# name in ids of claims: (split, metric, unit)
JUDGED = {
    "error": ("test", "error_recomputed", "points"),
    "loss": ("train_eval", "loss_recomputed", "nats"),
}
WORDS = {"error": "test error", "loss": "training loss"}


def series(curves: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """One row per (arm, seed), one column per epoch; NaN where an arm has ended."""
    chosen = curves[(curves["split"] == split) & (curves["metric"] == metric)]
    return chosen.pivot(index=["arm", "seed"], columns="epoch", values="value")


def judged_series(curves: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """`series` of test error and training loss, by their names in JUDGED."""
    return {name: series(curves, split, metric) for name, (split, metric, _) in JUDGED.items()}


def settings(curves: pd.DataFrame) -> pd.DataFrame:
    """One row per arm, seed and epoch from 1: learning_rate, batch_size, update (cumulative), as they were trained."""
    columns = ["arm", "seed", "epoch", "learning_rate", "batch_size", "update"]
    return curves.loc[curves["epoch"] > 0, columns].drop_duplicates(["arm", "seed", "epoch"]).reset_index(drop=True)


def milestones_trained(curves: pd.DataFrame) -> dict[tuple[str, int], list[int]]:
    """For each (arm, seed) the epochs completed when learning rate or batch size changed, as they were trained."""
    found = {}
    for key, run in settings(curves).groupby(["arm", "seed"], sort=False):
        run = run.sort_values("epoch")
        changed = (run[["learning_rate", "batch_size"]].diff().abs().sum(axis=1) > 0).to_numpy()
        found[key] = [int(epoch) - 1 for epoch in run["epoch"].to_numpy()[changed]]
    return found


def noise_falls(curves: pd.DataFrame) -> set[tuple[str, int, int]]:
    """The (arm, seed, m) of milestones, as they were trained, at which learning rate / batch size falls."""
    found = set()
    for (arm, seed), run in settings(curves).groupby(["arm", "seed"], sort=False):
        run = run.sort_values("epoch")
        noise = run["learning_rate"] / run["batch_size"]
        found |= {(arm, seed, int(epoch) - 1) for epoch in run["epoch"][noise.diff() < 0]}
    return found


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
