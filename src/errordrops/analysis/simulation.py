"""How far the statistics can be trusted at these numbers of seeds: the interval and the rules of decision that the
claims use, tried on random numbers whose truth is known.
"""

import numpy as np
import pandas as pd

from ..results.intervals import t_interval

ROUNDS = 2000
SEEDS = (3, 4, 5, 8)
MARGIN, SD = 0.3, 0.23  # points: the margin of the final error, and a paired deviation as a rough trial had it
EPOCHS = 20  # of a curve, for the simultaneous band
SHAPES = {
    "normal": lambda random, size: random.standard_normal(size),
    "heavy tails (t, 4 degrees)": lambda random, size: random.standard_t(4, size) / np.sqrt(2),
    "skewed (exponential)": lambda random, size: random.standard_exponential(size) - 1,
}
COLUMNS = "what noise n rate wanted".split()


def simulated_rates(rounds: int = ROUNDS, seed: int = 0) -> pd.DataFrame:
    """One row per question, noise and number of seeds: the rate found in `rounds` simulations, and what it should be.

    interval: how often the 95 % t-interval of a mean over seeds holds the truth. wrongly equivalent: how often two one-
    sided tests declare two arms equal that differ by exactly the margin (0.05 at most is wanted). found equivalent: how
    often they declare arms equal that are (their power; nothing is wanted). band: how often the simultaneous 95 % band
    of 20 epochs, correlated 0.7 from one to the next, holds the whole truth.
    """
    random = np.random.default_rng(seed)
    rows = []
    for shape, draw in SHAPES.items():
        for n in SEEDS:
            samples = draw(random, (rounds, n))
            rows += [
                ("interval", shape, n, _share(_holds(t_interval(x), 0.0) for x in samples), 0.95),
                ("wrongly equivalent", shape, n, _share(_equal(MARGIN + SD * x) for x in samples), 0.05),
                ("found equivalent", shape, n, _share(_equal(SD * x) for x in samples), np.nan),
            ]
    for n in SEEDS:
        rows.append(("band", "normal", n, _share(_band_holds(random, n) for _ in range(rounds // 10)), 0.95))
    return pd.DataFrame(rows, columns=COLUMNS)


def _share(answers) -> float:
    return float(np.mean(list(answers)))


def _holds(interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def _equal(differences: np.ndarray) -> bool:
    interval = t_interval(differences, 0.9)
    return interval.low > -MARGIN and interval.high < MARGIN


def _band_holds(random: np.random.Generator, n: int) -> bool:
    steps = random.standard_normal((n, EPOCHS))
    curves = steps.copy()
    for epoch in range(1, EPOCHS):
        curves[:, epoch] = 0.7 * curves[:, epoch - 1] + np.sqrt(1 - 0.7**2) * steps[:, epoch]
    return all(_holds(t_interval(curves[:, epoch], 1 - 0.05 / EPOCHS), 0.0) for epoch in range(EPOCHS))
