"""SIGKILL and SIGTERM at random moments of every step: the same command finishes, with the same bits, nothing is half
written under its final name, and no finished epoch is trained again.

A seed draws the moments, which are printed (pytest -s). What may differ between two runs: seconds, and when they ended.
"""

import shutil
import time
from pathlib import Path

import pytest

from errordrops.study.study import REPOSITORY
from kept import check_store, trained
from networks import tiny
from rendered import made  # noqa: F401  a planted study with figures
from steps import Steps

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("every", [1, 3])
def test_training(tmp_path, undisturbed, every):
    """Also where not every checkpoint is kept: no finished epoch is trained again."""
    study, layout = tiny(tmp_path, arms=["none", "step"], checkpoint_every=every)
    steps = undisturbed.steps(tmp_path)
    train = ("train", str(study.path), "none", "0", "--device", "cpu")
    steps.whole(*train)
    expected = trained(layout)
    assert not [name for name in expected if "latest" in name]
    epochs, left = [], {}

    def started_afresh():
        left.clear()
        for folder in ("runs", "checkpoints"):
            shutil.rmtree(layout.root / folder, ignore_errors=True)

    def after_kill():
        now = check_store(layout)
        assert {name: now[name] for name in left} == left  # no record was written again
        left.update(now)

    def at_end():
        after_kill()
        found = trained(layout)
        assert found == expected
        epochs.append(len(left))
        started_afresh()

    started_afresh()
    steps.disturbed(
        every,
        13,
        undisturbed.seconds["train"],
        after_kill,
        at_end,
        "train",
        str(study.path),
        "none",
        "0",
        "--device",
        "cpu",
    )
    assert set(epochs) == {5}


def files(folder: Path, *patterns: str) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for one in patterns for p in folder.glob(one)}


def disturb(steps, root, expected, seed, times, seconds, *arguments):
    """Kill a step that makes files of `expected`; what is there after a kill is right already, in the end all is."""

    def after_kill():
        for name, content in expected.items():
            assert not (root / name).exists() or (root / name).read_bytes() == content, name

    def at_end():
        for name, content in expected.items():
            assert (root / name).read_bytes() == content, name
            (root / name).unlink()

    for name in expected:
        (root / name).unlink(missing_ok=True)
    steps.disturbed(seed, times, seconds, after_kill, at_end, *arguments)


@pytest.mark.parametrize(
    ("step", "made_files", "times"),
    [
        (["collect"], ["*.parquet"], 8),
        (["analyse"], ["analysis/*.csv", "*.json"], 4),
        (["figure", "lag"], ["figures/lag.*"], 8),
    ],
)
def test_what_follows_training(tmp_path, undisturbed, step, made_files, times):
    shutil.copytree(undisturbed.layout.root, tmp_path / "results/tiny", symlinks=True)
    expected = files(undisturbed.layout.root, *made_files)
    assert expected
    arguments = (step[0], str(undisturbed.study.path), *step[1:])
    seconds = undisturbed.seconds[step[0]]
    disturb(undisturbed.steps(tmp_path), tmp_path / "results/tiny", expected, times, times, seconds, *arguments)


def test_rendering(tmp_path, made):  # noqa: F811
    root = tmp_path / "results/planted"
    shutil.copytree(made, root, ignore=shutil.ignore_patterns("report"))
    steps = Steps(tmp_path / "log", ["--results", str(root.parent)])
    arguments = ("report", str(REPOSITORY / "tests/studies/planted.yaml"))
    began = time.monotonic()
    steps.whole(*arguments)
    disturb(steps, root, files(root, "report/index.html"), 5, 8, time.monotonic() - began, *arguments)
    assert [path.name for path in (root / "report").iterdir() if not path.name.startswith(".index.html.")] == []
