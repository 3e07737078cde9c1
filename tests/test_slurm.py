"""The workflow on a real Slurm cluster: one machine that plays two nodes with two GPUs each, see slurm/cluster.sh.

Minutes long, and it writes to /etc/slurm and /etc/hosts: only with SLURM_TESTS=1 (make test-slurm).
"""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from errordrops.results.layout import Layout
from test_workflow import Place

pytestmark = pytest.mark.slurm
CLUSTER = Path(__file__).parent / "slurm" / "cluster.sh"
# no accounting here, and jobs are over in seconds
SETTINGS = "--workflow-profile profiles/slurm --slurm-no-account --slurm-status-command squeue --verbose".split()
SETTINGS += "--slurm-init-seconds-before-status-checks 3 --seconds-between-status-checks 3 --latency-wait 10".split()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A copy of the project beside a cluster that runs."""
    folder = tmp_path_factory.mktemp("cluster")
    started = subprocess.run([CLUSTER, "start", folder], capture_output=True, text=True, check=False)
    if started.returncode == 77:
        pytest.skip(started.stdout.strip())
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        yield Place(tmp_path_factory.mktemp("project"))
    finally:
        subprocess.run([CLUSTER, "stop", folder], check=True)


def submitted(place, *arguments) -> list[str]:
    """The sbatch commands of a workflow that succeeds, up to what they run."""
    process = place.start(*SETTINGS, *arguments)
    output, _ = process.communicate(timeout=1200)
    assert process.returncode == 0, output[-5000:]
    return [call.split("--wrap")[0] for call in re.findall(r"sbatch call: (.*)", output)]


def test_the_smoke_study_runs_through_sbatch_and_small_rules_stay_here(place):
    calls = submitted(place, "--config", "study=smoke", "device=cpu")
    layout = place.layout()
    assert layout.report.stat().st_size > 0
    rules = [re.search(r"--comment rule_([a-z]+)_", call)[1] for call in calls]
    assert sorted(rules) == ["closeups"] * 6 + ["train"] * 8
    assert not any("--gpus" in call for call in calls)
    assert all("--ntasks=1 --cpus-per-task=1" in call for call in calls)
    times = {(rule, re.search(r" -t (\d+) ", call)[1]) for rule, call in zip(rules, calls, strict=True)}
    assert times == {("train", "240"), ("closeups", "120")}
    facts = json.loads(layout.provenance.read_text())
    assert {run["status"] for run in facts["runs"]} == {"completed"} and len(facts["runs"]) == 8


@pytest.mark.parametrize(
    ("processes", "nodes", "asked"),
    [(2, 1, ["--cpus-per-task=2", "--gpus=2"]), (1, 2, ["--nodes=2 --ntasks=2 --cpus-per-task=1", "--gpus=2"])],
)
def test_two_processes_train_a_run_on_one_node_or_two(place, processes, nodes, asked):
    """torchrun within a job, by srun on each of several nodes: the curve is the same."""
    path = place.folder / "config/studies/smoke.yaml"
    content = yaml.safe_load(path.read_text())
    changed = {"study": "shared", "group_size": 10, "epochs": 2, "milestones": [1], "arms": ["none"], "claims": {}}
    (path.parent / "shared.yaml").write_text(yaml.safe_dump(content | changed))
    results = f"results{processes}{nodes}"
    layout = Layout.of("shared", place.folder / results)
    curve = layout.run("none", 0) / "curve.csv"
    options = ["--config", "study=shared", f"processes={processes}", f"nodes={nodes}", f"results={results}"]
    (call,) = submitted(place, str(curve.relative_to(place.folder)), *options)
    assert all(part in call for part in asked), call
    facts = json.loads((layout.run("none", 0) / "run.json").read_text())
    assert facts["numerics"][0]["processes"] == 2 and facts["epochs_trained"] == 2
    other = Layout.of("shared", place.folder / f"results{nodes}{processes}").run("none", 0) / "curve.csv"
    if other.exists():
        assert other.read_text() == curve.read_text()
