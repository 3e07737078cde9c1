"""Forks of a study: runs that leave arm none at one date a seed, and what each does to the noise. Pure."""

from .arms import Arm
from .settings import Setting
from .study import Study, StudyError

FORK = "fork"  # the role of their arms


def fork_arms(study: Study) -> list[Arm]:
    """The arms that are forks, in the study's order, dates not yet known where they are drawn for each seed."""
    return [arm for arm in study.arms if arm.role == FORK]


def date(study: Study, seed: int) -> int | None:
    """The epoch after which the forks of a seed leave arm none; None where the seed has no forks."""
    for arm in fork_arms(study):
        if seed in arm.seeds:
            return arm.for_seed(seed).at
    return None


def probed_epoch(study: Study, seed: int) -> int:
    """The epoch around which checkpoints of a seed are probed: the milestone that the study names, else the date of its
    forks. Raises StudyError where there is neither.
    """
    named = study.probes.get("milestone")
    at = date(study, seed) if named is None else named
    if at is None:
        raise StudyError(f"{study.path}: probes: seed {seed} has no forks, and no milestone is named")
    return at


def relative_noise(setting: Setting) -> float:
    """g up to a factor that is the same for a data set: rate x noise / (batch (1 - momentum))."""
    return setting.learning_rate * setting.noise / setting.batch_size / (1 - setting.momentum)


def noise_ratio(arm: Arm, seed: int) -> float:
    """g after a fork over g before it."""
    own = arm.for_seed(seed)
    before, after = own.settings[own.at - 1], own.settings[own.at]
    return relative_noise(after) / relative_noise(before)
