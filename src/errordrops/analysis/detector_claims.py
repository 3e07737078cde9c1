"""Claims about place: the blind detector reports drops where the schedule changed, and nowhere else."""

import math
from typing import Any

import pandas as pd

from ..results.intervals import t_interval
from ..results.verdicts import NOTHING, claim, few, share
from ..study.study import Arm, Study
from .counted_drops import by_seed
from .judged import JUDGED, WORDS, of_reading

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def detector_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module, for a study that states thresholds for them."""
    if "exact" not in study.claims:
        return []
    return placed(study, tables) + detected(study, tables) + follows(study, tables)


def placed(study: Study, tables: Tables) -> Claims:
    """detector.found and .elsewhere: drops of test error or training loss are exactly at the changes by the full
    factor, and nowhere else. Each change and each epoch counts once, however many arms share it; intervals are those of
    counts clustered by seed.
    """
    changes, quiet = tables["changes_seen"], tables["drops_elsewhere"]
    full = changes[changes["full"].eq(True) & changes["prompt"].eq(True)]
    runs = [(drops, epochs / study.epochs) for drops, epochs in by_seed(quiet, "drops", "epochs")]
    length = round(quiet["epochs"].sum() / study.epochs) if len(quiet) else None
    reading = " and ".join(f"{split} {metric}" for split, metric, _ in JUDGED.values())
    return [
        share(
            "detector.found",
            "A detector that does not see the schedule reports a drop, in test error or training loss, in exactly the "
            f"first epoch after this share of the changes that cut the noise by {study.factor:g} (in an epoch of "
            "enough updates; clustered by seed).",
            reading,
            "share of changes",
            by_seed(full, "found"),
            study.claims["found"],
        ),
        few(
            "detector.elsewhere",
            "Where the noise does not change, it reports at most this many drops in as many epochs as a run has "
            "(clustered by seed).",
            reading,
            "drops per run",
            runs,
            study.claims["false_alarms"],
            n=length,
        ),
    ]


def detected(study: Study, tables: Tables) -> Claims:
    """detector.exact, .found, .deviation and .quiet for test error and training loss by itself: what the blind detector
    reports, compared with the schedules afterwards. Changes after which an epoch has too few updates for a drop within
    it (fewer than 3 / (1 - momentum)) are left out: there a drop takes that many updates, and may come late. A drop
    that comes early has no such excuse and counts. Runs that are one and the same until after the change (batch and
    hybrid at milestone 1) count once; counts are clustered by seed.
    """
    claims = []
    drops = tables["detections"][tables["detections"]["kind"] == "drop"]
    quiet = _quiet(study, tables["runs_seen"])
    margin, enough = study.claims["deviation"], "; changes with enough updates in that epoch"
    for name, (split, metric, _) in JUDGED.items():
        mine = of_reading(drops, name)
        counted = mine[mine["counted"].eq(True)]
        counted = counted.assign(exact=counted["deviation"] == 0)
        expected = _expected(study, tables["milestone_detections"], name)
        deviations = counted.groupby("seed")["deviation"].mean()
        alarms = [
            (float(sum(run in runs for run in zip(mine["arm"], mine["seed"], strict=True))), float(len(runs)))
            for runs in quiet.values()
        ]
        reading, what = f"{split} {metric}", WORDS[name]
        claims += [
            share(f"detector.exact.{name}",
                  f"Of the drops that the blind detector reports in {what} of arms with sudden changes, this share "
                  f"begins in exactly the first epoch after one{enough}.",
                  reading, "share of drops", by_seed(counted, "exact"), study.claims["exact"]),
            share(f"detector.found.{name}",
                  f"The blind detector reports a drop of {what} in exactly the first epoch after the first "
                  f"milestone, in this share of the runs (arms with the study's factor{enough}).",
                  reading, "share of runs", by_seed(expected[expected["first"]], "exact"), study.claims["found"]),
            claim(f"detector.deviation.{name}",
                  f"The reported epochs of drops of {what} miss the first epoch after the milestone by less than "
                  f"{margin:g} in the mean (seeds as clusters{enough}).",
                  reading, "epochs", t_interval(deviations) if len(deviations) > 1 else NOTHING, -margin, margin,
                  n=len(deviations), kind="equivalence", confidence=0.95),
            few(f"detector.quiet.{name}",
                f"In runs without a sudden change the blind detector reports this many drops of {what} a run.",
                reading, "drops per run", alarms, study.claims["false_alarms"]),
        ]  # fmt: skip
    return claims


def _quiet(study: Study, runs_seen: pd.DataFrame) -> dict[int, set[tuple[str, int]]]:
    """By seed the runs that were trained and have no sudden change."""
    trained = set(zip(runs_seen["arm"], runs_seen["seed"], strict=True))
    sudden = {arm.name for arm in study.schedules if arm.sudden or arm.plateau}
    quiet = [(a.name, s) for a in study.schedules for s in a.seeds if a.name not in sudden or not _changes(a)]
    by_seed: dict[int, set[tuple[str, int]]] = {}
    for name, seed in quiet:
        if (name, seed) in trained:
            by_seed.setdefault(seed, set()).add((name, seed))
    return by_seed


def _changes(arm: Arm) -> bool:
    return bool(arm.milestones) or arm.plateau is not None


def _expected(study: Study, seen: pd.DataFrame, name: str) -> pd.DataFrame:
    """Changes after which a drop of a reading is expected; `first`: first milestones, arms with the study's factor."""
    full = [a.name for a in study.schedules if a.rule != "reversal" and a.factor in (None, study.factor)]
    rows = of_reading(seen, name)
    rows = rows[rows["counted"].eq(True)]
    return rows.assign(first=(rows["index"] == 1) & rows["arm"].isin(full))


