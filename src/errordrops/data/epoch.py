"""The images of one epoch: order and augmentation are drawn from (seed, epoch, order) and from nothing else.

Drawn once an epoch on the processor, so that every device sees the same images in the same order, and applied to many
images at once on the training device.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import pad as pad_images

from ..randomness import number_of
from .draw import of_seed

CHUNK = 8192  # images augmented at once: bounds memory, costs no time


class Subset(Protocol):
    """Images (n, C, H, W) uint8 and labels (n,) int64, in memory (`Images`) or on disk (`stored.StoredImages`)."""

    @property
    def images(self) -> Tensor: ...

    @property
    def labels(self) -> Tensor: ...

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int) -> "Subset": ...

    def first(self, n: int) -> "Subset": ...

    def last(self, n: int) -> "Subset": ...

    def batches(self, size: int) -> Iterator[Tensor]: ...


class Passage(Protocol):
    """The training images of one epoch (`Epoch`, `stored.StoredEpoch`)."""

    def pieces(self, sizes: list[int], wanted: Sequence[bool] | None = None) -> Iterator[tuple[Tensor, Tensor]]: ...


@dataclass(frozen=True)
class Images:
    """Images (n, C, H, W) uint8 and labels (n,) int64 on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> "Images":
        return Images(self.images[start:stop], self.labels[start:stop])

    def first(self, n: int) -> "Images":
        return Images(self.images[:n], self.labels[:n])

    def last(self, n: int) -> "Images":
        return Images(self.images[-n:], self.labels[-n:])

    def batches(self, size: int) -> Iterator[Tensor]:
        """The images (size, C, H, W) uint8, in order."""
        for start in range(0, len(self), size):
            yield self.images[start : start + size]


@dataclass(frozen=True)
class Data:
    """A prepared data set on a device, with how its images are augmented and normalised."""

    train: Subset
    test: Subset
    validation: Subset | None
    mean: Tensor
    std: Tensor
    classes: int
    pad: int
    flip: bool

    @property
    def channels(self) -> int:
        return self.train.images.shape[1]

    def epoch(self, seed: int, epoch: int, order: int = 0) -> Passage:
        """The training images of an epoch, in its order and augmented."""
        return Epoch(self, seed, epoch, order)

    def augmented(self, sample: Subset, draw: int) -> Images:
        """The images of a sample, each augmented once as in training; equal for equal numbers `draw`."""
        drawn = Augmentation.draw(self, len(sample), torch.Generator().manual_seed(draw))
        return Images(drawn.applied(sample.images, slice(None)), sample.labels)

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 to float32 (n, C, H, W) in channels-last layout: (x - mean) / std."""
        return ((images.float() - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


def load(path: Path, device: torch.device, dataset: Mapping[str, Any], seed: int) -> Data:
    """Load a prepared file (see `prepare`) onto a device: for a study whose seeds draw images of their own those of
    `seed`. `dataset` is the study's, with pad and flip.
    """
    stored = load_file(path)
    if dataset.get("subset") == "seed":
        whole = {kind: stored[f"train_{kind}"] for kind in ("images", "labels")}
        for half, order in of_seed(dataset, whole["labels"].numpy(), seed).items():
            stored |= {f"{half}_{kind}": tensor[torch.from_numpy(order)] for kind, tensor in whole.items()}
    stored = {name: tensor.to(device) for name, tensor in stored.items()}
    pad, flip = dataset["pad"], dataset["flip"]

    def part(name: str) -> Images:
        return Images(stored[f"{name}_images"], stored[f"{name}_labels"])

    train, validation = part("train"), part("validation") if "validation_images" in stored else None
    classes = int(train.labels.max()) + 1
    return Data(train, part("test"), validation, stored["mean"], stored["std"], classes, pad, flip)


def shift_and_flip(images: Tensor, rows: Tensor, columns: Tensor, flipped: Tensor, pad: int) -> Tensor:
    """Pad with zeros, crop back to size at offset (rows, columns), mirror where `flipped`; each image its own draw.

    images (n, C, H, W); rows, columns (n,) int64 in 0..2 pad; flipped (n,) bool. As torchvision's RandomCrop and
    RandomHorizontalFlip do image by image. The result lies in memory channels last.
    """
    n, _, height, width = images.shape
    padded = pad_images(images, (pad, pad, pad, pad))
    crops = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view (n, C, 2 pad + 1, 2 pad + 1, H, W)
    picked = crops[torch.arange(n, device=images.device), :, rows, columns]
    mirrored = torch.where(flipped[:, None, None, None], picked.flip(3), picked)
    return mirrored.clone(memory_format=torch.channels_last)  # not `contiguous`, which keeps one channel as it is


@dataclass(frozen=True)
class Augmentation:
    """How each of n images is shifted and mirrored: offsets (2, n) int64 in 0..2 pad, flipped (n,) bool."""

    offsets: Tensor
    flipped: Tensor
    pad: int

    @classmethod
    def draw(cls, data: Data, n: int, draw: torch.Generator) -> "Augmentation":
        """Drawn for n images as a data set is augmented."""
        device = data.train.images.device
        offsets = torch.randint(0, 2 * data.pad + 1, (2, n), generator=draw).to(device)
        flipped = (torch.rand(n, generator=draw) < 0.5).to(device) & data.flip
        return cls(offsets, flipped, data.pad)

    def applied(self, images: Tensor, part: slice) -> Tensor:
        """Images (m, C, H, W) shifted and mirrored as the m images `part` of the n are to be."""
        return shift_and_flip(images, self.offsets[0, part], self.offsets[1, part], self.flipped[part], self.pad)


class Epoch:
    """The training images of one epoch in their order, augmented; read once, front to back."""

    def __init__(self, data: Data, seed: int, epoch: int, order: int = 0):
        fresh = [order] if order else []
        draw = torch.Generator().manual_seed(number_of("order and augmentation", seed, epoch, *fresh))
        n = len(data.train)
        self._data = data
        self._order = torch.randperm(n, generator=draw).to(data.train.images.device)
        self._augmentation = Augmentation.draw(data, n, draw)

    def _chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        data = self._data
        for start in range(0, len(self._order), CHUNK):
            part = slice(start, start + CHUNK)
            index = self._order[part]
            images = data.train.images[index]
            if data.pad or data.flip:
                images = self._augmentation.applied(images, part)
            yield images, data.train.labels[index]

    def pieces(self, sizes: list[int], wanted: Sequence[bool] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Normalised images (size, C, H, W) float32 and labels (size,), piece by piece; sizes sum to n.

        `wanted`: which pieces are given, all if None; the others are passed over.
        """
        chunks = self._chunks()
        images, labels = next(chunks)
        for i, size in enumerate(sizes):
            while len(labels) < size:
                more_images, more_labels = next(chunks)
                images, labels = torch.cat([images, more_images]), torch.cat([labels, more_labels])
            if wanted is None or wanted[i]:
                yield self._data.normalise(images[:size]), labels[:size]
            images, labels = images[size:], labels[size:]
