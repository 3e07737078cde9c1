"""Dates drawn by lot: does the drop follow the date? Exact p-values over all dates that might have been drawn."""

from typing import Any

import pandas as pd

from ..results.intervals import Interval
from ..results.verdicts import NOTHING, claim
from ..study.study import Study
from .judged import JUDGED, WORDS, of_reading, series
from .levels import after, before, fall
from .randomised import Lot, hits, merged, p_value, shifts

COLUMNS = "study arm seed index first last date hit fall_error fall_loss scores_hit scores_error scores_loss".split()
TESTS = {"detector": "hit", "level": "error", "level_loss": "loss"}  # id of the claim: its scores


def drawn_dates(study: Study, curves: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """One row per drawn date: whether the detector reports a drop in exactly the epoch after it (in test error or
    training loss), and the fall of level there (means of up to five epochs before less after, points and nats).
    scores_* has the same for every date of the range from `first` to `last`, in order, as numbers with spaces between.
    """
    drops = detections[detections["kind"] == "drop"]
    drops = pd.concat([of_reading(drops, name) for name in JUDGED])
    seen = {key: {int(e) for e in group["epoch"]} for key, group in drops.groupby(["arm", "seed"])}
    tables = {name: series(curves, split, metric) for name, (split, metric, _) in JUDGED.items()}
    rows = []
    for arm in study.arms:
        for seed in arm.seeds if arm.role == "drawn" else ():
            run = arm.name, seed
            if any(run not in table.index for table in tables.values()):
                continue
            own = arm.for_seed(seed)
            end = len(own.settings)
            for index, ((first, last), date) in enumerate(zip(arm.dates, own.milestones, strict=True), start=1):
                dates = range(first, last + 1)
                falls = {
                    name: {m: fall(table.loc[run], before(m), after(m, end)) for m in dates}
                    for name, table in tables.items()
                }
                scores = [hits(seen.get(run, set()), dates), *(shifts(falls[name], dates) or () for name in tables)]
                at = date - first
                head = study.name, arm.name, seed, index, first, last, date, bool(scores[0][at])
                rows.append((*head, *(falls[name][date] for name in tables), *map(_written, scores)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _written(scores: tuple[float, ...]) -> str:
    return " ".join(f"{score!r}" for score in scores)


def _read(text: str) -> tuple[float, ...]:
    return tuple(float(score) for score in str(text).split())


def drawn_claims(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """drawn.detector: the detector's hits in exactly the epoch after the drawn dates. drawn.level and .level_loss: the
    fall of level there. p over all dates that the lots might have drawn, of both arms and all changes together; arms
    with one lot have one date.
    """
    if "drawn" not in study.claims:
        return []
    lot = {arm.name: arm.lot for arm in study.arms if arm.role == "drawn"}
    arms = ", ".join(lot) or "none"
    statements = {
        "detector": "drops are reported in exactly the epoch after the drawn dates as often as they are",
        "level": f"the level of {WORDS['error']} falls as much as it does at the drawn dates",
        "level_loss": f"the level of {WORDS['loss']} falls as much as it does at the drawn dates",
    }
    made = []
    for test, scores in TESTS.items():
        split, metric, _ = JUDGED["loss" if test == "level_loss" else "error"]
        lots = []
        for row in table.itertuples():
            of_dates = _read(getattr(row, f"scores_{scores}"))
            if of_dates:
                key = lot[row.arm], row.seed, row.index, row.first, row.last
                lots.append((key, Lot(of_dates, int(row.date - row.first))))
        p = p_value(merged(lots))
        of_hits = f" ({int(table['hit'].sum())} of {len(table)} here)" if test == "detector" and len(table) else ""
        made.append(
            claim(
                f"drawn.{test}",
                f"The date moved moves the drop: with dates drawn anew (arms {arms}), {statements[test]}{of_hits} with "
                f"a probability below {study.claims['drawn']:g}.",
                f"{split} {metric}",
                "p-value",
                Interval(p, float("nan"), float("nan")) if lots else NOTHING,
                high=study.claims["drawn"],
                n=len(merged(lots)) or None,
                kind="p",
            )
        )
    return made
