"""What was foretold of each fork before it was trained, beside what it did: slope, coverage, error.

Measured: arm none's training loss less the fork's (train_eval, statistics recomputed), as the two readings from which
it was foretold. Nothing is fitted to the forks; the slope is only read.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..results.foretell import SPLIT, WEIGHTS
from ..results.intervals import Interval, t_interval
from ..results.verdicts import NOTHING, claim, share
from ..study.study import Study
from .fork_effects import all_forks

METRIC = f"{SPLIT} {WEIGHTS}"
COLUMNS = "study fork seed date noise changed span foretold low high measured covered constant".split()
FIT_COLUMNS = "study forks span seed n slope".split()
ERROR_COLUMNS = "study forecast span n error".split()
FORECASTS = {"foretold": "foretold", "constant": "the mean of other seeds", "nothing": "the last reading"}
KINDS = ("rate", "batch", "noise", "momentum")  # of changes that foretold falls are about


def scored(study: Study, effects: pd.DataFrame, forecasts: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """One row per fork, seed and span (first, level): the foretold fall with its interval, the measured one (nats,
    positive where loss falls), whether the interval covers it (level alone), and constant, the mean measured fall of
    that fork over the other seeds.

    `forecasts`: foretold.json of each seed.
    """
    chosen = effects[(effects["split"] == SPLIT) & (effects["metric"] == WEIGHTS)]
    forks = {(fork.name, fork.seed): fork for fork in all_forks(study)}
    rows = []
    for row in chosen.itertuples():
        known = forecasts.get(row.seed, {}).get("forks", {}).get(row.fork)
        if known is None or row.fork == "placebo":
            continue
        fork, fall = forks[row.fork, row.seed], -row.effect
        low, high = (np.nan if known[end] is None else known[end] for end in ("low", "high"))
        covered = float(low <= fall <= high) if row.span == "level" and np.isfinite(low) else np.nan
        head = study.name, row.fork, row.seed, row.date, fork.noise, fork.changed, row.span
        rows.append((*head, known["fall"], low, high, fall, covered, np.nan))
    table = pd.DataFrame(rows, columns=COLUMNS)
    groups = table.groupby(["fork", "span"])["measured"]
    n = groups.transform("size")
    table["constant"] = (groups.transform("sum") - table["measured"]) / (n - 1).where(n > 1)
    return table


def fits(table: pd.DataFrame) -> pd.DataFrame:
    """Slopes of measured on foretold through zero, seed by seed: over all forks that change the noise alone, and over
    those that cut it ("cuts").
    """
    rows = []
    moving = table[table["changed"].isin(KINDS)]
    for forks, chosen in (("all", moving), ("cuts", moving[moving["noise"] < 1])):
        for (study, span, seed), group in chosen.groupby(["study", "span", "seed"], sort=False):
            squares = float((group["foretold"] ** 2).sum())
            if squares > 0:
                slope = float((group["foretold"] * group["measured"]).sum()) / squares
                rows.append((study, forks, span, seed, len(group), slope))
    return pd.DataFrame(rows, columns=FIT_COLUMNS)


def errors(table: pd.DataFrame) -> pd.DataFrame:
    """Root mean square of what each forecast of the fall misses (nats): foretold; the mean of the other seeds; the last
    reading, by which nothing changes.
    """
    rows = []
    for (study, span), group in table.dropna(subset=["constant"]).groupby(["study", "span"], sort=False):
        forecasts = {"foretold": group["foretold"], "constant": group["constant"], "nothing": 0.0}
        for name, forecast in forecasts.items():
            missed = (group["measured"] - forecast).to_numpy(float)
            rows.append((study, FORECASTS[name], span, len(group), float(np.sqrt((missed**2).mean()))))
    return pd.DataFrame(rows, columns=ERROR_COLUMNS)


def foretold_fork_claims(study: Study, table: pd.DataFrame, fitted: pd.DataFrame) -> list[dict[str, Any]]:
    """foretold.slope, foretold.cuts, foretold.coverage; none for a study that states no thresholds for them."""
    stated = study.claims.get("foretold")
    if not stated:
        return []
    made = []
    words = {
        "slope": ("all", "Over all forks that change the noise, "),
        "cuts": ("cuts", "Over the forks that cut the noise, "),
    }
    for key, (which, start) in words.items():
        if key not in stated:
            continue
        own = fitted[(fitted["forks"] == which) & (fitted["span"] == "level")]["slope"]
        made.append(
            claim(
                f"foretold.{key}",
                f"{start}the fall of training loss is what was foretold before they were trained, (loss of the weights "
                "- loss of their average) (1 - g'/g): slope of measured on foretold through zero, seed by seed. Mean "
                "of five epochs, less arm none's.",
                METRIC,
                "nats per nat",
                t_interval(own) if len(own) else NOTHING,
                low=stated[key][0],
                high=stated[key][1],
                n=len(own) or None,
                kind="slope",
                control="none",
            )
        )
    level = table[table["span"] == "level"].dropna(subset=["covered"])
    clusters = [(float(g["covered"].sum()), float(len(g))) for _, g in level.groupby("seed")]
    made.append(
        share(
            "foretold.coverage",
            f"Of the 95 % intervals foretold for each fork and seed at least {stated['coverage']:.0%} hold the fall "
            "that was measured (mean of five epochs).",
            METRIC,
            "share of forks",
            clusters,
            stated["coverage"],
            control="none",
        )
    )
    return made


def interval_of(fitted: pd.DataFrame, forks: str, span: str) -> Interval:
    """Mean slope with its interval over seeds."""
    own = fitted[(fitted["forks"] == forks) & (fitted["span"] == span)]["slope"]
    return t_interval(own) if len(own) else NOTHING
