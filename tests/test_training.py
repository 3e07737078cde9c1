"""Forks and resumption are bit-identical; what is recorded is what was done."""

import dataclasses
import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from errordrops.results.curves import run_rows
from errordrops.study.plan import RAW, VALIDATION
from errordrops.study.settings import Setting, rule_phases, settings
from errordrops.training.checkpoints import capture
from errordrops.training.closeups import Look, replays
from errordrops.training.loop import bring_to, known_epochs, train
from networks import FP32, RECIPE, data, keys, store, trainer

BASE = Setting(0.05, 20, 0.9)
NONE = settings(rule_phases("none", BASE, 4, [], 5))
STEP = settings(rule_phases("step", BASE, 4, [2], 5))
BATCH = settings(rule_phases("batch", BASE, 4, [2], 5))


def quiet(message):
    pass


def run(folder, schedule, name="store", every=1, say=quiet):
    """Train a schedule with a fresh trainer; returns (store, keys, epochs trained)."""
    where, chain = store(folder, name), keys(schedule)
    return where, chain, train(trainer(folder), where, chain, schedule, every, say)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_fork_that_changes_nothing_is_its_parent_bit_by_bit(tmp_path, precision):
    numerics = dataclasses.replace(FP32, precision=precision)
    whole, chain = store(tmp_path), keys(NONE)
    train(trainer(tmp_path, numerics), whole, chain, NONE, 1, quiet)
    fork = trainer(tmp_path, numerics)
    fork.restore(whole.load_state(chain[2]))
    for epoch in (3, 4):
        fork.train_epoch(epoch, NONE[epoch - 1])
    assert equal(fork.state(), whole.load_state(chain[4]))
    assert fork.evaluate()[0] == {k: v for k, v in whole.record(chain[4])["values"].items() if k != "train"}


def test_sibling_forks_from_one_loaded_state_share_no_memory(tmp_path):
    """`load_state_dict` of an optimiser aliases; two forks of one in-memory state must not feel each other."""
    whole, chain, _ = run(tmp_path, NONE)
    state = whole.load_state(chain[2])
    first, second = trainer(tmp_path), trainer(tmp_path)
    first.restore(state)
    second.restore(state)
    first.train_epoch(3, NONE[2])  # the first is trained to the end before the second begins
    second.train_epoch(3, NONE[2])
    assert equal(first.state(), second.state())
    assert equal(state, whole.load_state(chain[2]))


def test_a_fork_inherits_and_trains_only_its_own_epochs(tmp_path):
    where, chain, trained = run(tmp_path, NONE)
    assert trained == 4
    _, step_chain, step_trained = run(tmp_path, STEP)
    assert step_trained == 2
    alone, _, alone_trained = run(tmp_path, STEP, name="alone")
    assert alone_trained == 4
    assert equal(where.load_state(step_chain[4]), alone.load_state(step_chain[4]))
    assert not equal(where.load_state(step_chain[4]), where.load_state(chain[4]))


def test_gaps_between_checkpoints_are_replayed_to_the_same_bits(tmp_path):
    often, chain, _ = run(tmp_path, NONE, name="often")
    seldom, _, _ = run(tmp_path, NONE, name="seldom", every=3)
    assert [seldom.has_state(key) for key in chain] == [True, False, False, True, True]
    run(tmp_path, STEP, name="seldom", every=3)  # forks after epoch 2, whose state was not kept
    run(tmp_path, STEP, name="often")
    step_chain = keys(STEP)
    assert equal(seldom.load_state(step_chain[4]), often.load_state(step_chain[4]))


def test_with_no_checkpoint_left_a_run_is_replayed_from_the_beginning(tmp_path, caplog):
    where, chain, _ = run(tmp_path, NONE)
    expected = where.load_state(chain[2])
    for path in where.folder.glob("*.safetensors"):
        path.unlink()
    one = trainer(tmp_path)
    one.train_epoch(4, NONE[3])  # what the trainer did before does not matter
    bring_to(one, where, chain, NONE, 2)
    assert equal(one.state(), expected)
    assert "no checkpoint is left up to epoch 2" in caplog.text


def test_a_known_run_trains_nothing(tmp_path):
    run(tmp_path, NONE)
    _, _, trained = run(tmp_path, NONE)
    assert trained == 0


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_training as t
from errordrops.training.trainer import Trainer

train_epoch = Trainer.train_epoch

