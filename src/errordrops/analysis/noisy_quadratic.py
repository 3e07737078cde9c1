"""The toy model: a noisy quadratic under SGD with momentum, solved exactly.

Loss sum_i h_i x_i^2 / 2 over directions of curvature h_i; each update sees the gradient h x + e with noise e of
variance s_i (a batch k times as large has s_i / k):

    v' = m v - a (h x + e),   x' = x + v'

Second moments (E x^2, E x v, E v^2) obey a linear recursion, so curves are exact (Mandt et al. 2017 treat the limit of
small a). At rest, with D = (1 - m) (2 (1 + m) - a h):

    Var x = a s (1 + m) / (h D)

which for small a h is a s / (2 h (1 - m)): excess loss goes with rate over batch size. It exists for a h < 2 (1 + m),
the stability limit of the heavy ball.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stretch:
    """A number of updates at one learning rate a, momentum m and batch factor (noise variance divided by it)."""

    updates: int
    rate: float
    momentum: float
    batch_factor: float = 1.0


def stability_limit(rate: float, momentum: float, nesterov: bool = False) -> float:
    """Largest curvature at which the full-batch iteration does not diverge (heavy ball 2 (1 + m) / a; Nesterov
    2 (1 + m) / ((1 + 2 m) a)).
    """
    limit = 2 * (1 + momentum) / rate
    return limit / (1 + 2 * momentum) if nesterov else limit


def rest_variance(curvature: np.ndarray, noise: np.ndarray, rate: float, momentum: float) -> np.ndarray:
    """Var x at rest (see above); infinite where the iteration is unstable. Arrays of one shape."""
    room = 2 * (1 + momentum) - rate * curvature
    with np.errstate(divide="ignore"):
        stable = rate * noise * (1 + momentum) / (curvature * (1 - momentum) * np.where(room > 0, room, np.nan))
    return np.where(room > 0, stable, np.inf)


def rest_excess(curvature: np.ndarray, noise: np.ndarray, rate: float, momentum: float) -> float:
    """Excess loss at rest over the floor: sum of h Var x / 2."""
    return float(np.sum(curvature * rest_variance(curvature, noise, rate, momentum)) / 2)


def recursion(curvature: float, noise: float, rate: float, momentum: float) -> tuple[np.ndarray, np.ndarray]:
    """(A, b) of one update of the moments (E x^2, E x v, E v^2) -> A (...) + b, for one direction."""
    a, h, m = rate, curvature, momentum
    # v' = m v - a h x - a e;  x' = (1 - a h) x + m v - a e
    moments = np.array(
        [
            [(1 - a * h) ** 2, 2 * (1 - a * h) * m, m * m],
            [-a * h * (1 - a * h), m * (1 - 2 * a * h), m * m],
            [(a * h) ** 2, -2 * a * h * m, m * m],
        ]
    )
    return moments, np.full(3, a * a * noise)


def excess_curve(
    curvature: np.ndarray, noise: np.ndarray, start: np.ndarray, stretches: Sequence[Stretch]
) -> np.ndarray:
    """Expected excess loss before the first and after every update (1 + updates,), exact.

    `start` is E x^2 of each direction before, at velocity zero; arrays (directions,).
    """
    total = 1 + sum(s.updates for s in stretches)
    losses = np.zeros(total)
    for h, s, x2 in zip(curvature, noise, start, strict=True):
        moments, at = np.array([x2, 0.0, 0.0]), 0
        losses[0] += h * x2 / 2
        for stretch in stretches:
            matrix, push = recursion(h, s / stretch.batch_factor, stretch.rate, stretch.momentum)
            for _ in range(stretch.updates):
                moments = matrix @ moments + push
                at += 1
                losses[at] += h * moments[0] / 2
    return losses


def simulate(
    curvature: np.ndarray, noise: np.ndarray, start: np.ndarray, stretches: Sequence[Stretch], copies: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same by simulation with normal noise: mean excess loss (1 + updates,) over `copies`, its standard error."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((copies, len(curvature))) * np.sqrt(start)
    v = np.zeros_like(x)
    curves = [(curvature * x * x).sum(1) / 2]
    for stretch in stretches:
        scale = np.sqrt(noise / stretch.batch_factor)
        for _ in range(stretch.updates):
            v = stretch.momentum * v - stretch.rate * (curvature * x + scale * draw.standard_normal(x.shape))
            x = x + v
            curves.append((curvature * x * x).sum(1) / 2)
    table = np.array(curves)
    return table.mean(1), table.std(1, ddof=1) / np.sqrt(copies)
