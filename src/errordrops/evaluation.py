"""Error and loss of a model, measured twice: with running batch-norm statistics, and with statistics recomputed."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .batchnorm import recomputed_statistics
from .data.epoch import Data, Images
from .numerics import Numerics


def _batches(data: Data, images: Tensor, size: int) -> Iterator[Tensor]:
    for start in range(0, len(images), size):
        yield data.normalise(images[start : start + size])


@torch.inference_mode()
def measure(model: nn.Module, data: Data, subset: Images, numerics: Numerics) -> dict[str, float]:
    """{"error": percent, "loss": mean cross-entropy in nats} on a subset, in evaluation mode."""
    was_training = model.training
    model.eval()
    size = numerics.evaluation_batch
    loss = torch.zeros((), dtype=torch.float64 if numerics.device != "mps" else torch.float32, device=data.mean.device)
    wrong = torch.zeros((), dtype=torch.int64, device=data.mean.device)
    with numerics.autocast():
        for index, images in enumerate(_batches(data, subset.images, size)):
            labels = subset.labels[index * size : (index + 1) * size]
            logits = model(images).float()
            loss += cross_entropy(logits, labels, reduction="sum")
            wrong += (logits.argmax(1) != labels).sum()
    model.train(was_training)
    return {"error": 100 * wrong.item() / len(subset), "loss": loss.item() / len(subset)}


def recomputed(model: nn.Module, data: Data, statistics_images: int, numerics: Numerics):
    """Context in which the model's batch-norm statistics are those of the first unaugmented training images."""
    sample = data.train.images[:statistics_images]
    return recomputed_statistics(model, _batches(data, sample, 2 * numerics.evaluation_batch), numerics.autocast)


def measure_twice(
    model: nn.Module, data: Data, subsets: dict[str, Images], statistics_images: int, numerics: Numerics
) -> dict[str, dict[str, float]]:
    """For each named subset error, loss, error_recomputed and loss_recomputed."""
    values = {name: measure(model, data, subset, numerics) for name, subset in subsets.items()}
    with recomputed(model, data, statistics_images, numerics):
        for name, subset in subsets.items():
            again = measure(model, data, subset, numerics)
            values[name] |= {f"{metric}_recomputed": value for metric, value in again.items()}
    return values
