"""Arms of a study file, and the families of runs that go on from them: their keys, before anything is resolved."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from .fields import (
    AS_WRITTEN,
    UNLIKE,
    BatchSize,
    Count,
    Factor,
    Misfit,
    Momentum,
    NotNegative,
    OrNumber,
    Part,
    Positive,
    spelled,
)
from .plainyaml import shown

# folders that Windows cannot have, whatever their ending
DEVICES = {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}

ArmName = Annotated[
    str, Field(max_length=60), spelled("[a-z][a-z0-9_-]*", "lower-case letters, digits, _ and -, a letter first")
]
ForkName = Annotated[
    str, Field(max_length=40), spelled("[a-z][a-z0-9-]*", "lower-case letters, digits and -, a letter first")
]
ArmNames = Annotated[list[str], Field(min_length=1), UNLIKE]
Milestones = Annotated[list[Count], UNLIKE]
Dates = Annotated[list[Count], Field(min_length=2, max_length=2)]

OtherRate = Annotated[Positive | None, Field(description="Learning rate until an arm changes it.")]
OtherBatch = Annotated[BatchSize | None, Field(description="Batch size.")]
OtherMomentum = Annotated[Momentum | None, Field(description="Momentum of stochastic gradient descent.")]
OtherFactor = Annotated[Factor | None, Field(description="Noise is cut by this factor at each milestone.")]
MaxBatch = Annotated[
    BatchSize | None, Field(description="What the batch size can't take is cut from the learning rate.")
]
Lot = Annotated[
    Annotated[int, Field(ge=0)] | None,
    Field(description="The number by which dates are drawn: stated once, before anything is trained."),
]
FirstSeeds = Annotated[Count | None, Field(description="The first so many seeds of the study; all if left out.")]
Parent = Annotated[str, Field(description="The arm that it goes on from.")]
Epochs = Annotated[Count, Field(description="Epochs that are trained.")]
SomeEpochs = Annotated[Count | None, Field(description="Epochs that are trained; as many as the arm if left out.")]
Completed = Annotated[Count, Field(description="The number of epochs completed there.")]
Meant = Annotated[ArmNames, Field(description="The arms that are meant.")]
Described = Annotated[str | None, Field(description="One line for tables and legends.")]


def check_name(key: str, name: str, taken: str = "") -> None:
    """Raises Misfit for a name that is spelled well and still cannot be that of a folder."""
    if name in DEVICES or name == taken:
        whose = "a device on Windows" if name in DEVICES else "the committed results"
        raise Misfit(key, f"{name!r} is the name of {whose}; choose another")


class PhaseEntry(Part):
    """Epochs under one setting."""

    epochs: Epochs
    learning_rate: OtherRate = None
    batch_size: OtherBatch = None
    momentum: OtherMomentum = None


class PlateauEntry(Part):
    """He et al.'s rule: the rate is cut when validation error has stopped falling."""

    smoothing: Count = 3
    """Epochs over which validation error is averaged."""
    judged: Literal["validation", "train_eval"] = "validation"
    """What error is judged: of validation images, or (where all images are trained on) of the fixed training subset."""
    patience: Count = 3
    """Epochs without a better smoothed error until the rate is cut."""
    least: NotNegative = 0.1
    """Points by which an error must be lower to count as better."""


class ArmEntry(Part):
    """A schedule by the name of its rule, or in the free form as phases."""

    name: ArmName
    """Its name."""
    description: Described = None
    rule: (
        Literal["none", "step", "batch", "hybrid", "reversal", "restored", "swap", "cosine", "ramp", "plateau"] | None
    ) = None
    """What changes at the milestones; the arm's name if left out."""
    seeds: FirstSeeds = None
    epochs: Count | None = None
    """The arm ends after so many epochs; with the study if left out."""
    closeups: bool | None = None
    """Whether the epochs around its milestones are looked at update by update."""
    plateau: PlateauEntry | None = None
    milestones: Milestones | None = None
    """Numbers of completed epochs after which the noise is cut, rising."""
    dates: Annotated[list[Dates] | None, Field(min_length=1)] = None
    """In place of milestones: for each the first and last epoch from which its date is drawn, seed by seed."""
    lot: Lot = None
    factor: OtherFactor = None
    learning_rate: OtherRate = None
    batch_size: OtherBatch = None
    momentum: OtherMomentum = None
    max_batch: MaxBatch = None
    phases: Annotated[list[PhaseEntry] | None, Field(min_length=1)] = None
    """The free form: epochs under one setting, in order; together as many as the study has."""


