"""What the rules of the workflow wait for."""

import pytest

from errordrops.files import read_table
from errordrops.results import reference
from errordrops.study import plan, study
from errordrops.workflow import Workflow

STUDIES = study.REPOSITORY / "config/studies"
EVIDENCE = study.load(str(STUDIES / "evidence.yaml"))
MECHANISM = study.load(str(STUDIES / "mechanism.yaml"))


@pytest.fixture
def flow():
    return Workflow({"studies": str(STUDIES), "results": "results", "from": "training", "device": "cpu"})


def test_a_run_waits_for_the_run_that_it_forks_from(flow):
    def waits_for(arm, seed):
        return [path for path in flow.training_inputs("evidence", arm, seed) if path.endswith("curve.csv")]

    assert waits_for("none", "30") == []
    assert waits_for("plateau", "31") == ["results/evidence/runs/none/seed31/curve.csv"]
    assert waits_for("placebo-step-20-2", "31") == ["results/evidence/runs/hold-step-20/seed31/curve.csv"]
    assert waits_for("step", "31") == ["results/evidence/runs/hold-step-20/seed31/curve.csv"]


def test_a_fork_waits_for_what_is_foretold_of_it(flow):
    inputs = flow.training_inputs("mechanism", "fork-rate", "40")
    folder = "results/mechanism/runs/none/seed40"
    assert inputs[1:] == [f"{folder}/curve.csv", f"{folder}/foretold.json"]
    assert not any(path.endswith("foretold.json") for path in flow.training_inputs("mechanism", "none", "40"))


def test_closeups_wait_for_those_of_the_parent_where_it_has_some(flow):
    def waits_for(arm):
        return [path for path in flow.closeup_inputs("smoke", arm, "0") if path.endswith("closeups.csv")]

    assert waits_for("step") == []  # arm none has no milestone to look at
    pair = {arm: flow.run("smoke", arm, "0").parent for arm in ("batch", "hybrid")}
    later = next(arm for arm, parent in pair.items() if parent in pair)  # one of the two forks from the other
    assert waits_for(later) == [f"results/smoke/runs/{pair[later]}/seed0/closeups.csv"]


def test_audits_are_asked_for_where_there_are_some(flow):
    assert flow.run_files("evidence", "audit") == [
        f"results/evidence/runs/none/seed{seed}/audit.csv" for seed in (30, 31, 32)
    ]
    assert flow.run_files("quick", "audit") == []
    assert len(flow.run_files("evidence", "train")) == 3 * plan.totals(EVIDENCE)["runs"]
    inputs = flow.audit_inputs("evidence", "none", "30")
    assert inputs[:2] == ["results/evidence/runs/none/seed30/run.json", "results/evidence/data.safetensors"]


def test_an_audit_is_taken_from_the_reference_under_the_name_of_this_study(tmp_path):
    (tmp_path / "theirs").mkdir()
    text = "study,arm,seed,milestone,equals_parent,equals_sibling\nother,constant,30,10,True,False\n"
    (tmp_path / "theirs/audit.csv").write_text(text)
    run = plan.find_run(EVIDENCE, "none", 30)
    reference.take("audit", EVIDENCE, run, tmp_path / "theirs", tmp_path / "ours")
    table = read_table(tmp_path / "ours/audit.csv")
    assert table.values.tolist() == [["evidence", "none", 30, 10, True, False]]


def test_probes_are_rules_of_their_own_on_what_a_run_left(flow):
    counts = {probe: len(plan.runs_with(probe, MECHANISM)) for probe in plan.PROBES}
    probed = len(MECHANISM.probes["arms"]) * MECHANISM.probes["seeds"]
    assert counts == dict.fromkeys(plan.PROBES, probed) | {"landscape": 1}
    assert all(plan.runs_with(probe, EVIDENCE) == [] for probe in plan.PROBES)
    control = "results/mechanism/runs/none/seed40/probe_curvature.csv"
    assert control not in flow.probe_inputs("mechanism", "none", "40", "curvature")
    inputs = flow.probe_inputs("mechanism", "fork-rate", "40", "motion")
    assert control in inputs and "results/mechanism/runs/fork-rate/seed40/run.json" in inputs
