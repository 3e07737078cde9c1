"""The thresholds of claims in a study file, stated before anything is trained, and which claims are primary."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from .fields import (
    AS_WRITTEN,
    UNLIKE,
    Bounds,
    Misfit,
    NotNegative,
    Part,
    Positive,
    PositiveShare,
    Share,
    spelled,
)

ClaimId = Annotated[str, spelled("[a-z][a-z0-9_.-]*", "the id of a claim, such as step.m1.level")]
ByMilestone = list[NotNegative]

# a threshold, and what it says nothing without
NEEDED_BESIDE = {
    "predicted_slope": ["predicted_from", "predicted_intercept"],
    "predicted_intercept": ["predicted_slope"],
    "predicted_gain": ["predicted_from"],
    "predicted_closer": ["predicted_from"],
    "foreseen": ["predicted_from"],
    "foreseen_gain": ["foreseen"],
    "exact": ["found", "deviation", "false_alarms"],
    "found": ["exact"],
    "deviation": ["exact"],
    "false_alarms": ["exact"],
    "equivalent_loss": ["equivalent_error"],
    "equivalent_curve_loss": ["equivalent_curve_error"],
    "speed": ["equivalent_error"],
    "variance_beside_none": ["variance"],
    "reversal_rise": ["reversal"],
    "plateau_early": ["predicted_from"],
    "landing": ["predicted_from"],
    "skill": ["predicted_from"],
}


class ForkClaims(Part):
    """What forks of arm none must do: mean of five epochs after their date, less arm none."""

    moved: NotNegative
    """Nats by which running training loss must fall where a fork has less noise, and rise where it has more."""
    moved_error: NotNegative | None = None
    """The same in points of test error, statistics recomputed."""
    equal: Positive
    """A fork at equal noise: its effect within this share of the rate cut's, the whole interval."""


class ForetoldClaims(Part):
    """Effects of forks against (loss of the weights - loss of their average) x (1 - g'/g), written down before they are
    trained.
    """

    slope: Bounds
    """Bounds of the slope of measured on foretold, over all forks that change the noise."""
    cuts: Bounds | None = None
    """The same for forks with less noise alone."""
    coverage: Share
    """Least share of foretold 95 % intervals that hold the effect."""


class MechanismClaims(Part):
    """Thresholds of what mechanisms predict besides the forks (see predictions)."""

    excess: Bounds | None = None
    """Bounds of the batch fork's effect as a multiple of what the rate forks predict."""
    excess_raised: Bounds | None = None
    """The same for the fork with the smaller batch."""
    zero: Positive | None = None
    """At an unchanged rate the line through the rate forks is zero within this share of the rate cut's effect."""
    model: Bounds | None = None
    """Bounds of a measured number as a multiple of the noisy quadratic's."""
    edge: Bounds | None = None
    """Bounds of batch sharpness before the change as a multiple of its limit."""
    edge_after: Positive | None = None
    """Batch sharpness after the rate cut, at most as a multiple of its limit."""
    explained: Share | None = None
    """Share of the fall of the loss from which on a part of the motion, or the woken units, explain it."""
    convex: Share | None = None
    """Least share of runs in which loss is convex along the line from before to after."""
    gradient: Positive | None = None
    """Gradient norm after the drop as a multiple of that before it, which an escape from a saddle exceeds."""
    undying: NotNegative | None = None
    """Points of test error by which networks whose units cannot die must fall further than their control for the
    drop to count as there.
    """
    decay: Bounds | None = None
    """Bounds of the effect without weight decay as a multiple of that with it."""


