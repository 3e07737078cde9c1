"""Tests by randomisation: dates drawn by lot, and what the same curves would have shown for every other date.

The sharp hypothesis: a run's curve is what it is, whatever its date. Then the drawn date is one of the range, each as
likely, whatever the curve; so the p-value is exact and asks nothing of the curves (Fisher 1935).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

ENUMERATED = 2_000_000  # sums of dates that are enumerated; beyond, random dates
DRAWS = 200_000


@dataclass(frozen=True)
class Lot:
    """One drawn date: the score that each date of the range would have had, and which of them was drawn."""

    scores: tuple[float, ...]
    drawn: int

    @property
    def score(self) -> float:
        return self.scores[self.drawn]


def merged(lots: Sequence[tuple[object, Lot]]) -> list[Lot]:
    """Lots of one key are one draw (two arms with the same dates): their scores add up."""
    by_key: dict[object, Lot] = {}
    for key, lot in lots:
        if key in by_key:
            known = by_key[key]
            if len(known.scores) != len(lot.scores) or known.drawn != lot.drawn:
                raise ValueError(f"two dates were drawn for {key}")
            lot = Lot(tuple(a + b for a, b in zip(known.scores, lot.scores, strict=True)), known.drawn)
        by_key[key] = lot
    return list(by_key.values())


def p_value(lots: Sequence[Lot]) -> float:
    """Probability that dates drawn anew score as much as the drawn ones or more, summed over all lots.

    Exact for scores that are whole numbers (by convolution), and for so few dates that all can be enumerated; else from
    200,000 draws with fixed random numbers, counting the drawn dates themselves among them (Phipson & Smyth 2010). NaN
    for no lot.
    """
    if not lots:
        return float("nan")
    observed = sum(lot.score for lot in lots)
    if all(float(score).is_integer() for lot in lots for score in lot.scores):
        return _convolved(lots, round(observed))
    slack = 1e-9 * max(1.0, abs(observed))  # sums in another order may differ in their last digit
    if np.prod([float(len(lot.scores)) for lot in lots]) <= ENUMERATED:
        sums = np.zeros(1)
        for lot in lots:
            sums = np.add.outer(sums, np.asarray(lot.scores)).ravel()
        return float((sums >= observed - slack).mean())
    rng = np.random.default_rng(0)
    sums = np.zeros(DRAWS)
    for lot in lots:
        sums += np.asarray(lot.scores)[rng.integers(len(lot.scores), size=DRAWS)]
    return float((1 + (sums >= observed - slack).sum()) / (1 + DRAWS))


def _convolved(lots: Sequence[Lot], observed: int) -> float:
    """The same for whole numbers: the distribution of the sum is a product of the lots' own."""
    chances = {0: 1.0}
    for lot in lots:
        after: dict[int, float] = {}
        for total, chance in chances.items():
            for score in lot.scores:
                place = total + round(score)
                after[place] = after.get(place, 0.0) + chance / len(lot.scores)
        chances = after
    return float(min(1.0, sum(chance for total, chance in chances.items() if total >= observed)))


def hits(detected: set[int], dates: range) -> tuple[float, ...]:
    """For each date m of the range 1 where a drop was detected in exactly epoch m + 1, else 0."""
    return tuple(float(m + 1 in detected) for m in dates)


def shifts(falls: Mapping[int, float], dates: range) -> tuple[float, ...] | None:
    """For each date of the range the fall of level there; None where one is not known."""
    values = [falls.get(m, np.nan) for m in dates]
    return None if np.isnan(values).any() else tuple(values)
