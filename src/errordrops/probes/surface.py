"""The training loss of a fixed sample of images as a function of the weights, with gradient and Hessian products.

Batch norm takes its statistics from the whole sample at the weights in question, so the loss is a function of the
weights alone: what "statistics recomputed" means, made differentiable. Weights are one flat vector, in the order of the
model's parameters.
"""

from collections.abc import Callable, Sequence
from copy import copy, deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..training.batchnorm import batch_norms, set_groups


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors as one vector (P,), each in its logical order whatever its layout in memory."""
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def weights_of(state: dict[str, Tensor], model: nn.Module, part: str = "model") -> Tensor:
    """The weights (P,) of a checkpoint; `part`: "model", or the name of an average."""
    return flat([state[f"{part}.{name}"] for name, _ in model.named_parameters()])


class Surface:
    """Mean cross-entropy (nats) of `images` (n, C, H, W), normalised, with `labels` (n,), at any weights (P,).

    `dtype` float32 unless told: second derivatives want more digits than bfloat16 has.
    """

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor, dtype: torch.dtype = torch.float32):
        self.model = deepcopy(model).to(dtype).train()
        set_groups(batch_norms(self.model), 1)
        self.parameters = list(self.model.parameters())
        self.images, self.labels = images.to(dtype), labels
        self.by: Tensor | None = None
        self.size = sum(p.numel() for p in self.parameters)

    def on(self, images: Tensor, labels: Tensor, by: Tensor | None = None) -> "Surface":
        """The loss of other images, by the same model; that of each image times its weight `by` (n,), if given."""
        other = copy(self)
        other.images, other.labels, other.by = images.to(self.images.dtype), labels, by
        return other

    def move_to(self, weights: Tensor) -> None:
        """Put weights (P,) into the model."""
        with torch.no_grad():
            for parameter, part in zip(self.parameters, self._split(weights), strict=True):
                parameter.copy_(part)

    def _split(self, vector: Tensor) -> list[Tensor]:
        parts = vector.to(self.images).split([p.numel() for p in self.parameters])
        return [part.view(p.shape) for part, p in zip(parts, self.parameters, strict=True)]

    def _loss(self) -> Tensor:
        if self.by is None:
            return cross_entropy(self.model(self.images), self.labels)
        return (cross_entropy(self.model(self.images), self.labels, reduction="none") * self.by).mean()

    @torch.no_grad()
    def loss(self, weights: Tensor) -> float:
        """Loss at weights (P,), in nats."""
        self.move_to(weights)
        return self._loss().item()

    def gradient(self, weights: Tensor) -> Tensor:
        """Gradient (P,) at weights (P,)."""
        self.move_to(weights)
        return flat(torch.autograd.grad(self._loss(), self.parameters))

    def hessian(self, weights: Tensor) -> Callable[[Tensor], Tensor]:
        """The product v (P,) -> H v (P,) with the Hessian at weights (P,), exact (double backward).

        Keeps the graph of the gradient: memory of a few gradients as long as the function lives, and the weights must
        not be moved meanwhile.
        """
        self.move_to(weights)
        gradient = torch.autograd.grad(self._loss(), self.parameters, create_graph=True)

        def product(vector: Tensor) -> Tensor:
            return flat(torch.autograd.grad(gradient, self.parameters, self._split(vector), retain_graph=True))

        return product


def along(basis: Tensor, vector: Tensor) -> Tensor:
    """The part (P,) of a vector (P,) in the span of orthonormal columns `basis` (P, k)."""
    basis = basis.to(vector)
    return basis @ (basis.T @ vector)


def numbers(vector: Tensor) -> np.ndarray:
    """As float64 for NumPy."""
    return vector.detach().cpu().double().numpy()
