"""Data sets: sources in order, contents verified, subsets stratified, folders read, mistakes named."""

import gzip
import hashlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errordrops.data import draw, prepare, sources
from errordrops.data.sources import DataError

CONTENT = {name: f"content of {name}".encode() for name in sources.FASHION_MNIST}


@pytest.fixture
def checksums(monkeypatch):
    """The four files, with small planted contents."""
    planted = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setattr(sources, "FASHION_MNIST", planted)


def fill(folder: Path, zipped: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


def source(name, folder):
    return name, lambda: sources._existing(folder)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_named_folder_comes_first(tmp_path, checksums, zipped):
    root, origin = sources.fashion_mnist(fill(tmp_path / "mine", zipped), tmp_path / "cache", print)
    assert origin == "a folder named by the user"
    for name, content in CONTENT.items():
        assert (root / "FashionMNIST/raw" / name).read_bytes() == content


def test_the_order_of_sources(tmp_path):
    names = [name for name, _ in sources._fashion_mnist_sources(tmp_path)]
    assert names == [
        "a folder named by the user",
        "Debian package dataset-fashion-mnist (installed)",
        "torchvision's download",
        "Debian package dataset-fashion-mnist (downloaded)",
    ]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("zipped", "damage", "expected"),
    [
        (False, truncate, "not the original"),
        (False, change, "not the original"),
        (True, truncate, "truncated"),
        (False, Path.unlink, "no file"),
    ],
)
def test_a_damaged_file_is_named_and_the_next_source_tried(tmp_path, checksums, zipped, damage, expected):
    name = "t10k-images-idx3-ubyte"
    bad, good = fill(tmp_path / "bad", zipped), fill(tmp_path / "good", True)
    damage(bad / (f"{name}.gz" if zipped else name))
    said = []
    both = iter([source("first", bad), source("second", good)])
    root, origin = sources.fashion_mnist(None, tmp_path / "cache", said.append, both)
    assert origin == "second"
    assert (root / "FashionMNIST/raw" / name).read_bytes() == CONTENT[name]
    assert len(said) == 1 and name in said[0] and expected in said[0] and "trying the next source" in said[0]


def test_when_no_source_serves_each_failure_is_told(tmp_path, checksums):
    @contextmanager
    def offline():
        raise OSError("no network")
        yield

    two = iter([source("a folder", tmp_path / "none"), ("a download", offline)])
    with pytest.raises(DataError, match=r"(?s)a folder: no folder .*a download: no network.*data_dir"):
        sources.fashion_mnist(None, tmp_path / "cache", lambda message: None, two)


def test_the_cache_serves_while_it_is_whole(tmp_path, checksums):
    cache = tmp_path / "cache"
    sources.fashion_mnist(None, cache, print, iter([source("first", fill(tmp_path / "a"))]))
    unused = iter([])
    assert sources.fashion_mnist(None, cache, print, unused)[1] == "first"
    truncate(cache / "FashionMNIST/raw/train-labels-idx1-ubyte")
    assert sources.fashion_mnist(None, cache, print, iter([source("b", fill(tmp_path / "b"))]))[1] == "b"


@pytest.mark.parametrize("size", [10, 37, 200, 1000])
def test_subsets_are_stratified(size):
    labels = np.repeat(np.arange(5), [500, 250, 125, 100, 25])
    order = draw.stratified_order(labels, size)
    assert len(set(order.tolist())) == size
    counts = np.bincount(labels[order], minlength=5)
    assert (np.abs(counts - np.array([0.5, 0.25, 0.125, 0.1, 0.025]) * size) <= 1).all()
    assert (order == draw.stratified_order(labels, size)).all()


def test_the_leading_part_of_a_subset_is_mixed():
    labels = np.repeat(np.arange(10), 1000)
    lead = labels[draw.stratified_order(labels, 5000)[:1000]]
    assert (np.abs(np.bincount(lead) - 100) < 40).all()


SAMPLE = {"name": "fashion-mnist-sample", "normalisation": "channel", "train_size": 200}


def arrays(out: Path) -> dict:
    from safetensors.numpy import load_file

    return load_file(out)


def pixels(images) -> set[bytes]:
    return {image.tobytes() for image in images}


@pytest.mark.parametrize("size", [100, 800])
def test_validation_images_are_in_neither_half(tmp_path, size):
    """The sample has no image twice, so that pixels tell images apart."""
    facts = prepare.prepare(SAMPLE | {"validation_size": size}, tmp_path / "data.safetensors")
    found = arrays(tmp_path / "data.safetensors")
    train, test, validation = (pixels(found[f"{part}_images"]) for part in ("train", "test", "validation"))
    assert (len(train), len(test), len(validation)) == (200, 600, size)
    assert not validation & train and not validation & test
    assert np.bincount(found["validation_labels"]).tolist() == [size // 10] * 10
    assert facts["validation_images"] == size
    everything = tmp_path / "all.safetensors"
    prepare.prepare({k: v for k, v in SAMPLE.items() if k != "train_size"}, everything)
    whole = arrays(everything)
    labels = {i.tobytes(): label for i, label in zip(whole["train_images"], whole["train_labels"], strict=True)}
    for image, label in zip(found["validation_images"], found["validation_labels"], strict=True):
        assert labels[image.tobytes()] == label


def test_validation_images_change_nothing_else(tmp_path):
    without = prepare.prepare(SAMPLE, tmp_path / "without.safetensors")
    with_them = prepare.prepare(SAMPLE | {"validation_size": 50}, tmp_path / "with.safetensors")
    one, other = arrays(tmp_path / "without.safetensors"), arrays(tmp_path / "with.safetensors")
    assert set(other) - set(one) == {"validation_images", "validation_labels"}
    assert all((one[name] == other[name]).all() for name in one)
    assert "validation_images" not in without and without["checksum"] != with_them["checksum"]
    again = prepare.prepare(SAMPLE | {"validation_size": 50}, tmp_path / "again.safetensors")
    assert again == with_them


def write_folder(folder: Path, size=(32, 32), mode="RGB") -> Path:
    random = np.random.default_rng(0)
    for half, n in (("train", 6), ("test", 3)):
        for kind in ("cat", "dog"):
            (folder / half / kind).mkdir(parents=True)
            for i in range(n):
                pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).convert(mode).save(folder / half / kind / f"{i}.png")
    return folder


