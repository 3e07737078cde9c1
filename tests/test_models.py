"""The networks have the size that their papers state, and their shortcut is slicing and padding."""

import pytest
import torch
from torch.nn.functional import pad

from errordrops.results.costs import forward_multiply_adds
from errordrops.training.batchnorm import batch_norms
from errordrops.training.models import SubsampleAndWiden, build, global_average
from networks import smoke


def parameters(model, channels=3, classes=10):
    return sum(p.numel() for p in build(model, channels, classes, 0).parameters())


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_parameters_of_he_et_al_table_6(depth, millions):
    count = parameters({"family": "cifar-resnet", "depth": depth, "width": 16}) / 1e6
    assert round(count, 1 if depth == 110 else 2) == millions


def test_parameters_of_wrn_16_4():
    """Zagoruyko & Komodakis 2016, table 4: 2.7 million (WRN-16-4 as released: 2,748,890)."""
    assert parameters({"family": "wide-resnet", "depth": 16, "widen_factor": 4}) == 2_748_890


def test_parameters_of_torchvision_resnets():
    assert parameters({"family": "imagenet-resnet", "depth": 18}, classes=1000) == 11_689_512
    assert parameters({"family": "imagenet-resnet", "depth": 50}, classes=1000) == 25_557_032


@pytest.mark.parametrize(
    "model",
    [
        {"family": "cifar-resnet", "depth": 8, "width": 4},
        {"family": "wide-resnet", "depth": 10, "widen_factor": 1},
        {"family": "imagenet-resnet", "depth": 18},
    ],
)
@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 45)])
def test_any_channels_and_sizes(model, channels, size):
    network = build(model, channels, 7, 0)
    assert network(torch.randn(2, channels, size, size)).shape == (2, 7)
    assert batch_norms(network)


def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone():
    model = {"family": "cifar-resnet", "depth": 8, "width": 4}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, again, other = (build(model, 1, 10, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["conv.weight"], other["conv.weight"])


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shortcut_and_pooling_equal_plain_torch_and_keep_the_layout(layout):
    x = torch.randn(3, 4, 9, 7).contiguous(memory_format=layout).requires_grad_()
    y = x.detach().clone().requires_grad_()
    out, expected = SubsampleAndWiden.apply(x, 2, 4), pad(y[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4))
    assert torch.equal(out, expected)
    weights = torch.randn(out.shape)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.equal(x.grad, y.grad)
    assert x.grad.is_contiguous(memory_format=layout)
    torch.testing.assert_close(global_average(x), x.mean((2, 3)))


def test_multiply_adds_of_the_cost_estimate_are_those_of_the_network():
    """Counted with hooks on every convolution of the smoke study's network."""
    study = smoke()
    network = build(study.model, 1, 10, 0)
    counted = 0

    def count(module, inputs, output):
        nonlocal counted
        counted += output[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    network(torch.randn(1, 1, 28, 28))
    assert forward_multiply_adds(study) == pytest.approx(counted)
