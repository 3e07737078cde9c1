"""The progress display: what it reads, when it speaks, and that it says few words."""

import io
import json
import logging
import time

import pytest
from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import TestLogHandlerBase

from errordrops.progress import closing, failures, logs, plain, screen
from errordrops.progress import job_events as events
from errordrops.progress import phrases as words
from errordrops.progress.board import board
from errordrops.progress.briefing import EVENT, changes
from errordrops.progress.display import Display, error_in_curve
from errordrops.results.layout import Layout
from errordrops.study.plan import find_run
from errordrops.study.study import REPOSITORY, load
from snakemake_logger_plugin_errordrops import LogHandler, LogHandlerSettings

LINE = (
    "epoch {}/6  lr {}  batch 20  updates 50  train loss 0.9000  train error 30.00 %  "
    "test error {} % ({} % recomputed)  0.4 s  left 0:00:02"
)


class TestPlugin(TestLogHandlerBase):
    """What Snakemake's interface asks of every logger plugin."""

    __test__ = True

    def get_log_handler_cls(self):
        return LogHandler

    def get_log_handler_settings(self):
        return LogHandlerSettings()


def briefing(folder, **changed):
    """Two runs, `none` and its fork `step` after epoch 2, and a page."""

    def run(arm, inherited, changes, parent):
        log = folder / f"runs/{arm}/seed0/train.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        curve = str(folder / f"runs/{parent}/seed0/curve.csv") if parent else None
        where = {"log": str(log), "written": log.stat().st_size if log.exists() else 0, "parent_curve": curve}
        own = {"epochs": 6, "inherited": inherited, "changes": changes, "reference": False}
        return {"study": "smoke", "arm": arm, "seed": "0"} | own | where

    runs = [run("none", 0, [], None), run("step", 2, [2, 4], "none")]
    page = str(folder / "report/index.html")
    steps = {"train": 2, "figure": 3, "report": 1}
    return {"study": "smoke", "runs": runs, "steps": steps, "page": page, "targets": []} | changed


def write(folder, arm, *lines):
    with (folder / f"runs/{arm}/seed0/train.log").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


class Seen:
    """A display that writes to memory, fed with records as Snakemake makes them."""

    def __init__(self, terminal=False):
        self.now, self.stream = 0.0, io.StringIO()
        console = Console(file=self.stream, force_terminal=terminal, width=100, height=30, color_system=None)
        self.display = Display(console, lambda: self.now)

    def record(self, text="", level=logging.INFO, **extra):
        made = logging.LogRecord("snakemake", level, "x.py", 1, text, (), None)
        made.__dict__.update(extra)
        with self.display.lock:
            events.take(self.display, made)

    def job(self, number, rule, **wildcards):
        wildcards = {"study": "smoke"} | wildcards
        self.record(event=LogEvent.JOB_INFO, jobid=number, rule_name=rule, wildcards=wildcards)

    def finish(self, number):
        self.record(event=LogEvent.JOB_FINISHED, job_id=number)

    def fail(self, number, rule, log):
        self.record(level=logging.ERROR, event=LogEvent.JOB_ERROR, jobid=number, rule_name=rule, log=[str(log)])

    @property
    def text(self):
        return self.stream.getvalue()


def test_the_line_of_an_epoch_is_read():
    assert logs.epoch(LINE.format(3, 0.01, 40.5, 38.25)) == logs.Epoch(3, 0.01, 20, 38.25)
    assert logs.epoch("run step seed 0: taken from x") is None
    assert logs.known("run step seed 0: 6 epochs, 2 of them known already; cpu, bf16, 1 thread(s)") == 2


def test_the_line_is_the_one_that_training_writes():
    """The words that the display looks for stand in the module that writes them."""
    pieces = ('f"epoch {epoch}/', "  lr {", "  batch {", '"test error {', "% recomputed")
    modules = (path for path in (REPOSITORY / "src/errordrops").rglob("*.py") if path.parent.name != "progress")
    assert any(all(piece in path.read_text() for piece in pieces) for path in modules)


def test_a_log_is_read_where_the_last_call_ended(tmp_path):
    path = tmp_path / "train.log"
    path.write_text("epoch 1/6 of an earlier call\n")
    tail = logs.Tail(path, path.stat().st_size)
    assert tail.lines() == []
    with path.open("a") as file:
        file.write("one\ntw")
    assert tail.lines() == ["one"]
    with path.open("a") as file:
        file.write("o\n")
    assert tail.lines() == ["two"]
    path.write_text("new\n")
    assert tail.lines() == ["new"], "a file that was written anew"
    assert logs.Tail(tmp_path / "not there").lines() == []