def dataset(folder, **keys):
    base = {"name": "image-folder", "data_dir": str(folder), "image_size": 32, "normalisation": "channel"}
    return base | keys


def test_an_image_folder_is_read_as_it_is(tmp_path):
    folder = write_folder(tmp_path / "images")
    facts = prepare.prepare(dataset(folder), tmp_path / "data.safetensors")
    assert (facts["train_images"], facts["test_images"], facts["classes"]) == (12, 6, 2)
    from safetensors.numpy import load_file

    stored = load_file(tmp_path / "data.safetensors")
    assert stored["train_images"].shape == (12, 3, 32, 32) and stored["train_images"].dtype == np.uint8
    original = np.asarray(Image.open(folder / "test/dog/1.png")).transpose(2, 0, 1)
    matches = [(image == original).all() for image in stored["test_images"]]
    assert sum(matches) == 1 and stored["test_labels"][matches.index(True)] == 1


@pytest.mark.parametrize(("size", "mode"), [((50, 40), "RGB"), ((32, 32), "L"), ((20, 64), "RGB")])
def test_other_sizes_and_modes_are_brought_to_shape(tmp_path, size, mode):
    folder = write_folder(tmp_path / "images", size, mode)
    facts = prepare.prepare(dataset(folder), tmp_path / "data.safetensors")
    assert facts["shape"] == [3, 32, 32]


def test_mistakes_in_an_image_folder_are_named(tmp_path):
    out = tmp_path / "data.safetensors"
    folder = write_folder(tmp_path / "images")
    with pytest.raises(DataError, match=r"train_size: 50 images wanted.*has 12"):
        prepare.prepare(dataset(folder, train_size=50), out)
    (folder / "train/cat/0.png").write_bytes(b"not a picture")
    with pytest.raises(DataError, match=r"train/cat/0\.png cannot be read as an image"):
        prepare.prepare(dataset(folder), out)
    (folder / "test/cat").rename(folder / "test/cow")
    (folder / "train/cat/0.png").unlink()
    with pytest.raises(DataError, match="do not have the same classes; only one has cat, cow"):
        prepare.prepare(dataset(folder), out)
    with pytest.raises(DataError, match="no folder"):
        prepare.prepare(dataset(tmp_path / "nowhere"), out)
    assert not out.exists()


def test_more_validation_images_than_a_folder_has_left_are_told(tmp_path):
    folder, out = write_folder(tmp_path / "images"), tmp_path / "data.safetensors"
    expected = r"dataset\.validation_size: 3 images wanted, but .* has only 2 beside the training images"
    with pytest.raises(DataError, match=expected):
        prepare.prepare(dataset(folder, train_size=10, validation_size=3), out)
    assert not out.exists()
    assert prepare.prepare(dataset(folder, train_size=10, validation_size=2), out)["validation_images"] == 2


def test_a_class_lost_by_a_small_subset_is_told(tmp_path):
    with pytest.raises(DataError, match="1 classes are left in the training set and 2 in the test set"):
        prepare.prepare(dataset(write_folder(tmp_path / "images"), train_size=1), tmp_path / "data.safetensors")


def test_cifar10_names_the_damaged_file(tmp_path, monkeypatch):
    (tmp_path / "cifar-10-batches-py").mkdir()
    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", lambda self: (_ for _ in ()).throw(OSError("offline")))
    with pytest.raises(DataError, match=r"(?s)data_batch_1 is missing or damaged.*download: offline"):
        sources.cifar10(tmp_path, tmp_path / "cache", lambda message: None)


def test_normalisation_per_pixel_subtracts_the_mean_image():
    images = np.random.default_rng(0).integers(0, 256, (30, 2, 4, 4), dtype=np.uint8)
    mean, std = prepare.normalisation(images, "pixel-mean")
    assert mean.shape == (2, 4, 4)
    assert ((images - mean) / std).mean(0) == pytest.approx(np.zeros((2, 4, 4)), abs=1e-5)
    mean, std = prepare.normalisation(images, "channel")
    assert mean.shape == std.shape == (2, 1, 1)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_that_unpacks_without_end_is_stopped(tmp_path, monkeypatch, zipped):
    monkeypatch.setattr(sources, "LARGEST", 3_000_000)
    name, content = next(iter(sources.FASHION_MNIST)), bytes(50_000_000)
    path = tmp_path / (f"{name}.gz" if zipped else name)
    path.write_bytes(gzip.compress(content, 1) if zipped else content)
    written, unlink = [], Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda self, **k: (written.append(self.stat().st_size), unlink(self, **k)))
    (tmp_path / "raw").mkdir()
    with pytest.raises(DataError, match="has more than 3,000,000 bytes"):
        sources._install(tmp_path, name, "0", tmp_path / "raw")
    assert max(written) < 5_000_000 and not list((tmp_path / "raw").iterdir())
