"""Claims about place: the blind detector reports drops where the schedule changed, and nowhere else."""

import math
from typing import Any

import pandas as pd

from ..study import Arm, Study
from .intervals import t_interval
from .judged import JUDGED, WORDS
from .verdicts import NOTHING, at_least, at_most, claim

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]


def detector_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module, for a study that states thresholds for them."""
    return detected(study, tables) + follows(study, tables) if "exact" in study.claims else []


def detected(study: Study, tables: Tables) -> Claims:
    """detector.exact, .found, .deviation and .quiet for test error and training loss: what the blind detector reports,
    laid beside the schedules afterwards. Changes after which an epoch has too few updates for a drop within it (fewer
    than 3 / (1 - momentum)) are left out: there a drop takes that many updates, and may come late. A drop that comes
    early has no such excuse and counts. Runs that are one and the same until after the change (batch and hybrid at
    milestone 1) count once.
    """
    found = []
    drops = tables["detections"][tables["detections"]["kind"] == "drop"]
    sudden = {arm.name for arm in study.schedules if arm.sudden or arm.plateau}
    trained = set(zip(tables["runs_seen"]["arm"], tables["runs_seen"]["seed"], strict=True))
    quiet = {(a.name, seed) for a in study.schedules for seed in a.seeds if a.name not in sudden or not _changes(a)}
    quiet &= trained
    for name, (split, metric, _) in JUDGED.items():
        mine = drops[(drops["split"] == split) & (drops["metric"] == metric)]
        at_changes = mine[mine["counted"].eq(True)]
        expected = _expected(study, tables["milestone_detections"], split, metric)
        first = expected[expected["first"]]
        alarms = sum(run in quiet for run in zip(mine["arm"], mine["seed"], strict=True))
        exact = float((at_changes["deviation"] == 0).mean()) if len(at_changes) else math.nan
        by_seed = at_changes.groupby("seed")["deviation"].mean()
        reading, what = f"{split} {metric}", WORDS[name]
        margin, enough = study.claims["deviation"], "; changes with enough updates in that epoch"
        found += [
            at_least(f"detector.exact.{name}",
                     f"Of the drops that the blind detector reports in {what} of arms with sudden changes, this share "
                     f"begins in exactly the first epoch after one{enough}.",
                     reading, "share of drops", exact, study.claims["exact"], kind="share", n=len(at_changes)),
            at_least(f"detector.found.{name}",
                     f"The blind detector reports a drop of {what} in exactly the first epoch after the first "
                     f"milestone, in this share of the runs (arms with the study's factor{enough}).",
                     reading, "share of runs", float(first["exact"].mean()) if len(first) else math.nan,
                     study.claims["found"], kind="share", n=len(first)),
            claim(f"detector.deviation.{name}",
                  f"The reported epochs of drops of {what} miss the first epoch after the milestone by less than "
                  f"{margin:g} in the mean (seeds as clusters{enough}).",
                  reading, "epochs", t_interval(by_seed) if len(by_seed) > 1 else NOTHING, -margin, margin,
                  n=len(by_seed), kind="equivalence", confidence=0.95),
            at_most(f"detector.quiet.{name}",
                    f"In runs without a sudden change the blind detector reports this many drops of {what} a run.",
                    reading, "drops per run", alarms / len(quiet) if quiet else math.nan,
                    study.claims["false_alarms"], kind="rate", n=len(quiet)),
        ]  # fmt: skip
    return found


def _changes(arm: Arm) -> bool:
    return bool(arm.milestones) or arm.plateau is not None


def _expected(study: Study, seen: pd.DataFrame, split: str, metric: str) -> pd.DataFrame:
    """Changes after which a drop of a reading is expected; `first`: first milestones, arms with the study's factor."""
    full = [a.name for a in study.schedules if a.rule != "reversal" and a.factor in (None, study.factor)]
    rows = seen[(seen["split"] == split) & (seen["metric"] == metric) & seen["counted"].eq(True)]
    return rows.assign(first=(rows["index"] == 1) & rows["arm"].isin(full))


def recall(study: Study, seen: pd.DataFrame) -> pd.DataFrame:
    """One row per judged reading: how many changes there are after which a drop is expected (expected, those of them
    that are `first`, see above), and after how many of them the detector reports one in exactly the next epoch (found,
    first_found). seen: the table milestone_detections.
    """
    rows = []
    for split, metric, _ in JUDGED.values():
        found = _expected(study, seen, split, metric)
        exact, first = found["exact"].astype(bool), found["first"].astype(bool)
        rows.append((study.name, split, metric, len(found), exact.sum(), first.sum(), (exact & first).sum()))
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
    seen = seen[seen["arm"].isin(arms) & (seen["split"] == split) & (seen["metric"] == metric) & (seen["index"] == 1)]
    drops = tables["detections"]
    drops = drops[(drops["kind"] == "drop") & (drops["split"] == split) & (drops["metric"] == metric)]
    missed = []
    for fired in seen.itertuples():
        own = drops[(drops["arm"] == fired.arm) & (drops["seed"] == fired.seed)]["epoch"] - (fired.milestone + 1)
        missed.append(own.loc[own.abs().idxmin()] if len(own) else math.nan)
    found, margin = pd.Series(missed, dtype=float), study.claims["deviation"]
    epochs = ", ".join(map(str, sorted(seen["milestone"]))) or "none"
    return [
        claim("plateau.follows",
              f"Where the error decides (rule of arm {arms[0]}, first fired after epoch {epochs}), the nearest drop of "
              f"test error misses the first epoch after the rule fired by less than {margin:g} in the mean.",
              f"{split} {metric}", "epochs",
              t_interval(found) if len(found) > 1 and found.notna().all() else NOTHING, -margin, margin,
              n=len(found) or None, kind="equivalence", confidence=0.95)
    ]  # fmt: skip
