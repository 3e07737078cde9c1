"""One claim as a typed record: a statement, a number with its interval, the thresholds that the study file states, and
the verdict that follows from interval and thresholds alone.

Code that needs to know what a claim is about reads its fields, never its statement or its unit.
"""

import math
from collections.abc import Mapping
from typing import Any

from .exact import (
    Clusters,
    Counted,
    effective,
    rate_interval,
    rate_p,
    share_interval,
    share_p,
    spread_out,
    total,
)
from .intervals import Interval, t_tail

NOTHING = Interval(math.nan, math.nan, math.nan)
HOLDS, FAILS, OPEN, UNTESTED = "holds", "does not hold", "not decided", "not tested"
VERDICTS = (HOLDS, FAILS, OPEN, UNTESTED)
PRIMARY, SECONDARY = "primary", "secondary"
KINDS = {
    "mean": "a mean over seeds",
    "equivalence": "a mean over seeds that must lie within margins: two one-sided tests",
    "slope": "a slope or an intercept, mean over seeds",
    "ratio": "a quotient, its interval from its own scale",
    "fit": "how well a line fits",
    "share": "a share that was counted",
    "rate": "a number of events for each run",
    "every": "a share that must be all: one counterexample refutes it",
    "p": "a p-value of a test by randomisation",
}
CONTROLS = ("placebo", "hold", "none")
COUNTED = ("share", "rate")
LEVEL = 0.05  # of every verdict, and of the family of primary claims


def judge(interval: Interval, low: float | None, high: float | None, counted: bool = False) -> str:
    """`holds` where the whole interval lies beyond the thresholds, `does not hold` where it lies wholly on the other
    side of one, else `not decided`. "More than" leaves the threshold itself to the other side, "at least" (counted)
    does not.
    """
    _, below, above = interval
    if counted:
        inside = (low is None or below >= low) and (high is None or above <= high)
        outside = (low is not None and above < low) or (high is not None and below > high)
    else:
        inside = (low is None or below > low) and (high is None or above < high)
        outside = (low is not None and above <= low) or (high is not None and below >= high)
    return HOLDS if inside else FAILS if outside else OPEN


def t_p(interval: Interval, low: float | None, high: float | None, confidence: float, df: float) -> float:
    """p of the threshold from a t-interval, scaled so that p < 0.05 is the same as an interval beyond the threshold."""
    below, above = t_tail(interval, low, high, confidence, df)
    return min(1.0, max(below, above) * LEVEL / ((1 - confidence) / 2))


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
    *,
    kind: str = "mean",
    control: str | None = None,
    epoch: int | None = None,
    confidence: float | None = None,
    df: float | None = None,
    p: float | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """A record of claims.json. It holds if the whole interval lies between the thresholds.

    kind: see KINDS. control: what the arm is beside (placebo, hold, none). epoch: the one epoch that is read, None for
    a mean over several. confidence: of the interval, 0.9 for an equivalence, else 0.95. df: degrees of freedom behind
    it, n - 1 as a rule. p: of the threshold, where it is not the t-test's. reason: why nothing is decided or tested.
    Rank and family are given later, by the study file (`family.ranked`).
    """
    if kind not in KINDS or control not in (None, *CONTROLS):
        raise ValueError(f"{id}: unknown kind {kind!r} or control {control!r}")
    value, ci_low, ci_high = (None if math.isnan(x) else float(x) for x in interval)
    confidence = confidence or (0.9 if kind == "equivalence" else 0.95)
    df = n - 1 if df is None and n is not None else df
    outcome, why = _verdict(interval, low, high, kind)
    if p is None and outcome != UNTESTED and kind not in ("every", "fit", "ratio") and ci_low is not None:
        p = t_p(interval, low, high, confidence, df) if df else None
    if kind == "p":
        p = value
    return {
        "id": id,
        "statement": statement,
        "metric": metric,
        "milestone": milestone,
        "holds": {HOLDS: True, FAILS: False}.get(outcome),
        "value": value,
        "ci_low": ci_low,
        "ci_high": ci_high,
        "threshold_low": low,
        "threshold_high": high,
        "unit": unit,
        "n": n,
        "rank": SECONDARY,
        "stated": "before",
        "kind": kind,
        "control": control,
        "epoch": epoch,
        "verdict": outcome,
        "reason": None if outcome in (HOLDS, FAILS) else reason or why,
        "confidence": confidence,
        "p": p,
    }


