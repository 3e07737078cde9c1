"""The fused batch norm, shortcut and ReLU: torch's own in float64 but for rounding."""

import pytest
import torch
from torch import nn

from errordrops.training import fused, numerics
from errordrops.training.batchnorm import NormActivation

SHAPES = [(32, 16, 28, 28), (5, 3, 7, 9), (1, 64, 4, 4), (2, 48, 5, 5), (3, 128, 2, 2)]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def images(shape, seed, scale=1.0, shift=0.0):
    draw = torch.Generator().manual_seed(seed)
    x = scale * torch.randn(shape, generator=draw) + shift
    return x.bfloat16().to(memory_format=torch.channels_last)


def pair(channels):
    """A fused layer and torch's layers in float64, with the same parameters."""
    ours, theirs = NormActivation(channels), nn.BatchNorm2d(channels).double()
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        ours.weight.copy_(torch.rand(channels, generator=draw) + 0.5)
        ours.bias.copy_(torch.randn(channels, generator=draw))
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def close(ours, theirs, of=1.0):
    """Within two units in the last place of bfloat16 (2^-7), relative to the value or to `of`."""
    torch.testing.assert_close(ours.double(), theirs, rtol=2**-7, atol=of * 2**-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_shortcut", [False, True])
def test_training_equals_torch_in_float64(shape, with_shortcut):
    ours, theirs = pair(shape[1])
    x, gradient = images(shape, 1, 3, 2).requires_grad_(), images(shape, 2, 0.01)
    shortcut = images(shape, 3).requires_grad_() if with_shortcut else None
    assert fused.fits(x)
    exact = [t.detach().double().requires_grad_() for t in (x, shortcut) if t is not None]
    out = ours(x, shortcut)
    before_relu = theirs(exact[0]) + (exact[1] if with_shortcut else 0)
    expected = before_relu.relu()
    assert type(out.grad_fn).__name__ == "_NormAddReLUBackward"
    close(out, expected)
    # where rounding decides on which side of zero a value lies, the two gradients may differ
    sure = ((out > 0) == (before_relu > 0)).double()
    out.backward(gradient * sure.bfloat16())
    expected.backward(gradient.double() * sure)
    size = exact[0].grad.abs().max()
    close(x.grad, exact[0].grad, size)
    if with_shortcut:
        assert torch.equal(shortcut.grad.double(), exact[1].grad)
    close(ours.weight.grad, theirs.weight.grad)
    close(ours.bias.grad, theirs.bias.grad)
    torch.testing.assert_close(ours.running_mean.double(), theirs.running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.running_var.double(), theirs.running_var, rtol=1e-5, atol=1e-5)
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 1


def test_running_statistics_without_momentum_are_the_plain_mean():
    ours, theirs = pair(16)
    ours.momentum = theirs.momentum = None
    for seed in range(3):
        x = images((8, 16, 6, 6), seed, seed + 1)
        ours(x)
        theirs(x.double())
    torch.testing.assert_close(ours.running_mean.double(), theirs.running_mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.running_var.double(), theirs.running_var, rtol=1e-5, atol=1e-5)


def test_evaluation_uses_the_running_statistics_and_leaves_them():
    ours, theirs = pair(16)
    for norm in (ours, theirs):
        norm.running_mean.fill_(0.5)
        norm.running_var.fill_(4.0)
        norm.eval()
    x, shortcut = images((6, 16, 8, 8), 1), images((6, 16, 8, 8), 2)
    with torch.inference_mode():
        close(ours(x, shortcut), (theirs(x.double()) + shortcut.double()).relu())
    assert ours.running_mean.eq(0.5).all() and ours.running_var.eq(4.0).all()


def test_a_mean_far_from_zero_costs_no_accuracy():
    ours, theirs = pair(16)
    x = images((32, 16, 28, 28), 1, 1, 60)
    close(ours(x), theirs(x.double()).relu())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_stays_so(bad):
    """Else a run that diverged would go on as if nothing had happened."""
    x = images((4, 16, 8, 8), 1)
    x[1, 5, 3, 3] = bad
    out = NormActivation(16)(x)
    assert out[:, 5].isnan().all() and out[:, 4].isfinite().all()
    x.requires_grad_()
    NormActivation(16)(x).sum().backward()
    assert x.grad[:, 5].isnan().all() and x.grad[:, 4].isfinite().all()


def test_second_derivatives_are_refused_not_wrong():
    x = images((4, 16, 8, 8), 1).requires_grad_()
    (gradient,) = torch.autograd.grad(NormActivation(16)(x).float().square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.float().square().sum().backward()


def test_only_what_fits_is_fused():
    x = images((4, 16, 8, 8), 1)
    assert fused.fits(x)
    assert not fused.fits(x.float()) and not fused.fits(x.contiguous())
    torch.set_num_threads(2)
    assert not fused.fits(x)


def test_a_network_in_bf16_agrees_with_itself_in_fp32():
    """The fused path is taken in bf16 alone; what the network says differs from float32 by rounding only."""
    from errordrops.training.models import build

    model = build({"family": "cifar-resnet", "depth": 8, "width": 16}, 1, 10, seed=1)
    x = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(1)).to(memory_format=torch.channels_last)
    labels = torch.arange(64) % 10
    gradients = {}
    for precision in ("fp32", "bf16"):
        model.zero_grad()
        with numerics.Numerics("cpu", precision, 1, 32).autocast():
            logits = model(x)
        nn.functional.cross_entropy(logits.float(), labels).backward()
        gradients[precision] = torch.cat([p.grad.flatten() for p in model.parameters()])
    cosine = nn.functional.cosine_similarity(gradients["fp32"], gradients["bf16"], dim=0)
    assert cosine > 0.99
