"""The workflow itself: killed as a whole and alone, a clock that was set back, a study file older than its results.

Two workflows at once in one folder: tests/test_workflow.py.
"""

import os
import random
import shutil
import signal
import time

import pandas as pd
import pytest
import yaml

from errordrops.results.layout import Layout
from kept import check_store
from networks import STUDY
from test_workflow import Place

pytestmark = pytest.mark.faults
TARGET = "tiny/curves.parquet"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of the project with the tiny study, run undisturbed as far as its curves; and the seconds that took."""
    made = Place(tmp_path_factory.mktemp("project"))
    content = STUDY | {"epochs": 3, "milestones": [1], "arms": ["none", "step"]}
    (made.folder / "config/studies/tiny.yaml").write_text(yaml.safe_dump(content))
    began = time.monotonic()
    code, output = made.snakemake(f"whole/{TARGET}", "--config", "study=tiny", "results=whole", "device=cpu")
    assert code == 0, output
    return made, time.monotonic() - began


def result(made, results):
    return pd.read_parquet(made.folder / results / TARGET)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_snakemake_is_killed_and_the_same_command_finishes(place, how):
    """Twice with all its jobs, once alone, so that a job outlives it; no unlocking in between."""
    made, seconds = place
    results = f"killed-{how.name}"
    arguments = (f"{results}/{TARGET}", "--config", "study=tiny", f"results={results}", "device=cpu")
    draw, killed, records = random.Random(int(how)), 0, {}
    while killed < 3:
        moment, alone = draw.uniform(0.2, 0.8) * seconds, killed == 1
        process = made.start(*arguments)
        time.sleep(moment)
        if process.poll() is not None:  # it came to its end before
            assert result(made, results).equals(result(made, "whole"))
            shutil.rmtree(made.folder / results)
            continue
        (os.kill if alone else os.killpg)(process.pid, how)
        if alone:  # its job goes on and keeps the pipe
            process.wait()
            process.stdout.close()
        else:
            process.communicate()
        killed += 1
        print(f"snakemake: {how.name} after {moment:.1f} s", "alone" if alone else "with its jobs")
        records = check_store(Layout(made.folder / results / "tiny"))
    code, output = made.snakemake(*arguments)
    assert code == 0, output
    assert result(made, results).equals(result(made, "whole"))
    now = check_store(Layout(made.folder / results / "tiny"))
    assert {name: now[name] for name in records} == records


def test_a_clock_that_was_set_back(place):
    """Files from the future are brought to the present: Snakemake would refuse to make anything from them."""
    made, _ = place
    arguments = (f"whole/{TARGET}", "--config", "study=tiny", "results=whole", "device=cpu")
    before, future = result(made, "whole"), time.time() + 10**7
    for path in (made.folder / "whole/tiny").rglob("*"):
        if path.is_file():
            os.utime(path, (future, future))
    (made.folder / "whole" / TARGET).unlink()
    code, output = made.snakemake(*arguments)
    assert code == 0, output
    assert result(made, "whole").equals(before)
    assert made.planned(*arguments) == {}


def test_a_study_file_older_than_its_results_is_read_again(place):
    """As after the clock was set back, or from an archive: claims must not come from the file as it was."""
    made, _ = place
    arguments = ("whole/tiny/claims.json", "--config", "study=tiny", "results=whole", "device=cpu")
    code, output = made.snakemake(*arguments)
    assert code == 0, output
    path = made.folder / "config/studies/tiny.yaml"
    long_ago = path.stat().st_mtime - 10**7
    path.write_text(path.read_text().replace("title: Tiny", "title: Another"))
    os.utime(path, (long_ago, long_ago))
    assert "analyse" in made.planned(*arguments)
