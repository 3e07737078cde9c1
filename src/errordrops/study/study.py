"""A study: what is trained, as its file resolves. Every mistake in it is told before anything trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .arms import Arm, resolve_arm
from .families import activation_twins, cut_sweep, drawn, forks, holds, optimizer_twins, placebos
from .settings import Setting, canonical
from .studychecks import (
    DATASET_LABELS,
    RESERVED_STUDIES,
    TRAIN_IMAGES,
    check_dataset,
    check_milestones,
    check_model,
    check_name,
)
from .studyfile import REPOSITORY, StudyError, find, read, wrong

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
    "averages": [],
    "holds": [],
    "placebos": [],
    "forks": [],
    "activations": [],
    "optimizers": [],
    "notes": [],
    "published": [],
    "unchanged_fork": 0,
    "group_size": None,
    "warmup": None,
}
BY_MILESTONE = ("drop", "level", "drop_loss", "level_loss", "beyond_placebos")  # claims with a threshold for each
# where a file states the arms of a role
FAMILIES = {"hold": "holds", "placebo": "placebos", "fork": "forks", "cut": "cut_sweep"}
FEW = 6  # schedules that fit into one picture
CONTROL = "none"  # the arm that all others are compared with
# images in the Hessian's sample; leading and negative directions; epochs after the milestone; points on a side of a map
PROBES = {"arms": [CONTROL, "step", "batch"], "images": 500, "directions": 10, "after": [1, 5], "map_points": 21}
EVALUATION = {"train_images": 2000, "statistics_images": 2000, "closeup_images": 1000}


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
    evaluation: Mapping[str, Any]
    checkpoint_every: int
    averages: tuple[float, ...]
    audited_seeds: tuple[int, ...]
    claims: Mapping[str, Any]
    probes: Mapping[str, Any] = field(default_factory=dict)
    predictions: Mapping[str, Any] = field(default_factory=dict)
    companion: str | None = None
    opening: str | None = None
    notes: tuple[str, ...] = ()
    published: tuple[Mapping[str, Any], ...] = ()
    group_size: int = 0
    warmup: Mapping[str, Any] | None = None

    @property
    def schedules(self) -> tuple[Arm, ...]:
        """The arms that are schedules of their own, without placebos and stubs."""
        return tuple(arm for arm in self.arms if arm.role == "schedule")

    @property
    def headline(self) -> list[str]:
        """Names of the arms that the first figures and tables show: all of a study with few; of one with more those
        with the study's own milestones, factor and base setting, or phases of their own, as doses and controls have
        figures of their own. None that decides during training. All, where that leaves fewer than two.
        """
        few = len(self.schedules) <= FEW

        def plain(arm: Arm) -> bool:
            whole = len(arm.settings) == self.epochs and arm.settings[0] == self.base
            if arm.rule == CONTROL:
                return whole
            usual = arm.factor == self.factor and arm.milestones == list(self.milestones)
            return arm.rule is None or (whole and usual and arm.rule in ("step", "batch", "hybrid", "restored", "swap"))

        names = [arm.name for arm in self.schedules if (arm.plateau is None if few else plain(arm))]
        return names if len(names) > 1 else [arm.name for arm in self.schedules]

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


def load(
    name: str, folder: str | Path = "config/studies", data_dir: str | None = None, depth: int | None = None
) -> Study:
    """Read and check a study. `data_dir` replaces the folder that the file names, if any, `depth` that of the network.

    Raises StudyError with one message for whatever is wrong first.
    """
    path = find(name, folder)
    content = read(path)
    if data_dir:
        content["dataset"]["data_dir"] = data_dir
    if depth is not None:
        content["model"]["depth"] = int(depth)
    return _resolve(path, content)


def _resolve(path: Path, content: dict) -> Study:
    content = DEFAULTS | content
    epochs = content["epochs"]
    check_name(path, "study", content["study"], RESERVED_STUDIES)
    check_milestones(path, "milestones", content["milestones"], epochs)
    dataset = {"pad": 0, "flip": False, "normalisation": "channel"} | content["dataset"]
    check_dataset(path, dataset)
    draws = "train_size" in dataset and dataset["name"] != "imagenet"
    if dataset.pop("subset", "seed" if draws else "fixed") == "seed":
        dataset["subset"] = "seed"
    check_model(path, content["model"])
    base = Setting(canonical(content["learning_rate"]), content["batch_size"], float(content["momentum"]))
    train_images = dataset.get("train_size") or TRAIN_IMAGES.get(dataset["name"])
    seeds = content["seeds"]
    seeds = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    arms: list[Arm] = []
    for index, arm in enumerate(content["arms"]):
        key = f"arms[{index}]"
        check_name(path, f"{key}.name", arm["name"])
        if arm["name"] in {a.name for a in arms}:
            raise wrong(path, key, f"an arm {arm['name']!r} is there already; give one of them another name")
        resolve = drawn if "dates" in arm else resolve_arm
        arms.append(resolve(path, key, arm, content, base, seeds))
        check_batches(path, key, arms[-1], train_images)
        control = arms[-1] if arm["name"] == CONTROL else None
        if control and (control.by_seed or control.milestones or control.plateau or len(control.settings) < epochs):
            raise wrong(
                path,
                key,
                f"arm {CONTROL} is the control: nothing may change in it, and it lasts as long as the study; give this "
                "arm another name",
            )
    changes = max(len(arm.milestones) if arm.sudden and not arm.by_seed else 0 for arm in arms)
    for kind in BY_MILESTONE:
        points = content.get("claims", {}).get(kind, [])
        if len(points) > changes:
            raise wrong(
                path, f"claims.{kind}", f"{len(points)} thresholds, but no arm has more than {changes} milestones"
            )
    if content["averages"] != sorted(content["averages"]):
        raise wrong(path, "averages", f"must rise, but are {content['averages']}")
    control_seeds = next((arm.seeds for arm in arms if arm.name == CONTROL), ())
    if content["unchanged_fork"] > len(control_seeds):
        raise wrong(
            path,
            "unchanged_fork",
            f"{content['unchanged_fork']} seeds wanted, but arm {CONTROL} has {len(control_seeds)}",
        )
    if content["activations"] and content["model"]["family"] == "imagenet-resnet":
        raise wrong(path, "activations", "torchvision's ResNets have ReLU only; take a cifar-resnet or a wide-resnet")
    families = holds(path, content["holds"], arms) + placebos(path, content["placebos"], arms)
    families += forks(path, content["forks"], content["max_batch"], arms)
    families += activation_twins(path, content["activations"], arms)
    families += optimizer_twins(path, content["optimizers"], arms, base.learning_rate)
    if "cut_sweep" in content:
        families += cut_sweep(path, content["cut_sweep"], content["factor"], content["max_batch"], arms)
    for family in families:
        if family.name in {arm.name for arm in arms}:
            raise wrong(
                path, "arms", f"an arm {family.name!r} is there twice, or a family of runs stated twice makes it"
            )
        check_batches(path, FAMILIES.get(family.role, "arms"), family, train_images)
        arms.append(family)
    for index, entry in enumerate(content["published"]):
        if entry["arm"] not in {arm.name for arm in arms}:
            raise wrong(path, f"published[{index}].arm", f"no arm {entry['arm']!r}")
    evaluation = EVALUATION | content.get("evaluation", {})
    if evaluation.pop("statistics", "plain") == "augmented":
        if dataset["name"] == "imagenet":
            raise wrong(path, "evaluation.statistics", "pictures on disk are augmented in training alone; take plain")
        evaluation["statistics"] = "augmented"
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
        seeds=seeds,
        threads=content["threads"],
        precision=content["precision"],
        evaluation=evaluation,
        checkpoint_every=content["checkpoint_every"],
        averages=tuple(float(memory) for memory in content["averages"]),
        audited_seeds=control_seeds[: content["unchanged_fork"]],
        claims=content.get("claims", {}),
        probes=_probes(path, content, arms) if "probes" in content else {},
        predictions=content.get("predictions", {}),
        companion=content.get("companion"),
        opening=content.get("opening"),
        notes=tuple(content["notes"]),
        published=tuple(e for e in content["published"] if e.get("depth") in (None, content["model"]["depth"])),
        group_size=content["group_size"] or content["batch_size"],
        warmup=_warmup(path, content, arms),
    )


def _probes(path: Path, content: Mapping[str, Any], arms: list[Arm]) -> dict[str, Any]:
    """What is probed, defaults filled in. Raises StudyError where an arm or epoch to be probed is not there."""
    probes = PROBES | content["probes"]
    if not content["averages"]:
        raise wrong(
            path, "probes", "they compare the weights with their average: state averages (in epochs), such as [1]"
        )
    if probes["after"] != sorted(probes["after"]):
        raise wrong(path, "probes.after", f"must rise, but is {probes['after']}")
    named = {arm.name: arm for arm in arms}
    for index, name in enumerate(probes["arms"]):
        if name not in named:
            raise wrong(path, f"probes.arms[{index}]", f"no arm {name!r}")
        for seed in named[name].seeds[: probes.get("seeds")]:
            dates = [arm.for_seed(seed).at for arm in arms if arm.role == "fork" and seed in arm.seeds]
            if "milestone" not in probes and not dates:
                raise wrong(path, "probes.milestone", f"is missing, and seed {seed} has no forks that have a date")
            last = probes.get("milestone", max(dates, default=0)) + probes["after"][-1]
            if last > len(named[name].for_seed(seed).settings):
                raise wrong(path, "probes", f"epoch {last} is beyond the last epoch of arm {name!r}")
    if CONTROL not in probes["arms"]:
        raise wrong(path, "probes.arms", f"arm {CONTROL} is missing: the others are compared with it")
    return probes


def _warmup(path: Path, content: Mapping[str, Any], arms: list[Arm]) -> dict[str, Any] | None:
    """The warm-up, if any. Raises StudyError where an arm changes its setting within it."""
    warmup = content["warmup"]
    if warmup and warmup["epochs"] > content["epochs"]:
        raise wrong(path, "warmup.epochs", f"{warmup['epochs']} is beyond the last epoch ({content['epochs']})")
    for arm in arms if warmup else ():
        first = min((m for seed in arm.seeds for m in arm.for_seed(seed).milestones), default=None)
        if first is not None and first < warmup["epochs"]:
            raise wrong(path, "warmup.epochs", f"arm {arm.name!r} changes its setting after {first} epochs")
    return dict(warmup) if warmup else None


def check_batches(path: Path, key: str, arm: Arm, train_images: int | None) -> None:
    """Raise StudyError if a batch of the arm is larger than the training set, with the arithmetic."""
    batches = [phase.setting.batch_size for seed in arm.seeds for phase in arm.for_seed(seed).phases]
    largest = max(batches)
    if train_images is not None and largest > train_images:
        first = batches[0]
        raise wrong(
            path,
            key,
            f"arm {arm.name!r} would need batches of {largest} images ({first} x {largest / first:g}), but there are "
            f"{train_images} training images; set max_batch (what the batch can't take is cut from the learning rate), "
            "a smaller factor or fewer milestones",
        )
