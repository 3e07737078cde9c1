"""Two processes under torchrun do what one does: the real command on a folder of pictures, killed once and resumed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import pictures
from errordrops import cli
from errordrops.errors import UserError
from errordrops.files import read_table
from errordrops.results import curves
from errordrops.study import batching
from errordrops.study.settings import Setting
from errordrops.training import distributed
from errordrops.workflow import Workflow
from networks import trainer

KILLED = """
import os, signal, sys
from errordrops import cli
from errordrops.training.trainer import Trainer

train_epoch = Trainer.train_epoch

def killed(trainer, epoch, setting, after_update):
    def look(update):
        if (epoch, update) == (2, 1) and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
    return train_epoch(trainer, epoch, setting, after_update=look)

Trainer.train_epoch = killed
sys.exit(cli.main(sys.argv[1:]))
"""
NETWORK = {"family": "imagenet-resnet", "depth": 18}


def torchrun(*arguments: str, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    quiet = os.environ | {"OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=300, check=False)


def several(monkeypatch, processes: int, rank: int = 0):
    """Let this process be one of several."""
    monkeypatch.setattr(distributed, "count", lambda: processes)
    monkeypatch.setattr(distributed, "rank", lambda: rank)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Arm batch of a tiny study trained by one process (folder "one") and by two, of which one was killed in the middle
    of epoch 2 (folder "two"): 50 images in batches of 17, 17, 16 and of 25, 25, in groups of 8 and 9, so that one
    process takes two of three groups. Returns their run folders and what the two processes said when they went on.
    """
    place = tmp_path_factory.mktemp("distributed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ERRORDROPS_CACHE", str(place / "cache"))
        path = str(pictures.study_file(place, pictures.folder(place / "data", val=6), model=NETWORK))
        results = {name: str(place / name) for name in ("one", "two")}
        for where in results.values():
            assert cli.main(["data", path, "--results", where]) == 0
        step = ["batch", "0", "--device", "cpu", "--workers"]
        assert cli.main(["train", path, *step, "0", "--results", results["one"]]) == 0
        script = place / "killed.py"
        script.write_text(KILLED)
        two = ["train", path, *step, "0", "--results", results["two"]]
        first = torchrun(str(script), *two)
        assert first.returncode != 0 and f"Signal {signal.SIGKILL}" in first.stderr, first.stderr
        second = torchrun("-m", "errordrops", *two)
        assert second.returncode == 0, second.stderr
    one, two = (Path(where) / "pictures/runs/batch/seed0" for where in results.values())
    return one, two, second.stdout


def test_two_processes_do_what_one_does_within_rounding(trained):
    one, two, _ = trained
    table, other = (curves.read_run(folder / "curve.csv") for folder in (one, two))
    assert table.drop(columns="value").equals(other.drop(columns="value"))
    np.testing.assert_allclose(other["value"], table["value"], rtol=1e-4)
    assert table.drop_duplicates("epoch")["update"].tolist() == [0, 3, 5]
    for epoch in (0, 1, 2):
        state, its = (load_file(folder / f"checkpoints/epoch{epoch:03d}.safetensors") for folder in (one, two))
        assert state.keys() == its.keys()
        for name, tensor in state.items():
            torch.testing.assert_close(its[name], tensor, rtol=1e-4, atol=1e-5 * float(tensor.abs().max()), msg=name)
    # running statistics took one step for each group of all processes
    assert its["model.bn1.num_batches_tracked"] == 3 * 2 + 2 * 3


def test_killed_they_resume_and_one_of_them_speaks_and_writes(trained):
    one, two, said = trained
    assert "2 epochs, 1 of them known already" in said
    assert said.count("epoch 2/2") == 1 and "epoch 1/2" not in said
    facts = pictures.facts(two)
    assert facts["numerics"][0]["processes"] == 2 and "processes" not in pictures.facts(one)["numerics"][0]
    assert facts["key"] != pictures.facts(one)["key"] and facts["recipe_key"] == pictures.facts(one)["recipe_key"]
    assert len(list(two.parents[3].glob("pictures/checkpoints/*/*.record.json"))) == 3


