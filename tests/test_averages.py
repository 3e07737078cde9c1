"""Averaged weights: what they are, that training does not feel them, and what is measured with them."""

import dataclasses
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from errordrops.study.plan import AVERAGED_TEST, AVERAGES
from errordrops.study.settings import Setting, rule_phases, settings
from errordrops.training.averages import Average, start
from errordrops.training.loop import train
from errordrops.training.trainer import Trainer
from networks import FP32, RECIPE, keys, plain_logits, store, trainer

BASE = Setting(0.05, 20, 0.9)
NONE = settings(rule_phases("none", BASE, 4, [], 5))
STEP = settings(rule_phases("step", BASE, 4, [2], 5))
BATCH = settings(rule_phases("batch", BASE, 2, [1], 5))
MEMORIES = {"averages": [1, 3]}
ALL = {AVERAGES, AVERAGED_TEST}


def quiet(message):
    pass


def run(folder, schedule, name="store", every=1, **changes):
    """Train a schedule with a fresh trainer; returns (store, keys, epochs trained)."""
    where, chain = store(folder, name), keys(schedule, **changes)
    return where, chain, train(trainer(folder, **changes), where, chain, schedule, every, quiet, extras=everything)


def everything(epoch):
    return ALL


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def flat(tensors):
    return torch.cat([tensor.detach().flatten().double() for tensor in tensors])


@pytest.mark.parametrize("memory", [0.5, 1, 3])
@pytest.mark.parametrize("updates", [1, 3, 300])
def test_the_memory_is_a_number_of_epochs_whatever_the_batch_size(memory, updates):
    """After an epoch at new weights, exp(-1 / memory) of the old ones is left."""
    average = Average("averaged", memory, [torch.ones(2, dtype=torch.float64)])
    for _ in range(updates):
        average.update([torch.zeros(2, dtype=torch.float64)], updates)
    assert average.weights[0].tolist() == pytest.approx([math.exp(-1 / memory)] * 2)


def test_the_average_is_the_weighted_sum_over_the_weights_after_every_update(tmp_path):
    """Two epochs of ten and of two updates: (1 - b) b^(later updates) w for each, what is left for the first w."""
    one = trainer(tmp_path, averages=[1, 3])
    path = [(flat(one.model.parameters()), None)]
    for epoch, setting in enumerate(BATCH, start=1):
        updates = {20: 10, 100: 2}[setting.batch_size]
        one.train_epoch(epoch, setting, lambda _, n=updates: path.append((flat(one.model.parameters()), n)))
    assert [n for _, n in path[1:]] == [10] * 10 + [2] * 2
    assert [average.name for average in one.averages] == ["averaged", "averaged_long"]
    for average, memory in zip(one.averages, (1, 3), strict=True):
        expected, left = torch.zeros_like(path[0][0]), 1.0
        for weights, updates in reversed(path[1:]):
            kept = math.exp(-1 / (memory * updates))
            expected += left * (1 - kept) * weights
            left *= kept
        assert left == pytest.approx(math.exp(-2 / memory))
        expected += left * path[0][0]
        torch.testing.assert_close(flat(average.weights), expected, rtol=1e-5, atol=1e-7)
        assert (flat(average.weights) - path[-1][0]).abs().max() > 1e-3


def test_averages_start_at_the_weights_and_share_no_memory_with_them(tmp_path):
    one = trainer(tmp_path, averages=[2])
    assert [average.memory for average in one.averages] == [2]
    before = flat(one.model.parameters())
    assert torch.equal(flat(one.averages[0].weights), before)
    with torch.no_grad():
        next(one.model.parameters()).add_(1)
    assert torch.equal(flat(one.averages[0].weights), before)
    assert start(one.model, []) == []


def test_training_does_not_feel_averages(tmp_path):
    plain, chain, _ = run(tmp_path, STEP)
    averaged, other, _ = run(tmp_path, STEP, **MEMORIES)
    assert not set(chain) & set(other)
    for key, with_averages in zip(chain, other, strict=True):
        state = averaged.load_state(with_averages)
        assert equal(plain.load_state(key), {n: t for n, t in state.items() if not n.startswith("averaged")})
        values, more = plain.record(key)["values"], averaged.record(with_averages)["values"]
        assert {split: {m: more[split][m] for m in values[split]} for split in values} == values
    assert (
        set(plain.record(chain[4])["right"]) == {"recomputed"}
        and "error_averaged" not in plain.record(chain[4])["values"]["test"]
    )


def test_a_state_holds_averages_and_puts_them_back(tmp_path):
    one, other = trainer(tmp_path, **MEMORIES), trainer(tmp_path, **MEMORIES)
    one.train_epoch(1, BASE)
    state = one.state()
    weights = dict(one.model.named_parameters())
    for average in one.averages:
        kept = {n.removeprefix(f"{average.name}."): t for n, t in state.items() if n.startswith(f"{average.name}.")}
        assert kept.keys() == weights.keys()
        assert torch.equal(flat(kept.values()), flat(average.weights))
        assert all(kept[name].shape == weights[name].shape for name in kept)
    other.restore(state)
    assert equal(other.state(), state)
    other.train_epoch(2, BASE)
    assert equal(one.state(), state)  # neither the state nor its source is touched
    one.train_epoch(2, BASE)
    assert equal(one.state(), other.state())


