"""Stochastic gradient descent with momentum, by torch's functional form.

Not by its class, which imports the compiler, unused: a second for each of hundreds of processes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.sgd import sgd


@dataclass
class SGD:
    """v = momentum v + gradient + weight_decay w, w = w - learning_rate v, as torch.optim.SGD (He et al. 2015 and Smith
    et al. 2018 likewise); `nesterov`: w = w - learning_rate (gradient + weight_decay w + momentum v).

    `velocities` v in the order of the parameters, zero at first.
    """

    parameters: list[Tensor]
    weight_decay: float
    nesterov: bool
    velocities: list[Tensor] = field(init=False)

    def __post_init__(self):
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, momentum: float) -> None:
        """One update by the gradients that the parameters hold, which they then hold no longer."""
        sgd(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.velocities,
            fused=self.parameters[0].device.type != "mps",
            foreach=False,
            weight_decay=self.weight_decay,
            momentum=momentum,
            lr=learning_rate,
            dampening=0,
            nesterov=self.nesterov,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None

    def set_velocities(self, values: Sequence[Tensor]) -> None:
        """Put velocities, in the order of the parameters, into place."""
        for velocity, value in zip(self.velocities, values, strict=True):
            velocity.copy_(value)
