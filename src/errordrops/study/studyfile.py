"""A study file: its keys, their defaults and what must fit together. Schema and documentation are made from it."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, WithJsonSchema, model_validator
from pydantic.json_schema import GenerateJsonSchema

from ..errors import UserError
from .armfields import (
    ActivationEntry,
    ArmNames,
    ArmOrRule,
    CutSweep,
    ForkFamily,
    HoldEntry,
    MaxBatch,
    Milestones,
    OptimizerEntry,
    PlaceboEntry,
    check_name,
)
from .datafields import Dataset, Network
from .fields import (
    AS_WRITTEN,
    UNLIKE,
    BatchSize,
    Count,
    Factor,
    Line,
    Misfit,
    Momentum,
    NotNegative,
    OrNumber,
    Part,
    Positive,
    Size,
    Words,
    check_rising,
    first_mistake,
    spelled,
)
from .plainyaml import MOST_BYTES, YamlError, parse, plain, shown
from .thresholds import Claims

REPOSITORY = Path(__file__).resolve().parents[3]
CONTROL = "none"  # the arm that all others are compared with


class StudyError(UserError):
    """A study file that cannot be used; the message names the file, the key and what to do."""


def wrong(path: Path, key: str, what: str) -> StudyError:
    """The error for a key of a study file."""
    return StudyError(f"{path}: {key}: {what}")


class Warmup(Part):
    """The learning rate rises evenly, update by update, from `from` to that of the arm over the first epochs (Goyal et
    al. 2017), in every arm.
    """

    epochs: Count
    """Epochs over which it rises."""
    start: Annotated[NotNegative, Field(alias="from")]
    """The learning rate at which it begins."""


class Evaluation(Part):
    """Sizes of what is evaluated."""

    train_images: Size = 2000
    """Size of the fixed training subset that is evaluated every epoch."""
    statistics_images: Size = 2000
    """Training images over which batch-norm statistics are recomputed."""
    closeup_images: Size = 1000
    """Test images evaluated within an epoch."""
    raw_images: Size | None = None
    """Test images that are read with running statistics as well, which nothing is judged by; all of them if left out.
    """
    statistics: Literal["plain", "augmented"] = "plain"
    """Whether those images are taken as they are (plain) or augmented as in training, by one draw a seed."""


class Probes(Part):
    """What is measured in the checkpoints around one milestone: dead units, curvature, motion, noise, maps of the
    loss.
    """

    milestone: Annotated[int | None, Field(ge=2)] = None
    """Epoch around which is measured; without it the date at which a seed's forks leave arm none."""
    seeds: Count | None = None
    """How many of the seeds are probed, the first ones; all if not said."""
    arms: ArmNames = [CONTROL, "step", "batch"]
    """Arms that are probed, none among them."""
    images: Size = 500
    """Training images over which the Hessian is taken."""
    directions: Annotated[int, Field(ge=1, le=50)] = 10
    """Leading and negative directions of curvature."""
    after: Annotated[list[Count], Field(min_length=1), UNLIKE] = [1, 5]
    """Epochs after the milestone whose ends are probed, rising; the first is the drop."""
    map_points: Annotated[int, Field(ge=3, le=101)] = 21
    """Points on each side of the map of the loss."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_rising("after", self.after, "is")
        if CONTROL not in self.arms:
            raise Misfit("arms", f"arm {CONTROL} is missing: the others are compared with it")
        return self


def _expectation(value: Any) -> Any:
    numbers = (
        isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float, type(None)) for end in value)
    )
    if not numbers and value not in ("falls", "no fall"):
        words = "falls, no fall or a list of two bounds (null for none)"
        raise Misfit("", f"must be {words}, but is {shown(value)}")
    return value


BOUNDS_OR_NONE = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "null"]}}
Expectation = Annotated[
    Any,
    AfterValidator(_expectation),
    WithJsonSchema({"oneOf": [{"enum": ["falls", "no fall"]}, BOUNDS_OR_NONE]}),
]


class Prediction(Part):
    """What a mechanism predicts."""

    title: Words
    """Its name for people."""
    source: Words | None = None
    """Who holds it."""
    because: Words
    """How it works, in a sentence or two."""
    forks: Annotated[dict[str, Expectation], Field(min_length=1)]
    """For each fork bounds of its effect as a share of the rate cut's, null for none; of the rate cut itself falls or
    no fall.
    """
    claims: dict[str, bool] | None = None
    """Ids of claims that it predicts to hold, or not to."""


Percent = Annotated[float, Field(ge=0, le=100), AS_WRITTEN]


class Published(Part, json_schema_extra={"oneOf": [{"required": ["error"]}, {"required": ["accuracy"]}]}):
    """A final result of a paper."""

    arm: str
    """Which arm it is about."""
    depth: int | None = None
    """Counts only for a network of this depth."""
    error: Percent | None = None
    """Test error in percent."""
    accuracy: Percent | None = None
    """Test accuracy in percent."""
    source: str
    """Where it is published."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.error is None) == (self.accuracy is None):
            raise Misfit("", "needs error or accuracy, one of them and not both")
        return self


