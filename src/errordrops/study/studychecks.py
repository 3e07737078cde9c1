"""Checks of a study file that a schema cannot express: what must fit together."""

from collections.abc import Collection
from pathlib import Path

from .plainyaml import shown
from .studyfile import wrong

DATASET_LABELS = {
    "fashion-mnist": "Fashion-MNIST",
    "fashion-mnist-sample": "Fashion-MNIST (a sample of 1,600 images)",
    "cifar10": "CIFAR-10",
    "image-folder": "a folder of images",
    "imagenet": "ImageNet",
}
TRAIN_IMAGES = {"fashion-mnist": 60_000, "fashion-mnist-sample": 1_000, "cifar10": 50_000}
TEST_IMAGES = {"fashion-mnist": 10_000, "fashion-mnist-sample": 600, "cifar10": 10_000}
# for estimates alone: the folder may hold a part of it, or other pictures
EXPECTED_IMAGES = {"imagenet": (1_281_167, 50_000)}


# folders that Windows cannot have, whatever their ending
DEVICES = {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
RESERVED_STUDIES = {"reference"}  # results/reference holds the committed results


def check_name(path: Path, key: str, name: str, taken: Collection[str] = ()) -> None:
    """Raise StudyError for a name that passes the schema and still cannot be that of a folder."""
    if name in DEVICES or name in taken:
        whose = "a device on Windows" if name in DEVICES else "the committed results"
        raise wrong(path, key, f"{name!r} is the name of {whose}; choose another")


def check_milestones(path: Path, key: str, values: list[int], epochs: int) -> None:
    """Raise StudyError unless milestones rise and leave an epoch for the last setting."""
    if values != sorted(values):
        raise wrong(path, key, f"must rise, but are {values}")
    if values and values[-1] >= epochs:
        raise wrong(
            path,
            key,
            f"{values[-1]} is not before the last epoch ({epochs}): no epoch is left for the new setting",
        )


def check_dataset(path: Path, dataset: dict) -> None:
    """Raise StudyError for more images than there are, keys that do not go together, or a folder that is not there."""
    name = dataset["name"]
    for key, whole, beside in (
        ("train_size", TRAIN_IMAGES, 0),
        ("test_size", TEST_IMAGES, 0),
        ("validation_size", TRAIN_IMAGES, dataset.get("train_size", 0)),
    ):
        if name in whole and dataset.get(key, 0) + beside > whole[name]:
            more = " beside train_size" if beside else ""
            raise wrong(
                path,
                f"dataset.{key}",
                f"{dataset[key]} images wanted{more}, but {DATASET_LABELS[name]} has {whole[name]}",
            )
    if dataset.get("subset") == "seed" and ("train_size" not in dataset or name == "imagenet"):
        why = "pictures stay on disk" if name == "imagenet" else "needs train_size, which says how many images to draw"
        raise wrong(path, "dataset.subset", f"seeds cannot draw images of their own here: {why}")
    if "validation_size" in dataset and "train_size" not in dataset:
        raise wrong(path, "dataset.validation_size", "needs train_size: what it leaves is where they are taken from")
    if name == "image-folder":
        for key in ("data_dir", "image_size"):
            if key not in dataset:
                raise wrong(path, f"dataset.{key}", "an image folder needs it")
    elif name == "imagenet":
        _check_imagenet(path, dataset)
    elif "image_size" in dataset:
        raise wrong(
            path,
            "dataset.image_size",
            f"only an image folder is resized, {DATASET_LABELS[name]} is taken as it is",
        )
    if "cache_side" in dataset and name != "imagenet":
        raise wrong(path, "dataset.cache_side", f"{DATASET_LABELS[name]} is kept in memory")
    if dataset.get("cache_side", 10**9) < dataset.get("image_size", 0):
        raise wrong(path, "dataset.cache_side", f"smaller than image_size ({dataset['image_size']})")
    folder = dataset.get("data_dir")
    if folder is not None and not _is_folder(folder):
        raise wrong(path, "dataset.data_dir", f"no folder {folder if len(folder) < 300 else shown(folder)}")


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long or forbidden; ~ of an unknown user; a zero byte
        return False


def _check_imagenet(path: Path, dataset: dict) -> None:
    """Its augmentation is torchvision's RandomResizedCrop, its normalisation that of each channel."""
    if "image_size" not in dataset:
        raise wrong(path, "dataset.image_size", "imagenet needs it: height and width of the crops, 224 as a rule")
    if dataset["pad"]:
        raise wrong(path, "dataset.pad", "pictures of imagenet are cropped and resized at random, not padded")
    if dataset["normalisation"] != "channel":
        raise wrong(path, "dataset.normalisation", "pictures of imagenet are normalised by channel")


def check_model(path: Path, model: dict) -> None:
    """Raise StudyError for a depth that the family lacks, or a key that belongs to another family."""
    family, depth = model["family"], model["depth"]
    extra = {"cifar-resnet": {"width"}, "wide-resnet": {"widen_factor"}, "imagenet-resnet": set()}[family]
    for key in set(model) - {"family", "depth"} - extra:
        raise wrong(path, f"model.{key}", f"a {family} has no {key}")
    for key in extra - set(model):
        raise wrong(path, f"model.{key}", f"a {family} needs it")
    good = {
        "cifar-resnet": depth >= 8 and depth % 6 == 2,
        "wide-resnet": depth >= 10 and depth % 6 == 4,
        "imagenet-resnet": depth in (18, 34, 50),
    }[family]
    if not good:
        shape = {
            "cifar-resnet": "6n + 2 (8, 14, 20, ...)",
            "wide-resnet": "6n + 4 (10, 16, ...)",
            "imagenet-resnet": "18, 34 or 50",
        }
        raise wrong(path, "model.depth", f"must be {shape[family]}, but is {depth}")
