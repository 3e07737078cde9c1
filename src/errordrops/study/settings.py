"""Schedules: which learning rate, batch size and momentum each epoch of an arm is trained with.

Pure functions of numbers. Epochs count from 1; a milestone m is a number of epochs completed, so the first epoch under
a new setting is m + 1.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from ..errors import UserError


class ScheduleError(UserError):
    """A schedule that cannot be trained; the message says which number is wrong."""


@dataclass(frozen=True, order=True)
class Setting:
    """What one epoch is trained with. `order` 0 is the seed's own order of the data, others are fresh ones."""

    learning_rate: float
    batch_size: int
    momentum: float
    order: int = 0

    def described(self) -> dict[str, float]:
        """By name, as files and keys have it: without the order of the data where it is the seed's own."""
        return {key: value for key, value in asdict(self).items() if key != "order" or value}


@dataclass(frozen=True)
class Phase:
    """A number of epochs under one setting."""

    epochs: int
    setting: Setting


def canonical(rate: float) -> float:
    """Round to 12 digits, so that 0.05 / 10 / 10 and 0.0005 are one setting: forks share what has equal settings."""
    return float(f"{rate:.12g}")


def _noise_cuts(rule: str, phase: int, factor: float) -> tuple[float, float]:
    """(learning rate divided by, batch size multiplied by) in a phase, counted from 0."""
    total = factor**phase
    match rule:
        case "none":
            return 1.0, 1.0
        case "step":  # He et al. 2015, section 3.4
            return total, 1.0
        case "batch":  # Smith et al. 2018, "increasing batch size"
            return 1.0, total
        case "hybrid":  # Smith et al. 2018: the batch at the first milestone, the rate after it
            return (total / factor, factor) if phase else (1.0, 1.0)
        case "reversal":  # the rate is cut at the first milestone, restored at the second, and so on
            return (factor, 1.0) if phase % 2 else (1.0, 1.0)
    raise ScheduleError(f"unknown rule {rule!r}: choose none, step, batch, hybrid or reversal, or give phases")


def rule_phases(
    rule: str,
    base: Setting,
    epochs: int,
    milestones: Sequence[int],
    factor: float,
    max_batch: int | None = None,
) -> tuple[Phase, ...]:
    """Phases of a named rule: at each milestone the ratio learning rate / batch size falls by `factor`.

    With `max_batch`, what the batch size can't take is cut from the learning rate.
    Raises ScheduleError for an unknown rule.
    """
    ends = [*milestones, epochs]
    starts = [0, *milestones]
    phases = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        phases.append(Phase(end - start, cut(base, *_noise_cuts(rule, index, factor), max_batch)))
    return tuple(phases)


def cut(base: Setting, rate_cut: float, batch_growth: float, max_batch: int | None) -> Setting:
    """The setting with the rate divided and the batch multiplied; what the batch can't take is cut from the rate."""
    batch = round(base.batch_size * batch_growth)
    if max_batch is not None and batch > max_batch:
        rate_cut *= batch / max_batch
        batch = max_batch
    return Setting(canonical(base.learning_rate / rate_cut), batch, base.momentum)


def smooth_phases(
    rule: str, base: Setting, epochs: int, total_cut: float, max_batch: int | None = None
) -> tuple[Phase, ...]:
    """A new setting every epoch, the first as `base`, the last with the noise cut by `total_cut`: controls that cut as
    much as steps do, and never suddenly.

    cosine: the rate falls along half a cosine (Loshchilov & Hutter 2017) from base to base / total_cut. ramp: the batch
    grows by an equal factor every epoch; what it can't take (`max_batch`) is cut from the rate.
    Raises ScheduleError for an unknown rule.
    """
    settings = []
    for epoch in range(epochs):
        done = epoch / max(1, epochs - 1)
        if rule == "cosine":
            rate_cut = 1 / (1 / total_cut + (1 - 1 / total_cut) * (1 + math.cos(math.pi * done)) / 2)
            settings.append(cut(base, rate_cut, 1.0, max_batch))
        elif rule == "ramp":
            settings.append(cut(base, 1.0, total_cut**done, max_batch))
        else:
            raise ScheduleError(f"unknown rule {rule!r}: the smooth ones are cosine and ramp")
    return phases(settings)


def truncated(whole: Sequence[Phase], epochs: int) -> tuple[Phase, ...]:
    """The first `epochs` epochs of phases."""
    return phases(settings(whole)[:epochs])


def settings(phases: Sequence[Phase]) -> tuple[Setting, ...]:
    """One setting an epoch; entry 0 belongs to epoch 1."""
    return tuple(phase.setting for phase in phases for _ in range(phase.epochs))


def milestones(per_epoch: Sequence[Setting]) -> list[int]:
    """The numbers of completed epochs after which the setting changes."""
    return [m for m in range(1, len(per_epoch)) if per_epoch[m] != per_epoch[m - 1]]


def phases(per_epoch: Sequence[Setting]) -> tuple[Phase, ...]:
    """The inverse of `settings`: neighbouring epochs of equal setting become one phase."""
    return tuple(Phase(len(list(run)), setting) for setting, run in groupby(per_epoch))


def shared_epochs(one: Sequence[Setting], other: Sequence[Setting]) -> int:
    """The number of leading epochs in which two arms agree: a fork may start after that many."""
    for epoch, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return epoch
    return min(len(one), len(other))


def noise_scale(setting: Setting, images: int) -> float:
    """g = lr / (1 - momentum) * (N / B - 1) (Smith & Le 2018; with momentum: Smith et al. 2018)."""
    return setting.learning_rate / (1 - setting.momentum) * (images / setting.batch_size - 1)
