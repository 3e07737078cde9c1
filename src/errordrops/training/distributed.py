"""Several processes that train one run together, one a GPU, as `torchrun` starts them; of one machine or many.

Every process holds the whole network and takes whole ghost groups of each batch, so that batch norm sees the images
that it would see in one process. Gradients, counts and statistics are summed over the processes. Only the order in
which sums are rounded depends on their number. A single process takes everything, and there is nothing to sum.

Rank 0 alone writes, and reads what a decision depends on. It broadcasts what it read, so that all processes decide
alike however late a file shows on another machine.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import UserError
from ..study.batching import Pass, passes_of, split_evenly
from .batchnorm import GhostBatchNorm2d
from .checkpoints import State, Store

T = TypeVar("T")


def count() -> int:
    """Processes that train this run together; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this one, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def here() -> int:
    """Processes on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if count() > 1 else 1


def join(device: str) -> None:
    """Meet the others, by NCCL on GPUs, each of which takes its own, else by Gloo. Nothing to do for one process."""
    if count() == 1 or dist.is_initialized():
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device == "cuda" else "gloo")


def leave() -> None:
    """Part from the others."""
    if dist.is_initialized():
        dist.destroy_process_group()


def broadcast_from_rank0(compute: Callable[[], T]) -> T:
    """What `compute` returns in rank 0, in all processes. The error that it raises, if any, is raised in all."""
    message: list[Any] = [None, None]
    if rank() == 0:
        try:
            message[0] = compute()
        except Exception as error:
            message[1] = error
    dist.broadcast_object_list(message, src=0)
    if message[1] is not None:
        raise message[1]
    return message[0]


class BatchError(UserError):
    """A batch that the processes cannot share."""


@dataclass(frozen=True)
class Share:
    """What this process takes of a batch: neighbouring ghost groups, in `passes`. Images and groups of the whole batch
    are counted, and those before and after the share.
    """

    passes: tuple[Pass, ...]
    images: int
    images_before: int
    images_after: int
    groups_before: int
    groups_after: int

    @property
    def part(self) -> slice:
        """Which images of the batch."""
        return slice(self.images_before, self.images - self.images_after)


def share(parts: int) -> slice:
    """Which of so many neighbouring parts this process takes; the shares differ by at most one part."""
    ends = [0, *accumulate(split_evenly(parts, count()))]
    return slice(ends[rank()], ends[rank() + 1])


def share_of_batch(groups: Sequence[int], images_per_pass: int) -> Share:
    """The share of a batch with ghost groups of these sizes. Raises BatchError for fewer groups than processes."""
    if len(groups) < count():
        raise BatchError(
            f"{count()} processes cannot share a batch of {sum(groups)} images, which has {len(groups)} ghost "
            f"group(s) of about {groups[0]}: take at most {len(groups)} processes, or a smaller group_size"
        )
    own = share(len(groups))
    return Share(
        passes=tuple(passes_of(groups[own], images_per_pass)),
        images=sum(groups),
        images_before=sum(groups[: own.start]),
        images_after=sum(groups[own.stop :]),
        groups_before=own.start,
        groups_after=len(groups) - own.stop,
    )


def pieces_of(shares: Sequence[Share]) -> tuple[list[int], list[bool]]:
    """Sizes of the pieces of an epoch, and which of them this process wants: its own passes, not what is around."""
    sizes, wanted = list[int](), list[bool]()
    for batch in shares:
        sizes += [batch.images_before, *(each.images for each in batch.passes), batch.images_after]
        wanted += [False, *[True] * len(batch.passes), False]
    return sizes, wanted


def sum_over_processes(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all processes; those of one type travel together."""
    if count() == 1:
        return
    with torch.no_grad():
        for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
            alike = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in alike])
            dist.all_reduce(flat)
            for tensor, total in zip(alike, flat.split([tensor.numel() for tensor in alike]), strict=True):
                tensor.copy_(total.view(tensor.shape))


@contextmanager
def running_statistics(norms: Sequence[GhostBatchNorm2d]) -> Iterator[Callable[[int], None]]:
    """Running statistics that are those of all processes' groups, in order, once the context is left.

    They are linear in the groups' statistics. So each process lets its own fade by the groups of the others, which the
    function given does, and at the end they are summed. What was there before counts in rank 0.
    """
    buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    counts = [norm.num_batches_tracked for norm in norms]
    kept = 1 - norms[0].momentum
    if rank():
        torch._foreach_zero_([*buffers, *counts])

    def fade(groups: int) -> None:
        if groups:
            torch._foreach_mul_(buffers, kept**groups)

    yield fade
    sum_over_processes([*buffers, *counts])


def average_statistics(norms: Sequence[GhostBatchNorm2d]) -> None:
    """Replace plain averages of batch statistics by those over the batches of all processes."""
    if count() == 1:
        return
    seen = [norm.num_batches_tracked.clone() for norm in norms]
    sum_over_processes([norm.num_batches_tracked for norm in norms])
    for norm, own in zip(norms, seen, strict=True):
        norm.running_mean.mul_(own / norm.num_batches_tracked)
        norm.running_var.mul_(own / norm.num_batches_tracked)
    sum_over_processes([buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)])


class SharedStore(Store):
    """The store as all processes see it: rank 0 writes and reads, the others receive what it read."""

    def __init__(self, folder: Path):
        if rank() == 0:
            super().__init__(folder)
        self.folder = folder

    def has_state(self, key: str) -> bool:
        return broadcast_from_rank0(lambda: Store.has_state(self, key))

    def load_state(self, key: str) -> State | None:
        return broadcast_from_rank0(lambda: Store.load_state(self, key))

    def save_state(self, key: str, state: State, for_good: bool = True) -> None:
        if rank() == 0:
            Store.save_state(self, key, state, for_good)

    def drop_latest(self, key: str) -> None:
        if rank() == 0:
            Store.drop_latest(self, key)

    def record(self, key: str, kind: str = "record") -> Any:
        return broadcast_from_rank0(lambda: Store.record(self, key, kind))

    def save_record(self, key: str, content: Any, kind: str = "record") -> None:
        if rank() == 0:
            Store.save_record(self, key, content, kind)


def store(folder: Path) -> Store:
    """The store in a folder, for one process or many."""
    return SharedStore(folder) if count() > 1 else Store(folder)
