"""Readers: every format gives the curves and the schedule that were written, and nothing breaks on what is no log."""

import gzip
import pickle
import sys

import numpy as np
import pandas as pd
import pytest

import written_consoles  # adds its formats to the list
import written_logs
from errordrops import explain
from errordrops.errors import UserError
from errordrops.explain.readers import LogError, NoCurve, read_frame, read_log
from errordrops.explain.readers.column_names import meaning

assert written_consoles.sacred in written_logs.WRITERS
RUN = written_logs.run()


@pytest.mark.parametrize("write", written_logs.WRITERS, ids=lambda f: f.__name__)
def test_every_format_tells_the_same_story(write, tmp_path):
    path = write(tmp_path)
    stated = written_logs.MILESTONES if write in written_logs.WITHOUT_RATE else None
    found = explain(path, milestones=stated)
    held = next(c for c in found.log.judged if c.split in ("validation", "test"))
    expected = RUN["val_loss"] if held.kind == "loss" else 100 - RUN["val_acc"]
    np.testing.assert_allclose(held.values, expected, rtol=2e-3, atol=6e-3)
    drops = found.drops[found.drops["curve"] == held.name]
    assert [(d.epoch, d.milestone, d.cause) for d in drops.itertuples()] == [(26, 25, "schedule"), (46, 45, "schedule")]
    assert set(found.drops["cause"]) == {"schedule"} and found.missed.empty


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("val/top-1", ("metric", "validation", "accuracy", "error")),
        ("testErr@1", ("metric", "test", "error", "error")),
        ("trainloss", ("metric", "train", "loss", "loss")),
        ("eval_accuracy", ("metric", "validation", "accuracy", "error")),
        ("valid ppl", ("metric", "validation", "loss", "perplexity")),
        ("val_error5", ("metric", "validation", "error", "top-5 error")),
        ("metrics/mAP50-95(B)", ("metric", "", "accuracy", "100 - mAP50 95")),
        ("lr-SGD/pg1", ("lr", "", "", "")),
        ("train/learnig_rate", ("lr", "", "", "")),
        ("trainer/global_step", ("step", "", "", "")),
        ("batchSize", ("batch", "", "", "")),
    ],
)
def test_names_are_understood(name, expected):
    found = meaning(name)
    assert (found.role, found.split, found.kind, found.label) == expected


@pytest.mark.parametrize(
    "name",
    """train_time grad_norm best_acc lr_sched_factors learningRateDecayRatio val_acc__MAX weight_decay n_parameters
    max_accuracy test_bs loss_scale gpu_memory prob""".split(),
)
def test_what_is_no_curve_is_left_alone(name):
    assert meaning(name) is None


def test_columns_can_be_named():
    frame = RUN.rename(columns={"epoch": "t", "val_acc": "score", "lr": "eta"})[["t", "score", "eta"]]
    log = read_frame(frame, {"t": "epoch", "score": "test accuracy", "eta": "lr"})
    assert (
        [c.name for c in log.judged] == ["test error"] and log.axis.unit == "epoch" and "learning rate" in log.settings
    )
    with pytest.raises(LogError, match="there is no column 'nope'"):
        read_frame(RUN, {"nope": "test error"})
    with pytest.raises(UserError, match="cannot be 'banana'"):
        read_frame(RUN, {"val_acc": "banana"})


def test_training_went_back_and_later_epochs_count():
    again = RUN[30:].assign(val_acc=RUN["val_acc"][30:] - 1)
    log = read_frame(pd.concat([RUN[:35], again]))
    assert log.axis.restarts == [31]
    np.testing.assert_allclose(log.main.values[30:], 101 - RUN["val_acc"][30:])
    assert len(read_frame(pd.concat([RUN, RUN])).main.values) == 60


def test_an_earlier_epoch_that_is_only_named_makes_nothing_void(tmp_path):
    told = [f"Epoch {r.epoch} train_loss={r.train_loss} val_acc={r.val_acc}%" for r in RUN.itertuples()]
    told[40:40] = ["best model of epoch 12 saved", "resuming from epoch 40"]
    log = read_log(written_logs.lines(tmp_path, "log.txt", told))
    assert len(log.main.values) == 60 and not log.axis.restarts
    np.testing.assert_allclose(log.main.values, 100 - RUN["val_acc"], atol=1e-6)


