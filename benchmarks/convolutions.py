"""The rate at which this GPU convolves in bfloat16: what a Wide ResNet 16-4 could reach if nothing else took time."""

import time

import torch
from torch.nn.functional import conv2d

STAGES = ((64, 32), (128, 16), (256, 8))  # channels, height and width of the stages' 3x3 convolutions


def convolution_rate(images: int = 640, seconds: float = 1.0) -> float:
    """Operations a second, forward and backward, of the three stages' convolutions, channels last."""
    operations, spent = 0.0, 0.0
    for channels, size in STAGES:
        made = {"device": "cuda", "dtype": torch.bfloat16, "requires_grad": True}
        x = torch.randn(images, channels, size, size, **made).to(memory_format=torch.channels_last).detach()
        x.requires_grad_()
        weight = torch.randn(channels, channels, 3, 3, **made).to(memory_format=torch.channels_last).detach()
        weight.requires_grad_()
        gradient = torch.randn_like(x)
        once = 3 * 2 * 9 * channels**2 * size**2 * images  # forward, gradients of x and of the weight

        def repeat(times, x=x, weight=weight, gradient=gradient):
            torch.cuda.synchronize()
            began = time.monotonic()
            for _ in range(times):
                torch.autograd.grad(conv2d(x, weight, padding=1), (x, weight), gradient)
            torch.cuda.synchronize()
            return time.monotonic() - began

        repeat(5)
        times = max(10, round(seconds / (repeat(10) / 10)))
        spent += repeat(times) / times
        operations += once
    return operations / spent