def test_without_a_terminal_a_line_for_each_run_and_one_a_minute(tmp_path):
    seen = Seen()
    seen.record(**{EVENT: briefing(tmp_path)})
    seen.job(1, "train", arm="none", seed="0")
    write(tmp_path, "none", "run none seed 0: 6 epochs, 0 of them known already; cpu, bf16, 1 thread(s)")
    seen.display.tick()
    write(tmp_path, "none", *(LINE.format(e, 0.05, 50 - e, 45 - e) for e in range(1, 7)))
    seen.now = 59
    seen.display.tick()
    seen.now = 61
    seen.display.tick()
    seen.finish(1)
    seen.display.end()
    assert seen.text.splitlines() == [
        f"Study smoke: 10 epochs of 2 runs to train; each run writes {tmp_path}/runs/ARM/seedN/train.log",
        "after 60 s: 6 of 10 epochs, about 40 s of training left",
        "none, seed 0: finished after epoch 6, test error 39.0 %",
    ]


def test_a_drop_is_told_when_the_change_is_passed(tmp_path):
    seen = Seen(terminal=True)
    told = briefing(tmp_path)
    curve = tmp_path / "runs/none/seed0/curve.csv"
    curve.write_text("epoch,split,metric,value\n2,test,error,50.0\n2,test,error_recomputed,41.5\n")
    seen.record(**{EVENT: told})
    seen.job(2, "train", arm="step", seed="0")
    write(tmp_path, "step", LINE.format(3, 0.01, 40, 36), LINE.format(4, 0.01, 40, 35.5), LINE.format(5, 0.002, 40, 33))
    seen.display.tick()
    assert "step, seed 0: change after epoch 2, test error 41.5 to 36.0 %" in seen.text
    assert "step, seed 0: change after epoch 4, test error 35.5 to 33.0 %" in seen.text
    assert "epoch 5/6" in seen.text and "rate 0.002" in seen.text and "3 of 10 epochs" in seen.text
    seen.display.end()


def test_a_rule_that_decides_in_training_is_followed_by_the_log(tmp_path):
    told = briefing(tmp_path)
    told["runs"][1]["changes"] = None
    made = board(told, 0.0)
    run = made.runs["smoke", "step", "0"]
    write(tmp_path, "step", LINE.format(3, 0.05, 40, 36), LINE.format(4, 0.01, 40, 30))
    assert run.read(error_in_curve) == ["step, seed 0: change after epoch 3, test error 36.0 to 30.0 %"]


def test_changes_are_those_of_the_schedule():
    study = load("smoke", REPOSITORY / "config/studies")
    assert changes(find_run(study, "none", 0)) == []
    assert changes(find_run(study, "step", 0)) == [2, 4]


def test_runs_from_the_reference_train_nothing(tmp_path):
    told = briefing(tmp_path)
    for run in told["runs"]:
        run["reference"] = True
    made = board(told, 0.0)
    assert made.epochs == 0
    assert plain.begins(made) == "Study smoke: 2 runs from the reference, nothing to train; 3 figures, page to make"


def test_the_picture_fits_on_a_small_terminal(tmp_path):
    told = briefing(tmp_path)
    told["runs"] = [told["runs"][0] | {"seed": str(seed)} for seed in range(50)]
    made = board(told, 0.0)
    for seed in range(50):
        made.start(seed, "train", ("smoke", "none", str(seed)))
    console = Console(file=io.StringIO(), width=60, height=12, color_system=None)
    console.print(screen.picture(made, 1.0, 60, 12))
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 12 and max(map(len, lines)) <= 60 and any("runs more" in line for line in lines)


def test_a_failed_job_says_its_own_message_once_and_what_to_do(tmp_path):
    seen = Seen()
    seen.record(**{EVENT: briefing(tmp_path)})
    for number, arm in enumerate(("none", "step")):
        seen.job(number, "train", arm=arm, seed="0")
        write(tmp_path, arm, "errordrops train: no image is left; take another study")
        seen.record("CalledProcessError in file train.smk:\nreturned non-zero exit status 1.", logging.ERROR)
        seen.fail(number, "train", tmp_path / f"runs/{arm}/seed0/train.log")
    seen.record("Exiting because a job execution failed. Look above for error messages", logging.ERROR)
    seen.record("WorkflowError:\nAt least one job did not complete successfully.", logging.ERROR, event=LogEvent.ERROR)
    seen.display.end()
    assert seen.text.splitlines()[1:] == [
        "Failed: training of none, seed 0",
        "  no image is left; take another study",
        f"  Log: {tmp_path}/runs/none/seed0/train.log",
        "Not complete: 2 steps failed; 4 that need it or come after it were not started.",
        failures.AGAIN,
    ]