def test_without_ghost_groups_of_its_own_size_it_would_be_another_run(trained, tmp_path, monkeypatch):
    """The comparison above can fail: one process with groups of 16 ends elsewhere."""
    one, _, _ = trained
    place = one.parents[4]
    monkeypatch.setenv("ERRORDROPS_CACHE", str(place / "cache"))
    path = str(pictures.study_file(tmp_path, place / "data", model=NETWORK, group_size=16))
    for step in (["data", path], ["train", path, "batch", "0", "--device", "cpu", "--workers", "0"]):
        assert cli.main([*step, "--results", str(tmp_path)]) == 0
    tables = [read_table(run / "curve.csv") for run in (one, tmp_path / "pictures/runs/batch/seed0")]
    last = [t.query("epoch == 1 and split == 'train' and metric == 'loss'")["value"].item() for t in tables]
    assert abs(last[0] - last[1]) > 1e-3


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_shares_are_whole_groups_and_make_up_the_epoch(monkeypatch, processes):
    batches = [batching.group_sizes(size, 8) for size in batching.batch_sizes(1003, 100)]
    taken = []
    for rank in range(processes):
        several(monkeypatch, processes, rank)
        shares = [distributed.share_of_batch(groups, 20) for groups in batches]
        sizes, wanted = distributed.pieces_of(shares)
        assert sum(sizes) == 1003
        ends = np.cumsum(sizes)
        taken += [i for end, size, w in zip(ends, sizes, wanted, strict=True) if w for i in range(end - size, end)]
        for share, groups in zip(shares, batches, strict=True):
            own = groups[share.groups_before : len(groups) - share.groups_after]
            assert [p.size for p in share.passes for _ in range(p.groups)] == own and share.images == sum(groups)
            assert share.part.stop - share.part.start == sum(own)
    assert sorted(taken) == list(range(1003))


def test_more_processes_than_groups_are_refused_with_the_arithmetic(monkeypatch, tmp_path):
    alone = trainer(tmp_path)
    several(monkeypatch, 4)
    with pytest.raises(UserError, match=r"4 processes cannot share a batch of 40 images, which has 2 ghost group"):
        alone.train_epoch(1, Setting(0.1, 40, 0.9))


def test_the_warm_up_rises_evenly_to_the_rate(tmp_path):
    warm, setting = trainer(tmp_path, warmup={"epochs": 5, "from": 0.1}), Setting(3.2, 20, 0.9)
    assert [warm.rate(epoch, done, setting) for epoch, done in ((1, 0), (3, 0.5), (5, 0.99))] == pytest.approx(
        [0.1, 1.65, 0.1 + 3.1 * 4.99 / 5]
    )
    assert warm.rate(6, 0, setting) == 3.2 == trainer(tmp_path).rate(1, 0, setting)
    used = []
    monkey = warm.optimizer.step
    warm.optimizer.step = lambda rate, *more: used.append(rate) or monkey(rate, *more)
    warm.train_epoch(1, setting)
    assert used == pytest.approx([0.1 + 3.1 * k / 50 for k in range(10)])


def flow(**config) -> Workflow:
    return Workflow({"studies": "config/studies", "results": "results", "device": "auto", "workers": 4, **config})


def test_what_a_step_that_trains_asks_for():
    one, eight, cpu = flow(), flow(processes=8), flow(processes=2, device="cpu")
    assert one.training_resources() == {"gpu": 1} and eight.training_resources() == {"gpu": 8}
    assert cpu.training_resources() == {"gpu": 0}
    assert one.launch("smoke", "none", "0") == "python"
    assert eight.launch("smoke", "none", "0") == "python -m torch.distributed.run --nproc-per-node 8 --standalone"
    assert (one.cores("smoke"), eight.cores("smoke"), eight.cores("he2015-imagenet")) == (1, 8, 40)
    assert (eight.data_cores("smoke"), eight.data_cores("he2015-imagenet")) == (1, 32)
    assert one.numerics("smoke").keys() | {"processes"} == eight.numerics("smoke").keys()
    several = flow(processes=8, nodes=4)
    assert several.training_resources() == {"gpu": 32, "nodes": 4, "tasks": 4, "tasks_per_gpu": -1, "mpi": "srun"}
    command = several.launch("he2015-imagenet", "none", "0")
    assert command.startswith("srun --nodes=4 --ntasks=4 --cpus-per-task=40 --gpus-per-node=8 python -m")
    assert "--nproc-per-node 8 --nnodes 4 --rdzv-backend c10d" in command
