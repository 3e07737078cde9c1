"""The table of all that the probes measured, arm by arm. Pure: a Study in, Markdown out."""

import pandas as pd

from .material import Study
from .text import cell, floating, interval, table

QUANTITIES = {  # of analysis/probe_readings.py: what it is, its unit, digits
    "fall": ("fall of training loss in the epoch after", "nats", 3),
    "excess_before": ("loss(weights) − loss(average), before", "nats", 3),
    "excess_later": ("the same, at the last moment probed", "nats", 3),
    "excess_leading_share": ("of that before, along the leading directions", "share", 2),
    "toy_excess": ("predicted of it by the noisy quadratic along the leading directions", "nats", 3),
    "one_step_noise": ("what the noise of one step adds, a² tr(HS) / 2, before", "nats", 4),
    "distance_ratio": ("distance of the weights from their average, later / before", "ratio", 2),
    "collapse": ("variance along the leading directions, after / before", "ratio", 2),
    "leading_share": ("fall by motion along the leading directions alone", "share", 2),
    "random_share": ("fall by motion along as many random directions alone", "share", 4),
    "line_slope": ("loss along the line from before to after: slope at first", "nats", 3),
    "line_curvature": ("the same: curvature", "nats", 3),
    "edge_before": ("batch sharpness over 2 (1 − m) / rate, before", "multiple", 2),
    "edge_change": ("the same under the coming setting, over that before", "ratio", 2),
    "edge_after": ("batch sharpness over its limit, after", "multiple", 2),
    "edge_later": ("the same, at the last moment probed", "multiple", 2),
    "half_time": ("updates until half of the fall is done", "updates", 1),
    "toy_half_time": ("the same in the noisy quadratic", "updates", 1),
    "toy_collapse": ("variance along the leading directions, after / before, in the noisy quadratic", "ratio", 2),
    "leading_needed": ("fall that is missing without that motion", "share", 2),
    "negative_share": ("fall by motion along negative curvature alone", "share", 2),
    "sharpness_before": ("leading eigenvalue, before", "nats / weight²", 2),
    "sharpness_share": ("the same as a share of the stability limit", "share", 3),
    "sharpening": ("leading eigenvalue, later / before", "ratio", 2),
    "trace_ratio": ("trace of the Hessian, after / before", "ratio", 2),
    "gradient_before": ("norm of the gradient, before", "nats / weight", 2),
    "gradient_after": ("norm of the gradient, after", "nats / weight", 2),
    "dead_units_before": ("dead units, before", "% of units", 2),
    "dead_units_after": ("dead units, after", "% of units", 2),
    "woken_units": ("units that woke", "% of units", 2),
    "died_units": ("units that died", "% of units", 2),
    "woken_share_alone": ("fall that is gone when the woken units are silenced", "share", 4),
    "woken_share": ("the same, less what units cost that woke without the change", "share", 4),
}
OF_A_FALL = {f"{name}_share" for name in ("excess", "leading", "negative", "random", "woken")} | {
    "leading_needed",
    "woken_share_alone",
}


def probes(study: Study) -> str:
    """Means over seeds with intervals; shares of a fall only where the interval of the fall excludes 0."""
    found = study.tables["mechanism_summary"]
    arms = list(dict.fromkeys(found["arm"]))
    by = {(row.arm, row.quantity): row for row in found.itertuples()}
    fell = {arm for arm in arms if (arm, "fall") in by and by[arm, "fall"].value_low > 0}
    rows = [
        [cell(words), *(value(by, arm, name, digits, arm in fell) for arm in arms), cell(unit)]
        for name, (words, unit, digits) in QUANTITIES.items()
        if any((arm, name) in by for arm in arms)
    ]
    if not rows:
        return ""
    caption = (
        "What the probes measured: means over seeds with 95\u00a0% intervals; shares of the fall only of arms in which "
        "the loss surely fell"
    )
    return floating("tbl-probes", table(["Quantity", *map(cell, arms), "Unit"], rows), caption, " .explanations")


def value(by: dict, arm: str, name: str, digits: int, fell: bool) -> str:
    """A number with its interval, a dash where there is none."""
    row = by.get((arm, name))
    if row is None or pd.isna(row.value) or (name in OF_A_FALL and not fell):
        return "–"
    return interval(row.value, row.value_low, row.value_high, digits)