def test_an_unforeseen_error_is_called_so():
    log = "Traceback (most recent call last):\n  File x\nZeroDivisionError: division by zero\n"
    lines = failures.failed("analysis", log, "a.log")
    expected = ["Failed: analysis", "  ZeroDivisionError: division by zero", f"  {failures.OUR_FAULT}", "  Log: a.log"]
    assert lines == expected
    assert failures.message("") == [failures.KILLED]
    assert failures.message("a\nerrordrops data: no source:\n  one\n  two\n") == ["no source:", "  one", "  two"]


def test_ctrl_c_is_no_failure(tmp_path):
    seen = Seen()
    seen.record(**{EVENT: briefing(tmp_path)})
    seen.job(1, "train", arm="none", seed="0")
    write(tmp_path, "none", "Traceback (most recent call last):", "KeyboardInterrupt")
    seen.fail(1, "train", tmp_path / "runs/none/seed0/train.log")
    seen.record("Terminating processes on user request, this might take some time.")
    seen.display.end()
    assert "Failed" not in seen.text and "goes on after the last finished epoch" in seen.text


def test_a_mistake_in_a_study_is_told_without_snakemakes_header():
    seen = Seen()
    text = 'WorkflowError in file "/a/common.smk", line 38:\nconfig/studies/smoke.yaml: factor: must be > 1, but is 0'
    text += '\n  File "/a/common.smk", line 63, in <module>'
    seen.record(text, logging.ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    seen.display.end()
    assert seen.text == "Error: config/studies/smoke.yaml: factor: must be > 1, but is 0\n" + failures.MEND + "\n"


def test_two_workflows_in_one_folder_are_told_in_snakemakes_words():
    said = failures.before_start("LockException:\nError: Directory cannot be locked. Please make sure ...")
    assert said == "Directory cannot be locked. Please make sure ..."
    kept = 'MissingInputException in rule data in file "x.smk", line 3:\nMissing input files'
    assert failures.before_start(kept) == kept


def test_chatter_is_left_out_and_warnings_are_not():
    seen = Seen()
    seen.record("Building DAG of jobs...")
    seen.record("Using shell: /bin/bash")
    seen.record("A file is older than it should be.", logging.WARNING)
    seen.record("Unlocked working directory.")
    assert seen.text == "A file is older than it should be.\nUnlocked working directory.\n"


def claim(id, value, low, high, holds, **more):
    milestone = {"m1": 10, "m2": 20}[id.split(".")[1]]
    numbers = {"value": value, "ci_low": low, "ci_high": high, "threshold_low": None, "threshold_high": -1.0}
    return {"id": id, "milestone": milestone, "holds": holds} | numbers | more


def test_the_last_lines_are_those_of_the_claims(tmp_path):
    layout = Layout(tmp_path)
    found = [
        claim("step.m1.level", -3.85, -6.6, -1.1, True, rank="primary"),
        claim("batch.m1.level", -3.54, None, None, None, rank="primary"),
        claim("step.m2.level", -1.82, -3.67, 0.04, False, rank="secondary"),
    ]
    layout.claims.write_text(json.dumps(found))
    assert closing.closing("quick", layout.report) == [
        "Drop of test error over the next epochs, beyond that without the change, in points: "
        "after epoch 10 step 3.9 [1.1, 6.6], batch 3.5; after epoch 20 step 1.8 [0.0, 3.7]",
        "1 of 2 primary claims hold, 0 do not, 1 are not decided",
        f"Page: {layout.report}   (errordrops open quick shows it)",
    ]
    layout.claims.unlink()
    assert len(closing.closing("quick", layout.report)) == 1


@pytest.mark.parametrize(("seconds", "said"), [(3, "5 s"), (61, "60 s"), (150, "2 min"), (9000, "2.5 h")])
def test_forecasts_are_no_more_precise_than_they_can_be(seconds, said):
    assert words.duration(seconds) == said


def test_looking_costs_less_than_a_percent(tmp_path):
    """A look a second: at eight runs at work of a study with 300, well below 10 ms of a core."""
    told = briefing(tmp_path)
    told["runs"] = [told["runs"][1] | {"seed": str(seed)} for seed in range(300)]
    seen = Seen(terminal=True)
    seen.record(**{EVENT: told})
    seen.display.over.set()  # looked at here, not by the clock
    for seed in range(8):
        seen.job(seed, "train", arm="step", seed=str(seed))
    seen.display.over.clear()
    took = []
    for epoch in range(3, 7):
        write(tmp_path, "step", LINE.format(epoch, 0.01, 40, 36))
        began = time.process_time()
        seen.display.tick()
        took.append(time.process_time() - began)
    assert min(took) < 0.01, took
    seen.display.end()
