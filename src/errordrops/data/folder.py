"""A folder of images, as ImageNet comes and as anybody can lay out pictures of their own."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from torchvision.datasets import ImageFolder
from torchvision.transforms.v2.functional import center_crop, resize

from .sources import DataError


def read_folder(folder: Path, half: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, size, size) uint8 and labels (n,) of FOLDER/train or FOLDER/test.

    Pictures of another size are brought to it: shorter side to `size`, then the middle cut out.
    Raises DataError that names the folder or the file.
    """
    train = folder / "train"
    for needed in (train, folder / half):
        if not needed.is_dir():
            raise DataError(f"no folder {needed}: an image folder holds train/<class>/ and test/<class>/")
    try:
        listing = ImageFolder(str(folder / half))
        classes = ImageFolder(str(train)).class_to_idx if half != "train" else listing.class_to_idx
    except (FileNotFoundError, RuntimeError) as error:
        raise DataError(f"{folder / half}: {error}") from None
    if listing.class_to_idx != classes:
        differ = sorted(set(listing.class_to_idx) ^ set(classes))
        raise DataError(
            f"{folder}: train and {half} do not have the same classes; only one has {', '.join(differ[:5])}"
        )
    images = np.empty((len(listing.samples), 3, size, size), np.uint8)
    for row, (path, _) in enumerate(listing.samples):
        images[row] = _read_image(Path(path), size)
    return images, np.asarray(listing.targets)


def _read_image(path: Path, size: int) -> np.ndarray:
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise DataError(f"{path} cannot be read as an image ({error})") from None
    if image.size != (size, size):
        image = center_crop(resize(image, [size], antialias=True), [size, size])
    return np.asarray(image).transpose(2, 0, 1)
