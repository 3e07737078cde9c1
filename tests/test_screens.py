"""What a person sees: whole calls of `make` in a terminal, compared with screens that are kept (tests/screens).

SCREENS=write keeps what is seen now; read it before it is committed.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest

import terminal
from errordrops.study.study import REPOSITORY

NAMES = ("Snakefile", "Makefile", "config", "profiles", "report", "src", "workflow", "pyproject.toml")
NO_NETWORK = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A copy of the project in which make finds an environment: the one that runs the tests."""
    made = tmp_path_factory.mktemp("screens")
    for name in NAMES:
        source = REPOSITORY / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, made / name)
    for name in ("requirements.lock", "requirements-report.lock"):
        (made / name).touch()
    (made / ".venv").mkdir()
    (made / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (made / ".venv/.train").touch()
    (made / "empty").mkdir()
    return made


@pytest.fixture(scope="module")
def shell(folder):
    environment = {"PYTHONPATH": str(folder / "src"), "ERRORDROPS_CACHE": str(folder / "cache")}
    opened = terminal.Terminal(folder, **environment, **NO_NETWORK)
    yield opened
    opened.close()


def compare(name: str, screen: str, folder: Path) -> None:
    seen = terminal.masked(screen, folder)
    assert terminal.same(seen, name), seen
    assert len(screen.rstrip().splitlines()) <= 30, "it fits on a screen"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("no-such-study", "STUDY=nosuch"),
        ("no-such-folder", "STUDY=quick DATA_DIR=/not/there"),
        ("no-network", "STUDY=quick"),
        ("empty-folder", "STUDY=quick DATA_DIR=empty"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(shell, folder, name, options):
    shell.type(f"make report {options}")
    compare(name, shell.finished(), folder)


def test_a_broken_study_is_said_with_what_to_do(shell, folder):
    study = folder / "config/studies/smoke.yaml"
    text = study.read_text()
    study.write_text(re.sub(r"^factor: .*", "factor: 0", text, flags=re.M))
    shell.type("make report STUDY=smoke")
    compare("broken-study", shell.finished(), folder)
    study.write_text(text)


def test_a_study_from_beginning_to_page_stopped_in_between(shell, folder):
    """Training on a terminal, Ctrl-C, the same command again, and once more when there is nothing left to do."""
    shell.type("make report STUDY=smoke")
    two = re.compile(r"^none +seed 0 +epoch \d.*\nnone +seed 1 +epoch \d", re.M)
    compare("training", shell.until(two.search, 300), folder)
    shell.press("C-c")
    compare("stopped", shell.finished(), folder)
    shell.type("make report STUDY=smoke")
    compare("finished", shell.finished(), folder)
    shell.type("make report STUDY=smoke")
    compare("nothing-to-do", shell.finished(), folder)
    assert (folder / "results/smoke/report/index.html").is_file()
