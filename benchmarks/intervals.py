"""How often the intervals of `errordrops explain` at known changes hold the true shift, and what they find.

    python benchmarks/intervals.py [--logs 2000] [--out benchmarks/intervals.csv]

Simulated logs: a curve with a trend (none, a power law, an exponential, a line, a transient after the change), noise in
which neighbours may follow each other, and a shift of level of 0 or more noise deviations (standard deviation of the
noise, its correlation included) exactly at a change that is known. One row per kind of log:

covered      logs whose 95 % interval holds the true shift
found        logs in which a fall is found (the interval lies above zero); at a shift of 0: falsely
width        half width of the interval in noise deviations, median
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from errordrops.explain.levels import shift
from errordrops.files import write_csv

TRENDS = ("none", "power law", "exponential", "line", "transient")
FOLLOWS = (0.0, 0.3, 0.6)
LENGTHS = ((90, 30), (60, 45), (40, 12), (200, 100))
COLUMNS = "trend follow points change shift logs covered found width".split()


def noise(rng: np.random.Generator, n: int, follow: float) -> np.ndarray:
    """Gaussian noise of variance 1 whose neighbours have the given correlation, shape (n,)."""
    out = np.empty(n)
    out[0] = rng.normal()
    for i in range(1, n):
        out[i] = follow * out[i - 1] + np.sqrt(1 - follow**2) * rng.normal()
    return out


def trend(name: str, n: int, at: int) -> np.ndarray:
    """A curve without a jump, in noise deviations, shape (n,); `transient` goes on falling for some 15 epochs after the
    change."""
    t = np.arange(1.0, n + 1)
    if name == "power law":
        return 60 * t**-0.5
    if name == "exponential":
        return 40 * np.exp(-t / (0.15 * n))
    if name == "line":
        return -8 * t / n
    if name == "transient":
        return 30 * t**-0.5 + np.where(t > at, 4 * np.exp(-(t - at) / 15) - 4.0, 0.0)
    return np.zeros(n)


def row(name: str, follow: float, n: int, at: int, size: float, logs: int, seed: int) -> dict:
    """One row of the table."""
    rng = np.random.default_rng(seed)
    covered = found = 0
    widths = []
    for _ in range(logs):
        values = 100 + trend(name, n, at) + noise(rng, n, follow) - size * (np.arange(n) >= at)
        got = shift(values, at, at)
        true = size
        covered += got.low <= true <= got.high
        found += got.low > 0
        widths.append(got.half)
    return {
        "trend": name, "follow": follow, "points": n, "change": at, "shift": size, "logs": logs,
        "covered": covered / logs, "found": found / logs, "width": round(float(np.median(widths)), 3),
    }  # fmt: skip


def table(logs: int) -> pd.DataFrame:
    """All rows; `logs` are shared among them."""
    kinds = [(t, f, n, at, s) for t in TRENDS for f in FOLLOWS for n, at in LENGTHS for s in (0.0, 3.0)]
    each = max(1, -(-logs // len(kinds)))
    return pd.DataFrame([row(*kind, each, seed) for seed, kind in enumerate(kinds)], columns=COLUMNS)


def summary(rows: pd.DataFrame) -> str:
    """Coverage and finds over all logs."""
    none, three = rows[rows["shift"] == 0], rows[rows["shift"] == 3]
    plain = three[(three["trend"] == "none") & (three["follow"] == 0) & (three["points"] == 90)]
    return (
        f"{rows['logs'].sum()} logs: coverage {np.average(rows['covered'], weights=rows['logs']):.3f}; found falsely "
        f"{none['found'].mean():.3f}; shifts of 3 deviations found {three['found'].mean():.3f}, with noise "
        f"alone and 90 "
        f"epochs {plain['found'].mean():.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=2400)
    parser.add_argument("--out", type=Path, help="write the table to this CSV file")
    options = parser.parse_args()
    rows = table(options.logs)
    print(rows.to_string(index=False))
    print(summary(rows))
    if options.out:
        write_csv(options.out, rows)


if __name__ == "__main__":
    main()
