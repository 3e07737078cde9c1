"""The command: plans, clear mistakes, and light imports."""

import json
import subprocess
import sys

import pytest

from errordrops import cli, workflow
from errordrops.study import study
from errordrops.study.plan import find_run, recipe_key

STUDIES = str(study.REPOSITORY / "config/studies")


def call(capsys, *arguments):
    code = cli.main([*arguments, "--studies", STUDIES])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_plan_as_json(capsys, tmp_path):
    code, out, _ = call(capsys, "plan", "quick", "--json", "--cores", "2", "--results", str(tmp_path))
    plan = json.loads(out)
    assert code == 0
    assert (plan["runs"], plan["epochs"], plan["epochs_without_forks"]) == (24, 240, 600)
    assert 120 < plan["seconds"] < 3600


def test_plan_in_words(capsys, tmp_path):
    code, out, _ = call(capsys, "plan", "quick", "--cores", "2", "--results", str(tmp_path))
    assert code == 0
    assert "24 runs of 8 arms, up to 3 seeds and 25 epochs each" in out
    assert "Epochs to train: 240, without forks 600 (60% saved)" in out
    assert "learning rate divided by 5 at each milestone" in out


def test_forks_save_a_quarter_of_study_evidence(capsys, tmp_path):
    code, out, _ = call(capsys, "plan", "evidence", "--json", "--cores", "2", "--results", str(tmp_path))
    plan = json.loads(out)
    assert code == 0
    assert plan["epochs"] <= 0.75 * plan["epochs_without_forks"]
    assert plan["seconds"] > 0


def measured(results, seed, device, hardware, **more):
    """A described run that took 3 s an epoch."""
    folder = results / f"quick/runs/none/seed{seed}"
    folder.mkdir(parents=True)
    run = {"epochs_trained": 30, "seconds_training": 60, "seconds_evaluation": 30}
    run |= {"numerics": [{"device": device, "hardware": hardware}]} | more
    (folder / "run.json").write_text(json.dumps(run))


def test_the_estimate_rests_on_measured_runs_where_there_are_some(capsys, tmp_path):
    measured(tmp_path, 0, "cpu", "a processor")
    _, out, _ = call(capsys, "plan", "quick", "--json", "--cores", "2", "--results", str(tmp_path))
    plan = json.loads(out)
    assert plan["seconds"] == 240 * 3 / 2 and plan["seconds_on_gpu"] == {}


def test_a_damaged_description_is_as_good_as_none(capsys, tmp_path):
    measured(tmp_path, 0, "cpu", "a processor")
    (tmp_path / "quick/runs/none/seed0/run.json").write_bytes(b'{"epochs_trained": 30, "sec')
    code, out, _ = call(capsys, "plan", "quick", "--json", "--results", str(tmp_path))
    assert code == 0 and json.loads(out)["epochs_left"] == 240
    assert not flow_of(tmp_path).asks_reference("quick", "none", "20")


def test_what_a_gpu_took_is_not_told_of_cores(capsys, tmp_path):
    before = json.loads(call(capsys, "plan", "quick", "--json", "--cores", "2", "--results", str(tmp_path))[1])
    measured(tmp_path, 0, "cuda", "Fast GPU")
    after = json.loads(call(capsys, "plan", "quick", "--json", "--cores", "2", "--results", str(tmp_path))[1])
    assert after == before | {"seconds_on_gpu": {"Fast GPU": 240 * 3}}
    _, out, _ = call(capsys, "plan", "quick", "--results", str(tmp_path))
    assert "On one Fast GPU, runs one after the other: about 12 min (measured)." in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("plan", "nosuch"), "no study file"),
        (("train", "smoke", "nosuch", "0"), "no arm 'nosuch'"),
        (("train", "smoke", "step", "9"), "no seed 9"),
        (("train", "smoke", "step", "0", "--results", "/nonexistent"), "data.safetensors"),
        (("plan", "smoke", "--data-dir", "/not/there"), "dataset.data_dir: no folder /not/there"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_1(capsys, arguments, expected):
    code, _, err = call(capsys, *arguments)
    assert code == 1
    assert expected in err and len(err.strip().splitlines()) == 1


def test_another_folder_is_told(capsys):
    assert cli.main(["plan", "smoke", "--studies", "no/folder"]) == 1
    assert "there is no folder no/folder here: go to the project's folder" in capsys.readouterr().err


def test_training_without_torch_is_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "errordrops.training.runs", raising=False)
    code, _, err = call(capsys, "train", "smoke", "step", "0", "--results", str(tmp_path))
    assert code == 1 and "training needs torch" in err


