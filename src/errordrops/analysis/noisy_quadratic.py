"""The toy model: a noisy quadratic under torch's SGD with momentum, solved exactly.

Loss sum_i h_i x_i^2 / 2 over directions of curvature h_i; each update sees the gradient h x + e with noise e of
variance s_i (a batch k times as large has s_i / k). As in torch.optim.SGD the buffer b sums gradients and holds no
rate, so that a cut of the rate a scales the next step at once:

    b' = m b + (h x + e),   x' = x - a b'

Second moments (E x^2, E x b, E b^2) obey a linear recursion, so curves are exact (Mandt et al. 2017 treat the limit of
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
    """A number of updates at one learning rate a, momentum m and batch factor: the noise variance is divided by it.

    Noise put back k times divides the factor by k.
    """

    updates: int
    rate: float
    momentum: float
    batch_factor: float = 1.0


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
    """(A, c) of one update of the moments (E x^2, E x b, E b^2) -> A (...) + c, for one direction."""
    a, h, m = rate, curvature, momentum
    # b' = m b + h x + e;  x' = (1 - a h) x - a m b - a e
    moments = np.array(
        [
            [(1 - a * h) ** 2, -2 * (1 - a * h) * a * m, (a * m) ** 2],
            [h * (1 - a * h), m * (1 - 2 * a * h), -a * m * m],
            [h * h, 2 * h * m, m * m],
        ]
    )
    return moments, np.array([a * a, -a, 1.0]) * noise


def rest_moments(curvature: np.ndarray, noise: np.ndarray, rate: float, momentum: float) -> np.ndarray:
    """(E x^2, E x b, E b^2) at rest, (directions, 3). Raises LinAlgError where there is no rest."""
    moments = [recursion(h, s, rate, momentum) for h, s in zip(curvature, noise, strict=True)]
    return np.array([np.linalg.solve(np.eye(3) - matrix, push) for matrix, push in moments])


def window_variance(curvature: np.ndarray, noise: np.ndarray, rate: float, momentum: float, updates: int) -> np.ndarray:
    """Expected variance (directions,) of x over a window of `updates` updates at rest, about the window's own mean.

    A slow direction moves little within a window, so this is less than Var x. With c(k) the covariance of x at two
    updates k apart, from the powers of one update's matrix: c(0) - sum of c(|i - j|) over the window / updates^2.
    """
    variances = []
    for h, (xx, xb, _) in zip(curvature, rest_moments(curvature, noise, rate, momentum), strict=True):
        matrix = np.array([[1 - rate * h, -rate * momentum], [h, momentum]])  # of the means of (x, b)
        state, apart = np.array([xx, xb]), np.zeros(updates)
        for k in range(updates):
            apart[k], state = state[0], matrix @ state
        counts = 2.0 * (updates - np.arange(updates))
        counts[0] = updates
        variances.append(apart[0] - (counts * apart).sum() / updates**2)
    return np.array(variances)


def excess_curve(
    curvature: np.ndarray, noise: np.ndarray, start: np.ndarray, stretches: Sequence[Stretch]
) -> np.ndarray:
    """Expected excess loss before the first and after every update (1 + updates,), exact.

    `start`: E x^2 of each direction before, (directions,), the buffer empty; or all moments, (directions, 3).
    """
    total = 1 + sum(s.updates for s in stretches)
    losses = np.zeros(total)
    if start.ndim == 1:
        start = np.column_stack([start, np.zeros((len(start), 2))])
    for h, s, moments in zip(curvature, noise, start, strict=True):
        at = 0
        losses[0] += h * moments[0] / 2
        for stretch in stretches:
            matrix, push = recursion(h, s / stretch.batch_factor, stretch.rate, stretch.momentum)
            for _ in range(stretch.updates):
                moments = matrix @ moments + push
                at += 1
                losses[at] += h * moments[0] / 2
    return losses


def fall(curvature: np.ndarray, noise: np.ndarray, before: Stretch, after: Stretch) -> np.ndarray:
    """Excess loss after 0, 1, ... updates of `after`, from rest under `before`, whose number of updates is unused."""
    start = rest_moments(curvature, noise / before.batch_factor, before.rate, before.momentum)
    return excess_curve(curvature, noise, start, [after])


def half_time(curve: np.ndarray, end: float) -> float:
    """Updates until a falling curve (1 + updates,) has first done half of its way to `end`; between two updates by a
    straight line. NaN where it does not get there.
    """
    middle = (curve[0] + end) / 2
    below = np.flatnonzero(curve <= middle)
    if not len(below) or below[0] == 0:
        return float("nan")
    i = int(below[0])
    return float(i - 1 + (curve[i - 1] - middle) / (curve[i - 1] - curve[i]))


def simulate(
    curvature: np.ndarray, noise: np.ndarray, start: np.ndarray, stretches: Sequence[Stretch], copies: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The same by simulation with normal noise, the buffer empty at first: mean excess loss (1 + updates,) over
    `copies`, its standard error.
    """
    draw = np.random.default_rng(seed)
    x = draw.standard_normal((copies, len(curvature))) * np.sqrt(start)
    b = np.zeros_like(x)
    curves = [(curvature * x * x).sum(1) / 2]
    for stretch in stretches:
        scale = np.sqrt(noise / stretch.batch_factor)
        for _ in range(stretch.updates):
            b = stretch.momentum * b + curvature * x + scale * draw.standard_normal(x.shape)
            x = x - stretch.rate * b
            curves.append((curvature * x * x).sum(1) / 2)
    table = np.array(curves)
    return table.mean(1), table.std(1, ddof=1) / np.sqrt(copies)
