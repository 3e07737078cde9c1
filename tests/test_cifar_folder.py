"""CIFAR-10 as a folder of pictures: read whole, its compression found out and told wherever the data are named."""

import io

import numpy as np
import pytest
from PIL import Image

from errordrops.data import cifar_folder, prepare
from errordrops.data.sources import DataError
from errordrops.results import provenance
from errordrops.study import study

DATASET = {"name": "cifar10", "normalisation": "channel"}


@pytest.fixture
def small(monkeypatch):
    """A CIFAR-10 of 20 and 10 images."""
    monkeypatch.setattr(cifar_folder, "COUNTS", {"train": 20, "test": 10})


def write(folder, size=32, ending="jpg", **options):
    draw = np.random.default_rng(0)
    for half, each in (("train", 2), ("test", 1)):
        for name in cifar_folder.CLASSES:
            (folder / half / name).mkdir(parents=True)
            for i in range(each):
                pixels = draw.integers(0, 256, (size, size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / half / name / f"{i:04d}.{ending}", **options)
    return folder


def prepared(folder, tmp_path):
    return prepare.prepare(DATASET | {"data_dir": str(folder)}, tmp_path / "data.safetensors", say=lambda message: None)


@pytest.mark.parametrize(
    ("options", "told"), [({"quality": 75}, "JPEG q75"), ({"quality": 90}, "JPEG q90"), ({"ending": "png"}, "PNG")]
)
def test_a_copy_says_what_it_is(tmp_path, small, options, told):
    facts = prepared(write(tmp_path / "pictures", **options), tmp_path)
    assert facts["label"] == f"CIFAR-10 ({told})"
    assert told in facts["source"] and (facts["train_images"], facts["classes"]) == (20, 10)
    loaded = study.load("photographs", study.REPOSITORY / "config/studies")
    settings = provenance.settings_of(loaded, 20, facts["label"])
    assert settings["dataset_label"] == f"CIFAR-10 ({told})"


def test_its_pictures_are_read_as_they_are(tmp_path, small):
    folder = write(tmp_path / "pictures", ending="png")
    prepared(folder, tmp_path)
    from safetensors.numpy import load_file

    stored = load_file(tmp_path / "data.safetensors")
    frog = np.asarray(Image.open(folder / "test/frog/0000.png")).transpose(2, 0, 1)
    row = [(image == frog).all() for image in stored["test_images"]].index(True)
    assert stored["test_labels"][row] == cifar_folder.CLASSES.index("frog") == 6  # as in the original


def test_pictures_of_several_qualities_are_told(tmp_path, small):
    folder = write(tmp_path / "pictures", quality=75)
    Image.open(folder / "train/cat/0000.jpg").save(folder / "train/cat/0000.jpg", quality=50)
    assert prepared(folder, tmp_path)["label"] == "CIFAR-10 (JPEG q50 and JPEG q75)"


def test_the_quality_of_every_jpeg_is_found():
    pixels = Image.fromarray(np.full((32, 32, 3), 100, np.uint8))
    for quality in range(1, 101):
        written = io.BytesIO()
        pixels.save(written, "JPEG", quality=quality)
        found = cifar_folder.quality(Image.open(written).quantization[0])
        assert found == quality
    assert cifar_folder.quality([3] * 64) == "?"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "test/cat").rename(f / "test/cow"), "test: CIFAR-10 has the classes airplane"),
        (lambda f: (f / "train/dog/0000.jpg").unlink(), r"train: CIFAR-10 has 20 images, .* found 19"),
        (lambda f: (f / "train/dog/0000.jpg").write_bytes(b"no"), r"dog/0000\.jpg cannot be read as an image"),
        (lambda f: Image.new("RGB", (40, 32)).save(f / "train/dog/0000.jpg"), r"0000\.jpg has 40 x 32 pixels"),
    ],
)
def test_what_is_not_cifar10_is_told(tmp_path, small, damage, message):
    folder = write(tmp_path / "pictures")
    damage(folder)
    with pytest.raises(DataError, match=message):
        prepared(folder, tmp_path)
