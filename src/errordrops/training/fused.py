"""relu(batch norm(x) + shortcut) as one operation of autograd, by `kernels`; see `batchnorm.NormActivation`.

Its gradient has no gradient: second derivatives want float32, which takes torch's own operations.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from . import kernels


def fits(x: Tensor) -> bool:
    """Whether the kernels take this input (n, C, H, W): bfloat16, channels last, one thread of a processor."""
    return (
        x.device.type == "cpu"
        and x.dtype == torch.bfloat16
        and torch.get_num_threads() == 1
        and x.is_contiguous(memory_format=torch.channels_last)
        and x.numel() > x.shape[1]  # torch refuses a single pixel in training
    )


def in_training(norm: nn.BatchNorm2d, x: Tensor, shortcut: Tensor | None) -> Tensor:
    """By the moments of the batch; the running statistics take their step as torch's do (momentum None: plain mean)."""
    norm.num_batches_tracked.add_(1)
    step = norm.momentum if norm.momentum is not None else 1 / norm.num_batches_tracked.item()
    return _NormAddReLU.apply(x, shortcut, norm.weight, norm.bias, norm.running_mean, norm.running_var, step, norm.eps)


def in_evaluation(norm: nn.BatchNorm2d, x: Tensor, shortcut: Tensor | None) -> Tensor:
    """By the running statistics; without gradients."""
    out = torch.empty_like(x)
    of_norm = _arrays(norm.weight, norm.bias, norm.running_mean, norm.running_var)
    kernels.forward_fixed(_rows(x), _rows(shortcut), *of_norm, norm.eps, _rows(out))
    return out


class _NormAddReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, shortcut, weight, bias, running_mean, running_var, step, eps):
        out = torch.empty_like(x)
        of_norm = _arrays(weight, bias, running_mean, running_var)
        moments = kernels.forward_batch(_rows(x), _rows(shortcut), *of_norm, step, eps, _rows(out))
        ctx.save_for_backward(x, out, weight)
        ctx.moments, ctx.eps, ctx.has_shortcut = moments, eps, shortcut is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, out, weight = ctx.saved_tensors
        images = map(_rows, (x, out, gradient.contiguous(memory_format=torch.channels_last)))
        to_x = torch.empty_like(x)
        to_shortcut = torch.empty_like(x) if ctx.has_shortcut else None
        of_norm = kernels.backward_batch(
            *images, *_arrays(weight), *ctx.moments, ctx.eps, _rows(to_x), _rows(to_shortcut)
        )
        return to_x, to_shortcut, *map(torch.from_numpy, of_norm), None, None, None, None


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


def _rows(x: Tensor | None) -> np.ndarray | None:
    """The bits of channels-last images as an array (rows, width) of whole pixels; shares their memory."""
    if x is None:
        return None
    n, channels, height, width = x.shape
    bits = x.detach().permute(0, 2, 3, 1).view(torch.uint16)
    return bits.view(-1, kernels.width_of_rows(n * height * width, channels)).numpy()
