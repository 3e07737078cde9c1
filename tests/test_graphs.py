"""Recorded updates: replayed they give the bits of updates done one by one; what a recording changes is put back.

A stand-in records where there is no GPU: like a CUDA graph it runs a few times first and then repeats its work on the
tensors that it was recorded with. With a GPU the real one is tried as well.
"""

import pytest
import torch

from errordrops.study.settings import Setting
from errordrops.training.checkpoints import State
from errordrops.training.graphs import WARM_UP, Graphs, cuda_recorder, graphs_for
from errordrops.training.numerics import Numerics, choose
from networks import trainer

AT_ONCE = Numerics("cpu", "fp32", 1, 200)
SETTINGS = (Setting(0.05, 30, 0.9), Setting(0.05, 30, 0.9), Setting(0.005, 30, 0.9), Setting(0.05, 200, 0.9))
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


class StandIn:
    """Counts recordings."""

    def __init__(self):
        self.recordings = 0

    def __call__(self, work):
        self.recordings += 1
        for _ in range(WARM_UP):
            work()
        return work


def train(tmp_path, graphs, numerics=AT_ONCE, **changes) -> tuple[State, list[dict]]:
    one = trainer(tmp_path, numerics, averages=[1], **changes)
    one.graphs = graphs
    measured = [one.train_epoch(epoch, setting)[0] for epoch, setting in enumerate(SETTINGS, start=1)]
    return one.state(), measured


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_replayed_updates_are_those_done_one_by_one(tmp_path, optimizer):
    """Two kinds of batch (29 and 28 images), a change of the rate, and batches of several ghost groups."""
    changes = {"optimizer": "adam"} if optimizer == "adam" else {}
    record = StandIn()
    replayed, measured = train(tmp_path, Graphs(record), **changes)
    one_by_one, expected = train(tmp_path, None, **changes)
    assert equal(replayed, one_by_one) and measured == expected
    assert record.recordings == 5  # two kinds of batch under each of two settings in a row, then one


def test_what_is_recorded_is_kept_from_epoch_to_epoch(tmp_path):
    record = StandIn()
    one = trainer(tmp_path, AT_ONCE)
    one.graphs = Graphs(record)
    for epoch in (1, 2, 3):
        one.train_epoch(epoch, SETTINGS[0])
    assert record.recordings == 2


def test_a_restored_state_is_trained_on_by_the_same_recording(tmp_path):
    """Restoring puts values into the tensors that were recorded, not other tensors into their place."""
    one = trainer(tmp_path, AT_ONCE)
    one.graphs = Graphs(StandIn())
    one.train_epoch(1, SETTINGS[0])
    state = one.state()
    one.train_epoch(2, SETTINGS[0])
    after = one.state()
    one.evaluate()
    one.restore(state)
    one.train_epoch(2, SETTINGS[0])
    assert equal(one.state(), after)


def test_where_recording_fails_the_log_says_so_and_bits_are_the_same(tmp_path, caplog):
    def record(work):
        work()
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore lines")

    fallen_back, measured = train(tmp_path, Graphs(record))
    one_by_one, expected = train(tmp_path, None)
    assert equal(fallen_back, one_by_one) and measured == expected
    assert caplog.text.count("CUDA graphs are not used") == 1 and "not permitted" in caplog.text


@pytest.mark.parametrize("warm", [0, WARM_UP])
def test_what_a_recording_leaves_between_backward_pass_and_step_is_not_added_to_the_next_update(tmp_path, warm):
    """Gradients of the batch that was being recorded: taken twice they give other weights."""
    fallen_back = trainer(tmp_path, AT_ONCE, averages=[1])
    step = fallen_back.optimizer.step

    def broken(*given):
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def record(work):
        for _ in range(warm):
            work()
        fallen_back.optimizer.step = broken
        try:
            work()
        finally:
            fallen_back.optimizer.step = step

    fallen_back.graphs = Graphs(record)
    measured = [fallen_back.train_epoch(epoch, setting)[0] for epoch, setting in enumerate(SETTINGS, start=1)]
    one_by_one, expected = train(tmp_path, None)
    assert not fallen_back.graphs.works
    assert equal(fallen_back.state(), one_by_one) and measured == expected


def test_a_batch_of_several_passes_is_not_recorded(tmp_path):
    """All its images would have to be in place at once: memory would grow with the batch."""
    record = StandIn()
    one = trainer(tmp_path, Numerics("cpu", "fp32", 1, 40))
    one.graphs = Graphs(record)
    one.train_epoch(1, Setting(0.05, 100, 0.9))
    assert record.recordings == 0


def test_there_are_graphs_where_there_is_a_gpu():
    assert graphs_for("cpu") is None and graphs_for("mps") is None


@pytest.mark.parametrize("device", DEVICES)
def test_on_every_device_here(tmp_path, device):
    """With real graphs on a GPU, where also nothing may wait for it within an epoch."""
    numerics = choose(device, "fp32", 1, 20, 28 * 28) if device == "cuda" else AT_ONCE
    states = []
    for recorded in (False, True):
        one = trainer(tmp_path, numerics, averages=[1])
        one.graphs = Graphs(cuda_recorder() if device == "cuda" else StandIn()) if recorded else None

        def forbid_waiting(update):
            if device == "cuda":  # between two updates; recording itself may wait
                torch.cuda.set_sync_debug_mode("error" if 2 < update < 6 else "default")

        one.train_epoch(1, SETTINGS[0], after_update=forbid_waiting)
        states.append(one.state())
        assert one.graphs is None or one.graphs.works
    assert equal(*states)
