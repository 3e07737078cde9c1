"""Claims about the cause: the drop was foretold, follows the noise, is undone, and is not a reading gone stale."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ..study import Study
from .claims import interval_of
from .intervals import Interval, t_interval
from .judged import JUDGED
from .noise import dose_arms
from .verdicts import NOTHING, at_least, claim

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def cause_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module for which the study states a threshold."""
    makers = {
        "predicted_slope": predicted,
        "predicted_gain": gain,
        "foreseen": foreseen,
        "noise_r2": noise,
        "variance": variance,
        "reversal": reversal,
        "lag": lag,
        "low": low,
    }
    return [made for key, make in makers.items() if key in study.claims for made in make(study, tables)]


def predicted(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.slope and .intercept: falls of training loss against what the averaged weights foretold."""
    split, metric, unit = JUDGED["loss"]
    table = tables["sweep_fit_summary"]
    first, bounds = study.claims["predicted_from"], study.claims["predicted_slope"]
    margin = study.claims["predicted_intercept"]
    found = []
    for cut, words in (("rate", "the learning rate is cut"), ("batch", "the batch size is increased")):
        row = table[(table["cut"] == cut) & (table["metric"] == metric) & (table["split"] == split)]
        start = (
            f"Where {words} after epoch {first} or later, training loss falls in the next epoch by what "
            "loss(weights) - loss(averaged weights) was before: "
        )
        n = int(row["n"].iloc[0]) if len(row) else None
        found += [
            claim(
                f"predicted.{cut}.slope",
                start + f"slope between {bounds[0]:g} and {bounds[1]:g}.",
                f"{split} {metric}",
                "nats per nat",
                interval_of(row, "slope"),
                *bounds,
                n=n,
            ),
            claim(
                f"predicted.{cut}.intercept",
                start + f"intercept within {margin:g} nats of 0.",
                f"{split} {metric}",
                unit,
                interval_of(row, "intercept"),
                -margin,
                margin,
                n=n,
            ),
        ]
    return found


def gain(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.gain: fall of training loss beyond the placebo's, means over dates by seed.

    Fall and foretold share the reading before the cut: where that is high by chance both are, and the slope is near 1
    whatever is done. So a cut must also fall further than its placebo does.
    """
    split, metric, unit = JUDGED["loss"]
    first, least = study.claims["predicted_from"], study.claims["predicted_gain"]
    table = tables["sweep"]
    chosen = table[(table["split"] == split) & (table["metric"] == metric) & (table["at"] >= first)]
    falls = chosen.groupby(["cut", "seed"])["fall"].mean()
    found = []
    for cut in ("rate", "batch"):
        there = {cut, "placebo"} <= set(chosen["cut"])
        gains = (falls[cut] - falls["placebo"]).dropna() if there else pd.Series(dtype=float)
        found.append(
            claim(
                f"predicted.{cut}.gain",
                f"After a cut ({cut}) after epoch {first} or later, training loss falls further in the next epoch than "
                f"in the placebo forked there, by more than {least:g} nats in the mean over dates.",
                f"{split} {metric}",
                unit,
                t_interval(gains) if len(gains) else NOTHING,
                low=least,
                n=len(gains) or None,
            )
        )
    return found


def foreseen(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.images: share of the corrected test images that the average had right; means over dates by seed."""
    table = tables["corrected_images"]
    first, least = study.claims["predicted_from"], study.claims["foreseen"]
    found = []
    for cut in ("rate", "batch"):
        chosen = table[(table["cut"] == cut) & (table["at"] >= first)]
        shares = chosen.groupby("seed")["share"].mean()
        found.append(
            claim(
                f"predicted.{cut}.images",
                f"Of the test images that a cut ({cut}) after epoch {first} or later corrects in its first epoch, the "
                f"averaged weights already had more than {least:.0%} right before it.",
                "test error_recomputed",
                "share",
                t_interval(shares),
                low=least,
                n=len(shares) or None,
            )
        )
    return found


def noise(study: Study, tables: Tables) -> Claims:
    """noise.plateau: the first plateau's loss is linear in g. noise.mI.drops: falls follow the change of g.
    dose.trend: at the first milestone a stronger cut gives a deeper fall, seed by seed.
    """
    fits, least = tables["noise_fits"].set_index("what"), study.claims["noise_r2"]
    found = []
    statements = {"first plateau": ("noise.plateau", "Training loss at the end of the first plateau is linear in g")}
    for index in range(1, len(study.milestones) + 1):
        words = f"The fall of training loss at milestone {index} is linear in the change of g"
        statements[f"drop at milestone {index}"] = (f"noise.m{index}.drops", words)
    for what, (id, statement) in statements.items():
        value = float(fits["r2"].get(what, math.nan))
        arms = len(dose_arms(study)) or None
        found.append(
            at_least(id, f"{statement} over the dose arms (means over seeds): R2 of a straight line.",
                     "train_eval loss_recomputed", "R2", value, least, n=arms)
        )  # fmt: skip
    trend = _dose_trend(tables["noise_drops"])
    found.append(
        claim(
            "dose.trend",
            "At milestone 1 training loss falls the deeper the stronger the cut: slope of the fall against the log of "
            "the factor, over rate and batch arms.",
            "train_eval loss_recomputed",
            "nats per factor e",
            t_interval(trend) if len(trend) > 1 else NOTHING,
            low=0.0,
            milestone=study.milestones[0] if study.milestones else None,
            n=len(trend) or None,
        )
    )
    return found


def _dose_trend(drops: pd.DataFrame) -> list[float]:
    """Per seed the slope of the first fall against log(g before / g after)."""
    slopes = []
    for _, group in drops[drops["index"] == 1].groupby("seed"):
        dose = np.log(group["noise_before"] / group["noise_after"])
        if len(group) > 2 and dose.nunique() > 1:
            slopes.append(float(np.polyfit(dose, group["fall"], 1)[0]))
    return slopes


def variance(study: Study, tables: Tables) -> Claims:
    """ARM.m1.variance: epoch-to-epoch variance of test error collapses."""
    split, metric, _ = JUDGED["error"]
    table, most = tables["variance_summary"], study.claims["variance"]
    found = []
    for arm in study.schedules:
        if arm.rule not in ("step", "batch") or arm.factor != study.factor:
            continue
        row = table[(table["arm"] == arm.name) & (table["index"] == 1) & (table["metric"] == metric)]
        if len(row):
            found.append(
                claim(
                    f"{arm.name}.m1.variance",
                    f"Arm {arm.name}: the epoch-to-epoch variance of test error after its first milestone is less than "
                    f"{most:g} of that before.",
                    f"{split} {metric}",
                    "ratio of variances",
                    interval_of(row, "ratio"),
                    high=most,
                    milestone=int(row["milestone"].iloc[0]),
                    n=int(row["n"].iloc[0]),
                )
            )
    return found


def reversal(study: Study, tables: Tables) -> Claims:
    """reversal.equal_rate: restored, the rate brings the loss back to arm none's at equal summed learning rate."""
    table, margin = tables["reversal"], study.claims["reversal"]
    return [
        claim(
            "reversal.equal_rate",
            f"The rate restored, training loss is that of arm none at equal summed learning rate, within {margin:g} "
            "nats (90 % interval, two one-sided tests).",
            "train_eval loss_recomputed",
            "nats",
            t_interval(table["difference"], 0.9) if len(table) else NOTHING,
            -margin,
            margin,
            n=len(table) or None,
            equivalence=True,
        )
    ]


def lag(study: Study, tables: Tables) -> Claims:
    """ARM.m1.lag: part of the drop that one sees in raw test error is lag of the running statistics."""
    table, least = tables["lag_summary"], study.claims["lag"]
    found = []
    for name in ("step", "batch"):
        row = table[(table["arm"] == name) & (table["index"] == 1)]
        if len(row):
            found.append(
                claim(
                    f"{name}.m1.lag",
                    f"Arm {name}: of the visible drop at milestone 1 (five epochs on either side), more than {least:g} "
                    "points are lag of the running batch-norm statistics.",
                    "test error",
                    "points",
                    interval_of(row, "lag"),
                    low=least,
                    milestone=int(row["milestone"].iloc[0]),
                    n=int(row["n"].iloc[0]),
                )
            )
    return found


def low(study: Study, tables: Tables) -> Claims:
    """low.before and low.end: a low rate from the start is ahead of arm none at first and behind arm step at last."""
    split, metric, unit = JUDGED["error"]
    table = tables["low_rate"]
    ahead, behind = study.claims["low"]
    parts = {
        "before": (f"ahead of arm none by more than {ahead:g} points before milestone 1", ahead),
        "end": (f"behind arm step by more than {behind:g} points at the end", behind),
    }
    return [
        claim(
            f"low.{when}",
            f"The low rate from the start is {words} (test error; five epochs' mean).",
            f"{split} {metric}",
            unit,
            t_interval(table[f"{when}_gain"]) if len(table) > 1 else Interval(*NOTHING),
            low=points,
            n=len(table) or None,
        )
        for when, (words, points) in parts.items()
    ]
