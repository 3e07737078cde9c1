"""All tables and claims of a study, from its curves."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..study.study import Study
from . import (
    cause_claims,
    changes,
    claims,
    detection,
    detector_claims,
    elsewhere,
    final,
    foretold_claims,
    low_rate,
    placebo,
    published,
    same_claims,
    simulation,
    sweep,
)
from . import epoch_variance as variance
from . import explanations as court
from . import noise_fits as noise
from . import probe_readings as mechanism
from . import same_curve as equivalence
from . import statistics_lag as lag
from . import time_to_error as speed


def results(
    study: Study,
    curves: pd.DataFrame,
    closeups: pd.DataFrame,
    audit: pd.DataFrame,
    probes: pd.DataFrame,
    train_images: int,
    epoch_seconds: Mapping[tuple[str, int], list[float]],
) -> tuple[dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """({name of a table in analysis/: table}, claims). A table for which the study lacks the arms is empty."""
    first, levels = (changes.of_study(study, curves, epochs) for epochs in (1, changes.LEVEL_EPOCHS))
    effects = placebo.placebo_effects(study, curves)
    swept = sweep.sweep(study, curves)
    fitted = sweep.fits(swept, study.claims.get("predicted_from", 1))
    found = detection.detections(study, curves)
    at_milestones = detection.milestone_detections(study, curves, found)
    noises = [table(study, curves, train_images) for table in (noise.plateaus, noise.drops, noise.all_plateaus)]
    collapses, lags = variance.collapse(study, curves), lag.lag(study, curves)
    margin = study.claims.get("equivalent_error")
    fast = speed.speed(study, curves, margin, epoch_seconds) if margin else pd.DataFrame(columns=speed.COLUMNS)
    tuned = published.optimizers(study, curves)
    probed = mechanism.mechanism(study, probes)
    tables = {
        "schedules": final.schedules(study, train_images),
        "milestone_changes": first,
        "milestone_summary": changes.milestone_summary(first),
        "milestone_levels": levels,
        "milestone_levels_summary": changes.milestone_summary(levels),
        "final": final.final_values(study, curves, train_images),
        "placebo_effects": effects,
        "placebo_summary": placebo.placebo_summary(effects),
        "update_effects": placebo.update_effects(study, closeups),
        "sweep": swept,
        "sweep_fits": fitted,
        "sweep_fit_summary": sweep.fit_summary(fitted),
        "sweep_gains": sweep.gains(swept),
        "landings": sweep.landings(swept, study.claims.get("predicted_from", 1)),
        "corrected_images": sweep.corrected_images(study, curves),
        "detections": found,
        "milestone_detections": at_milestones,
        "recall": detector_claims.recall(study, at_milestones),
        "elsewhere": elsewhere.elsewhere(study, curves),
        "planted": elsewhere.planted(study, curves, levels),
        "variance": collapses,
        "variance_summary": variance.collapse_summary(collapses),
        "final_differences": equivalence.final_differences(study, curves),
        "bands": equivalence.bands(study, curves),
        "reversal": equivalence.reversal(study, curves),
        "low_rate": low_rate.low_rate(study, curves),
        "plateaus": noises[0],
        "noise_drops": noises[1],
        "all_plateaus": noises[2],
        "noise_fits": noise.noise_fits(*noises),
        "lag": lags,
        "lag_summary": lag.lag_summary(lags),
        "speed": fast,
        "simulated_rates": simulation.simulated_rates(),
        "mechanism": probed,
        "mechanism_summary": mechanism.summary(probed),
        "undying": mechanism.undying(study, curves),
        "published": published.published(study, curves),
        "optimizers": tuned,
        "optimizer_summary": published.optimizer_summary(tuned),
    }
    summaries = {"drop": tables["milestone_summary"], "level": tables["milestone_levels_summary"]}
    made = claims.milestone_claims(study, summaries, tables["placebo_summary"])
    made += claims.beyond_claims(study, tables["placebo_summary"])
    made += elsewhere.elsewhere_claims(study, tables["elsewhere"])
    made += foretold_claims.foretold_claims(study, tables)
    made += cause_claims.cause_claims(study, tables)
    seen = tables | {"audit": audit, "runs_seen": curves[["arm", "seed"]].drop_duplicates()}
    made += same_claims.same_claims(study, seen) + detector_claims.detector_claims(study, seen)
    made += court.court_claims(study, tables)
    tables["court"] = court.court(study, made)
    tables["verdicts"] = court.verdicts(study, tables["court"])
    return tables, made + court.verdict_claims(tables["verdicts"])
