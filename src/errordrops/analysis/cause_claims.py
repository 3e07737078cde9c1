"""Claims about the cause: the drop follows the noise, is undone with it, and is not a reading gone stale."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from ..results.verdicts import FAILS, NOTHING, claim, overruled
from ..study.study import Study
from .claims import BESIDE, interval_of
from .control_effects import best
from .judged import JUDGED, of_reading
from .noise_fits import line
from .quotients import ENOUGH, over_seeds
from .sweep import beyond_placebo

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def cause_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module for which the study states a threshold."""
    makers = {"noise_r2": noise, "variance": variance, "reversal": reversal, "lag": lag, "low": low}
    makers |= {"plateau_early": before_plateau}
    return [made for key, make in makers.items() if key in study.claims for made in make(study, tables)]


def noise(study: Study, tables: Tables) -> Claims:
    """noise.plateau: the first plateau's loss is linear in g. noise.mI.drops: falls follow the change of g.
    Falling lines fail, however straight.
    dose.trend: at the first milestone a stronger cut gives a deeper fall, seed by seed.
    """
    fits, least = tables["noise_fits"].set_index("what"), study.claims["noise_r2"]
    falls = tables["noise_drops"]
    falls = falls.assign(noise=falls["noise_before"] - falls["noise_after"], level=falls["fall"])
    lines = {"first plateau": ("noise.plateau", "Training loss at the end of the first plateau is linear in g")}
    for index in range(1, len(study.milestones) + 1):
        words = f"The fall of training loss at milestone {index} is linear in the change of g"
        lines[f"drop at milestone {index}"] = (f"noise.m{index}.drops", words)
    claims = []
    for place, (what, (id, words)) in enumerate(lines.items()):
        points = falls[falls["index"] == place] if place else tables["plateaus"]
        slope = float(fits["slope"].get(what, math.nan))
        made = claim(
            id,
            f"{words} over the dose arms (means over seeds), and rises with it: R2 of a straight line (interval by "
            "resampling seeds).",
            "train_eval loss_recomputed",
            "R2",
            NOTHING if math.isnan(slope) else r2(points),
            low=least,
            n=points["seed"].nunique() or None,
            kind="fit",
            reason=f"R2 has an interval from {ENOUGH} seeds on" if points["seed"].nunique() < ENOUGH else None,
        )
        claims.append(overruled(made, FAILS, "the line does not rise") if slope <= 0 else made)
    trend = _dose_trend(tables["noise_drops"])
    claims.append(
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
    return claims


def r2(points: pd.DataFrame) -> Interval:
    """R2 of the line through the arms' means of level against noise, with its bootstrap interval over seeds; points:
    arm, seed, noise, level.
    """
    levels = points.pivot(index="seed", columns="arm", values="level").dropna()
    noise = points.groupby("arm")["noise"].mean()[levels.columns]

    def of(seeds: np.ndarray) -> float:
        return line(noise, levels.loc[seeds].mean())[2]

    return over_seeds(of, levels.index.to_numpy())


def _dose_trend(drops: pd.DataFrame) -> list[float]:
    """Per seed the slope of the first fall against log(g before / g after)."""
    slopes = []
    for _, group in drops[drops["index"] == 1].groupby("seed"):
        dose = np.log(group["noise_before"] / group["noise_after"])
        if len(group) > 2 and dose.nunique() > 1:
            slopes.append(float(np.polyfit(dose, group["fall"], 1)[0]))
    return slopes


def variance(study: Study, tables: Tables) -> Claims:
    """ARM.m1.variance: epoch-to-epoch variance of test error collapses. ARM.m1.variance_beside_none: more than in arm
    none over the same epochs, where a falling curve alone can lower it.
    """
    split, metric, _ = JUDGED["error"]
    table, most = tables["variance_summary"], study.claims["variance"]
    beside = study.claims.get("variance_beside_none")
    claims = []
    for arm in study.schedules:
        if arm.rule not in ("step", "batch") or arm.factor != study.factor:
            continue
        row = of_reading(table[(table["arm"] == arm.name) & (table["index"] == 1)], "error")
        if len(row):
            claims.append(
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
        if len(row) and beside is not None:
            claims.append(
                claim(
                    f"{arm.name}.m1.variance_beside_none",
                    f"Arm {arm.name}: that ratio is less than {beside:g} of arm none's over the same epochs.",
                    f"{split} {metric}",
                    "ratio of ratios",
                    interval_of(row, "beside_none"),
                    high=beside,
                    milestone=int(row["milestone"].iloc[0]),
                    n=int(row["n"].iloc[0]),
                )
            )
    return claims


def reversal(study: Study, tables: Tables) -> Claims:
    """reversal.m2.rise: restored, the rate raises the loss over that of placebos, which keep it low.
    reversal.equal_rate: it comes back to arm none's at equal summed learning rate.
    """
    table, margin = tables["reversal"], study.claims["reversal"]
    returned = claim(
        "reversal.equal_rate",
        f"The rate restored, training loss is that of arm none at equal summed learning rate, within {margin:g} "
        "nats (90 % interval, two one-sided tests).",
        "train_eval loss_recomputed",
        "nats",
        t_interval(table["difference"], 0.9) if len(table) else NOTHING,
        -margin,
        margin,
        n=len(table) or None,
        kind="equivalence",
    )
    return [*_rise(study, tables["effects_summary"]), returned]


def _rise(study: Study, effects: pd.DataFrame) -> Claims:
    """reversal.m2.rise, for a study that states a threshold and has a control there: training loss over up to five
    epochs, beside the run that keeps the low rate.
    """
    split, metric, unit = JUDGED["loss"]
    own = effects[(effects["arm"] == "reversal") & (effects["index"] == 2) & (effects["span"] == "level")]
    row = best(of_reading(own, "loss"))
    if "reversal_rise" not in study.claims or row.empty:
        return []
    least, m, epochs, n = (
        study.claims["reversal_rise"],
        *(int(row[key].iloc[0]) for key in ("milestone", "epochs", "n")),
    )
    return [
        claim(
            "reversal.m2.rise",
            f"The rate restored after epoch {m}, training loss over the {epochs} epochs after it is more than "
            f"{least:g} nats above that of {BESIDE[row['control'].iloc[0]]}.",
            f"{split} {metric}",
            unit,
            interval_of(row, "effect"),
            low=least,
            milestone=m,
            n=n,
            control=row["control"].iloc[0],
        )
    ]


def lag(study: Study, tables: Tables) -> Claims:
    """ARM.m1.lag: part of the drop that one sees in raw test error is lag of the running statistics."""
    table, least = tables["lag_summary"], study.claims["lag"]
    claims = []
    for name in ("step", "batch"):
        row = table[(table["arm"] == name) & (table["index"] == 1)]
        if len(row):
            claims.append(
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
    return claims


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
            t_interval(table[f"{when}_gain"]) if len(table) > 1 else NOTHING,
            low=points,
            n=len(table) or None,
        )
        for when, (words, points) in parts.items()
    ]


def before_plateau(study: Study, tables: Tables) -> Claims:
    """plateau.CUT.no_drop: if drops need an error that has stopped falling, a cut before that brings none.

    Dates of the cut sweep before `predicted_from`, until which learning is fast by the study file's own statement.
    """
    (split, metric, unit), most = JUDGED["error"], study.claims["plateau_early"]
    table = tables["sweep"]
    early = of_reading(table[table["at"] < study.claims["predicted_from"]], "error")
    anyway = early.loc[early["cut"] == "placebo", "fall"].mean()
    dates = ", ".join(map(str, sorted(early["at"].unique())))
    claims = []
    for cut in ("rate", "batch"):
        gains = beyond_placebo(early, cut, "fall")
        claims.append(
            claim(
                f"plateau.{cut}.no_drop",
                f"A cut ({cut}) after epoch {dates}, while test error still falls by itself (by "
                f"{anyway:.2g} {unit} an epoch in the placebo), brings no drop: it falls no further "
                f"in the next epoch than in the placebo forked there (at most {most:g} {unit}, mean over dates).",
                f"{split} {metric}",
                unit,
                t_interval(gains) if len(gains) else NOTHING,
                high=most,
                n=len(gains) or None,
                kind="equivalence",
                confidence=0.95,
            )
        )
    return claims