def test_a_run_with_averages_that_was_cut_off_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    whole, chain, _ = run(tmp_path, NONE, "whole", **MEMORIES)
    train_epoch = Trainer.train_epoch

    def cut_off(one, epoch, setting, **options):
        def look(update):
            if (epoch, update) == (3, 5):  # of ten updates
                raise KeyboardInterrupt

        return train_epoch(one, epoch, setting, after_update=look)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Trainer, "train_epoch", cut_off)
        run(tmp_path, NONE, "cut", **MEMORIES)
    resumed, _, trained = run(tmp_path, NONE, "cut", **MEMORIES)
    assert trained == 2
    for key in chain:
        assert resumed.state_path(key).read_bytes() == whole.state_path(key).read_bytes()
        for part in ("values", "right"):
            assert resumed.record(key)[part] == whole.record(key)[part]


@pytest.mark.parametrize("every", [1, 3])
def test_a_fork_with_averages_is_the_run_from_the_start_bit_by_bit(tmp_path, every):
    """Also where the state at the fork was not kept, so that the averages are replayed with the weights."""
    run(tmp_path, NONE, every=every, **MEMORIES)
    forked, chain, trained = run(tmp_path, STEP, every=every, **MEMORIES)
    alone, _, all_of_it = run(tmp_path, STEP, "alone", **MEMORIES)
    assert (trained, all_of_it) == (2, 4)
    assert equal(forked.load_state(chain[4]), alone.load_state(chain[4]))
    for key in chain:
        for part in ("values", "right"):
            assert forked.record(key)[part] == alone.record(key)[part]


def test_evaluation_puts_the_weights_back_bit_by_bit(tmp_path):
    one = trainer(tmp_path, **MEMORIES)
    one.train_epoch(1, BASE)
    before = one.state()
    first, _ = one.evaluate(ALL)
    assert equal(one.state(), before)
    assert one.evaluate(ALL)[0] == first
    average = one.averages[0]
    with pytest.raises(ZeroDivisionError), average.in_place_of(one.model):
        inside = flat(one.model.parameters())
        raise ZeroDivisionError
    assert torch.equal(inside, flat(average.weights))
    assert not torch.equal(inside, flat(one.model.parameters()))
    assert equal(one.state(), before)


def test_measured_numbers_of_the_average_agree_with_plain_torch(tmp_path):
    """A model that carries the averaged weights, its statistics recomputed, without this package's evaluation."""
    where, chain, _ = run(tmp_path, NONE, **MEMORIES)
    state, recorded = where.load_state(chain[3]), where.record(chain[3])["values"]["test"]
    losses = []
    for part, suffix in (("model", "recomputed"), ("averaged", "averaged")):
        logits, labels = plain_logits(tmp_path, state, part)
        losses.append(cross_entropy(logits, labels).item())
        assert recorded[f"loss_{suffix}"] == pytest.approx(losses[-1], rel=1e-5)
        assert recorded[f"error_{suffix}"] == pytest.approx(100 * (logits.argmax(1) != labels).double().mean().item())
    assert abs(losses[0] - losses[1]) > 1e-3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_model_that_carries_the_average_is_measured_as_the_average(tmp_path, precision):
    numerics = dataclasses.replace(FP32, precision=precision)
    one, other = (trainer(tmp_path, numerics, **MEMORIES) for _ in range(2))
    one.train_epoch(1, BASE)
    values, to_test = one.evaluate(ALL)
    for average in one.averages:
        with torch.no_grad():
            for parameter, weight in zip(other.model.parameters(), average.weights, strict=True):
                parameter.copy_(weight)
        expected, answers = other.evaluate()
        for split, found in values.items():
            for kind in ("error", "loss"):
                if f"{kind}_{average.name}" in found:
                    assert found[f"{kind}_{average.name}"] == expected[split][f"{kind}_recomputed"]
        if average.name in to_test:
            assert torch.equal(to_test[average.name].right, answers["recomputed"].right)


def test_what_is_measured_with_averages(tmp_path):
    one = trainer(tmp_path, **MEMORIES)
    one.train_epoch(1, BASE)
    values, to_test = one.evaluate(ALL)
    metrics = {split: {m.split("_", 1)[-1] for m in found if m.startswith("loss_")} for split, found in values.items()}
    assert metrics == {
        "test": {"recomputed", "averaged"},
        "train_eval": {"recomputed", "averaged", "averaged_long"},
    }
    assert set(to_test) == {"recomputed", "averaged"}
    assert values["train_eval"]["loss_averaged"] != values["train_eval"]["loss_averaged_long"]
    assert values["test"]["error_averaged"] == 100 * (~to_test["averaged"].right).sum().item() / 100
    assert RECIPE.get("averages") is None  # the small recipe itself has none
