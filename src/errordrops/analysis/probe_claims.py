"""Claims that rest on probes: numbers that mechanisms predict besides the drop."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from ..results.verdicts import NOTHING, claim
from ..study.arms import Arm
from ..study.study import CONTROL, Study

Claims = list[dict[str, Any]]
METRIC = "train_eval loss"
FALL = "the fall of training loss in the epoch after the change"
FALLING = ("rate", "batch")  # forks in which loss is to fall
# arms of studies with milestones, as what they do
SAME = {"step": "rate", "batch": "batch"}


def probe_claims(study: Study, tables: Mapping[str, pd.DataFrame]) -> Claims:
    """valley.FORK, units.FORK, window.variance, toy.FORK, saddle.convex, saddle.gradient, edge.limit, edge.rate,
    units.ACTIVATION.no_drop. None for a study that states no thresholds for mechanisms, or probes nothing.
    """
    stated = study.claims.get("mechanisms")
    if not stated:
        return []
    made = without_probes(study, tables, stated)
    if study.probes:
        readings = tables["mechanism"]
        names = {does(study.arm(name)): name for name in study.probes["arms"]}
        for fork in FALLING:
            if fork in names:
                made += of_fall(readings, fork, names[fork], stated)
        made += [make(readings, names, stated) for key, make in WHOLE.items() if key in stated]
    return made


def does(arm: Arm) -> str:
    """What a probed arm does at the change: the name of the fork."""
    return arm.fork or SAME.get(arm.name, arm.name)


def values(readings: pd.DataFrame, arm: str | None, quantity: str) -> np.ndarray:
    """One number a seed."""
    chosen = readings[(readings["arm"] == arm) & (readings["quantity"] == quantity)]["value"]
    return chosen.replace([np.inf, -np.inf], np.nan).dropna().to_numpy(float)


def over_seeds(numbers: np.ndarray, logarithm: bool = False) -> Interval:
    """Mean with its interval; of a quotient on the scale of logarithms, where twice and half are as far from one."""
    if not len(numbers):
        return NOTHING
    if not logarithm:
        return t_interval(numbers)
    if (numbers <= 0).any():
        return NOTHING
    return Interval(*np.exp(np.array(t_interval(np.log(numbers)))))


def of_fall(readings: pd.DataFrame, fork: str, arm: str, stated: Mapping[str, Any]) -> Claims:
    """What leading directions, and units that woke, explain of a fork's fall."""
    made = []
    explained = {
        "valley": ("leading_share", f"the weights' motion along the leading directions of curvature explains {FALL}"),
        "units": (
            "woken_share",
            f"units that woke explain {FALL}: it is gone when they are silenced, and is not when those are that woke "
            "without the change",
        ),
    }
    for name, (quantity, words) in explained.items() if "explained" in stated else ():
        numbers, least = values(readings, arm, quantity), stated["explained"]
        statement = f"Fork {fork}: {words}, by a share of more than {least:g}."
        interval = over_seeds(numbers)
        made.append(claim(f"{name}.{fork}", statement, METRIC, "share", interval, low=least, n=len(numbers) or None))
    if "model" in stated:
        numbers = values(readings, arm, "half_time_measure")
        made.append(
            claim(
                f"toy.{fork}",
                f"Fork {fork}: the loss needs as many updates for half of its fall as the noisy quadratic says "
                "(multiple of the model's; its curvature and noise are those along the leading directions).",
                METRIC, "multiple of the model's", over_seeds(numbers, True),
        low=stated["model"][0], high=stated["model"][1], n=len(numbers) or None,
                kind="ratio",
            )
        )  # fmt: skip
    return made