class StudyFile(Part):
    """What is trained: one file config/studies/NAME.yaml. Epochs count from 1; a milestone m is a number of completed
    epochs.
    """

    study: Annotated[
        str, Field(max_length=60), spelled("[a-z][a-z0-9-]*", "lower-case letters, digits and -, a letter first")
    ]
    """The name; equal to the name of the file."""
    title: Line
    """One line for the report."""
    dataset: Dataset
    model: Network
    learning_rate: Positive
    """Learning rate until an arm changes it."""
    momentum: Momentum = 0.9
    """Momentum of stochastic gradient descent."""
    nesterov: bool = False
    """Nesterov's form of momentum."""
    weight_decay: NotNegative = 1e-4
    """Weight decay, of all parameters."""
    batch_size: BatchSize
    """The base batch size; also the size of the ghost groups of batch norm, unless group_size is given."""
    group_size: BatchSize | None = None
    """Size of the ghost groups of batch norm in every arm; the base batch size if left out. Processes that train
    together share groups out.
    """
    warmup: Warmup | None = None
    max_batch: MaxBatch = None
    epochs: Annotated[int, Field(ge=1, le=10_000)]
    """Epochs that are trained."""
    milestones: Milestones = []
    """Numbers of completed epochs after which the noise is cut, rising."""
    factor: Factor = 10
    """Noise is cut by this factor at each milestone."""
    arms: Annotated[list[ArmOrRule], Field(min_length=1)]
    """The arms: each a rule's name alone, or a mapping."""
    holds: list[HoldEntry] = []
    """Controls of later changes: an arm again with its change at a milestone left out, in the same orders of the data;
    named hold-ARM-MILESTONE.
    """
    forks: list[ForkFamily] = []
    """From one arm at one date: forks of a few epochs under multiples of its setting; named fork-NAME, further orders
    of the data fork-NAME-2, ...
    """
    placebos: list[PlaceboEntry] = []
    """Active placebos: an arm again from a milestone on, without its change there, with fresh orders of the data."""
    cut_sweep: CutSweep | None = None
    activations: list[ActivationEntry] = []
    """Arms again in networks with other activations; each pair of arms has a control of its own."""
    predictions: Annotated[
        dict[Annotated[str, spelled("[a-z][a-z0-9-]*", "lower-case letters, digits and -")], Prediction] | None,
        Field(min_length=1, json_schema_extra={"additionalProperties": False}),
    ] = None
    """Mechanisms by name, and what each predicts for every fork, frozen before the study is trained."""
    probes: Probes | None = None
    optimizers: list[OptimizerEntry] = []
    """Arms again with other optimisers, named ARM-OPTIMIZER; list none among them, as their control."""
    notes: list[str] = []
    """Sentences for the page: in what the study departs from what it follows."""
    published: list[Published] = []
    """Final results that a paper reports, beside which the page puts this study's."""
    unchanged_fork: Annotated[int, Field(ge=0)] = 0
    """Seeds for which arm none is forked twice at each milestone without a change and compared bit by bit."""
    averages: Annotated[list[Positive], Field(max_length=2)] = []
    """Memories in epochs of the moving averages of the weights that are evaluated along every run, rising."""
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, le=1_000_000)]],
        Field(min_length=1),
        UNLIKE,
        OrNumber(lambda count: list(range(count)), 1000),
    ]
    """How many seeds (0, 1, ...), or a list of them."""
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    """Processor threads of one run. Part of a run's identity: sums are rounded in another order with another number."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """auto: bf16 where the processor or GPU has it."""
    evaluation: Evaluation = Field(default_factory=Evaluation)
    checkpoint_every: Count = 1
    """A checkpoint is kept every so many epochs; the gap is replayed."""
    claims: Claims = Field(default_factory=Claims)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_name("study", self.study, taken="reference")  # results/reference holds the committed results
        check_milestones("milestones", self.milestones, self.epochs)
        check_rising("averages", self.averages)
        if self.warmup and self.warmup.epochs > self.epochs:
            raise Misfit("warmup.epochs", f"{self.warmup.epochs} is beyond the last epoch ({self.epochs})")
        if self.activations and self.model.family == "imagenet-resnet":
            raise Misfit("activations", "torchvision's ResNets have ReLU only; take a cifar-resnet or a wide-resnet")
        if self.evaluation.statistics == "augmented" and self.dataset.name == "imagenet":
            raise Misfit("evaluation.statistics", "pictures on disk are augmented in training alone; take plain")
        if self.probes and not self.averages:
            what = "they compare the weights with their average: state averages (in epochs), such as [1]"
            raise Misfit("probes", what)
        return self


def check_milestones(key: str, values: list[int], epochs: int) -> None:
    """Raises Misfit unless milestones rise and leave an epoch for the last setting."""
    check_rising(key, values)
    if values and values[-1] >= epochs:
        raise Misfit(key, f"{values[-1]} is not before the last epoch ({epochs}): no epoch is left for the new setting")


def find(name: str, folder: str | Path = "config/studies") -> Path:
    """The file of a study given by name, or by the path of its file. Raises StudyError if there is none."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else Path(folder) / f"{name}.yaml"
    if not path.is_file() and path.parent == Path(folder) and not path.parent.is_dir():
        raise StudyError(f"there is no folder {folder} here: go to the project's folder, or name that of the studies")
    if not path.is_file():
        known = sorted(p.stem for p in Path(folder).glob("*.yaml"))
        asked = str(path) if str(path).isprintable() else ascii(str(path))
        raise StudyError(f"no study file {asked}; {folder} holds: {', '.join(known) or 'none'}")
    return path


