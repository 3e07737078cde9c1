"""Training one run in several processes: what one process would do, within rounding.

Every process holds the whole network and takes whole ghost groups of each batch, so that batch norm sees the images
that it would see in one process; PyTorch's DistributedDataParallel sums the gradients. Nothing but the order in which
sums are rounded depends on the number of processes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from inspect import signature
from itertools import accumulate

import torch
from torch import distributed
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from ..data.epoch import Subset
from ..errors import UserError
from ..study.batching import Pass, batch_sizes, group_sizes, passes_of, split_evenly
from ..study.settings import Setting
from .batchnorm import batch_norms, recomputed_statistics, set_groups
from .evaluation import Answers, answers
from .perturbation import Piece, image_weights, weighted
from .processes import count, rank
from .trainer import Trainer


class TeamError(UserError):
    """A batch that the processes cannot share."""


def share(parts: int) -> slice:
    """Which of so many neighbouring parts this process takes; the shares differ by at most one part."""
    ends = [0, *accumulate(split_evenly(parts, count()))]
    return slice(ends[rank()], ends[rank() + 1])


@dataclass
class TeamTrainer(Trainer):
    """A trainer in each of several processes, which call the same methods at the same time."""

    def __post_init__(self):
        super().__post_init__()
        # running statistics are taken care of here; how to say so has changed its name in torch 2.14
        names = signature(DistributedDataParallel).parameters
        buffers = "forward_sync_buffers" if "forward_sync_buffers" in names else "broadcast_buffers"
        self.parallel = DistributedDataParallel(self.model, **{buffers: False})

    def train_epoch(
        self, epoch: int, setting: Setting, after_update: Callable[[int], None] = lambda update: None
    ) -> tuple[dict[str, float], int]:
        """As `Trainer.train_epoch`, the groups of each batch shared out. Raises TeamError for fewer groups than
        processes.
        """
        n = len(self.data.train)
        batches = [group_sizes(size, self.group_size) for size in batch_sizes(n, setting.batch_size)]
        fewest = min(map(len, batches))
        if fewest < count():
            raise TeamError(
                f"{count()} processes cannot share a batch of {setting.batch_size} images, which has {fewest} ghost "
                f"group(s) of about {self.group_size}: take at most {fewest} processes, or a smaller group_size"
            )
        mine = [share(len(groups)) for groups in batches]
        own = [passes_of(groups[s], self.numerics.images_per_pass) for groups, s in zip(batches, mine, strict=True)]
        pieces: Iterator[Piece] = self.data.epoch(self.seed, epoch, setting.order).pieces(*_cut(batches, mine, own))
        if setting.noise != 1:  # drawn for whole batches, of which this process has a part
            drawn = image_weights([sum(g) for g in batches], setting.noise, self.seed, epoch, setting.order)
            parts = [w[sum(g[: s.start]) : sum(g[: s.stop])] for w, g, s in zip(drawn, batches, mine, strict=True)]
            pieces = weighted(pieces, [weights.to(self.data.mean.device) for weights in parts])
        norms, parameters = batch_norms(self.model), self.optimizer.parameters
        loss_sum = torch.zeros((), device=self.data.mean.device)
        wrong = torch.zeros((), dtype=torch.int64, device=loss_sum.device)
        self.model.train()
        with self._running_statistics() as decay:
            for update, (groups, s, batch) in enumerate(zip(batches, mine, own, strict=True), start=1):
                decay(s.start)
                for one in batch:
                    images, labels, *weights = next(pieces)
                    set_groups(norms, one.groups)
                    with nullcontext() if one is batch[-1] else self.parallel.no_sync():
                        with self.numerics.autocast():
                            logits = self.parallel(images)
                        losses = cross_entropy(logits.float(), labels, reduction="none")
                        loss = weights[0] @ losses if weights else losses.sum()
                        # it takes the mean over processes, where the sum is wanted
                        (loss * (count() / sum(groups))).backward()
                    loss_sum += losses.detach().sum()
                    wrong += (logits.detach().argmax(1) != labels).sum()
                decay(len(groups) - s.stop)
                rate = self.rate(epoch, (update - 1) / len(batches), setting)
                self.optimizer.step(rate, setting.momentum, setting.decayed)
                for average in self.averages:
                    average.update(parameters, len(batches))
                after_update(update)
        for total in (loss_sum, wrong):
            distributed.all_reduce(total)
        return {"error": 100 * wrong.item() / n, "loss": loss_sum.item() / n}, len(batches)

    @contextmanager
    def _running_statistics(self) -> Iterator[Callable[[int], None]]:
        """Running statistics that are those of all groups, in order, once the context is left.

        They are linear in the groups' statistics: each process lets its own fade by the groups of the others, which
        the function given does, and at the end they are summed. What was there before counts in the first process.
        """
        norms = batch_norms(self.model)
        buffers = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
        counts = [norm.num_batches_tracked for norm in norms]
        momentum = norms[0].momentum
        if rank():
            torch._foreach_zero_([*buffers, *counts])

        def decay(groups: int) -> None:
            if groups:
                torch._foreach_mul_(buffers, (1 - momentum) ** groups)

        yield decay
        for buffer in (*buffers, *counts):
            distributed.all_reduce(buffer)

    def _answers(self, subset: Subset) -> Answers:
        """Each process answers whole evaluation batches, and all learn all answers."""
        size = self.numerics.evaluation_batch
        part = share(-(-len(subset) // size))
        start, stop = part.start * size, min(part.stop * size, len(subset))
        losses = torch.zeros(len(subset), device=self.data.mean.device)
        right = torch.zeros(len(subset), dtype=torch.uint8, device=losses.device)
        if stop > start:
            own = answers(self.model, self.data, subset.part(start, stop), self.numerics)
            losses[start:stop], right[start:stop] = own.losses, own.right
        for given in (losses, right):
            distributed.all_reduce(given)
        return Answers(losses, right.bool())

    @contextmanager
    def _recomputed(self) -> Iterator[None]:
        """As `evaluation.recomputed`: each process averages over some of the batches, then all over all."""
        sample, size = self.statistics.sample(self.data), 2 * self.numerics.evaluation_batch
        part = share(-(-len(sample) // size))
        own = sample.part(part.start * size, min(part.stop * size, len(sample)))
        batches = map(self.data.normalise, own.batches(size)) if len(own) else ()
        with recomputed_statistics(self.model, batches, self.numerics.autocast):
            for norm in batch_norms(self.model):
                seen = norm.num_batches_tracked.clone()
                distributed.all_reduce(norm.num_batches_tracked)
                for buffer in (norm.running_mean, norm.running_var):
                    buffer.mul_(seen / norm.num_batches_tracked)
                    distributed.all_reduce(buffer)
            yield


def _cut(
    batches: Sequence[Sequence[int]], mine: Sequence[slice], own: Sequence[Sequence[Pass]]
) -> tuple[list[int], list[bool]]:
    """Sizes of the pieces of an epoch, and which of them this process wants: its own passes, not what is around."""
    sizes, wanted = [], []
    for groups, s, batch in zip(batches, mine, own, strict=True):
        sizes += [sum(groups[: s.start]), *(one.images for one in batch), sum(groups[s.stop :])]
        wanted += [False, *[True] * len(batch), False]
    return sizes, wanted
