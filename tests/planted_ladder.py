"""The ladder's claims of the study tests/studies/ladder.yaml in planted worlds."""

from functools import cache
from pathlib import Path

import pandas as pd

from errordrops.analysis import (
    alike,
    cause_claims,
    claims,
    counted_drops,
    detection,
    detector_claims,
    drawn,
    family,
    kept_claims,
    landing,
    same_curve,
    sweep,
)
from errordrops.analysis import control_effects as effects
from errordrops.analysis.right import Right
from errordrops.study import study as studies
from planted_study import curves

STUDY = studies.load(str(Path(__file__).parent / "studies" / "ladder.yaml"))


def fading(epoch: int) -> float:
    """Learning goes on by itself, slower and slower."""
    return 5.0 + 20 / (1 + epoch)


@cache
def world(**options) -> pd.DataFrame:
    """Curves of the study: noise makes the drops, but for the options of planted_study.curves."""
    return curves(STUDY, **{"jitter": 1.0, "floor": fading} | options)


def made(table: pd.DataFrame, right: Right | None = None) -> dict[str, dict]:
    """The claims that the primary ones are among, ranked, by id."""
    right = right or Right()
    found = detection.detections(STUDY, table)
    changed = effects.effects(STUDY, table)
    summary = effects.summary(STUDY, table, changed, right)
    tables = {
        "detections": found,
        "milestone_detections": detection.milestone_detections(STUDY, table, found),
        "changes_seen": counted_drops.at_changes(STUDY, table, found),
        "drops_elsewhere": counted_drops.elsewhere(STUDY, table, found),
        "runs_seen": table[["arm", "seed"]].drop_duplicates(),
        "reversal": same_curve.reversal(STUDY, table),
        "effects_summary": summary,
    }
    ends = alike.alike(STUDY, same_curve.final_differences(STUDY, table), changed)
    all_claims = claims.milestone_claims(STUDY, summary)
    all_claims += kept_claims.kept_claims(STUDY, kept_claims.kept(STUDY, changed))
    all_claims += alike.alike_claims(STUDY, table, ends, right)
    all_claims += landing.landing_claims(STUDY, landing.landing(STUDY, sweep.sweep(STUDY, table)))
    all_claims += drawn.drawn_claims(STUDY, drawn.drawn_dates(STUDY, table, found))
    all_claims += cause_claims.reversal(STUDY, tables)
    all_claims += detector_claims.detector_claims(STUDY, tables)
    return {claim["id"]: claim for claim in family.ranked(STUDY, all_claims)}
