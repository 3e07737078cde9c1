"""ImageNet, or any folder of pictures too many for memory: listed, checked, kept decoded if the study says so.

The prepared file (safetensors) holds no pictures but where they are: for each part (train, test, validation) labels
(n,) int64 and either `PART_shapes` (n, 2) int32, the sizes of the decoded pictures in the shards, or `PART_paths`
(n, longest) uint8, the files under `root`; mean and std (3, 1, 1) float32 as measured over the middles of the training
pictures. A user's folder has train/CLASS/ and val/CLASS/.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from ..files import write_bytes
from . import shards, sources
from .folder import list_folder
from .prepare import chosen
from .sources import DataError

FOLDERS = {"train": "train", "test": "val"}
ILSVRC_2012 = (1_281_167, 50_000, 1000)  # training pictures, validation pictures (our test set), classes


def prepare(dataset: Mapping[str, Any], out: Path, say: Callable[[str], None] = print, workers: int = 1) -> dict:
    """List the pictures of a study, draw its subsets, build the shards, write `out` and return the metadata.

    Raises DataError if the folder is not laid out so, a class is empty or only in one half, or a picture is broken.
    """
    if not dataset.get("data_dir"):
        raise DataError(
            "dataset.data_dir: ImageNet is not free to download. Name the folder that holds its train/<class>/ and "
            "val/<class>/ with data_dir (in config/config.yaml, or --config data_dir=FOLDER)"
        )
    root = Path(dataset["data_dir"]).expanduser().resolve()
    listed = {half: list_folder(root, folder, FOLDERS["train"]) for half, folder in FOLDERS.items()}
    orders = chosen(dataset, {half: labels for half, (_, labels) in listed.items()}, "the folder")
    counts = *(len(orders[half]) for half in FOLDERS), int(listed["train"][1].max()) + 1
    if counts != ILSVRC_2012 and not dataset.get("label"):
        say(
            "data: {:,} training and {:,} validation pictures of {:,} classes. ImageNet (ILSVRC 2012) has "
            "{:,}, {:,} and {:,}: give the data set another label (dataset.label)".format(*counts, *ILSVRC_2012)
        )
    side, crop = dataset.get("cache_side"), dataset["image_size"]
    cache, arrays, places, checksum = sources.cache_folder() / "pictures", {}, {}, hashlib.sha256()
    for part, order in orders.items():
        paths, labels = listed["train" if part == "validation" else part]
        paths, arrays[f"{part}_labels"] = [paths[i] for i in order], labels[order].astype(np.int64)
        folder = cache / _digest(root, paths, side, crop)
        records = shards.build(folder, paths, side, crop, workers, say)
        if part == "train":
            arrays["mean"], arrays["std"] = _moments(records, len(paths) * crop**2)
        if side:
            arrays[f"{part}_shapes"] = np.asarray([s for record in records for s in record["shapes"]], np.int32)
            places[part] = str(folder)
        else:
            arrays[f"{part}_paths"] = _packed([str(path.relative_to(root)) for path in paths])
            places[part] = str(root)
        for record in records:
            checksum.update(f"{part}{record['sha256']}".encode())
    for name in sorted(name for name in arrays if not name.endswith("_paths")):
        checksum.update(f"{name}{arrays[name].shape}".encode())
        checksum.update(arrays[name])
    validation = {"validation_images": len(orders["validation"])} if "validation" in orders else {}
    kept = f"decoded, shorter side {side} pixels" if side else "decoded anew each time"
    facts = {
        "name": dataset["name"],
        "source": f"a folder of pictures, {kept}",
        "checksum": checksum.hexdigest(),
        "train_images": counts[0],
        "test_images": counts[1],
        **validation,
        "classes": counts[2],
        "shape": [3, crop, crop],
    }
    metadata = {"facts": json.dumps(facts, sort_keys=True), "places": json.dumps(places)}
    write_bytes(out, save(arrays, metadata=metadata), with_sum=True)
    return facts


def _moments(records: list[dict[str, Any]], pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation (3, 1, 1) of each channel, from sums of whole numbers: exact in any order."""
    sums, squares = (np.sum([record[name] for record in records], axis=0) for name in ("sums", "squares"))
    mean = sums / pixels
    std = np.sqrt(squares / pixels - mean**2)
    if not std.all():
        raise DataError("the training pictures are all of one colour; there is nothing to learn from them")
    return mean.astype(np.float32).reshape(3, 1, 1), std.astype(np.float32).reshape(3, 1, 1)


def _packed(names: list[str]) -> np.ndarray:
    """Names as an array (n, longest) of bytes, filled up with zeros: one piece of memory for all reading processes."""
    encoded = np.array([os.fsencode(name) for name in names])
    return np.ascontiguousarray(encoded).view(np.uint8).reshape(len(names), -1)


def _digest(root: Path, paths: list[Path], side: int | None, crop: int) -> str:
    text = "\n".join(str(path.relative_to(root)) for path in paths)
    return hashlib.sha256(f"{side} {crop} {shards.SHARD} {root}\n{text}".encode()).hexdigest()[:16]
