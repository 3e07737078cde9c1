"""Stochastic gradient descent with momentum, and Adam, by torch's functional forms.

Not by its classes, which import the compiler, unused: a second for each of hundreds of processes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimizer(Protocol):
    """What changes parameters by their gradients. `buffers`: its whole state, a tensor a parameter, by name."""

    parameters: list[Tensor]

    @property
    def buffers(self) -> Mapping[str, list[Tensor]]: ...

    def step(self, learning_rate: float, momentum: float, decayed: bool = True) -> None:
        """One update by the gradients that the parameters hold, which they then hold no longer; without weight decay
        unless `decayed`.
        """


def optimizer_for(parameters: list[Tensor], recipe: Mapping[str, Any]) -> Optimizer:
    """The optimiser of a recipe (see `plan.recipe`)."""
    if recipe.get("optimizer") == "adam":
        return Adam(parameters, recipe["weight_decay"])
    return SGD(parameters, recipe["weight_decay"], recipe["nesterov"])


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

    @property
    def buffers(self) -> dict[str, list[Tensor]]:
        return {"momentum": self.velocities}

    @torch.no_grad()
    def step(self, learning_rate: float, momentum: float, decayed: bool = True) -> None:
        """One update by the gradients that the parameters hold, which they then hold no longer; without weight decay
        unless `decayed`.
        """
        sgd(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.velocities,
            fused=self.parameters[0].device.type != "mps",
            foreach=False,
            weight_decay=self.weight_decay if decayed else 0.0,
            momentum=momentum,
            lr=learning_rate,
            dampening=0,
            nesterov=self.nesterov,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None


@dataclass
class Adam:
    """Adam (Kingma & Ba 2015) with weight decay added to the gradient, as torch.optim.Adam; its first decay rate is the
    setting's momentum, the second 0.999, epsilon 1e-8.

    `buffers`: the moving means of gradients (momentum) and of their squares, and the updates made so far.
    """

    parameters: list[Tensor]
    weight_decay: float
    buffers: dict[str, list[Tensor]] = field(init=False)

    def __post_init__(self):
        self.buffers = {name: [torch.zeros_like(p) for p in self.parameters] for name in ("momentum", "squares")}
        self.buffers["updates"] = [torch.zeros((), device=p.device) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, momentum: float, decayed: bool = True) -> None:
        """One update by the gradients that the parameters hold, which they then hold no longer; without weight decay
        unless `decayed`.
        """
        adam(
            self.parameters,
            [parameter.grad for parameter in self.parameters],
            self.buffers["momentum"],
            self.buffers["squares"],
            [],
            self.buffers["updates"],
            fused=self.parameters[0].device.type != "mps",
            foreach=False,
            amsgrad=False,
            beta1=momentum,
            beta2=0.999,
            lr=learning_rate,
            weight_decay=self.weight_decay if decayed else 0.0,
            eps=1e-8,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None
