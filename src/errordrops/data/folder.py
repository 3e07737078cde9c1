"""A folder of images, as ImageNet comes and as anybody can lay out pictures of their own."""

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset
from torchvision.transforms.v2.functional import center_crop, resize

from .sources import DataError

LONGEST = 100  # times the shorter side
# what Pillow raises for damaged files, one format this, another that
UNREADABLE = (
    *(OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError, TypeError),
    *(EOFError, IndexError, KeyError, OverflowError, struct.error, zlib.error),
)


def list_folder(folder: Path, half: str, train: str = "train") -> tuple[list[Path], np.ndarray]:
    """Paths and labels (n,) of the pictures in FOLDER/HALF/CLASS/, sorted; labels are those of FOLDER/`train`.

    Raises DataError for folders that are not there or cannot be read, a class without pictures, classes that only one
    half has, and a link to a folder that it lies in.
    """
    for needed in (folder / train, folder / half):
        if not needed.is_dir():
            raise DataError(f"no folder {needed}: an image folder holds {train}/<class>/ and {half}/<class>/")
    _refuse_loops(folder / half)
    try:
        classes = find_classes(str(folder / train))[1]
        own = find_classes(str(folder / half))[1]
        if own != classes:
            differ = sorted(set(own) ^ set(classes))
            raise DataError(
                f"{folder}: {train} and {half} do not have the same classes; only one has {', '.join(differ[:5])}"
            )
        samples = make_dataset(str(folder / half), classes, IMG_EXTENSIONS)
    except FileNotFoundError as error:
        raise DataError(f"{folder / half}: {error}") from None
    return [Path(path) for path, _ in samples], np.asarray([label for _, label in samples])


def _refuse_loops(folder: Path) -> None:
    """Links to folders are followed; one that leads back would bring the same pictures again, some dozens of times."""

    def unreadable(error: OSError):
        raise DataError(f"{error.filename} cannot be read ({error.strerror})") from None

    for root, names, _ in os.walk(folder, onerror=unreadable, followlinks=True):
        for link in filter(Path.is_symlink, (Path(root, name) for name in names)):
            for above in link.absolute().parents:
                if link.samefile(above):
                    raise DataError(
                        f"{link} is a link back to {above}: its pictures would count again; remove the link"
                    )


def read_folder(folder: Path, half: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, size, size) uint8 and labels (n,) of FOLDER/train or FOLDER/test.

    Pictures of another size are brought to it: shorter side to `size`, then the middle cut out.
    Raises DataError that names the folder or the file.
    """
    paths, labels = list_folder(folder, half)
    images = np.empty((len(paths), 3, size, size), np.uint8)
    for row, path in enumerate(paths):
        image = read_rgb(path)
        if image.size != (size, size):
            image = center_crop(resize(image, [size], antialias=True), [size, size])
        images[row] = np.asarray(image).transpose(2, 0, 1)
    return images, labels


def read_rgb(path: Path) -> Image.Image:
    """A picture as 8-bit RGB: grey, CMYK and palettes converted, 16 bits a channel scaled. Raises DataError."""
    try:
        # damaged EXIF, of which some ImageNet files have some
        with warnings.catch_warnings(action="ignore"), Image.open(path) as opened:
            if max(opened.size) > LONGEST * min(opened.size):  # brought to shape it might not fit into memory
                raise DataError(f"{path} has {opened.size[0]} x {opened.size[1]} pixels; no such strip is a photograph")
            if opened.mode.startswith("I"):  # PIL would cut grey values above 255 off
                grey = np.asarray(opened)
                if grey.min() < 0 or grey.max() > 65535:
                    raise DataError(f"{path} has grey values beyond 16 bits; save it with 8 or 16 bits a channel")
                return Image.fromarray((grey / 257).round().astype(np.uint8)).convert("RGB")
            if opened.mode == "F":
                raise DataError(f"{path} has floating-point pixels; save it with 8 or 16 bits a channel")
            return opened.convert("RGB")
    except UNREADABLE as error:
        raise DataError(f"{path} cannot be read as an image ({error})") from None
