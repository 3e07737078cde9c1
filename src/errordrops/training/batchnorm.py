"""Batch norm over ghost groups, and statistics recomputed.

Ghost batch norm (Hoffer et al. 2017; used by Smith et al. 2018): a large batch is normalised group by group, so that
the noise of the batch statistics stays what it is at the base batch size.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn


class GhostBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose training batch consists of `groups` equal groups, each normalised by itself.

    Running statistics take one step a group, in order, as if the groups had come one after the other. With one group,
    and in evaluation, it is torch's own batch norm.
    """

    groups: int = 1

    def forward(self, x: Tensor) -> Tensor:
        """x (groups * n, C, H, W) to the same shape."""
        if not self.training or self.groups == 1:
            return super().forward(x)
        images, channels, height, width = x.shape
        size = images // self.groups
        # one batch norm over groups * channels "channels": torch's fused kernel, no copy of our own arithmetic
        grouped = x.reshape(self.groups, size, channels, height, width).transpose(0, 1)
        grouped = grouped.reshape(size, self.groups * channels, height, width)
        mean = torch.zeros(self.groups * channels, device=x.device)
        var = torch.ones_like(mean)
        weight, bias = self.weight.repeat(self.groups), self.bias.repeat(self.groups)
        out = nn.functional.batch_norm(grouped, mean, var, weight, bias, True, 1.0, self.eps)
        self._step_running(mean.view(self.groups, channels), var.view(self.groups, channels))
        out = out.view(size, self.groups, channels, height, width).transpose(0, 1)
        return out.reshape(x.shape).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _step_running(self, means: Tensor, variances: Tensor) -> None:
        """One step of the running statistics for each group (rows), in closed form."""
        self.num_batches_tracked += self.groups
        if self.momentum is None:  # plain average
            seen = self.num_batches_tracked
            for running, group in ((self.running_mean, means), (self.running_var, variances)):
                running.mul_((seen - self.groups) / seen).add_(group.sum(0) / seen)
            return
        kept = 1 - self.momentum
        weights = self.momentum * kept ** torch.arange(self.groups - 1, -1, -1, device=means.device)
        for running, group in ((self.running_mean, means), (self.running_var, variances)):
            # not `weights @ group`, which autocast would round to bf16
            running.mul_(kept**self.groups).add_((weights[:, None] * group).sum(0))


ACTIVATIONS = {
    "relu": torch.relu_,
    "gelu": nn.functional.gelu,
    "leaky-relu": nn.functional.leaky_relu,  # slope 0.01 below zero
    "leaky-relu-20": partial(nn.functional.leaky_relu, negative_slope=0.2),  # a unit below zero still learns
}


class NormActivation(GhostBatchNorm2d):
    """activation(ghost batch norm(x) + shortcut), ReLU if not told."""

    activation: str = "relu"

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """x and, if given, shortcut (groups * n, C, H, W) to the same shape."""
        y = super().forward(x)
        return ACTIVATIONS[self.activation](y if shortcut is None else y.add_(shortcut))


def batch_norms(model: nn.Module) -> list[GhostBatchNorm2d]:
    """All batch-norm layers of a model, in order."""
    return [module for module in model.modules() if isinstance(module, GhostBatchNorm2d)]


def set_groups(norms: list[GhostBatchNorm2d], groups: int) -> None:
    """Declare of how many equal groups the next training batch consists."""
    for norm in norms:
        norm.groups = groups


@contextmanager
def recomputed_statistics(
    model: nn.Module, batches: Iterable[Tensor], precision: Callable[[], AbstractContextManager] = nullcontext
):
    """Within the context the running statistics are the plain average over `batches` (normalised images).

    `precision` makes the context of the forward passes. At a high learning rate the running averages lag behind the
    weights; these do not. The training state is put back.
    """
    norms = batch_norms(model)
    kept = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    momentum = [norm.momentum for norm in norms]
    training = model.training
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum, norm.groups = None, 1
        model.train()
        with torch.inference_mode(), precision():
            for images in batches:
                model(images)
        model.train(training)
        yield
    finally:
        model.train(training)
        with torch.no_grad():
            for norm, buffers, m in zip(norms, kept, momentum, strict=True):
                norm.momentum = m
                for name, buffer in norm.named_buffers():
                    buffer.copy_(buffers[name])
