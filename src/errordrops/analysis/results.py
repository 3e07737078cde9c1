"""All tables and claims of a study, from its curves."""

from typing import Any

import pandas as pd

from ..study import Study
from . import changes, claims, final


def results(
    study: Study, curves: pd.DataFrame, train_images: int
) -> tuple[dict[str, pd.DataFrame], list[dict[str, Any]]]:
    """({name of a table in analysis/: table}, claims)."""
    first, levels = (changes.of_study(study, curves, epochs) for epochs in (1, changes.LEVEL_EPOCHS))
    summaries = {"drop": changes.milestone_summary(first), "level": changes.milestone_summary(levels)}
    tables = {
        "schedules": final.schedules(study, train_images),
        "milestone_changes": first,
        "milestone_summary": summaries["drop"],
        "milestone_levels": levels,
        "milestone_levels_summary": summaries["level"],
        "final": final.final_values(study, curves, train_images),
    }
    return tables, claims.milestone_claims(study, summaries)
