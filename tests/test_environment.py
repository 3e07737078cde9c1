"""What is declared in several places says the same: environment.yml, pyproject.toml, lock files, versions."""

import json
import re
import tomllib

import pytest
import yaml

import errordrops
from errordrops.study.study import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"torch": "pytorch", "pypandoc_binary": "pypandoc", "snakemake": "snakemake-minimal"}
ONLY_CONDA = {"python", "pip", "quarto"}  # pypandoc_binary brings pandoc to those without Quarto
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-report.lock")


def bounds(requirements):
    """{"name": "bounds"}; extras of the project itself left out."""
    pairs = (re.fullmatch(r"([A-Za-z0-9_.-]+)(\[.*\])?(.*)", r.replace(" ", "")).groups() for r in requirements)
    return {name: bound for name, extra, bound in pairs if not extra}


def test_conda_users_get_the_same_packages_and_bounds():
    extras = PROJECT["optional-dependencies"]
    used = ("workflow", "train", "build", "tensorboard")
    wanted = [*PROJECT["dependencies"], *(package for extra in used for package in extras[extra])]
    expected = {CONDA_NAMES.get(name, name): bound for name, bound in bounds(wanted).items()}
    conda = bounds(yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"])
    assert {name: bound for name, bound in conda.items() if name not in ONLY_CONDA} == expected
    assert conda["python"] == PROJECT["requires-python"].replace(" ", "")


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