def _verdict(interval: Interval, low: float | None, high: float | None, kind: str) -> tuple[str, str]:
    """(verdict, why it is none)."""
    if math.isnan(interval.mean):
        return UNTESTED, "the study lacks the arms or runs for it"
    if low is None and high is None:
        return UNTESTED, "the study states no threshold for it"
    if kind == "every":
        return (HOLDS if interval.mean >= 1 else FAILS), ""
    if kind == "p":  # a large p refutes nothing
        return (HOLDS if high is not None and interval.mean < high else OPEN), "chance explains it as well"
    if math.isnan(interval.low) or math.isnan(interval.high):
        return OPEN, "one seed gives no interval"
    return judge(interval, low, high, kind in COUNTED), "the interval reaches over the threshold"


def share(id: str, statement: str, metric: str, unit: str, clusters: Clusters, least: float | None, **more) -> dict:
    """A claim that of what was counted at least a share is so; `clusters`: (counted, of how many) for each seed."""
    return _counted(id, statement, metric, unit, effective(clusters), total(clusters), "share", least, None, more)


def few(id: str, statement: str, metric: str, unit: str, clusters: Clusters, most: float | None, **more) -> dict:
    """A claim that there are at most so many events for each run; `clusters`: (events, runs) for each seed."""
    return _counted(id, statement, metric, unit, spread_out(clusters), total(clusters), "rate", None, most, more)


def at_least(
    id: str, statement: str, metric: str, unit: str, value: float, least: float | None, *, kind: str, **more
) -> dict:
    """A claim about a share or rate of `n` independent trials (or another number without interval): `least` or more."""
    return _plain(id, statement, metric, unit, value, least, None, kind, more)


def at_most(
    id: str, statement: str, metric: str, unit: str, value: float, most: float | None, *, kind: str, **more
) -> dict:
    """The same: `most` or less."""
    return _plain(id, statement, metric, unit, value, None, most, kind, more)


def _plain(id, statement, metric, unit, value, low, high, kind, more) -> dict:
    n = more.get("n")
    if kind in COUNTED and n:
        count = Counted(round(value * n), n)
        return _counted(id, statement, metric, unit, count, count, kind, low, high, more)
    interval = Interval(value, math.nan, math.nan)
    return claim(id, statement, metric, unit, interval, low, high, kind=kind, **more)


def _counted(id, statement, metric, unit, judged: Counted, observed: Counted, kind, low, high, more) -> dict:
    """The value is what was found, interval and p are those of as many independent trials."""
    if kind == "share":
        bounds, p_of = share_interval(judged), share_p
    else:
        bounds, p_of = rate_interval(judged), rate_p
    p = None if math.isnan(bounds.mean) or (low is None and high is None) else p_of(judged, low, high)
    more = {"n": round(observed.of) or None, "p": p} | more
    interval = Interval(observed.value, bounds.low, bounds.high)
    return claim(id, statement, metric, unit, interval, low, high, kind=kind, **more)


def overruled(claim: Mapping[str, Any], verdict: str, reason: str | None = None) -> dict[str, Any]:
    """The claim with another verdict than that of its interval, for the reason given."""
    settled = {HOLDS: True, FAILS: False}.get(verdict)
    return {**claim, "verdict": verdict, "holds": settled, "reason": reason, "p": None}


def verdict(claim: Mapping[str, Any]) -> str:
    """One of VERDICTS. A record of before there were any is judged by its interval; without one it decides nothing."""
    if claim.get("verdict"):
        return str(claim["verdict"])
    numbers = (claim.get(name) for name in ("value", "ci_low", "ci_high"))
    interval = Interval(*(math.nan if x is None else x for x in numbers))
    return _verdict(interval, claim.get("threshold_low"), claim.get("threshold_high"), "mean")[0]


def decided(claim: Mapping[str, Any] | None) -> bool | None:
    """True: holds, False: does not hold. None: not decided, not tested, or not claimed at all."""
    return None if claim is None else {HOLDS: True, FAILS: False}.get(verdict(claim))


def interval(claim: Mapping[str, Any]) -> tuple[float, float] | None:
    """The claim's interval, None where there is none."""
    low, high = claim["ci_low"], claim["ci_high"]
    return None if low is None or high is None else (low, high)