def _named(arm: Any) -> Any:
    if not isinstance(arm, str | dict):
        raise Misfit("", f"must be a mapping of keys or text, but is {shown(arm)}")
    return {"name": arm} if isinstance(arm, str) else arm


ArmOrRule = Annotated[ArmEntry, BeforeValidator(_named, json_schema_input_type=ArmName | ArmEntry)]


class HoldEntry(Part):
    """An arm again, without its change at a milestone."""

    of: Parent
    milestone: Completed
    epochs: Count | None = None
    """Epochs after the milestone; to the end of the arm if left out."""
    seeds: FirstSeeds = None
    closeups: bool = False
    """Whether the epochs around its milestones are looked at update by update."""


class PlaceboEntry(Part):
    """An arm again, without its change at a milestone and with fresh orders of the data."""

    of: Parent
    milestone: Completed
    copies: Annotated[int, Field(ge=1, le=100)]
    """How many, each with orders of the data of its own."""
    epochs: Epochs
    seeds: FirstSeeds = None
    closeups: bool = True
    """Whether the epochs around its milestones are looked at update by update."""


class ForkEntry(Part):
    """Multiples of the setting before a fork."""

    name: ForkName
    """Its name."""
    description: Described = None
    rate: Positive | None = None
    """The learning rate times so much."""
    batch: Positive | None = None
    """The batch size times so much."""
    noise: Annotated[float, Field(ge=1), AS_WRITTEN] | None = None
    """The covariance of the gradient times so much, its mean as it is."""
    momentum: OtherMomentum = None
    decayed: bool | None = None
    """false: without weight decay from there on."""
    orders: Annotated[int, Field(ge=1, le=20)] = 1
    """How many runs, each with an order of the data of its own; the first has the seed's own order, except in a
    placebo.
    """
    seeds: FirstSeeds = None

    def changes(self) -> bool:
        """Whether anything but the order of the data is another."""
        return any(value is not None for value in (self.rate, self.batch, self.noise, self.momentum, self.decayed))


class ForkFamily(Part):
    """Forks of one arm at one date."""

    of: Parent
    at: Annotated[Dates, OrNumber(lambda date: [date, date], 10_000)]
    """Epochs completed at the forks; or the first and last from which the date is drawn, seed by seed."""
    lot: Lot = None
    epochs: Epochs
    seeds: FirstSeeds = None
    forks: Annotated[list[ForkEntry], Field(min_length=1, alias="list")]
    """The forks."""


class CutSweep(Part):
    """From arm `of`, after each epoch of `at`: three stubs of a few epochs (rate cut, batch increase, active
    placebo).
    """

    of: Parent
    at: Annotated[list[Count], Field(min_length=1), UNLIKE]
    """The epochs after which stubs begin."""
    epochs: Epochs
    seeds: FirstSeeds = None


class ActivationEntry(Part):
    """Arms again in a network with another activation."""

    activation: Literal["gelu", "leaky-relu", "leaky-relu-20"]
    """In place of ReLU; leaky-relu has slope 0.01 below zero, leaky-relu-20 0.20."""
    arms: Meant
    epochs: SomeEpochs = None
    seeds: FirstSeeds = None


class OptimizerEntry(Part):
    """Arms again with another optimiser."""

    optimizer: Literal["nesterov", "sgd", "adam"]
    """nesterov: Nesterov's momentum; sgd: without momentum; adam: its first decay rate is the momentum."""
    learning_rate: Positive | None = None
    """Replaces the study's; all rates of the arms are scaled with it."""
    arms: Meant
    epochs: SomeEpochs = None
    seeds: FirstSeeds = None
