"""Data and network of a study file: what they may be, and what must fit together."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .fields import Misfit, Part, Size
from .plainyaml import shown

DATASET_LABELS = {
    "fashion-mnist": "Fashion-MNIST",
    "fashion-mnist-sample": "Fashion-MNIST (a sample of 1,600 images)",
    "cifar10": "CIFAR-10",
    "image-folder": "a folder of images",
    "imagenet": "ImageNet",
}
TRAIN_IMAGES = {"fashion-mnist": 60_000, "fashion-mnist-sample": 1_000, "cifar10": 50_000}
TEST_IMAGES = {"fashion-mnist": 10_000, "fashion-mnist-sample": 600, "cifar10": 10_000}
# for estimates alone: the folder may hold a part of it, or other pictures
EXPECTED_IMAGES = {"imagenet": (1_281_167, 50_000)}


class Dataset(Part):
    """What is trained on."""

    name: Literal["fashion-mnist", "fashion-mnist-sample", "cifar10", "image-folder", "imagenet"]
    """Which data set."""
    label: str | None = None
    """The name that the report uses, such as 'CIFAR-10 (JPEG q75)'."""
    data_dir: str | None = None
    """A folder that already holds the data set. For image-folder: train/<class>/ and test/<class>/; for imagenet:
    train/<class>/ and val/<class>/.
    """
    image_size: Annotated[int | None, Field(ge=8, le=1024)] = None
    """image-folder: height and width in pixels to which the pictures are brought; imagenet: height and width of the
    random and middle crops (224).
    """
    cache_side: Annotated[int | None, Field(ge=8, le=2048)] = None
    """imagenet: pictures are decoded once, their shorter side brought to so many pixels, and kept so on disk
    ($ERRORDROPS_CACHE); left out: files are decoded every time.
    """
    train_size: Size | None = None
    """Training images, drawn stratified and seeded; all of them if left out."""
    subset: Literal["seed", "fixed"] | None = None
    """Whether each seed draws its training images (where train_size says how many; imagenet cannot), or all seeds share
    one draw.
    """
    test_size: Size | None = None
    """Test images, drawn stratified and seeded; all of them if left out."""
    validation_size: Size | None = None
    """Images of the training half that are not trained on, for the plateau rule; drawn stratified and seeded."""
    pad: Annotated[int, Field(ge=0, le=64)] = 0
    """Pixels of padding before the random crop; 0 for none."""
    flip: bool = False
    """Random horizontal flip."""
    normalisation: Literal["channel", "pixel-mean"] = "channel"
    """channel: mean and deviation of each channel; pixel-mean: the mean image is subtracted (He et al. 2015)."""

    @property
    def train_images(self) -> int | None:
        """Training images, None where only the folder itself can tell."""
        return self.train_size or TRAIN_IMAGES.get(self.name)

    def resolved(self) -> dict[str, Any]:
        """By key, as keys of runs have it: `subset` only where each seed draws images of its own."""
        drawn = self.subset or ("seed" if self.train_size and self.name != "imagenet" else "fixed")
        facts = {key: value for key, value in self.stated().items() if key != "subset"}
        return facts | ({"subset": "seed"} if drawn == "seed" else {})

    @model_validator(mode="after")
    def _there(self) -> Self:
        """No more images are asked for than there are."""
        label = DATASET_LABELS[self.name]
        for key, whole, beside in (
            ("train_size", TRAIN_IMAGES, 0),
            ("test_size", TEST_IMAGES, 0),
            ("validation_size", TRAIN_IMAGES, self.train_size or 0),
        ):
            wanted = getattr(self, key) or 0
            if self.name in whole and wanted + beside > whole[self.name]:
                more = " beside train_size" if beside else ""
                raise Misfit(key, f"{wanted} images wanted{more}, but {label} has {whole[self.name]}")
        if self.data_dir is not None and not _is_folder(self.data_dir):
            raise Misfit("data_dir", f"no folder {self.data_dir if len(self.data_dir) < 300 else shown(self.data_dir)}")
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Keys go together. Augmentation of imagenet is torchvision's RandomResizedCrop."""
        label, stored = DATASET_LABELS[self.name], self.name == "imagenet"
        if self.subset == "seed" and (self.train_size is None or stored):
            why = "pictures stay on disk" if stored else "needs train_size, which says how many images to draw"
            raise Misfit("subset", f"seeds cannot draw images of their own here: {why}")
        if self.validation_size and self.train_size is None:
            raise Misfit("validation_size", "needs train_size: what it leaves is where they are taken from")
        for key in ("data_dir", "image_size") if self.name == "image-folder" else ():
            if getattr(self, key) is None:
                raise Misfit(key, "an image folder needs it")
        if stored and self.image_size is None:
            raise Misfit("image_size", "imagenet needs it: height and width of the crops, 224 as a rule")
        if stored and self.pad:
            raise Misfit("pad", "pictures of imagenet are cropped and resized at random, not padded")
        if stored and self.normalisation != "channel":
            raise Misfit("normalisation", "pictures of imagenet are normalised by channel")
        if self.image_size and self.name not in ("image-folder", "imagenet"):
            raise Misfit("image_size", f"only an image folder is resized, {label} is taken as it is")
        if self.cache_side and not stored:
            raise Misfit("cache_side", f"{label} is kept in memory")
        if self.cache_side and self.image_size and self.cache_side < self.image_size:
            raise Misfit("cache_side", f"smaller than image_size ({self.image_size})")
        return self


def _is_folder(name: str) -> bool:
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):  # too long or forbidden; ~ of an unknown user; a zero byte
        return False


class Network(Part):
    """The network."""

    family: Literal["cifar-resnet", "wide-resnet", "imagenet-resnet"]
    """The network."""
    depth: Annotated[int, Field(ge=1)]
    """cifar-resnet: 6n + 2; wide-resnet: 6n + 4; imagenet-resnet: 18, 34 or 50."""
    width: Annotated[int | None, Field(ge=1, le=1024)] = None
    """cifar-resnet: channels of the first stage (He et al.: 16)."""
    widen_factor: Annotated[int | None, Field(ge=1, le=64)] = None
    """wide-resnet: 4 for WRN-16-4."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """The family has this depth, and the keys are its own."""
        own, shape, good = {
            "cifar-resnet": ("width", "6n + 2 (8, 14, 20, ...)", self.depth >= 8 and self.depth % 6 == 2),
            "wide-resnet": ("widen_factor", "6n + 4 (10, 16, ...)", self.depth >= 10 and self.depth % 6 == 4),
            "imagenet-resnet": (None, "18, 34 or 50", self.depth in (18, 34, 50)),
        }[self.family]
        for key in ("width", "widen_factor"):
            if key != own and getattr(self, key) is not None:
                raise Misfit(key, f"a {self.family} has no {key}")
            if key == own and getattr(self, key) is None:
                raise Misfit(key, f"a {self.family} needs it")
        if not good:
            raise Misfit("depth", f"must be {shape}, but is {self.depth}")
        return self
