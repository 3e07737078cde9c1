"""Statistics against known answers: planted changes, coverage of intervals, verdicts."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import planted
from errordrops.analysis import changes, claims, final
from errordrops.results.intervals import summarise, t_interval
from errordrops.study.settings import Setting, rule_phases
from errordrops.study.study import load
from networks import smoke
from test_study import changed, write


def test_t_interval_against_a_textbook_value():
    """n = 5, mean 10, standard deviation 2: half-width 2.776 * 2 / sqrt(5)."""
    values = 10 + 2 * np.array([-1.5, -0.5, 0, 0.5, 1.5]) / np.std([-1.5, -0.5, 0, 0.5, 1.5], ddof=1)
    interval = t_interval(values)
    assert interval.mean == pytest.approx(10)
    assert interval.high - 10 == pytest.approx(2.7764 * 2 / np.sqrt(5), rel=1e-4)


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_t_intervals_cover_95_percent(n):
    """20,000 simulated studies: three standard errors of the estimated coverage are 0.5 points."""
    samples = np.random.default_rng(n).normal(1.0, 0.3, (20_000, n))
    intervals = np.array([t_interval(sample) for sample in samples])
    coverage = ((intervals[:, 1] <= 1.0) & (intervals[:, 2] >= 1.0)).mean()
    assert coverage == pytest.approx(0.95, abs=0.005)


def test_one_value_has_no_interval_and_none_has_no_mean():
    assert t_interval([3.0]).mean == 3.0 and np.isnan(t_interval([3.0]).low)
    assert np.isnan(t_interval([]).mean)


@pytest.mark.parametrize("epochs", [1, 5])
def test_changes_of_the_planted_study(epochs):
    """The fixture computes its table by another route; the two must agree row by row."""
    milestones = {"none": [10, 20], "step": [10, 20], "batch": [10, 20], "hybrid": [10, 20]}
    computed = changes.milestone_changes(planted.curves(), milestones, 30, epochs)
    keys = ["arm", "milestone", "seed", "split", "metric"]
    one, other = (table.sort_values(keys).reset_index(drop=True) for table in (computed, planted.changes(epochs)))
    pd.testing.assert_frame_equal(one, other, check_dtype=False)
    step = computed.query("arm == 'step' and milestone == 10 and split == 'test' and metric == 'error'")
    assert step["after"].to_numpy() == pytest.approx(11.5 + 40 * np.exp(-11 / 2), abs=1.0)


def test_windows_stay_within_their_phases():
    spans = changes.windows([2, 4, 20], 22, 5)
    assert [(list(a), list(b)) for a, b in spans] == [
        ([1, 2], [3, 4]),
        ([3, 4], [5, 6, 7, 8, 9]),
        ([16, 17, 18, 19, 20], [21, 22]),
    ]


def test_a_run_that_ended_early_leaves_holes_not_errors():
    table = planted.curves()
    table = table[~((table["arm"] == "step") & (table["seed"] == 1) & (table["epoch"] > 10))]
    computed = changes.milestone_changes(table, {"none": [10, 20], "step": [10, 20]}, 30)
    lost = computed.query("arm == 'step' and seed == 1 and milestone == 10")
    assert lost["after"].isna().all() and lost["before"].notna().all()
    summary = changes.milestone_summary(computed)
    row = summary.query("arm == 'step' and milestone == 10 and split == 'test' and metric == 'error'").iloc[0]
    assert row["n"] == 2  # what the mean and its interval rest on
    assert np.isfinite(row["change"])


def test_without_a_control_there_is_no_difference():
    table = planted.curves().query("arm != 'none'")
    computed = changes.milestone_changes(table, {"step": [10, 20]}, 30)
    assert computed["change"].notna().all() and computed["difference"].isna().all()


def test_pairing_removes_what_seeds_share():
    """A shift common to both arms of a seed widens the interval of the change, not that of the difference."""
    table = planted.curves().query("arm in ('none', 'step') and split == 'test' and metric == 'error'").copy()
    table["value"] = 20.0
    after = table["epoch"] > 10
    table.loc[after, "value"] += table["seed"].map({0: -3.0, 1: 0.0, 2: 4.0})
    table.loc[after & (table["arm"] == "step"), "value"] -= 2.0
    computed = changes.milestone_changes(table, {"none": [10], "step": [10]}, 30)
    row = changes.milestone_summary(computed).query("arm == 'step'").iloc[0]
    assert row["difference"] == row["difference_low"] == row["difference_high"] == -2
    assert row["change_high"] - row["change_low"] > 10


def test_n_is_what_the_paired_interval_rests_on():
    table = planted.curves()
    table = table[~((table["arm"] == "none") & (table["seed"] == 2) & (table["epoch"] > 10))]
    computed = changes.milestone_changes(table, {"step": [10]}, 30)
    row = changes.milestone_summary(computed).query("split == 'test' and metric == 'error'").iloc[0]
    assert row["n"] == 2


def test_only_arms_that_share_their_past_with_the_control_are_paired():
    study = smoke()
    bold = dataclasses.replace(
        study.arm("step"), name="bold", phases=rule_phases("step", Setting(0.1, 20, 0.9), 6, [2, 4], 5)
    )
    study = dataclasses.replace(study, arms=(*study.arms, bold), epochs=6)
    assert changes.comparable(study) == {"step", "batch", "hybrid"}
    curve = planted.curves().query("epoch <= 6 and arm in ('none', 'step')")
    both = pd.concat([curve, curve[curve["arm"] == "step"].assign(arm="bold")])
    table = changes.of_study(study, both, 1)
    assert (
        table.query("arm == 'bold'")["difference"].isna().all() and table.query("arm == 'bold'")["change"].notna().all()
    )
    step = table.query("arm == 'step'")
    assert step.query("index == 1")["difference"].notna().all() and set(step.query("index == 1")["control"]) == {"none"}
    assert step.query("index == 2")["difference"].isna().all(), "no arm goes on with what it had: nothing is compared"


def summary(span, mean, low, high, n=3, control="none"):
    """A one-row summary of effects for arm step at milestone 2 of the smoke study."""
    row = {"arm": "step", "index": 1, "milestone": 2, "control": control, "span": span, "split": "test", "n": n}
    row |= {"metric": "error_recomputed", "epochs": 5, "over": "seeds"}
    return pd.DataFrame([row | {"effect": mean, "effect_low": low, "effect_high": high}])


@pytest.mark.parametrize(
    ("difference", "threshold", "holds"),
    [
        ((-3.0, -4.0, -2.0), 1.0, True),
        ((-3.0, -4.0, -0.5), 1.0, None),
        ((0.0, -0.5, 0.5), 1.0, False),
        ((-3.0, -4.0, -0.5), 0.0, True),
        ((3.0, 2.0, 4.0), 0.0, False),
        ((-3.0, np.nan, np.nan), 0.0, None),
    ],
)
def test_a_claim_holds_when_the_whole_interval_lies_beyond_its_threshold(difference, threshold, holds):
    study = dataclasses.replace(smoke(), claims={"drop": [threshold], "level": [50.0]})
    both = pd.concat([summary("drop", *difference), summary("level", -60, -62, -58)])
    found = {claim["id"]: claim for claim in claims.milestone_claims(study, both)}
    assert found["step.m1.drop"]["holds"] is holds
    assert found["step.m1.drop"]["threshold_high"] == -threshold
    assert found["step.m2.drop"]["holds"] is None  # no threshold was stated for it
    assert found["step.m1.level"]["holds"] is True and found["step.m1.level"]["value"] == -60
    assert not any(name.startswith("none.") for name in found)


def test_arms_that_no_claim_is_about_are_told_with_the_reason(tmp_path):
    arms = ["none", "step", {"name": "mild", "rule": "step", "factor": 2}, "cosine", {"name": "still", "rule": "none"}]
    study = load(write(tmp_path, changed(arms=arms)))
    made = claims.milestone_claims(study, summary("drop", -3.0, -4.0, -2.0))
    told = claims.unclaimed(study, made)
    assert list(told) == ["mild", "cosine", "still"]
    assert told["mild"] == "the thresholds are about factor 10, and its factor is 2" and "cosine" in told["cosine"]
    assert claims.unclaimed(study, [])["step"] == "the study states no threshold for it"


def test_schedules_and_final_values():
    study = smoke()
    table = final.schedules(study, 1000)
    assert len(table) == 4 * 6
    assert table.query("arm == 'batch'")["updates"].tolist() == [50, 50, 10, 10, 2, 2]
    curve = planted.curves().query("epoch <= 6")
    curve.loc[:, "update"] = 7
    values = final.final_values(study, curve, 1000)
    row = values.query("arm == 'batch' and split == 'test' and metric == 'error'").iloc[0]
    assert row["updates"] == 7 and row["updates_nominal"] == 124
    expected = curve.query("arm == 'batch' and split == 'test' and metric == 'error' and epoch == 6")["value"]
    assert row["mean"] == pytest.approx(expected.mean())


def test_summaries_keep_the_order_of_arms():
    table = pd.DataFrame({"arm": ["b", "b", "a"], "x": [1.0, 3.0, 5.0]})
    assert summarise(table, ["arm"], ["x"])["arm"].tolist() == ["b", "a"]
