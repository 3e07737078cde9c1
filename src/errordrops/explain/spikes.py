"""Which ends of spikes are told in words: those whose spike stands out of the noise around it.

The detector takes more falls for recoveries than that, so that none of them counts as a drop: where a curve falls
steadily the running median follows every point, and next to nothing is left as noise. Tables hold all of them.
"""

import math

import numpy as np

from .moments import SIDE, Event

LONGEST = 10  # points of a spike, as the detector has it
AROUND = 24  # points on either side that say how large the noise is
STANDS_OUT = 3.5  # robust deviations; of curves of nothing but Gaussian noise 1 % have a recovery that high


def stands_out(event: Event) -> bool:
    """Whether the spike that a recovery ends rises from the levels on both sides of it by STANDS_OUT deviations."""
    return height(event) >= STANDS_OUT


def height(event: Event) -> float:
    """How far the spike that ends at a recovery's point rises above the higher of the levels before and after it.

    In robust standard deviations of the logarithm's noise. They are taken from third differences, in which a trend
    leaves nothing (as `analysis.drop_rule.describe` has it), also where the curve falls steeply.
    """
    values, point = event.curve.values, event.point
    y = np.log(np.maximum(values, 1e-6 * max(values.max(), 1e-300)))
    around = y[max(0, point - AROUND) : point + AROUND]
    noise = max(1e-4, 1.4826 * float(np.median(np.abs(np.diff(around, 3)))) / math.sqrt(20)) if len(around) > 3 else 1.0
    start = max(1, point - LONGEST)
    start += int(np.argmax(np.diff(y[start - 1 : point])))  # where it went up the most
    before, after = np.median(y[max(0, start - SIDE) : start]), np.median(y[point : point + SIDE])
    return float(y[start:point].max() - max(before, after)) / noise
