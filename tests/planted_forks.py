"""A study of forks whose curves are a formula: training loss relaxes at once to floor + C g, test error a hundred times
that over nine; so what every fork does, and what is foretold of it, has a known answer.
"""

import functools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from errordrops.results.curves import COLUMNS, RIGHT_COLUMNS, pack
from errordrops.study.batching import updates_per_epoch
from errordrops.study.forks import relative_noise
from errordrops.study.study import Study, load
from planted_study import draw

IMAGES, TEST = 9600, 400
COST = 0.08  # nats that the noise before the date costs
FILE = """
study: forked
title: Planted forks
dataset: {name: fashion-mnist, train_size: 9600}
model: {family: cifar-resnet, depth: 8, width: 16}
learning_rate: 0.2
batch_size: 128
group_size: 32
epochs: 20
milestones: []
factor: 4
seeds: [11, 12, 13, 14, 15]
averages: [1]
arms: [none]
forks:
  - of: none
    at: [8, 12]
    lot: 7
    epochs: 5
    list:
      - {name: rate, rate: 0.25}
      - {name: batch, batch: 4}
      - {name: rate-noise, rate: 0.25, noise: 4, orders: 3}
      - {name: batch-noise, batch: 4, noise: 4, orders: 3}
      - {name: both-cut, rate: 0.25, batch: 0.25, orders: 3}
      - {name: both-raised, rate: 2, batch: 2, orders: 3}
      - {name: small-batch, batch: 0.25}
      - {name: noise, noise: 4}
      - {name: half-rate, rate: 0.5}
      - {name: momentum, momentum: 0.6}
      - {name: decay-off, decayed: false}
      - {name: rate-decay-off, rate: 0.25, decayed: false}
      - {name: batch-decay-off, batch: 4, decayed: false}
      - {name: placebo, orders: 3}
claims:
  forks: {moved: 0.01, moved_error: 0.5, equal: 0.25}
  foretold: {slope: [0.75, 1.25], cuts: [0.75, 2.0], coverage: 0.8}
  mechanisms: {excess: [0.75, 1.25], excess_raised: [0.5, 2.0], zero: 0.25, decay: [0.75, 1.25]}
predictions:
  noise:
    title: Less noise
    source: Smith & Le 2018
    because: Only g counts.
    forks:
      rate: falls
      batch: [0.5, 2]
      rate-noise: [-0.25, 0.25]
      both-cut: [-0.25, 0.25]
      small-batch: [-8, -2]
      placebo: [-0.25, 0.25]
    claims: {foretold.slope: true, excess.batch: true}
  edge:
    title: The edge
    because: Only the rate counts.
    forks: {rate: falls, batch: [-0.25, 0.25], rate-noise: [0.5, 1.5], both-cut: [0.5, 1.5]}
  saddle:
    title: A saddle
    because: A cut does not help.
    forks: {rate: no fall}
    claims: {saddle.convex: false}
"""


@functools.cache
def study() -> Study:
    """The study as its file resolves."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "forked.yaml").write_text(FILE)
        return load("forked", folder)


def level(arm, seed: int, epoch: int, jitter: float, cost=None) -> float:
    """Training loss: a slow fall, and COST times g over that before the date. `cost(setting, base)` replaces g / g0."""
    own = arm.settings[max(epoch, 1) - 1]
    base = arm.settings[0]
    ratio = cost(own, base) if cost else relative_noise(own) / relative_noise(base)
    shared = own == base and own.order == 0
    noisy = draw("none" if shared else arm.name, seed, epoch)
    return 0.5 - 0.004 * epoch + COST * ratio + jitter * noisy


def curves(jitter: float = 0.002, cost=None) -> pd.DataFrame:
    """All runs of the study."""
    rows = []
    for arm in study().arms:
        for seed in arm.seeds:
            one, update = arm.for_seed(seed), 0
            for epoch in range(len(one.settings) + 1):
                setting = one.settings[max(epoch, 1) - 1]
                update += updates_per_epoch(IMAGES, setting.batch_size) if epoch else 0
                loss = level(one, seed, epoch, jitter, cost)
                head = (study().name, arm.name, seed, epoch, update, epoch * IMAGES)
                head += (setting.learning_rate, setting.batch_size)
                rows.append((*head, "train_eval", "loss_recomputed", loss))
                rows.append((*head, "test", "error_recomputed", 100 * loss / 3))
                if epoch:
                    rows.append((*head, "train", "loss", loss))
                if arm.name == "none":
                    rows.append((*head, "train_eval", "loss_averaged", 0.5 - 0.004 * epoch))
    return pd.DataFrame(rows, columns=COLUMNS)


def right(table: pd.DataFrame) -> pd.DataFrame:
    """Which of TEST images were right: those of lowest number are wrong, as many as the error says."""
    chosen = table[(table["split"] == "test") & (table["epoch"] > 0)]
    rows = [
        (row.study, row.arm, row.seed, row.epoch, pack(np.arange(TEST) >= round(row.value * TEST / 100)))
        for row in chosen.itertuples()
    ]
    return pd.DataFrame(rows, columns=RIGHT_COLUMNS)
