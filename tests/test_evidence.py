"""The statistics of cause against known answers: curves that a formula makes, so that every effect is known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import planted_study
from errordrops.analysis import cause_claims, foretold_claims, low_rate, placebo, same_claims, sweep
from errordrops.analysis import control_effects as effects
from errordrops.analysis import epoch_variance as variance
from errordrops.analysis import noise_fits as noise
from errordrops.analysis import same_curve as equivalence
from errordrops.analysis import statistics_lag as lag
from errordrops.analysis import time_to_error as speed
from errordrops.analysis.claims import beyond_claims, milestone_claims
from errordrops.analysis.judged import flow_time, milestones_trained, updates_per_epoch
from errordrops.analysis.simulation import simulated_rates
from errordrops.study import study as studies
from planted_study import HEIGHT, curves

STUDY = studies.load(str(Path(__file__).parent / "studies" / "planted.yaml"))
ERROR = "split == 'test' and metric == 'error_recomputed'"
LOSS = "split == 'train_eval' and metric == 'loss_recomputed'"


@pytest.fixture(scope="module")
def exact():
    return curves(STUDY)


@pytest.fixture(scope="module")
def noisy():
    return curves(STUDY, jitter=3.0, lag=2.0)


def test_milestones_and_distances_are_those_that_were_trained(exact):
    found = milestones_trained(exact)
    assert found["step", 0] == [10, 20] and found["early", 0] == [7, 15] and found["none", 0] == []
    assert found["reversal", 3] == [10, 20] and found["placebo-none-10-1", 0] == []
    flow = flow_time(exact).set_index(["arm", "seed", "epoch"])
    updates = updates_per_epoch(exact)
    assert updates["none", 0, 1] == 500 and updates["batch", 0, 11] == 50
    assert flow["rate_sum"]["none", 0, 30] == pytest.approx(30 * 500 * 0.1)
    assert flow["rate_sum"]["reversal", 0, 30] == pytest.approx(500 * (20 * 0.1 + 10 * 0.01))
    assert flow["noise_sum"]["batch", 0, 12] == pytest.approx(10 * 500 * 0.05 + 2 * 50 * 0.1 / 20)


def test_the_effect_beside_placebos_is_the_planted_one(exact):
    summary = placebo.placebo_summary(placebo.placebo_effects(STUDY, exact)).query(ERROR)
    rows = summary.query("arm == 'step' and milestone == 10 and control == 'placebos'").set_index("after")
    assert list(rows.index) == [1, 2, 5]
    assert rows["effect"].tolist() == pytest.approx([-0.9 * HEIGHT] * 3)
    assert rows["beyond_all"].tolist() == [1.0] * 3 and rows["n"].tolist() == [4] * 3
    second = summary.query("arm == 'step' and milestone == 20 and control == 'placebos'")
    assert second["effect"].tolist() == pytest.approx([-0.09 * HEIGHT] * 2) and set(second["n"]) == {3}
    restored = summary.query("arm == 'reversal' and milestone == 20 and after == 1")["effect"]
    assert restored.tolist() == pytest.approx([0.9 * HEIGHT])
    last = summary.query("arm == 'batch' and control == 'none'")
    assert last["effect"].tolist() == pytest.approx([HEIGHT * (0.01 - 1)]) and last["after"].tolist() == [20]
    # a dose that begins as arm none is treated, too; a moved milestone has no placebos
    assert summary.query("arm == 'step-2' and after == 1 and milestone == 10")["effect"].tolist() == [-0.5 * HEIGHT]
    assert "early" not in set(summary.query("control == 'placebos'")["arm"])


def test_placebos_are_the_null(noisy):
    """An arm that changes nothing lies among its placebos: the interval of its effect holds zero."""
    effects = placebo.placebo_effects(STUDY, noisy).query(ERROR)
    fake = effects.query("arm == 'step' and milestone == 10 and after == 1").copy()
    table = noisy.query(ERROR).set_index(["arm", "seed", "epoch"])["value"]
    fake["value"] = [table["none", seed, 11] for seed in fake["seed"]]
    fake["effect"] = fake["value"] - fake["control_mean"]
    row = placebo.placebo_summary(fake).iloc[0]
    assert row["effect_low"] < 0 < row["effect_high"]
    assert row["control_sd"] == pytest.approx(3.0, rel=0.6)


def test_effects_within_the_epoch(exact):
    looked = []
    for arm, value in {"step": 4.0, "placebo-none-10-1": 9.0, "placebo-none-10-2": 11.0}.items():
        for seed in range(3):
            looked += [(arm, seed, 10, "changed", u, "error_recomputed", value + seed) for u in (1, 2, 4)]
    columns = "arm seed milestone branch update metric value".split()
    found = placebo.update_effects(STUDY, pd.DataFrame(looked, columns=columns))
    assert found["control_sd"].tolist() == pytest.approx([np.sqrt(2)] * 3)
    assert found["effect"].tolist() == [-6.0] * 3 and found["update"].tolist() == [1, 2, 4] and set(found["n"]) == {3}


def test_what_averages_foretold(noisy):
    table = sweep.sweep(STUDY, noisy)
    row = table.query(f"{LOSS} and cut == 'rate' and at == 14 and seed == 1").iloc[0]
    assert row["fall"] == pytest.approx(row["before"] - row["after"])
    assert row["foretold"] == pytest.approx(row["before"] - 0.05)
    fitted = sweep.fits(table, 10)
    assert set(fitted["n"]) == {5} and len(fitted.query(f"{LOSS} and cut == 'rate' and memory == 'short'")) == 3
    line = sweep.fit_summary(fitted).query(f"{LOSS} and cut == 'rate' and memory == 'short'").iloc[0]
    # fall = foretold - what is left of the noise (a tenth of HEIGHT and of its jitter)
    assert line["slope"] == pytest.approx(1, abs=0.15) and line["intercept"] == pytest.approx(-0.01, abs=0.02)
    gain = sweep.gains(table).query(f"{LOSS} and cut == 'batch' and at == 10").iloc[0]
    assert gain["gain"] == pytest.approx(0.09, abs=0.06)
    assert len(sweep.fits(table, 27)) == 0


def test_a_cut_falls_further_than_its_placebo(noisy):
    found = {c["id"]: c for c in foretold_claims.gain(STUDY, {"sweep": sweep.sweep(STUDY, noisy)})}
    assert found["predicted.rate.gain"]["value"] == pytest.approx(0.09, abs=0.03)
    assert found["predicted.rate.gain"]["holds"] is True and found["predicted.batch.gain"]["n"] == 3
    still = sweep.sweep(STUDY, noisy)
    still["fall"] = 0.01  # nothing falls further than the placebo
    assert not any(c["holds"] for c in foretold_claims.gain(STUDY, {"sweep": still}))


def test_corrected_images(exact):
    table = sweep.corrected_images(STUDY, exact)
    assert len(table) == 6 * 3 * 3
    assert set(table["share"]) == {0.75}
    assert table["base_share"].tolist() == pytest.approx([5.0 / 15.0] * len(table))


def test_variance_collapses_by_the_square_of_the_factor(noisy):
    table = variance.collapse_summary(variance.collapse(STUDY, noisy)).query(ERROR)
    step = table.query("arm == 'step' and index == 1").iloc[0]
    assert step["ratio"] == pytest.approx(0.01, rel=1.0) and step["ratio_high"] < 0.1
    none = table.query("arm == 'none' and milestone == 10").iloc[0]
    assert none["ratio_low"] < 1 < none["ratio_high"]
    steady = np.arange(10) * 2.0
    assert variance.epoch_to_epoch_sd(steady + np.tile([0.0, 0.0], 5)) == pytest.approx(np.sqrt(2))
    assert np.isnan(variance.epoch_to_epoch_sd(np.array([1.0, 2.0])))


def verdicts(study, table):
    made = {
        "final_differences": equivalence.final_differences(study, table),
        "bands": equivalence.bands(study, table),
    }
    found = same_claims.equivalent(study, made) + same_claims.same_curve(study, made)
    return {c["id"]: c["holds"] for c in found}


def test_sameness_is_shown_refuted_or_undecided():
    """Equal curves are equal, curves beyond the margin are not, and noise decides neither."""
    small = curves(STUDY, jitter=0.01)
    found = verdicts(STUDY, small)
    assert found["batch.equivalent.error"] is True and found["batch.same_curve.loss"] is True
    far = verdicts(STUDY, curves(STUDY, jitter=0.01, shift={"batch": 3.0}))
    assert far["batch.equivalent.error"] is False and far["hybrid.equivalent.error"] is True
    rough = curves(STUDY, jitter=0.01)
    chosen = (rough["arm"] == "batch") & (rough["epoch"] == 30)
    rough.loc[chosen, "value"] += [planted_study.draw("rough", s) for s in rough.loc[chosen, "seed"]]
    assert verdicts(STUDY, rough)["batch.equivalent.error"] is None
    # one epoch that surely differs refutes the curve; a run that has diverged leaves it open
    later = curves(STUDY, jitter=0.01)
    later.loc[(later["arm"] == "batch") & (later["epoch"] == 25), "value"] += 5.0
    assert verdicts(STUDY, later)["batch.same_curve.error"] is False
    ended = small[~((small["arm"] == "batch") & (small["seed"] == 2) & (small["epoch"] > 14))]
    assert verdicts(STUDY, ended)["batch.same_curve.error"] is None


def test_bands_reach_over_all_axes(exact):
    bands = equivalence.bands(STUDY, exact).query(f"arm == 'batch' and {ERROR}")
    assert set(bands["axis"]) == {"epoch", "rate_sum", "noise_sum"}
    assert bands.query("axis == 'epoch'")["at"].tolist() == list(range(11, 31))
    # rate x updates is alike for a rate cut and a batch increase, so that axis shows equal curves
    assert bands.query("axis == 'rate_sum'")["difference"].abs().max() < 1e-9


def test_loss_is_linear_in_the_noise_and_drops_in_its_change(exact):
    plateau, drops, later = (
        table(STUDY, exact, 100_000) for table in (noise.plateaus, noise.drops, noise.all_plateaus)
    )
    assert set(plateau["arm"]) == {"none", "step", "batch", "step-2", "batch-2"}
    fits = noise.noise_fits(plateau, drops, later).set_index("what")
    assert fits["r2"]["first plateau"] > 0.999 and fits["slope"]["first plateau"] == pytest.approx(0.1, rel=0.01)
    assert fits["r2"]["drop at milestone 1"] > 0.999
    trend = cause_claims._dose_trend(drops)
    assert len(trend) == 4 and min(trend) > 0.02


def test_reversal_returns_at_equal_distance():
    """With a floor that falls with the distance travelled, equal epochs differ and equal distances do not."""
    table = curves(STUDY)
    flow = flow_time(table).set_index(["arm", "seed", "epoch"])["rate_sum"]
    distance = [flow[key] for key in zip(table["arm"], table["seed"], table["epoch"], strict=True)]
    table["value"] -= np.array(distance) * 1e-5
    found = equivalence.reversal(STUDY, table, window=1)
    assert found["epoch_none"].tolist() == [21] * 4
    assert found["difference"].abs().max() < 1e-9 and found["difference_same_epoch"].min() > 0.004


def test_lag_is_what_recomputing_takes_away(noisy):
    table = lag.lag_summary(lag.lag(STUDY, noisy))
    row = table.query("arm == 'step' and index == 1").iloc[0]
    assert row["lag"] == pytest.approx(2.0 * 0.9) and row["lag_low"] == pytest.approx(1.8)
    assert "none" not in set(table["arm"])


def test_speed_counts_the_updates_until_it_stays(exact):
    table = speed.speed(STUDY, exact, 0.2, {("batch", 0): [1.0] * 10 + [2.0] * 20, ("step", 0): [1.0] * 30}).set_index(
        ["arm", "seed"]
    )
    # from milestone 20 on the step arm reads 5.1, its final value; batch has 50 updates an epoch from 11 on, then 5
    assert table["epoch"]["step", 0] == 21 and table["updates"]["step", 0] == 21 * 500
    assert table["updates"]["batch", 0] == 10 * 500 + 10 * 50 + 5
    assert table["ratio"]["batch", 0] == pytest.approx(5505 / 10500)
    assert table["seconds"]["batch", 0] == 10 + 11 * 2 and table["ratio_seconds"]["batch", 0] == 32 / 21
    assert np.isnan(table["updates"]["none", 0])
    assert speed._reached(pd.Series([1.0, 9.0, 1.0, 1.0], index=[1, 2, 3, 4]), 2.0) == 3.0


def test_low_rate_is_compared_before_and_at_the_end(exact):
    row = low_rate.low_rate(STUDY, exact).iloc[0]
    assert row["before_gain"] == pytest.approx(0.9 * HEIGHT) and row["end_gain"] == pytest.approx(0.09 * HEIGHT)


def test_claims_about_a_clear_effect_hold_and_name_their_numbers(exact, noisy):
    table = curves(STUDY, jitter=0.1)
    summary = placebo.placebo_summary(placebo.placebo_effects(STUDY, table))
    changes = effects.summary(STUDY, table, effects.effects(STUDY, table))
    found = {c["id"]: c for c in milestone_claims(STUDY, changes)}
    assert found["step.m1.drop"]["holds"] is True and found["step.m1.drop"]["n"] == 4
    assert (found["step.m1.drop"]["control"], found["step.m1.drop"]["epoch"]) == ("placebo", 11)
    assert found["batch.m1.level_loss"]["holds"] is True and found["batch.m1.level_loss"]["epoch"] is None
    assert "Over the 5 epochs after 10, training loss is" in found["batch.m1.level_loss"]["statement"]
    assert (found["early.m1.drop"]["control"], found["early.m1.drop"]["verdict"]) == ("none", "holds")
    assert found["early.m2.drop"]["verdict"] == "not tested"  # nothing can say what would have happened
    assert not any(c.startswith(("step-2", "reversal", "cosine", "none")) for c in found)
    beyond = {c["id"]: c for c in beyond_claims(STUDY, summary)}
    assert beyond["step.m1.beyond_placebos"]["value"] == 1.0 and beyond["step.m1.beyond_placebos"]["kind"] == "share"
    json.dumps(list(found.values()), allow_nan=False)


def test_intervals_and_tests_have_the_rates_that_they_promise():
    table = simulated_rates(rounds=600).set_index(["what", "noise", "n"])["rate"]
    for n in (3, 4, 5, 8):
        assert 0.92 < table["interval", "normal", n] < 0.98
        assert table["wrongly equivalent", "normal", n] < 0.08
        assert table["band", "normal", n] > 0.85
    # power at a margin of 0.3 and a deviation of 0.23: 24, 58 and 90 % for 3, 5 and 8 seeds
    for n, power in {3: 0.24, 5: 0.58, 8: 0.90}.items():
        assert table["found equivalent", "normal", n] == pytest.approx(power, abs=0.06)
