"""Logs of the kinds that people ask about, in shapes of their own: what is laid to a change, what is not, and why."""

import json

import numpy as np
import pandas as pd
import pytest

from errordrops import explain
from made_logs import spoken


def noise(seed, n, size=0.01):
    return size * np.random.default_rng(seed).standard_normal(n)


def falls(n, at, seed=0, start=10.0, size=0.01):
    """A smooth curve of n epochs that falls by at[epoch] at each epoch of `at`, shape (n,)."""
    e = np.arange(n)
    level = 1 + np.exp(-e / start) - sum(fall * (e >= epoch) for epoch, fall in at.items())
    return level + noise(seed, n, size)


def written(tmp_path, lines, name="log.txt"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def told(found):
    """(label of the first point, cause) of the drops, each once."""
    return sorted({(d.label, d.cause) for d in found.drops.itertuples()})


def first(found):
    return str(found).splitlines()[0]


def mxnet(tmp_path, changes, at, n=150):
    """A log whose rate is told by messages alone; a message stands before the epoch that has it."""
    values = falls(n, at)
    lines = ["INFO:root:start with arguments Namespace(batch_size=128, lr=0.1, model_load_epoch=0, num_epochs=150)"]
    for e in range(n):
        if e in changes:
            lines.append(f"INFO:root:Update[{e * 391 + 1}]: Change learning rate to {changes[e]:.5e}")
        lines += [f"INFO:root:Epoch[{e}] Train-accuracy={1 - values[e] / 4:.6f}", f"INFO:root:Epoch[{e}] Time cost=9.1"]
        lines.append(f"INFO:root:Epoch[{e}] Validation-accuracy={0.98 - values[e] / 4:.6f}")
    return written(tmp_path, lines)


def test_a_message_dates_its_change_and_explains_no_other_drop(tmp_path):
    found = explain(mxnet(tmp_path, {100: 0.01, 130: 0.001}, {60: 0.25, 100: 0.3}))
    assert told(found) == [(60, "not the schedule"), (100, "schedule")]
    assert first(found) == "1 of 2 drops is at a change of the schedule (epoch 100); epoch 60 is not."
    assert [(c.before, c.after, c.milestone) for c in found.schedule.changes] == [(0.1, 0.01, 100), (0.01, 0.001, 130)]
    assert found.drops.groupby("label")["milestone"].nunique(dropna=False).max() == 1


def test_a_message_some_epochs_away_is_not_the_cause(tmp_path):
    found = explain(mxnet(tmp_path, {100: 0.01}, {80: 0.3}))
    assert told(found) == [(80, "not the schedule")] and list(found.missed["milestone"]) == [100]


def test_the_rate_of_a_restart_counts(tmp_path):
    values, lines = falls(60, {20: 0.2, 35: 0.35}), ["Namespace(arch='r50', lr=0.1, epochs=90, resume='')"]
    for e in range(60):
        if e == 35:
            lines += ["Namespace(arch='r50', lr=0.01, epochs=90, start_epoch=35)", "=> loading checkpoint 'c.pth'"]
        lines.append(f"Epoch: [{e}] train loss {values[e]:.4f} val loss {values[e] + 0.2:.4f}")
    found = explain(written(tmp_path, lines))
    assert told(found) == [(20, "not the schedule"), (35, "schedule")]
    assert [(c.before, c.after) for c in found.schedule.changes] == [(0.1, 0.01)]


@pytest.mark.parametrize(
    "line",
    [
        "Loading checkpoint from runs/last.pt",
        "Namespace(model_load_epoch=35, gpus='0')",
        "Resuming training from epoch 35",
    ],
)
def test_a_restart_that_only_words_tell(tmp_path, line):
    values, lines = falls(60, {35: 0.35}), []
    for e in range(60):
        lines += [line] if e == 35 else []
        lines.append(f"epoch {e}: train loss {values[e]:.4f}, val loss {values[e] + 0.2:.4f}, lr 0.1")
    found = explain(written(tmp_path, lines))
    assert told(found) == [(35, "restart")] and "training was resumed" in first(found)


def test_warm_up_messages_date_the_first_change_only(tmp_path):
    values, lines = falls(80, {30: 0.2, 50: 0.3}), []
    for e in range(80):
        lines += [f"warmup: set learning rate to {0.02 * (e + 1):.3f}"] if e < 5 else []
        lines += ["Setting learning rate to 0.01"] if e == 50 else []
        lines.append(f"epoch {e + 1}: loss={values[e]:.4f} val_loss={values[e] * 1.1:.4f}")
    found = explain(written(tmp_path, lines))
    assert told(found) == [(31, "not the schedule"), (51, "schedule")]
    assert "moves gradually here" not in spoken(found) and [c.milestone for c in found.schedule.changes] == [50]


@pytest.mark.parametrize(
    "heading",
    [
        '{"lr_steps": "30,40,50", "lr": 0.01}',
        "Namespace(lr=0.01, lr_decay_epoch='30,40,50', epochs=60)",
        "python main.py --lr 0.01 --lr_steps 30 40 50 --epochs 60",
        "lr_config = dict(policy='step', warmup='linear', step=[30, 40, 50])",
        "milestones:\n- 30\n- 40\n- 50",
    ],
)
def test_a_configuration_beside_a_column_of_the_initial_rate(tmp_path, heading):
    values = falls(60, {30: 0.3, 40: 0.1}, size=0.006)
    rows = [
        json.dumps({"epoch": e, "train_loss": values[e], "val_acc": 80 - 10 * values[e], "lr": 0.01}) for e in range(60)
    ]
    found = explain(written(tmp_path, [heading, *rows]))
    assert [c.milestone for c in found.schedule.changes] == [30, 40, 50]
    assert told(found) == [(30, "schedule"), (40, "schedule")]
    assert any("seems to be the initial one" in note for note in found.schedule.notes)


def test_a_configuration_that_a_column_contradicts_is_told(tmp_path):
    rows = ["# milestones: [30, 60]", "epoch,train_loss,lr"]
    rows += [f"{e + 1},{v:.4f},{0.1 if e < 40 else 0.01}" for e, v in enumerate(falls(90, {40: 0.3}))]
    found = explain(written(tmp_path, rows, "log.csv"))
    assert told(found) == [(41, "schedule")] and any("disagree" in note for note in found.schedule.notes)


def test_a_cosine_in_the_configuration_is_no_step_schedule(tmp_path):
    lines = ["Namespace(sched='cosine', decay_epochs=30, lr=0.1, epochs=90)"]
    lines += [f"epoch {e} train loss {v:.4f}" for e, v in enumerate(falls(90, {30: 0.3}))]
    found = explain(written(tmp_path, lines))
    assert found.schedule.kind == "smooth" and told(found) == [(30, "not the schedule")]


def test_a_short_bump_of_the_rate_is_two_changes():
    rates = np.where(np.arange(60) == 30, 0.8, 0.1)
    found = explain(pd.DataFrame({"epoch": range(60), "train_loss": falls(60, {}), "lr": rates}))
    assert [(c.before, c.after, c.milestone) for c in found.schedule.changes] == [(0.1, 0.8, 30), (0.8, 0.1, 31)]


@pytest.mark.parametrize(
    "line", ["--->No mosaic aug now!", "Closing dataloader mosaic", "Switching off mixup and mosaic"]
)
def test_augmentation_that_the_log_says_is_switched_off(tmp_path, line):
    values, lines = falls(60, {46: 0.2}), []
    for e in range(60):
        lines += [f"INFO | {line}"] if e == 46 else []
        lines.append(f"INFO | epoch {e} train_loss: {values[e]:.4f} val_loss: {values[e] + 0.1:.4f} lr: 0.01")
    found = explain(written(tmp_path, lines))
    assert told(found) == [(46, "augmentation switched off")] and "augmentation was switched off" in first(found)


def test_a_coarse_curve_is_not_laid_to_a_change_far_away():
    values = falls(200, {30: 0.3, 120: 0.15})
    frame = pd.DataFrame(
        {"epoch": np.arange(1, 201), "val_err": 20 * values, "lr": np.where(np.arange(200) < 100, 0.1, 0.01)}
    )
    frame.loc[frame["epoch"] % 20 > 0, "val_err"] = np.nan
    found = explain(frame.assign(train_loss=values))
    assert "schedule" not in set(found.drops["cause"]) and list(found.missed["milestone"]) == [100]


@pytest.mark.parametrize("shape", ["fractions", "rounded", "total"])
def test_passes_are_found_from_whatever_tells_epochs(tmp_path, shape):
    steps = np.arange(10, 631, 10)
    values = 1.2 * (1.0 + steps) ** -0.05 * 0.86 ** np.ceil(steps / 210 - 1) * np.exp(noise(3, 63, 0.03))
    lines = ["  Num Epochs = 3", "  Total optimization steps = 630"] if shape == "total" else []
    for step, value in zip(steps, values, strict=True):
        epoch = {"fractions": {"epoch": step / 210}, "rounded": {"epoch": round(step / 210, 2)}, "total": {}}[shape]
        lines.append(json.dumps({"loss": round(value, 4), "step": int(step), "learning_rate": 2e-5} | epoch))
    found = explain(written(tmp_path, lines))
    assert told(found) == [(220, "new epoch"), (430, "new epoch")]
    assert "the model sees the data again" in spoken(found)


def test_without_stairs_no_pass_is_named(tmp_path):
    steps, named = np.arange(10, 631, 10), 0
    for seed in range(20):
        values = 1.2 * (1.0 + steps) ** -0.05 * np.exp(noise(seed, 63, 0.03))
        named += len(explain(pd.DataFrame({"step": steps, "epoch": steps / 210, "loss": values})).drops) > 0
    assert named <= 1


def test_where_no_epoch_is_known_a_new_pass_is_among_the_causes():
    steps = np.arange(10, 1010, 10)
    values = (1 - 0.2 * (steps > 500)) * np.exp(noise(1, 100, 0.01))
    found = explain(pd.DataFrame({"step": steps, "train_loss": values, "lr": 1e-4}))
    assert told(found) == [(510, "not the schedule")] and "a new pass over the data" in spoken(found)


def test_a_lasting_rise_is_the_headline():
    values = falls(50, {33: -0.9})
    assert first(explain(pd.DataFrame({"epoch": range(50), "train_loss": values}))).startswith(
        "Train loss rose suddenly at epoch 33"
    )
    values[40:] = np.nan
    found = explain(pd.DataFrame({"epoch": range(50), "train_loss": values, "val_loss": values + 0.1}))
    assert first(found).startswith("Training diverged at epoch 40: validation loss and train loss are not numbers")


def test_losses_that_fall_are_no_accuracies(tmp_path):
    lines = [
        f"[Epoch {e}] train={v:.6f} val={v + 0.02:.6f} loss={v * v:.6f} time: 3.2"
        for e, v in enumerate(falls(40, {}) / 3)
    ]
    found = explain(written(tmp_path, lines))
    assert {c.name for c in found.log.judged} == {"validation loss", "train loss"}
    rmse = [f"epoch {e}: Validation-rmse={v:.6f}" for e, v in enumerate(falls(40, {}))]
    assert {c.kind for c in explain(written(tmp_path, rmse)).log.judged} == {"loss"}


def test_scores_of_classes_and_the_best_so_far_are_no_curves(tmp_path):
    lines = []
    for e, v in enumerate(falls(30, {})):
        lines.append(f"Epoch {e} loss: {v:.4f}")
        lines += [f"Accuracy of {name} : {int(70 - 30 * v + k)} %" for k, name in enumerate(("plane", "car", "bird"))]
        lines += [f"Accuracy of the network on the 10000 test images: {80 - 30 * v:.2f} %", "best acc so far: 77.3"]
    found = explain(written(tmp_path, lines))
    held = next(c for c in found.log.judged if c.split == "test")
    np.testing.assert_allclose(held.values, 20 + 30 * falls(30, {}), atol=0.01)
    best = explain(pd.DataFrame({"epoch": range(30), "val_acc": 80 - 10 * falls(30, {}, size=0.1)}).assign(
        val_acc_top=lambda t: t["val_acc"].cummax()))  # fmt: skip
    assert [c.column for c in best.log.judged] == ["val_acc"]


def test_several_evaluation_sets_are_several_curves():
    frame = pd.DataFrame(
        {"epoch": range(40), "val/mnist/acc": 90 - 10 * falls(40, {}), "val/svhn/acc": 70 - 10 * falls(40, {}, 1)}
    )
    names = {c.name for c in explain(frame).log.judged}
    assert names == {"validation error (mnist)", "validation error (svhn)"}


def test_digits_behind_a_name_are_no_value(tmp_path):
    lines = [f"epoch {e} loss1 loss2 loss3 | train loss: {v:.4f}" for e, v in enumerate(falls(30, {}))]
    np.testing.assert_allclose(explain(written(tmp_path, lines)).log.judged[0].values, falls(30, {}), atol=1e-4)


def test_columns_without_names_are_named_by_number(tmp_path):
    rows = [f"{e + 1} {v:.4f} {80 - 10 * v:.3f}" for e, v in enumerate(falls(50, {30: 0.3}))]
    path = written(tmp_path, rows, "numbers.txt")
    found = explain(path, columns={"1": "epoch", "3": "test accuracy", "2": "train loss"}, milestones=[30])
    assert told(found) == [(31, "schedule")] and {c.name for c in found.log.judged} == {"test error", "train loss"}


def test_named_arrays_are_read_and_pickles_in_them_are_not(tmp_path):
    np.savez(
        tmp_path / "log.npz",
        epoch=np.arange(60),
        train_loss=falls(60, {30: 0.3}),
        lr=np.where(np.arange(60) < 30, 0.1, 0.01),
    )
    assert told(explain(tmp_path / "log.npz")) == [(30, "schedule")]
    np.savez(tmp_path / "odd.npz", a=np.array([{1: 2}], dtype=object))
    with pytest.raises(Exception, match="no array of one dimension"):
        explain(tmp_path / "odd.npz")


@pytest.mark.parametrize("folder", [True, False])
def test_a_train_and_a_test_file_belong_together(tmp_path, folder):
    for name, more in (("train", 0.0), ("test", 0.2)):
        rows = [f"{e + 1},{v + more:.4f}" for e, v in enumerate(falls(60, {30: 0.2}))]
        written(tmp_path, ["epoch,loss", *rows], f"{name}.log")
    found = explain(tmp_path if folder else [tmp_path / "train.log", tmp_path / "test.log"], milestones=[30])
    assert {c.name for c in found.log.judged} == {"train loss", "test loss"} and told(found) == [(31, "schedule")]


def test_of_several_runs_the_last_complete_one_is_explained(tmp_path):
    lines = []
    for at, n in ((30, 60), (40, 60), (99, 12)):
        lines += [
            f"Epoch {e + 1}/60 loss: {v:.4f} lr: {0.1 if e < at else 0.01}"
            for e, v in enumerate(falls(n, {at: 0.3}))
        ]  # fmt: skip
    path = written(tmp_path, lines)
    found = explain(path)
    assert (found.log.run, len(found.log.runs)) == (2, 3) and told(found) == [(41, "schedule")]
    assert told(explain(path, run=1)) == [(31, "schedule")] and "--run N chooses another" in spoken(found)
    with pytest.raises(Exception, match="there is no run 4; the log holds 3"):
        explain(path, run=4)


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (
            lambda e: 0.01 + 0.003 * e if e < 30 else 0.1 * (1 + np.cos(np.pi * (e - 30) / 70)) / 2,
            "rises until epoch 30, then falls",
        ),
        (lambda e: 0.001 + 0.001 * abs(e % 20 - 10), "in cycles of 20 epochs, highest at epochs 20, 40, 60, 80"),
        (lambda e: 0.1 * 0.97**e, "falls to the end"),
        (lambda e: round(2e-5 * (1 - e / 100), 6), "falls to the end"),
        (lambda e: 0.1 * (1 - e / 100) ** 0.9, "falls to the end"),
    ],
)
def test_gradual_schedules_are_described_by_their_turning_points(rate, words):
    found = explain(
        pd.DataFrame({"epoch": range(100), "train_loss": falls(100, {}), "lr": [rate(e) for e in range(100)]})
    )
    assert not found.schedule.changes and "moves gradually" in str(found) and words in spoken(found)


def test_a_mild_step_between_stretches_of_rest_is_a_change():
    found = explain(
        pd.DataFrame(
            {"epoch": range(60), "train_loss": falls(60, {30: 0.3}), "lr": np.where(np.arange(60) < 30, 0.1, 0.08)}
        )
    )
    assert told(found) == [(30, "schedule")]


def test_a_drop_where_the_rate_rises_is_not_denied_a_change():
    found = explain(
        pd.DataFrame(
            {"epoch": range(60), "train_loss": falls(60, {30: 0.3}), "lr": np.where(np.arange(60) < 30, 0.01, 0.1)}
        )
    )
    assert told(found) == [(30, "not the schedule")] and "it rises, which brings more noise" in spoken(found)
    assert "does not change here" not in spoken(found)
