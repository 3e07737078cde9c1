"""Curves of one name: the same quantity in another form, which is left out, or another one, which gets its own name."""

from dataclasses import replace

import numpy as np

from .column_names import words
from .understood import Curve


def without_repeats(curves: list[Curve], ranks: dict[str, int], given: set[str]) -> list[Curve]:
    """The same curves, with a reason in `left_out` for those that repeat another or tell nothing more."""
    best: dict[str, Curve] = {}
    most: dict[str, int] = {}
    for curve in curves:
        most[curve.name] = max(most.get(curve.name, 0), len(curve.values))

    def strength(curve: Curve) -> tuple:
        """Of two of one name which counts: what the user named, what moves, what is long, what has the plain name."""
        long = len(curve.values) >= most[curve.name] / 2
        return curve.column in given, bool(np.ptp(curve.values)), long, -ranks[curve.column]

    for curve in curves:
        rival = best.get(curve.name)
        if rival is None or strength(curve) > strength(rival):
            best[curve.name] = curve
    curves = [curve if best[curve.name] is curve else _distinct(curve, best[curve.name]) for curve in curves]
    curves = [_told_apart(curve, curves) for curve in curves]
    best = {curve.name: curve for curve in curves if curve in best.values() or curve.name not in best} | {
        curve.name: curve for curve in curves if any(curve.column == b.column for b in best.values())
    }
    main = set(best)
    out = []
    for curve in curves:
        why = ""
        if best[curve.name] is not curve:
            why = f"repeats {best[curve.name].column}"
        elif (other := _best_of(curve, curves)) is not None:
            why = f"the best value of {other.column} so far"
        elif curve.column in given:
            why = ""
        elif curve.metric == "perplexity" and f"{curve.split} loss".strip() in main:
            why = "the exponential of the loss"
        elif curve.metric == "top-5 error" and f"{curve.split} error".strip() in main:
            why = "goes with the top-1 error"
        elif curve.metric.startswith("100 - ") and _lesser(curve, best):
            why = "goes with another score"
        elif curve.metric.endswith(" loss") and f"{curve.split} loss".strip() in main:
            why = "a part of the loss"
        elif len(curve.values) < 3:
            why = "too few points"
        elif np.ptp(curve.values) == 0:
            why = "constant"
        out.append(replace(curve, left_out=why))
    if all(curve.left_out for curve in out):
        out = [replace(out[0], left_out=""), *out[1:]]
    parts = [c for c in out if c.metric.endswith(" loss") and not c.left_out and c.column not in given]
    return [replace(c, left_out="one of many losses") if c in parts[6:] else c for c in out]


VARIANTS = frozenset("step epoch batch minibatch ema avg average mean running smooth smoothed nll total".split())


def _distinct(curve: Curve, rival: Curve) -> Curve:
    """A curve that has the name of another: under a name of its own where it is another quantity (a head, an evaluation
    set), as it is where it is the same one in another form."""
    mine, other = words(curve.column), words(rival.column)
    apart = [word for word in mine if word not in other]
    if set(mine) ^ set(other) <= VARIANTS or _alike(curve, rival):
        return curve
    return replace(curve, name=f"{curve.name} ({' '.join(apart) or curve.column})")


def _told_apart(curve: Curve, curves: list[Curve]) -> Curve:
    """The curve that has the plain name under a name of its own too, where others were given theirs and it has words
    that they lack: `validation error (mnist)` beside `validation error (svhn)`."""
    others = [c for c in curves if c is not curve and c.name.startswith(f"{curve.name} (")]
    if not others:
        return curve
    apart = [word for word in words(curve.column) if not any(word in words(other.column) for other in others)]
    return replace(curve, name=f"{curve.name} ({' '.join(apart)})") if apart else curve


def _alike(one: Curve, other: Curve) -> bool:
    """Whether two curves have about the same values, at whatever points."""
    if len(one.values) < 2 or len(other.values) < 2:
        return True
    seen = np.interp(one.rows, other.rows, other.values)
    scale = float(np.ptp(other.values)) or float(np.abs(other.values).max()) or 1.0
    return float(np.median(np.abs(seen - one.values))) < 0.02 * scale


def _best_of(curve: Curve, curves: list[Curve]) -> Curve | None:
    """The curve of which this one is the best value so far, None for a curve of its own."""
    for other in curves:
        if other is curve or other.kind != curve.kind or len(other.values) != len(curve.values) or curve.shifted:
            continue
        lowest = np.minimum.accumulate(other.values)
        if np.allclose(lowest, curve.values, 1e-6, 1e-9) and not np.allclose(other.values, curve.values, 1e-6, 1e-9):
            return other
    return None


def _lesser(curve: Curve, best: dict[str, Curve]) -> bool:
    """Whether another score of the split, or its error, tells more: mAP before precision and recall."""
    if f"{curve.split} error".strip() in best:
        return True
    rivals = [c for c in best.values() if c.split == curve.split and c.metric.startswith("100 - ")]
    rank = lambda c: 0 if "mAP" in c.metric and "95" in c.metric else 1 if "mAP" in c.metric else 2  # noqa: E731
    return min(rivals, key=rank) is not curve