def killed(trainer, epoch, setting, after_update):
    def look(update):
        if (epoch, update) == (3, 5):  # of ten updates
            os.kill(os.getpid(), signal.SIGKILL)
    return train_epoch(trainer, epoch, setting, after_update=look)

Trainer.train_epoch = killed
t.run(Path({folder!r}), t.NONE, name="killed")
"""


def test_a_run_killed_in_the_middle_of_an_epoch_resumes_to_the_same_bits(tmp_path):
    data(tmp_path)
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    killed, chain = store(tmp_path, "killed"), keys(NONE)
    assert known_epochs(killed, chain) == 2
    resumed, _, trained = run(tmp_path, NONE, name="killed")
    assert trained == 2
    whole, _, _ = run(tmp_path, NONE, name="whole")
    for epoch, key in enumerate(chain):
        assert resumed.state_path(key).read_bytes() == whole.state_path(key).read_bytes()
        assert resumed.record(key)["values"] == whole.record(key)["values"], epoch


def test_looking_within_an_epoch_changes_nothing(tmp_path):
    """A close-up of an epoch as it was trained ends in the checkpoint of that epoch, bit by bit."""
    where, chain, _ = run(tmp_path, STEP)
    looking = trainer(tmp_path)
    for replay in (r for r in replays(STEP) if r.setting == STEP[r.epoch - 1]):
        bring_to(looking, where, chain, STEP, replay.epoch - 1)
        look = Look(looking, updates=10, images=50)
        look(0)
        looking.train_epoch(replay.epoch, replay.setting, after_update=look)
        assert sorted(look.values) == [0, 1, 2, 4, 8, 10] and look.seconds > 0
        assert equal(looking.state(), where.load_state(chain[replay.epoch]))
    assert [(r.epoch, r.branch) for r in replays(STEP)] == [(2, "unchanged"), (3, "unchanged"), (3, "changed")]


def test_a_diverged_run_is_recorded_and_ends(tmp_path):
    wild = tuple([BASE] + [Setting(1e30, 20, 0.9)] * 3)
    said = []
    where, chain, trained = run(tmp_path, wild, say=said.append)
    known = known_epochs(where, chain)
    assert trained == known == 2
    assert where.record(chain[2])["diverged"] and not where.has_state(chain[2])
    assert "diverged" in said[-1] and "diverged" not in said[0]
    assert run(tmp_path, wild)[2] == 0  # known to have diverged: not tried again
    records = [where.record(key) for key in chain[: known + 1]]
    table = run_rows("s", "wild", 0, wild, records)
    assert table["epoch"].max() == known - 1
    assert table["value"].map(math.isfinite).all()


def test_the_gradient_of_a_batch_is_the_mean_over_its_images(tmp_path):
    """One update with batch 200 in ten ghost groups follows the mean of the ten groups' gradients, taken by hand."""
    one = trainer(tmp_path)
    by_hand = trainer(tmp_path)
    setting = Setting(0.1, 200, 0.0)
    from errordrops.data.epoch import Epoch

    by_hand.model.train()
    for images, labels in Epoch(by_hand.data, 0, 1).pieces([20] * 10):
        loss = torch.nn.functional.cross_entropy(by_hand.model(images), labels)
        (loss / 10).backward()
    expected = {
        name: p.detach() - 0.1 * (p.grad + RECIPE["weight_decay"] * p.detach())
        for name, p in by_hand.model.named_parameters()
    }
    _, updates = one.train_epoch(1, setting)
    assert updates == 1
    for name, parameter in one.model.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch", [20, 40, 100, 200])
def test_memory_and_work_of_an_epoch_do_not_depend_on_the_batch_size(tmp_path, batch):
    """Every image passes once, in passes of one size: what is in memory at once is what the base batch needs."""
    one, passed = trainer(tmp_path), []
    one.model.register_forward_pre_hook(lambda model, given: passed.append(len(given[0])))
    one.train_epoch(1, Setting(0.05, batch, 0.9))
    assert passed == [20] * 10


def test_curve_rows_count_updates_and_examples(tmp_path):
    where, chain, _ = run(tmp_path, BATCH)
    table = run_rows("s", "batch", 0, BATCH, [where.record(key) for key in chain])
    per_epoch = table.drop_duplicates("epoch").set_index("epoch")
    assert per_epoch["update"].tolist() == [0, 10, 20, 22, 24]
    assert per_epoch["examples"].tolist() == [0, 200, 400, 600, 800]
    assert per_epoch["batch_size"].tolist() == [20, 20, 20, 100, 100]
    assert not table.duplicated(["epoch", "split", "metric"]).any()
    assert set(table[table["epoch"] == 0]["split"]) == {"test", "train_eval"}
    measured = {"error", "loss", "error_recomputed", "loss_recomputed"}
    assert set(table["metric"]) == measured | {"log_weight_norm", "effective_rate"}


