"""All tables and claims about forks and mechanisms."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ..results.foretell import predicted
from ..study.study import CONTROL, Study
from . import excess_loss, fork_claims, probe_claims
from . import foretold_falls as foretold
from . import fork_effects as forks
from . import judged_mechanisms as mechanisms
from .right import Right


def of_forks(
    study: Study,
    curves: pd.DataFrame,
    right: Right | None,
    forecasts: Mapping[int, Mapping[str, Any]],
    tables: Mapping[str, pd.DataFrame],
) -> tuple[dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """Tables and claims about forks and mechanisms. `forecasts`: foretold.json of each seed; where it is missing,
    what it would say is computed from the curves.
    """
    effects = forks.effects(study, curves)
    seeds = sorted({fork.seed for fork in forks.all_forks(study)} & set(effects["seed"]))
    known = {seed: forecasts.get(seed) or predicted(study, seed, curves[_of_none(curves, seed)]) for seed in seeds}
    scored = foretold.scored(study, effects, known)
    fitted, less = foretold.fits(scored), excess_loss.excess(study, effects)
    made = fork_claims.fork_claims(study, effects, right)
    made += foretold.foretold_fork_claims(study, scored, fitted) + excess_loss.excess_claims(study, less)
    made += probe_claims.probe_claims(study, tables)
    means = forks.summary(study, effects, right)
    judged = mechanisms.mechanisms(study, effects, made)
    verdicts = mechanisms.mechanism_verdicts(study, judged)
    made_tables = {
        "fork_effects": effects,
        "fork_summary": means,
        "fork_curves": forks.curves_of(study, curves),
        "foretold": scored,
        "foretold_fits": fitted,
        "foretold_errors": foretold.errors(scored),
        "fork_excess": less,
        "causes": mechanisms.causes(study, effects, means),
        "mechanisms": judged,
        "mechanism_verdicts": verdicts,
    }
    return made_tables, made + mechanisms.mechanism_claims(verdicts)


def _of_none(curves: pd.DataFrame, seed: int) -> pd.Series:
    return (curves["arm"] == CONTROL) & (curves["seed"] == seed)
