"""`errordrops explain`: what is laid to the schedule, what is not, the contract of --json, and the page."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import written_logs
from errordrops import cli, explain
from errordrops.errors import UserError
from errordrops.explaining import page
from test_page import CHROMIUM, browser

__all__ = ["browser"]  # a fixture
EPOCHS = np.arange(1, 101)


def curve(level=1.0, noise=0.02, seed=0):
    """A smooth, noisy curve of 100 epochs, shape (100,), times `level`."""
    rng = np.random.default_rng(seed)
    return (0.5 + 2 * EPOCHS**-0.7) * level * np.exp(noise * rng.normal(size=100))


def log(train=1.0, test=1.0, lr=0.1, **more):
    """A log with a training loss, a test error and a learning rate."""
    columns = {"epoch": EPOCHS, "train_loss": curve(train), "test_error": 20 * curve(test, seed=1), "lr": lr}
    return pd.DataFrame(columns | more)


def step(at, factor):
    """1 up to and with epoch `at`, then `factor`, shape (100,)."""
    return np.where(at < EPOCHS, factor, 1.0)


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


def falling(level, **columns):
    """A log of curves without any other drop than those of `level`."""
    return log(**columns).assign(train_loss=curve(level, seed=2), test_error=20 * curve(level, seed=4))


def halved(at=30, base=1):
    """A log that tells no rate, in which all curves halve once `at` epochs are completed; epochs count from `base`."""
    return falling(step(at, 0.5)).drop(columns="lr").assign(epoch=EPOCHS - 1 + base)


def spoken(found):
    """The answer as one line."""
    return " ".join(str(found).split())


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


@pytest.mark.parametrize(
    ("options", "milestones"),
    [
        ({"milestones": [50]}, [50]),
        ({"lr_schedule": "step:50:0.1"}, [50]),
        ({"lr_schedule": "multistep:50,80"}, [50, 80]),
        ({"lr_schedule": "cosine"}, []),
        ({"lr_schedule": "constant"}, []),
    ],
)
def test_a_schedule_that_is_stated(options, milestones):
    found = explain(log(train=step(50, 0.6), test=step(50, 0.6)).drop(columns="lr"), **options)
    assert [c.milestone for c in found.schedule.changes] == milestones
    assert set(found.drops["milestone"].dropna()) == set(milestones[:1])
    assert (found.drops["cause"] == "schedule").all() == bool(milestones)


def test_epochs_counted_from_zero_and_steps():
    frame = log(train=step(50, 0.6), test=step(50, 0.6)).drop(columns="lr")
    from_zero = explain(frame.assign(epoch=EPOCHS - 1), milestones=[50]).drops
    assert set(from_zero["label"]) == {50} and set(from_zero["epoch"]) == {51} and set(from_zero["milestone"]) == {50}
    steps = frame.rename(columns={"epoch": "step"}).assign(step=EPOCHS * 391)
    for options in ({"milestones": [50]}, {"milestones": [50 * 391]}, {"milestones": [50], "steps_per_epoch": 391}):
        assert set(explain(steps, **options).drops["cause"]) == {"schedule"}


def test_an_epoch_has_one_number():
    from_zero, from_one = explain(halved(base=0), milestones=[30]), explain(halved(base=1), milestones=[30])
    assert "\nEpoch 30 of the log (its 31st point): " in str(from_zero)
    assert "\nEpoch 31: " in str(from_one) and "of the log" not in str(from_one)
    coarse = halved(base=0)
    coarse.loc[coarse["epoch"] % 5 > 0, "test_error"] = np.nan
    only = explain(coarse.drop(columns="train_loss"), milestones=[30])
    assert "\nEpoch 30 of the log (its 7th point): " in str(only)


def placed(found):
    """(labels of the rules, steps of the rate as (label, rate)) in the picture."""
    spec = found.chart().to_dict()
    data = list(spec["datasets"].values())
    marks = {row["label"] for rows in data for row in rows if "what" in row}
    return marks, [(row["label"], row["rate"]) for rows in data for row in rows if "rate" in row]


@pytest.mark.parametrize(("base", "every", "place"), [(0, 1, 29.5), (1, 1, 30.5), (0, 5, 27.5), (1, 5, 28.5)])
def test_rules_and_the_rate_stand_between_the_levels_in_the_logs_own_labels(base, every, place):
    frame = halved(base=base).assign(lr=0.1 * step(30, 0.1))[::every].reset_index(drop=True)
    if every > 1:  # rows of epochs 1, 6, 11, ...: the first at the new level is the 31st
        frame.loc[:, "test_error"] = 20 * curve(step(30, 0.5))[::every]
    found = explain(frame)
    marks, rate = placed(found)
    assert marks == {place} and next(at for at, value in rate if value < 0.05) == place
    assert not found.schedule.changes or frame["epoch"].iloc[30 // every] == pytest.approx(place + every / 2)
    stated = explain(frame.drop(columns="lr"), milestones=[30 if every == 1 else 6])
    assert every > 1 or placed(stated) == ({place}, [])


def test_rules_of_steps_stand_between_two_evaluations():
    frame = halved().rename(columns={"epoch": "step"}).assign(step=EPOCHS * 391, lr=0.1 * step(30, 0.1))
    marks, rate = placed(explain(frame))
    assert marks == {30.5 * 391} == {at for at, _ in rate[1:-1]}
    for every, places in ((1, {30.5, 70.5}), (3, {30.5, 72.5})):  # the rate has rows of its own, perhaps fewer
        often = pd.DataFrame({"step": EPOCHS * 391 - 100, "lr": 0.1 * step(30, 0.1) * step(70, 0.1)})[::every]
        mixed = pd.concat([frame.drop(columns="lr"), often]).sort_values("step", kind="stable")
        marks, rate = placed(explain(mixed))
        assert marks == {at * 391 for at in places} == {at for at, _ in rate[1:-1]}


@pytest.mark.parametrize("points", [3, 10])
def test_a_short_log_is_too_short_to_tell(points):
    text = str(explain(log()[:points]))
    assert text.startswith("Too short to tell: the detector needs 11 ") and f"this log has {points}" in text
    assert str(explain(log()[:11])).startswith("No sudden, lasting drop")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"milestones": [100]}, "outside the log"),
        ({"milestones": [0]}, "outside the log"),
        ({"milestones": [float("nan")]}, "numbers of completed epochs"),
        ({"milestones": [5], "lr_schedule": "cosine"}, "not both"),
        ({"lr_schedule": "step:0:0.1"}, "not understood"),
        ({"lr_schedule": "step:1e-9:0.1"}, "times in this log"),
        ({"lr_schedule": "stairs"}, "not understood"),
        ({"steps_per_epoch": 0}, "positive"),
    ],
)
def test_mistakes_in_options_are_told(options, message):
    with pytest.raises(UserError, match=message):
        explain(log(), **options)


def test_the_contract_of_json(tmp_path, capsys):
    path = written_logs.plain_csv(tmp_path)
    assert cli.main(["explain", str(path), "--json", "--milestones", "25,45,59"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"drops", "rises", "missed", "schedule", "curves"} <= found.keys()
    for event in found["drops"]:
        assert {"epoch", "label", "curve", "size", "ratio", "confidence", "cause", "milestone"} <= event.keys()
    first = next(e for e in found["drops"] if e["curve"] == "validation error")
    assert (first["epoch"], first["label"], first["milestone"], first["cause"]) == (26, 26, 25, "schedule")
    assert 10 < first["size"] < 25 and 0.3 < first["ratio"] < 0.8 and 0 <= first["confidence"] <= 1
    assert [m["milestone"] for m in found["missed"]] == [59]
    curves = {c["curve"]: c for c in found["curves"]}
    assert (
        len(curves["validation error"]["value"]) == 60
        and curves["train loss"]["value"][0] == written_logs.run()["train_loss"][0]
    )
    json.dumps(found, allow_nan=False)


def test_the_command_answers_in_words_lists_and_tells_mistakes(tmp_path, capsys):
    path = str(written_logs.plain_csv(tmp_path))
    assert cli.main(["explain", path]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Both drops are at a change of the schedule (epochs 26 and 46)")
    assert "learning rate 0.1 to 0.01 after 25 epochs" in out and max(map(len, out.splitlines())) <= 100
    assert cli.main(["explain", path, "--list"]) == 0
    assert "val_acc     validation error" in capsys.readouterr().out
    for bad in (
        ["--column", "val_acc"],
        ["--milestones", "x"],
        ["--png", str(tmp_path / "a.txt")],
        ["--svg", "/proc/a.svg"],
    ):
        assert cli.main(["explain", path, *bad]) == 1
        assert capsys.readouterr().err.startswith("errordrops explain: ")


def test_columns_that_nothing_tells_are_listed_and_named(tmp_path, capsys):
    path = tmp_path / "odd.csv"
    pd.DataFrame({"t": EPOCHS, "top": 100 - 20 * curve(step(30, 0.5))}).to_csv(path, index=False)
    assert cli.main(["explain", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"errordrops explain: name the columns of {path} with --column NAME=MEANING, for instance ")
    assert "'top=test accuracy'" in error and "(t, top)" in error and "Caffe" not in error and "JSON" not in error
    assert cli.main(["explain", str(path), "--list"]) == 0
    shown = capsys.readouterr().out
    assert "  t    (not understood)\n  top  (not understood)\n" in shown and "'top=test accuracy'" in shown
    assert cli.main(["explain", str(path), "--column", "t=epoch", "--list"]) == 0
    assert "  t    epoch\n  top  (not understood)" in capsys.readouterr().out
    for more in ([], ["--list"]):
        assert cli.main(["explain", str(path), "--column", "tip=test accuracy", *more]) == 1
        assert "there is no column 'tip'; the log has: t, top" in capsys.readouterr().err
    assert cli.main(["explain", str(path), "--column", "top=test accuracy", "--column", "t=epoch"]) == 0
    assert "Epoch 31: test error fell" in capsys.readouterr().out


def test_explain_is_light(tmp_path):
    code = (
        "import sys, errordrops; assert 'pandas' not in sys.modules; found = errordrops.explain(sys.argv[1]); "
        "print(len(found.drops), found.to_json()[:1], str(found)[:4]); "
        "heavy = {'torch', 'tensorflow', 'altair', 'vl_convert', 'grpc', 'tensorboard'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    arguments = [sys.executable, "-c", code, str(written_logs.plain_csv(tmp_path))]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "8 { Both\n", "")


HOSTILE = "<script>window.struck = 1</script> val acc"
IMAGE = "</script><img src=x onerror='window.struck = 2'> train loss"


def hostile(tmp_path):
    frame = written_logs.run().rename(columns={"val_acc": HOSTILE, "train_loss": IMAGE})
    path = tmp_path / "<img src=x onerror='window.struck = 3'>.csv"
    frame.assign(note="=cmd|' /C calc'!A0").to_csv(path, index=False)
    return path


def test_nothing_from_the_log_is_markup_on_the_page(tmp_path):
    text = page.page(explain(hostile(tmp_path)))
    shown = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "<img" not in shown and "struck = 1</script>" not in shown and "=cmd" not in shown
    assert text.count("<script") == 3 and "default-src 'none'" in text
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", shown)


def test_pictures_and_facts_are_written(tmp_path):
    found = explain(written_logs.plain_csv(tmp_path))
    assert found.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in found.save(tmp_path / "a.svg").read_text()[:200]
    assert json.loads(found.save(tmp_path / "a.json").read_text())["drops"]
    with pytest.raises(UserError, match="must end in"):
        found.save(tmp_path / "a.doc")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH")
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1100, "dark")])
def test_the_page_is_drawn_offline_and_runs_nothing_of_the_log(browser, tmp_path, width, scheme):
    explain(hostile(tmp_path)).save(tmp_path / "page.html")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_offline(True)
    tab, wrong = context.new_page(), []
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.goto((tmp_path / "page.html").as_uri())
    tab.wait_for_function(
        "mode => document.querySelector('.canvas').dataset.drawn === mode", arg=scheme, timeout=20_000
    )
    assert tab.evaluate("window.struck === undefined") and not wrong
    assert tab.locator("svg.marks path").count() > 5
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bottom = "document.querySelector('svg.marks').getBoundingClientRect().bottom"
    assert 0 <= tab.evaluate(f"document.querySelector('.chart + .note').getBoundingClientRect().top - {bottom}") < 30
    context.close()
