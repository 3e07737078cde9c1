"""The images of an epoch: each once, drawn from (seed, epoch) alone, augmented as torchvision would."""

import dataclasses

import pytest
import torch

from errordrops.data import epoch as epochs
from errordrops.data.epoch import Epoch, shift_and_flip
from errordrops.randomness import number_of
from networks import data


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return data(tmp_path_factory.mktemp("data"))


def whole(data, seed, epoch, sizes):
    pieces = list(Epoch(data, seed, epoch).pieces(sizes))
    return torch.cat([images for images, _ in pieces]), torch.cat([labels for _, labels in pieces])


def test_each_image_once(small):
    plain = dataclasses.replace(small, pad=0, flip=False)
    images, labels = whole(plain, 0, 1, [50] * 4)
    expected = small.normalise(small.train.images)
    assert torch.equal(labels.bincount(), small.train.labels.bincount())
    shown = sorted(images.flatten(1).sum(1).tolist())
    assert shown == sorted(expected.flatten(1).sum(1).tolist())
    assert not torch.equal(images, expected)


def test_order_and_augmentation_do_not_depend_on_the_batch_size(small, monkeypatch):
    images, labels = whole(small, 3, 7, [20] * 10)
    for sizes in ([200], [67, 67, 66], [1] * 200):
        again, same = whole(small, 3, 7, sizes)
        assert torch.equal(images, again) and torch.equal(labels, same)
    monkeypatch.setattr(epochs, "CHUNK", 33)  # nor on how memory is bounded
    again, _ = whole(small, 3, 7, [20] * 10)
    assert torch.equal(images, again)


def test_seed_and_epoch_decide(small):
    images, _ = whole(small, 0, 1, [200])
    assert torch.equal(images, whole(small, 0, 1, [200])[0])
    assert not torch.equal(images, whole(small, 0, 2, [200])[0])
    assert not torch.equal(images, whole(small, 1, 1, [200])[0])
    assert len({number_of("a", 1, 11), number_of("a", 11, 1), number_of("b", 1, 11), number_of("a", 1, 1)}) == 4
    assert number_of("a", 1, 11) == number_of("a", 1, 11)


def test_fresh_orders_of_the_data(small):
    """Orders 0, 1 and 2 of one epoch show the same images, in orders and with augmentations of their own."""
    plain = dataclasses.replace(small, pad=0, flip=False)

    def shown(data, order, epoch=1):
        pieces = list(Epoch(data, 0, epoch, order).pieces([20] * 10))
        return torch.cat([images for images, _ in pieces]), torch.cat([labels for _, labels in pieces])

    labels = [shown(plain, order)[1].tolist() for order in (0, 1, 2)]
    images = [[image.numpy().tobytes() for image in shown(plain, order)[0]] for order in (0, 1, 2)]
    assert images[0] != images[1] != images[2] != images[0]
    both = [sorted(zip(one, its, strict=True)) for one, its in zip(images, labels, strict=True)]
    assert both[0] == both[1] == both[2] and len(set(images[0])) == 200
    for order in (0, 1, 2):
        again, same = shown(small, order)
        assert torch.equal(again, shown(small, order)[0])  # reproducible
        assert not torch.equal(again, shown(small, order, epoch=2)[0])
        assert same.tolist() == labels[order]
    # 0 is the seed's own, drawn from seed and epoch alone
    draw = torch.Generator().manual_seed(number_of("order and augmentation", 0, 1))
    assert labels[0] == small.train.labels[torch.randperm(200, generator=draw)].tolist()
    # an augmentation of their own: offsets of image i differ
    drawn = [Epoch(small, 0, 1, order) for order in (0, 1, 2)]
    offsets = [one._augmentation.offsets[:, one._order.argsort()] for one in drawn]
    assert not any(torch.equal(offsets[i], offsets[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_shift_and_flip_is_torchvisions_crop_and_flip_image_by_image(small):
    from torchvision.transforms.functional import crop, hflip
    from torchvision.transforms.functional import pad as pad_image

    n, pad = 50, 2
    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, 9, 11), generator=draw, dtype=torch.uint8)
    rows, columns = torch.randint(0, 2 * pad + 1, (2, n), generator=draw)
    flipped = torch.rand(n, generator=draw) < 0.5
    out = shift_and_flip(images, rows, columns, flipped, pad)
    for i in range(n):
        expected = crop(pad_image(images[i], [pad] * 4), int(rows[i]), int(columns[i]), 9, 11)
        assert torch.equal(out[i], hflip(expected) if flipped[i] else expected)


def test_offsets_cover_their_range_evenly(small):
    many = Epoch(
        dataclasses.replace(small, train=epochs.Images(torch.zeros(20_000, 1, 1, 1), torch.zeros(20_000))), 0, 1
    )
    counts = many._augmentation.offsets.flatten().bincount(minlength=5)
    assert len(counts) == 5
    assert ((counts / 40_000 - 0.2).abs() < 0.02).all()
    assert abs(many._augmentation.flipped.float().mean().item() - 0.5) < 0.02


def test_normalised_images_have_mean_zero_and_deviation_one(small):
    images = small.normalise(small.train.images)
    assert abs(images.mean().item()) < 1e-4
    assert images.std().item() == pytest.approx(1, abs=1e-3)
    assert images.is_contiguous(memory_format=torch.channels_last)
