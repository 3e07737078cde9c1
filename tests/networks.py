"""Small real networks for the tests: the smoke study's model and data, cut down."""

from dataclasses import asdict
from pathlib import Path

import torch

from errordrops import plan, study
from errordrops.checkpoints import Store
from errordrops.data import epoch, prepare
from errordrops.numerics import Numerics
from errordrops.training import Trainer

DATASET = {
    "name": "fashion-mnist-sample",
    "train_size": 200,
    "test_size": 100,
    "pad": 2,
    "flip": True,
    "normalisation": "channel",
}
RECIPE = {
    "model": {"family": "cifar-resnet", "depth": 8, "width": 4},
    "nesterov": False,
    "weight_decay": 5e-4,
    "group_size": 20,
    "evaluation": {"train_images": 60, "statistics_images": 100, "closeup_images": 50},
    "seed": 0,
}
FP32 = Numerics("cpu", "fp32", 1, 20)


def data(folder: Path) -> epoch.Data:
    """200 training and 100 test images."""
    path = folder / "data.safetensors"
    if not path.exists():
        prepare.prepare(DATASET, path, say=lambda message: None)
    torch.set_num_threads(1)
    return epoch.load(path, torch.device("cpu"), DATASET["pad"], DATASET["flip"])


def trainer(folder: Path, numerics: Numerics = FP32, **changes) -> Trainer:
    """A fresh trainer on the small data."""
    return Trainer.create(RECIPE | changes, data(folder), numerics)


def keys(settings, **changes) -> list[str]:
    """The keys of a run of the small recipe."""
    return plan.key_chain(RECIPE | changes | {"numerics": asdict(FP32)}, settings)


def store(folder: Path, name: str = "store") -> Store:
    return Store(folder / name)


def smoke() -> study.Study:
    return study.load("smoke", study.REPOSITORY / "config" / "studies")
