"""Curves of a whole study made from a formula, so that every statistic has a known answer."""

import hashlib
from dataclasses import astuple

import numpy as np
import pandas as pd

from errordrops.results.curves import COLUMNS, RIGHT_COLUMNS
from errordrops.study.batching import updates_per_epoch
from errordrops.study.study import Study
from errordrops.training.evaluation import pack

IMAGES = 1000
HEIGHT = 10.0  # what the noise of the base setting adds


def draw(*what) -> float:
    """A standard normal number that depends on `what` alone: runs with one past share their numbers."""
    seed = int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big")
    return float(np.random.default_rng(seed).standard_normal())


def noise_of(study: Study, setting) -> float:
    """Learning rate x noise factor / batch size, relative to the base setting's."""
    base = study.base.learning_rate / study.base.batch_size
    return setting.noise * setting.learning_rate / setting.batch_size / base


def past(setting) -> tuple:
    """What tells a setting from others, without what is as in any other run."""
    return astuple(setting)[:4] + ((setting.noise,) if setting.noise != 1 else ())


def curves(
    study: Study,
    jitter: float = 0.0,
    lag: float = 0.0,
    shift: dict | None = None,
    floor=lambda e: 5.0,
    height: float = HEIGHT,
    late: int = 0,
    still: tuple[str, ...] = (),
):
    """value = floor(epoch) + noise x (height + jitter z); the averaged weights read floor(epoch).

    Recomputed statistics; running ones read `lag` x noise more. Loss is a hundredth of error. z depends on seed, epoch
    and all settings until then. `shift` adds a constant to all values of an arm. Less clean worlds: drops come `late`
    epochs late; the splits in `still` do not see the noise fall.
    """
    rows = []
    for arm, seed in ((one, number) for one in study.arms for number in one.seeds):
        settings, update = arm.for_seed(seed).settings, 0
        for epoch in range(len(settings) + 1):
            setting = settings[max(epoch, 1) - 1]
            update += updates_per_epoch(IMAGES, setting.batch_size) if epoch else 0
            noise = noise_of(study, settings[max(epoch - late, 1) - 1])
            z = draw(seed, epoch, [past(s) for s in settings[:epoch]])
            head = (study.name, arm.name, seed, epoch, update, epoch * IMAGES)
            head += (setting.learning_rate, setting.batch_size)
            for split in ("test", "train_eval", *(["train"] if epoch else [])):
                own = 1.0 if split in still else noise
                value = floor(epoch) + own * (height + jitter * z) + (shift or {}).get(arm.name, 0.0)
                readings = {"recomputed": value, "averaged": floor(epoch), "": value + lag * own}
                for ending, reading in readings.items() if split != "train" else [("", value)]:
                    names = [f"{metric}_{ending}".rstrip("_") for metric in ("error", "loss")]
                    rows += [(*head, split, names[0], reading), (*head, split, names[1], reading / 100)]
            if epoch:
                shares = {"corrected": 4.0, "foreseen": 5.0, "corrected_foreseen": 3.0}
                rows += [(*head, "test", name, share) for name, share in shares.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def right(table: pd.DataFrame, images: int = 400) -> pd.DataFrame:
    """Which test images were right, made so that the share of wrong ones is the test error of the curves: an image is
    wrong where its difficulty, the same in all runs of a seed but for some noise, lies below it.
    """
    rows = []
    chosen = table[(table["split"] == "test") & (table["metric"] == "error_recomputed") & (table["epoch"] > 0)]
    common = np.random.default_rng(1).random(images)
    for row in chosen.itertuples():
        own = np.random.default_rng([row.seed, row.epoch]).random(images)
        difficulty = np.argsort(np.argsort(0.8 * common + 0.2 * own))  # ranks: the share of wrong ones is exact
        wrong = difficulty < round(row.value / 100 * images)
        rows.append((row.study, row.arm, row.seed, row.epoch, pack(~wrong)))
    return pd.DataFrame(rows, columns=RIGHT_COLUMNS)