def window(readings: pd.DataFrame, names: Mapping[str, str], stated: Mapping[str, Any]) -> dict[str, Any]:
    """window.variance: over rate and batch forks together, seed by seed."""
    logs = [np.log(values(readings, names.get(fork), "window_measure")) for fork in FALLING]
    logs = [each for each in logs if len(each)]
    whole = len(logs) > 0 and len({len(each) for each in logs}) == 1
    numbers = np.exp(np.mean(logs, axis=0)) if whole else np.array([])
    return claim(
        "window.variance",
        "The variance of the weights within an epoch, along the leading directions, falls by as much as the noisy "
        "quadratic says (after over before, as a multiple of the model's; rate and batch forks).",
        METRIC, "multiple of the model's", over_seeds(numbers, True),
        low=stated["model"][0], high=stated["model"][1], n=len(numbers) or None,
        kind="ratio",
    )  # fmt: skip


def convex(readings: pd.DataFrame, names: Mapping[str, str], stated: Mapping[str, Any]) -> dict[str, Any]:
    """saddle.convex"""
    bent = np.concatenate([values(readings, names.get(fork), "line_curvature") for fork in FALLING])
    part = float((bent > 0).mean()) if len(bent) else np.nan
    return claim(
        "saddle.convex",
        "Along the straight line from the weights before the change to those an epoch after it, loss is convex "
        "in every run with a fall: a way off a saddle is bent downwards.",
        METRIC, "share of runs", Interval(part, np.nan, np.nan), low=stated["convex"], n=len(bent) or None,
        kind="every",
    )  # fmt: skip


def gradient(readings: pd.DataFrame, names: Mapping[str, str], stated: Mapping[str, Any]) -> dict[str, Any]:
    """saddle.gradient"""
    numbers = values(readings, names.get("rate"), "gradient_ratio")
    return claim(
        "saddle.gradient",
        "Fork rate: the gradient is larger an epoch after the change than before it, where a saddle makes it small "
        "(ratio of norms).",
        METRIC, "ratio", over_seeds(numbers, True), low=stated["gradient"], n=len(numbers) or None, kind="ratio",
    )  # fmt: skip


def at_edge(readings: pd.DataFrame, names: Mapping[str, str], stated: Mapping[str, Any]) -> dict[str, Any]:
    """edge.limit"""
    numbers = values(readings, CONTROL, "edge_before")
    return claim(
        "edge.limit",
        "Before the change batch sharpness lies at 2 (1 - momentum) / rate (multiple of it).",
        METRIC, "multiple of the limit", over_seeds(numbers, True),
        low=stated["edge"][0], high=stated["edge"][1], n=len(numbers) or None,
        kind="ratio",
    )  # fmt: skip


def off_edge(readings: pd.DataFrame, names: Mapping[str, str], stated: Mapping[str, Any]) -> dict[str, Any]:
    """edge.rate"""
    numbers = values(readings, names.get("rate"), "edge_later")
    return claim(
        "edge.rate",
        "Fork rate: at the last moment probed, batch sharpness lies below its new limit, by at most this multiple.",
        METRIC, "multiple of the limit", over_seeds(numbers, True), high=stated["edge_after"], n=len(numbers) or None,
        kind="ratio",
    )  # fmt: skip


WHOLE = {"model": window, "convex": convex, "gradient": gradient, "edge": at_edge, "edge_after": off_edge}


def without_probes(study: Study, tables: Mapping[str, pd.DataFrame], stated: Mapping[str, Any]) -> Claims:
    """units.ACTIVATION.no_drop: read off curves."""
    made = []
    for activation, rows in tables["undying"].groupby("activation", sort=False) if "undying" in stated else ():
        numbers = rows["difference"].dropna()
        made.append(
            claim(
                f"units.{activation}.no_drop",
                f"With {activation}, whose units cannot die, test error falls by no more than {stated['undying']:g} "
                "points further than in the same network without the change (level over five epochs).",
                "test error_recomputed", "points", t_interval(numbers), low=0.0 - stated["undying"],
                n=len(numbers) or None, control="none",
            )
        )  # fmt: skip
    return made
