"""Published laws of the loss curve: what was planted by one is found again, and forecasts arms it has not seen."""

import numpy as np
import pytest

from errordrops.analysis import laws

TRUE = {
    "annealing": np.array([0.25, -0.3, -0.9, -4.0, 3.0]),
    "multi-power": np.array([0.2, -0.3, -0.9, -0.5, 0.5, -0.5, 0.6]),
}


def planted(law: str, dates: list[int], batch: bool = False) -> laws.Course:
    """30 epochs of 300 updates; the rate, or the updates of an epoch, divided by five at each date."""
    cut = np.array([5.0 ** sum(epoch >= m for m in dates) for epoch in range(30)])
    rate, updates = (0.2 * np.ones(30), 300 / cut) if batch else (0.2 / cut, 300 * np.ones(30))
    empty = laws.course(np.zeros(30), rate, updates)
    return laws.course(laws.LAWS[law][0](TRUE[law], empty), rate, updates)


@pytest.mark.parametrize("law", list(laws.LAWS))
def test_a_law_fitted_on_two_arms_forecasts_one_with_other_dates(law):
    found = laws.fit(law, [planted(law, []), planted(law, [10, 20])])
    function = laws.LAWS[law][0]
    for dates in ([10, 20], [7, 15], [13]):
        one = planted(law, dates)
        assert function(found, one) == pytest.approx(one.loss, abs=0.01), dates


def test_falls_of_the_rate_are_counted_from_the_epoch_in_which_they_act():
    one = planted("annealing", [10])
    ((size, after, updates, travelled),) = one.falls
    assert size == pytest.approx(0.16) and after == pytest.approx(0.04)
    assert updates[9] == 0 and updates[10] == 300 and travelled[10] == pytest.approx(12.0)
    assert planted("annealing", [10], batch=True).falls == ()  # of a batch that grows the laws know nothing
