"""Training: one epoch, and one run from wherever its past is already known.

What a run does in epoch e depends only on the state at the end of e - 1, the seed, the setting of e, and e.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from .batching import batch_sizes, passes
from .batchnorm import batch_norms, set_groups
from .checkpoints import CheckpointError, State, Store, capture, restore
from .data.epoch import Data, Epoch
from .evaluation import measure_twice
from .models import build
from .numerics import Numerics, describe
from .schedules import Setting


@dataclass
class Trainer:
    """A model, its optimiser, and all that does not change during a run."""

    data: Data
    model: nn.Module
    optimizer: torch.optim.SGD
    numerics: Numerics
    group_size: int
    seed: int
    statistics_images: int
    train_eval_images: int

    @classmethod
    def create(cls, recipe: Mapping[str, Any], data: Data, numerics: Numerics) -> "Trainer":
        """Build model and optimiser from a recipe (see `plan.recipe`)."""
        channels = data.train.images.shape[1]
        model = build(recipe["model"], channels, data.classes, recipe["seed"]).to(numerics.device)
        optimizer = torch.optim.SGD(
            model.parameters(),
            lr=1.0,  # each epoch sets its own rate and momentum
            momentum=0.5,
            weight_decay=recipe["weight_decay"],
            nesterov=recipe["nesterov"],
            fused=True if numerics.device == "cuda" else None,
        )
        evaluation = recipe["evaluation"]
        return cls(
            data,
            model,
            optimizer,
            numerics,
            recipe["group_size"],
            recipe["seed"],
            evaluation["statistics_images"],
            evaluation["train_images"],
        )

    def state(self) -> State:
        return capture(self.model, self.optimizer)

    def restore(self, state: State) -> None:
        restore(state, self.model, self.optimizer)

    def train_epoch(
        self, epoch: int, setting: Setting, after_update: Callable[[int], None] = lambda update: None
    ) -> tuple[dict[str, float], int]:
        """Train one epoch. Returns running {"error", "loss"} over it and the number of updates.

        The gradient of a batch is the mean over its images, whatever its ghost groups; momentum is torch's (He et al.
        and Smith et al. likewise): v = m v + grad, w = w - lr v.
        """
        for group in self.optimizer.param_groups:
            group["lr"], group["momentum"] = setting.learning_rate, setting.momentum
        batches = [
            passes(size, self.group_size, self.numerics.images_per_pass)
            for size in batch_sizes(len(self.data.train), setting.batch_size)
        ]
        pieces = Epoch(self.data, self.seed, epoch).pieces([p.images for batch in batches for p in batch])
        norms = batch_norms(self.model)
        device = self.data.mean.device
        loss_sum, wrong = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        self.model.train()
        for update, batch in enumerate(batches, start=1):
            images_in_batch = sum(p.images for p in batch)
            for one in batch:
                images, labels = next(pieces)
                set_groups(norms, one.groups)
                with self.numerics.autocast():
                    logits = self.model(images)
                loss = cross_entropy(logits.float(), labels, reduction="sum")
                (loss / images_in_batch).backward()
                loss_sum += loss.detach()
                wrong += (logits.detach().argmax(1) != labels).sum()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            after_update(update)
        n = len(self.data.train)
        return {"error": 100 * wrong.item() / n, "loss": loss_sum.item() / n}, len(batches)

    def evaluate(self) -> dict[str, dict[str, float]]:
        """Error and loss, both ways, on the whole test set and on the fixed training subset."""
        subsets = {"test": self.data.test, "train_eval": self.data.train.last(self.train_eval_images)}
        return measure_twice(self.model, self.data, subsets, self.statistics_images, self.numerics)


def known_epochs(store: Store, keys: list[str]) -> int:
    """The last epoch up to which a chain of keys is recorded without a gap, -1 for none; a diverged one ends it."""
    for epoch, key in enumerate(keys):
        record = store.record(key)
        if record is None:
            return epoch - 1
        if record["diverged"]:
            return epoch
    return len(keys) - 1


def last_state(store: Store, keys: list[str], epoch: int) -> int | None:
    """The last epoch up to `epoch` whose state is kept, None if there is none."""
    return next((e for e in range(epoch, -1, -1) if store.has_state(keys[e])), None)


def bring_to(trainer: Trainer, store: Store, keys: list[str], settings: tuple[Setting, ...], epoch: int) -> None:
    """Put the state after `epoch` into the trainer: load the nearest kept one and replay the gap."""
    start = last_state(store, keys, epoch)
    if start is None:
        raise CheckpointError(f"{store.folder}: no checkpoint is left for epoch {epoch} or any before it")
    trainer.restore(store.load_state(keys[start]))
    for replayed in range(start + 1, epoch + 1):
        trainer.train_epoch(replayed, settings[replayed - 1])


def train(
    trainer: Trainer,
    store: Store,
    keys: list[str],
    settings: tuple[Setting, ...],
    checkpoint_every: int,
    say: Callable[[str], None],
) -> int:
    """Train what of a run is not yet in the store. Returns the number of epochs trained.

    A run of which a loss, in training or evaluation, is no longer finite is recorded as diverged and ends there.
    """
    known = known_epochs(store, keys)
    if known >= 0 and (known == len(settings) or store.record(keys[known])["diverged"]):
        return 0
    if known < 0:
        _finish_epoch(trainer, store, keys[0], {"train": None}, 0, 0.0, keep=True)
        known = 0
    else:
        bring_to(trainer, store, keys, settings, known)
    began = time.monotonic()
    for epoch in range(known + 1, len(settings) + 1):
        started = time.monotonic()
        setting = settings[epoch - 1]
        running, updates = trainer.train_epoch(epoch, setting)
        seconds = time.monotonic() - started
        keep = epoch % checkpoint_every == 0 or epoch == len(settings)
        record = _finish_epoch(trainer, store, keys[epoch], {"train": running}, updates, seconds, keep)
        if record["diverged"]:
            say(f"epoch {epoch}/{len(settings)}  diverged: a loss is no longer finite; the run ends here")
            return epoch - known
        done, left = epoch - known, len(settings) - epoch
        say(
            f"epoch {epoch}/{len(settings)}  lr {setting.learning_rate:g}  batch {setting.batch_size}  "
            f"updates {updates}  train loss {running['loss']:.4f}  train error {running['error']:.2f} %  "
            f"test error {record['values']['test']['error']:.2f} % "
            f"({record['values']['test']['error_recomputed']:.2f} % recomputed)  "
            f"{time.monotonic() - started:.1f} s  left {_clock((time.monotonic() - began) / done * left)}"
        )
    return len(settings) - known


def _finish_epoch(
    trainer: Trainer, store: Store, key: str, values: dict, updates: int, seconds: float, keep: bool
) -> dict[str, Any]:
    """Measure, then save the state and after it the record: a record is only there if its state was."""
    started = time.monotonic()
    running = values["train"]
    measured = {} if running is not None and not math.isfinite(running["loss"]) else trainer.evaluate()
    losses = [v for split in measured.values() for metric, v in split.items() if metric.startswith("loss")]
    # the last update of an epoch shows in the evaluation only
    diverged = not losses or not all(map(math.isfinite, losses))
    if not diverged:
        values = {"train": running, **measured}
        if keep:
            store.save_state(key, trainer.state())
    record = {
        "values": {} if diverged else values,
        "updates": updates,
        "examples": len(trainer.data.train) if updates else 0,
        "seconds_training": seconds,
        "seconds_evaluation": time.monotonic() - started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "numerics": describe(trainer.numerics),
        "diverged": diverged,
    }
    store.save_record(key, record)
    return record


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