def test_minibatches_become_epochs_or_windows():
    steps = pd.DataFrame(written_logs.minibatches(RUN, per_epoch=20), columns=["epoch", "step", "loss"])
    by_epoch = read_frame(steps).main
    np.testing.assert_allclose(by_epoch.values, steps.groupby("epoch")["loss"].mean())
    held = pd.DataFrame({"step": RUN["epoch"] * written_logs.STEPS, "val_acc": RUN["val_acc"]})
    both = pd.concat([steps[["step", "loss"]], held]).sort_values("step", kind="stable")
    train = next(c for c in read_frame(both).judged if c.split == "train")
    np.testing.assert_allclose(train.values, by_epoch.values)
    many = pd.DataFrame({"step": np.arange(50_000), "loss": np.linspace(2, 1, 50_000)})
    assert len(read_frame(many).main.values) == 500


def test_what_was_measured_before_training_is_left_out():
    frame = pd.DataFrame({"step": np.arange(0, 6100, 100), "val_loss": np.append(9.0, RUN["val_loss"])})
    assert list(read_frame(frame).main.labels[:2]) == [100, 200]


def test_an_evaluation_in_epoch_0_is_before_training():
    first = pd.DataFrame({"epoch": [0], "val_acc": [1.0]})
    log = read_frame(pd.concat([first, RUN]))
    assert len(log.main.values) == 60 and log.axis.base == 1 and any("before training" in note for note in log.notes)
    assert len(read_frame(RUN.assign(epoch=RUN["epoch"] - 1)).main.values) == 60


@pytest.mark.parametrize(
    ("columns", "stem", "expected"),
    [
        (["train_loss", "valid_loss", "accuracy"], "history", "validation error"),  # fastai
        (["loss", "accuracy", "val_loss"], "history", "train error"),  # Keras
        (["loss", "accuracy"], "test", "test error"),
        (["loss", "accuracy"], "log", "train error"),
    ],
)
def test_splits_that_no_name_tells(tmp_path, columns, stem, expected):
    values = {"accuracy": RUN["val_acc"]}
    RUN[["epoch"]].assign(**{c: values.get(c, RUN["val_loss"]) for c in columns}).to_csv(tmp_path / f"{stem}.csv")
    assert expected in {c.name for c in read_log(tmp_path / f"{stem}.csv").curves}


def test_few_epochs_are_looked_into():
    """Detection is trained for 12 epochs; the rate falls after 8 of them."""
    rng = np.random.default_rng(0)
    step = np.arange(1, 1201)
    epoch, late = (step - 1) // 100 + 1, step > 800
    loss = (0.5 + 3 / np.sqrt(step + 10)) * np.where(late, 0.7, 1) * np.exp(0.05 * rng.normal(size=1200))
    found = explain(pd.DataFrame({"epoch": epoch, "loss": loss, "lr": np.where(late, 0.002, 0.02)}))
    assert [(d.cause, d.milestone) for d in found.drops.itertuples()] == [("schedule", 8)]
    stated = explain(pd.DataFrame({"epoch": epoch - 1, "loss": loss}), milestones=[8])
    assert [(d.cause, d.milestone) for d in stated.drops.itertuples()] == [("schedule", 8)]


