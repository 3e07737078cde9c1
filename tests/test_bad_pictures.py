"""Folders of pictures as people have them, broken ones among them. Named, or read right."""

import io
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from errordrops.data import folder as folders
from errordrops.data import imagenet, prepare
from errordrops.data.sources import DataError

COLOUR = (200, 100, 50)


def picture(mode="RGB", size=(32, 32)) -> Image.Image:
    return Image.new("RGB", size, COLOUR).convert(mode)


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8))


def write_folder(folder: Path, halves=("train", "test")) -> Path:
    for half in halves:
        for number, kind in enumerate(("cat", "dog")):
            (folder / half / kind).mkdir(parents=True)
            for i in range(3):
                noise(10 * number + i).save(folder / half / kind / f"{i}.png")
    return folder


def prepared(folder: Path, out: Path) -> dict:
    dataset = {"name": "image-folder", "data_dir": str(folder), "image_size": 32, "normalisation": "channel"}
    return prepare.prepare(dataset, out, say=lambda message: None)


def refusal(folder: Path, tmp_path: Path) -> str:
    """What is told of a folder of no use; nothing of it is kept."""
    out = tmp_path / "out" / "data.safetensors"
    with pytest.raises(DataError) as caught:
        prepared(folder, out)
    assert not out.parent.exists() or not list(out.parent.iterdir())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def png(depth: int, colour: int, rows: bytes, width=4, height=4) -> bytes:
    """A PNG as no writer of Pillow makes it: 16 bits a channel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def palette() -> bytes:
    indexed = picture().quantize(4)
    return saved(indexed, "PNG", transparency=bytes([0, 128, 255, 255]))


SIXTEEN = np.full((4, 4), 100 * 257, np.uint16)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (saved(picture(), "PNG"), COLOUR),
        (saved(picture("L"), "PNG"), (124, 124, 124)),
        (saved(picture("1"), "PNG"), None),
        (saved(picture("LA"), "PNG"), (124, 124, 124)),
        (saved(picture("RGBA"), "PNG"), COLOUR),
        (palette(), COLOUR),
        (saved(picture("L"), "JPEG"), (124, 124, 124)),
        (saved(picture("CMYK"), "JPEG", quality=100), COLOUR),
        (saved(picture("CMYK"), "TIFF"), COLOUR),
        (saved(picture("LAB"), "TIFF"), None),
        (saved(picture("YCbCr"), "JPEG", quality=100), COLOUR),
        (saved(Image.fromarray(SIXTEEN), "PNG"), (100, 100, 100)),
        (saved(Image.fromarray(SIXTEEN), "TIFF"), (100, 100, 100)),
        (saved(Image.fromarray(SIXTEEN.astype(np.int32)), "TIFF"), (100, 100, 100)),
        (png(16, 2, (b"\0" + struct.pack(">HHH", *(c * 257 for c in COLOUR)) * 4) * 4), COLOUR),
        (png(16, 4, (b"\0" + struct.pack(">HH", 100 * 257, 65535) * 4) * 4), (100, 100, 100)),
        (saved(picture(), "WEBP", lossless=True), COLOUR),
    ],
    ids="rgb grey bits grey-alpha alpha palette jpeg-grey cmyk cmyk-tiff lab ycbcr "
    "16 16-tiff 32-tiff 16-rgb 16-grey-alpha webp".split(),
)
def test_every_kind_of_picture_is_read_as_what_it_shows(tmp_path, content, expected):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    read = np.asarray(folders.read_rgb(path))
    assert read.dtype == np.uint8 and read.shape[2] == 3
    if expected:
        assert np.abs(read.astype(int) - expected).max() <= 3


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"these are words",
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        truncated(saved(noise(1), "JPEG")),
        truncated(saved(noise(1), "PNG")),
        saved(noise(1), "JPEG")[:10],
        saved(noise(1), "PNG").replace(b"IDAT", b"IDOT"),
        saved(noise(1).convert("F"), "TIFF"),
        saved(picture(size=(3300, 32)), "PNG"),
        b"\x93NUMPY" + bytes(100),
        pickle.dumps(COLOUR),
    ],
    ids="empty text page jpeg png head chunk float strip numpy pickle".split(),
)
@pytest.mark.parametrize("name", ["1.jpg", "1.PNG"])
def test_a_file_that_is_no_picture_is_named(tmp_path, content, name):
    folder = write_folder(tmp_path / "pictures")
    (folder / "test/dog" / name).write_bytes(content)
    assert f"{folder}/test/dog/{name} " in refusal(folder, tmp_path)


def test_flipped_bits_are_a_picture_or_a_named_file(tmp_path):
    """No damage makes another error than the one that names the file."""
    draw, path = np.random.default_rng(0), tmp_path / "damaged.png"
    kinds = [saved(noise(1), kind) for kind in ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")]
    kinds += [saved(Image.fromarray(SIXTEEN), "TIFF"), saved(noise(2), "TIFF", compression="tiff_lzw"), palette()]
    refused = 0
    for content in kinds * 40:
        damaged = bytearray(content)
        for place in draw.integers(0, min(len(damaged), 400), draw.integers(1, 6)):
            damaged[place] ^= 1 << draw.integers(0, 8)
        path.write_bytes(bytes(damaged))
        try:
            assert np.asarray(folders.read_rgb(path)).shape[2] == 3
        except DataError as error:
            refused += 1
            assert str(error).startswith(f"{path} ") and "\n" not in str(error)
    assert refused > 50


def test_a_broken_picture_of_a_folder_too_large_for_memory_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("ERRORDROPS_CACHE", str(tmp_path / "cache"))
    folder = write_folder(tmp_path / "pictures", ("train", "val"))
    (folder / "train/cat/1.png").write_bytes(b"")
    dataset = {"name": "imagenet", "data_dir": str(folder), "image_size": 16, "cache_side": 16}
    with pytest.raises(DataError, match=r"1 pictures are of no use.*\n.*train/cat/1\.png"):
        imagenet.prepare(dataset, tmp_path / "data.safetensors", lambda message: None, 1)
    assert not (tmp_path / "data.safetensors").exists()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: (f / "train/cow").mkdir(), "classes cow"),
        (lambda f: [(f / half / "cow").mkdir() for half in ("train", "test")], "cow"),
        (lambda f: (f / "test/dog").rename(f / "test/Dog"), "only one has Dog, dog"),
        (lambda f: (f / "test").rename(f / "tests"), "no folder"),
        (lambda f: [path.rename(path.with_suffix(".doc")) for path in (f / "train/cat").iterdir()], "cat"),
        (lambda f: (f / "train/cat/up").symlink_to(f / "train/cat"), "train/cat/up is a link back to"),
        (lambda f: (f / "train/cat/up").symlink_to("../.."), "train/cat/up is a link back to"),
        (lambda f: (f / "train/all").symlink_to("."), "train/all is a link back to"),
        (lambda f: (f / "test/dog/x.png").symlink_to("x.png"), "test/dog/x.png cannot be read"),
        (lambda f: (f / "test/dog/x.png").symlink_to("nowhere.png"), "test/dog/x.png cannot be read"),
    ],
    ids="class-of-one empty-class spelling half no-pictures loop loop-2 loop-3 loop-file dangling".split(),
)
def test_a_folder_that_is_not_laid_out_so_is_told(tmp_path, damage, told):
    folder = write_folder(tmp_path / "pictures")
    damage(folder)
    assert told in refusal(folder, tmp_path)


def test_links_round_a_corner_are_a_loop_and_others_are_followed(tmp_path):
    folder = write_folder(tmp_path / "pictures")
    more = tmp_path / "elsewhere"
    more.mkdir()
    noise(7).save(more / "7.png")
    (folder / "train/cat/more").symlink_to(more)
    assert prepared(folder, tmp_path / "data.safetensors")["train_images"] == 7
    (more / "back").symlink_to(folder / "train/cat")
    assert "back is a link back to" in refusal(folder, tmp_path)


def test_pictures_of_one_colour_are_told(tmp_path):
    folder = write_folder(tmp_path / "pictures")
    for path in folder.glob("*/*/*.png"):
        path.write_bytes(saved(picture(), "PNG"))
    assert "one value everywhere" in refusal(folder, tmp_path)
