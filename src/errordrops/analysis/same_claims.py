"""Claims about sameness: batch equals step, forks that change nothing equal their parents."""

import math
from typing import Any

import pandas as pd

from ..results.intervals import Interval, t_interval
from ..results.verdicts import FAILS, NOTHING, at_least, claim, overruled
from ..study.study import CONTROL, Study
from .judged import JUDGED, WORDS, of_reading
from .same_curve import REFERENCE, pairs

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def same_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module for which the study states a threshold, and the audit where it has one."""
    makers = {"equivalent_error": equivalent, "equivalent_curve_error": same_curve, "speed": faster}
    claims = [made for key, make in makers.items() if key in study.claims for made in make(study, tables)]
    return claims + (audit(tables) if study.audited_seeds else [])


def equivalent(study: Study, tables: Tables) -> Claims:
    """ARM.equivalent.error and .loss: last epoch, two one-sided tests at 5 %."""
    table, claims = tables["final_differences"], []
    for name, (split, metric, unit) in JUDGED.items():
        margin = study.claims.get(f"equivalent_{name}", 0.0)  # 0 is no margin: the schema forbids it
        for arm in pairs(study) if margin else ():
            differences = of_reading(table[table["arm"] == arm], name)["difference"]
            claims.append(
                claim(
                    f"{arm}.equivalent.{name}",
                    f"After the last epoch {WORDS[name]} of arm {arm} equals that of arm {REFERENCE} within {margin:g} "
                    f"{unit} (90 % interval, two one-sided tests).",
                    f"{split} {metric}",
                    unit,
                    t_interval(differences, 0.9) if len(differences) > 1 else NOTHING,
                    -margin,
                    margin,
                    n=len(differences) or None,
                    kind="equivalence",
                )
            )
    return claims


def same_curve(study: Study, tables: Tables) -> Claims:
    """ARM.same_curve.error and .loss: the simultaneous band of the difference stays within the margin at every epoch
    after the first milestone. The value is the largest difference of the means, its interval the reach of the band.
    """
    table, claims = tables["bands"], []
    for name, (split, metric, unit) in JUDGED.items():
        margin = study.claims.get(f"equivalent_curve_{name}", 0.0)
        for arm in pairs(study) if margin else ():
            band = of_reading(table[(table["arm"] == arm) & (table["axis"] == "epoch")], name)
            if len(band):
                largest = band.loc[band["difference"].abs().idxmax(), "difference"]
                interval = Interval(largest, band["low"].min(skipna=False), band["high"].max(skipna=False))
                beyond = bool(((band["low"] > margin) | (band["high"] < -margin)).any())
            else:
                interval, beyond = NOTHING, False
            made = claim(
                f"{arm}.same_curve.{name}",
                f"At every epoch after the first milestone {WORDS[name]} of arm {arm} equals that of arm "
                f"{REFERENCE} within {margin:g} {unit} (simultaneous 95 % band).",
                f"{split} {metric}",
                unit,
                interval,
                -margin,
                margin,
                n=int(band["n"].min()) if len(band) else None,
                kind="equivalence",
                confidence=0.95,
            )
            claims.append(overruled(made, FAILS, "at one epoch at least it surely differs") if beyond else made)
    return claims


def faster(study: Study, tables: Tables) -> Claims:
    """ARM.updates: updates until the step arm's final error, as a share of what the step arm itself needs."""
    table, most = tables["speed"], study.claims["speed"]
    split, metric, _ = JUDGED["error"]
    claims = []
    for arm in study.schedules:
        rows = table[(table["arm"] == arm.name) & table["updates_step"].notna()]  # of seeds whose step run is whole
        ratios = rows["ratio"]
        if arm.rule != "batch" or not len(ratios):
            continue
        # a seed that never gets there makes the mean infinite: such an arm is not faster
        interval = t_interval(ratios.dropna()) if ratios.notna().all() and len(ratios) > 1 else NOTHING
        made = claim(
            f"{arm.name}.updates",
            f"Arm {arm.name} comes to stay at the step arm's final test error with less than {most:g} of the updates.",
            f"{split} {metric}",
            "share of updates",
            interval,
            high=most,
            n=len(ratios),
        )
        claims.append(overruled(made, FAILS, "a seed never gets there") if ratios.isna().any() else made)
    return claims


def audit(tables: Tables) -> Claims:
    """fork.identical: forks that change nothing equal their parent and each other, bit by bit."""
    table = tables["audit"]
    equal = table[["equals_parent", "equals_sibling"]].astype(bool)
    share = float(equal.all(axis=1).mean()) if len(table) else math.nan
    return [
        at_least(
            "fork.identical",
            f"Forks of arm {CONTROL} that change nothing equal it, and each other, bit by bit after an epoch: "
            "this share of them.",
            "state",
            "share of forks",
            share,
            1.0,
            kind="every",
            n=len(table),
        )
    ]