REFUSED = {
    "history.pkl": (pickle.dumps({"loss": [1, 2]}), "pickle"),
    "history.log": (pickle.dumps({"loss": [1, 2]}, protocol=0), "pickle"),
    "history.csv": (pickle.dumps({"loss": [1, 2]}, protocol=4), "pickle"),
    "model.pth": (b"PK\x03\x04archive/data.pkl", "pickle"),
    "log.npy": (b"\x93NUMPY\x01\x00", "NumPy"),
    "weights.h5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "empty.csv": (b"", "empty"),
    "blank.csv": (b" \n\n", "empty"),
    "one.csv": (b"epoch,val_acc\n1,50\n", "fewer than two"),
    "nan.csv": (b"epoch,val_acc\n1,nan\n2,nan\n3,inf\n", "fewer than two"),
    "unknown.csv": (b"t,xyz\n1,50\n2,60\n3,70\n", "--column"),
    "headless.csv": (b"1,50\n2,60\n3,70\n", "no table: .* first line must name the columns"),
    "noise.csv": (np.random.default_rng(0).bytes(5000), "no text"),
    "deep.json": (b"[" * 100_000, "Tried"),
    "cut.csv.gz": (gzip.compress(RUN.to_csv().encode())[:200], "unpacked"),
    "broken.csv.gz": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 50, "unpacked"),
    "impossible.csv": (b"epoch,val_acc\n" + b"".join(b"%d,%d\n" % (i, 3 * i) for i in range(99)), "exceeds 100 %"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_gets_a_reason(name, tmp_path):
    content, reason = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LogError, match=reason):
        read_log(tmp_path / name)


def test_a_pickle_is_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    for name in ("a.pkl", "b.csv", "c"):
        (tmp_path / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(LogError):
            read_log(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_folders_that_lead_in_circles(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    with pytest.raises(LogError, match="no files"):
        read_log(tmp_path)
    written_logs.plain_csv(tmp_path / "run")
    assert len(read_log(tmp_path).main.values) == 60


def test_of_several_tables_one_is_taken_and_the_others_are_counted(tmp_path):
    for name in ("train.csv", "fold2.csv", "fold3.csv"):
        RUN.to_csv(tmp_path / name, index=False)
    (tmp_path / "requirements.txt").write_text("torch\n", encoding="utf-8")
    note = next(note for note in read_log(tmp_path).notes if "read from" in note)
    assert "train.csv; 2 other files there may be logs (fold2.csv, fold3.csv): give the path" in note
    (tmp_path / "fold2.csv").unlink()
    (tmp_path / "fold3.csv").unlink()
    assert "read from train.csv" in read_log(tmp_path).notes


def test_a_log_without_a_known_column_says_what_it_has(tmp_path):
    (tmp_path / "odd.jsonl").write_text('{"t": 1, "xyz": 3}\n{"t": 2, "xyz": 4}\n', encoding="utf-8")
    with pytest.raises(NoCurve, match=r"--column 'xyz=test accuracy' --column t=epoch: .* \(t, xyz\)"):
        read_log(tmp_path / "odd.jsonl")
    with pytest.raises(NoCurve, match=r"none of them is understood as a curve \(t, xyz\)") as table:
        read_frame(pd.DataFrame({"t": [1, 2], "xyz": [3, 4]}))
    assert table.value.columns == [("t", ""), ("xyz", "")]
    with pytest.raises(LogError, match="there is no column 'nope'; the log has: t, xyz"):
        read_frame(pd.DataFrame({"t": [1, 2], "xyz": [3, 4]}), {"nope": "test error"})


def test_of_several_runs_one_is_taken_and_the_others_are_named(tmp_path):
    written_logs.tensorboard(tmp_path / "short")
    written_logs.tensorboard_keras(tmp_path / "short2")
    log = read_log(tmp_path)
    assert any("2 runs" in note and "short2" in note for note in log.notes)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_event_files_cut_off_or_broken_are_read_as_far_as_they_go(tmp_path, share):
    path = next(written_logs.tensorboard(tmp_path).iterdir())
    whole, content = len(read_log(path).judged[0].values), path.read_bytes()
    at = int(share * len(content))
    path.write_bytes(content[:at])
    cut = read_log(path)
    assert 0 < len(cut.judged[0].values) < whole
    path.write_bytes(content[:at] + b"\xff" * 400 + content[at + 400 :])
    broken = read_log(path)
    assert len(broken.judged[0].values) == len(cut.judged[0].values) and broken.notes


def test_event_files_without_their_package(tmp_path, monkeypatch):
    written_logs.tensorboard(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(LogError, match=r"pip install 'errordrops\[tensorboard\]'"):
        read_log(tmp_path)
