"""Batch sharpness: the curvature that a batch shows along its own gradient, E[g' H g] / E[g' g] over batches.

Andreyev & Beneventano 2024 (arXiv 2412.20553): under SGD this quotient, and not the largest eigenvalue, settles at 2 /
rate; with momentum m (arXiv 2604.14108) at 2 (1 - m) / rate for small batches and 2 (1 + m) / rate for large ones. A
batch is as in training: augmented, in ghost groups, its images weighted where noise is put back.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.epoch import Epoch
from ..study.settings import Setting
from ..training.perturbation import image_weights
from .subject import Row, Subject, row

BATCHES, FEWEST, IMAGES = 64, 16, 8192  # at most so many batches, at least so few, where they have so many images


@dataclass(frozen=True)
class Quotient:
    """E[g' H g] / E[g' g] over batches, its standard error (jackknife), and the mean of g' g."""

    value: float
    error: float
    square: float


def probe(subject: Subject) -> list[Row]:
    """quotient, quotient_error, gradient_square (mean g' g), limit_small, limit_large, batches, at "before", "after"
    and "later" under the setting of the epoch then under way or just done. At "before" it is the one that the next
    epoch has, so that a fork's quotient stands beside its limit before it is trained; index 1: the one until then.
    """
    rows: list[Row] = []
    m = subject.milestone
    asked = [("before", 0.0, subject.settings[m]), ("before", 1.0, subject.settings[m - 1])]
    asked += [(moment, 0.0, subject.setting_of(moment)) for moment in ("after", "later")]
    for moment, index, setting in asked:
        count = batches_of(setting)

        def measure(setting=setting, count=count, moment=moment) -> list[float]:
            sharpness = quotient(subject, subject.weights(moment), setting, count)
            return [sharpness.value, sharpness.error, sharpness.square]

        kind = f"sharpness-{setting.batch_size}-{setting.noise:g}-{count}"
        value, error, square = subject.remembered(kind, moment, measure)
        small, large = limits(setting)
        numbers = {"quotient": value, "quotient_error": error, "gradient_square": square}
        numbers |= {"limit_small": small, "limit_large": large, "batches": count}
        rows += [row(moment, name, number, index) for name, number in numbers.items()]
    return rows


def limits(setting: Setting) -> tuple[float, float]:
    """Where the quotient settles for small and for large batches (arXiv 2604.14108)."""
    rate, m = setting.learning_rate, setting.momentum
    return 2 * (1 - m) / rate, 2 * (1 + m) / rate


def batches_of(setting: Setting) -> int:
    """How many batches: of large ones fewer, as each says more."""
    return min(BATCHES, max(FEWEST, IMAGES // setting.batch_size))


def quotient(subject: Subject, weights: Tensor, setting: Setting, count: int) -> Quotient:
    """Over `count` batches at weights (P,), from epochs after the milestone."""
    bent, long = [], []
    for groups in drawn(subject, setting, count):
        parts = [subject.surface(len(images)).on(images, labels, by) for images, labels, by in groups]
        gradient = torch.stack([part.gradient(weights) for part in parts]).mean(0)
        bent.append(float(np.mean([float(gradient @ part.hessian(weights)(gradient)) for part in parts])))
        long.append(float(gradient @ gradient))
    return ratio(np.array(bent), np.array(long))


def ratio(bent: np.ndarray, long: np.ndarray) -> Quotient:
    """Quotient of means of (batches,) numbers, with the jackknife's standard error."""
    n = len(bent)
    if n == 1:
        return Quotient(float(bent[0] / long[0]), math.nan, float(long[0]))
    without = (bent.sum() - bent) / (long.sum() - long)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    return Quotient(float(bent.sum() / long.sum()), error, float(long.mean()))


def drawn(subject: Subject, setting: Setting, count: int) -> Iterator[list[tuple[Tensor, Tensor, Tensor | None]]]:
    """`count` batches, each as its ghost groups: images, labels, weights of the images' losses."""
    trainer = subject.trainer
    size, n = trainer.group_size, len(trainer.data.train)
    groups = max(1, round(setting.batch_size / size))
    epoch, left = subject.milestone, 0
    weights = image_weights([groups * size] * count, setting.noise, trainer.seed, epoch + 1)
    for by in weights:
        if left < groups * size:
            epoch, left = epoch + 1, n
            pieces = Epoch(trainer.data, trainer.seed, epoch).pieces([size] * (n // size))
        left -= groups * size
        batch = [next(pieces) for _ in range(groups)]
        yield [
            (images, labels, None if setting.noise == 1 else by[i * size : (i + 1) * size].to(images))
            for i, (images, labels) in enumerate(batch)
        ]
