"""`errordrops explain`: what is laid to the schedule, what is not, and what is said of it."""

import numpy as np
import pandas as pd
import pytest

from errordrops import explain
from made_logs import EPOCHS, curve, falling, halved, log, spoken, step

SMOOTH = {
    "constant": np.full(100, 0.1),
    "cosine": 0.1 * (1 + np.cos(np.pi * EPOCHS / 100)) / 2,
    "linear": 0.1 * (1 - EPOCHS / 100),
    "exponential": 0.1 * 0.5**EPOCHS,
    "warm-up": np.minimum(EPOCHS / 10, 1) * 0.1,
    "warm-up from next to nothing": np.where(EPOCHS < 3, 1e-6, np.minimum((EPOCHS - 2) / 20, 1) * 0.1),
    "triangles": 1e-3 + 0.1 * np.abs(EPOCHS % 40 - 20) / 20,
    "inverse root": 0.1 / np.sqrt(EPOCHS),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_nothing_is_laid_to_a_rate_that_never_jumps(name):
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6), lr=SMOOTH[name]))
    assert not found.schedule.changes and found.missed.empty
    assert set(found.drops["epoch"]) == {51}
    assert set(found.drops["cause"]) == {"not the schedule"} and found.drops["milestone"].isna().all()


@pytest.mark.parametrize("off", [-1, 0, 1])
def test_a_log_may_write_the_rate_an_epoch_early_or_late(off):
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6), lr=0.1 * step(50 + off, 0.1)))
    assert set(found.drops["cause"]) == {"schedule"} and set(found.drops["epoch"]) == {51}


@pytest.mark.parametrize("base", [0, 1])
def test_a_cause_that_comes_after_its_effect_is_told_first(base):
    found = explain(halved(base=base), milestones=[31])
    first = str(found).splitlines()[0]
    assert "one epoch before the change that you stated (after 31 epochs): perhaps 30 is meant" in first
    assert "otherwise that change is not its cause" in first and "expected" not in spoken(found)
    assert set(found.drops["offset"]) == {-1} and f"(epoch {30 + base})" in first
    exact = explain(halved(base=base), milestones=[30])
    assert "expected, not a bug" in str(exact) and set(exact.drops["offset"]) == {0}


def test_of_a_change_that_the_log_shows_late_it_is_told_as_well():
    level = step(30, 0.5) * step(60, 0.5)
    found = explain(falling(level, lr=0.1 * step(31, 0.1) * step(60, 0.1)))
    first = str(found).splitlines()[0]
    assert first.startswith("1 of 2 drops is at a change of the schedule (epoch 61). Epoch 31 comes one epoch before")
    assert "One epoch before the log shows learning rate 0.1 to 0.01 (after 31 epochs): perhaps" in spoken(found)
    both = explain(falling(level, lr=0.1 * step(31, 0.1) * step(61, 0.1)))
    assert "each one point before a change" in str(both).splitlines()[0] and "expected" not in spoken(both)
    third = explain(falling(level * step(80, 0.5)), milestones=[31])
    assert str(third).startswith("Epoch 31 comes one epoch before the change that you stated")
    assert str(third).splitlines()[0].endswith("Epochs 61 and 81 are not at a change of the schedule.")


def test_a_rate_logged_after_the_scheduler_stepped():
    found = explain(falling(step(30, 0.5), lr=0.1 * step(29, 0.1)))
    assert "expected, not a bug" in str(found) and set(found.drops["offset"]) == {1}
    assert "(some loops log the rate after scheduler.step(): then the change was after 30)" in spoken(found)
    assert "one epoch later (perhaps after 30 is meant)" in spoken(explain(halved(), milestones=[29]))


def test_two_epochs_off_is_another_thing():
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6), lr=0.1 * step(53, 0.1)))
    assert "schedule" not in set(found.drops["cause"]) and list(found.missed["milestone"]) == [53]


def test_a_growing_batch_explains_a_drop():
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6), batch_size=128 * step(50, 10)))
    assert set(found.drops["cause"]) == {"schedule"}
    assert [(c.what, c.before, c.after) for c in found.schedule.changes] == [("batch size", 128, 1280)]


def test_a_warm_restart_explains_a_rise_and_no_drop():
    rate = 0.05 * (1 + np.cos(np.pi * ((EPOCHS - 1) % 50) / 50)) + 1e-4
    found = explain(log(train=step(50, 1.8), test=step(50, 1.8), lr=rate))
    assert set(found.rises["cause"]) == {"schedule"} and set(found.rises["milestone"]) == {50}
    assert (found.rises["size"] < 0).all() and "schedule" not in set(found.drops["cause"])


def test_a_short_cycle_of_a_warm_restart_explains_its_rise():
    rate = 0.05 * (1 + np.cos(np.pi * ((EPOCHS - 1) % 20) / 20))
    found = explain(log(train=np.where(EPOCHS % 20 < 10, 1.5, 1.0), lr=rate))
    assert {20, 40, 60, 80} == {c.milestone for c in found.schedule.changes if not c.cut}
    assert not any(c.cut for c in found.schedule.changes) and "schedule" not in set(found.drops["cause"])


