"""And nowhere else? The lasting fall at the first change beside the largest one at any later epoch without a change.

That a detector stays silent says little where a drop would not stand out of the noise; so it is counted, too, how often
it sees one that was planted in a curve without a change.
"""

from typing import Any

import numpy as np
import pandas as pd

from ..detector.drop_rule import AFTER
from ..detector.drops import find_drops
from ..results.intervals import t_interval
from ..results.verdicts import NOTHING, claim
from ..study.study import CONTROL, Arm, Study
from .changes import comparable
from .claims import READINGS
from .judged import JUDGED, WORDS, judged_series, of_reading
from .levels import LEVEL_EPOCHS, falls

COLUMNS = "study arm milestone seed split metric fall largest_elsewhere after beyond".split()
PLANTED_COLUMNS = "study split metric size planted found".split()


def _arms(study: Study) -> list[Arm]:
    """Rate cut or larger batch by the study's factor, one run with arm none until the first milestone."""
    began = comparable(study)
    return [a for a in study.schedules if a.rule in ("step", "batch") and a.factor == study.factor and a.name in began]


def elsewhere(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per arm, seed and judged metric: `fall` of level at the arm's first milestone, the largest fall of arm
    none's level after any epoch from there on (`largest_elsewhere`, after epoch `after`), and by how much the one is
    `beyond` the other; same seed, in points or nats. Earlier epochs are left out: every run still learns fast there.
    """
    rows = []
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        whole = table.reindex(columns=range(study.epochs + 1))
        by_run = dict(zip(whole.index, whole.to_numpy(float), strict=True))
        for arm in _arms(study):
            m = arm.milestones[0]
            for seed in arm.seeds:
                if m < LEVEL_EPOCHS or not {(arm.name, seed), (CONTROL, seed)} <= set(by_run):
                    continue
                own = falls(by_run[arm.name, seed], m).get(m, np.nan)
                others = {k: fall for k, fall in falls(by_run[CONTROL, seed], m).items() if not np.isnan(fall)}
                if np.isnan(own) or not others:
                    continue
                at = max(others, key=lambda k: others[k])
                rows.append((study.name, arm.name, m, seed, split, metric, own, others[at], at, own - others[at]))
    return pd.DataFrame(rows, columns=COLUMNS)


def planted(study: Study, curves: pd.DataFrame, changes: pd.DataFrame) -> pd.DataFrame:
    """How often the detector sees a drop that is there: arm none's curves, lowered from epoch m + 1 on by `size`,
    their noise left as it is; `planted` times, for every m from the first milestone on that leaves a lasting drop its
    epochs, `found` of them in exactly epoch m + 1. size: what the first cut of the rate adds to the fall of level, the
    mean over seeds of `difference` in `changes`, the table of milestone_changes over several epochs.
    """
    rows, cuts = [], [arm.name for arm in _arms(study) if arm.rule == "step"]
    for name, table in judged_series(curves).items():
        split, metric, _ = JUDGED[name]
        own = of_reading(changes[changes["arm"].isin(cuts[:1]) & (changes["index"] == 1)], name)
        size, m = -own["difference"].mean(), own["milestone"].min()
        quiet = table[table.index.get_level_values("arm") == CONTROL]
        if not size > 0 or quiet.empty:
            continue
        times = seen = 0
        for _, values in quiet.iterrows():
            values = values.dropna().loc[1:]
            for k in values.index[(values.index >= m) & (values.index <= values.index[-1] - AFTER)]:
                lowered = np.maximum(values.where(values.index <= k, values - size), 0)
                drops = find_drops(values.index.to_numpy(), lowered.to_numpy(), metric.split("_")[0])
                times += 1
                seen += any(drop.kind == "drop" and drop.epoch == k + 1 for drop in drops)
        rows.append((study.name, split, metric, size, times, seen))
    return pd.DataFrame(rows, columns=PLANTED_COLUMNS)


def elsewhere_claims(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.m1.elsewhere (test error) and .elsewhere_loss (training loss), where the study states a threshold."""
    made = []
    for ending, name in READINGS.items():
        key = f"elsewhere{ending}"
        if key not in study.claims:
            continue
        split, metric, unit = JUDGED[name]
        least = study.claims[key]
        for arm in _arms(study):
            mine = of_reading(table[table["arm"] == arm.name], name)
            beyond = mine["beyond"]
            m = arm.milestones[0]
            made.append(
                claim(
                    f"{arm.name}.m1.{key}",
                    f"Arm {arm.name} ({arm.description}). The level of {WORDS[name]} ({LEVEL_EPOCHS} epochs on either "
                    f"side) falls at milestone {m} by more than it ever does in arm none, same seed, after any epoch "
                    f"from {m} on{f', by more than {least:g} {unit}' if least else ''}.",
                    f"{split} {metric}",
                    unit,
                    t_interval(beyond) if len(beyond) else NOTHING,
                    low=least,
                    milestone=m,
                    n=len(beyond) or None,
                    control="none",
                )
            )
    return made
