"""Reading a study: one YAML file that says what is trained. Every mistake in it is told before anything trains."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from .schedules import Phase, Setting, milestones, rule_phases, settings

REPOSITORY = Path(__file__).resolve().parents[2]
DATASET_LABELS = {
    "fashion-mnist": "Fashion-MNIST",
    "fashion-mnist-sample": "Fashion-MNIST (a sample of 1,600 images)",
    "cifar10": "CIFAR-10",
    "image-folder": "a folder of images",
}
TRAIN_IMAGES = {"fashion-mnist": 60_000, "fashion-mnist-sample": 1_000, "cifar10": 50_000}
TEST_IMAGES = {"fashion-mnist": 10_000, "fashion-mnist-sample": 600, "cifar10": 10_000}
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
EVALUATION = {"train_images": 2000, "statistics_images": 2000, "closeup_images": 1000}
RULE_DESCRIPTIONS = {
    "none": "nothing changes",
    "step": "learning rate divided by {factor:g} at each milestone",
    "batch": "batch size multiplied by {factor:g} at each milestone",
    "hybrid": "batch size multiplied by {factor:g} at the first milestone, learning rate divided by it after",
}


class StudyError(ValueError):
    """A study file that cannot be used; the message names the file, the key and what to do."""


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
    def dataset_label(self) -> str:
        return self.dataset.get("label") or DATASET_LABELS[self.dataset["name"]]

    @property
    def train_images(self) -> int | None:
        """Training images, None where only the folder itself can tell."""
        return self.dataset.get("train_size") or TRAIN_IMAGES.get(self.dataset["name"])


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice and reads 1e-4 as a number."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def schema() -> dict:
    """The JSON schema of a study file."""
    inside = Path(__file__).parent / "schemas" / "study.schema.json"
    path = inside if inside.exists() else REPOSITORY / "workflow" / "schemas" / "study.schema.json"
    return json.loads(path.read_text())


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
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and isinstance(content.get("arms"), list):
        content["arms"] = [{"name": arm} if isinstance(arm, str) else arm for arm in content["arms"]]
    _check_schema(path, content)
    if content["study"] != path.stem:
        raise _wrong(path, "study", f"is {content['study']!r}, but the file is called {path.name}")
    if data_dir:
        content["dataset"]["data_dir"] = data_dir
    return _resolve(path, content)


def _wrong(path: Path, key: str, what: str) -> StudyError:
    return StudyError(f"{path}: {key}: {what}")


def _check_schema(path: Path, content: Any) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    errors = sorted(validator.iter_errors(content), key=lambda e: [str(p) for p in e.absolute_path])
    if not errors:
        return
    error = errors[0]
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".") or "(top level)"
    what = error.message
    if error.validator == "type":
        wanted = " or ".join(
            [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        )
        kind = {
            "object": "a mapping of keys",
            "integer": "a whole number",
            "array": "a list",
            "string": "text",
        }
        wanted = " or ".join(kind.get(w, f"a {w}") for w in wanted.split(" or "))
        what = f"must be {wanted}, but is {error.instance!r}"
    elif error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(str(k) for k in set(error.instance) - set(known))
        what = f"unknown key {', '.join(unknown)}; known here: {', '.join(known)}"
    elif error.validator in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        sign = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}[error.validator]
        what = f"must be {sign} {error.validator_value:g}, but is {error.instance!r}"
    raise _wrong(path, key, what)


def _check_milestones(path: Path, key: str, values: list[int], epochs: int) -> None:
    if values != sorted(values):
        raise _wrong(path, key, f"must rise, but are {values}")
    if values and values[-1] >= epochs:
        raise _wrong(
            path,
            key,
            f"{values[-1]} is not before the last epoch ({epochs}): no epoch is left for the new setting",
        )


def _resolve(path: Path, content: dict) -> Study:
    content = DEFAULTS | content
    epochs = content["epochs"]
    _check_milestones(path, "milestones", content["milestones"], epochs)
    dataset = {"pad": 0, "flip": False, "normalisation": "channel"} | content["dataset"]
    _check_dataset(path, dataset)
    _check_model(path, content["model"])
    base = Setting(float(content["learning_rate"]), content["batch_size"], float(content["momentum"]))
    train_images = dataset.get("train_size") or TRAIN_IMAGES.get(dataset["name"])
    arms = []
    for index, arm in enumerate(content["arms"]):
        key = f"arms[{index}]"
        if arm["name"] in {a.name for a in arms}:
            raise _wrong(path, key, f"an arm {arm['name']!r} is there already; give one of them another name")
        arms.append(_resolve_arm(path, key, arm, content, base))
        check_batches(path, key, arms[-1], train_images)
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
        float(arm.get("learning_rate", base.learning_rate)),
        arm.get("batch_size", base.batch_size),
        float(arm.get("momentum", base.momentum)),
    )
    if "phases" in arm:
        clash = [k for k in ("rule", "milestones", "factor", "max_batch") if k in arm]
        if clash:
            raise _wrong(path, f"{key}.{clash[0]}", "an arm has either a rule or phases")
        phases = tuple(
            Phase(
                p["epochs"],
                Setting(
                    float(p.get("learning_rate", base.learning_rate)),
                    p.get("batch_size", base.batch_size),
                    float(p.get("momentum", base.momentum)),
                ),
            )
            for p in arm["phases"]
        )
        total = sum(p.epochs for p in phases)
        if total != epochs:
            raise _wrong(path, f"{key}.phases", f"their epochs add up to {total}, but the study has {epochs}")
        return Arm(arm["name"], arm.get("description", f"{len(phases)} phases"), phases)
    rule = arm.get("rule", arm["name"])
    if rule not in RULE_DESCRIPTIONS:
        raise _wrong(path, key, f"{rule!r} is no rule ({', '.join(RULE_DESCRIPTIONS)}); give the arm a rule or phases")
    at = arm.get("milestones", study["milestones"])
    _check_milestones(path, f"{key}.milestones", at, epochs)
    if not at and rule != "none":
        raise _wrong(path, "milestones", f"arm {arm['name']!r} changes its setting at milestones, but there are none")
    factor = arm.get("factor", study["factor"])
    max_batch = arm.get("max_batch", study["max_batch"])
    phases = rule_phases(rule, base, epochs, at if rule != "none" else [], factor, max_batch)
    return Arm(arm["name"], arm.get("description", RULE_DESCRIPTIONS[rule].format(factor=factor)), phases)


def check_batches(path: Path, key: str, arm: Arm, train_images: int | None) -> None:
    """Raise StudyError if a batch of the arm is larger than the training set, with the arithmetic."""
    largest = max(phase.setting.batch_size for phase in arm.phases)
    if train_images is not None and largest > train_images:
        first = arm.phases[0].setting.batch_size
        raise _wrong(
            path,
            key,
            f"arm {arm.name!r} would need batches of {largest} images ({first} x {largest / first:g}), but there are "
            f"{train_images} training images; set max_batch (what the batch can't take is cut from the learning rate), "
            "a smaller factor or fewer milestones",
        )


def _check_dataset(path: Path, dataset: dict) -> None:
    name = dataset["name"]
    for key, whole in (("train_size", TRAIN_IMAGES), ("test_size", TEST_IMAGES)):
        if name in whole and dataset.get(key, 0) > whole[name]:
            raise _wrong(
                path,
                f"dataset.{key}",
                f"{dataset[key]} images wanted, but {DATASET_LABELS[name]} has {whole[name]}",
            )
    if name == "image-folder":
        for key in ("data_dir", "image_size"):
            if key not in dataset:
                raise _wrong(path, f"dataset.{key}", "an image folder needs it")
    elif "image_size" in dataset:
        raise _wrong(
            path,
            "dataset.image_size",
            f"only an image folder is resized, {DATASET_LABELS[name]} is taken as it is",
        )
    folder = dataset.get("data_dir")
    if folder is not None and not Path(folder).expanduser().is_dir():
        raise _wrong(path, "dataset.data_dir", f"no folder {folder}")


def _check_model(path: Path, model: dict) -> None:
    family, depth = model["family"], model["depth"]
    extra = {"cifar-resnet": {"width"}, "wide-resnet": {"widen_factor"}, "imagenet-resnet": set()}[family]
    for key in set(model) - {"family", "depth"} - extra:
        raise _wrong(path, f"model.{key}", f"a {family} has no {key}")
    for key in extra - set(model):
        raise _wrong(path, f"model.{key}", f"a {family} needs it")
    good = {
        "cifar-resnet": depth >= 8 and depth % 6 == 2,
        "wide-resnet": depth >= 10 and depth % 6 == 4,
        "imagenet-resnet": depth in (18, 34, 50),
    }[family]
    if not good:
        shape = {
            "cifar-resnet": "6n + 2 (8, 14, 20, ...)",
            "wide-resnet": "6n + 4 (10, 16, ...)",
            "imagenet-resnet": "18, 34 or 50",
        }
        raise _wrong(path, "model.depth", f"must be {shape[family]}, but is {depth}")
