"""Updates are those of torch.optim, bit by bit, whatever the momentum of the step; forks share no memory."""

import pytest
import torch

from errordrops.study.settings import Setting
from errordrops.training.optimizer import SGD, Adam
from networks import trainer


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


def test_adam_is_that_of_torch():
    draw = torch.Generator().manual_seed(1)
    start = [torch.randn(shape, generator=draw) for shape in ((3, 5), (7,), (4, 2, 3, 3))]
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))
    optimizer = Adam(ours, weight_decay=0.01)
    reference = torch.optim.Adam(theirs, lr=1, weight_decay=0.01, fused=True)
    for learning_rate, momentum in ((1e-3, 0.9), (1e-3, 0.9), (1e-4, 0.5)):
        for group in reference.param_groups:
            group["lr"], group["betas"] = learning_rate, (momentum, 0.999)
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=draw)
            other.grad = one.grad.clone()
        optimizer.step(learning_rate, momentum)
        reference.step()
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
        assert all(parameter.grad is None for parameter in ours)


@pytest.mark.parametrize("changes", [{}, {"nesterov": True}, {"optimizer": "adam"}])
def test_forks_of_every_optimiser_are_bit_identical(tmp_path, changes):
    """To the run that they come from, and to each other: all of the optimiser's state is in the checkpoint, copied."""
    setting = Setting(0.001 if "optimizer" in changes else 0.05, 20, 0.9)
    parent = trainer(tmp_path, **changes)
    parent.train_epoch(1, setting)
    state = parent.state()
    parent.train_epoch(2, setting)
    forks = [trainer(tmp_path, **changes) for _ in range(2)]
    for fork in forks:  # both from one state in memory, before either is trained
        fork.restore(state)
    for fork in forks:
        fork.train_epoch(2, setting)
    for name, tensor in parent.state().items():
        assert all(torch.equal(tensor, fork.state()[name]) for fork in forks), name
    kinds = {"momentum", "squares", "updates"} if "optimizer" in changes else {"momentum"}
    assert {name.split(".")[0] for name in state} == kinds | {"model"}
