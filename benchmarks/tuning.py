"""Settings of the detectors, from curves of tuning seeds that no reported number uses.

    python benchmarks/tuning.py [--rule] [--rivals] [--curves 960]

--rule     the weights of detector/drop_rule.py: logistic regression of "a drop was planted at this epoch" on the
           readings at all epochs of the tuning curves, between the neighbours that are truly there; then the constant
           is lowered until 0.75 % of the tuning curves without a drop have an epoch with odds above 1
--rivals   the threshold or penalty of each rival that gives the best F1 score (rivals.py)
"""

import argparse

import numpy as np

from errordrops.detector import drop_rule
from errordrops.detector.drops import checked, prepared
from rivals import GRIDS, SLOW, detect
from scoring import score
from synthetic_curves import Curve, make_curves

SEEDS = (1, 3, 5, 7)
FALSE_ALARMS = 0.0075


def readings(curve: Curve) -> tuple[list[dict[str, float]], list[bool]]:
    """Terms of the regression at all epochs where a first look sees a fall, and whether a drop was planted there."""
    numbers, values = checked(curve.epochs, curve.values, curve.kind)
    given = prepared(numbers, values)
    drops = np.searchsorted(numbers, curve.drops)
    edges = np.array(sorted({0, len(values), *drops}))
    rows, labels = [], []
    for k in range(drop_rule.BEFORE, len(values) - drop_rule.AFTER + 1):
        lo, hi = edges[edges < k].max(), edges[edges > k].min()
        near = len(drops) and 0 < np.abs(drops - k).min() < drop_rule.AFTER
        if near or k - lo < drop_rule.BEFORE or hi - k < drop_rule.AFTER:
            continue
        seen = drop_rule.glance(given.y, given.grain, k, lo, hi)
        reading = seen and drop_rule.read(given.x, given.y, given.grain, k, lo, hi, seen)
        if reading:
            rows.append(drop_rule.terms(reading.glance, reading.errors, reading.halves))
            labels.append(k in drops)
    return rows, labels


def logistic_regression(x: np.ndarray, y: np.ndarray, ridge: float = 1e-3) -> np.ndarray:
    """Weights by Newton's method; x has shape (n, terms), y is 0 or 1."""
    weights = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + ridge * np.eye(x.shape[1])
        weights += np.linalg.solve(hessian, x.T @ (y - p) - ridge * weights)
    return weights


def tune_rule(count: int) -> dict[str, float]:
    """The weights, rounded to what the tuning curves can tell."""
    rows, labels, quiet, owner = [], [], 0, []
    for seed in SEEDS:
        for index, curve in enumerate(make_curves(count, seed)):
            new, planted = readings(curve)
            rows += new
            labels += planted
            owner += [-1 if curve.drops else index + seed * count] * len(new)
            quiet += not curve.drops
    names = list(rows[0])
    x, y, owner = np.array([[row[n] for n in names] for row in rows]), np.array(labels, dtype=float), np.array(owner)
    weights = logistic_regression(x, y)
    odds = x @ weights
    highest = [odds[owner == i].max() for i in np.unique(owner[owner >= 0])]
    cut = np.sort(highest)[-int(FALSE_ALARMS * quiet) - 1]
    found = (odds > cut)[y == 1].sum()
    print(f"{len(y)} readings, {int(y.sum())} of drops; constant lowered by {cut:.2f}; {found} drops have odds above 1")
    weights[names.index("none")] -= cut
    return dict(zip(names, (round(float(w), 1) for w in weights), strict=True))


def tune_rivals(count: int) -> dict[str, float]:
    """For each rival the value of its grid with the best F1 score on curves of the first tuning seed."""
    best = {}
    for name, grid in GRIDS.items():
        curves = make_curves(count // 16 if name in SLOW else count // 4, SEEDS[0])
        f1 = {}
        for value in grid:
            row = score(curves, lambda c, name=name, value=value: detect(name, c, value))
            f1[value] = (
                2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"]) if row["recall"] else 0.0
            )
        best[name] = max(f1, key=f1.get)
        print(name, {value: round(f, 3) for value, f in f1.items()}, flush=True)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rule", action="store_true")
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--curves", type=int, default=960)
    options = parser.parse_args()
    if options.rule:
        print("WEIGHTS =", tune_rule(options.curves))
    if options.rivals:
        print("TUNED =", tune_rivals(options.curves))


if __name__ == "__main__":
    main()
