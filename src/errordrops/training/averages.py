"""Averaged weights: exponential moving averages along a run, which see the path without its noise.

w_avg <- b w_avg + (1 - b) w after every update, with b = exp(-1 / (memory x updates of the epoch)), so that the memory
is a number of epochs whatever the batch size (Izmailov et al. 2018 average uniformly; Sandler et al. 2023 like this).
The average starts at the initial weights.
"""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NAMES = ("averaged", "averaged_long")  # how metrics are called, from the shortest memory on


@dataclass
class Average:
    """One average of the parameters of a model; `memory` in epochs, `weights` in the order of its parameters."""

    name: str
    memory: float
    weights: list[Tensor]

    @torch.no_grad()
    def update(self, parameters: Sequence[Tensor], updates_per_epoch: int) -> None:
        """One step towards the current parameters."""
        torch._foreach_lerp_(self.weights, list(parameters), 1 - math.exp(-1 / (self.memory * updates_per_epoch)))

    @contextmanager
    def in_place_of(self, model: nn.Module):
        """Within the context the model has the averaged weights; batch-norm statistics are left to the caller."""
        parameters = list(model.parameters())
        with torch.no_grad():
            kept = [parameter.clone() for parameter in parameters]
            torch._foreach_copy_(parameters, self.weights)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(parameters, kept)


def start(model: nn.Module, memories: Sequence[float]) -> list[Average]:
    """Averages with these memories (in epochs, rising, at most two), each at the current weights."""
    return [
        Average(name, memory, [parameter.detach().clone() for parameter in model.parameters()])
        for name, memory in zip(NAMES, memories, strict=False)
    ]
