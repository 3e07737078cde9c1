"""Logs as strangers have them, each with one thing that was once answered wrongly."""

import re

import numpy as np
import pandas as pd
import pytest

from errordrops import explain
from errordrops.explain.rates import turns
from errordrops.explain.wording import with_half
from made_logs import EPOCHS, curve, halved, log, spoken, step


def written(folder, lines, name="log.txt"):
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def first(found):
    return str(found).splitlines()[0]


def test_a_point_that_is_a_mean_over_both_sides_of_a_change(tmp_path):
    """Darknet: thousands of steps are judged as means over a dozen, and a change lies within one of them."""
    rng = np.random.default_rng(0)
    lines = []
    for it in range(1, 6001):
        loss = (1 + 2 * (1 + it / 100) ** -0.6) * (1.0 if it < 4000 else 0.6) * np.exp(0.1 * rng.normal())
        lines.append(f" {it}: {loss:.6f}, {loss:.6f} avg loss, {0.001 if it < 4000 else 0.0001:.6f} rate, 2.1 seconds")
    found = explain(written(tmp_path, lines))
    assert first(found).startswith("The drop is at a change of the schedule (step 40")
    assert "does not explain a fall" not in spoken(found)


def test_a_fall_of_the_rate_is_never_said_to_bring_no_fall():
    """A curve evaluated every tenth epoch drops one evaluation after the change."""
    test = np.where(EPOCHS % 10 == 0, 20 * curve(step(69, 0.5)), np.nan)
    frame = log(train=step(60, 0.5), lr=0.1 * step(52, 0.1)).assign(test_error=test)
    assert "it falls, which brings less noise and does not explain a fall" not in spoken(explain(frame))


def test_a_configuration_in_steps_agrees_with_the_rate_of_the_log(tmp_path):
    lines = ["I1201 solver.cpp:48] Initializing solver from parameters: ", "base_lr: 0.01", "stepvalue: 20000"]
    for it in range(0, 36001, 100):
        loss = (0.5 + (1 + it / 500) ** -0.5) * (1.0 if it < 20000 else 0.5)
        lines.append(f"I1201 12:00:00.0 1 solver.cpp:228] Iteration {it}, loss = {loss + 1e-3 * (it % 7):.5f}")
        lines.append(f"I1201 12:00:00.0 1 sgd_solver.cpp:106] Iteration {it}, lr = {0.01 if it < 20000 else 0.001}")
    assert "disagree" not in spoken(explain(written(tmp_path, lines)))


def test_the_settings_that_a_restart_prints_belong_to_it(tmp_path):
    lines = ["Namespace(arch=resnet50, epochs=90, lr=0.1)"]
    lines += [f"Epoch {e}: train_loss {v:.4f}" for e, v in enumerate(curve()[:47])]
    lines += [
        "Namespace(arch=resnet50, epochs=90, lr=0.01, resume=c40.pth)",
        "=> loaded checkpoint 'c40.pth' (epoch 40)",
    ]
    lines += [f"Epoch {e}: train_loss {v:.4f}" for e, v in enumerate(curve(0.5)) if e >= 40]
    found = explain(written(tmp_path, lines))
    assert "learning rate 0.1 to 0.01 after 40 epochs" in spoken(found)
    assert {(d.label, d.cause) for d in found.drops.itertuples()} == {(40, "schedule")}


def test_warm_restarts_of_a_cosine_are_said_as_they_are():
    e = EPOCHS - 1
    rate = 0.1 * (1 + np.cos(np.pi * np.select([e < 10, e < 30], [e / 10, (e - 10) / 20], (e - 30) / 70))) / 2
    found = explain(pd.DataFrame({"epoch": e, "lr": rate, "train_loss": curve(0.5 + 6 * rate, 0.01)}))
    assert first(found).startswith("No sudden, lasting drop; rises at epochs 10 and 30, where the rate was raised")
    assert "between these it falls" in spoken(found) and "rests" not in spoken(found)


@pytest.mark.parametrize("top", [40, 200])
def test_a_turn_stands_at_the_top_of_a_flat_curve(top):
    """Printed with four digits, a cosine hardly moves near its top."""
    k = np.arange(5000)
    rate = np.minimum(1, k / top) * (0.1 + 0.45 * (1 + np.cos(np.pi * k / 5000)))
    seen = np.array([float(f"{v:.3e}") for v in 1.5e-4 * rate])
    assert turns(seen)[1][1] == "falls" and abs(turns(seen)[1][0] - top) <= 3


def test_where_no_rate_is_known_nothing_is_denied():
    frame = pd.DataFrame(
        {"epoch": EPOCHS, "train/box_loss": curve(step(90, 0.8), 0.005), "val/box_loss": curve(step(90, 0.8))}
    )
    found = explain(frame)
    assert "where object detectors switch augmentation off by default" in first(found)
    assert "does not change here" not in spoken(found) and "not at a change" not in spoken(found).lower()


def test_levels_and_the_effect_between_them_agree():
    """On a steep curve medians of five points lie further apart than the level shifts at the place."""
    found = explain(log(train=step(12, 0.5), test=step(12, 0.5), lr=0.1 * step(12, 0.1)))
    told = re.search(r"train loss fell by ([\d.]+) ± [\d.]+, from ([\d.]+) to ([\d.]+)\.", spoken(found))
    size, before, after = (float(text) for text in told.groups())
    assert abs(before - after - size) < 0.005 and before > after


@pytest.mark.parametrize(
    ("value", "half", "words"),
    [
        (0.347, 0.018, "0.347 ± 0.018"),
        (0.135414, 0.000065, "0.1354 ± 0.0001"),
        (20.0, 1e-9, "20"),
        (24.68, 0.68, "24.68 ± 0.68"),
    ],
)
def test_no_more_digits_than_one_would_say(value, half, words):
    assert with_half(value, half) == words


def test_one_drop_is_one():
    found = explain(halved(30))
    assert "after a round number of epochs" in spoken(found) and "after them" not in spoken(found)


def test_a_rate_ahead_of_each_epoch_holds_for_it(tmp_path):
    """The well-known script for ResNets on CIFAR prints the rate, then trains."""
    lines = []
    for e, v in enumerate(curve(step(31, 0.5))[:60]):
        lines += [f"current lr {0.1 if e < 31 else 0.01:.5e}", f"Epoch: [{e}][390/391]\tLoss {v:.4f} ({v:.4f})"]
        lines += ["Test: [0/79]\tLoss 0.3 (0.3)\tPrec@1 88.2 (88.2)", f" * Prec@1 {100 - 20 * v:.3f}"]
    found = explain(written(tmp_path, lines))
    assert "learning rate 0.1 to 0.01 after 31 epochs, in the first epoch after it" in spoken(found)


def test_a_change_that_is_told_with_an_arrow(tmp_path):
    lines = []
    for e, v in enumerate(curve(step(30, 0.5))[:60]):
        lines += ["lr decay: 0.1 -> 0.01"] if e == 30 else []
        lines.append(f"[Epoch {e + 1:3d}] train loss = {v:.4f} | test acc = {100 - 20 * v:.2f}%")
    found = explain(written(tmp_path, lines))
    assert {(d.label, d.cause, d.milestone) for d in found.drops.itertuples()} == {(31, "schedule", 30)}


def test_a_held_out_curve_that_rises_is_in_the_first_line():
    frame = log(lr=0.1 * step(30, 0.1)).assign(train_loss=curve(step(30, 0.5), seed=2))
    found = explain(frame.assign(test_error=20 * curve(step(30, 1.3), seed=4)))
    assert first(found).endswith("expected, not a bug; but test error rose at epoch 31.")
