"""CIFAR-10 as a folder of pictures, train/<class>/ and test/<class>/: how copies of it are passed around.

What they are compressed with belongs to a result: JPEG loses detail, and error comes out a little worse for it.
"""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from .folder import read_folder
from .sources import DataError

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
COUNTS = {"train": 50_000, "test": 10_000}
# JPEG's example table for luminance (Annex K), row by row, of which the qualities of libjpeg are multiples
LUMINANCE = [
    int(value)
    for row in (
        "16 11 10 16 24 40 51 61",
        "12 12 14 19 26 58 60 55",
        "14 13 16 24 40 57 69 56",
        "14 17 22 29 51 87 80 62",
        "18 22 37 56 68 109 103 77",
        "24 35 55 64 81 104 113 92",
        "49 64 78 87 103 121 120 101",
        "72 92 95 98 112 100 103 99",
    )
    for value in row.split()
]


def is_folder_copy(folder: Path) -> bool:
    """Whether a folder holds CIFAR-10 as pictures."""
    return (folder / "train" / CLASSES[0]).is_dir()


def read_copy(folder: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], str]:
    """({half: (images (n, 3, 32, 32) uint8, labels (n,))}, its compression in words, such as "JPEG q75").

    Raises DataError that names the folder or file unless it is all of CIFAR-10 in pictures of 32 x 32 pixels.
    """
    halves = {}
    for half, wanted in COUNTS.items():
        there = sorted(path.name for path in (folder / half).glob("*") if path.is_dir())
        if there != CLASSES:
            raise DataError(f"{folder / half}: CIFAR-10 has the classes {', '.join(CLASSES)}; found {', '.join(there)}")
        images, labels = halves[half] = read_folder(folder, half, 32)
        if len(images) != wanted or set(np.bincount(labels)) != {wanted // len(CLASSES)}:
            raise DataError(
                f"{folder / half}: CIFAR-10 has {wanted} images, the same number of each class; found {len(images)}. "
                "For a part of it set dataset.name: image-folder"
            )
    return halves, compression(folder)


def compression(folder: Path) -> str:
    """How the pictures are compressed: "PNG", "JPEG q75", or several, joined by "and"; read from every file's head."""
    kinds = {_kind(path) for half in COUNTS for path in (folder / half).glob("*/*")}
    return " and ".join(sorted(kinds))


def _kind(path: Path) -> str:
    try:
        with Image.open(path) as image:
            if image.size != (32, 32):
                raise DataError(
                    f"{path} has {image.size[0]} x {image.size[1]} pixels; CIFAR-10's pictures have 32 x 32"
                )
            return str(image.format) + (
                f" q{quality(image.quantization[0])}" if isinstance(image, JpegImageFile) else ""
            )
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"{path} cannot be read as an image ({error})") from None


def quality(table: list[int]) -> int | str:
    """The quality (1 to 100) of libjpeg whose luminance table (row by row, as Pillow gives it) this is, else "?"."""
    for q in range(100, 0, -1):
        scale = 5000 // q if q < 50 else 200 - 2 * q
        if list(table) == [min(max((value * scale + 50) // 100, 1), 255) for value in LUMINANCE]:
            return q
    return "?"
