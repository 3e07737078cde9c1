"""Claims about foresight: averaged weights say before a cut by how much loss falls, and which images it corrects.

Fall and foretold share the reading before the cut: where that is high by chance both are. So each claim about a cut has
one beside its placebo, which shares that reading, too.
"""

from typing import Any

import pandas as pd

from ..results.intervals import t_interval
from ..results.verdicts import NOTHING, claim
from ..study.study import Study
from .claims import interval_of
from .judged import JUDGED, of_reading
from .sweep import beyond_placebo

Claims = list[dict[str, Any]]
Tables = dict[str, pd.DataFrame]
CUTS = ("rate", "batch")


def foretold_claims(study: Study, tables: Tables) -> Claims:
    """All claims of this module for which the study states a threshold."""
    makers = {
        "predicted_slope": predicted,
        "predicted_gain": gain,
        "predicted_closer": closer,
        "foreseen": images,
        "foreseen_gain": images_gain,
    }
    return [made for key, make in makers.items() if key in study.claims for made in make(study, tables)]


def predicted(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.slope and .intercept: falls of training loss against what the averaged weights foretold."""
    split, metric, unit = JUDGED["loss"]
    table = tables["sweep_fit_summary"]
    first, bounds = study.claims["predicted_from"], study.claims["predicted_slope"]
    margin = study.claims["predicted_intercept"]
    claims = []
    for cut, words in (("rate", "the learning rate is cut"), ("batch", "the batch size is increased")):
        row = of_reading(table[(table["cut"] == cut) & (table["memory"] == "short")], "loss")
        start = (
            f"Where {words} after epoch {first} or later, training loss falls in the next epoch by what "
            "loss(weights) - loss(averaged weights) was before: "
        )
        n = int(row["n"].iloc[0]) if len(row) else None
        claims += [
            claim(
                f"predicted.{cut}.slope",
                start + f"slope between {bounds[0]:g} and {bounds[1]:g}.",
                f"{split} {metric}",
                "nats per nat",
                interval_of(row, "slope"),
                low=bounds[0],
                high=bounds[1],
                n=n,
                kind="slope",
            ),
            claim(
                f"predicted.{cut}.intercept",
                start + f"intercept within {margin:g} nats of 0.",
                f"{split} {metric}",
                unit,
                interval_of(row, "intercept"),
                -margin,
                margin,
                n=n,
                kind="slope",
            ),
        ]
    return claims


def gain(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.gain: fall of training loss beyond the placebo's."""
    first, least = study.claims["predicted_from"], study.claims["predicted_gain"]
    statement = (
        f"After a cut ({{cut}}) after epoch {first} or later, training loss falls further in the next epoch than "
        f"in the placebo forked there, by more than {least:g} nats in the mean over dates."
    )
    return _beside_placebos("gain", statement, _swept(tables, first), "fall", JUDGED["loss"], least)


def closer(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.closer: what the average foretold misses a cut's fall by less than it misses the placebo's."""
    first, least = study.claims["predicted_from"], study.claims["predicted_closer"]
    table = _swept(tables, first)
    table = table.assign(hit=-(table["fall"] - table["foretold"]).abs())
    statement = (
        f"After epoch {first} or later, loss(weights) - loss(averaged weights) misses the next epoch's fall of "
        f"training loss by less where there is a cut ({{cut}}) than in the placebo forked there, by more than "
        f"{least:g} nats in the mean over dates."
    )
    return _beside_placebos("closer", statement, table, "hit", JUDGED["loss"], least)


def images(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.images: share of the corrected test images that the average had right; means over dates by seed."""
    table = tables["corrected_images"]
    first, least = study.claims["predicted_from"], study.claims["foreseen"]
    claims = []
    for cut in CUTS:
        shares = table[(table["cut"] == cut) & (table["at"] >= first)].groupby("seed")["share"].mean()
        claims.append(
            claim(
                f"predicted.{cut}.images",
                f"Of the test images that a cut ({cut}) after epoch {first} or later corrects in its first epoch, the "
                f"averaged weights already had more than {least:.0%} right before it.",
                "test error_recomputed",
                "share",
                t_interval(shares),
                low=least,
                n=len(shares) or None,
            )
        )
    return claims


def images_gain(study: Study, tables: Tables) -> Claims:
    """predicted.CUT.images_gain: by how much that share exceeds the placebo's, whose epoch corrects images, too."""
    least, table = study.claims["foreseen_gain"], tables["corrected_images"]
    statement = (
        f"That share is larger after a cut ({{cut}}) than in the placebo forked there, by more than {least:g} in the "
        "mean over dates."
    )
    chosen = table[table["at"] >= study.claims["predicted_from"]]
    return _beside_placebos("images_gain", statement, chosen, "share", ("test", "error_recomputed", "share"), least)


def _swept(tables: Tables, first: int) -> pd.DataFrame:
    """Training loss in the cut sweep, dates from `first` on."""
    table = of_reading(tables["sweep"], "loss")
    return table[table["at"] >= first]


def _beside_placebos(
    name: str, statement: str, table: pd.DataFrame, column: str, judged: tuple[str, str, str], least: float
) -> Claims:
    """predicted.CUT.NAME: a column of the cut's stubs exceeds that of the placebo of the same seed and date by more
    than `least`; means over dates, interval over seeds. The statement has a place {cut}; judged: split, metric, unit.
    """
    claims = []
    for cut in CUTS:
        gains = beyond_placebo(table, cut, column)
        claims.append(
            claim(
                f"predicted.{cut}.{name}",
                statement.format(cut=cut),
                f"{judged[0]} {judged[1]}",
                judged[2],
                t_interval(gains) if len(gains) else NOTHING,
                low=least,
                n=len(gains) or None,
            )
        )
    return claims
