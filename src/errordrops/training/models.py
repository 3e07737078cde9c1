"""The networks: ResNets for CIFAR (He et al. 2015, section 4.2), wide ResNets, torchvision's ImageNet ResNets."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..randomness import number_of
from .batchnorm import GhostBatchNorm2d, NormActivation


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class SubsampleAndWiden(torch.autograd.Function):
    """The option-A shortcut: every stride-th pixel, then new channels of zeros.

    As slicing and padding, but with a gradient in the layout of the input: theirs is in the default one, and everything
    before it then computes on mixed layouts (a fifth of a processor's training time).
    """

    @staticmethod
    def forward(ctx, x: Tensor, stride: int, new_channels: int) -> Tensor:
        n, channels, height, width = x.shape
        ctx.shape, ctx.stride, ctx.layout = x.shape, stride, layout_of(x)
        size = (n, channels + new_channels, -(-height // stride), -(-width // stride))
        out = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=ctx.layout).zero_()
        out[:, :channels] = x[:, :, ::stride, ::stride]
        return out

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        out = torch.empty(ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=ctx.layout).zero_()
        out[:, :, :: ctx.stride, :: ctx.stride] = grad[:, : ctx.shape[1]]
        return out, None, None


def layout_of(x: Tensor) -> torch.memory_format:
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if channels_last else torch.contiguous_format


def global_average(x: Tensor) -> Tensor:
    """Mean over pixels, (n, C, H, W) to (n, C), whose gradient keeps the layout of x."""
    if layout_of(x) == torch.channels_last:
        return x.permute(0, 2, 3, 1).flatten(1, 2).mean(1)
    return x.mean((2, 3))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the option-A shortcut: subsample, pad the new channels with zeros, no parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inputs, outputs, stride), NormActivation(outputs)
        self.conv2, self.bn2 = conv3x3(outputs, outputs), NormActivation(outputs)
        self.stride, self.new_channels = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.bn1(self.conv1(x)))
        if self.stride != 1 or self.new_channels:
            x = SubsampleAndWiden.apply(x, self.stride, self.new_channels)
        return self.bn2(y, shortcut=x)


class CifarResNet(nn.Module):
    """Depth 6n + 2: a 3x3 stem, stages of n blocks with 1, 2, 4 x width channels, global average, linear."""

    def __init__(self, depth: int, width: int, channels: int, classes: int):
        super().__init__()
        self.conv, self.bn = conv3x3(channels, width), NormActivation(width)
        blocks, inputs = [], width
        for stage, outputs in enumerate((width, 2 * width, 4 * width)):
            for block in range((depth - 2) // 6):
                blocks.append(BasicBlock(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, channels, H, W) to logits (n, classes)."""
        x = self.blocks(self.bn(self.conv(x)))
        return self.linear(global_average(x))


class PreActivationBlock(nn.Module):
    """Batch norm and ReLU before each convolution; a 1x1 convolution where the shape changes (Zagoruyko 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1, self.conv1 = NormActivation(inputs), conv3x3(inputs, outputs, stride)
        self.bn2, self.conv2 = NormActivation(outputs), conv3x3(outputs, outputs)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = self.bn1(x)
        y = self.conv2(self.bn2(self.conv1(active)))
        return y + (x if self.shortcut is None else self.shortcut(active))


class WideResNet(nn.Module):
    """Depth 6n + 4, stages of 16 k, 32 k, 64 k channels (Zagoruyko & Komodakis 2016); 16-4 is Smith et al.'s."""

    def __init__(self, depth: int, widen_factor: int, channels: int, classes: int):
        super().__init__()
        self.conv = conv3x3(channels, 16)
        blocks, inputs = [], 16
        for stage in range(3):
            outputs = 16 * widen_factor * 2**stage
            for block in range((depth - 4) // 6):
                blocks.append(PreActivationBlock(inputs, outputs, 2 if stage and not block else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.bn = NormActivation(inputs)
        self.linear = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, channels, H, W) to logits (n, classes)."""
        x = self.bn(self.blocks(self.conv(x)))
        return self.linear(global_average(x))


def imagenet_resnet(depth: int, channels: int, classes: int) -> nn.Module:
    """torchvision's ResNet of that depth, with ghost batch norm and any number of input channels."""
    from torchvision.models import resnet

    model = getattr(resnet, f"resnet{depth}")(num_classes=classes, norm_layer=GhostBatchNorm2d)
    if channels != 3:
        stem = model.conv1
        model.conv1 = nn.Conv2d(channels, stem.out_channels, stem.kernel_size, stem.stride, stem.padding, bias=False)
    return model


def build(model: Mapping[str, Any], channels: int, classes: int, seed: int) -> nn.Module:
    """The network that a study's `model` describes, initialised from the seed alone, in channels-last layout.

    He initialisation of the convolutions (He et al. 2015b) in the CIFAR networks; torchvision's own in the others.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number_of("weights", seed))
        family, depth = model["family"], model["depth"]
        if family == "imagenet-resnet":
            network = imagenet_resnet(depth, channels, classes)
        else:
            if family == "cifar-resnet":
                network = CifarResNet(depth, model["width"], channels, classes)
            else:
                network = WideResNet(depth, model["widen_factor"], channels, classes)
            for module in network.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if isinstance(module, NormActivation):
                    module.activation = model.get("activation", "relu")
    return network.to(memory_format=torch.channels_last)
