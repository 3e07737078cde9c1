"""Curves of a whole study made from a formula, so that every statistic has a known answer."""

import hashlib
from dataclasses import astuple

import numpy as np
import pandas as pd

from errordrops.results.curves import COLUMNS
from errordrops.study.batching import updates_per_epoch
from errordrops.study.study import Study

IMAGES = 1000
HEIGHT = 10.0  # what the noise of the base setting adds


def draw(*what) -> float:
    """A standard normal number that depends on `what` alone: runs with one past share their numbers."""
    seed = int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:8], "big")
    return float(np.random.default_rng(seed).standard_normal())


def noise_of(study: Study, setting) -> float:
    """Learning rate / batch size, relative to the base setting's."""
    return setting.learning_rate / setting.batch_size / (study.base.learning_rate / study.base.batch_size)


def curves(study: Study, jitter: float = 0.0, lag: float = 0.0, shift: dict | None = None, floor=lambda e: 5.0):
    """value = floor(epoch) + noise x (HEIGHT + jitter z); the averaged weights read floor(epoch).

    Recomputed statistics; running ones read `lag` x noise more. Loss is a hundredth of error. z depends on seed, epoch
    and all settings until then. `shift` adds a constant to all values of an arm.
    """
    rows = []
    for arm in study.arms:
        for seed in arm.seeds:
            update = 0
            for epoch in range(len(arm.settings) + 1):
                setting = arm.settings[max(epoch, 1) - 1]
                update += updates_per_epoch(IMAGES, setting.batch_size) if epoch else 0
                noise = noise_of(study, setting)
                z = draw(seed, epoch, [astuple(s) for s in arm.settings[:epoch]])
                value = floor(epoch) + noise * (HEIGHT + jitter * z) + (shift or {}).get(arm.name, 0.0)
                head = (study.name, arm.name, seed, epoch, update, epoch * IMAGES)
                head += (setting.learning_rate, setting.batch_size)
                readings = {"recomputed": value, "averaged": floor(epoch), "": value + lag * noise}
                for split in ("test", "train_eval"):
                    for ending, reading in readings.items():
                        names = [f"{metric}_{ending}".rstrip("_") for metric in ("error", "loss")]
                        rows += [(*head, split, names[0], reading), (*head, split, names[1], reading / 100)]
                if epoch:
                    shares = {"corrected": 4.0, "foreseen": 5.0, "corrected_foreseen": 3.0}
                    rows += [(*head, "test", name, share) for name, share in shares.items()]
    return pd.DataFrame(rows, columns=COLUMNS)
