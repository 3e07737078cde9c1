"""Less noise, put to numbers: excess loss = c g through zero, c from the forks of the rate, the batch's predicted.

Effects net of placebos: mean of five epochs less that of arm none and its active placebos together. A fork moves g to r
g, so its effect is -c (1 - r), without a constant. c is taken from the forks that change the rate alone; what a fork of
the batch does is then a prediction.
"""

from typing import Any

import numpy as np
import pandas as pd

from ..results.verdicts import NOTHING, claim
from ..study.families import PLACEBO
from ..study.study import CONTROL, Study
from .fork_claims import SPAN
from .fork_effects import UNIT, all_forks
from .judged import RUNNING
from .quotients import fieller, fieller_p

METRIC = " ".join(RUNNING[:2])
COLUMNS = "study fork seed changed noise net predicted".split()


def excess(study: Study, effects: pd.DataFrame) -> pd.DataFrame:
    """One row per fork that changes rate or batch alone, and seed: noise r, net effect (nats), and what the rate forks
    of the same seed predict of it; of these c is the least-squares line through zero.
    """
    chosen = effects[(effects["split"] == RUNNING[0]) & (effects["metric"] == RUNNING[1]) & (effects["span"] == SPAN)]
    values = chosen.set_index(["fork", "seed"])
    kinds = {(fork.name, fork.seed): fork for fork in all_forks(study)}
    rows = []
    for seed, group in chosen.groupby("seed", sort=False):
        control = float(group["control"].iloc[0])
        if (PLACEBO, seed) in values.index:
            placebo = values.loc[(PLACEBO, seed)]
            control = (control + placebo["orders"] * placebo["value"]) / (1 + placebo["orders"])
        net = {row.fork: row.value - control for row in group.itertuples()}
        forks = {name: kinds[name, seed] for name in net if kinds[name, seed].changed in ("rate", "batch")}
        rate = [(1 - fork.noise, net[name]) for name, fork in forks.items() if fork.changed == "rate"]
        squares = sum(x * x for x, _ in rate)
        c = -sum(x * y for x, y in rate) / squares if squares else np.nan
        rows += [
            (study.name, name, seed, fork.changed, fork.noise, net[name], -c * (1 - fork.noise))
            for name, fork in forks.items()
        ]
    return pd.DataFrame(rows, columns=COLUMNS)


def excess_claims(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """excess.batch, excess.small-batch: measured over predicted. excess.zero: the line through the rate forks is zero
    where g is as it was.
    """
    stated, made = study.claims.get("mechanisms", {}), []
    for name, key in (("batch", "excess"), ("small-batch", "excess_raised")):
        own = table[table["fork"] == name].dropna(subset=["predicted"])
        if key in stated:
            pair = own["net"].to_numpy(float), own["predicted"].to_numpy(float)
            made.append(
                claim(
                    f"excess.{name}",
                    f"Excess loss is c g: with c from the forks of the rate, the effect of fork {name} on running "
                    "training loss is what is measured (multiple of the predicted). Net of placebos, five epochs.",
                    METRIC,
                    "multiple of the predicted",
                    fieller(*pair, 0.95) if len(own) else NOTHING,
                    low=stated[key][0],
                    high=stated[key][1],
                    n=len(own) or None,
                    kind="ratio",
                    control="placebo",
                )
            )
    if "zero" in stated:
        made.append(_through_zero(table, stated["zero"]))
    return made


def _through_zero(table: pd.DataFrame, margin: float) -> dict[str, Any]:
    """The straight line through the rate forks' effects, read at g' = g, as a share of the rate cut's effect."""
    over, under = [], []
    for _, group in table[table["changed"] == "rate"].groupby("seed"):
        x, y = 1 - group["noise"].to_numpy(float), group["net"].to_numpy(float)
        if len(x) > 1 and UNIT in set(group["fork"]):
            over.append(float(np.polyfit(x, y, 1)[1]))
            under.append(float(group.loc[group["fork"] == UNIT, "net"].iloc[0]))
    pair = np.array(over), np.array(under)
    return claim(
        "excess.zero",
        f"Excess loss is c g without a constant: the line through the forks of the rate crosses g' = g within "
        f"{margin:g} of the rate cut's effect from zero (arm {CONTROL} and placebos are not among its points).",
        METRIC,
        "share of the rate cut's effect",
        fieller(*pair, 0.9) if over else NOTHING,
        -margin,
        margin,
        n=len(over) or None,
        kind="equivalence",
        control="placebo",
        p=fieller_p(*pair, margin) if len(over) > 1 else None,
    )
