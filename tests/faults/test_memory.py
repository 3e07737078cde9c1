"""Out of memory: smaller passes, the same result, said in the log."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from errordrops import cli
from errordrops.study.settings import Setting
from errordrops.training import models
from errordrops.training.checkpoints import Store
from errordrops.training.models import CifarResNet
from errordrops.training.trainer import Trainer
from networks import FP32, RECIPE, data, tiny, trainer

LARGE = replace(FP32, images_per_pass=100)  # as a GPU does: five ghost groups of 20 at once
SETTING = Setting(0.05, 100, 0.9)
ERRORS = [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), RuntimeError("can't allocate memory: you")]


def short_of_memory(model, most, where, error, failed):
    """Let a model fail for more than `most` images, in its forward or its backward pass."""

    def fail(images):
        failed.append(images)
        raise error

    def after(module, given, out):
        images = len(given[0])
        if images <= most or not module.training or torch.is_inference_mode_enabled():
            return
        if where == "forward":
            fail(images)
        out.register_hook(lambda gradient: fail(images))

    # at the end of the network: statistics have taken their steps by then, gradients of the last layers are there
    model.linear.register_forward_hook(after) if where == "forward" else model.blocks[0].register_forward_hook(after)


def trained(one, epochs=1):
    numbers = [one.train_epoch(epoch, SETTING) for epoch in range(1, epochs + 1)]
    return one.state(), numbers


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("error", ERRORS)
def test_smaller_passes_give_the_same_result(tmp_path, caplog, where, error):
    short, failed = trainer(tmp_path, LARGE), []
    short_of_memory(short.model, 59, where, error, failed)
    state, numbers = trained(short)
    # the same bits as if passes had been that small from the start: nothing of a failed pass is left
    small = trainer(tmp_path, replace(FP32, images_per_pass=40))
    expected, expected_numbers = trained(small)
    assert failed == [100]  # asked for once
    assert all(torch.equal(state[name], expected[name]) for name in expected) and numbers == expected_numbers
    assert "out of memory in a pass of 100 images: passes have at most 40 from here on" in caplog.text
    assert short.numerics.images_per_pass == 40  # and so in every record from here on


@contextmanager
def in_float64(folder):
    """Makes trainers that compute to twelve digits: in float32 a ReLU whose input is zero within rounding may go
    either way.
    """
    images = data(folder)
    precise = replace(images, mean=images.mean.double(), std=images.std.double())
    torch.set_default_dtype(torch.float64)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("errordrops.training.trainer.build", lambda *given: models.build(*given).double())
        yield lambda: Trainer.create(RECIPE, precise, LARGE)
    torch.set_default_dtype(torch.float32)


def equal_in_float64(state, expected):
    for name, value in expected.items():
        torch.testing.assert_close(state[name], value, rtol=1e-12, atol=1e-12, msg=name)


def test_within_rounding_it_is_the_result_of_large_passes(tmp_path):
    with in_float64(tmp_path) as make:
        states = []
        for most in (1000, 59):
            one, failed = make(), []
            short_of_memory(one.model, most, "backward", ERRORS[0], failed)
            states.append(trained(one)[0])
            assert failed == ([] if most == 1000 else [100])
    equal_in_float64(*states)


def test_it_may_happen_again(tmp_path):
    short, failed = trainer(tmp_path, LARGE), []
    short_of_memory(short.model, 20, "backward", ERRORS[0], failed)
    state, _ = trained(short)
    expected, _ = trained(trainer(tmp_path))
    assert failed == [100, 40]
    assert all(torch.equal(state[name], expected[name]) for name in expected)


def test_another_error_is_not_taken_for_it(tmp_path):
    short = trainer(tmp_path, LARGE)
    short_of_memory(short.model, 40, "forward", RuntimeError("shapes do not match"), [])
    with pytest.raises(RuntimeError, match="shapes do not match"):
        trained(short)


SHORT = """
import sys
from pathlib import Path
from errordrops.training import distributed
from errordrops.training.checkpoints import Store
from test_memory import ERRORS, in_float64, short_of_memory, trained

folder, failed = Path(sys.argv[1]), []
distributed.join("cpu")
with in_float64(folder) as make:
    one = make()
    if distributed.rank() == 1:  # it has two of the five groups of a batch
        short_of_memory(one.model, 39, "backward", ERRORS[0], failed)
    state, numbers = trained(one)
assert failed == ([40] if distributed.rank() == 1 else []), failed
if distributed.rank() == 0:
    Store(folder).save_state("two", state)
distributed.leave()
"""


def test_of_two_processes_one_may_run_out_of_memory(tmp_path):
    """The other waits for it, and both end with what one process ends with."""
    with in_float64(tmp_path) as make:
        expected, _ = trained(make())
    script = tmp_path / "short.py"
    script.write_text(SHORT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    here = Path(__file__).parent
    paths = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(here), str(here.parent)])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    command += [str(script), str(tmp_path)]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "out of memory in a pass of 40 images: passes have at most 20 from here on" in finished.stderr
    equal_in_float64(Store(tmp_path).load_state("two"), expected)


def test_memory_that_does_not_suffice_for_one_group_is_one_message(tmp_path, monkeypatch, capsys):
    study, layout = tiny(tmp_path)

    def full(self, x):
        raise ERRORS[0]

    monkeypatch.setattr(CifarResNet, "forward", full)
    arguments = ["train", str(study.path), "none", "0", "--device", "cpu", "--results", str(layout.root.parent)]
    assert cli.main(arguments) == 1
    told = capsys.readouterr().err
    assert "memory does not suffice (CUDA out of memory" in told and "--cores" in told and "Traceback" not in told
