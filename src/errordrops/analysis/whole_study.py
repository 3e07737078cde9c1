"""All tables and claims of a study, from its curves."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..study.study import Study
from . import (
    alike,
    cause_claims,
    changes,
    claims,
    counted_drops,
    detection,
    detector_claims,
    drawn,
    elsewhere,
    family,
    final,
    foretold_claims,
    fork_results,
    kept_claims,
    landing,
    laws,
    low_rate,
    placebo,
    probe_readings,
    published,
    same_claims,
    simulation,
    sweep,
)
from . import control_effects as changed
from . import epoch_variance as variance
from . import noise_fits as noise
from . import same_curve as equivalence
from . import statistics_lag as lag
from . import time_to_error as speed
from .right import Right


def results(
    study: Study,
    curves: pd.DataFrame,
    closeups: pd.DataFrame,
    audit: pd.DataFrame,
    probes: pd.DataFrame,
    train_images: int,
    epoch_seconds: Mapping[tuple[str, int], list[float]],
    right: Right | None = None,
    apart: Mapping[tuple[str, int], str] | None = None,
    forecasts: Mapping[int, Mapping[str, Any]] | None = None,
) -> tuple[dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """({name of a table in analysis/: table}, claims). A table for which the study lacks the arms is empty.

    right: which test images were right, where that is known. apart: runs that do not belong with the others, and why.
    """
    right = right or Right()
    first, levels = (changes.of_study(study, curves, epochs) for epochs in (1, changes.LEVEL_EPOCHS))
    beside = placebo.placebo_effects(study, curves)
    effects = changed.effects(study, curves)
    ends = equivalence.final_differences(study, curves)
    swept = sweep.sweep(study, curves)
    landed = landing.landing(study, swept)
    fitted = sweep.fits(swept, study.claims.get("predicted_from", 1))
    detected = detection.detections(study, curves)
    at_milestones = detection.milestone_detections(study, curves, detected)
    noises = [table(study, curves, train_images) for table in (noise.plateaus, noise.drops, noise.all_plateaus)]
    collapses, lags = variance.collapse(study, curves), lag.lag(study, curves)
    margin = study.claims.get("equivalent_error")
    fast = speed.speed(study, curves, margin, epoch_seconds) if margin else pd.DataFrame(columns=speed.COLUMNS)
    tuned = published.optimizers(study, curves)
    probed = probe_readings.readings(study, probes)
    tables = {
        "schedules": final.schedules(study, train_images),
        "milestone_changes": first,
        "milestone_summary": changes.milestone_summary(first),
        "milestone_levels": levels,
        "milestone_levels_summary": changes.milestone_summary(levels),
        "final": final.final_values(study, curves, train_images),
        "effects": effects,
        "effects_summary": changed.summary(study, curves, effects, right),
        "kept": kept_claims.kept(study, effects),
        "alike": alike.alike(study, ends, effects),
        "placebo_effects": beside,
        "placebo_summary": placebo.placebo_summary(beside),
        "update_effects": placebo.update_effects(study, closeups),
        "sweep": swept,
        "sweep_fits": fitted,
        "sweep_fit_summary": sweep.fit_summary(fitted),
        "sweep_gains": sweep.gains(swept),
        "landing": landed,
        "landing_by_date": landing.by_date(landed),
        "landings": sweep.landings(swept, study.claims.get("predicted_from", 1)),
        "corrected_images": sweep.corrected_images(study, curves),
        "detections": detected,
        "milestone_detections": at_milestones,
        "changes_seen": counted_drops.at_changes(study, curves, detected),
        "drops_elsewhere": counted_drops.elsewhere(study, curves, detected),
        "drawn_dates": drawn.drawn_dates(study, curves, detected),
        "recall": detector_claims.recall(study, at_milestones),
        "elsewhere": elsewhere.elsewhere(study, curves),
        "planted": elsewhere.planted(study, curves, levels),
        "variance": collapses,
        "variance_summary": variance.collapse_summary(collapses),
        "final_differences": ends,
        "bands": equivalence.bands(study, curves),
        "reversal": equivalence.reversal(study, curves),
        "low_rate": low_rate.low_rate(study, curves),
        "laws": laws.laws(study, curves),
        "plateaus": noises[0],
        "noise_drops": noises[1],
        "all_plateaus": noises[2],
        "noise_fits": noise.noise_fits(*noises),
        "lag": lags,
        "lag_summary": lag.lag_summary(lags),
        "speed": fast,
        "simulated_rates": simulation.simulated_rates(),
        "mechanism": probed,
        "mechanism_summary": probe_readings.summary(probed),
        "undying": probe_readings.undying(study, curves),
        "published": published.published(study, curves),
        "optimizers": tuned,
        "optimizer_summary": published.optimizer_summary(tuned),
    }
    made = claims.milestone_claims(study, tables["effects_summary"])
    made += kept_claims.kept_claims(study, tables["kept"])
    made += alike.alike_claims(study, curves, tables["alike"], right)
    made += landing.landing_claims(study, landed)
    made += drawn.drawn_claims(study, tables["drawn_dates"])
    made += claims.beyond_claims(study, tables["placebo_summary"])
    made += elsewhere.elsewhere_claims(study, tables["elsewhere"])
    made += foretold_claims.foretold_claims(study, tables)
    made += cause_claims.cause_claims(study, tables)
    seen = tables | {"audit": audit, "runs_seen": curves[["arm", "seed"]].drop_duplicates()}
    made += same_claims.same_claims(study, seen) + detector_claims.detector_claims(study, seen)
    of_forks, claimed = fork_results.of_forks(study, curves, right, forecasts or {}, tables)
    tables, made = tables | of_forks, made + claimed
    return tables, family.ranked(study, family.unsettled(study, made, apart or {}))
