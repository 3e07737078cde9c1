"""Planted controls: a study with doses, moved milestones and smooth schedules, and its tables by the real analysis.

What is planted: training loss is a slow part that follows the summed learning rate plus a fast part that relaxes to a
height proportional to the noise scale g; test error follows both, noise of a reading and lag of running statistics grow
with g. So the height of a plateau is linear in g, reversal returns to none, and batch equals step.
"""

import functools
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from errordrops.analysis import changes, final
from errordrops.analysis import epoch_variance as variance
from errordrops.analysis import noise_fits as noise
from errordrops.analysis import same_curve as equivalence
from errordrops.analysis import statistics_lag as lag
from errordrops.analysis import time_to_error as speed
from errordrops.study.settings import Setting, noise_scale
from errordrops.study.study import Arm, Study, load

IMAGES = 9600
FILE = """
study: controls
title: Planted controls
dataset: {name: fashion-mnist, train_size: 9600, validation_size: 2000}
model: {family: cifar-resnet, depth: 8, width: 16}
learning_rate: 0.05
batch_size: 32
epochs: 30
milestones: [10, 20]
factor: 10
seeds: 4
arms:
  - none
  - step
  - batch
  - {name: hybrid, seeds: 3}
  - {name: step-2, rule: step, factor: 2, seeds: 3, epochs: 22}
  - {name: step-5, rule: step, factor: 5, seeds: 3, epochs: 22}
  - {name: batch-2, rule: batch, factor: 2, seeds: 3, epochs: 22}
  - {name: batch-5, rule: batch, factor: 5, seeds: 3, epochs: 22}
  - {name: early, rule: step, milestones: [7, 15], seeds: 3, epochs: 20}
  - {name: late, rule: step, milestones: [13, 23], seeds: 3, epochs: 28}
  - {name: reversal, seeds: 3}
  - {name: low, rule: none, learning_rate: 0.005, seeds: 3}
  - {name: plateau, seeds: 3}
  - {name: cosine, seeds: 3}
  - {name: ramp, max_batch: 960, seeds: 3}
  - {name: bold, rule: batch, learning_rate: 0.25, batch_size: 160, max_batch: 960, seeds: 3}
  - {name: bold-momentum, rule: batch, learning_rate: 0.25, batch_size: 800, momentum: 0.98, max_batch: 960, seeds: 3}
"""


@functools.cache
def study(seeds: int = 4) -> Study:
    """The study as its file resolves, with so many seeds at most in every arm."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "controls.yaml").write_text(FILE)
        whole = load("controls", folder)
    return replace(whole, arms=tuple(replace(arm, seeds=arm.seeds[:seeds]) for arm in whole.arms))


def settings(arm: Arm, seed: int) -> list[Setting]:
    """What each epoch was trained with; the arm plateau decides by seed."""
    planned = list(arm.settings)
    if not arm.plateau:
        return planned
    cuts = (9 + seed, 17 + 2 * seed)
    rates = [0.05 / 10 ** sum(epoch > m for m in cuts) for epoch in range(1, len(planned) + 1)]
    return [replace(setting, learning_rate=rate) for setting, rate in zip(planned, rates, strict=True)]


@functools.cache
def curves(seeds: int = 4) -> pd.DataFrame:
    """The tidy table of the study."""
    columns = "study arm seed epoch update examples learning_rate batch_size split metric value".split()
    rows = [row for arm in study(seeds).schedules for seed in arm.seeds for row in run(arm, seed)]
    return pd.DataFrame(rows, columns=columns)


def run(arm: Arm, seed: int) -> list[tuple]:
    """Rows of one run; runs of one seed are one run while their settings agree."""
    base, rows, history = noise_scale(study().base, IMAGES), [], b""
    fast, distance, update = 0.10, 0.0, 0
    own = settings(arm, seed)
    for epoch in range(len(own) + 1):
        setting = own[max(epoch, 1) - 1]
        g = noise_scale(setting, IMAGES) / base
        if epoch:
            updates = -(-IMAGES // setting.batch_size)
            update += updates
            distance += updates * setting.learning_rate
            fast += (0.10 * g - fast) * (1 - np.exp(-updates / 20))
            history += repr(setting).partition(", noise")[0].encode() + b")"
        draw = np.random.default_rng([seed, epoch, zlib.crc32(history)]).normal(size=3)
        slow = 0.28 + 1.9 / (1 + distance / 6) ** 0.9
        loss = slow + fast + (0.002 + 0.012 * g) * draw[0]
        error = min(90.0, 7 + 9 * slow + 25 * fast + 12 * max(slow - 0.6, 0) + (0.1 + 1.2 * g) * draw[1])
        running = error + (0.1 + 3.0 * g) * (0.6 + 0.3 * abs(draw[2]))
        values = {("test", "error"): running, ("test", "error_recomputed"): error}
        values[("train_eval", "loss_recomputed")] = loss
        head = ("controls", arm.name, seed, epoch, update, epoch * IMAGES, setting.learning_rate, setting.batch_size)
        rows += [(*head, *key, value) for key, value in values.items()]
    return rows


@functools.cache
def computed(seeds: int) -> dict[str, pd.DataFrame]:
    """The tables of analysis/ that the figures of this study read, and its curves."""
    own, table = study(seeds), curves(seeds)
    levels = changes.of_study(own, table, changes.LEVEL_EPOCHS)
    plateaus, falls = noise.plateaus(own, table, IMAGES), noise.drops(own, table, IMAGES)
    everything = noise.all_plateaus(own, table, IMAGES)
    seconds = {(arm.name, seed): [2.0] * len(arm.settings) for arm in own.schedules for seed in arm.seeds}
    return {
        "curves": table,
        "schedules": final.schedules(own, IMAGES),
        "milestone_levels_summary": changes.milestone_summary(levels),
        "variance_summary": variance.collapse_summary(variance.collapse(own, table)),
        "final_differences": equivalence.final_differences(own, table),
        "bands": equivalence.bands(own, table),
        "reversal": equivalence.reversal(own, table),
        "plateaus": plateaus,
        "noise_drops": falls,
        "noise_fits": noise.noise_fits(plateaus, falls, everything),
        "lag_summary": lag.lag_summary(lag.lag(own, table)),
        "speed": speed.speed(own, table, 0.3, seconds),
    }


def tables(seeds: int = 4) -> dict[str, pd.DataFrame]:
    """`computed`, as a dict that a test may change."""
    return dict(computed(seeds))