class Claims(Part, json_schema_extra={"dependentRequired": NEEDED_BESIDE}):
    """Thresholds, and which claims are primary: stated before anything is trained."""

    primary: Annotated[list[ClaimId], Field(min_length=1, max_length=12), UNLIKE] | None = None
    """Ids of the primary claims, judged as one family (Holm, 5 %); all others are secondary."""
    after: list[str] | None = None
    """Ids of claims that were stated when results were known; * stands for anything."""
    drop: ByMilestone | None = None
    """Points by which test error must lie below the control of the change, in the first epoch after milestone 1, 2,
    ...
    """
    level: ByMilestone | None = None
    """The same for the mean of up to five epochs after it."""
    no_drop: PositiveShare | None = None
    """Where rate or batch change and the noise is kept: running training loss may change by at most this share of
    its fall in the arm that cuts the noise there.
    """
    drawn: Annotated[float, Field(gt=0, le=0.5), AS_WRITTEN] | None = None
    """Level of the test by randomisation: drops follow the dates that were drawn."""
    alike: PositiveShare | None = None
    """Arms may end apart by at most this share of what a change takes off arm step."""
    landing: PositiveShare | None = None
    """Gap between training loss an epoch after a cut and what averaged weights said before, at most as a share of a
    placebo's gap.
    """
    skill: NotNegative | None = None
    """Nats by which averaged weights must miss the fall by less than the mean fall of other seeds does."""
    drop_loss: ByMilestone | None = None
    """As drop, in nats of training loss."""
    level_loss: ByMilestone | None = None
    """As level, in nats of training loss."""
    beyond_placebos: ByMilestone | None = None
    """Share of seeds in which an arm must fall further than every active placebo."""
    elsewhere: NotNegative | None = None
    """Points by which the level of test error must fall further at the first milestone than in arm none after any
    epoch from there on.
    """
    elsewhere_loss: NotNegative | None = None
    """The same in nats of training loss."""
    plateau_early: NotNegative | None = None
    """Points by which a cut before predicted_from, while the error still falls by itself, may lower test error
    beyond its placebo if drops need a plateau.
    """
    exact: Share | None = None
    """Share of the detector's drops that must lie in exactly epoch m + 1, reading by reading."""
    found: Share | None = None
    """Share of the changes by the full factor at which the detector must find a drop in exactly epoch m + 1, in
    test error or training loss; reading by reading, of the first milestones.
    """
    deviation: NotNegative | None = None
    """Epochs by which the detected epoch may miss m + 1 in the mean."""
    false_alarms: NotNegative | None = None
    """Drops that may be detected in as many epochs without a change as a run has; reading by reading, in each run
    without one.
    """
    predicted_from: NotNegative | None = None
    """The first epoch of the cut sweep that counts for the prediction."""
    predicted_slope: Bounds | None = None
    """Bounds of the slope of drops against what the averaged weights foretell."""
    predicted_intercept: NotNegative | None = None
    """Nats by which its intercept may differ from 0."""
    predicted_gain: NotNegative | None = None
    """Nats of training loss by which stubs with a cut must fall further than placebos."""
    predicted_closer: NotNegative | None = None
    """Nats by which the prediction must miss a cut's fall by less than the placebo's."""
    foreseen_gain: Share | None = None
    """By how much the share of foreseen images must exceed the placebo's."""
    variance_beside_none: Positive | None = None
    """The ratio of variances, at most as a share of arm none's over the same epochs."""
    reversal_rise: NotNegative | None = None
    """Nats by which the restored rate must raise training loss over placebos that keep it low."""
    foreseen: Share | None = None
    """Share of the corrected test images that the averaged weights must have had right."""
    variance: NotNegative | None = None
    """Epoch-to-epoch variance of test error after the first change, at most as a share of that before."""
    equivalent_error: Positive | None = None
    """Margin in points of final test error."""
    equivalent_loss: Positive | None = None
    """Margin in nats of final training loss."""
    equivalent_curve_error: Positive | None = None
    """Margin in points at every epoch after the first milestone."""
    equivalent_curve_loss: Positive | None = None
    """Margin in nats at every epoch after the first milestone."""
    noise_r2: Share | None = None
    """Least R2 of loss against noise scale at the first plateau."""
    reversal: Positive | None = None
    """Margin in nats between reversal and arm none at equal summed learning rate."""
    lag: NotNegative | None = None
    """Least points of the visible drop that are lag of running statistics."""
    speed: NotNegative | None = None
    """Most updates until the step arm's final error, as a share of the step arm's."""
    low: Annotated[list[NotNegative], Field(min_length=2, max_length=2)] | None = None
    """Points by which arm low must be ahead before milestone 1, and behind arm step at the end."""
    forks: ForkClaims | None = None
    foretold: ForetoldClaims | None = None
    mechanisms: MechanismClaims | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for key, needed in NEEDED_BESIDE.items():
            for other in needed:
                if getattr(self, key) is not None and getattr(self, other) is None:
                    raise Misfit("", f"{key} needs {other} beside it")
        return self
