"""Device, precision and thread count: chosen at run time, recorded, and part of what a run is known by."""

import ctypes
import os
import platform
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version

import torch

from ..errors import UserError
from . import distributed

DEVICES = ("auto", "cpu", "cuda", "mps")


class DeviceError(UserError):
    """A device that is wanted and not there."""


@dataclass(frozen=True)
class Numerics:
    """How numbers are computed. Two runs are comparable bit by bit only where all of this is equal."""

    device: str
    precision: str
    threads: int
    images_per_pass: int

    def autocast(self):
        """The context in which forward passes run."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    @property
    def evaluation_batch(self) -> int:
        """Images evaluated at once: what fits the caches of a processor, or fills a GPU."""
        return 100 if self.device == "cpu" else max(100, self.images_per_pass // 2)


def choose_device(wanted: str = "auto") -> str:
    """'cuda', 'mps' or 'cpu'. Raises DeviceError if the wanted one is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(device for device, available in there.items() if available)
    if wanted not in there:
        raise DeviceError(f"device: {wanted!r} is none of {', '.join(DEVICES)}")
    if not there[wanted]:
        raise DeviceError(
            f"device: {wanted} is wanted, but torch {torch.__version__} finds none here; set device: auto"
        )
    return wanted


def has_bf16(device: str) -> bool:
    """Whether the device computes in bfloat16 by itself (emulation is slower than float32)."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "cpu" and platform.machine() in ("x86_64", "AMD64"):
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        known = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
        return bool(known or torch.cpu._is_avx512_bf16_supported())
    return False


def choose(device: str, precision: str, threads: int, group_size: int, pixels: int) -> Numerics:
    """Resolve 'auto' for device and precision, and fix torch's threads and kernels for repeatable sums.

    `pixels` is height x width of an image: memory of a GPU bounds how many pass at once.
    """
    device = choose_device(device)
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    # a processor gains nothing from more than one ghost group at once; a GPU does
    images_per_pass = group_size if device == "cpu" else max(group_size, 4096 * 32 * 32 // pixels)
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
    # as use_deterministic_algorithms(..., warn_only=True), which would import the compiler: two seconds a process
    torch.set_deterministic_debug_mode("default" if device == "mps" else "warn")
    # it would also fill every new tensor before use, which costs time and changes nothing here
    torch.utils.deterministic.fill_uninitialized_memory = False
    return Numerics(device, precision, threads, images_per_pass)


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next tensor of that size, instead of asking the kernel for fresh pages.

    Otherwise page faults cost a processor up to a tenth of training and a third of evaluation.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # not glibc
        return
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2  # malloc.h
    mallopt(mmap_threshold, 2**30)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 2**26)


def identity(numerics: Numerics) -> dict:
    """What of it a run is known by, with the number of processes if it is trained by several."""
    return asdict(numerics) | ({"processes": distributed.count()} if distributed.count() > 1 else {})


@cache
def describe(numerics: Numerics) -> dict:
    """Numerics, and the hardware and versions behind them, for provenance."""
    name = torch.cuda.get_device_name() if numerics.device == "cuda" else _processor()
    return identity(numerics) | {
        "hardware": name,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }


def _processor() -> str:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return capabilities.get("cpu_name") or platform.processor() or platform.machine()
