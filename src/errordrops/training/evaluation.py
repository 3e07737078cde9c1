"""Error and loss of a model, measured twice: with running batch-norm statistics, and with statistics recomputed; and
which images it gets right, epoch by epoch: what an epoch corrects, and whether averaged weights knew it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..data.epoch import Data, Subset
from ..randomness import number_of
from .batchnorm import batch_norms, recomputed_statistics
from .distributed import average_statistics, share, sum_over_processes
from .numerics import Numerics


@dataclass(frozen=True)
class Answers:
    """For each image of a subset the cross-entropy in nats (n,) and whether the answer was right (n,)."""

    losses: Tensor
    right: Tensor

    def summary(self, suffix: str = "") -> dict[str, float]:
        """{"error": percent, "loss": mean in nats}, with a suffix to the names."""
        exact = self.losses if self.losses.device.type == "mps" else self.losses.double()
        return {
            f"error{suffix}": 100 * (~self.right).sum().item() / len(self.right),
            f"loss{suffix}": exact.mean().item(),
        }


def _batches(data: Data, subset: Subset, size: int) -> Iterator[Tensor]:
    return map(data.normalise, subset.batches(size))


def _share(images: int, size: int) -> slice:
    """The images that this process takes: whole batches of `size`, possibly none."""
    part = share(-(-images // size))
    return slice(min(part.start * size, images), min(part.stop * size, images))


def answers(model: nn.Module, data: Data, subset: Subset, numerics: Numerics) -> Answers:
    """What a model says to a subset, in evaluation mode. Processes share out the work; each returns all answers."""
    own = _share(len(subset), numerics.evaluation_batch)
    losses = torch.zeros(len(subset), device=subset.labels.device)
    right = torch.zeros(len(subset), dtype=torch.uint8, device=losses.device)
    if own.stop > own.start:
        losses[own], right[own] = _answers(model, data, subset.part(own.start, own.stop), numerics)
    sum_over_processes([losses, right])
    return Answers(losses, right.bool())


@torch.inference_mode()
def _answers(model: nn.Module, data: Data, subset: Subset, numerics: Numerics) -> tuple[Tensor, Tensor]:
    was_training = model.training
    model.eval()
    with numerics.autocast():
        batches = _batches(data, subset, numerics.evaluation_batch)
        logits = torch.cat([model(images).float() for images in batches])
    model.train(was_training)
    return cross_entropy(logits, subset.labels, reduction="none"), logits.argmax(1) == subset.labels


@dataclass(frozen=True)
class Statistics:
    """Over which training images batch-norm statistics are recomputed: the first `images`, as they are, or augmented as
    in training by a draw of its own (`seed`). Padding brings black borders into training, which shift the statistics.
    """

    images: int
    seed: int | None = None

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> "Statistics":
        """As a recipe (see `plan.recipe`) has it."""
        evaluation = recipe["evaluation"]
        return cls(evaluation["statistics_images"], recipe["seed"] if evaluation.get("statistics") else None)

    def sample(self, data: Data) -> Subset:
        """Those images."""
        sample = data.train.first(self.images)
        return sample if self.seed is None else data.augmented(sample, number_of("statistics", self.seed))


@contextmanager
def recomputed(model: nn.Module, data: Data, statistics: Statistics, numerics: Numerics) -> Iterator[None]:
    """Context in which the model's batch-norm statistics are those of training images, see `Statistics`. Processes
    share out the batches.
    """
    sample, size = statistics.sample(data), 2 * numerics.evaluation_batch
    own = _share(len(sample), size)
    batches = _batches(data, sample.part(own.start, own.stop), size)
    with recomputed_statistics(model, batches, numerics.autocast):
        average_statistics(batch_norms(model))
        yield


def corrections(before: Mapping[str, np.ndarray], right: np.ndarray) -> dict[str, float]:
    """Percent of all images. `before` holds what the weights ("recomputed") and their average ("averaged") got right
    after the previous epoch, `right` what the weights get right now; all bool (n,).

    foreseen: the weights had it wrong and the average right; corrected: wrong before and right now;
    corrected_foreseen: both. corrected_foreseen / corrected is the share of the corrected images that the average knew.
    """
    wrong = ~before["recomputed"]
    masks = {
        "foreseen": wrong & before["averaged"],
        "corrected": wrong & right,
        "corrected_foreseen": wrong & right & before["averaged"],
    }
    return {name: 100 * float(mask.mean()) for name, mask in masks.items()}