def test_measured_numbers_agree_with_plain_torch(tmp_path):
    """Test error and loss of a trained state, recomputed without this package's evaluation code."""
    where, chain = store(tmp_path), keys(NONE)
    train(trainer(tmp_path), where, chain, NONE, 1, quiet, extras=lambda epoch: {RAW})
    fresh = trainer(tmp_path)
    fresh.restore(where.load_state(chain[4]))
    fresh.model.eval()
    images, labels = fresh.data.test.images.float(), fresh.data.test.labels
    with torch.no_grad():
        logits = fresh.model((images - fresh.data.mean) / fresh.data.std).double()
    recorded = where.record(chain[4])["values"]["test"]
    assert recorded["loss"] == pytest.approx(torch.nn.functional.cross_entropy(logits, labels).item(), rel=1e-5)
    assert recorded["error"] == pytest.approx(100 * (logits.argmax(1) != labels).double().mean().item())


def test_training_learns(tmp_path):
    where, chain, _ = run(tmp_path, STEP)
    first, last = (where.record(chain[e])["values"]["train_eval"]["loss_recomputed"] for e in (0, 4))
    assert last < first - 0.2


def test_training_may_stop_at_an_epoch_and_go_on(tmp_path):
    """As the plateau rule has it: one epoch at a time, with one trainer, to the same bits."""
    whole, chain, _ = run(tmp_path, STEP)
    one, piecewise = trainer(tmp_path), store(tmp_path, "piecewise")
    for until, trained in ((1, 1), (1, 0), (3, 2), (2, 0), (4, 1)):
        assert train(one, piecewise, chain, STEP, 1, quiet, until=until) == trained
        assert known_epochs(piecewise, chain) >= until
    for key in chain:
        assert piecewise.state_path(key).read_bytes() == whole.state_path(key).read_bytes()


def test_the_scale_of_the_weights_by_hand(tmp_path):
    where, chain, _ = run(tmp_path, STEP)
    for epoch, setting in enumerate(STEP, start=1):
        state = where.load_state(chain[epoch])
        squares = [(t.double() ** 2).sum().item() for n, t in state.items() if n.startswith("model.") and t.ndim == 4]
        assert len(squares) == 7  # the convolutions of a ResNet-8
        recorded = where.record(chain[epoch])["values"]["train"]
        assert recorded["log_weight_norm"] == pytest.approx(math.log(sum(squares)) / 2, rel=1e-5)
        assert recorded["effective_rate"] == pytest.approx(setting.learning_rate / sum(squares), rel=1e-5)


def test_validation_images_are_measured_with_recomputed_statistics(tmp_path):
    """Judged as the test set is: with the test images in their place the numbers are the same."""
    one = trainer(tmp_path)
    one.train_epoch(1, BASE)
    assert "validation" not in one.evaluate()[0]
    one.data = dataclasses.replace(one.data, validation=one.data.test)
    values, _ = one.evaluate({VALIDATION})
    test = values["test"]
    assert values["validation"] == {metric: test[metric] for metric in ("error_recomputed", "loss_recomputed")}


def test_state_holds_momentum_and_statistics(tmp_path):
    one = trainer(tmp_path)
    one.train_epoch(1, BASE)
    state = capture(one.model, one.optimizer)
    assert {"momentum.linear.weight", "model.bn.running_mean", "model.linear.weight"} <= set(state)


def test_an_epoch_is_only_recorded_after_what_looked_into_it(tmp_path, monkeypatch):
    """Killed between the two, the epoch would be known and its close-up lost."""
    where, chain, one, looks = store(tmp_path), keys(STEP), trainer(tmp_path), []

    def look_at(epoch):
        looks.append(Look(one, updates=10, images=50))
        return looks[-1]

    def killed(self, *given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Look, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(one, where, chain, STEP, 1, quiet, look_at=look_at)
    assert known_epochs(where, chain) == 0
    monkeypatch.undo()
    assert train(one, where, chain, STEP, 1, quiet, look_at=look_at) == len(STEP)
