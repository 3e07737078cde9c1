"""Small real networks for the tests: the smoke study's model and data, cut down."""

from dataclasses import asdict
from pathlib import Path

import torch
import yaml
from torch import nn

from errordrops.data import epoch, prepare
from errordrops.results.layout import Layout
from errordrops.study import plan, study
from errordrops.training.checkpoints import State, Store
from errordrops.training.numerics import Numerics
from errordrops.training.trainer import Trainer

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
STUDY = {
    "study": "tiny",
    "title": "Tiny",
    "dataset": {key: DATASET[key] for key in ("name", "train_size", "test_size", "pad", "flip")},
    "model": RECIPE["model"],
    "learning_rate": 0.05,
    "batch_size": 20,
    "epochs": 4,
    "milestones": [2],
    "factor": 5,
    "arms": ["none"],
    "seeds": 1,
    "precision": "fp32",
    "evaluation": {"train_images": 60, "statistics_images": 100, "closeup_images": 100},
}


def data(folder: Path, device: str = "cpu") -> epoch.Data:
    """200 training and 100 test images."""
    path = folder / "data.safetensors"
    if not path.exists():
        prepare.prepare(DATASET, path, say=lambda message: None)
    torch.set_num_threads(1)
    return epoch.load(path, torch.device(device), DATASET, seed=0)


def trainer(folder: Path, numerics: Numerics = FP32, **changes) -> Trainer:
    """A fresh trainer on the small data."""
    return Trainer.create(RECIPE | changes, data(folder, numerics.device), numerics)


def keys(settings, **changes) -> list[str]:
    """The keys of a run of the small recipe."""
    return plan.key_chain(RECIPE | changes | {"numerics": asdict(FP32)}, settings)


def store(folder: Path, name: str = "store") -> Store:
    return Store(folder / name)


def smoke() -> study.Study:
    return study.load("smoke", study.REPOSITORY / "config" / "studies")


def tiny(folder: Path, validation: int = 0, **changes) -> tuple[study.Study, Layout]:
    """A study of the small network, for the steps that train, and the folder of its results; its data are prepared."""
    dataset = STUDY["dataset"] | ({"validation_size": validation} if validation else {})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"dataset": dataset} | changes))
    loaded, layout = study.load(str(path)), Layout.of("tiny", folder / "results")
    if not layout.data.exists():
        prepare.prepare(loaded.dataset, layout.data, say=lambda message: None)
    return loaded, layout


def plain_logits(folder: Path, state: State, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (n, classes) and labels of the test set, in plain torch, not with this package's evaluation.

    `part` of the state ("model", "averaged", "averaged_long") gives the weights; the batch-norm statistics are those of
    the first training images, which the small recipe recomputes in one batch.
    """
    fresh = trainer(folder)
    with torch.no_grad():
        for name, parameter in fresh.model.named_parameters():
            parameter.copy_(state[f"{part}.{name}"])
        for norm in fresh.model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = 1.0  # statistics of the last batch alone
        images, sample = fresh.data.test.images, fresh.data.train.images[: fresh.statistics.images]
        fresh.model.train()
        fresh.model((sample.float() - fresh.data.mean) / fresh.data.std)
        fresh.model.eval()
        logits = fresh.model((images.float() - fresh.data.mean) / fresh.data.std)
    return logits.double(), fresh.data.test.labels
