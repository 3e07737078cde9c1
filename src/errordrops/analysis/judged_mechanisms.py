"""Two tables: causes, what was changed and what happened; mechanisms, what each predicts for every fork, and its
verdict.

Predictions stand in the study file before anything is trained. A prediction whose bounds hold the whole 95 % interval
came as predicted; one whose whole interval lies outside is contradicted; else it is not decided. A mechanism that
predicts one fork wrongly is contradicted by it. "The rate was cut" is a cause: it is what was done, and no mechanism.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..results.intervals import Interval
from ..results.verdicts import FAILS, HOLDS, NOTHING, OPEN, SECONDARY, UNTESTED, claim, decided, judge, overruled
from ..study.families import PLACEBO
from ..study.study import Study
from .fork_claims import in_nats, of_seeds, share_of_effect
from .fork_effects import all_forks
from .judged import READINGS, RUNNING

CAUSES = (
    "study fork changed noise rate_times batch_times noise_times n effect effect_low effect_high share share_low "
    "share_high error error_low error_high happened"
).split()
COLUMNS = "study mechanism what kind predicted_low predicted_high value value_low value_high unit n outcome".split()
VERDICTS = "study mechanism title source because verdict predictions as_predicted contradicted against".split()
CAME, CONTRADICTED, NOT_DECIDED, NOT_TESTED = "as predicted", "contradicted", "not decided", "not tested"
OUTCOMES = {HOLDS: CAME, FAILS: CONTRADICTED, OPEN: NOT_DECIDED, UNTESTED: NOT_TESTED}
SUPPORTED = "supported"
FALLS, RISES, STAYS = "falls", "rises", "stays"


def causes(study: Study, effects: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """One row per fork: what was changed, what became of g, what rate, batch and noise were multiplied by, effects on
    running training loss (nats, and as a share of the rate cut's) and on test error (points), and in a word what
    happened to training loss.
    """
    stated, rows = study.claims.get("forks"), []
    for name, fork in {fork.name: fork for fork in all_forks(study)}.items():
        nats, share = in_nats(effects, name), share_of_effect(effects, name)
        error = summary[(summary["fork"] == name) & (summary["span"] == "level")]
        error = error[(error["split"] == READINGS["error"][0]) & (error["metric"] == READINGS["error"][1])]
        points = Interval(*(float(error[c].iloc[0]) for c in ("effect", "effect_low", "effect_high"))) if len(
            error
        ) else NOTHING  # fmt: skip
        n = len(of_seeds(effects, name, *RUNNING[:2]))
        word = happened(nats, share, stated) if stated and n else NOT_TESTED
        changed = "nothing but the order" if name == PLACEBO else fork.changed
        head = study.name, name, changed, fork.noise, *fork.times
        rows.append((*head, n, *nats, *share, *points, word))
    return pd.DataFrame(rows, columns=CAUSES)


def happened(nats: Interval, share: Interval, stated: Mapping[str, float]) -> str:
    """stays: the share's whole interval is within the margin; falls, rises: that in nats is beyond the threshold."""
    if share.low > -stated["equal"] and share.high < stated["equal"]:
        return STAYS
    if nats.high < -stated["moved"]:
        return FALLS
    return RISES if nats.low > stated["moved"] else NOT_DECIDED


def mechanisms(study: Study, effects: pd.DataFrame, claims: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per mechanism and prediction: of a fork (kind "fork": bounds of its share, or of its effect in nats) or
    of a claim (kind "claim": it holds, or it does not).
    """
    by_id, rows = {made["id"]: made for made in claims}, []
    for name, prediction in study.predictions.items():
        for fork, bounds in prediction["forks"].items():
            interval, unit = share_of_effect(effects, fork), "share"
            if isinstance(bounds, str):  # of the rate cut itself, which is the unit
                interval, unit = in_nats(effects, fork), "nats"
                moved = study.claims["forks"]["moved"]
                bounds = (None, -moved) if bounds == FALLS else (-moved, None)
            n = len(of_seeds(effects, fork, *RUNNING[:2]))
            rows.append((study.name, name, fork, "fork", *bounds, *interval, unit, n, outcome(interval, *bounds)))
        for id, wanted in prediction.get("claims", {}).items():
            made = by_id.get(id)
            rows.append((study.name, name, id, "claim", *_of_claim(made), _claim_outcome(made, wanted)))
    return pd.DataFrame(rows, columns=COLUMNS)


def outcome(interval: Interval, low: float | None, high: float | None) -> str:
    """Of one predicted interval."""
    if math.isnan(interval.mean):
        return NOT_TESTED
    if math.isnan(interval.low) or math.isnan(interval.high):
        return NOT_DECIDED
    return OUTCOMES[judge(interval, low, high)]


def _of_claim(made: Mapping[str, Any] | None) -> tuple:
    keys = "threshold_low threshold_high value ci_low ci_high unit n".split()
    return tuple(math.nan if made is None or made[key] is None else made[key] for key in keys)


def _claim_outcome(made: Mapping[str, Any] | None, wanted: bool) -> str:
    if made is None or made["verdict"] == UNTESTED:
        return NOT_TESTED
    holds = decided(made)
    return NOT_DECIDED if holds is None else CAME if holds is wanted else CONTRADICTED


def mechanism_verdicts(study: Study, table: pd.DataFrame) -> pd.DataFrame:
    """One row per mechanism: contradicted if one of its predictions is (against: which), supported if all that were
    tested came as predicted, else not decided.
    """
    rows = []
    for name, prediction in study.predictions.items():
        own = table[(table["mechanism"] == name) & (table["outcome"] != NOT_TESTED)]
        wrong = own[own["outcome"] == CONTRADICTED]
        came = int((own["outcome"] == CAME).sum())
        verdict = NOT_TESTED if own.empty else NOT_DECIDED
        if len(wrong):
            verdict = CONTRADICTED
        elif len(own) and came == len(own):
            verdict = SUPPORTED
        head = study.name, name, prediction["title"], prediction.get("source", ""), prediction["because"]
        rows.append((*head, verdict, len(own), came, len(wrong), " ".join(wrong["what"])))
    return pd.DataFrame(rows, columns=VERDICTS)


def mechanism_claims(table: pd.DataFrame) -> list[dict[str, Any]]:
    """mechanism.NAME: holds if it is supported, does not hold if it is contradicted."""
    words = {SUPPORTED: HOLDS, CONTRADICTED: FAILS, NOT_TESTED: UNTESTED}
    made = []
    for row in table.itertuples():
        part = row.as_predicted / row.predictions if row.predictions else math.nan
        share_claim = claim(
            f"mechanism.{row.mechanism}",
            f"{row.title} explains what the forks did: {row.as_predicted} of {row.predictions} predictions came true, "
            f"{row.contradicted} were contradicted.",
            METRIC,
            "share of predictions",
            Interval(part, math.nan, math.nan),
            n=row.predictions,
            kind="fit",
        )
        why = f"contradicted by {row.against}" if row.against else "not all predictions are decided"
        made.append(overruled(share_claim, words.get(row.verdict, OPEN), why) | {"rank": SECONDARY})
    return made


METRIC = " ".join(RUNNING[:2])
