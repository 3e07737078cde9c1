"""How an epoch is cut into batches, a batch into ghost groups, and groups into forward passes.

Every image is used once an epoch, in max(1, round(N / B)) batches of nearly equal size: the same images are seen
whatever the batch size. A batch is split into nearly equal groups of about the base batch size; batch norm normalises
within a group (ghost batch norm, Hoffer et al. 2017), which keeps its noise the same in all arms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from .settings import Setting


def split_evenly(total: int, parts: int) -> list[int]:
    """Sizes of `parts` nearly equal parts of `total`; they differ by at most one, the larger first."""
    size, extra = divmod(total, parts)
    return [size + 1] * extra + [size] * (parts - extra)


def batch_sizes(images: int, batch_size: int) -> list[int]:
    """Sizes of the batches of one epoch."""
    return split_evenly(images, updates_per_epoch(images, batch_size))


def updates_per_epoch(images: int, batch_size: int) -> int:
    """The number of batches, hence of updates, in one epoch."""
    return max(1, round(images / batch_size))


def nominal_updates(settings: Sequence[Setting], images: int) -> float:
    """Sum over epochs of N / B: how Smith et al. 2018 count updates."""
    return sum(images / setting.batch_size for setting in settings)


def group_sizes(batch: int, group_size: int) -> list[int]:
    """Sizes of the ghost groups of one batch."""
    return split_evenly(batch, max(1, round(batch / group_size)))


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass: `groups` ghost groups of `size` images each."""

    groups: int
    size: int

    @property
    def images(self) -> int:
        return self.groups * self.size


def passes_of(groups: Sequence[int], images_per_pass: int) -> list[Pass]:
    """The passes of ghost groups of these sizes: equal neighbours together, at most `images_per_pass` images each.

    A group is never split (its statistics belong together), so a pass holds at least one group.
    """
    result = []
    for size, equal in groupby(groups):
        left = len(list(equal))
        together = max(1, images_per_pass // size)
        while left:
            result.append(Pass(min(together, left), size))
            left -= result[-1].groups
    return result
