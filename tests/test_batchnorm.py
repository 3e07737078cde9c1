"""Ghost batch norm and recomputed statistics against plain torch."""

import pytest
import torch
from torch import nn

from errordrops.training.batchnorm import GhostBatchNorm2d, batch_norms, recomputed_statistics, set_groups

GROUPS, SIZE, CHANNELS = 4, 6, 5


def images(seed=0, n=GROUPS * SIZE):
    return torch.randn(n, CHANNELS, 7, 3, generator=torch.Generator().manual_seed(seed)) * 2 + 1


def pair():
    """Ghost batch norm and torch's, with the same non-trivial weights."""
    ghost, plain = GhostBatchNorm2d(CHANNELS), nn.BatchNorm2d(CHANNELS)
    with torch.no_grad():
        ghost.weight.copy_(torch.linspace(0.5, 2, CHANNELS))
        ghost.bias.copy_(torch.linspace(-1, 1, CHANNELS))
    plain.load_state_dict(ghost.state_dict())
    return ghost, plain


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_groups_in_one_pass_equal_groups_one_after_the_other(layout, momentum):
    ghost, plain = pair()
    ghost.momentum = plain.momentum = momentum
    x = images().contiguous(memory_format=layout).requires_grad_()
    y = images().requires_grad_()
    set_groups([ghost], GROUPS)
    out = ghost(x)
    expected = torch.cat([plain(part) for part in y.split(SIZE)])
    torch.testing.assert_close(out, expected)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(1))
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ghost.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ghost.bias.grad, plain.bias.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ghost.running_mean, plain.running_mean)
    torch.testing.assert_close(ghost.running_var, plain.running_var)
    assert ghost.num_batches_tracked == plain.num_batches_tracked == GROUPS


def test_groups_matter():
    ghost, _ = pair()
    together = ghost(images())
    set_groups([ghost], GROUPS)
    assert not torch.allclose(ghost(images()), together, atol=1e-3)


def test_recomputed_statistics_are_the_plain_average_and_leave_no_trace():
    model = nn.Sequential(GhostBatchNorm2d(CHANNELS), nn.ReLU(), GhostBatchNorm2d(CHANNELS))
    model.train()
    for seed in range(3):
        model(images(seed))
    set_groups(batch_norms(model), 2)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    batches = [images(seed) for seed in range(10, 15)]
    with recomputed_statistics(model, iter(batches)):
        first = model[0]
        means = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
        variances = torch.stack([batch.transpose(0, 1).flatten(1).var(1) for batch in batches]).mean(0)
        torch.testing.assert_close(first.running_mean, means)
        torch.testing.assert_close(first.running_var, variances)
    assert model.training
    assert all(torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())
    assert [norm.momentum for norm in batch_norms(model)] == [0.1, 0.1]


def test_the_training_state_is_put_back_after_an_error():
    model = nn.Sequential(GhostBatchNorm2d(CHANNELS))
    model(images())
    before = model[0].running_mean.clone()
    with pytest.raises(RuntimeError, match="planted"), recomputed_statistics(model, iter([images(5)])):
        raise RuntimeError("planted")
    assert torch.equal(model[0].running_mean, before)


def test_running_statistics_keep_their_precision_under_autocast():
    ghost, plain = pair()
    set_groups([ghost], GROUPS)
    with torch.autocast("cpu", torch.bfloat16):
        ghost(images())
    for part in images().split(SIZE):
        plain(part)
    torch.testing.assert_close(ghost.running_mean, plain.running_mean)
    torch.testing.assert_close(ghost.running_var, plain.running_var)
