"""A study of 500 runs: 50 arms, 10 seeds, 200 epochs. Seconds are those of a core, whatever else the machine does."""

import re
import resource
import subprocess
import sys
import time

import pytest

from errordrops import cli
from errordrops.study import study

sys.path.insert(0, str(study.REPOSITORY / "benchmarks"))
import scale


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    scale.study_file(folder, 500, 200, seeds=10)
    return folder


def test_five_hundred_runs_plan_in_ten_seconds(place, capsys):
    began = time.process_time()
    assert cli.main(["plan", "scale", "--studies", str(place), "--results", str(place)]) == 0
    assert time.process_time() - began < 10
    assert "500 runs of 50 arms" in capsys.readouterr().out


def test_their_graph_of_jobs_builds_in_thirty_seconds(place):
    settings = [f"{key}={value}" for key, value in {"study": "scale", "studies": place, "results": place}.items()]
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--nolock", "--config", *settings]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=study.REPOSITORY, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime < 30
    counts = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE))
    assert (counts["train"], counts["collect"], counts["closeups"]) == ("500", "1", "490")
