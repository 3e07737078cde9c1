"""The plan of a study: its runs, who forks from whom, and the key by which each run is known.

Runs of one seed share everything up to the last epoch in which their settings agree, so that part is trained once. A
run is known by what determines it and never by its name or its place in a list.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .arms import Arm
from .plateau import Plateau
from .settings import Setting, phases, shared_epochs
from .study import CONTROL, Study, StudyError

# What is measured in the checkpoints around a milestone, a module of probes/ each. A map is drawn of one run alone.
PROBES = ("units", "curvature", "motion", "noise", "path", "relaxation", "sharpness", "landscape")

# What can be measured after an epoch besides error and loss of the weights.
AVERAGES, AVERAGED_TEST, VALIDATION, RAW = "averages", "averaged test", "validation", "raw"


@dataclass(frozen=True)
class Run:
    """One arm with one seed. It is trained from epoch `fork_epoch` + 1 on; what is before comes from `parent`.

    `whole`: neither a control nor a stub. `read_raw`: error is read with running batch-norm statistics, too, as people
    see it; nobody looks at those of placebos and stubs. `foretold`: the epochs after which the cut sweep asks what
    averaged weights say to each test image. `validated`: the plateau rule decides by the validation error of this run.
    """

    arm: str
    seed: int
    settings: tuple[Setting, ...]
    parent: str | None
    fork_epoch: int
    plateau: Plateau | None = None
    closeups: bool = False
    whole: bool = True
    read_raw: bool = True
    foretold: frozenset[int] = frozenset()
    validated: bool = False
    activation: str = "relu"
    optimizer: str = "momentum"

    @property
    def network(self) -> tuple[str, str]:
        """What runs of one seed must have in common, besides settings, to share epochs."""
        return self.activation, self.optimizer

    @property
    def epochs_trained(self) -> int:
        return len(self.settings) - self.fork_epoch

    def extras(self, epoch: int) -> frozenset[str]:
        """What is measured after an epoch besides error and loss of the weights (see `Trainer.evaluate`).

        Evaluation costs as much as training, so only what is asked for: averaged weights along whole runs (not along
        placebos and stubs) and at the dates of the cut sweep, running statistics along what people look at, validation
        images for the plateau rule.
        """
        wanted = ({AVERAGES} if self.whole else set()) | ({RAW} if self.read_raw else set())
        wanted |= {AVERAGES, AVERAGED_TEST} if epoch in self.foretold else set()
        return frozenset(wanted | ({VALIDATION} if self.validated else set()))


@cache
def fork_points(arms: tuple[Arm, ...]) -> dict[str, tuple[str | None, int]]:
    """For each arm (parent, epochs shared with it); None and 0 for an arm that shares nothing.

    Arms whose settings stay unchanged longest come first and are the parents, whatever their order in the study. An arm
    that decides during training waits for the arm that it starts as, and shares with it what turns out to be equal.
    """

    def unchanged_longest(arm: Arm):
        runs = phases(arm.settings)
        return [-run.epochs for run in runs], arm.settings, arm.name

    def alike(arm: Arm) -> list[Arm]:
        return [other for other in earlier if other.network == arm.network]

    forks: dict[str, tuple[str | None, int]] = {}
    earlier: list[Arm] = []
    for arm in sorted((arm for arm in arms if not arm.plateau), key=unchanged_longest):
        parent, shared = None, 0
        for other in alike(arm):
            epochs = shared_epochs(arm.settings, other.settings)
            if epochs > shared:
                parent, shared = other.name, epochs
        forks[arm.name] = (parent, shared)
        earlier.append(arm)
    for arm in arms:
        if arm.plateau:
            same = [other.name for other in alike(arm) if other.settings[: len(arm.settings)] == arm.settings]
            forks[arm.name] = (same[0] if same else None, 0)
    return forks


def runs(study: Study) -> list[Run]:
    """All runs of a study, in the order of its arms and seeds."""
    return [run for arm in study.arms for run in _runs_of(arm, study.arms)]


def steps(study: Study, run: Run) -> list[str]:
    """The steps (train, closeups, audit, foretell, probes) that make something of a run."""
    audited = run.arm == CONTROL and run.seed in study.audited_seeds
    made = ["train", *(["closeups"] if run.closeups else []), *(["audit"] if audited else [])]
    if run.arm == CONTROL and any(arm.role == "fork" and run.seed in arm.seeds for arm in study.arms):
        made.append("foretell")
    if study.probes and run.arm in study.probes["arms"] and run.seed in probed_seeds(study):
        mapped = next((arm for arm in study.probes["arms"] if arm != CONTROL), None), study.seeds[0]
        made += [probe for probe in PROBES if probe != "landscape" or (run.arm, run.seed) == mapped]
    return made


def probed_seeds(study: Study) -> tuple[int, ...]:
    """The seeds whose checkpoints are probed: the first ones, as many as the study says, or all."""
    return study.seeds[: study.probes.get("seeds")]


def runs_with(step: str, study: Study) -> list[Run]:
    """The runs of which a step makes something."""
    return [run for run in runs(study) if step in steps(study, run)]


@cache
def _runs_of(arm: Arm, arms: tuple[Arm, ...]) -> list[Run]:
    there = {seed: tuple(other.for_seed(seed) for other in arms if seed in other.seeds) for seed in arm.seeds}
    own = {seed: arm.for_seed(seed) for seed in arm.seeds}

    def validated(seed: int) -> bool:
        judges = [other for other in there[seed] if other.plateau and other.plateau.judged == "validation"]
        return own[seed] in judges or arm.name in {fork_points(there[seed])[other.name][0] for other in judges}

    return [
        Run(
            arm.name,
            seed,
            own[seed].settings,
            *fork_points(there[seed])[arm.name],
            plateau=arm.plateau,
            closeups=arm.closeups and bool(own[seed].milestones),
            whole=arm.role == "schedule",
            read_raw=arm.role in ("schedule", "hold", "activation", "optimizer"),
            foretold=_foretold(own[seed], there[seed]),
            validated=validated(seed),
            activation=arm.activation,
            optimizer=arm.optimizer,
        )
        for seed in arm.seeds
    ]


def _foretold(arm: Arm, others: Sequence[Arm]) -> frozenset[int]:
    """The dates at which a cut is tried of this arm, or of an arm with which it shares everything until then."""
    cuts = [other for other in others if other.role == "cut" and other.network == arm.network]
    return frozenset(cut.at for cut in cuts if shared_epochs(arm.settings, cut.settings) >= cut.at)


def find_run(study: Study, arm: str, seed: int) -> Run:
    """The run of an arm and a seed. Raises StudyError for an arm or a seed that the study lacks."""
    planned = study.arm(arm)
    for run in _runs_of(planned, study.arms):
        if run.seed == seed:
            return run
    raise StudyError(f"{study.path}: arm {arm!r} has no seed {seed}; it has {', '.join(map(str, planned.seeds))}")


def recipe(study: Study, run: Run) -> dict[str, Any]:
    """What runs of a seed and a network have in common; with the settings of each epoch it determines a run."""
    # any folder may be called one: there the label belongs to what was trained on
    anonymous = {"data_dir"} if study.dataset["name"] == "image-folder" else {"data_dir", "label"}
    dataset = {key: value for key, value in study.dataset.items() if key not in anonymous}
    evaluation = {key: n for key, n in study.evaluation.items() if key != "closeup_images"}
    common = {
        "dataset": dataset,
        "model": dict(study.model) | ({"activation": run.activation} if run.activation != "relu" else {}),
        "nesterov": run.optimizer == "nesterov" or (study.nesterov and run.optimizer == "momentum"),
        "weight_decay": study.weight_decay,
        "group_size": study.group_size,
        "evaluation": evaluation,
        "seed": run.seed,
    }
    options = {"averages": list(study.averages), "warmup": study.warmup}
    own = {key: value for key, value in options.items() if value}
    return common | own | ({"optimizer": "adam"} if run.optimizer == "adam" else {})


def key_chain(base: dict[str, Any], settings: Sequence[Setting]) -> list[str]:
    """Keys of the states after epoch 0, 1, ..., each made of the one before and the setting of its epoch."""
    keys = [_digest(base)]
    for setting in settings:
        keys.append(_digest([keys[-1], setting.described()]))
    return keys


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def recipe_key(study: Study, run: Run) -> str:
    """The key of a whole run as far as the study file determines it: without data checksum and numerics."""
    base = recipe(study, run) | ({"plateau": run.plateau.described()} if run.plateau else {})
    return key_chain(base, run.settings)[-1]


def totals(study: Study) -> dict[str, int]:
    """Epochs to train, what they would be without forks, and the number of runs."""
    planned = runs(study)
    return {
        "runs": len(planned),
        "epochs": sum(run.epochs_trained for run in planned),
        "epochs_without_forks": sum(len(run.settings) for run in planned),
    }
