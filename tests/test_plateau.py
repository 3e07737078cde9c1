"""The plateau rule: when it fires, and that it never looks ahead. What a run makes of it: test_plateau_runs.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errordrops.study.plateau import Plateau, plateau_settings
from errordrops.study.settings import Setting, milestones

BASE = Setting(0.05, 32, 0.9)
RULE = Plateau(factor=10, cuts=2, smoothing=3, patience=3, least=0.1)


def fired(rule, errors, epochs=None):
    return milestones(plateau_settings(rule, BASE, epochs or len(errors) + 1, errors))


def falling(by, n=20, start=50.0):
    return [start - by * epoch for epoch in range(n)]


@pytest.mark.parametrize(
    ("rule", "errors", "expected"),
    [
        # the first smoothed error is that after epoch 3; three epochs later it is still the best. The same again
        (RULE, [20.0] * 20, [6, 12]),
        (RULE, falling(1), []),
        (RULE, falling(-1), [6, 12]),
        # less than 0.1 an epoch: after two epochs better than the best, or after three still not
        (RULE, falling(0.09), []),
        (RULE, falling(0.02), [6, 12]),
        # flat from epoch 8 on: the mean over three epochs falls up to epoch 10
        (RULE, [30.0, 28, 26, 24, 22, 20, 18, *[16.0] * 6], [13]),
        # one good epoch in a plateau is not three: smoothed 20, 19, 19, 19, 20; 19 is the best for three epochs
        (RULE, [20.0, 20, 20, 17, 20, 20, 20], [7]),
        # what was before a cut does not count after it: were it averaged in, the rule would fire at 10
        (RULE, [20.0] * 6 + [30.0] * 6, [6, 12]),
        (Plateau(10, 3, smoothing=1, patience=1, least=0), [5.0] * 9, [2, 4, 6]),
        (Plateau(10, 3, smoothing=1, patience=1, least=0), [5.0, 4, 4, 3, 3, 2], [3, 5]),
        (Plateau(10, 1, smoothing=1, patience=2, least=5), [40.0, 36, 34, 33, 32], [5]),
        (Plateau(10, 1, smoothing=1, patience=2, least=5), [40.0, 36, 37], [3]),
        (Plateau(10, 1, smoothing=4, patience=1, least=0), [9.0] * 6, [5]),
    ],
)
def test_when_it_fires(rule, errors, expected):
    assert fired(rule, errors) == expected


def test_each_cut_divides_the_rate_and_nothing_else():
    after = plateau_settings(RULE, BASE, 30, [20.0] * 29)
    assert set(after[:6]) == {BASE}
    assert set(after[6:12]) == {Setting(0.005, 32, 0.9)}
    assert set(after[12:]) == {Setting(0.0005, 32, 0.9)}
    assert len(after) == 30


def test_what_is_undecided_is_as_if_nothing_changed_any_more():
    assert plateau_settings(RULE, BASE, 30, []) == (BASE,) * 30
    assert plateau_settings(RULE, BASE, 30, [20.0] * 5) == (BASE,) * 30
    assert plateau_settings(RULE, BASE, 30, [20.0] * 6) == (BASE,) * 6 + (Setting(0.005, 32, 0.9),) * 24
    assert len(plateau_settings(RULE, BASE, 3, [20.0] * 6)) == 3


rules = st.builds(
    Plateau, st.just(10), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.0, 0.1, 1.0])
)
curves = st.lists(st.integers(0, 20).map(lambda tenths: 10 + tenths / 10), max_size=40)


@given(rules, curves, st.data())
def test_it_never_looks_ahead(rule, errors, draw):
    """The settings up to epoch e + 1 depend on the errors after epochs 1 to e alone."""
    known = draw.draw(st.integers(0, len(errors)))
    whole = plateau_settings(rule, BASE, 41, errors)
    assert plateau_settings(rule, BASE, 41, errors[:known])[: known + 1] == whole[: known + 1]
    elsewhere = errors[:known] + [99.0] * 40
    assert plateau_settings(rule, BASE, 41, elsewhere)[: known + 1] == whole[: known + 1]


@given(rules, curves)
def test_it_cuts_at_most_so_often_and_waits_between(rule, errors):
    cuts = fired(rule, errors, 41)
    assert len(cuts) <= rule.cuts
    gaps = [later - earlier for earlier, later in zip([0, *cuts], cuts, strict=False)]
    assert all(gap >= rule.smoothing + rule.patience for gap in gaps)
