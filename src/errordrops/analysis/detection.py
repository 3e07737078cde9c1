"""What the blind detector sees in every curve of a study, and only afterwards where the schedule changed."""

import numpy as np
import pandas as pd

from ..detector.drop_rule import AFTER
from ..detector.drops import find_drops
from ..study.study import Arm, Study
from .judged import JUDGED, milestones_trained, noise_falls, series, updates_per_epoch

READINGS = [(split, metric) for split, metric, _ in JUDGED.values()] + [("test", "error")]
COLUMNS = "study arm seed split metric kind epoch size ratio confidence milestone deviation prompt".split()


def watched(study: Study) -> list[Arm]:
    """The arms whose curves the detector sees: schedules, those with drawn dates, holds."""
    return [arm for arm in study.arms if arm.role in ("schedule", "drawn", "hold")]


def detections(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per drop, rise or recovery that `find_drops` reports, in the watched arms' curves of test error, training
    loss (both with recomputed statistics) and the raw test error.

    milestone is the nearest one that the run was trained with, deviation = epoch - (milestone + 1); both NaN for a run
    without sudden changes. prompt: whether an epoch after it holds at least 3 / (1 - momentum) updates; momentum
    remembers about 1 / (1 - momentum), so that with fewer a drop takes that many updates, not one epoch. counted: drops
    whose change is prompt or which come before it (early has no such excuse), once for runs that had been one.
    """
    trained, updates = milestones_trained(curves, study), updates_per_epoch(curves)
    smooth = {arm.name for arm in study.schedules if not arm.sudden and arm.plateau is None}
    rows = []
    for split, metric in READINGS:
        table = series(curves, split, metric)
        for arm in watched(study):
            for seed in arm.seeds:
                if (arm.name, seed) not in table.index:
                    continue
                values = table.loc[(arm.name, seed)].dropna().loc[1:]
                drops = find_drops(values.index.to_numpy(), values.to_numpy(), metric.split("_")[0])
                own = [] if arm.name in smooth else trained.get((arm.name, seed), [])
                for drop in drops:
                    m = min(own, key=lambda m: abs(drop.epoch - m - 1)) if own else np.nan
                    seen = drop.kind, drop.epoch, drop.size, drop.ratio, drop.confidence
                    prompt = is_prompt(arm, seed, updates.get((arm.name, seed, m + 1), 0))
                    rows.append((study.name, arm.name, seed, split, metric, *seen, m, drop.epoch - m - 1, prompt))
    return with_counted(study, pd.DataFrame(rows, columns=COLUMNS))


def milestone_detections(study: Study, curves: pd.DataFrame, detected: pd.DataFrame) -> pd.DataFrame:
    """One row per run, reading and milestone that it was trained with: was a drop reported in exactly epoch m + 1?

    Columns study arm seed split metric index milestone exact near (within one epoch) expected: whether the noise falls
    there, in an epoch of enough updates (prompt, as above), with as many epochs left as a lasting drop needs. counted:
    those expected, once for runs that had been one.
    """
    trained, updates, falls = milestones_trained(curves, study), updates_per_epoch(curves), noise_falls(study, curves)
    drops = detected[detected["kind"] == "drop"]
    at = {key: set(group["epoch"]) for key, group in drops.groupby(["arm", "seed", "split", "metric"])}
    rows = []
    for arm in watched(study):
        if not arm.sudden and arm.plateau is None:
            continue
        for seed in arm.seeds:
            for split, metric in READINGS:
                seen = at.get((arm.name, seed, split, metric), set())
                for index, m in enumerate(trained.get((arm.name, seed), []), start=1):
                    near = any(abs(epoch - m - 1) <= 1 for epoch in seen)
                    prompt = is_prompt(arm, seed, updates.get((arm.name, seed, m + 1), 0))
                    long = len(arm.for_seed(seed).settings) >= m + AFTER
                    expected = prompt and (arm.name, seed, m) in falls and long
                    row = (study.name, arm.name, seed, split, metric, index, m, m + 1 in seen, near, expected)
                    rows.append(row)
    table = pd.DataFrame(rows, columns="study arm seed split metric index milestone exact near expected".split())
    return table.assign(counted=once(study, table, table["expected"].eq(True)))


def with_counted(study: Study, seen: pd.DataFrame) -> pd.DataFrame:
    """`detections` with the column counted: see there."""
    drops = (seen["kind"] == "drop") & seen["milestone"].notna()
    return seen.assign(counted=once(study, seen, drops & (seen["prompt"].eq(True) | (seen["deviation"] < 0))))


def once(study: Study, rows: pd.DataFrame, wanted: pd.Series) -> np.ndarray:
    """Which of the wanted rows to count: of runs that are one and the same until after a change (batch and hybrid at
    milestone 1) the first arm's alone. rows: arm, seed, split, metric, milestone; returns a mask of their length.
    """
    first: dict[tuple, str] = {}
    counted = np.zeros(len(rows), dtype=bool)
    for i in np.flatnonzero(wanted.to_numpy(dtype=bool)):
        row = rows.iloc[i]
        arm = study.arm(row["arm"]).for_seed(row["seed"])
        past = arm.name if arm.plateau else arm.settings[: int(row["milestone"]) + 1]
        key = (past, row["seed"], row["split"], row["metric"], row["milestone"])
        counted[i] = first.setdefault(key, arm.name) == arm.name
    return counted


def is_prompt(arm: Arm, seed: int, updates: float) -> bool:
    """Whether so many updates are enough for momentum to forget."""
    return bool(updates >= 3 / (1 - arm.for_seed(seed).settings[0].momentum) - 1e-9)
