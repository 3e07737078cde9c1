"""Logs as people have them that were misread once: each is told right."""

import numpy as np
import pandas as pd
import pytest

from errordrops import explain

EPOCHS = 60
RATES = [0.1 if e < 30 else 0.01 for e in range(EPOCHS)]


def noise(seed=0, n=EPOCHS):
    return np.random.default_rng(seed).standard_normal(n)


ERROR = np.array([20.0 + 20 * np.exp(-e / 6) if e < 30 else 12.0 for e in range(EPOCHS)]) + 0.2 * noise()
LOSS = ERROR / 20


def written(tmp_path, lines, name="log.txt"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


def drops(found):
    return [(d.epoch, d.milestone, d.offset, d.cause) for d in found.drops.itertuples()]


AT_30 = [(31, 30, 0, "schedule")]


def test_keras_with_seconds_per_epoch_behind_the_results(tmp_path):
    lines = []
    for e in range(EPOCHS):
        result = f"loss: {LOSS[e]:.4f} - val_loss: {LOSS[e] + 0.1:.4f} - lr: {RATES[e]}"
        lines += [f"Epoch {e + 1}/60", f"1563/1563 - 14s - {result} - 14s/epoch - 9ms/step"]
    found = explain(written(tmp_path, lines))
    assert {c.name for c in found.log.judged} == {"train loss", "validation loss"}
    assert set(drops(found)) == set(AT_30)


@pytest.mark.parametrize("first", [True, False])
def test_a_reduction_told_before_or_after_the_results_of_its_epoch_comes_after_that_epoch(tmp_path, first):
    lines = []
    for e in range(EPOCHS):
        result = [f"1563/1563 - 14s - loss: {LOSS[e]:.4f} - val_loss: {LOSS[e] + 0.1:.4f}"]
        told = ["", "Epoch 30: ReduceLROnPlateau reducing learning rate to 0.01."] if e == 29 else []
        lines += [f"Epoch {e + 1}/60", *(told + result if first else result + told)]
    assert set(drops(explain(written(tmp_path, lines)))) == set(AT_30)


def test_a_heading_that_names_the_epochs_to_come_is_no_run(tmp_path):
    lines = ["Namespace(arch='resnet18', epochs=60, workers=8)", "Scheduled epochs: 60. LR stepped per epoch."]
    lines += [f"Epoch {e}: train loss {LOSS[e]:.4f} test error {ERROR[e]:.2f} lr {RATES[e]}" for e in range(EPOCHS)]
    found = explain(written(tmp_path, lines))
    assert not any("runs from the beginning" in note for note in found.log.notes)
    assert set(drops(found)) == set(AT_30)


def test_percent_with_a_decimal_comma(tmp_path):
    comma = [f"{100 - v:.2f}%".replace(".", ",") for v in ERROR]
    lines = ["epoch;val_acc;lr", *(f"{e + 1};{comma[e]};{RATES[e]}".replace(".", ",") for e in range(EPOCHS))]
    found = explain(written(tmp_path, lines, "log.csv"))
    np.testing.assert_allclose(found.log.judged[0].values, ERROR, atol=0.006)
    assert drops(found) == AT_30


def test_a_decimal_comma_in_what_a_program_prints(tmp_path):
    lines = [f"Epoch {e + 1} lr {RATES[e]:.3f} loss {LOSS[e] / 4:.4f}".replace(".", ",") for e in range(EPOCHS)]
    found = explain(written(tmp_path, lines))
    assert [(c.before, c.after) for c in found.schedule.changes] == [(0.1, 0.01)]
    np.testing.assert_allclose(found.log.judged[0].values, LOSS / 4, atol=1e-4)
    thousands = [f"Epoch {e + 1} images 1,250 loss {1000 * LOSS[e]:,.0f}" for e in range(EPOCHS)]
    found = explain(written(tmp_path, thousands))
    np.testing.assert_allclose(found.log.judged[0].values, np.round(1000 * LOSS), atol=0.6)


def test_mxnet_tells_a_change_before_the_epoch_that_has_it(tmp_path):
    lines = []
    for e in range(EPOCHS):
        if e == 30:
            lines.append("INFO:root:Update[11731]: Change learning rate to 1.00000e-02")
        lines.append(f"INFO:root:Epoch[{e}] Train-accuracy={1 - ERROR[e] / 100:.6f}")
        lines.append(f"INFO:root:Epoch[{e}] Validation-accuracy={1 - ERROR[e] / 100 - 0.02:.6f}")
    assert set(drops(explain(written(tmp_path, lines)))) == set(AT_30)


def test_paddle_names_the_scheduler_behind_the_rate(tmp_path):
    lines = [
        f"[Train][Epoch {e + 1}/60][Avg] lr(PiecewiseDecay): {RATES[e]:.8f}, top1: 0.8, CELoss: {LOSS[e]:.5f}"
        for e in range(EPOCHS)
    ]
    assert [c.milestone for c in explain(written(tmp_path, lines)).schedule.changes] == [30]


def table(rates, values, **more):
    return pd.DataFrame({"epoch": range(1, len(values) + 1), "val_err": values, "lr": rates} | more)


def test_changes_two_points_apart_are_changes():
    rates = [0.02] * 20 + [0.002] * 2 + [0.0002] * 8
    found = explain(table(rates, np.r_[ERROR[10:30], 13 + 0.2 * noise(1, 10)]))
    assert [c.milestone for c in found.schedule.changes] == [20, 22] and found.schedule.kind == "steps"
    steps = [0.1 * 0.7 ** (e // 2) for e in range(30)]  # every second epoch is a smooth decay, not fifteen changes
    assert explain(table(steps, ERROR[:30])).schedule.changes == []


def test_a_warm_up_seen_at_few_points_is_no_change():
    rates = [0.002, 0.016, *[0.02] * 28, *[0.002] * 30]
    assert [c.milestone for c in explain(table(rates, ERROR)).schedule.changes] == [30]
    rounded = [0.0, *[1e-6] * 3, *[0.02] * 26, *[0.002] * 30]  # printed with six digits
    assert 30 in [c.milestone for c in explain(table(rounded, ERROR)).schedule.changes]
    assert all(c.after > 0.002 - 1e-9 for c in explain(table(rounded, ERROR)).schedule.changes)


@pytest.mark.parametrize("at", [5, 6, 7, 8, 9, 12])
@pytest.mark.parametrize("curve", ["exponential", "power"])
def test_a_change_in_a_steep_smooth_beginning_is_not_credited_with_the_slope(at, curve):
    for seed in range(4):
        x = np.arange(1, 51)
        clean = 0.5 + 2 * np.exp(-x / 6) if curve == "exponential" else 1.8 + 2.5 * x**-0.36
        log = pd.DataFrame({"step": 1000 * x, "train_loss": clean + 0.005 * noise(seed, 50)})
        found = explain(log.assign(batch_size=np.where(x > at, 512, 256)))
        assert len(found.schedule.changes) == 1 and found.drops.empty
        assert "Nothing stands out of the noise at batch size 256 to 512" in str(found)


def test_a_level_that_falls_at_a_change_is_seen_in_noise_that_hides_the_point():
    seen = silent = 0
    for seed in range(12):
        rates = [0.05] * 45 + [0.005] * 45
        values = np.r_[[11.0] * 45, [8.0] * 45] + 0.6 * noise(seed, 90)
        found = explain(table(rates, values))
        right = drops(found) == [(46, 45, 0, "schedule")]
        seen += right and abs(found.drops["size"].iloc[0] - 3) < 1
        silent += explain(table(rates, 11 + 0.6 * noise(seed, 90))).drops.empty
    assert seen >= 11 and silent == 12


def test_raw_losses_of_steps_are_judged_over_long_windows():
    level = np.where(np.arange(1500) < 1000, 0.6, 0.4)
    log = pd.DataFrame({"step": range(0, 30000, 20), "loss": level * (1 + 0.2 * noise(3, 1500))})
    found = explain(log.assign(lr=np.where(level > 0.5, 0.1, 0.01)))
    assert len(found.drops) == 1 and found.drops["size"].iloc[0] == pytest.approx(0.2, abs=0.06)
    assert found.drops["found"].iloc[0] == "by looking at the change of the schedule"


def test_a_change_too_near_the_end_is_not_called_without_effect():
    rates = [0.02] * 8 + [0.002] * 3 + [0.0002]
    told = str(explain(table(rates, np.r_[33 + 0.1 * noise(0, 8), 27.0, 26.9, 26.8, 26.7])))
    assert "Too near the beginning or the end to be judged (5 points are needed on either side)" in told
    assert "stands out" not in told


def test_of_several_runs_in_one_table_the_judged_one_is_named(tmp_path):
    lines = ['"Step","cosine - val_loss","step - val_loss"']
    lines += [f'"{e}","{1 + 1 / (1 + e):.4f}","{LOSS[e]:.4f}"' for e in range(EPOCHS)]
    told = " ".join(str(explain(written(tmp_path, lines, "wandb.csv"))).split())
    assert "the log holds 2 runs (1: cosine, 60 records; 2: step, 60 records); this is run 2" in told
