"""What `errordrops plan` prints: the arms with their forks, and what a study costs. Pure: a study in, lines out."""

from collections.abc import Mapping
from typing import Any

from ..study.plan import runs
from ..study.study import Study

ROLES = {
    "drawn": "arms whose dates are drawn for each seed",
    "hold": "arms with one change left out",
    "fork": "forks at one date",
    "placebo": "active placebos",
    "cut": "stubs of the cut sweep",
    "activation": "networks with other activations",
    "optimizer": "other optimisers",
}


def schedules(study: Study) -> list[str]:
    """The arms, what they fork from and how many epochs they train; families of runs in a line each."""
    planned = runs(study)
    lines = [
        f"Study {study.name}: {study.title}",
        f"{len(planned)} runs of {len(study.arms)} arms, up to {len(study.seeds)} seeds and {study.epochs} epochs each",
        "",
        f"{'arm':<16} {'forks from':<12} {'after epoch':>11} {'epochs trained':>15} {'seeds':>6}   schedule",
    ]
    first = {run.arm: run for run in reversed(planned)}
    for arm in study.schedules:
        run = first[arm.name]
        after = run.fork_epoch if run.parent else ""
        lines.append(
            f"{run.arm:<16} {run.parent or '-':<12} {after:>11} {run.epochs_trained:>15} {len(arm.seeds):>6}   "
            f"{arm.description}"
        )
    for role, words in ROLES.items():
        family = [run for run in planned if study.arm(run.arm).role == role]
        if family:
            lines.append(f"{words}: {len(family)} runs, {sum(run.epochs_trained for run in family)} epochs to train")
    return lines


def costs(study: Study, estimate: Mapping[str, Any], results: str, where: str) -> list[str]:
    """What `costs.cost` has reckoned, the time of it `where`, such as `on 2 core(s)`."""
    saved = 1 - estimate["epochs"] / estimate["epochs_without_forks"]
    lines = [
        f"Epochs to train: {estimate['epochs']}, without forks {estimate['epochs_without_forks']} ({saved:.0%} saved).",
        f"Training and evaluation alone: about {duration(estimate['seconds'])} {where}({estimate['estimate_from']}).",
    ]
    lines += [
        f"On one {hardware}, runs one after the other: about {duration(seconds)} (measured)."
        for hardware, seconds in estimate["seconds_on_gpu"].items()
    ]
    left, rest = estimate["epochs_left"], estimate["epochs_left_from_reference"]
    if left < estimate["epochs"]:
        lines.append(f"{results}/{study.name} holds runs already: {left} epochs are left to train.")
    if rest < left:
        lines.append(f"results/reference holds runs of it: with FROM=reference {rest} epochs are left to train.")
    return lines


def duration(seconds: float) -> str:
    """`45 s`, `15 min`, `2.3 h`, `430 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 6000 else f"{minutes / 60:,.0f} h"
