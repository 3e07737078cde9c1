"""Claims about forks: less noise lowers loss and error, more noise raises them, and at equal noise nothing happens."""

from typing import Any

import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from ..results.verdicts import NOTHING, claim
from ..study.study import CONTROL, Study
from .crossed import crossed_interval
from .fork_effects import UNIT, Fork, all_forks, crossed, paired
from .judged import READINGS, RUNNING
from .quotients import fieller, fieller_p
from .right import Right

Claims = list[dict[str, Any]]
SPAN = "level"
NOISY = ("rate", "batch", "noise", "momentum")  # changes that move g alone
KEEPING = ("rate and batch", "rate, noise put back", "batch, noise put back")
WORDS = {"less": "falls", "more": "rises"}


def fork_claims(study: Study, table: pd.DataFrame, right: Right | None = None) -> Claims:
    """fork.NAME.loss, fork.NAME.equal (running training loss), fork.NAME.error, fork.NAME.equal_error (test error);
    decay.rate, decay.batch. `table`: `forks.effects`. None for a study that states no thresholds for forks.
    """
    stated = study.claims.get("forks")
    if not stated:
        return []
    made: Claims = []
    for name, fork in {fork.name: fork for fork in all_forks(study)}.items():
        if fork.changed in NOISY and fork.way != "equal":
            made.append(moved(study, table, fork, RUNNING, "loss", stated["moved"]))
            if "moved_error" in stated:
                made.append(moved(study, table, fork, READINGS["error"], "error", stated["moved_error"], right))
        elif fork.changed in KEEPING and fork.way == "equal":
            made.append(equal(table, name, RUNNING, "equal", stated["equal"]))
            made.append(equal(table, name, READINGS["error"], "equal_error", stated["equal"], study, right))
    return made + decay_claims(study, table)


def of_seeds(table: pd.DataFrame, fork: str, split: str, metric: str) -> pd.Series:
    """Effects by seed on one reading, five-epoch means."""
    chosen = table[(table["fork"] == fork) & (table["split"] == split) & (table["metric"] == metric)]
    return chosen[chosen["span"] == SPAN].set_index("seed")["effect"]


def moved(
    study: Study,
    table: pd.DataFrame,
    fork: Fork,
    reading: tuple[str, str, str],
    what: str,
    least: float,
    right: Right | None = None,
) -> dict[str, Any]:
    """The fork has less or more noise, and moves a reading down or up by more than `least`."""
    split, metric, unit = reading
    values = of_seeds(table, fork.name, split, metric)
    interval, over = t_interval(values), "over seeds"
    images = crossed(study, right, fork.name, SPAN)
    if what == "error" and images is not None and len(images[0]) == len(values) > 1:
        interval, over = crossed_interval(images[0]), "over seeds and test images"
    words = "running training loss" if what == "loss" else "test error"
    return claim(
        f"fork.{fork.name}.{what}",
        f"With g times {fork.noise:.2g} ({fork.changed} changed), {words} {WORDS[fork.way]} by more than {least:g} "
        f"{unit}: mean of the five epochs after the date, less arm {CONTROL}'s (interval {over}).",
        f"{split} {metric}",
        unit,
        interval if len(values) else NOTHING,
        low=least if fork.way == "more" else None,
        high=-least if fork.way == "less" else None,
        n=len(values) or None,
        control="none",
    )


def equal(
    table: pd.DataFrame,
    name: str,
    reading: tuple[str, str, str],
    what: str,
    margin: float,
    study: Study | None = None,
    right: Right | None = None,
) -> dict[str, Any]:
    """The fork keeps g, and its effect is within `margin` of the rate cut's: two one-sided tests, by Fieller."""
    split, metric, _ = reading
    own, cut = paired(of_seeds(table, name, split, metric), of_seeds(table, UNIT, split, metric))
    over = "over seeds"
    images = crossed(study, right, name, SPAN) if study is not None else None
    if images is not None and len(images[0]) == len(own) > 1:
        own, cut, over = *images, "over seeds and test images"
    words = "running training loss" if what == "equal" else "test error"
    return claim(
        f"fork.{name}.{what}",
        f"At equal noise (fork {name}) {words} stays as it is: its change, as a share of the rate cut's, is within "
        f"{margin:g} of zero. Means of the five epochs after the date, less arm {CONTROL}'s (90 % interval {over}).",
        f"{split} {metric}",
        "share of the rate cut's effect",
        fieller(own, cut, 0.9) if len(own) else NOTHING,
        -margin,
        margin,
        n=len(own) or None,
        kind="equivalence",
        control="none",
        p=fieller_p(own, cut, margin) if len(own) > 1 else None,
    )


def decay_claims(study: Study, table: pd.DataFrame) -> Claims:
    """decay.rate, decay.batch: without weight decay in both runs the effect is what it is with it."""
    bounds = study.claims.get("mechanisms", {}).get("decay")
    made: Claims = []
    for name in (UNIT, "batch") if bounds else ():
        with_it, without, base = (
            of_seeds(table, fork, *RUNNING[:2]) for fork in (name, f"{name}-decay-off", "decay-off")
        )
        seeds = with_it.index.intersection(without.index).intersection(base.index)
        own = (without.reindex(seeds) - base.reindex(seeds)).to_numpy(float)
        pair = (own, with_it.reindex(seeds).to_numpy(float))
        made.append(
            claim(
                f"decay.{name}",
                f"Without weight decay the {name} fork lowers running training loss as far as with it (multiple): the "
                "drop does not hang on the weights' norm. Mean of five epochs.",
                " ".join(RUNNING[:2]),
                "multiple",
                fieller(*pair, 0.95) if len(seeds) else NOTHING,
                low=bounds[0],
                high=bounds[1],
                n=len(seeds) or None,
                kind="ratio",
                control="none",
            )
        )
    return made


def share_of_effect(table: pd.DataFrame, name: str) -> Interval:
    """Effect of a fork on running training loss over the rate cut's, 95 %; NaN for what is not there."""
    own, cut = paired(of_seeds(table, name, *RUNNING[:2]), of_seeds(table, UNIT, *RUNNING[:2]))
    return fieller(own, cut, 0.95) if len(own) else NOTHING


def in_nats(table: pd.DataFrame, name: str) -> Interval:
    """Effect of a fork on running training loss, 95 %."""
    values = of_seeds(table, name, *RUNNING[:2])
    return t_interval(np.asarray(values, dtype=float)) if len(values) else NOTHING
