"""Families of arms that go on from another one at an epoch (holds, placebos, stubs, forks); arms with drawn dates; arms
again with one thing changed that is no schedule (another activation, another optimiser), each with a control.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..randomness import number_of
from .arms import RULE_DESCRIPTIONS, Arm, arm_end, first_seeds, override, parent_of
from .settings import SUDDEN_RULES, Multiples, Phase, Setting, canonical, cut, phases, rule_phases, truncated
from .studyfile import wrong

CUTS = ("rate", "batch", "placebo")  # the stubs of the cut sweep at one epoch
PLACEBO = "placebo"  # the fork that changes nothing but the order of the data
INSTEAD_OF = {"activation": "ReLU", "optimizer": "the study's optimiser"}


def stub_end(path: Path, key: str, arm: Arm, at: int, length: int) -> int:
    if at + length > len(arm.settings):
        raise wrong(path, key, f"epoch {at} + {length} epochs is beyond the last epoch of arm {arm.name!r}")
    return at + length


def placebos(path: Path, listed: Sequence[Mapping[str, Any]], arms: Sequence[Arm]) -> list[Arm]:
    """Active placebos: each arm again from a milestone on, its change at that milestone left out, with fresh orders of
    the data. What is left of chance is the spread of their mean. Raises StudyError.
    """
    found = []
    for index, entry in enumerate(listed):
        key = f"placebos[{index}]"
        parent, m, length = parent_of(path, f"{key}.of", entry["of"], arms), entry["milestone"], entry["epochs"]
        end = stub_end(path, f"{key}.milestone", parent, m, length)
        seeds = first_seeds(path, f"{key}.seeds", entry.get("seeds"), parent.seeds, f"arm {parent.name}")
        before = parent.settings[:m]
        for copy in range(1, entry["copies"] + 1):
            after = [replace(before[-1], order=copy)] * (end - m)
            found.append(
                Arm(
                    f"placebo-{parent.name}-{m}-{copy}",
                    f"{parent.name} with what it had before milestone {m}, in a fresh order of the data",
                    phases((*before, *after)),
                    seeds,
                    role="placebo",
                    of=parent.name,
                    at=m,
                    closeups=entry.get("closeups", True),
                )
            )
    return found


def cut_sweep(
    path: Path, sweep: Mapping[str, Any], factor: float, max_batch: int | None, arms: Sequence[Arm]
) -> list[Arm]:
    """Stubs of a few epochs from one arm at many epochs: rate cut, batch increase, placebo. Raises StudyError."""
    parent, found = parent_of(path, "cut_sweep.of", sweep["of"], arms), []
    seeds = first_seeds(path, "cut_sweep.seeds", sweep.get("seeds"), parent.seeds, f"arm {parent.name}")
    for index, m in enumerate(sweep["at"]):
        end = stub_end(path, f"cut_sweep.at[{index}]", parent, m, sweep["epochs"])
        before = parent.settings[:m]
        after = {
            "rate": cut(before[-1], Multiples(factor), max_batch),
            "batch": cut(before[-1], Multiples(1.0, factor), max_batch),
            "placebo": replace(before[-1], order=1),
        }
        for kind in CUTS:
            stub = phases((*before, *[after[kind]] * (end - m)))
            name, text = f"cut-{m}-{kind}", f"{parent.name} for {m} epochs, then {kind}"
            found.append(Arm(name, text, stub, seeds, role="cut", of=parent.name, at=m, closeups=False))
    return found


def holds(path: Path, listed: Sequence[Mapping[str, Any]], arms: Sequence[Arm]) -> list[Arm]:
    """Each arm again with its change at one milestone left out: the control of that change, by the same seed and in the
    same orders of the data. Raises StudyError.
    """
    found = []
    for index, entry in enumerate(listed):
        key = f"holds[{index}]"
        parent, m = parent_of(path, f"{key}.of", entry["of"], arms), entry["milestone"]
        if m not in parent.milestones:
            raise wrong(
                path, f"{key}.milestone", f"arm {parent.name!r} changes after {parent.milestones}, not after {m}"
            )
        end = stub_end(path, f"{key}.milestone", parent, m, entry.get("epochs", len(parent.settings) - m))
        before = parent.settings[:m]
        found.append(
            Arm(
                f"hold-{parent.name}-{m}",
                f"{parent.name} with its change after epoch {m} left out",
                phases((*before, *[before[-1]] * (end - m))),
                first_seeds(path, f"{key}.seeds", entry.get("seeds"), parent.seeds, f"arm {parent.name}"),
                role="hold",
                of=parent.name,
                at=m,
                closeups=entry.get("closeups", False),
            )
        )
    return found


def date(lot: int, seed: int, index: int, first: int, last: int) -> int:
    """A number of epochs from `first` to `last`, drawn for a seed: the lot is a number that the study file states, so
    that nobody chooses a date and everybody can check it.
    """
    return first + number_of("date", lot, seed, index) % (last - first + 1)


def drawn(
    path: Path, key: str, arm: Mapping[str, Any], study: Mapping[str, Any], base: Setting, seeds: tuple[int, ...]
) -> Arm:
    """An arm whose milestones are drawn for each seed from the ranges `dates` by the number `lot`; what it leaves out
    is taken from the study. Raises StudyError.
    """
    rule, factor, ranges = arm.get("rule", arm["name"]), arm.get("factor", study["factor"]), arm["dates"]
    base, seeds = override(base, arm), first_seeds(path, f"{key}.seeds", arm.get("seeds"), seeds)
    if "lot" not in arm:
        raise wrong(path, f"{key}.dates", "needs lot, a number by which dates are drawn, beside it")
    for clash in ("milestones", "phases", "plateau"):
        if clash in arm:
            raise wrong(path, f"{key}.{clash}", "an arm whose dates are drawn cannot have it")
    if rule not in SUDDEN_RULES[1:]:
        raise wrong(path, f"{key}.dates", f"rule {rule!r} has no milestones that could be drawn")
    end = arm_end(path, key, arm, study["epochs"])
    edges = [edge for pair in ranges for edge in pair]
    if edges != sorted(edges) or any(a[1] >= b[0] for a, b in pairwise(ranges)):
        raise wrong(path, f"{key}.dates", f"must rise and not overlap, but are {ranges}")
    if edges[-1] >= end:
        raise wrong(path, f"{key}.dates", f"{edges[-1]} is not before the last epoch ({end})")
    max_batch = arm.get("max_batch", study["max_batch"])
    by_seed = []
    for seed in seeds:
        at = [date(arm["lot"], seed, index, *pair) for index, pair in enumerate(ranges)]
        by_seed.append((seed, rule_phases(rule, base, end, at, factor, max_batch), at[0]))
    words = RULE_DESCRIPTIONS[rule].format(factor=factor)
    when = " and ".join(f"{first} to {last}" for first, last in ranges)
    return Arm(
        arm["name"],
        arm.get("description", f"{words}; dates drawn for each seed from epochs {when}"),
        (),
        seeds,
        role="drawn",
        closeups=False,
        rule=rule,
        factor=factor,
        by_seed=tuple(by_seed),
        dates=tuple((first, last) for first, last in ranges),
        lot=arm["lot"],
    )


def forks(path: Path, listed: Sequence[Mapping[str, Any]], max_batch: int | None, arms: Sequence[Arm]) -> list[Arm]:
    """From one arm, at one date (stated, or drawn for each seed): forks under multiples of the setting before it, some
    in several orders of the data. Named fork-NAME, fork-NAME-2, ... Raises StudyError.
    """
    found = []
    for index, family in enumerate(listed):
        key = f"forks[{index}]"
        parent = parent_of(path, f"{key}.of", family["of"], arms)
        seeds = first_seeds(path, f"{key}.seeds", family.get("seeds"), parent.seeds, f"arm {parent.name}")
        first, last = (family["at"], family["at"]) if isinstance(family["at"], int) else family["at"]
        if first < last and "lot" not in family:
            raise wrong(path, f"{key}.at", "needs lot, a number by which dates are drawn, beside it")
        if first > last:
            raise wrong(path, f"{key}.at", f"must rise, but is {[first, last]}")
        stub_end(path, f"{key}.at", parent, last, family["epochs"])
        dates = {seed: date(family.get("lot", 0), seed, index, first, last) for seed in seeds}
        for number, entry in enumerate(family["list"]):
            where, name = f"{key}.list[{number}]", entry["name"]
            changes = set(entry) - {"name", "orders", "description", "seeds"}
            if (name == PLACEBO) != (not changes):
                raise wrong(
                    path, where, f"a fork changes something, unless it is called {PLACEBO}, which changes nothing"
                )
            own = first_seeds(path, f"{where}.seeds", entry.get("seeds"), seeds, "the family")
            for copy in range(entry.get("orders", 1)):
                order = copy + 1 if name == PLACEBO else copy
                by_seed = []
                for seed in own:
                    before = parent.settings[: dates[seed]]
                    after = _forked(before[-1], entry, order, max_batch)
                    by_seed.append((seed, phases((*before, *[after] * family["epochs"])), dates[seed]))
                found.append(
                    Arm(
                        f"fork-{name}" + (f"-{copy + 1}" if copy else ""),
                        entry.get("description", _fork_words(entry)),
                        (),
                        own,
                        role="fork",
                        of=parent.name,
                        closeups=False,
                        fork=name,
                        by_seed=tuple(by_seed),
                    )
                )
    return found


def _forked(before: Setting, entry: Mapping[str, Any], order: int, max_batch: int | None) -> Setting:
    by = Multiples(1 / entry.get("rate", 1), entry.get("batch", 1), entry.get("noise", 1))
    after = cut(before, by, max_batch)
    momentum = float(entry.get("momentum", before.momentum))
    return replace(after, order=order, momentum=momentum, decayed=entry.get("decayed", True))


def _fork_words(entry: Mapping[str, Any]) -> str:
    named = {"rate": "learning rate", "batch": "batch size", "noise": "noise"}
    words = [f"{what} x {entry[key]:g}" for key, what in named.items() if key in entry]
    words += [f"momentum {entry['momentum']:g}"] if "momentum" in entry else []
    words += ["no weight decay"] if entry.get("decayed") is False else []
    return ", ".join(words) or "nothing changed, in a fresh order of the data"


def activation_twins(path: Path, listed: Sequence[Mapping[str, Any]], arms: Sequence[Arm]) -> list[Arm]:
    """Arms again in a network with another activation, as far as `epochs`; named ARM-ACTIVATION. Raises StudyError."""
    return [twin for _, twin in _twins(path, "activations", "activation", listed, arms)]


def optimizer_twins(
    path: Path, listed: Sequence[Mapping[str, Any]], arms: Sequence[Arm], base_rate: float
) -> list[Arm]:
    """Arms again with another optimiser, as far as `epochs`; named ARM-OPTIMIZER. Raises StudyError.

    nesterov: Nesterov's momentum; sgd: no momentum at all; adam: Adam, whose first decay rate is the momentum. Where
    `learning_rate` is given, all rates of the arm are scaled so that the study's base rate becomes it.
    """
    found = []
    for entry, twin in _twins(path, "optimizers", "optimizer", listed, arms):
        scale = entry.get("learning_rate", base_rate) / base_rate
        phases = tuple(Phase(p.epochs, _retuned(p.setting, scale, twin.optimizer)) for p in twin.phases)
        found.append(replace(twin, phases=phases))
    return found


def _retuned(setting: Setting, scale: float, optimizer: str) -> Setting:
    momentum = 0.0 if optimizer == "sgd" else setting.momentum
    return replace(setting, learning_rate=canonical(setting.learning_rate * scale), momentum=momentum)


def _twins(
    path: Path, key: str, kind: str, listed: Sequence[Mapping[str, Any]], arms: Sequence[Arm]
) -> Iterator[tuple[Mapping[str, Any], Arm]]:
    """What is listed, with each of its twins; `kind` is the role, and the field of an arm, that tells twins apart."""
    for index, entry in enumerate(listed):
        where, value = f"{key}[{index}]", entry[kind]
        for name in entry["arms"]:
            parent = parent_of(path, f"{where}.arms", name, arms)
            end = entry.get("epochs", len(parent.settings))
            if end > len(parent.settings):
                raise wrong(path, f"{where}.epochs", f"{end} is beyond the last epoch of arm {name!r}")
            twin = Arm(
                f"{name}-{value}",
                f"{parent.description}; {value} instead of {INSTEAD_OF[kind]}",
                truncated(parent.phases, end),
                first_seeds(path, f"{where}.seeds", entry.get("seeds"), parent.seeds, f"arm {name}"),
                role=kind,
                of=name,
                closeups=False,
                rule=parent.rule,
                factor=parent.factor,
            )
            yield entry, replace(twin, **{kind: value})
