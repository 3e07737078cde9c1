"""What is declared in several places says the same: environment.yml, pyproject.toml, lock files, versions."""

import json
import re
import tomllib

import pytest
import yaml

import errordrops
from errordrops.progress import installing
from errordrops.study.study import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "snakemake": "snakemake-minimal"}
ONLY_CONDA = {"python", "pip", "quarto"}
ONLY_PIP = {"pypandoc_binary"}  # the Pandoc of those without Quarto; conda has no such package
ENVIRONMENT = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-report.lock")


def bounds(requirements):
    """{"name": "bounds"}; extras of the project itself left out."""
    pairs = (re.fullmatch(r"([A-Za-z0-9_.-]+)(\[.*\])?(.*)", r.replace(" ", "")).groups() for r in requirements)
    return {name: bound for name, extra, bound in pairs if not extra}


def test_conda_users_get_the_same_packages_and_bounds():
    extras = PROJECT["optional-dependencies"]
    used = ("workflow", "train", "build", "tensorboard")
    wanted = [*PROJECT["dependencies"], *(package for extra in used for package in extras[extra])]
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in bounds(wanted).items() if name not in ONLY_PIP}
    *listed, by_pip = ENVIRONMENT["dependencies"]
    assert by_pip == {"pip": ["-e ."]}, "the package itself, from this folder"
    conda = bounds(listed)
    assert {name: bound for name, bound in conda.items() if name not in ONLY_CONDA} == expected
    assert conda["python"] == PROJECT["requires-python"].replace(" ", "")


def test_the_environment_of_the_rules_is_that_of_people():
    """For --sdm conda: no package from this folder, which Snakemake could not find from where it makes environments."""
    rules = yaml.safe_load((REPOSITORY / "workflow/envs/errordrops.yaml").read_text())
    of_people_only = {"pip", "hatchling>=1.25"}
    assert rules["channels"] == ENVIRONMENT["channels"]
    assert rules["dependencies"] == [p for p in ENVIRONMENT["dependencies"][:-1] if p not in of_people_only]
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        named, there = (len(re.findall(p, text, re.M)) for p in (r"^ *conda:\n *CONDA$", r"^ *rule \w+:$"))
        assert named == there, path


def test_the_logger_plugin_is_in_the_wheel_and_named_in_every_profile():
    wheel = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in wheel["packages"]:
        assert (REPOSITORY / package / "__init__.py").is_file()
    assert "src/snakemake_logger_plugin_errordrops" in wheel["packages"]
    for name in ("default", "gpu", "slurm"):
        profile = yaml.safe_load((REPOSITORY / f"profiles/{name}/profile.yaml").read_text())
        assert profile["logger"] == ["errordrops"]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_without_torch_keeps_all_other_pins(name):
    """For `make report TORCH_INDEX=...`: torch from elsewhere, without CUDA; all the rest by its hash."""
    text = (REPOSITORY / name).read_text()
    rest = installing.without_torch(text)
    gone = set(installing.pins(text)) - set(installing.pins(rest))
    assert not gone or {"torch", "torchvision"} <= gone
    assert all(pin in installing.TORCH or pin.startswith(installing.CUDA) for pin in gone)
    assert rest.count("--hash") >= len(installing.pins(rest)) > 50
    assert 50 < installing.here(rest) <= len(installing.pins(rest))


def test_torch_from_another_index_has_the_version_of_the_lock(monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(installing, "pip", lambda arguments, total: calls.append(arguments) or 0)
    lock = REPOSITORY / "requirements.lock"
    assert installing.main(str(lock), "ADDRESS") == 0
    known = installing.pins(lock.read_text())
    assert calls[0][:2] == ["--require-hashes", "-r"]
    both = [f"torch=={known['torch']}", f"torchvision=={known['torchvision']}"]
    assert calls[1] == ["--no-deps", "--index-url", "ADDRESS", *both]
    assert "from ADDRESS" in capsys.readouterr().out


def test_installation_says_which_package_of_how_many():
    lines = [
        "Collecting altair==5.5.0 (from -r x (line 1))",
        "  Downloading altair-5.5.0-py3-none-any.whl (731 kB)",
        "Requirement already satisfied: numpy==2.0 in x",
        "Collecting torch==2.14.1 (from -r x (line 9))",
        "  Downloading torch-2.14.1-cp311-manylinux.whl (888.1 MB)",
        "Installing collected packages: torch, altair",
    ]
    assert list(installing.progress_of(iter(lines), 3)) == [
        "1 of 3 packages, altair",
        "2 of 3 packages",
        "3 of 3 packages, torch",
        "3 of 3 packages, fetching torch (888 MB)",
        "all fetched; now they are unpacked, which takes up to a minute",
    ]


def test_without_a_network_installation_says_so_in_few_lines():
    lines = ["WARNING: Retrying (Retry(total=4))"] * 5
    lines += ["ERROR: Could not find a version that satisfies the requirement rich==15.0.0", "ERROR: No matching ..."]
    said = installing.why(lines)
    assert len(said) == 4 and "Is there a network?" in said[-1] and "same command again" in said[-1]


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_pins_and_hashes_and_no_address(name):
    text = (REPOSITORY / name).read_text()
    assert "://" not in text and "--index" not in text
    pins = re.findall(r"^([a-z0-9-]+)==\S+", text, re.M)
    assert len(pins) > 50 and text.count("--hash=sha256:") >= len(pins)


def pinned(name):
    return set(re.findall(r"^([a-z0-9-]+==[^\s;]+)", (REPOSITORY / name).read_text(), re.M))


def test_locks_are_nested_and_only_training_needs_torch():
    report, train, dev = (
        pinned(name) for name in ("requirements-report.lock", "requirements.lock", "requirements-dev.lock")
    )
    assert report < train < dev
    assert not any(pin.startswith(("torch==", "torchvision==", "nvidia-")) for pin in report)
    assert any(pin.startswith("torch==") for pin in train)


def test_the_kubernetes_job_runs_a_study_that_is_there_with_settings_that_exist():
    job = yaml.safe_load((REPOSITORY / "profiles/kubernetes/job.yaml").read_text())
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command = container["args"][0].split()
    settings = dict(part.split("=") for part in command[command.index("--config") + 1 :])
    schema = json.loads((REPOSITORY / "workflow/schemas/config.schema.json").read_text())
    assert settings.keys() <= schema["properties"].keys()
    assert (REPOSITORY / f"config/studies/{settings['study']}.yaml").exists()
    assert (REPOSITORY / command[command.index("--workflow-profile") + 1] / "profile.yaml").exists()
    gpus = container["resources"]["limits"]["nvidia.com/gpu"]
    assert str(gpus) == settings["processes"] == command[command.index("--resources") + 1].removeprefix("gpu=")
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_versions_agree():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert PROJECT["version"] == errordrops.__version__ == citation["version"]
