"""What a study uses of a data set: subsets drawn, normalisation measured, all in one file of uint8 tensors.

The file (safetensors) holds train_images and test_images (n, channels, height, width) uint8, train_labels and
test_labels (n,) int64, where asked for validation images as well (from the training half, none of them trained on),
mean and std float32 in units of pixel values 0..255; its metadata say where they came from.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..files import DamageError, damaged, write_bytes
from . import sources
from .draw import VALIDATION_SEED, stratified_order
from .sources import DataError


def normalisation(images: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation for (x - mean) / std. channel: both (C, 1, 1); pixel-mean: mean (C, H, W), one deviation."""
    total, squares = np.zeros(images.shape[1:]), np.zeros(images.shape[1:])
    for start in range(0, len(images), 1000):  # a large set does not fit as floats
        values = images[start : start + 1000].astype(np.float64)
        total += values.sum(0)
        squares += (values**2).sum(0)
    mean, square = total / len(images), squares / len(images)
    if kind == "channel":
        mean, square = (m.mean((1, 2), keepdims=True) for m in (mean, square))
        std = np.sqrt(square - mean**2)
    else:
        std = np.sqrt((square - mean**2).mean(keepdims=True))
    return mean.astype(np.float32), std.astype(np.float32)


def chosen(dataset: Mapping[str, Any], labels: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """What of each half a study uses: {"train": indices, "test": indices} and, where asked for, "validation" of the
    training half. Leading and trailing parts of each are random samples of it. Where each seed draws images of its own
    (`draw.of_seed`, when they are loaded) "train" is the whole training half.

    Raises DataError for more images than there are, or a class that a subset lacks.
    """
    orders = {}
    for half in ("train", "test"):
        there, wanted = labels[half], dataset.get(f"{half}_size")
        if wanted and wanted > len(there):
            raise DataError(f"dataset.{half}_size: {wanted} images wanted, but {source} has {len(there)}")
        orders[half] = stratified_order(there, wanted or len(there))
        if half == "train" and dataset.get("validation_size"):
            left = np.setdiff1d(np.arange(len(there)), orders[half])
            if dataset["validation_size"] > len(left):
                raise DataError(
                    f"dataset.validation_size: {dataset['validation_size']} images wanted, but {source} has only "
                    f"{len(left)} beside the training images"
                )
            orders["validation"] = left[stratified_order(there[left], dataset["validation_size"], VALIDATION_SEED)]
    if len(np.unique(labels["train"])) < 2:
        raise DataError(f"dataset: {source} has one class only; there is nothing to tell apart")
    classes = {half: set(np.unique(labels[half][orders[half]]).tolist()) for half in ("train", "test")}
    if classes["train"] != classes["test"]:
        raise DataError(
            f"dataset: {len(classes['train'])} classes are left in the training set and {len(classes['test'])} in the "
            "test set; take more images (train_size, test_size)"
        )
    if dataset.get("subset") == "seed":
        return {"train": np.arange(len(labels["train"])), "test": orders["test"]}
    return orders


def prepare(dataset: Mapping[str, Any], out: Path, say: Callable[[str], None] = print) -> dict:
    """Fetch the data set of a study, draw its subsets, write `out` and return the metadata.

    Raises DataError if the data cannot be had, hold fewer images than wanted, or lack a class.
    """
    halves, source, label = _read(dataset, say)
    arrays = {}
    for part, order in chosen(dataset, {half: labels for half, (_, labels) in halves.items()}, source).items():
        images, labels = halves["train" if part == "validation" else part]
        arrays[f"{part}_images"] = np.ascontiguousarray(images[order])
        arrays[f"{part}_labels"] = labels[order].astype(np.int64)
    arrays["mean"], arrays["std"] = normalisation(arrays["train_images"], dataset["normalisation"])
    if not (arrays["std"] > 0).all():
        raise DataError(f"{source}: a channel of the training pictures has one value everywhere; nothing to learn from")
    validation = {"validation_images": dataset["validation_size"]} if dataset.get("validation_size") else {}
    facts = {
        "name": dataset["name"],
        "source": source,
        **({"label": label} if label else {}),
        "checksum": checksum(arrays),
        "train_images": dataset["train_size"] if dataset.get("subset") == "seed" else len(arrays["train_labels"]),
        "test_images": len(arrays["test_labels"]),
        **validation,
        "classes": int(arrays["train_labels"].max()) + 1,
        "shape": list(arrays["train_images"].shape[1:]),
    }
    write_bytes(out, save(arrays, metadata={"facts": json.dumps(facts, sort_keys=True)}), with_sum=True)
    return facts


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of images, labels and normalisation."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def facts(path: Path) -> dict:
    """The metadata of a prepared file: name, source, checksum, train_images, test_images, classes, shape; label where
    the data are a copy that is not the original. Raises DamageError for a file that is cut short or no such file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return json.loads(file.metadata()["facts"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DamageError(damaged(path, str(error))) from None


def _read(dataset: Mapping[str, Any], say: Callable[[str], None]) -> tuple[dict, str, str | None]:
    """{"train": (images, labels), "test": ...} as arrays, the source in words, and the name of a copy, where it is one
    that is not the original.
    """
    name, halves = dataset["name"], dict[str, tuple[np.ndarray, np.ndarray]]()
    named = Path(dataset["data_dir"]) if dataset.get("data_dir") else None
    if name == "fashion-mnist-sample":
        with resources.files(__package__).joinpath("sample/fashion-mnist-sample.npz").open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            halves = {h: (stored[f"{h}_images"][:, None], stored[f"{h}_labels"]) for h in ("train", "test")}
        return halves, "the sample that ships with errordrops", None
    if name == "image-folder" and named is not None:
        from .folder import read_folder

        halves = {h: read_folder(named.expanduser(), h, dataset["image_size"]) for h in ("train", "test")}
        return halves, "a folder of images", None
    if name == "cifar10" and named is not None:
        from .cifar_folder import is_folder_copy, read_copy

        if is_folder_copy(named.expanduser()):
            halves, compression = read_copy(named.expanduser())
            return halves, f"a folder of {compression} pictures named by the user", f"CIFAR-10 ({compression})"
    from torchvision.datasets import CIFAR10, FashionMNIST

    fetch, kind = {
        "fashion-mnist": (sources.fashion_mnist, FashionMNIST),
        "cifar10": (sources.cifar10, CIFAR10),
    }[name]
    root, source = fetch(named, sources.cache_folder(), say)
    for half in ("train", "test"):
        loaded = kind(str(root), train=half == "train")
        images, labels = np.asarray(loaded.data), np.asarray(loaded.targets)
        halves[half] = (images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2), labels)
    return halves, source, None
