"""Noise put back: the mean of the gradient stays, its covariance is multiplied; factor 1 changes no bit."""

from dataclasses import replace

import pytest
import torch

from errordrops.study.settings import Setting
from errordrops.training.perturbation import image_weights, weighted
from networks import FP32, RECIPE, trainer

BASE = Setting(0.05, 40, 0.9)


def test_weights_have_mean_one_and_the_spread_that_multiplies_the_covariance():
    sizes, k = [40, 40, 39, 2, 1], 4.0
    weights = image_weights(sizes, k, seed=3, epoch=5)
    assert [len(own) for own in weights] == sizes
    assert all(own.mean().item() == pytest.approx(1, abs=1e-6) for own in weights)
    many = torch.stack([image_weights([20], k, seed, 1)[0] for seed in range(4000)])
    # E (w_i - 1)^2 = (k - 1) B / (B - 1) (1 - 1 / B) = k - 1
    assert (many - 1).square().mean().item() == pytest.approx(k - 1, rel=0.02)
    assert torch.equal(weights[4], torch.ones(1))  # one image has no covariance


def test_weights_are_drawn_from_seed_epoch_and_order_alone():
    first = image_weights([30, 30], 4, 1, 2)[0]
    assert torch.equal(first, image_weights([30, 30], 4, 1, 2)[0])
    for other in ((2, 2, 0), (1, 3, 0), (1, 2, 1)):
        assert not torch.equal(first, image_weights([30, 30], 4, *other)[0])


def test_noise_one_weighs_every_image_alike():
    assert all(torch.equal(own, torch.ones(len(own))) for own in image_weights([7, 8], 1, 0, 1))


def test_pieces_get_their_part_of_the_weights():
    pieces = [(torch.zeros(n, 1), torch.arange(n)) for n in (3, 2, 4)]
    found = list(weighted(pieces, [torch.arange(5.0), torch.arange(5.0, 9.0)]))
    assert [own[2].tolist() for own in found] == [[0, 1, 2], [3, 4], [5, 6, 7, 8]]


def gradient(folder, batch: int, setting: Setting, seed: int) -> torch.Tensor:
    """The gradient of one batch of a small network's first images, flat; batch norm in one group, weights drawn."""
    one = trainer(folder)
    images, labels = one.data.train.first(batch).images, one.data.train.labels[:batch]
    piece = (one.data.normalise(images), labels)
    if setting.noise != 1:
        piece = (*piece, *image_weights([batch], setting.noise, seed, 1))
    one.model.train()
    one._pass(1, *piece, images_in_batch=batch)
    return torch.cat([p.grad.flatten() for p in one.optimizer.parameters])


def test_the_gradient_keeps_its_mean_and_its_covariance_grows_by_the_factor(tmp_path):
    """On a real network: over the signs the mean gradient is the plain one, and the variance is (k - 1) S / B with S
    the sample covariance of the images' own gradients.
    """
    batch, k, draws = 40, 4.0, 300
    plain = gradient(tmp_path, batch, BASE, 0)
    drawn = torch.stack([gradient(tmp_path, batch, replace(BASE, noise=k), seed) for seed in range(draws)])
    one = trainer(tmp_path)
    one.model.train()
    images, labels = one.data.train.first(batch).images, one.data.train.labels[:batch]
    losses = torch.nn.functional.cross_entropy(one.model(one.data.normalise(images)), labels, reduction="none")
    each = torch.stack(
        [
            torch.cat([g.flatten() for g in torch.autograd.grad(loss, one.optimizer.parameters, retain_graph=True)])
            for loss in losses
        ]
    )
    expected = (k - 1) * each.var(0).sum() / batch  # trace of the covariance that the signs add
    error = (drawn.mean(0) - plain).norm() / plain.norm()
    assert error < 3 * (expected / draws).sqrt() / plain.norm()
    assert drawn.var(0).sum().item() == pytest.approx(expected.item(), rel=0.1)


def test_factor_one_leaves_bits_and_keys_as_they_were(tmp_path):
    from errordrops.study.plan import key_chain

    runs = []
    for setting in (BASE, replace(BASE, noise=1.0)):
        one = trainer(tmp_path)
        one.train_epoch(1, setting)
        runs.append(one.state())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert BASE.described() == {"learning_rate": 0.05, "batch_size": 40, "momentum": 0.9}
    chains = [key_chain(RECIPE, [replace(BASE, **own)]) for own in ({}, {"noise": 4.0}, {"decayed": False})]
    assert len({chain[1] for chain in chains}) == 3


def test_noise_reaches_the_weights_and_not_the_loss_that_is_counted(tmp_path):
    plain, noisy = trainer(tmp_path), trainer(tmp_path)
    one = [own.train_epoch(1, setting)[0] for own, setting in ((plain, BASE), (noisy, replace(BASE, noise=4.0)))]
    assert one[0]["loss"] != one[1]["loss"]
    assert not torch.equal(plain.optimizer.parameters[0], noisy.optimizer.parameters[0])
    first = trainer(tmp_path)
    whole = replace(BASE, noise=4.0, batch_size=200)  # one update: the loss is that of the weights before it
    assert (
        first.train_epoch(1, whole)[0]["loss"] == trainer(tmp_path).train_epoch(1, replace(whole, noise=1.0))[0]["loss"]
    )


def test_passes_of_a_batch_have_the_gradient_of_one_pass(tmp_path):
    """Weights are drawn for the whole batch, whatever passes it goes through in."""
    setting = Setting(0.05, 100, 0.9, noise=4.0)
    states = []
    for images_per_pass in (20, 200):
        one = trainer(tmp_path, replace(FP32, images_per_pass=images_per_pass))
        one.train_epoch(1, setting)
        states.append(torch.cat([p.detach().flatten() for p in one.optimizer.parameters]))
    assert torch.allclose(*states, atol=2e-3)
    plain = trainer(tmp_path)
    plain.train_epoch(1, replace(setting, noise=1.0))
    other = torch.cat([p.detach().flatten() for p in plain.optimizer.parameters])
    assert not torch.allclose(states[0], other, atol=2e-3)


def test_weight_decay_can_be_switched_off_in_an_epoch(tmp_path):
    with_decay, without, none = trainer(tmp_path), trainer(tmp_path), trainer(tmp_path, weight_decay=0.0)
    with_decay.train_epoch(1, BASE)
    for own in (without, none):
        own.train_epoch(1, replace(BASE, decayed=False))
    pairs = zip(without.optimizer.parameters, none.optimizer.parameters, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(with_decay.optimizer.parameters[0], without.optimizer.parameters[0])