def recall(study: Study, seen: pd.DataFrame) -> pd.DataFrame:
    """One row per judged reading: how many changes there are after which a drop is expected (expected, those of them
    that are `first`, see above), and after how many of them the detector reports one in exactly the next epoch (found,
    first_found). seen: the table milestone_detections.
    """
    rows = []
    for name, (split, metric, _) in JUDGED.items():
        expected = _expected(study, seen, name)
        exact, first = expected["exact"].astype(bool), expected["first"].astype(bool)
        rows.append((study.name, split, metric, len(expected), exact.sum(), first.sum(), (exact & first).sum()))
    return pd.DataFrame(rows, columns="study split metric expected found first first_found".split())


def follows(study: Study, tables: Tables) -> Claims:
    """plateau.follows: where a rule decides during training, drops of test error follow it, whenever it fires.

    For each seed the detected drop nearest to the first firing counts; a run without any has no deviation.
    """
    arms = [arm.name for arm in study.schedules if arm.plateau]
    if not arms:
        return []
    split, metric, _ = JUDGED["error"]
    seen = tables["milestone_detections"]
    seen = of_reading(seen[seen["arm"].isin(arms) & (seen["index"] == 1)], "error")
    drops = of_reading(tables["detections"], "error")
    drops = drops[drops["kind"] == "drop"]
    missed = []
    for fired in seen.itertuples():
        own = drops[(drops["arm"] == fired.arm) & (drops["seed"] == fired.seed)]["epoch"] - (fired.milestone + 1)
        missed.append(own.loc[own.abs().idxmin()] if len(own) else math.nan)
    deviations, margin = pd.Series(missed, dtype=float), study.claims["deviation"]
    epochs = ", ".join(map(str, sorted(seen["milestone"]))) or "none"
    return [
        claim("plateau.follows",
              f"Where the error decides (rule of arm {arms[0]}, first fired after epoch {epochs}), the nearest drop of "
              f"test error misses the first epoch after the rule fired by less than {margin:g} in the mean.",
              f"{split} {metric}", "epochs",
              t_interval(deviations) if len(deviations) > 1 and deviations.notna().all() else NOTHING, -margin, margin,
              n=len(deviations) or None, kind="equivalence", confidence=0.95)
    ]  # fmt: skip
