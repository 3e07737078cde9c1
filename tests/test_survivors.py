"""Mistakes that once went unnoticed: each of these tests fails with the mistake in place."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from errordrops.analysis import changes, counted_drops, detection, elsewhere, levels, low_rate, noise_fits, placebo
from errordrops.analysis import statistics_lag as lag
from errordrops.study import study as studies
from errordrops.study.settings import truncated
from planted_ladder import STUDY as LADDER
from planted_ladder import world
from planted_study import curves

STUDY = studies.load(str(Path(__file__).parent / "studies" / "planted.yaml"))


@pytest.fixture(scope="module")
def table():
    return curves(STUDY, jitter=1.0)


def test_r2_is_the_square_of_the_correlation():
    x, y = pd.Series([0.0, 1.0, 2.0, 3.0]), pd.Series([0.0, 2.0, 1.0, 3.0])
    assert noise_fits.line(x, y)[2] == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2) == pytest.approx(0.64)


def test_a_drop_one_epoch_off_is_not_exactly_there():
    """The detector sees drops in epoch 12 for a change after 10."""
    table = world(jitter=0.3, late=1)
    found = detection.detections(LADDER, table)
    at = detection.milestone_detections(LADDER, table, found)
    first = at[(at["arm"] == "step") & (at["index"] == 1) & (at["metric"] == "error_recomputed")]
    assert first["near"].all() and not first["exact"].any()
    seen = counted_drops.at_changes(LADDER, table, found).query("arm == 'step' and milestone == 10")
    assert len(seen) == 8 and not seen["found"].any()
    quiet = counted_drops.elsewhere(LADDER, table, found).set_index(["arm", "seed"])
    assert "12" in quiet["at"]["step", 0].split()


def test_a_drop_is_expected_where_it_has_the_epochs_to_last(table):
    """Doses end two epochs after their second change: too few to tell a drop from a dip."""
    at = detection.milestone_detections(STUDY, table, detection.detections(STUDY, table))
    second = at[(at["index"] == 2) & (at["metric"] == "error_recomputed")].set_index("arm")["expected"]
    assert not second["step-2"].any() and second["step"].all()
    assert counted_drops.AFTER == 5, "so many epochs must follow, the first at the new level among them"


def test_the_planted_size_is_that_of_its_own_split(table):
    """Train and validation have the same metric: their falls are no part of the size."""
    own = changes.of_study(STUDY, table, levels.LEVEL_EPOCHS)
    wrong = own[(own["split"] == "test")].assign(split="validation")
    wrong = wrong.assign(difference=5 * wrong["difference"])
    sizes = elsewhere.planted(STUDY, table, own).set_index("metric")["size"]
    mixed = elsewhere.planted(STUDY, table, pd.concat([own, wrong])).set_index("metric")["size"]
    assert mixed.to_dict() == sizes.to_dict()
    step = own.query("arm == 'step' and index == 1 and split == 'test' and metric == 'error_recomputed'")
    assert sizes["error_recomputed"] == pytest.approx(-step["difference"].mean())


def test_levels_are_means_of_exactly_the_epochs_beside_the_change():
    values = np.r_[99.0, np.arange(1.0, 27.0)]
    assert list(levels.before(10)) == [6, 7, 8, 9, 10] and list(levels.after(10, 26)) == [11, 12, 13, 14, 15]
    assert levels.mean_over(values, levels.after(10, 26)) == 13 and levels.mean_over(values, levels.before(10)) == 8
    assert list(levels.after(24, 26)) == [25, 26] and list(levels.before(3)) == [1, 2, 3]
    assert levels.fall(values, levels.before(10), levels.after(10, 26)) == -5
    assert np.isnan(levels.mean_over(values, range(25, 30))) and np.isnan(levels.mean_over(values, range(5, 5)))
    by_epoch = pd.Series(values, index=range(27)).drop(12)
    assert np.isnan(levels.mean_over(by_epoch, levels.after(10, 26))), "a mean over other epochs is another number"


def test_placebos_spread_by_the_number_of_copies_less_one(table):
    row = placebo.placebo_effects(STUDY, table).query("arm == 'step' and index == 1 and after == 1 and seed == 0")
    row = row[row["metric"] == "error_recomputed"].iloc[0]
    mine = table.query("split == 'test' and metric == 'error_recomputed' and epoch == 11 and seed == 0")
    copies = mine[mine["arm"].str.startswith("placebo-none-10-")]["value"].to_numpy()
    assert len(copies) == 5 and row["control_sd"] == pytest.approx(copies.std(ddof=1))
    assert row["control_mean"] == pytest.approx(copies.mean())


def test_where_no_seed_reaches_the_window_there_is_a_hole_and_no_error(table):
    short = table[(table["epoch"] <= 8) | (table["arm"] == "early")]
    rows = lag.lag(STUDY, short[short["epoch"] <= 8])
    assert rows.query("arm == 'step'")["visible"].isna().all() and not lag.lag_summary(rows).empty
    found = low_rate.low_rate(STUDY, short[short["epoch"] <= 8])
    assert found["before_gain"].isna().all() and found["end_gain"].isna().all() and len(found) == 4


def test_a_reading_is_its_split_and_its_metric(table):
    from errordrops.analysis.judged import of_reading

    assert set(of_reading(table, "error")["split"]) == {"test"}
    assert set(of_reading(table, "loss")["split"]) == {"train_eval"}
    both = pd.concat([table.query("split == 'test'"), table.query("split == 'test'").assign(split="validation")])
    assert len(of_reading(both, "error")) == len(of_reading(table, "error"))


def test_doses_that_end_early_are_read_where_all_of_them_are(table):
    """Arms that stop five epochs after the change have a plateau, too: its level is read there in every arm."""
    from dataclasses import replace

    arms = [replace(arm, phases=truncated(arm.phases, 15)) if "-2" in arm.name else arm for arm in STUDY.arms]
    short = replace(STUDY, arms=tuple(arms))
    rows = noise_fits.plateaus(short, table[(table["epoch"] <= 15) | ~table["arm"].str.endswith("-2")], 1000)
    assert set(rows["arm"]) == {"none", "step", "batch", "step-2", "batch-2"}
