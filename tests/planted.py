"""Planted results of a study: tables of known content, in the formats that the workflow produces.

`python tests/planted.py FOLDER` writes them as files, so that figures and the report can be tried without training.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from errordrops.analysis import control_effects as effects
from errordrops.analysis import kept_claims

MILESTONES = (10, 20)
EPOCHS, IMAGES = 30, 9600
SETTINGS = {  # (learning rate, batch size) in the three phases
    "none": [(0.05, 32)] * 3,
    "step": [(0.05, 32), (0.005, 32), (0.0005, 32)],
    "batch": [(0.05, 32), (0.05, 320), (0.05, 3200)],
    "hybrid": [(0.05, 32), (0.05, 320), (0.005, 320)],
}
LEVEL = {
    "none": [18, 15, 14],
    "step": [18, 11.5, 10.5],
    "batch": [18, 11.8, 10.6],
    "hybrid": [18, 11.8, 10.7],
}


def phase(epoch: int) -> int:
    """Phase (0, 1, 2) to which an epoch, counted from 1, belongs."""
    return sum(epoch > m for m in MILESTONES)


def schedules() -> pd.DataFrame:
    """Columns arm epoch learning_rate batch_size updates."""
    rows = []
    for arm, settings in SETTINGS.items():
        for epoch in range(1, EPOCHS + 1):
            rate, batch = settings[phase(epoch)]
            rows.append((arm, epoch, rate, batch, round(IMAGES / batch)))
    return pd.DataFrame(rows, columns=["arm", "epoch", "learning_rate", "batch_size", "updates"])


def curves(seeds: int = 3) -> pd.DataFrame:
    """The tidy table of a study: error falls by the planted amounts in epoch m + 1."""
    rows = []
    for arm, settings in SETTINGS.items():
        for seed in range(seeds):
            update = 0
            for epoch in range(EPOCHS + 1):
                p = phase(max(epoch, 1))
                rate, batch = settings[p]
                update += round(IMAGES / batch) if epoch else 0
                quiet = 0.2 if settings[p] != settings[0] else 1.5
                # runs of one seed are identical while their settings agree
                noise = np.random.default_rng([seed, epoch, p and sum(map(ord, arm))]).normal(0, quiet)
                error = 90.0 if epoch == 0 else LEVEL[arm][p] + 40 * np.exp(-epoch / 2) + noise
                for split in ("train", "train_eval", "test"):
                    if split == "train" and epoch == 0:
                        continue
                    shown = error * (0.9 if split != "test" else 1.0)
                    metrics = {"error": shown, "loss": shown / 33}
                    if split != "train":
                        metrics |= {
                            "error_recomputed": shown - quiet,
                            "loss_recomputed": (shown - quiet) / 33,
                        }
                    for metric, value in metrics.items():
                        rows.append(
                            (
                                "planted",
                                arm,
                                seed,
                                epoch,
                                update,
                                epoch * IMAGES,
                                rate,
                                batch,
                                split,
                                metric,
                                value,
                            )
                        )
    columns = "study arm seed epoch update examples learning_rate batch_size split metric value".split()
    return pd.DataFrame(rows, columns=columns)


def closeups(seeds: int = 3) -> pd.DataFrame:
    """Within-epoch evaluations: epoch m, and epoch m + 1 with the change (`changed`) and without (`unchanged`)."""
    rows = []
    for arm, settings in SETTINGS.items():
        if arm == "none":
            continue
        for seed in range(seeds):
            for index, m in enumerate(MILESTONES):
                for epoch, branch in ((m, "unchanged"), (m + 1, "unchanged"), (m + 1, "changed")):
                    rate, batch = settings[index + (branch == "changed")]
                    updates = round(IMAGES / batch)
                    marks = sorted({0, updates} | {2**k for k in range(12) if 2**k < updates})
                    for update in marks:
                        start, end = LEVEL[arm][index], LEVEL[arm][index + (branch == "changed")]
                        error = end + (start - end) * np.exp(-5 * update / updates) + 0.1 * seed
                        position = epoch - 1 + update / updates
                        for metric, value in (("error_recomputed", error), ("loss_recomputed", error / 33)):
                            rows.append(
                                (
                                    "planted",
                                    arm,
                                    seed,
                                    m,
                                    epoch,
                                    branch,
                                    update,
                                    position,
                                    rate,
                                    batch,
                                    "test",
                                    metric,
                                    value,
                                )
                            )
    columns = (
        "study arm seed milestone epoch branch update position learning_rate batch_size split metric value".split()
    )
    return pd.DataFrame(rows, columns=columns)


def changes(epochs: int = 1) -> pd.DataFrame:
    """Change at a milestone (means over `epochs` on either side), by arm and seed, beside the same in arm none."""
    table = curves().pivot_table(index=["arm", "seed", "split", "metric"], columns="epoch", values="value")
    rows = []
    for (arm, seed, split, metric), row in table.iterrows():
        for index, m in enumerate(MILESTONES, start=1):
            pre, post = [m - i for i in range(epochs)], [m + 1 + i for i in range(epochs)]
            control = table.loc[("none", seed, split, metric)]
            before, after = row[pre].mean(), row[post].mean()
            without = control[post].mean() - control[pre].mean()
            paired = np.nan if arm == "none" else after - before - without
            beside = None if arm == "none" else "none"
            head = ("planted", arm, index, m, seed, split, metric, beside)
            rows.append((*head, before, after, after - before, without, paired))
    columns = (
        "study arm index milestone seed split metric control before after change change_control difference".split()
    )
    return pd.DataFrame(rows, columns=columns)


def changes_summary(epochs: int = 1) -> pd.DataFrame:
    """Mean over seeds with a 95 % t-interval, of `change`, `change_control` and `difference`."""
    rows = []
    for keys, group in changes(epochs).groupby(["study", "arm", "index", "milestone", "split", "metric"]):
        row = [*keys, len(group)]
        for column in ("change", "change_control", "difference"):
            mean, half = group[column].mean(), 4.303 * group[column].std() / np.sqrt(len(group))
            row += [mean, mean - half, mean + half]
        rows.append(row)
    columns = "study arm index milestone split metric n".split()
    for column in ("change", "change_control", "difference"):
        columns += [column, f"{column}_low", f"{column}_high"]
    return pd.DataFrame(rows, columns=columns)


def tables() -> dict[str, pd.DataFrame]:
    """All tables of analysis/, by name."""
    return {
        "schedules": schedules(),
        "milestone_changes": changes(),
        "milestone_summary": changes_summary(),
        "milestone_levels": changes(5),
        "milestone_levels_summary": changes_summary(5),
        "final": final(),
        "effects": pd.DataFrame(columns=effects.COLUMNS),
        "kept": pd.DataFrame(columns=kept_claims.COLUMNS),
    }


def final() -> pd.DataFrame:
    """Last epoch: mean over seeds, 95 % t-interval, updates actual and nominal."""
    last = curves().query("epoch == @EPOCHS")
    rows = []
    for (arm, split, metric), group in last.groupby(["arm", "split", "metric"], sort=False):
        mean, half = group["value"].mean(), 4.303 * group["value"].std() / np.sqrt(len(group))
        nominal = sum(10 * IMAGES / batch for _, batch in SETTINGS[arm])
        rows.append(
            (
                "planted",
                arm,
                split,
                metric,
                EPOCHS,
                len(group),
                mean,
                mean - half,
                mean + half,
                group["update"].iloc[0],
                nominal,
                EPOCHS * IMAGES,
            )
        )
    columns = "study arm split metric epoch n mean low high updates updates_nominal examples".split()
    return pd.DataFrame(rows, columns=columns)


def claims() -> list[dict]:
    """Claims, one of which fails and one of which the study cannot decide."""
    base = {"metric": "test error_recomputed", "unit": "points", "n": 3, "threshold_low": None}
    return [
        base
        | {
            "id": "step.m1.drop",
            "statement": "Dividing the rate by 10 lowers test error in epoch 11 by 1 point more than in arm none.",
            "milestone": 10,
            "holds": True,
            "value": -5.2,
            "ci_low": -6.9,
            "ci_high": -3.5,
            "threshold_high": -1.0,
        },
        base
        | {
            "id": "step.m2.drop",
            "statement": "The same after epoch 20.",
            "milestone": 20,
            "holds": False,
            "value": -0.4,
            "ci_low": -1.2,
            "ci_high": 0.4,
            "threshold_high": -0.5,
        },
        base
        | {
            "id": "cosine.m1.drop",
            "statement": "No drop under a smooth schedule.",
            "milestone": None,
            "holds": None,
            "value": None,
            "ci_low": None,
            "ci_high": None,
            "threshold_high": None,
            "n": None,
        },
    ]


def provenance() -> dict:
    """What produced the results."""
    runs = [
        {
            "arm": a,
            "seed": s,
            "key": f"{i:02d}{s}c0ffee",
            "status": "completed",
            "epochs_trained": 30 - 10 * i,
            "epochs_inherited": 10 * i,
            "seconds": 100.0 + i,
        }
        for i, a in enumerate(("none", "step", "hybrid"))
        for s in range(3)
    ]
    return {
        "study": "planted", "title": "Planted study", "finished": "2026-01-01T00:00:00+00:00",
        "errordrops": "0.1.0", "from_reference": False,
        "versions": {"python": "3.11.7", "torch": "2.14.1", "torchvision": "0.29.1"},
        "machine": {"system": "Linux", "processor": "x86-64", "cores": 2},
        "numerics": [{"device": "cpu", "precision": "bf16", "threads": 1}],
        "dataset": {"name": "fashion-mnist", "label": "Fashion-MNIST", "checksum": "ab" * 32,
                    "source": "Debian package", "train_images": 9600, "test_images": 10000},
        "seconds": 901.0, "runs": runs,
    }  # fmt: skip


def write(folder: Path) -> None:
    """Write all of it under `folder`, which then looks like results/planted/."""
    (folder / "analysis").mkdir(parents=True, exist_ok=True)
    curves().to_parquet(folder / "curves.parquet", index=False)
    closeups().to_parquet(folder / "closeups.parquet", index=False)
    for name, table in tables().items():
        table.to_csv(folder / "analysis" / f"{name}.csv", index=False)
    (folder / "claims.json").write_text(json.dumps(claims(), indent=1))
    (folder / "provenance.json").write_text(json.dumps(provenance(), indent=1))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
