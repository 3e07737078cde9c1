"""A study: what is trained, as its file resolves. Every mistake in it is told before anything trains."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .schedules import Phase, Setting, canonical, milestones, rule_phases, settings
from .studychecks import DATASET_LABELS, TRAIN_IMAGES, check_dataset, check_milestones, check_model
from .studyfile import REPOSITORY, StudyError, read, wrong

__all__ = ["REPOSITORY", "Arm", "Study", "StudyError", "check_batches", "find", "load"]
DEFAULTS = {
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 1e-4,
    "milestones": [],
    "factor": 10,
    "max_batch": None,
    "threads": 1,
    "precision": "auto",
    "checkpoint_every": 1,
}
CONTROL = "none"  # the arm that all others are compared with
EVALUATION = {"train_images": 2000, "statistics_images": 2000, "closeup_images": 1000}
RULE_DESCRIPTIONS = {
    "none": "nothing changes",
    "step": "learning rate divided by {factor:g} at each milestone",
    "batch": "batch size multiplied by {factor:g} at each milestone",
    "hybrid": "batch size multiplied by {factor:g} at the first milestone, learning rate divided by it after",
}


@dataclass(frozen=True)
class Arm:
    """A named schedule."""

    name: str
    description: str
    phases: tuple[Phase, ...]

    @property
    def settings(self) -> tuple[Setting, ...]:
        """One setting an epoch; entry 0 belongs to epoch 1."""
        return settings(self.phases)

    @property
    def milestones(self) -> list[int]:
        """Epochs completed when this arm's setting changes."""
        return milestones(self.settings)


@dataclass(frozen=True)
class Study:
    """A study as its file resolves: defaults filled in, arms turned into phases, seeds listed."""

    name: str
    title: str
    path: Path
    dataset: Mapping[str, Any]
    model: Mapping[str, Any]
    base: Setting
    nesterov: bool
    weight_decay: float
    epochs: int
    milestones: tuple[int, ...]
    factor: float
    max_batch: int | None
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    threads: int
    precision: str
    evaluation: Mapping[str, int]
    checkpoint_every: int
    claims: Mapping[str, Any]

    def arm(self, name: str) -> Arm:
        """The arm of that name. Raises StudyError if there is none."""
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise StudyError(f"{self.path}: no arm {name!r}; it has {', '.join(a.name for a in self.arms)}")

    @property
    def model_label(self) -> str:
        """The network as people write it: ResNet-8 of width 16, Wide ResNet 16-4, ResNet-50."""
        depth = self.model["depth"]
        match self.model["family"]:
            case "cifar-resnet":
                return f"ResNet-{depth} of width {self.model['width']}"
            case "wide-resnet":
                return f"Wide ResNet {depth}-{self.model['widen_factor']}"
        return f"ResNet-{depth}"

    @property
    def dataset_label(self) -> str:
        return self.dataset.get("label") or DATASET_LABELS[self.dataset["name"]]

    @property
    def train_images(self) -> int | None:
        """Training images, None where only the folder itself can tell."""
        return self.dataset.get("train_size") or TRAIN_IMAGES.get(self.dataset["name"])


