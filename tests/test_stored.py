"""Images that stay on disk: read as torchvision does, drawn from seed, epoch and index; mistakes named."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

import pictures
from errordrops import cli
from errordrops.data import imagenet, shards, stored
from errordrops.data.folder import read_rgb
from errordrops.data.sources import DataError
from errordrops.randomness import number_of
from errordrops.study import study

CPU = torch.device("cpu")


def quiet(message):
    pass


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ERRORDROPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """25 training and 10 validation pictures in each of two classes."""
    return pictures.folder(tmp_path_factory.mktemp("pictures") / "data")


def dataset(folder, **changes):
    base = pictures.STUDY["dataset"] | {"normalisation": "channel", "pad": 0, "label": "x", "data_dir": str(folder)}
    return {key: value for key, value in (base | changes).items() if value is not None}


def prepared(folder, place, **changes):
    """(data, facts) of a prepared folder."""
    facts = imagenet.prepare(dataset(folder, **changes), place / "data.safetensors", quiet)
    return stored.load(place / "data.safetensors", CPU, True), facts


def originals(folder, half):
    """Decoded pictures of a half and their labels."""
    classes = sorted(path.name for path in (folder / half).iterdir())
    return [(read_rgb(path), classes.index(path.parent.name)) for path in sorted((folder / half).glob("*/*"))]


@pytest.mark.parametrize("side", [56, None])
def test_evaluated_images_are_torchvisions_resize_and_middle(folder, cache, tmp_path, side):
    data, facts = prepared(folder, tmp_path, cache_side=side)
    assert (facts["train_images"], facts["test_images"], facts["classes"]) == (50, 20, 2)
    shrink = v2.Resize(side) if side else lambda picture: picture
    middle = v2.Compose([v2.Resize(55), v2.CenterCrop(48)])
    expected = {}
    for picture, label in originals(folder, "val"):
        image = torch.from_numpy(np.array(shrink(picture))).permute(2, 0, 1)
        expected[middle(image).numpy().tobytes()] = label
    shown = data.test.images
    assert shown.shape == (20, 3, 48, 48) and shown.dtype == torch.uint8
    assert [expected[image.numpy().tobytes()] for image in shown] == data.test.labels.tolist()
    assert torch.equal(torch.cat(list(data.test.batches(7))), shown)
    assert torch.equal(data.test.first(3).images, shown[:3]) and torch.equal(data.test.last(3).images, shown[-3:])
    assert torch.equal(data.test.part(4, 9).part(1, 3).images, shown[5:7])
    train = data.train.images.double()  # PIL, which measures, and torch round alike but not the same
    assert data.mean.flatten().tolist() == pytest.approx(train.mean((0, 2, 3)).tolist(), abs=0.5)
    assert data.std.flatten().tolist() == pytest.approx(train.std((0, 2, 3)).tolist(), rel=0.02)


def shown(data, sizes, seed=0, epoch=1, order=0, wanted=None):
    return list(data.epoch(seed, epoch, order).pieces(sizes, wanted))


def test_augmentation_is_torchvisions_drawn_from_seed_epoch_and_index(folder, cache, tmp_path):
    data, _ = prepared(folder, tmp_path)
    images, labels = (torch.cat(part) for part in zip(*shown(data, [20, 30]), strict=True))
    order = torch.randperm(50, generator=torch.Generator().manual_seed(number_of("order and augmentation", 0, 1)))
    assert torch.equal(labels, data.train.labels[order])
    usual = v2.Compose([v2.RandomResizedCrop(48), v2.RandomHorizontalFlip()])
    for place, index in enumerate(order.tolist()[:10]):
        torch.manual_seed(number_of("augmentation", 0, 1, index))
        picture = torch.from_numpy(data.train.pictures[index].copy()).permute(2, 0, 1)
        assert torch.equal(images[place], data.normalise(usual(picture)[None])[0])
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_images_do_not_depend_on_batches_workers_or_who_asks(folder, cache, tmp_path):
    data, _ = prepared(folder, tmp_path)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    whole, labels = shown(data, [50])[0]
    assert torch.equal(torch.rand(3), expected)  # nothing is drawn from the generator of others
    stored.set_readers(2)
    try:
        pieces = shown(data, [7, 0, 13, 30], wanted=[True, False, False, True])
    finally:
        stored.set_readers(0)
    assert torch.equal(torch.cat([images for images, _ in pieces]), torch.cat([whole[:7], whole[20:]]))
    assert torch.equal(torch.cat([piece for _, piece in pieces]), torch.cat([labels[:7], labels[20:]]))
    for other in ({"seed": 1}, {"epoch": 2}, {"order": 1}):
        assert not torch.equal(shown(data, [50], **other)[0][0], whole)


def test_shards_are_made_once_go_on_and_are_mended(folder, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "read_rgb", lambda path: made.append(path) or read_rgb(path))
    made = []
    paths = sorted((folder / "train").glob("*/*"))

    def build():
        made.clear()
        return shards.build(tmp_path / "shards", paths, 72, 64, 1, quiet, size=20)

    first = build()
    assert made == paths and len(first) == 3
    assert build() == first and made == []
    (tmp_path / "shards/00001.json").unlink()  # as if it had been interrupted there
    assert build() == first and made == paths[20:40]
    content = bytearray((tmp_path / "shards/00002.uint8").read_bytes())
    content[10] ^= 1
    (tmp_path / "shards/00002.uint8").write_bytes(content)
    assert build() == first and made == paths[40:]


def test_the_checksum_is_that_of_the_pictures(folder, cache, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir(), (tmp_path / "c").mkdir()
    whole = prepared(folder, tmp_path / "a")[1]
    assert prepared(copy, tmp_path / "b")[1]["checksum"] == whole["checksum"]
    changed = next((copy / "train").glob("*/3.JPEG"))
    Image.fromarray(255 - np.asarray(Image.open(changed))).save(changed)
    assert prepared(copy, tmp_path / "c")[1]["checksum"] != whole["checksum"]


def spoil(folder, kind):
    """Plant one of the hazards of image folders; returns what the message must say."""
    some = folder / "train/n00000000/0.JPEG"
    match kind:
        case "broken":
            some.write_bytes(some.read_bytes()[:500])
            return r"1 pictures are of no use.*\n.*n00000000/0.JPEG cannot be read as an image"
        case "not a picture":
            for i in range(7):
                (folder / f"val/n00000001/{i}.JPEG").write_text("<html>")
            return r"(?s)7 pictures are of no use.*and 2 more"
        case "empty class":
            shutil.rmtree(folder / "val/n00000001")
            (folder / "val/n00000001").mkdir()
            return "Found no valid file for the classes n00000001"
        case "missing in val":
            shutil.rmtree(folder / "val/n00000001")
            return "train and val do not have the same classes; only one has n00000001"
        case "no val":
            shutil.rmtree(folder / "val")
            return "no folder .*val: an image folder holds train/<class>/ and val/<class>/"
        case "floating point":
            Image.fromarray(np.zeros((80, 80), np.float32)).save(some.with_suffix(".tif"))
            return r"0.tif has floating-point pixels"


@pytest.mark.parametrize(
    "kind", ["broken", "not a picture", "empty class", "missing in val", "no val", "floating point"]
)
def test_hazards_of_a_folder_are_told(folder, cache, tmp_path, kind):
    copy = shutil.copytree(folder, tmp_path / "copy")
    expected = spoil(copy, kind)
    with pytest.raises(DataError, match=expected):
        prepared(copy, tmp_path)
    assert not (tmp_path / "data.safetensors").exists()


@pytest.mark.parametrize(("mode", "ending"), [("L", "JPEG"), ("CMYK", "JPEG"), ("I;16", "png"), ("P", "png")])
def test_grey_cmyk_palette_and_16_bits_become_rgb(tmp_path, mode, ending):
    grey = np.add.outer(np.arange(80), np.arange(90)).astype(np.uint8)
    path = tmp_path / f"a.{ending}"
    picture = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    assert picture.mode == mode
    picture.save(path)
    shown = np.asarray(read_rgb(path)).astype(int)
    assert shown.shape == (80, 90, 3)
    assert np.abs(shown - grey[..., None]).mean() < 2


def test_a_picture_that_is_lost_later_is_told_without_a_traceback(folder, cache, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    data, _ = prepared(copy, tmp_path, cache_side=None)
    stored.set_readers(1)
    try:
        shutil.rmtree(copy / "train/n00000001")
        with pytest.raises(DataError, match=r"cannot be read as an image \(\[Errno 2\]") as error:
            shown(data, [25, 25])
    finally:
        stored.set_readers(0)
    assert "Traceback" not in str(error.value)
    shutil.rmtree(copy)
    with pytest.raises(DataError, match="where the pictures were: make the data again"):
        stored.load(tmp_path / "data.safetensors", CPU, True)


def test_subsets_and_validation_images(folder, cache, tmp_path):
    data, facts = prepared(folder, tmp_path, train_size=30, test_size=10, validation_size=12)
    assert [len(part) for part in (data.train, data.test, data.validation)] == [30, 10, 12]
    assert facts["validation_images"] == 12 and data.validation.labels.bincount().tolist() == [6, 6]
    alike = {p.tobytes() for p in (data.train.pictures[i] for i in range(30))}
    assert not alike & {data.validation.pictures[i].tobytes() for i in range(12)}


def test_without_a_folder_the_data_step_says_what_to_do(tmp_path, capsys):
    path = pictures.study_file(tmp_path, tmp_path, dataset={"data_dir": None})
    assert cli.main(["data", str(path), "--results", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "not free to download" in told and "data_dir" in told


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dataset": {"pad": 2}}, "dataset.pad"),
        ({"dataset": {"image_size": None}}, "dataset.image_size"),
        ({"dataset": {"cache_side": 40}}, "dataset.cache_side: smaller than image_size"),
        ({"dataset": {"normalisation": "pixel-mean"}}, "dataset.normalisation"),
        ({"warmup": {"epochs": 2, "from": 0}}, "warmup.epochs: arm 'batch' changes its setting after 1"),
    ],
)
def test_mistakes_in_such_a_study_are_told(tmp_path, changes, expected):
    with pytest.raises(study.StudyError, match=expected):
        study.load(str(pictures.study_file(tmp_path, tmp_path, **changes)))


def test_imagenet_studies_as_planned(capsys):
    """Updates and rates of the papers' schedules: 1,281,167 images."""
    from errordrops.study.batching import updates_per_epoch

    folder = study.REPOSITORY / "config/studies"
    he, smith = (study.load(name, folder) for name in ("he2015-imagenet", "smith2018-imagenet"))
    assert [updates_per_epoch(1_281_167, arm.base.batch_size) for arm in (he, smith)] == [5005, 156]
    assert he.arm("batch").milestones == [30, 60] and smith.arm("batch").milestones == [30, 60, 80]
    wanted = [(3.2, 8192), (0.64, 16384), (0.064, 16384), (0.0064, 16384)]
    phases = [(p.setting.learning_rate, p.setting.batch_size) for p in smith.arm("batch").phases]
    assert phases == wanted
    assert cli.main(["plan", "he2015-imagenet", "--studies", str(folder), "--json"]) == 0
    slow = json.loads(capsys.readouterr().out)
    cli.main(["plan", "he2015-imagenet", "--studies", str(folder), "--images-per-second", "10000", "--json"])
    fast = json.loads(capsys.readouterr().out)
    assert slow["epochs"] == fast["epochs"] == 3 * 240
    assert 720 * 1_281_167 / 10_000 < fast["seconds"] < 1.1 * 720 * 1_281_167 / 10_000 < slow["seconds"]
