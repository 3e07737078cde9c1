"""`errordrops explain`: what may be stated, how epochs are counted, the contract of --json, the page."""

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
from errordrops.explain import page
from made_logs import EPOCHS, curve, halved, log, step
from test_page import CHROMIUM, browser

__all__ = ["browser"]  # a fixture


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
        "import sys, errordrops, errordrops.cli; assert not {'numpy', 'pandas'} & set(sys.modules); "
        "found = errordrops.explain(sys.argv[1]); "
        "print(len(found.drops), found.to_json()[:1], str(found)[:4]); "
        "heavy = {'torch', 'tensorflow', 'altair', 'vl_convert', 'grpc', 'tensorboard', 'scipy', 'yaml', 'jsonschema', "
        "'matplotlib', 'errordrops.results', 'errordrops.study', 'errordrops.figures.theme'} & set(sys.modules); "
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
