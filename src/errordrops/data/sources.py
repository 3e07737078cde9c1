"""Fetching data sets. Contents are verified by checksum of the decompressed files, whichever source they come from."""

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from ..errors import UserError

FASHION_MNIST = {  # SHA-256 of the decompressed files
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
LARGEST = 100_000_000  # bytes; more than any of these files has, and what a damaged or hostile one may unpack to
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
STALLED = 30  # seconds without a byte after which a download gives up; urllib has no limit of its own
FAILS = (OSError, RuntimeError, HTTPException, subprocess.SubprocessError)  # what a source that does not serve raises


class DataError(UserError):
    """Data that cannot be had or is not what it should be; the message names the file."""


def cache_folder() -> Path:
    """Where fetched data sets are kept between studies: $ERRORDROPS_CACHE, else the user's cache folder."""
    own = os.environ.get("ERRORDROPS_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(own) if own else base / "errordrops"


def fashion_mnist(
    named: Path | None, cache: Path, say: Callable[[str], None], sources: Iterator | None = None
) -> tuple[Path, str]:
    """A torchvision root that holds the verified Fashion-MNIST, and the source it came from.

    Sources in order: the folder the user named, Debian's package where it installs itself, torchvision's download,
    Debian's package downloaded and unpacked into the cache. Each failure is told through `say`.
    Raises DataError with every source's failure if none serves.
    """
    raw = cache / "FashionMNIST" / "raw"
    came_from = raw / "source.txt"
    if named is None and came_from.exists() and not _problems(raw):
        return cache, came_from.read_text().strip()
    raw.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    for source, folder_of in sources or _fashion_mnist_sources(named):
        if failures and came_from.exists() and not _problems(raw):
            return cache, came_from.read_text().strip()
        try:
            with folder_of() as folder:
                for name, checksum in FASHION_MNIST.items():
                    _install(folder, name, checksum, raw)
            came_from.write_text(source)
            return cache, source
        except (DataError, *FAILS) as error:
            failures.append(f"{source}: {_line(error)}")
            say(f"data: {failures[-1]}; trying the next source")
    raise DataError(
        "Fashion-MNIST could not be had from any source:\n  " + "\n  ".join(failures) + "\nName a folder that "
        "holds its four idx files with data_dir (in config/config.yaml, or --config data_dir=FOLDER)."
    )


def _line(error: Exception) -> str:
    """What went wrong, in one line; some errors of a network have no text."""
    return " ".join(str(error).split()) or type(error).__name__


def _fashion_mnist_sources(named: Path | None):
    if named is not None:
        yield "a folder named by the user", lambda: _existing(named)
    yield f"Debian package {DEBIAN_PACKAGE} (installed)", lambda: _existing(DEBIAN_FOLDER)
    yield "torchvision's download", _torchvision_download
    yield f"Debian package {DEBIAN_PACKAGE} (downloaded)", _debian_download


@contextmanager
def _existing(folder: Path):
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(f"no folder {folder}")
    inner = folder / "FashionMNIST" / "raw"
    yield inner if inner.is_dir() else folder


@contextmanager
def _torchvision_download():
    from torchvision.datasets import FashionMNIST

    with tempfile.TemporaryDirectory() as folder, _timeout(STALLED):
        FashionMNIST(folder, download=True)
        yield Path(folder) / "FashionMNIST" / "raw"


@contextmanager
def _debian_download():
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DataError("this is not a Debian system")
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "download", DEBIAN_PACKAGE], folder)
        package = next(Path(folder).glob("*.deb"), None)
        if package is None:
            raise DataError(f"`apt-get download {DEBIAN_PACKAGE}` brought no package")
        _run(["dpkg-deb", "-x", package.name, "."], folder)
        yield Path(folder) / DEBIAN_FOLDER.relative_to("/")


def _run(command: list[str], folder: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise DataError(f"`{' '.join(command)}` failed: {' '.join(done.stderr.split()[-30:])}")


@contextmanager
def _timeout(seconds: float):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problems(raw: Path) -> list[str]:
    return [n for n, checksum in FASHION_MNIST.items() if not (raw / n).is_file() or sha256(raw / n) != checksum]


def _install(folder: Path, name: str, checksum: str, raw: Path) -> None:
    """Bring one file, decompressed and verified, into `raw`. Raises DataError that names the file."""
    plain, zipped = folder / name, folder / f"{name}.gz"
    source = plain if plain.is_file() else zipped
    if not source.is_file():
        raise DataError(f"no file {plain} or {zipped.name}")
    temporary = raw / f".{name}.{os.getpid()}"
    opener = gzip.open if source == zipped else open
    try:
        with opener(source, "rb") as read, temporary.open("wb") as write:
            while part := read.read(2**20):
                write.write(part)
                if write.tell() > LARGEST:
                    raise DataError(f"{source} is not the original: it has more than {LARGEST:,} bytes")
        if sha256(temporary) != checksum:
            raise DataError(f"{source} is not the original: its content has another checksum")
        temporary.replace(raw / name)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{source} is truncated or damaged ({error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def _damaged_cifar10(root: Path) -> Path:
    """The first file of CIFAR-10 that is not there or has another MD5 sum than torchvision knows."""
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    files = [(root / CIFAR10.base_folder / name, md5) for name, md5 in CIFAR10.train_list + CIFAR10.test_list]
    return next((path for path, md5 in files if not check_integrity(str(path), md5)), root / CIFAR10.base_folder)


def cifar10(named: Path | None, cache: Path, say: Callable[[str], None]) -> tuple[Path, str]:
    """A torchvision root that holds CIFAR-10 (torchvision checks its MD5 sums), and the source.

    Raises DataError if neither the named folder nor the download serves.
    """
    from torchvision.datasets import CIFAR10

    failures = []
    if named is not None:
        folder = Path(named).expanduser()
        root = folder.parent if folder.name == CIFAR10.base_folder else folder
        try:
            CIFAR10(str(root))
            return root, "a folder named by the user"
        except RuntimeError:
            failures.append(f"folder {named}: {_damaged_cifar10(root)} is missing or damaged")
            say(f"data: {failures[-1]}; trying the next source")
    try:
        _download_cifar10(cache)
        return cache, "torchvision's download"
    except FAILS as error:
        failures.append(f"torchvision's download: {_line(error)}")
    raise DataError(
        "CIFAR-10 could not be had from any source:\n  " + "\n  ".join(failures) + "\nName a folder that holds "
        f"{CIFAR10.base_folder}/, or all images as train/<class>/ and test/<class>/, with data_dir (in "
        "config/config.yaml, or --config data_dir=FOLDER)."
    )


def _download_cifar10(cache: Path) -> None:
    """CIFAR-10 into `cache`, unless it is there and whole: fetched, checked and unpacked beside it, then moved."""
    from torchvision.datasets import CIFAR10

    whole = cache / CIFAR10.base_folder
    with suppress(RuntimeError):
        CIFAR10(str(cache))
        return
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".cifar10-") as folder, _timeout(STALLED):
        CIFAR10(folder, download=True)
        if whole.exists():  # damaged, or left by a download that was cut off
            whole.rename(Path(folder) / "damaged")
        (Path(folder) / CIFAR10.base_folder).rename(whole)