def test_milestones_beyond_the_end_are_told():
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6)).drop(columns="lr"), milestones=[50, 100, 150])
    assert set(found.drops["milestone"]) == {50} and found.missed.empty
    assert "the log ends after 100 epochs, before 100 and 150" in str(found).replace("\n    ", " ")


def test_a_training_that_diverged():
    frame = log(test=step(70, 2.0))
    frame.loc[70:, "train_loss"] = np.nan
    assert set(explain(frame).rises["cause"]) == {"divergence"}


def test_augmentation_switched_off_shows_as_train_and_test_apart():
    found = explain(log(train=step(70, 0.5)))
    assert list(found.drops["curve"]) == ["train loss"] and found.drops["milestone"].isna().all()
    assert "augmentation" in found.drops["cause"][0] and "only training fell" in str(found)
    harder = explain(log(train=step(70, 1.6), test=step(70, 0.6)))
    drop = harder.drops[harder.drops["curve"] == "test error"].iloc[0]
    assert "resolution" in drop.cause and "training rose" in drop.why


def test_what_is_evaluated_changed():
    found = explain(log(test=step(70, 0.5)))
    assert set(found.drops["cause"]) == {"evaluation changed"}


def test_the_end_of_a_spike_is_no_drop():
    spike = np.where((EPOCHS > 60) & (EPOCHS <= 63), 3.0, 1.0)
    found = explain(log(train=spike, test=spike, lr=0.1 * step(63, 0.9)))
    assert found.drops.empty and {63, 64} & set(found.recoveries["epoch"])
    assert set(found.recoveries["cause"]) == {"recovery from a spike"}


def test_of_noise_no_spikes_are_told_and_of_spikes_all():
    """300 curves of noise, of which two thirds fall so smoothly that their running median leaves no noise."""
    epochs, told, taken = EPOCHS[:60], 0, 0
    for seed in range(300):
        level = (np.ones(60), 0.5 + 2 * epochs**-0.7, np.exp(-epochs / 20))[seed % 3]
        noise = (0.01, 0.03)[seed // 3 % 2]
        values = 20 * level * np.exp(noise * np.random.default_rng(seed).normal(size=60))
        found = explain(pd.DataFrame({"epoch": epochs, "test_error": values}))
        taken += len(found.recoveries) > 0
        told += "ends of spikes" in str(found)
    assert taken > 60 and told <= 6  # of 300; the detector takes many, to keep them from being drops
    for length, height in ((1, 1.3), (2, 1.3), (3, 2.0)):
        spike = step(60, height) * step(60 + length, 1 / height)
        found = explain(log(test=spike))
        assert (
            f"Not drops, only the ends of spikes, after which the curve is where it was before: epoch {61 + length}"
            in (spoken(found))
        )


def test_a_restart_of_the_log_is_named():
    first = log(train=1.0, test=1.0)[:60]
    found = explain(pd.concat([first, log(train=step(50, 0.5), test=step(50, 0.5))[50:]]))
    assert set(found.drops["cause"]) == {"restart"}


def test_a_saw_tooth_is_a_rhythm():
    teeth = np.where(EPOCHS % 15 < 8, 1.0, 0.5)
    found = explain(log(train=teeth))
    assert "periodic" in set(found.rises["cause"]) | set(found.drops["cause"])


def test_a_new_pass_over_the_data():
    steps = np.arange(10, 1000, 10)
    loss = (1 + steps / 10.0) ** -0.1 * np.where(steps > 500, 0.7, 1) * curve(noise=0.01)[:99] ** 0.01
    frame = pd.DataFrame({"step": steps, "epoch": steps / 500, "loss": loss, "eval_loss": np.nan})
    frame.loc[[24, 49, 74, 98], "eval_loss"] = [0.9, 0.8, 0.8, 0.8]
    found = explain(frame)
    assert [(d.cause, d.label) for d in found.drops.itertuples()] == [("new epoch", 510)]


def test_a_visible_step_that_noise_hides_is_looked_for_at_its_milestone():
    rng = np.random.default_rng(3)
    noisy = 20 * curve(step(50, 0.85), noise=0.0) * np.exp(rng.laplace(scale=0.03, size=100))
    found = explain(log(train=step(50, 0.7), test_error=noisy, lr=0.1 * step(50, 0.1)))
    where = found.drops.set_index("curve")
    assert where.loc["train loss", "found"] == "blind" and set(found.drops["epoch"]) == {51}


def test_with_no_schedule_known_the_times_are_described():
    level = step(30, 0.5) * step(60, 0.6) * step(90, 0.6)
    frame = pd.DataFrame({"epoch": EPOCHS, "train_loss": curve(level, seed=2), "test_error": 20 * curve(level, seed=4)})
    text = str(explain(frame))
    assert "the log tells no learning rate" in text and "evenly spaced" in text and "looks like step decay" in text
