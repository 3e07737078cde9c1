"""One claim: a statement, a number with its interval, and the thresholds between which the study file wants it."""

import math
from collections.abc import Mapping
from typing import Any

from .intervals import Interval

NOTHING = Interval(math.nan, math.nan, math.nan)
COUNTED = ("share of seeds", "share of drops", "share of runs")
PER_RUN = "drops per run"
OPEN, HOLDS_OPEN = "fails (open)", "holds (open)"


def claim(
    id: str,
    statement: str,
    metric: str,
    unit: str,
    interval: Interval,
    low: float | None = None,
    high: float | None = None,
    milestone: int | None = None,
    n: int | None = None,
    equivalence: bool = False,
) -> dict[str, Any]:
    """It holds if the whole interval (the value, where there is no interval by nature) lies between the thresholds.

    None where the study states no threshold or lacks the arms or seeds. For an equivalence it is also None, that is
    undecided, as long as the interval reaches over a margin: too few seeds prove neither.
    """
    value, ci_low, ci_high = (None if math.isnan(x) else float(x) for x in interval)
    holds = None
    if ci_low is not None and ci_high is not None and not (low is None and high is None):
        inside = (low is None or ci_low > low) and (high is None or ci_high < high)
        outside = (low is not None and ci_high < low) or (high is not None and ci_low > high)
        holds = None if equivalence and not inside and not outside else inside
    return {
        "id": id,
        "statement": statement,
        "metric": metric,
        "milestone": milestone,
        "holds": holds,
        "value": value,
        "ci_low": ci_low,
        "ci_high": ci_high,
        "threshold_low": low,
        "threshold_high": high,
        "unit": unit,
        "n": n,
    }


def at_least(id: str, statement: str, metric: str, unit: str, value: float, least: float | None, **more) -> dict:
    """A claim about a plain number, such as a share that was counted: it holds if it is `least` or more."""
    made = claim(id, statement, metric, unit, Interval(value, math.nan, math.nan), low=least, **more)
    return made | {"holds": None if least is None or math.isnan(value) else bool(value >= least)}


def at_most(id: str, statement: str, metric: str, unit: str, value: float, most: float | None, **more) -> dict:
    """A claim about a plain number: it holds if it is `most` or less."""
    made = claim(id, statement, metric, unit, Interval(value, math.nan, math.nan), high=most, **more)
    return made | {"holds": None if most is None or math.isnan(value) else bool(value <= most)}


def interval(claim: Mapping[str, Any]) -> tuple[float, float] | None:
    """The claim's interval; for what was counted the exact one, binomial for a share (Clopper & Pearson 1934), Poisson
    for drops per run (Garwood 1936), as if the counted were independent; None where there is none.
    """
    if claim["ci_low"] is not None and claim["ci_high"] is not None:
        return claim["ci_low"], claim["ci_high"]
    if claim["value"] is None or not claim["n"] or claim["unit"] not in (*COUNTED, PER_RUN):
        return None
    from scipy.stats import binomtest, chi2

    n, counted = claim["n"], round(claim["value"] * claim["n"])
    if claim["unit"] == PER_RUN:
        low = chi2.ppf(0.025, 2 * counted) / 2 if counted else 0.0
        return float(low / n), float(chi2.ppf(0.975, 2 * counted + 2) / 2 / n)
    exact = binomtest(counted, n).proportion_ci(0.95, method="exact")
    return float(exact.low), float(exact.high)


def decided(claim: Mapping[str, Any] | None) -> bool | None:
    """True: holds, False: fails, and neither for want of seeds alone. None: undecided, or not claimed at all."""
    if claim is None or claim["holds"] is None:
        return None
    found, low, high = interval(claim), claim["threshold_low"], claim["threshold_high"]
    if found is None:
        return bool(claim["holds"])
    if claim["holds"]:
        within = (low is None or found[0] >= low) and (high is None or found[1] <= high)
        return True if within else None
    beyond = (low is not None and found[1] < low) or (high is not None and found[0] > high)
    return False if beyond else None


def verdict(claim: Mapping[str, Any]) -> str:
    """`holds`, `fails`, `undecided`; `holds (open)` or `fails (open)` where the interval reaches over the threshold:
    what was found lies on that side of it, but the data decide nothing.
    """
    if claim["holds"] is None:
        return "undecided"
    if decided(claim) is None:
        return HOLDS_OPEN if claim["holds"] else OPEN
    return "holds" if claim["holds"] else "fails"
