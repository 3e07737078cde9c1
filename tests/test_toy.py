"""The noisy quadratic: exact curves against simulation, the state of rest against both, the stability limit."""

import numpy as np
import pytest

from errordrops.analysis.noisy_quadratic import (
    Stretch,
    excess_curve,
    recursion,
    rest_excess,
    rest_variance,
    simulate,
    stability_limit,
)

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
