"""The update is that of torch.optim.SGD, bit by bit, whatever the momentum of the step."""

import pytest
import torch

from errordrops.optimizer import SGD


@pytest.mark.parametrize("nesterov", [False, True])
def test_updates_are_those_of_torch(nesterov):
    draw = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=draw) for shape in ((3, 5), (7,), (4, 2, 3, 3))]
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))
    optimizer = SGD(ours, weight_decay=0.01, nesterov=nesterov)
    reference = torch.optim.SGD(theirs, lr=1, momentum=0.9, weight_decay=0.01, nesterov=nesterov, fused=True)
    for learning_rate, momentum in ((0.1, 0.9), (0.05, 0.9), (0.05, 0.5)):
        for group in reference.param_groups:
            group["lr"], group["momentum"] = learning_rate, momentum
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=draw)
            other.grad = one.grad.clone()
        optimizer.step(learning_rate, momentum)
        reference.step()
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
        assert all(parameter.grad is None for parameter in ours)
    buffers = [reference.state[parameter]["momentum_buffer"] for parameter in theirs]
    assert all(torch.equal(one, other) for one, other in zip(optimizer.buffers["momentum"], buffers, strict=True))


def test_without_momentum_it_is_plain_gradient_descent():
    weight = torch.ones(3, requires_grad=True)
    optimizer = SGD([weight], weight_decay=0.5, nesterov=False)
    weight.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizer.step(0.1, 0.0)
    torch.testing.assert_close(weight.detach(), 1 - 0.1 * torch.tensor([1.5, 2.5, 3.5]))
