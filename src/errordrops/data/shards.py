"""Pictures that do not fit in memory: decoded and resized once, or left in their files and read every time.

A part (training, test, validation pictures, in the order of the data set) is worked through in shards of a thousand.
Each leaves a record NNNNN.json with checksum, sizes and sums of pixels, and, where pictures are kept decoded, a file
NNNNN.uint8 of their pixels (height, width, 3), one after the other, for memory mapping. A shard that is there, whole,
is not made again; so building goes on where it was interrupted.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torchvision.transforms.v2.functional import center_crop, resize

from ..files import write_bytes, write_json
from .folder import read_rgb
from .sources import DataError, sha256

SHARD = 1000
TOLD = 5  # unreadable pictures that are named


@dataclass(frozen=True)
class Shard:
    """The work of one shard. `side`: to how many pixels the shorter side is brought, None to leave files as they are;
    `crop`: height and width of the middle over which sums of pixels are taken.
    """

    folder: Path
    number: int
    paths: tuple[Path, ...]
    side: int | None
    crop: int

    @property
    def record(self) -> Path:
        return self.folder / f"{self.number:05d}.json"

    @property
    def pixels(self) -> Path:
        return self.folder / f"{self.number:05d}.uint8"


def build(
    folder: Path,
    paths: Sequence[Path],
    side: int | None,
    crop: int,
    workers: int,
    say: Callable[[str], None],
    size: int = SHARD,
) -> list[dict[str, Any]]:
    """Make the shards of one part in `folder`, `workers` at a time; returns their records in order.

    Raises DataError that names pictures which cannot be read; what could be is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = [
        Shard(folder, number, tuple(paths[start : start + size]), side, crop)
        for number, start in enumerate(range(0, len(paths), size))
    ]
    records, problems = [], []
    for shard, (record, fresh, wrong) in zip(shards, _in_turn(_make, shards, workers), strict=True):
        problems += wrong
        records.append(record)
        if fresh:
            say(f"data: shard {shard.number + 1} of {len(shards)} in {folder}")
    if problems:
        more = f"\n  and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
        listed = "\n  ".join(problems[:TOLD])
        raise DataError(f"{len(problems)} pictures are of no use; mend or remove them:\n  {listed}{more}")
    return records


def _in_turn(function: Callable, tasks: Sequence, workers: int) -> Iterator:
    """Results in order, from so many processes; from this one where one is enough."""
    if workers < 2 or len(tasks) < 2:
        yield from map(function, tasks)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(function, tasks)


def _make(shard: Shard) -> tuple[dict[str, Any], bool, list[str]]:
    """(record, whether it was made now, what is wrong with pictures)."""
    known = _known(shard)
    if known:
        return known, False, []
    checksum, pixels, shapes, problems = hashlib.sha256(), [], [], []
    sums, squares = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for path in shard.paths:
        try:
            picture = read_rgb(path)
        except DataError as error:
            problems.append(str(error))
            continue
        if shard.side:
            picture = resize(picture, [shard.side], antialias=True)
        decoded = np.asarray(picture)
        content = decoded.tobytes() if shard.side else path.read_bytes()
        checksum.update(content)
        if shard.side:
            pixels.append(content)
        shapes.append(list(decoded.shape[:2]))
        middle = _middle(picture, shard.crop).astype(np.int64)
        sums += middle.sum((0, 1))
        squares += (middle**2).sum((0, 1))
    record = {
        "of": _identity(shard),
        "sha256": checksum.hexdigest(),
        "shapes": shapes,
        "sums": sums.tolist(),
        "squares": squares.tolist(),
    }
    if not problems:
        if shard.side:
            write_bytes(shard.pixels, b"".join(pixels))
        write_json(shard.record, record)
    return record, True, problems


def _middle(picture: Image.Image, crop: int) -> np.ndarray:
    """What of a picture is evaluated, as an array (crop, crop, 3)."""
    return np.asarray(center_crop(resize(picture, [evaluated_side(crop)], antialias=True), [crop, crop]))


def evaluated_side(crop: int) -> int:
    """The shorter side in pixels from whose picture the middle is cut: 256 for 224 (He et al. 2015 and since)."""
    return round(crop * 256 / 224)


def _known(shard: Shard) -> dict[str, Any] | None:
    """The record of a shard that was made before and is whole."""
    if not shard.record.exists():
        return None
    record = json.loads(shard.record.read_text())
    if record["of"] != _identity(shard):
        return None
    if shard.side and not (shard.pixels.exists() and sha256(shard.pixels) == record["sha256"]):
        return None
    return record


def _identity(shard: Shard) -> str:
    """Which pictures a shard was made of: names and sizes in bytes of the files, and what was done to them."""
    listed = [(path.parent.name, path.name, path.stat().st_size) for path in shard.paths]
    return hashlib.sha256(json.dumps([listed, shard.side, shard.crop]).encode()).hexdigest()