def read(path: Path, data_dir: str | None = None, depth: int | None = None) -> StudyFile:
    """What a study file says; `data_dir` and `depth` in place of its own where they are given. Raises StudyError."""
    try:
        with path.open("rb") as file:
            content = parse(file.read(MOST_BYTES + 1))
    except YamlError as error:
        raise StudyError(f"{path}: not readable as YAML: {error}") from None
    content = plain(content, partial(wrong, path))
    for part, key, value in (("dataset", "data_dir", data_dir), ("model", "depth", depth)):
        if value and isinstance(content, dict) and isinstance(content.get(part), dict):
            content[part] = content[part] | {key: value}
    try:
        study = StudyFile.model_validate(content)
    except ValidationError as error:
        raise wrong(path, *first_mistake(error)) from None
    if study.study != path.stem:
        raise wrong(path, "study", f"is {study.study!r}, but the file is called {path.name}")
    return study


class _Schema(GenerateJsonSchema):
    """Without what says nothing to the reader of a study file: titles, and null for keys that may be left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: Any) -> Any:
        inner = schema["schema"]
        if schema.get("default", ...) is not None:
            return super().default_schema(schema)
        return self.generate_inner(inner["schema"] if inner["type"] == "nullable" else inner)


def schema() -> dict[str, Any]:
    """The JSON schema of a study file."""
    made = StudyFile.model_json_schema(schema_generator=_Schema)
    head = {"$schema": _Schema.schema_dialect, "$id": "study.schema.json", "title": "errordrops study"}
    return head | _in_place(made, made.pop("$defs"))


def _in_place(part: Any, parts: dict[str, Any]) -> Any:
    """With the parts where they are referred to, descriptions in one line, and no names of classes."""
    if isinstance(part, list):
        return [_in_place(entry, parts) for entry in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = parts[part["$ref"].rsplit("/", 1)[1]] | {key: said for key, said in part.items() if key != "$ref"}
    return {
        key: " ".join(said.split()) if key == "description" and isinstance(said, str) else _in_place(said, parts)
        for key, said in part.items()
        if not (key == "title" and isinstance(said, str))
    }
