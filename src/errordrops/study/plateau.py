"""He et al.'s own rule: the learning rate is "divided by 10 when the error plateaus" (2015, section 3.4).

They do not say how they judged it; this rule does. It looks at validation error (or, where all images are trained on,
at the error of the fixed training subset), never at test error.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from .settings import Setting, canonical


@dataclass(frozen=True)
class Plateau:
    """Divide the rate by `factor`, at most `cuts` times, once the error of split `judged` has stopped falling.

    Smoothed error is the mean over the last `smoothing` epochs since the last cut. The rule fires when the best
    smoothed error is `patience` epochs old, where only a fall by more than `least` points counts as better.
    """

    factor: float
    cuts: int
    smoothing: int
    patience: int
    least: float
    judged: str = "validation"

    def described(self) -> dict[str, Any]:
        """By name, as keys have it: without the split where it is the usual one."""
        return {key: value for key, value in asdict(self).items() if (key, value) != ("judged", "validation")}


def plateau_settings(rule: Plateau, base: Setting, epochs: int, errors: Sequence[float]) -> tuple[Setting, ...]:
    """The settings of all `epochs` as far as they are decided, the rest as if nothing changed any more.

    `errors` are the judged errors (percent) after epoch 1, 2, ...; those after epoch e decide from epoch e + 1 on.
    """
    rates, seen, best, age, done = [base.learning_rate], [], float("inf"), 0, 0
    for error in errors:
        seen.append(error)
        if len(seen) >= rule.smoothing:
            smoothed = fmean(seen[-rule.smoothing :])
            if smoothed < best - rule.least:
                best, age = smoothed, 0
            else:
                age += 1
        if age >= rule.patience and done < rule.cuts:
            done += 1
            seen, best, age = [], float("inf"), 0
        rates.append(base.learning_rate / rule.factor**done)
    rates += rates[-1:] * epochs
    return tuple(Setting(canonical(rate), base.batch_size, base.momentum) for rate in rates[:epochs])
