"""Arms again with one thing changed that is no schedule: another activation, another optimiser; each with a control."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .arms import Arm, first_seeds, parent_of
from .settings import Phase, Setting, canonical, truncated
from .studyfile import wrong

INSTEAD_OF = {"activation": "ReLU", "optimizer": "the study's optimiser"}


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
