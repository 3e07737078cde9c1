"""The trainer: a model and its optimiser, one epoch of training, one evaluation.

What it does in epoch e depends only on the state at the end of e - 1, the seed, the setting of e, and e.
"""

import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..data.epoch import Data
from ..errors import ran_out_of_memory
from ..study.batching import batch_sizes, group_sizes
from ..study.plan import AVERAGED_TEST, AVERAGES, RAW, VALIDATION
from ..study.settings import Setting
from . import distributed
from .averages import Average, start
from .batchnorm import batch_norms, set_groups
from .checkpoints import State, capture, restore
from .distributed import Share
from .evaluation import Answers, Statistics, answers, recomputed
from .graphs import Graphs, graphs_for
from .models import build
from .numerics import Numerics
from .optimizer import Optimizer, optimizer_for
from .perturbation import Piece, image_weights, weighted


@dataclass
class Trainer:
    """A model, its optimiser, and all that does not change during a run."""

    data: Data
    model: nn.Module
    optimizer: Optimizer
    averages: list[Average]
    numerics: Numerics
    group_size: int
    seed: int
    statistics: Statistics
    train_eval_images: int
    graphs: Graphs | None = None
    warmup: Mapping[str, Any] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        device = self.data.mean.device
        self._norms = batch_norms(self.model)
        self._loss_sum, self._wrong = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)

    @classmethod
    def create(cls, recipe: Mapping[str, Any], data: Data, numerics: Numerics) -> "Trainer":
        """Build model and optimiser from a recipe (see `plan.recipe`)."""
        model = build(recipe["model"], data.channels, data.classes, recipe["seed"]).to(numerics.device)
        evaluation = recipe["evaluation"]
        return cls(
            data,
            model,
            optimizer_for(list(model.parameters()), recipe),
            start(model, recipe.get("averages", ())),
            numerics,
            recipe["group_size"],
            recipe["seed"],
            Statistics.of(recipe),
            evaluation["train_images"],
            graphs_for(numerics.device),
            recipe.get("warmup"),
            recipe,
        )

    def rate(self, epoch: int, done: float, setting: Setting) -> float:
        """The learning rate of an update after the share `done` of an epoch: the setting's, less during a warm-up,
        whose rate rises evenly from `from` (Goyal et al. 2017, section 2.2).
        """
        if not self.warmup or epoch > self.warmup["epochs"]:
            return setting.learning_rate
        first, share = self.warmup["from"], (epoch - 1 + done) / self.warmup["epochs"]
        return first + (setting.learning_rate - first) * share

    def state(self) -> State:
        return capture(self.model, self.optimizer, self.averages)

    def restore(self, state: State) -> None:
        restore(state, self.model, self.optimizer, self.averages)

    def begin(self) -> None:
        """Go back to the state before training."""
        self.restore(Trainer.create(self.recipe, self.data, self.numerics).state())

    def train_epoch(
        self, epoch: int, setting: Setting, after_update: Callable[[int], None] = lambda update: None
    ) -> tuple[dict[str, float], int]:
        """Train one epoch. Returns running {"error", "loss"} over it and the number of updates.

        The gradient of a batch is the mean over its images, whatever its ghost groups. Several processes share out the
        groups of each batch. Raises BatchError for fewer groups than processes.
        """
        n = len(self.data.train)
        shares = [
            distributed.share_of_batch(group_sizes(size, self.group_size), self.numerics.images_per_pass)
            for size in batch_sizes(n, setting.batch_size)
        ]
        images_of_epoch = self.data.epoch(self.seed, epoch, setting.order)
        pieces: Iterator[Piece] = images_of_epoch.pieces(*distributed.pieces_of(shares))
        if setting.noise != 1:
            pieces = weighted(pieces, self.weights(epoch, setting, shares))
        self._loss_sum.zero_()
        self._wrong.zero_()
        self.model.train()
        with distributed.running_statistics(self._norms) as fade:
            for number, share in enumerate(shares, start=1):
                rate = self.rate(epoch, (number - 1) / len(shares), setting)
                fade(share.groups_before)
                self.update(share, pieces, replace(setting, learning_rate=rate), len(shares))
                fade(share.groups_after)
                after_update(number)
        distributed.sum_over_processes([self._loss_sum, self._wrong])
        return {"error": 100 * self._wrong.item() / n, "loss": self._loss_sum.item() / n}, len(shares)

    def weights(self, epoch: int, setting: Setting, shares: Sequence[Share]) -> list[Tensor]:
        """Of each batch the weights of this process's images (n,), on the training device; drawn for whole batches."""
        drawn = image_weights([share.images for share in shares], setting.noise, self.seed, epoch, setting.order)
        return [w[share.part].to(self.data.mean.device) for w, share in zip(drawn, shares, strict=True)]

    def update(self, share: Share, pieces: Iterator[Piece], setting: Setting, updates: int) -> None:
        """One update by a batch, of which `pieces` gives the passes; `updates` is how many the epoch has."""
        # Of a batch too large for one pass no more than a pass is to be in memory at once: it is not recorded. Nor is a
        # warm-up, in which every update has a rate of its own, nor what several processes sum.
        whole = share.images <= self.numerics.images_per_pass and distributed.count() == 1
        if self.graphs and not self.warmup and whole:
            given = [next(pieces) for _ in share.passes]
            work = partial(self._update, share, setting=setting, updates=updates)
            self.graphs.run((setting, updates), share, given, work, self._changed, self._forget)
        else:
            self._update(share, pieces, setting, updates)

    def _update(self, share: Share, pieces: Iterable[Piece], setting: Setting, updates: int) -> None:
        for planned, piece in zip(share.passes, pieces, strict=False):  # in this order: no piece is taken too many
            done = 0
            while done < planned.groups:
                at_once = max(1, self.numerics.images_per_pass // planned.size)
                groups = min(planned.groups - done, at_once)  # all, as a rule
                part = slice(done * planned.size, (done + groups) * planned.size)
                if self._passed(groups, tuple(tensor[part] for tensor in piece), share.images):
                    done += groups
        distributed.sum_over_processes([p.grad for p in self.optimizer.parameters if p.grad is not None])
        self.optimizer.step(setting.learning_rate, setting.momentum, setting.decayed)
        for average in self.averages:
            average.update(self.optimizer.parameters, updates)

    def _passed(self, groups: int, piece: Piece, images_in_batch: int) -> bool:
        """Pass some groups of a batch forward and backward. False if memory did not suffice: then nothing has changed
        but `numerics`, which has smaller passes from here on. The memory of a single group can't be had for less.
        """
        capturing = self.numerics.device == "cuda" and torch.cuda.is_current_stream_capturing()
        before = self._accumulated() if groups > 1 and not capturing else None
        try:
            self._pass(groups, *piece, images_in_batch=images_in_batch)
            return True
        except RuntimeError as error:
            if before is None or not ran_out_of_memory(error):
                raise
        self._put_back(before)  # not while the error is handled: its traceback keeps the tensors of the pass alive
        smaller = len(piece[0]) // groups * (groups // 2)
        logging.getLogger(__name__).warning(
            "out of memory in a pass of %d images: passes have at most %d from here on, with the same results within "
            "rounding",
            len(piece[0]),
            smaller,
        )
        self.numerics = replace(self.numerics, images_per_pass=smaller)
        return False

    def _pass(
        self, groups: int, images: Tensor, labels: Tensor, weights: Tensor | None = None, *, images_in_batch: int
    ) -> None:
        """Add the gradient of the mean loss, of the weighted mean where there are `weights`; count the plain loss."""
        set_groups(self._norms, groups)
        with self.numerics.autocast():
            logits = self.model(images)
        if weights is None:
            loss = cross_entropy(logits.float(), labels, reduction="sum")
            (loss / images_in_batch).backward()
        else:
            losses = cross_entropy(logits.float(), labels, reduction="none")
            (weights @ losses / images_in_batch).backward()
            loss = losses.sum()
        self._loss_sum += loss.detach()
        self._wrong += (logits.detach().argmax(1) != labels).sum()

    def _accumulated(self) -> tuple[list[Tensor], list[Tensor | None]]:
        """Copies of what a pass adds to: statistics and sums, gradients."""
        sums = [tensor.clone() for tensor in (*self.model.buffers(), self._loss_sum, self._wrong)]
        return sums, [None if p.grad is None else p.grad.clone() for p in self.optimizer.parameters]

    def _put_back(self, accumulated: tuple[list[Tensor], list[Tensor | None]]) -> None:
        sums, gradients = accumulated
        for tensor, value in zip((*self.model.buffers(), self._loss_sum, self._wrong), sums, strict=True):
            tensor.copy_(value)
        for parameter, gradient in zip(self.optimizer.parameters, gradients, strict=True):
            parameter.grad = gradient
        if self.numerics.device == "cuda":
            torch.cuda.empty_cache()

    def _forget(self) -> None:
        """Drop gradients, as a whole update does at its end."""
        for parameter in self.optimizer.parameters:
            parameter.grad = None

    def _changed(self) -> list[Tensor]:
        """Every tensor that an update changes."""
        buffers = [tensor for tensors in self.optimizer.buffers.values() for tensor in tensors]
        averages = [tensor for average in self.averages for tensor in average.weights]
        own = [*self.optimizer.parameters, *self.model.buffers(), self._loss_sum, self._wrong]
        return [*own, *buffers, *averages]

    def evaluate(self, extras: Collection[str] = ()) -> tuple[dict[str, dict[str, float]], dict[str, Answers]]:
        """({split: {metric: value}}, {"recomputed" and, if asked for, "averaged": answers to the test set}).

        The test set and the fixed training subset with recomputed statistics. `extras` (see `Run.extras`): both with
        running statistics as well; and with recomputed ones: averaged weights on the training subset, those with the
        shortest memory on the test set, validation images.
        """
        test, train = self.data.test, self.data.train.last(self.train_eval_images)
        answers_to = partial(answers, self.model, self.data, numerics=self.numerics)
        recomputed_statistics = partial(recomputed, self.model, self.data, self.statistics, self.numerics)
        values: dict[str, dict[str, float]] = {"test": {}, "train_eval": {}}
        if RAW in extras:
            raw = test.first(self.recipe["evaluation"].get("raw_images", len(test)))
            values = {"test": answers_to(raw).summary(), "train_eval": answers_to(train).summary()}
        with recomputed_statistics():
            to_test = {"recomputed": answers_to(test)}
            values["test"] |= to_test["recomputed"].summary("_recomputed")
            values["train_eval"] |= answers_to(train).summary("_recomputed")
            if VALIDATION in extras and self.data.validation:
                values["validation"] = answers_to(self.data.validation).summary("_recomputed")
        for average in self.averages if AVERAGES in extras else ():
            with average.in_place_of(self.model), recomputed_statistics():
                values["train_eval"] |= answers_to(train).summary(f"_{average.name}")
                if average is self.averages[0] and AVERAGED_TEST in extras:
                    to_test["averaged"] = answers_to(test)
                    values["test"] |= to_test["averaged"].summary("_averaged")
        return values, to_test

    def weight_scale(self, setting: Setting) -> dict[str, float]:
        """log_weight_norm: log of the L2 norm of all convolutions together, to whose scale batch norm makes the network
        blind; effective_rate: learning rate / norm^2, the rate at which their direction moves (van Laarhoven 2017).
        """
        weights = [module.weight.detach() for module in self.model.modules() if isinstance(module, nn.Conv2d)]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(weights))).item()
        return {"log_weight_norm": math.log(norm), "effective_rate": setting.learning_rate / norm**2}
