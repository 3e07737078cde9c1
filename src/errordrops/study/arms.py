"""The arms of a study: from what its file says to schedules."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .armfields import ArmEntry, PhaseEntry, PlateauEntry
from .fields import Misfit
from .plainyaml import LARGEST
from .plateau import Plateau
from .settings import (
    Phase,
    Setting,
    canonical,
    milestones,
    rule_phases,
    settings,
    smooth_phases,
    truncated,
)
from .studyfile import StudyFile, check_milestones

RULE_DESCRIPTIONS = {
    "none": "nothing changes",
    "step": "learning rate divided by {factor:g} at each milestone",
    "batch": "batch size multiplied by {factor:g} at each milestone",
    "hybrid": "batch size multiplied by {factor:g} at the first milestone, learning rate divided by it after",
    "reversal": "learning rate divided by {factor:g} at the first milestone, restored at the second",
    "restored": "learning rate divided by {factor:g} at each milestone; from the second on its noise is put back",
    "swap": "batch size multiplied by {factor:g} at the first milestone; then rate and batch both divided by it",
    "cosine": "learning rate along half a cosine, in all as much as by the steps",
    "ramp": "batch size grows a little every epoch, noise in all cut as much as by the steps",
    "plateau": "learning rate divided by {factor:g} when {judged} plateaus",
}
SMOOTH = ("cosine", "ramp")
JUDGED = {"validation": "the validation error", "train_eval": "the error of the fixed training subset"}


@dataclass(frozen=True)
class Arm:
    """A named schedule, and the seeds it is trained with.

    role: "schedule"; "drawn" (a schedule whose dates are drawn for each seed); of those that go on from arm `of` at
    epoch `at`: "hold" (its change there left out), "placebo" (the same with a fresh order of the data), "cut" (a stub
    of the cut sweep), "fork" (other multiples of its setting: `fork` names which); "activation" or "optimizer" (arm
    `of` with another activation or optimiser). `rule` and `factor` are what the file names, None for the free form.
    `plateau`: the rule that decides during training, phases are then those without any cut. `optimizer`: "momentum" is
    the study's own. `by_seed`: phases and `at` of each seed where dates are drawn; `phases` is then empty.
    `dates`: first and last epoch from which each of them was drawn, by the number `lot`.
    """

    name: str
    description: str
    phases: tuple[Phase, ...]
    seeds: tuple[int, ...]
    role: str = "schedule"
    of: str = ""
    at: int = 0
    closeups: bool = True
    plateau: Plateau | None = None
    rule: str | None = None
    factor: float | None = None
    activation: str = "relu"
    optimizer: str = "momentum"
    fork: str = ""
    by_seed: tuple[tuple[int, tuple[Phase, ...], int], ...] = ()
    dates: tuple[tuple[int, int], ...] = ()
    lot: int | None = None

    def for_seed(self, seed: int) -> "Arm":
        """The arm as that seed trains it: with its own dates where they are drawn. Raises KeyError for another seed."""
        if not self.by_seed:
            return self
        phases, at = {own: (phases, at) for own, phases, at in self.by_seed}[seed]
        return replace(self, phases=phases, at=at, by_seed=())

    def __hash__(self) -> int:
        """By the name, which tells arms of a study apart: plans are looked up by all arms, many times."""
        return hash(self.name)

    @property
    def network(self) -> tuple[str, str]:
        """What arms must have in common, besides settings, to share epochs."""
        return self.activation, self.optimizer

    @property
    def sudden(self) -> bool:
        """Whether its setting changes at milestones known beforehand, if at all."""
        return self.rule not in SMOOTH and self.plateau is None

    @property
    def settings(self) -> tuple[Setting, ...]:
        """One setting an epoch; entry 0 belongs to epoch 1. Raises ValueError where each seed has its own."""
        if self.by_seed:
            raise ValueError(f"arm {self.name}: its dates are drawn for each seed; ask for_seed")
        return settings(self.phases)

    @property
    def milestones(self) -> list[int]:
        """Epochs completed when this arm's setting changes."""
        return milestones(self.settings)


