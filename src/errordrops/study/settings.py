"""Schedules: which learning rate, batch size, momentum and noise each epoch of an arm is trained with.

Pure functions of numbers. Epochs count from 1; a milestone m is a number of epochs completed, so the first epoch under
a new setting is m + 1.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

from ..errors import UserError

SUDDEN_RULES = ("none", "step", "batch", "hybrid", "reversal", "restored", "swap")


class ScheduleError(UserError):
    """A schedule that cannot be trained; the message says which number is wrong."""


@dataclass(frozen=True, order=True)
class Setting:
    """What one epoch is trained with.

    `order` 0 is the seed's own order of the data, others are fresh ones. `noise`: the covariance of the gradient is
    that of the batch times so much, its mean as it is (see `image_weights`). `decayed`: whether weights decay.
    """

    learning_rate: float
    batch_size: int
    momentum: float
    order: int = 0
    noise: float = 1.0
    decayed: bool = True

    def described(self) -> dict[str, float]:
        """By name, as files and keys have it: without what is as in any other run."""
        usual = {"order": 0, "noise": 1.0, "decayed": True}
        return {key: value for key, value in asdict(self).items() if value != usual.get(key)}


@dataclass(frozen=True)
class Phase:
    """A number of epochs under one setting."""

    epochs: int
    setting: Setting


def canonical(rate: float) -> float:
    """Round to 12 digits, so that 0.05 / 10 / 10 and 0.0005 are one setting: forks share what has equal settings."""
    return float(f"{rate:.12g}")


@dataclass(frozen=True)
class Multiples:
    """What an epoch's learning rate is divided by, its batch size and the covariance of its gradient multiplied by."""

    rate_cut: float = 1.0
    batch_growth: float = 1.0
    noise: float = 1.0


def _multiples(rule: str, phase: int, factor: float) -> Multiples:
    """Those of a rule in a phase, counted from 0."""
    if phase == 0:
        return Multiples()
    total, later = factor**phase, factor ** (phase - 1)  # of all milestones, of those after the first
    match rule:
        case "none":
            return Multiples()
        case "step":  # He et al. 2015, section 3.4
            return Multiples(total)
        case "batch":  # Smith et al. 2018, "increasing batch size"
            return Multiples(1.0, total)
        case "hybrid":  # Smith et al. 2018: the batch at the first milestone, the rate after it
            return Multiples(total / factor, factor)
        case "reversal":  # the rate is cut at the first milestone, restored at the second, and so on
            return Multiples(factor if phase % 2 else 1.0)
        case "restored":  # as step; from the second milestone on the noise that a cut takes is put back
            return Multiples(total, 1.0, later)
        case "swap":  # the batch at the first milestone; from the second on rate and batch divided, their ratio kept
            return Multiples(later, factor / later)
    raise ScheduleError(f"unknown rule {rule!r}: choose {', '.join(SUDDEN_RULES)}, or give phases")


def rule_phases(
    rule: str,
    base: Setting,
    epochs: int,
    milestones: Sequence[int],
    factor: float,
    max_batch: int | None = None,
) -> tuple[Phase, ...]:
    """Phases of a named rule: at each milestone the ratio learning rate / batch size falls by `factor`, unless the rule
    keeps it or puts noise back.

    With `max_batch`, what the batch size can't take is cut from the learning rate.
    Raises ScheduleError for an unknown rule.
    """
    ends = [*milestones, epochs]
    starts = [0, *milestones]
    phases = []
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        phases.append(Phase(end - start, cut(base, _multiples(rule, index, factor), max_batch)))
    return tuple(phases)


def cut(base: Setting, by: Multiples, max_batch: int | None) -> Setting:
    """The setting with the rate divided, the batch and the noise multiplied; what the batch can't take is cut from the
    rate. A batch has two images at least.
    """
    rate_cut, batch = by.rate_cut, max(2, round(base.batch_size * by.batch_growth))
    if max_batch is not None and batch > max_batch:
        rate_cut *= batch / max_batch
        batch = max_batch
    rate, noise = canonical(base.learning_rate / rate_cut), canonical(base.noise * by.noise)
    return replace(base, learning_rate=rate, batch_size=batch, noise=noise, order=0)


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
            settings.append(cut(base, Multiples(rate_cut), max_batch))
        elif rule == "ramp":
            settings.append(cut(base, Multiples(1.0, total_cut**done), max_batch))
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


def shared_epochs(own: Sequence[Setting], other: Sequence[Setting]) -> int:
    """The number of leading epochs in which two arms agree: a fork may start after that many."""
    for epoch, (a, b) in enumerate(zip(own, other, strict=False)):
        if a != b:
            return epoch
    return min(len(own), len(other))


def noise_scale(setting: Setting, images: int) -> float:
    """g = lr / (1 - momentum) * (N / B - 1) (Smith & Le 2018; with momentum: Smith et al. 2018), times `noise`."""
    return setting.noise * setting.learning_rate / (1 - setting.momentum) * (images / setting.batch_size - 1)


def stability_limit(rate: float, momentum: float, nesterov: bool = False) -> float:
    """Largest curvature at which the full-batch iteration does not diverge (heavy ball 2 (1 + m) / a; Nesterov
    2 (1 + m) / ((1 + 2 m) a)).
    """
    limit = 2 * (1 + momentum) / rate
    return limit / (1 + 2 * momentum) if nesterov else limit
