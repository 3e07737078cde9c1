"""The noisy quadratic: exact curves against simulation and torch's optimiser, its rest, the stability limit."""

import numpy as np
import pytest
import torch

from errordrops.analysis.noisy_quadratic import (
    Stretch,
    excess_curve,
    fall,
    half_time,
    recursion,
    rest_excess,
    rest_moments,
    rest_variance,
    simulate,
    window_variance,
)
from errordrops.study.settings import stability_limit

H, S = np.array([0.1, 1.0, 8.0]), np.array([0.5, 1.0, 2.0])
START = np.array([1.0, 0.2, 0.1])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_exact_curve_is_that_of_a_simulation(momentum):
    stretches = [Stretch(150, 0.1, momentum), Stretch(60, 0.01, momentum), Stretch(60, 0.1, momentum, 10)]
    exact = excess_curve(H, S, START, stretches)
    mean, error = simulate(H, S, START, stretches, 4000, seed=1)
    assert len(exact) == len(mean) == 271
    deviation = (exact - mean) / error
    assert np.abs(deviation).max() < 4.5 and abs(deviation.mean()) < 1.5


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_the_recursion_comes_to_rest_where_the_formula_says(momentum):
    for h, s in zip(H, S, strict=True):
        matrix, push = recursion(h, s, 0.1, momentum)
        rest = np.linalg.solve(np.eye(3) - matrix, push)
        assert rest[0] == pytest.approx(rest_variance(np.array([h]), np.array([s]), 0.1, momentum)[0], rel=1e-9)
    long = excess_curve(H, S, START, [Stretch(6000, 0.1, momentum)])
    assert long[-1] == pytest.approx(rest_excess(H, S, 0.1, momentum), rel=1e-6)


def test_a_tenth_of_the_rate_leaves_a_tenth_of_the_excess_and_so_does_ten_times_the_batch():
    small = np.array([0.01, 0.1, 1.0])
    rate = rest_excess(small, S, 0.001, 0.9) / rest_excess(small, S, 0.01, 0.9)
    batch = rest_excess(small, S / 10, 0.01, 0.9) / rest_excess(small, S, 0.01, 0.9)
    assert rate == pytest.approx(0.1, rel=0.01) and batch == pytest.approx(0.1)
    # near the stability limit a cut of the rate removes more than a tenth leaves
    steep = np.array([350.0])
    assert rest_excess(steep, S[:1], 0.001, 0.9) / rest_excess(steep, S[:1], 0.01, 0.9) < 0.02


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_beyond_the_stability_limit_it_diverges(momentum):
    limit = stability_limit(0.1, momentum)
    for factor, stable in ((0.99, True), (1.01, False)):
        matrix, _ = recursion(limit * factor, 1.0, 0.1, momentum)
        assert (np.abs(np.linalg.eigvals(matrix)).max() < 1) == stable
        assert np.isfinite(rest_variance(np.array([limit * factor]), np.ones(1), 0.1, momentum)[0]) == stable


def test_nesterov_is_stable_up_to_its_own_limit():
    """x' = y - a h y with y = x + m (x - x_before): the larger root leaves the unit circle at the limit."""
    a, m = 0.1, 0.9
    for factor, stable in ((0.99, True), (1.01, False)):
        h = factor * stability_limit(a, m, nesterov=True)
        roots = np.roots([1, -(1 + m) * (1 - a * h), m * (1 - a * h)])
        assert (np.abs(roots).max() < 1) == stable


# a cut of the rate, then a growth of the batch: the buffer lives through both
PHASES = [Stretch(40, 0.1, 0.9), Stretch(30, 0.025, 0.9), Stretch(30, 0.025, 0.9, 4)]


def by_torch(noise: np.ndarray, copies: int, seed: int) -> np.ndarray:
    """Mean excess loss (1 + updates,) with torch.optim.SGD, whose rate is set at each phase as the trainer sets it."""
    draw = np.random.default_rng(seed)
    x = torch.nn.Parameter(torch.from_numpy(draw.standard_normal((copies, len(H))) * np.sqrt(START)))
    optimizer = torch.optim.SGD([x], lr=1.0, momentum=0.9)
    curvature, losses = torch.from_numpy(H), []
    for phase in PHASES:
        optimizer.param_groups[0]["lr"] = phase.rate
        for _ in range(phase.updates):
            losses.append(float((curvature * x.detach() ** 2).sum(1).mean() / 2))
            kicks = np.sqrt(noise / phase.batch_factor) * draw.standard_normal(tuple(x.shape))
            x.grad = curvature * x.detach() + torch.from_numpy(kicks)
            optimizer.step()
    return np.array([*losses, float((curvature * x.detach() ** 2).sum(1).mean() / 2)])


def test_the_model_takes_the_steps_of_torch_across_a_cut_of_the_rate_and_a_growth_of_the_batch():
    """The same random numbers give the same curve; the old model, v' = m v - a g, misses it at the first update."""
    mean, error = simulate(H, S, START, PHASES, 3000, seed=5)
    assert by_torch(S, 3000, seed=5) == pytest.approx(mean, rel=1e-10)
    exact = excess_curve(H, S, START, PHASES)
    assert np.abs((exact - mean) / error).max() < 4.5
    still = excess_curve(H, 0 * S, START, PHASES)
    assert still[40] - still[41] < (still[39] - still[40])  # the first step after the cut is a quarter as long


def test_nothing_rises_after_a_cut_of_the_rate_or_a_growth_of_the_batch():
    """From rest the loss only falls, to the new rest; a growth of the batch by as much ends there, too."""
    before = Stretch(0, 0.1, 0.9)
    assert excess_curve(H, S, rest_moments(H, S, 0.1, 0.9), [Stretch(50, 0.1, 0.9)]) == pytest.approx(
        rest_excess(H, S, 0.1, 0.9)
    )
    for after in (Stretch(4000, 0.025, 0.9), Stretch(4000, 0.1, 0.9, 4)):
        curve, end = fall(H, S, before, after), rest_excess(H, S / after.batch_factor, after.rate, 0.9)
        assert curve[-1] == pytest.approx(end, rel=1e-4) and curve.max() <= curve[0] * (1 + 1e-9)
        assert 0 < half_time(curve, end) < 1000
    put_back = fall(H, S, before, Stretch(4000, 0.025, 0.9, 1 / 4))  # the rate cut, the noise put back
    assert put_back[-1] == pytest.approx(curve[0], rel=0.2)


def test_a_half_time_is_read_between_two_updates():
    assert half_time(np.array([4.0, 3.0, 1.0, 0.0]), 0.0) == pytest.approx(1.5)
    assert np.isnan(half_time(np.array([4.0, 3.9]), 0.0))


def test_the_variance_in_a_window_is_that_of_a_simulation():
    """At rest, 60 updates: a fast direction shows all of its variance, a slow one little of it."""
    h, s, rate, updates = np.array([0.02, 2.0]), np.array([1.0, 1.0]), 0.05, 60
    draw = np.random.default_rng(3)
    x, b = np.zeros((2000, 2)), np.zeros((2000, 2))
    path = []
    for update in range(3000 + updates):
        b = 0.9 * b + h * x + np.sqrt(s) * draw.standard_normal(x.shape)
        x = x - rate * b
        if update >= 3000:
            path.append(x)
    measured = np.array(path).var(0).mean(0)
    expected = window_variance(h, s, rate, 0.9, updates)
    assert measured == pytest.approx(expected, rel=0.06)
    share = expected / rest_variance(h, s, rate, 0.9)
    assert share[0] < 0.3 and share[1] > 0.8
