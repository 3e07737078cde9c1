"""Claims about sameness and place: batch equals step, forks equal parents, drops lie at milestones and nowhere else."""

import math
from typing import Any

import numpy as np
import pandas as pd

from ..study import CONTROL, Arm, Study
from .equivalence import REFERENCE, pairs
from .intervals import Interval, t_interval
from .judged import JUDGED, WORDS
from .verdicts import NOTHING, at_least, at_most, claim

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def same_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module for which the study states a threshold, and the audit where it has one."""
    makers = {"equivalent_error": equivalent, "equivalent_curve_error": same_curve, "speed": faster, "exact": detected}
    found = [made for key, make in makers.items() if key in study.claims for made in make(study, tables)]
    return found + (audit(tables) if study.audited_seeds else [])


def equivalent(study: Study, tables: Tables) -> Claims:
    """ARM.equivalent.error and .loss: last epoch, two one-sided tests at 5 %."""
    table, found = tables["final_differences"], []
    for name, (split, metric, unit) in JUDGED.items():
        margin = study.claims.get(f"equivalent_{name}", 0.0)  # 0 is no margin: the schema forbids it
        for arm in pairs(study) if margin else ():
            differences = table[(table["arm"] == arm) & (table["metric"] == metric)]["difference"]
            found.append(
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
                    equivalence=True,
                )
            )
    return found


def same_curve(study: Study, tables: Tables) -> Claims:
    """ARM.same_curve.error and .loss: the simultaneous band of the difference stays within the margin at every epoch
    after the first milestone. The value is the largest difference of the means, its interval the reach of the band.
    """
    table, found = tables["bands"], []
    for name, (split, metric, unit) in JUDGED.items():
        margin = study.claims.get(f"equivalent_curve_{name}", 0.0)
        for arm in pairs(study) if margin else ():
            band = table[(table["arm"] == arm) & (table["axis"] == "epoch") & (table["metric"] == metric)]
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
                equivalence=True,
            )
            found.append(made | ({"holds": False} if beyond else {}))  # one epoch that surely differs is enough
    return found


def faster(study: Study, tables: Tables) -> Claims:
    """ARM.updates: updates until the step arm's final error, as a share of what the step arm itself needs."""
    table, most = tables["speed"], study.claims["speed"]
    split, metric, _ = JUDGED["error"]
    found = []
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
        found.append(made | ({"holds": False} if ratios.isna().any() else {}))
    return found


def detected(study: Study, tables: Tables) -> Claims:
    """detector.exact, .found, .deviation and .quiet for test error and training loss: what the blind detector reports,
    laid beside the schedules afterwards. Changes after which an epoch has too few updates for a drop within it (fewer
    than 3 / (1 - momentum)) are left out: there a drop takes that many updates. Runs that are one and the same until
    after the change (batch and hybrid at milestone 1) count once.
    """
    found = []
    drops = tables["detections"][tables["detections"]["kind"] == "drop"]
    sudden = {arm.name for arm in study.schedules if arm.sudden or arm.plateau}
    trained = set(zip(tables["runs_seen"]["arm"], tables["runs_seen"]["seed"], strict=True))
    quiet = {(a.name, seed) for a in study.schedules for seed in a.seeds if a.name not in sudden or not _changes(a)}
    quiet &= trained
    for name, (split, metric, _) in JUDGED.items():
        mine = drops[(drops["split"] == split) & (drops["metric"] == metric)]
        at_changes = _once(study, mine[mine["milestone"].notna() & mine["prompt"].eq(True)])
        seen = tables["milestone_detections"]
        full = [a.name for a in study.schedules if a.rule != "reversal" and a.factor in (None, study.factor)]
        same = seen[(seen["metric"] == metric) & (seen["split"] == split)]
        first = _once(study, same[(same["index"] == 1) & same["arm"].isin(full) & same["expected"]])
        alarms = sum(run in quiet for run in zip(mine["arm"], mine["seed"], strict=True))
        exact = float((at_changes["deviation"] == 0).mean()) if len(at_changes) else math.nan
        by_seed = at_changes.groupby("seed")["deviation"].mean()
        reading, what = f"{split} {metric}", WORDS[name]
        margin, enough = study.claims["deviation"], "; changes with enough updates in that epoch"
        found += [
            at_least(f"detector.exact.{name}",
                     f"Of the drops that the blind detector reports in {what} of arms with sudden changes, this share "
                     f"begins in exactly the first epoch after one{enough}.",
                     reading, "share of drops", exact, study.claims["exact"], n=len(at_changes)),
            at_least(f"detector.found.{name}",
                     f"The blind detector reports a drop of {what} in exactly the first epoch after the first "
                     f"milestone, in this share of the runs (arms with the study's factor{enough}).",
                     reading, "share of runs", float(first["exact"].mean()) if len(first) else math.nan,
                     study.claims["found"], n=len(first)),
            claim(f"detector.deviation.{name}",
                  f"The reported epochs of drops of {what} miss the first epoch after the milestone by less than "
                  f"{margin:g} in the mean (seeds as clusters{enough}).",
                  reading, "epochs", t_interval(by_seed) if len(by_seed) > 1 else NOTHING, -margin, margin,
                  n=len(by_seed), equivalence=True),
            at_most(f"detector.quiet.{name}",
                    f"In runs without a sudden change the blind detector reports this many drops of {what} a run.",
                    reading, "drops per run", alarms / len(quiet) if quiet else math.nan,
                    study.claims["false_alarms"], n=len(quiet)),
        ]  # fmt: skip
    return found


def _changes(arm: Arm) -> bool:
    return bool(arm.milestones) or arm.plateau is not None


def _once(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows at milestones, without those of a run that had been one with another arm's until after the change."""
    first: dict[tuple, str] = {}
    kept = []
    for row in rows.itertuples():
        arm = study.arm(row.arm)
        past = arm.name if arm.plateau else arm.settings[: int(row.milestone) + 1]
        kept.append(first.setdefault((past, row.seed, row.milestone), arm.name) == arm.name)
    return rows[np.array(kept, dtype=bool)]


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
            n=len(table),
        )
    ]