def taken(results, arm, seed, from_reference):
    """A run's description as far as its origin."""
    folder = results / f"smoke/runs/{arm}/seed{seed}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"from_reference": from_reference, "recipe_key": "another"}))


def flow_of(results, asked=None):
    return workflow.Workflow({"studies": STUDIES, "results": str(results), "from": asked, "device": "auto"})


def test_a_run_that_the_reference_lacks_is_told_where_torch_is_missing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    flow_of("results", "reference").check_torch("smoke")  # with torch it can be trained
    monkeypatch.setattr(workflow, "find_spec", lambda name: None)
    message = r"run none seed 0 \(and 7 more\) of study smoke is not in results/reference/smoke and must be trained"
    with pytest.raises(study.StudyError, match=message):
        flow_of("results", "reference").check_torch("smoke")
    flow_of("results").check_torch("smoke")  # nobody asks for the reference
    taken(tmp_path / "results", "none", 0, True)  # a study that was begun from it, and that has more runs now
    with pytest.raises(study.StudyError, match=r"run none seed 1 \(and 6 more\)"):
        flow_of("results").check_torch("smoke")


def test_a_run_goes_on_as_it_began(tmp_path):
    taken(tmp_path, "none", 0, True)
    taken(tmp_path, "step", 0, False)
    asks = flow_of(tmp_path).asks_reference
    assert asks("smoke", "none", "0") and not asks("smoke", "step", "0")
    assert asks("smoke", "batch", "1")  # not there yet: as others of the study
    assert not flow_of(tmp_path, "training").asks_reference("smoke", "none", "0")
    assert flow_of(tmp_path, "reference").asks_reference("smoke", "step", "0")
    assert not flow_of(tmp_path / "empty").asks_reference("smoke", "none", "0")


def test_a_figure_that_there_is_not_is_told_with_those_that_there_are():
    with pytest.raises(study.StudyError, match="no figure 'closup'; there are: cliffs, closeup, controls"):
        flow_of("results").figure_inputs("smoke", "closup")


def test_plan_tells_what_is_left(capsys, tmp_path):
    _, out, _ = call(capsys, "plan", "quick", "--json", "--results", str(tmp_path))
    plan = json.loads(out)
    assert plan["epochs_left"] == plan["epochs"] == 240 and plan["epochs_left_from_reference"] == 0
    loaded = study.load("quick", STUDIES)
    run = find_run(loaded, "none", 20)
    measured(tmp_path, 20, "cpu", "a processor", recipe_key=recipe_key(loaded, run))
    measured(tmp_path, 21, "cpu", "a processor", recipe_key="of another study")
    assert json.loads(call(capsys, "plan", "quick", "--json", "--results", str(tmp_path))[1])["epochs_left"] == 215
    _, out, _ = call(capsys, "plan", "quick", "--results", str(tmp_path))
    assert "holds runs already: 215 epochs are left to train" in out and "with FROM=reference 0 epochs are left" in out


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "_study", lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["plan", "smoke"])


def test_analysis_figures_report_and_plans_do_not_import_torch():
    light = "cli results.costs results.curves figures results.layout study.plan results.provenance results.reference "
    light += "report study.settings study.study workflow analysis.claims"
    names = ", ".join(f"errordrops.{name}" for name in light.split())
    code = f"import sys, {names}; from errordrops.figures import closeup; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("option", ["--cores=0", "--cores=-1", "--images-per-second=0", "--images-per-second=nan"])
def test_numbers_of_the_command_must_be_above_0(capsys, option):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["plan", "smoke", option])
    assert stopped.value.code == 2 and "must be a number above 0" in capsys.readouterr().err


def test_where_explain_alone_is_installed_studies_say_what_they_need():
    code = "import sys; sys.modules['yaml'] = None; from errordrops.cli import main; sys.exit(main(sys.argv[1:]))"
    asked = [sys.executable, "-c", code]
    answer = subprocess.run([*asked, "plan", "smoke", "--json"], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr == (
        "errordrops plan: studies need packages that are not installed: pip install 'errordrops[workflow]'\n"
    )
    answer = subprocess.run([*asked, "explain", "--help"], capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and "--milestones" in answer.stdout


def test_explain_imports_nothing_that_it_is_not_installed_with():
    code = (
        "import sys; from errordrops.explain import answer, chart, command, page; "
        "sys.exit(', '.join({'scipy', 'yaml', 'snakemake', 'torch', 'pypandoc'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
