"""Noise put back: the covariance of a batch's gradient multiplied, its mean left as it is.

Each image's loss is weighted by w = 1 + sqrt(k - 1) sqrt(B / (B - 1)) (s - mean of s), s a random sign for each image
of a batch of B. Over the signs the mean of the gradient (1/B) sum w_i g_i is the batch's own, and its covariance
(k - 1) S / B with S the sample covariance of the g_i. Together with S / B, that of drawing the batch, it is k S / B:
what a batch of B / k images would have. Multiplicative noise of this kind: Wu et al. 2019 (arXiv 1906.07405); large
batches with the noise of small ones: Wen et al. 2020 (arXiv 1902.08234).
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ..randomness import number_of

Piece = tuple[Tensor, ...]  # images (n, C, H, W), labels (n,) and, where they have any, weights (n,)


def image_weights(sizes: Sequence[int], noise: float, seed: int, epoch: int, order: int = 0) -> list[Tensor]:
    """The weights (B,) float32 of each batch's images, for batches of these sizes; their mean is 1 in each batch.

    `noise` k, 1 or more, multiplies the covariance of the gradient. Signs are drawn from (seed, epoch, order), on the
    processor, so that every device has the same. A batch of one image has no covariance to multiply: weight 1.
    """
    fresh = [order] if order else []
    draw = torch.Generator().manual_seed(number_of("signs", seed, epoch, *fresh))
    signs = torch.randint(0, 2, (sum(sizes),), generator=draw, dtype=torch.int64).mul(2).sub(1).double()
    weights = []
    for own in signs.split(list(sizes)):
        scale = math.sqrt((noise - 1) * len(own) / max(1, len(own) - 1))
        weights.append((1 + scale * (own - own.mean())).float())
    return weights


def weighted(pieces: Iterable[Piece], batches: Sequence[Tensor]) -> Iterator[Piece]:
    """The pieces of an epoch (images, labels), each with its part of the weights, which are listed batch by batch."""
    weights, start = torch.cat(list(batches)), 0
    for images, labels in pieces:
        yield images, labels, weights[start : start + len(labels)]
        start += len(labels)
