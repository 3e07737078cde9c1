"""ReLUs that are never active: how many, which wake or die over the drop, and what the woken ones do for the loss.

A unit is one channel at one pixel behind one ReLU. It is dead if it is zero for every image of a fixed sample of
training images, batch-norm statistics recomputed; a channel is dead if all its units are.
"""

from contextlib import contextmanager

from torch import Tensor, nn

from ..study.study import CONTROL
from ..training.batchnorm import NormActivation
from ..training.evaluation import answers, recomputed
from ..training.numerics import Numerics
from ..training.trainer import Trainer
from .subject import Row, Subject, row


def activations(model: nn.Module) -> list[NormActivation]:
    """The modules behind which units stand, in order."""
    return [module for module in model.modules() if isinstance(module, NormActivation)]


@contextmanager
def watched(model: nn.Module):
    """Within the context the yielded list holds for each ReLU which units (C, H, W) were above zero for any image."""
    layers = activations(model)
    seen: list[Tensor | None] = [None] * len(layers)

    def watch(index: int):
        def hook(module, inputs, output):
            above = (output > 0).any(0)
            seen[index] = above if seen[index] is None else seen[index] | above

        return hook

    handles = [layer.register_forward_hook(watch(index)) for index, layer in enumerate(layers)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def silenced(model: nn.Module, units: list[Tensor]):
    """Within the context these units, a bool (C, H, W) for each ReLU, give zero."""
    handles = [
        layer.register_forward_hook(lambda module, inputs, output, off=off: output.masked_fill(off, 0))
        for layer, off in zip(activations(model), units, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def percent(masks: list[Tensor]) -> float:
    """Share of true entries over all masks."""
    return 100 * sum(int(mask.sum()) for mask in masks) / sum(mask.numel() for mask in masks)


def channels(dead: list[Tensor]) -> list[Tensor]:
    """Which channels (C,) are dead altogether."""
    return [mask.flatten(1).all(1) for mask in dead]


def both(first: list[Tensor], second: list[Tensor]) -> list[Tensor]:
    return [a & b for a, b in zip(first, second, strict=True)]


def inverse(masks: list[Tensor]) -> list[Tensor]:
    return [~mask for mask in masks]


def probe(subject: Subject) -> list[Row]:
    """dead_units, dead_channels, woken_, died_ (percent of all; since "before"), loss, and loss_silenced: with the
    units that woke since "before" set to zero again (nats, fixed training subset). loss_silenced_control: with those
    that woke meanwhile in the run without a change, as units wake there, too.
    """
    trainer, rows = subject.trainer, []
    data, precise = trainer.data, subject.precise
    read = data.train.last(trainer.train_eval_images)
    dead_before: list[Tensor] = []
    control = subject.control if subject.session.run.arm != CONTROL else subject
    for moment in ("before", "after", "later"):
        subject.bring_to(subject.epoch_of(moment))
        model = trainer.model
        with recomputed(model, data, trainer.statistics, precise):
            dead = dead_now(trainer, precise)
            rows.append(row(moment, "dead_units", percent(dead)))
            rows.append(row(moment, "dead_channels", percent(channels(dead))))
            rows.append(row(moment, "loss", answers(model, data, read, precise).summary()["loss"]))
            if moment == "before":
                dead_before = dead
                continue
            woken, died = both(dead_before, inverse(dead)), both(inverse(dead_before), dead)
            for name, masks in (("woken", woken), ("died", died)):
                rows.append(row(moment, f"{name}_units", percent(masks)))
            woken_channels = both(channels(dead_before), inverse(channels(dead)))
            rows.append(row(moment, "woken_channels", percent(woken_channels)))
            elsewhere = woken if control is subject else both(dead_before, inverse(dead_at(control, moment)))
            for name, masks in (("loss_silenced", woken), ("loss_silenced_control", elsewhere)):
                with silenced(model, masks):
                    rows.append(row(moment, name, answers(model, data, read, precise).summary()["loss"]))
    return rows


def dead_now(trainer: Trainer, numerics: Numerics) -> list[Tensor]:
    """Which units (C, H, W) behind each ReLU are dead, batch-norm statistics recomputed by the caller."""
    with watched(trainer.model) as seen:
        answers(trainer.model, trainer.data, trainer.data.train.first(trainer.statistics.images), numerics)
    return inverse(seen)


def dead_at(subject: Subject, moment: str) -> list[Tensor]:
    """The same at a moment of a run."""
    trainer, precise = subject.trainer, subject.precise
    subject.bring_to(subject.epoch_of(moment))
    with recomputed(trainer.model, trainer.data, trainer.statistics, precise):
        return dead_now(trainer, precise)