def find(name: str, folder: str | Path = "config/studies") -> Path:
    """The file of a study given by name, or by the path of its file. Raises StudyError if there is none."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else Path(folder) / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in Path(folder).glob("*.yaml"))
        raise StudyError(f"no study file {path}; {folder} holds: {', '.join(known) or 'none'}")
    return path


def load(name: str, folder: str | Path = "config/studies", data_dir: str | None = None) -> Study:
    """Read and check a study. `data_dir` replaces the folder that the file names, if any.

    Raises StudyError with one message for whatever is wrong first.
    """
    path = find(name, folder)
    content = read(path)
    if data_dir:
        content["dataset"]["data_dir"] = data_dir
    return _resolve(path, content)


def _resolve(path: Path, content: dict) -> Study:
    content = DEFAULTS | content
    epochs = content["epochs"]
    check_milestones(path, "milestones", content["milestones"], epochs)
    dataset = {"pad": 0, "flip": False, "normalisation": "channel"} | content["dataset"]
    check_dataset(path, dataset)
    check_model(path, content["model"])
    base = Setting(canonical(content["learning_rate"]), content["batch_size"], float(content["momentum"]))
    train_images = dataset.get("train_size") or TRAIN_IMAGES.get(dataset["name"])
    arms = []
    for index, arm in enumerate(content["arms"]):
        key = f"arms[{index}]"
        if arm["name"] in {a.name for a in arms}:
            raise wrong(path, key, f"an arm {arm['name']!r} is there already; give one of them another name")
        arms.append(_resolve_arm(path, key, arm, content, base))
        check_batches(path, key, arms[-1], train_images)
        if arm["name"] == CONTROL and arms[-1].milestones:
            raise wrong(
                path, key, f"arm {CONTROL} is the control: nothing may change in it; give this arm another name"
            )
    for kind, points in content.get("claims", {}).items():
        changes = max(len(arm.milestones) for arm in arms)
        if len(points) > changes:
            raise wrong(
                path, f"claims.{kind}", f"{len(points)} thresholds, but no arm has more than {changes} milestones"
            )
    seeds = content["seeds"]
    evaluation = EVALUATION | content.get("evaluation", {})
    if train_images is not None:
        evaluation["train_images"] = min(evaluation["train_images"], train_images)
        evaluation["statistics_images"] = min(evaluation["statistics_images"], train_images)
    return Study(
        name=content["study"],
        title=content["title"],
        path=path,
        dataset=dataset,
        model=content["model"],
        base=base,
        nesterov=content["nesterov"],
        weight_decay=float(content["weight_decay"]),
        epochs=epochs,
        milestones=tuple(content["milestones"]),
        factor=content["factor"],
        max_batch=content["max_batch"],
        arms=tuple(arms),
        seeds=tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds),
        threads=content["threads"],
        precision=content["precision"],
        evaluation=evaluation,
        checkpoint_every=content["checkpoint_every"],
        claims=content.get("claims", {}),
    )


def _resolve_arm(path: Path, key: str, arm: dict, study: dict, base: Setting) -> Arm:
    epochs = study["epochs"]
    base = Setting(
        canonical(arm.get("learning_rate", base.learning_rate)),
        arm.get("batch_size", base.batch_size),
        float(arm.get("momentum", base.momentum)),
    )
    if "phases" in arm:
        clash = [k for k in ("rule", "milestones", "factor", "max_batch") if k in arm]
        if clash:
            raise wrong(path, f"{key}.{clash[0]}", "an arm has either a rule or phases")
        phases = tuple(
            Phase(
                p["epochs"],
                Setting(
                    canonical(p.get("learning_rate", base.learning_rate)),
                    p.get("batch_size", base.batch_size),
                    float(p.get("momentum", base.momentum)),
                ),
            )
            for p in arm["phases"]
        )
        total = sum(p.epochs for p in phases)
        if total != epochs:
            raise wrong(path, f"{key}.phases", f"their epochs add up to {total}, but the study has {epochs}")
        return Arm(arm["name"], arm.get("description", f"{len(phases)} phases"), phases)
    rule = arm.get("rule", arm["name"])
    if rule not in RULE_DESCRIPTIONS:
        raise wrong(path, key, f"{rule!r} is no rule ({', '.join(RULE_DESCRIPTIONS)}); give the arm a rule or phases")
    at = arm.get("milestones", study["milestones"])
    check_milestones(path, f"{key}.milestones", at, epochs)
    if not at and rule != "none":
        raise wrong(path, "milestones", f"arm {arm['name']!r} changes its setting at milestones, but there are none")
    factor = arm.get("factor", study["factor"])
    max_batch = arm.get("max_batch", study["max_batch"])
    phases = rule_phases(rule, base, epochs, at if rule != "none" else [], factor, max_batch)
    return Arm(arm["name"], arm.get("description", RULE_DESCRIPTIONS[rule].format(factor=factor)), phases)


def check_batches(path: Path, key: str, arm: Arm, train_images: int | None) -> None:
    """Raise StudyError if a batch of the arm is larger than the training set, with the arithmetic."""
    largest = max(phase.setting.batch_size for phase in arm.phases)
    if train_images is not None and largest > train_images:
        first = arm.phases[0].setting.batch_size
        raise wrong(
            path,
            key,
            f"arm {arm.name!r} would need batches of {largest} images ({first} x {largest / first:g}), but there are "
            f"{train_images} training images; set max_batch (what the batch can't take is cut from the learning rate), "
            "a smaller factor or fewer milestones",
        )
