"""Images that stay on disk: read, augmented and brought to size by DataLoader workers, as training asks for them.

The same interface as the images in memory (`epoch.Images`, `epoch.Epoch`). Order is drawn from (seed, epoch, order),
augmentation from these and the image's index, so that neither depends on the number of processes or workers.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from ..randomness import number_of
from . import shards
from .epoch import Data
from .folder import read_rgb
from .sources import DataError

_readers = 0


def set_readers(workers: int) -> None:
    """How many worker processes read images for this one; 0: it reads them itself. No number depends on it."""
    global _readers
    _readers = workers


class Files:
    """Pictures decoded each time they are asked for. `names` (n, longest) uint8, relative to `root`."""

    def __init__(self, root: Path, names: np.ndarray):
        self.root, self._names = root, names

    def __getitem__(self, index: int) -> np.ndarray:
        """Picture (height, width, 3) uint8. Raises DataError."""
        name = os.fsdecode(self._names[index].tobytes().rstrip(b"\0"))
        return np.array(read_rgb(self.root / name))


class Shards:
    """Pictures kept decoded, see `shards`. `shapes` (n, 2): height and width of each."""

    def __init__(self, folder: Path, shapes: np.ndarray):
        self.folder, self._shapes = folder, shapes
        sizes = shapes.astype(np.int64).prod(1) * 3
        ends = np.cumsum(sizes)
        first = np.repeat(np.arange(0, len(sizes), shards.SHARD), shards.SHARD)[: len(sizes)]
        self._starts = ends - sizes - (ends - sizes)[first]
        self._open: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict:
        return self.__dict__ | {"_open": {}}  # each worker maps the files for itself

    def __getitem__(self, index: int) -> np.ndarray:
        """Picture (height, width, 3) uint8, a view of the file. Raises DataError."""
        number = index // shards.SHARD
        if number not in self._open:
            path = self.folder / f"{number:05d}.uint8"
            if not path.exists():
                raise DataError(f"no file {path}: make the data of the study again (delete its data.safetensors)")
            self._open[number] = np.memmap(path, np.uint8, "c")  # torch takes no read-only array
            part = self._shapes[number * shards.SHARD : (number + 1) * shards.SHARD]
            if len(self._open[number]) != part.astype(np.int64).prod(1).sum() * 3:
                raise DataError(f"{path} is cut short: make the data of the study again (delete its data.safetensors)")
        height, width = map(int, self._shapes[index])
        start = int(self._starts[index])
        return self._open[number][start : start + height * width * 3].reshape(height, width, 3)


Pictures = Files | Shards


def _tensor(picture: np.ndarray) -> Tensor:
    """(3, height, width), channels last in memory, without a copy."""
    return torch.from_numpy(np.asarray(picture)).permute(2, 0, 1)


@dataclass(frozen=True)
class Middle:
    """What is evaluated: shorter side to 256 / 224 of the size, the middle cut out (He et al. 2015, 1-crop)."""

    size: int

    def __call__(self, picture: np.ndarray, index: int) -> Tensor:
        side = shards.evaluated_side(self.size)
        image = v2.functional.resize(_tensor(picture), [side], antialias=True)
        return v2.functional.center_crop(image, [self.size, self.size])


@dataclass(frozen=True)
class Augmented:
    """torchvision's RandomResizedCrop and flip, drawn from `origin` (seed, epoch, order) and the image's index."""

    size: int
    flip: bool
    origin: tuple[int, ...]

    def __call__(self, picture: np.ndarray, index: int) -> Tensor:
        flips = [v2.RandomHorizontalFlip()] if self.flip else []
        transform = v2.Compose([v2.RandomResizedCrop(self.size, antialias=True), *flips])
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(number_of("augmentation", *self.origin, index))
            return transform(_tensor(picture))


@dataclass(frozen=True)
class _Read(Dataset):
    """A list of indices to images (len, 3, size, size) uint8."""

    pictures: Pictures
    transform: Middle | Augmented

    def __getitem__(self, index: Sequence[int]) -> Tensor | str:
        """The images, or what is wrong with one: an error that leaves a worker takes its traceback along."""
        try:
            return torch.stack([self.transform(self.pictures[i], i) for i in index])
        except DataError as error:
            return str(error)


def _read(
    pictures: Pictures, transform: Middle | Augmented, pieces: Iterable[Sequence[int]], device: torch.device
) -> Iterator[Tensor]:
    """Images of each piece of indices, in order, on a device."""
    loader = DataLoader(
        _Read(pictures, transform),
        sampler=list(pieces),
        batch_size=None,
        num_workers=_readers,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # which it asks for a number: not the one that others draw from
    )
    for images in loader:
        if isinstance(images, str):
            raise DataError(images)
        yield images.to(device, non_blocking=True)


@dataclass(frozen=True)
class StoredImages:
    """Images `start` to `stop` of a part, as they are evaluated, and their labels (n,) on the device."""

    pictures: Pictures
    labels: Tensor
    size: int
    start: int = 0

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, start: int, stop: int) -> "StoredImages":
        return replace(self, labels=self.labels[start:stop], start=self.start + start)

    def first(self, n: int) -> "StoredImages":
        return self.part(0, n)

    def last(self, n: int) -> "StoredImages":
        return self.part(max(0, len(self) - n), len(self))

    def batches(self, size: int) -> Iterator[Tensor]:
        """The images (size, 3, height, width) uint8, in order."""
        whole = range(self.start, self.start + len(self))
        pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
        yield from _read(self.pictures, Middle(self.size), pieces, self.labels.device)

    @property
    def images(self) -> Tensor:
        """All of them (n, 3, height, width) in memory: for small parts."""
        return torch.cat(list(self.batches(100)))


@dataclass(frozen=True)
class StoredData(Data):
    """A data set whose images stay on disk."""

    train: StoredImages
    test: StoredImages
    validation: StoredImages | None

    @property
    def channels(self) -> int:
        return 3

    def epoch(self, seed: int, epoch: int, order: int = 0) -> "StoredEpoch":
        return StoredEpoch(self, seed, epoch, order)


class StoredEpoch:
    """The training images of one epoch in their order, augmented; read once, front to back."""

    def __init__(self, data: StoredData, seed: int, epoch: int, order: int = 0):
        fresh = [order] if order else []
        draw = torch.Generator().manual_seed(number_of("order and augmentation", seed, epoch, *fresh))
        self._data, self._origin = data, (seed, epoch, *fresh)
        self._order = torch.randperm(len(data.train), generator=draw)

    def pieces(self, sizes: list[int], wanted: Sequence[bool] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """As `epoch.Epoch.pieces`; what is not wanted is not read."""
        train, normalise = self._data.train, self._data.normalise
        cut = self._order.split(sizes)
        mine = [piece for i, piece in enumerate(cut) if wanted is None or wanted[i]]
        transform = Augmented(train.size, self._data.flip, self._origin)
        read = _read(train.pictures, transform, [piece.tolist() for piece in mine], train.labels.device)
        for piece, images in zip(mine, read, strict=True):
            yield normalise(images), train.labels[piece.to(train.labels.device)]


def load(path: Path, device: torch.device, flip: bool) -> StoredData:
    """Open a prepared file (see `imagenet`); its labels go onto the device. Raises DataError for a lost folder."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata()
        facts, places = json.loads(metadata["facts"]), json.loads(metadata["places"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    parts = {}
    for part, place in places.items():
        folder = Path(place)
        if not folder.is_dir():
            raise DataError(f"no folder {folder}, where the pictures were: make the data again (delete {path})")
        shapes = arrays.get(f"{part}_shapes")
        pictures = Files(folder, arrays[f"{part}_paths"]) if shapes is None else Shards(folder, shapes)
        labels = torch.from_numpy(arrays[f"{part}_labels"]).to(device)
        parts[part] = StoredImages(pictures, labels, facts["shape"][1])
    mean, std = (torch.from_numpy(arrays[name]).to(device) for name in ("mean", "std"))
    return StoredData(parts["train"], parts["test"], parts.get("validation"), mean, std, facts["classes"], 0, flip)


def readers_by_default(threads: int, processes_here: int) -> int:
    """Cores of this process's share of the machine that training itself leaves, one at least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.floor(cores / processes_here) - threads)
