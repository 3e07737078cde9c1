"""What changes under way: the study, files that are deleted, the version of torch, the device."""

import json
import shutil

import pytest
import yaml

from errordrops import cli
from errordrops.files import read_table
from errordrops.study.study import load
from errordrops.training import loop as training
from errordrops.training import numerics, runs
from errordrops.training.trainer import Trainer
from networks import tiny

pytestmark = pytest.mark.faults


@pytest.fixture
def study(tmp_path):
    return tiny(tmp_path, epochs=2, milestones=[1], arms=["none", "step"])


def command(study, *arguments):
    loaded, layout = study
    more = ["--device", "cpu"] if arguments[0] in ("train", "closeups") else []
    return cli.main([arguments[0], str(loaded.path), *arguments[1:], *more, "--results", str(layout.root.parent)])


def train(study):
    for step, arm in (("train", "none"), ("train", "step"), ("closeups", "step")):
        assert command(study, step, arm, "0") == 0


def curve(layout, arm):
    return (layout.run(arm, 0) / "curve.csv").read_bytes()


def test_a_study_changed_after_half_the_runs_mixes_nothing(tmp_path, study, capsys):
    loaded, layout = study
    assert command(study, "train", "none", "0") == 0
    old = curve(layout, "none")
    loaded.path.write_text(yaml.safe_dump(yaml.safe_load(loaded.path.read_text()) | {"learning_rate": 0.1}))
    for step in ("train", "closeups"):
        assert command(study, step, "step", "0") == 0
    assert command(study, "collect") == 1
    told = capsys.readouterr().err
    assert f"{layout.run('none', 0)}: trained under other settings than {loaded.path}" in told
    assert not layout.curves.exists()
    assert command(study, "train", "none", "0") == command(study, "collect") == 0
    assert curve(layout, "none") != old
    fresh = tiny(tmp_path / "fresh", epochs=2, milestones=[1], arms=["none", "step"], learning_rate=0.1)
    train(fresh)
    for arm in ("none", "step"):
        assert curve(layout, arm) == curve(fresh[1], arm)


def test_deleted_files_are_made_again_to_the_same_bits(study):
    _, layout = study
    train(study)
    before = {arm: curve(layout, arm) for arm in ("none", "step")}
    closeups = (layout.run("step", 0) / "closeups.csv").read_bytes()
    for lost in ("runs", "checkpoints"):
        shutil.rmtree(layout.root / lost)
        train(study)
        assert {arm: curve(layout, arm) for arm in ("none", "step")} == before
    (layout.run("step", 0) / "closeups.csv").unlink()
    for path in layout.root.glob("checkpoints/*/*closeup*"):
        path.unlink()
    for path in layout.root.glob("checkpoints/*/*.safetensors"):
        path.unlink()
    train(study)  # epochs are known, states are gone: replayed from the beginning
    assert (layout.run("step", 0) / "closeups.csv").read_bytes() == closeups


@pytest.mark.parametrize("what", ["torch", "device"])
def test_another_torch_or_device_at_the_resume_is_a_warning(study, monkeypatch, what):
    """The device is played by its passes of 40 images, as on a GPU; another device trains anew, whatever is there."""
    _, layout = study
    train_epoch, trained = Trainer.train_epoch, []

    def cut_off(self, epoch, *more, **options):
        if len(trained) == 1:
            trained.append("cut off")
            raise KeyboardInterrupt
        trained.append(epoch)
        return train_epoch(self, epoch, *more, **options)

    monkeypatch.setattr(Trainer, "train_epoch", cut_off)
    assert command(study, "train", "none", "0") == 130, "as a shell says of a command that was stopped"
    if what == "torch":
        describe = numerics.describe
        monkeypatch.setattr(training, "describe", lambda chosen: describe(chosen) | {"torch": "99.0"})
    else:
        choose = numerics.choose
        larger = lambda *given: numerics.replace(choose(*given), images_per_pass=40)  # noqa: E731
        monkeypatch.setattr(numerics, "replace", runs.replace, raising=False)
        monkeypatch.setattr(numerics, "choose", larger)
    train(study)
    # the same kernels go on where they were, others begin anew; either way step forks after epoch 1
    assert trained == ([1, "cut off", 2, 2] if what == "torch" else [1, "cut off", 1, 2, 2])
    if what == "device":  # arm none was trained here before
        monkeypatch.undo()
        assert command(study, "train", "none", "0") == 0
    assert command(study, "collect") == command(study, "analyse") == 0
    facts = json.loads(layout.provenance.read_text())
    assert any("not all computed with the same device" in warning for warning in facts["warnings"])
    name, values = ("torch", {"99.0"}) if what == "torch" else ("images_per_pass", {20, 40})
    assert values <= {entry[name] for entry in facts["numerics"]} and len(facts["numerics"]) == 2
    claims = json.loads(layout.claims.read_text())
    assert claims and all(claim["holds"] in (True, False, None) for claim in claims)


def test_one_arm_diverges_and_the_others_go_on(tmp_path):
    """At a learning rate of 1e15; at 100 batch norm may keep a network's loss finite, and a finite loss is a result."""
    wild = {"name": "wild", "rule": "none", "learning_rate": 1e15}
    study = tiny(tmp_path, epochs=3, milestones=[1], arms=["none", "step", wild])
    loaded, layout = study
    assert command(study, "train", "wild", "0") == 0
    train(study)
    assert command(study, "collect") == command(study, "analyse") == 0
    facts = json.loads(layout.provenance.read_text())
    status = {run["arm"]: (run["status"], run["epochs"]) for run in facts["runs"]}
    assert status["none"] == status["step"] == ("completed", 3)
    assert status["wild"][0] == "diverged" and status["wild"][1] < 4
    table = read_table(layout.curves)
    assert table["value"].notna().all() and set(table["arm"]) == {"none", "step", "wild"}
    final = read_table(layout.table("final"))
    assert {"none", "step"} <= set(final["arm"]) and load(str(loaded.path)).arm("wild")