def resolve_arm(key: str, entry: ArmEntry, study: StudyFile, base: Setting, seeds: tuple[int, ...]) -> Arm:
    """An arm as its file has it, with what it leaves out taken from the study. Raises Misfit."""
    base, epochs = override(base, entry), study.epochs
    chosen = first_seeds(f"{key}.seeds", entry.seeds, seeds)
    if entry.phases is not None:
        return _free_form(key, entry, epochs, base, chosen)
    rule = entry.rule or entry.name
    if rule not in RULE_DESCRIPTIONS:
        raise Misfit(key, f"{rule!r} is no rule ({', '.join(RULE_DESCRIPTIONS)}); give the arm a rule or phases")
    at = study.milestones if entry.milestones is None else entry.milestones
    check_milestones(f"{key}.milestones", at, epochs)
    if not at and rule != "none":
        raise Misfit("milestones", f"arm {entry.name!r} changes its setting at milestones, but there are none")
    factor, max_batch = entry.factor or study.factor, entry.max_batch or study.max_batch
    if len(at) * math.log(factor) > math.log(LARGEST):
        what = f"{len(at)} cuts by {factor:g} together are beyond {LARGEST}; take a smaller factor or fewer milestones"
        raise Misfit(f"{key}.factor", what)
    plateau = _plateau(key, entry, study, Plateau(factor, len(at), **(entry.plateau or PlateauEntry()).stated()), rule)
    if rule in SMOOTH:
        whole = smooth_phases(rule, base, epochs, factor ** len(at), max_batch)
    else:
        changing = at if rule not in ("none", "plateau") else []
        whole = rule_phases("none" if plateau else rule, base, epochs, changing, factor, max_batch)
    described = RULE_DESCRIPTIONS[rule].format(factor=factor, judged=JUDGED[plateau.judged] if plateau else "")
    return Arm(
        entry.name,
        described if entry.description is None else entry.description,
        truncated(whole, arm_end(key, entry, epochs)),
        chosen,
        closeups=rule not in SMOOTH if entry.closeups is None else entry.closeups,
        plateau=plateau,
        rule=rule,
        factor=factor,
    )


def _plateau(key: str, entry: ArmEntry, study: StudyFile, stated: Plateau, rule: str) -> Plateau | None:
    """The rule by which the arm decides during training, if it does."""
    if rule != "plateau":
        if entry.plateau is not None:
            raise Misfit(f"{key}.plateau", "only an arm with the rule plateau has it")
        return None
    if entry.closeups:
        raise Misfit(f"{key}.closeups", "the milestones of a plateau arm are not known beforehand")
    if stated.judged == "validation" and study.dataset.validation_size is None:
        raise Misfit(key, f"arm {entry.name!r} judges validation images; set dataset.validation_size")
    return stated


def _free_form(key: str, entry: ArmEntry, epochs: int, base: Setting, seeds: tuple[int, ...]) -> Arm:
    for clash in ("rule", "milestones", "factor", "max_batch", "epochs", "plateau", "dates"):
        if getattr(entry, clash) is not None:
            raise Misfit(f"{key}.{clash}", "an arm has either a rule or phases")
    listed = tuple(Phase(phase.epochs, override(base, phase)) for phase in entry.phases or ())
    total = sum(phase.epochs for phase in listed)
    if total != epochs:
        raise Misfit(f"{key}.phases", f"their epochs add up to {total}, but the study has {epochs}")
    described = f"{len(listed)} phases" if entry.description is None else entry.description
    return Arm(entry.name, described, listed, seeds, closeups=entry.closeups is not False)


def override(base: Setting, given: ArmEntry | PhaseEntry) -> Setting:
    """A setting with what an arm or a phase changes of it."""
    rate = base.learning_rate if given.learning_rate is None else given.learning_rate
    momentum = base.momentum if given.momentum is None else given.momentum
    return Setting(canonical(rate), given.batch_size or base.batch_size, float(momentum))


def arm_end(key: str, entry: ArmEntry, epochs: int) -> int:
    """The last epoch of an arm. Raises Misfit where it is beyond that of the study."""
    end = entry.epochs or epochs
    if end > epochs:
        raise Misfit(f"{key}.epochs", f"{end} is beyond the last epoch of the study ({epochs})")
    return end


def first_seeds(key: str, count: int | None, seeds: tuple[int, ...], whose: str = "the study") -> tuple[int, ...]:
    """The first `count` seeds of the study (or of an arm), all if None. Raises Misfit."""
    if count is not None and count > len(seeds):
        raise Misfit(key, f"{count} seeds wanted, but {whose} has {len(seeds)}")
    return seeds[:count]


def parent_of(key: str, name: str, arms: Sequence[Arm]) -> Arm:
    """The arm from which others go on. Raises Misfit where there is none, or where it is not known beforehand."""
    parent = next((arm for arm in arms if arm.name == name), None)
    if parent is None:
        raise Misfit(key, f"no arm {name!r}; the study has {', '.join(arm.name for arm in arms)}")
    if parent.plateau or parent.by_seed:
        when = "during training" if parent.plateau else "seed by seed"
        raise Misfit(key, f"arm {name!r} decides its schedule {when}: nothing can be forked from it")
    return parent


def control_of(arm: Arm, m: int, arms: Sequence[Arm]) -> Arm | None:
    """The arm that shows what would have been without the change of `arm` after m epochs: one run with it up to there,
    then it goes on with what it had, in the seed's own order of the data. Of several the one that goes on longest; None
    where there is none. Arms whose dates are drawn are asked seed by seed (`Arm.for_seed`), `arms` likewise.
    """
    past = arm.settings[:m]

    def epochs_held(other: Arm) -> int:
        own = other.settings
        if other.by_seed or other.plateau or other.network != arm.network or own[:m] != past:
            return 0
        return next((i for i, setting in enumerate(own[m:]) if setting != past[-1]), len(own) - m)

    there = [other for other in arms if other.name != arm.name and not other.by_seed]
    best = max(there, key=epochs_held, default=None)
    return best if best is not None and epochs_held(best) else None
