"""A small ImageNet: train/CLASS/*.JPEG and val/CLASS/*.JPEG made of the photographs that ship with the project."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

STUDY = {
    "study": "pictures",
    "title": "Pictures",
    "dataset": {"name": "imagenet", "image_size": 48, "cache_side": 56, "flip": True},
    "model": {"family": "imagenet-resnet", "depth": 18},
    "learning_rate": 0.02,
    "batch_size": 16,
    "group_size": 8,
    "epochs": 2,
    "milestones": [1],
    "factor": 2,
    "arms": ["none", "batch"],
    "seeds": 1,
    "precision": "fp32",
    "evaluation": {"train_images": 10, "statistics_images": 24, "closeup_images": 10},
}


def folder(place: Path, train: int = 25, val: int = 10, classes: int = 2) -> Path:
    """So many pictures of each class, coloured, in sizes of their own: wide, tall and square."""
    source = resources.files("errordrops.data").joinpath("sample/fashion-mnist-sample.npz")
    with source.open("rb") as file:
        stored = np.load(file)
        halves = {"train": (stored["train_images"], stored["train_labels"], train)}
        halves["val"] = stored["test_images"], stored["test_labels"], val
    draw = np.random.default_rng(0)
    for half, (images, labels, n) in halves.items():
        for label in range(classes):
            where = place / half / f"n{label:08d}"
            where.mkdir(parents=True)
            for i, image in enumerate(images[labels == label][:n]):
                colour = draw.uniform(0.3, 1, 3)
                rgb = Image.fromarray((image[..., None] * colour).astype(np.uint8))
                rgb.resize((int(draw.integers(70, 120)), int(draw.integers(70, 120)))).save(where / f"{i}.JPEG")
    return place


def study_file(place: Path, data: Path, **changes) -> Path:
    """A study of such a folder; `dataset` in changes is merged."""
    dataset = STUDY["dataset"] | {"data_dir": str(data), "label": "Pictures"} | changes.pop("dataset", {})
    dataset = {key: value for key, value in dataset.items() if value is not None}
    path = place / "pictures.yaml"
    path.write_text(yaml.safe_dump(STUDY | {"dataset": dataset} | changes))
    return path


def facts(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())
