"""Families of arms that go on from another one at an epoch (holds, placebos, stubs, forks); arms with drawn dates; arms
again with one thing changed that is no schedule (another activation, another optimiser), each with a control.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ..randomness import number_of
from .armfields import (
    ActivationEntry,
    ArmEntry,
    CutSweep,
    ForkEntry,
    ForkFamily,
    HoldEntry,
    OptimizerEntry,
    PlaceboEntry,
)
from .arms import RULE_DESCRIPTIONS, Arm, arm_end, first_seeds, override, parent_of
from .fields import Misfit, check_rising
from .settings import SUDDEN_RULES, Multiples, Phase, Setting, canonical, cut, phases, rule_phases, truncated
from .studyfile import StudyFile

CUTS = ("rate", "batch", "placebo")  # the stubs of the cut sweep at one epoch
PLACEBO = "placebo"  # the fork that changes nothing but the order of the data
INSTEAD_OF = {"activation": "ReLU", "optimizer": "the study's optimiser"}


def stub_end(key: str, arm: Arm, at: int, length: int) -> int:
    """The last epoch of a stub. Raises Misfit where the arm ends before it."""
    if at + length > len(arm.settings):
        raise Misfit(key, f"epoch {at} + {length} epochs is beyond the last epoch of arm {arm.name!r}")
    return at + length


def placebos(listed: Sequence[PlaceboEntry], arms: Sequence[Arm]) -> Iterator[Arm]:
    """Active placebos: each arm again from a milestone on, its change at that milestone left out, with fresh orders of
    the data. What is left of chance is the spread of their mean. Raises Misfit.
    """
    for index, entry in enumerate(listed):
        key, m = f"placebos[{index}]", entry.milestone
        parent = parent_of(f"{key}.of", entry.of, arms)
        end = stub_end(f"{key}.milestone", parent, m, entry.epochs)
        seeds = first_seeds(f"{key}.seeds", entry.seeds, parent.seeds, f"arm {parent.name}")
        before = parent.settings[:m]
        for copy in range(1, entry.copies + 1):
            yield Arm(
                f"placebo-{parent.name}-{m}-{copy}",
                f"{parent.name} with what it had before milestone {m}, in a fresh order of the data",
                phases((*before, *[replace(before[-1], order=copy)] * (end - m))),
                seeds,
                role="placebo",
                of=parent.name,
                at=m,
                closeups=entry.closeups,
            )


def cut_sweep(sweep: CutSweep, factor: float, max_batch: int | None, arms: Sequence[Arm]) -> Iterator[Arm]:
    """Stubs of a few epochs from one arm at many epochs: rate cut, batch increase, placebo. Raises Misfit."""
    parent = parent_of("cut_sweep.of", sweep.of, arms)
    seeds = first_seeds("cut_sweep.seeds", sweep.seeds, parent.seeds, f"arm {parent.name}")
    for index, m in enumerate(sweep.at):
        end = stub_end(f"cut_sweep.at[{index}]", parent, m, sweep.epochs)
        before = parent.settings[:m]
        after = {
            "rate": cut(before[-1], Multiples(factor), max_batch),
            "batch": cut(before[-1], Multiples(1.0, factor), max_batch),
            "placebo": replace(before[-1], order=1),
        }
        for kind in CUTS:
            stub = phases((*before, *[after[kind]] * (end - m)))
            name, text = f"cut-{m}-{kind}", f"{parent.name} for {m} epochs, then {kind}"
            yield Arm(name, text, stub, seeds, role="cut", of=parent.name, at=m, closeups=False)


def holds(listed: Sequence[HoldEntry], arms: Sequence[Arm]) -> Iterator[Arm]:
    """Each arm again with its change at one milestone left out: the control of that change, by the same seed and in the
    same orders of the data. Raises Misfit.
    """
    for index, entry in enumerate(listed):
        key, m = f"holds[{index}]", entry.milestone
        parent = parent_of(f"{key}.of", entry.of, arms)
        if m not in parent.milestones:
            what = f"arm {parent.name!r} changes after {parent.milestones}, not after {m}"
            raise Misfit(f"{key}.milestone", what)
        end = stub_end(f"{key}.milestone", parent, m, entry.epochs or len(parent.settings) - m)
        before = parent.settings[:m]
        yield Arm(
            f"hold-{parent.name}-{m}",
            f"{parent.name} with its change after epoch {m} left out",
            phases((*before, *[before[-1]] * (end - m))),
            first_seeds(f"{key}.seeds", entry.seeds, parent.seeds, f"arm {parent.name}"),
            role="hold",
            of=parent.name,
            at=m,
            closeups=entry.closeups,
        )


def date(lot: int, seed: int, index: int, first: int, last: int) -> int:
    """A number of epochs from `first` to `last`, drawn for a seed: the lot is a number that the study file states, so
    that nobody chooses a date and everybody can check it.
    """
    return first + number_of("date", lot, seed, index) % (last - first + 1)


def drawn(key: str, entry: ArmEntry, study: StudyFile, base: Setting, seeds: tuple[int, ...]) -> Arm:
    """An arm whose milestones are drawn for each seed from the ranges `dates` by the number `lot`; what it leaves out
    is taken from the study. Raises Misfit.
    """
    rule, factor, ranges = entry.rule or entry.name, entry.factor or study.factor, entry.dates or []
    base, seeds = override(base, entry), first_seeds(f"{key}.seeds", entry.seeds, seeds)
    if entry.lot is None:
        raise Misfit(f"{key}.dates", "needs lot, a number by which dates are drawn, beside it")
    for clash in ("milestones", "phases", "plateau"):
        if getattr(entry, clash) is not None:
            raise Misfit(f"{key}.{clash}", "an arm whose dates are drawn cannot have it")
    if rule not in SUDDEN_RULES[1:]:
        raise Misfit(f"{key}.dates", f"rule {rule!r} has no milestones that could be drawn")
    end = arm_end(key, entry, study.epochs)
    edges = [edge for pair in ranges for edge in pair]
    if edges != sorted(edges) or any(earlier[1] >= later[0] for earlier, later in pairwise(ranges)):
        raise Misfit(f"{key}.dates", f"must rise and not overlap, but are {ranges}")
    if edges[-1] >= end:
        raise Misfit(f"{key}.dates", f"{edges[-1]} is not before the last epoch ({end})")
    by_seed = []
    for seed in seeds:
        at = [date(entry.lot, seed, index, first, last) for index, (first, last) in enumerate(ranges)]
        by_seed.append((seed, rule_phases(rule, base, end, at, factor, entry.max_batch or study.max_batch), at[0]))
    words = RULE_DESCRIPTIONS[rule].format(factor=factor)
    when = " and ".join(f"{first} to {last}" for first, last in ranges)
    described = f"{words}; dates drawn for each seed from epochs {when}"
    return Arm(
        entry.name,
        described if entry.description is None else entry.description,
        (),
        seeds,
        role="drawn",
        closeups=False,
        rule=rule,
        factor=factor,
        by_seed=tuple(by_seed),
        dates=tuple((first, last) for first, last in ranges),
        lot=entry.lot,
    )


def forks(listed: Sequence[ForkFamily], max_batch: int | None, arms: Sequence[Arm]) -> Iterator[Arm]:
    """From one arm, at one date (stated, or drawn for each seed): forks under multiples of the setting before it, some
    in several orders of the data. Named fork-NAME, fork-NAME-2, ... Raises Misfit.
    """
    for index, family in enumerate(listed):
        key, (first, last) = f"forks[{index}]", family.at
        parent = parent_of(f"{key}.of", family.of, arms)
        seeds = first_seeds(f"{key}.seeds", family.seeds, parent.seeds, f"arm {parent.name}")
        if first < last and family.lot is None:
            raise Misfit(f"{key}.at", "needs lot, a number by which dates are drawn, beside it")
        check_rising(f"{key}.at", family.at, "is")
        stub_end(f"{key}.at", parent, last, family.epochs)
        dates = {seed: date(family.lot or 0, seed, index, first, last) for seed in seeds}
        for number, entry in enumerate(family.forks):
            where = f"{key}.list[{number}]"
            if (entry.name == PLACEBO) != (not entry.changes()):
                what = f"a fork changes something, unless it is called {PLACEBO}, which changes nothing"
                raise Misfit(where, what)
            own = first_seeds(f"{where}.seeds", entry.seeds, seeds, "the family")
            for copy in range(entry.orders):
                order = copy + 1 if entry.name == PLACEBO else copy
                by_seed = []
                for seed in own:
                    before = parent.settings[: dates[seed]]
                    after = _forked(before[-1], entry, order, max_batch)
                    by_seed.append((seed, phases((*before, *[after] * family.epochs)), dates[seed]))
                yield Arm(
                    f"fork-{entry.name}" + (f"-{copy + 1}" if copy else ""),
                    _fork_words(entry) if entry.description is None else entry.description,
                    (),
                    own,
                    role="fork",
                    of=parent.name,
                    closeups=False,
                    fork=entry.name,
                    by_seed=tuple(by_seed),
                )


def _forked(before: Setting, entry: ForkEntry, order: int, max_batch: int | None) -> Setting:
    after = cut(before, Multiples(1 / (entry.rate or 1), entry.batch or 1, entry.noise or 1), max_batch)
    momentum = before.momentum if entry.momentum is None else float(entry.momentum)
    return replace(after, order=order, momentum=momentum, decayed=entry.decayed is not False)


def _fork_words(entry: ForkEntry) -> str:
    multiples = {"learning rate": entry.rate, "batch size": entry.batch, "noise": entry.noise}
    words = [f"{what} x {multiple:g}" for what, multiple in multiples.items() if multiple is not None]
    words += [] if entry.momentum is None else [f"momentum {entry.momentum:g}"]
    words += ["no weight decay"] if entry.decayed is False else []
    return ", ".join(words) or "nothing changed, in a fresh order of the data"


def activation_twins(listed: Sequence[ActivationEntry], arms: Sequence[Arm]) -> Iterator[Arm]:
    """Arms again in a network with another activation, as far as `epochs`; named ARM-ACTIVATION. Raises Misfit."""
    for index, entry in enumerate(listed):
        for twin in _twins(f"activations[{index}]", entry, "activation", entry.activation, arms):
            yield replace(twin, activation=entry.activation)


def optimizer_twins(listed: Sequence[OptimizerEntry], arms: Sequence[Arm], base_rate: float) -> Iterator[Arm]:
    """Arms again with another optimiser, as far as `epochs`; named ARM-OPTIMIZER. Raises Misfit.

    nesterov: Nesterov's momentum; sgd: no momentum at all; adam: Adam, whose first decay rate is the momentum. Where
    `learning_rate` is given, all rates of the arm are scaled so that the study's base rate becomes it.
    """
    for index, entry in enumerate(listed):
        scale = (entry.learning_rate or base_rate) / base_rate
        for twin in _twins(f"optimizers[{index}]", entry, "optimizer", entry.optimizer, arms):
            retuned = tuple(Phase(p.epochs, _retuned(p.setting, scale, entry.optimizer)) for p in twin.phases)
            yield replace(twin, phases=retuned, optimizer=entry.optimizer)


def _retuned(setting: Setting, scale: float, optimizer: str) -> Setting:
    momentum = 0.0 if optimizer == "sgd" else setting.momentum
    return replace(setting, learning_rate=canonical(setting.learning_rate * scale), momentum=momentum)


def _twins(
    key: str, entry: ActivationEntry | OptimizerEntry, role: str, value: str, arms: Sequence[Arm]
) -> Iterator[Arm]:
    """The arms that are named once more, before what tells them apart (`value`) is put in place."""
    for name in entry.arms:
        parent = parent_of(f"{key}.arms", name, arms)
        end = entry.epochs or len(parent.settings)
        if end > len(parent.settings):
            raise Misfit(f"{key}.epochs", f"{end} is beyond the last epoch of arm {name!r}")
        yield Arm(
            f"{name}-{value}",
            f"{parent.description}; {value} instead of {INSTEAD_OF[role]}",
            truncated(parent.phases, end),
            first_seeds(f"{key}.seeds", entry.seeds, parent.seeds, f"arm {name}"),
            role=role,
            of=name,
            closeups=False,
            rule=parent.rule,
            factor=parent.factor,
        )
