"""Where a cut lands, predicted before it is made: averaged weights' loss plus what the cut leaves of the noise's part.

Averaging takes out the noise: loss(weights) - loss(average) is the noise's part of the loss, linear in g. A cut to g'
takes away (1 - g'/g) of it (Zhang et al. 2019; Sandler et al. 2023). Fall and prediction share the reading before the
cut; the landing gap hardly does, and a placebo, which has the same past and no cut, must miss it.
"""

from typing import Any

import numpy as np
import pandas as pd

from ..results.intervals import Interval, summarise, t_interval
from ..results.verdicts import NOTHING, claim
from ..study.study import Study
from .judged import JUDGED, of_reading
from .kept_claims import noise_of
from .quotients import fieller, fieller_p

COLUMNS = "study at cut seed split metric left gap predicted_fall error error_constant".split()
CUTS = {"rate": "the learning rate is cut", "batch": "the batch size is increased"}


def landing(study: Study, sweep: pd.DataFrame) -> pd.DataFrame:
    """One row per stub of the cut sweep and judged reading, in nats or points.

    left: g'/g of the cut; of a placebo that of the rate cut at its date, with which it is compared. gap: value after
    the first epoch less the predicted landing, average + left (before - average). predicted_fall = (1 - left) (before -
    average). error: |fall - predicted_fall|; error_constant: |fall - mean fall of the same cut in the other seeds|.
    """
    shares = {
        (arm.at, arm.name.rsplit("-", 1)[1]): noise_of(arm.settings[arm.at]) / noise_of(arm.settings[arm.at - 1])
        for arm in study.arms
        if arm.role == "cut"
    }
    table = sweep.dropna(subset=["fall", "foretold"])
    if table.empty:
        return pd.DataFrame(columns=COLUMNS)
    names = [cut if cut in CUTS else "rate" for cut in table["cut"]]
    left = np.array([shares.get((at, cut), np.nan) for at, cut in zip(table["at"], names, strict=True)])
    predicted = (1 - left) * table["foretold"]
    table = table.assign(left=left, predicted_fall=predicted, gap=predicted - table["fall"])
    table = table.assign(error=table["gap"].abs(), error_constant=(table["fall"] - _of_others(table)).abs())
    return table[COLUMNS].reset_index(drop=True)


def _of_others(table: pd.DataFrame) -> pd.Series:
    """For each row the mean fall of its cut and reading over all dates in the other seeds."""
    groups = table.groupby(["cut", "split", "metric"])["fall"]
    mine = table.groupby(["cut", "split", "metric", "seed"])["fall"]
    n = groups.transform("size") - mine.transform("size")
    return (groups.transform("sum") - mine.transform("sum")) / n.where(n > 0)


def by_date(table: pd.DataFrame) -> pd.DataFrame:
    """The gap at each date, mean over seeds with 95 % t-interval: whether it drifts."""
    return summarise(table, ["study", "at", "cut", "split", "metric"], ["gap"])


def landing_claims(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """predicted.CUT.landing and predicted.landing (both cuts), predicted.CUT.skill: those with thresholds."""
    made = []
    first = study.claims.get("predicted_from", 1)
    rows = of_reading(table[table["at"] >= first], "loss")
    gaps = {cut: rows[rows["cut"] == cut].groupby("seed")["gap"].mean() for cut in (*CUTS, "placebo")}
    if "landing" in study.claims:
        made += _landing(study, first, gaps)
    if "skill" in study.claims:
        made += [_skill(study, first, cut, rows[rows["cut"] == cut]) for cut in CUTS]
    return made


def _landing(study: Study, first: int, gaps: dict[str, pd.Series]) -> list[dict[str, Any]]:
    margin, ratios, ps = study.claims["landing"], {}, {}
    seeds = {cut: gaps[cut].index.intersection(gaps["placebo"].index) for cut in CUTS}
    for cut in CUTS:
        over, under = (gaps[name].loc[seeds[cut]].to_numpy(float) for name in (cut, "placebo"))
        ratios[cut] = fieller(over, under) if len(over) else NOTHING
        ps[cut] = fieller_p(over, under, margin) if len(over) > 1 else 1.0
    made = [
        _landing_claim(
            study, f"predicted.{cut}.landing", f"Where {words}", ratios[cut], ps[cut], len(seeds[cut]), first
        )
        for cut, words in CUTS.items()
    ]
    both = Interval(
        max((interval.mean for interval in ratios.values()), key=abs),
        min(interval.low for interval in ratios.values()),
        max(interval.high for interval in ratios.values()),
    )
    if any(np.isnan([*interval]).any() for interval in ratios.values()):
        both = NOTHING if any(np.isnan(i.mean) for i in ratios.values()) else Interval(both.mean, np.nan, np.nan)
    words = "Where the rate is cut, and where the batch grows instead (the worse of both)"
    n = min(len(each) for each in seeds.values())
    return [_landing_claim(study, "predicted.landing", words, both, max(ps.values()), n, first), *made]


def _landing_claim(
    study: Study, id: str, where: str, interval: Interval, p: float, n: int, first: int
) -> dict[str, Any]:
    split, metric, _ = JUDGED["loss"]
    margin = study.claims["landing"]
    return claim(
        id,
        f"{where}, after epoch {first} or later, training loss lands in the next epoch where averaged weights said "
        f"before: the gap is less than {margin:g} of that of placebos, which have no cut (90 % interval of the "
        "quotient).",
        f"{split} {metric}",
        "share of the placebo's gap",
        interval,
        -margin,
        margin,
        n=n or None,
        kind="ratio",
        control="placebo",
        confidence=0.9,
        p=p if n > 1 else None,
    )


def _skill(study: Study, first: int, cut: str, rows: pd.DataFrame) -> dict[str, Any]:
    split, metric, unit = JUDGED["loss"]
    gains = (rows["error_constant"] - rows["error"]).groupby(rows["seed"]).mean().dropna()
    least = study.claims["skill"]
    return claim(
        f"predicted.{cut}.skill",
        f"Where {CUTS[cut]} after epoch {first} or later, averaged weights say the fall of training loss better than "
        f"the mean fall of the other seeds does: they miss it by less, by more than {least:g} "
        "nats in the mean over dates.",
        f"{split} {metric}",
        unit,
        t_interval(gains) if len(gains) else NOTHING,
        low=least,
        n=len(gains) or None,
    )
