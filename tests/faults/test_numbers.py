"""Numbers of a run once more, by plain torch: nothing of this package's models, batch norm or evaluation.

That several processes sum to what one computes is shown in tests/test_distributed.py.
"""

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, pad, relu

from errordrops.data.draw import of_seed
from errordrops.results.curves import read_run
from errordrops.study.plan import find_run
from errordrops.training.runs import train_run
from networks import DATASET, tiny


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x):
        shortcut = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))) + shortcut)


class ResNet8(nn.Module):
    """He et al. 2015, section 4.2, n = 1, from 4 channels."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.blocks = nn.Sequential(Block(4, 4, 1), Block(4, 8, 2), Block(8, 16, 2))
        self.linear = nn.Linear(16, 10)

    def forward(self, x):
        x = self.blocks(relu(self.bn(self.conv(x))))
        return self.linear(avg_pool2d(x, x.shape[-1]).flatten(1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Arms none, step and batch; (layout, curves by arm)."""
    study, layout = tiny(tmp_path_factory.mktemp("numbers"), epochs=3, milestones=[1], arms=["none", "step", "batch"])
    for arm in ("none", "step", "batch"):
        train_run(study, find_run(study, arm, 0), layout, "cpu", lambda message: None)
    return layout, {arm: read_run(layout.run(arm, 0) / "curve.csv") for arm in ("none", "step", "batch")}


def measured(layout, arm, epoch, dtype):
    """{metric: value} of the test set and of the last 60 training images."""
    state = load_file(layout.run(arm, 0) / f"checkpoints/epoch{epoch:03d}.safetensors")
    weights = {name.removeprefix("model."): t for name, t in state.items() if name.startswith("model.")}
    model = ResNet8()
    model.load_state_dict(weights)
    model, data = model.to(dtype), load_file(layout.data)
    order = torch.from_numpy(of_seed(DATASET, data["train_labels"].numpy(), 0)["train"])  # each seed draws its own
    data |= {name: data[name][order] for name in ("train_images", "train_labels")}
    mean, std = data["mean"].to(dtype), data["std"].to(dtype)
    found = {}
    with torch.no_grad():
        for ending in ("", "_recomputed"):
            if ending:
                for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
                    norm.momentum = 1.0  # the statistics of one batch: the sample of 100 training images
                model.train()
                model((data["train_images"][:100].to(dtype) - mean) / std)
            model.eval()
            for split, part in (("test", slice(None)), ("train_eval", slice(-60, None))):
                half = split.split("_")[0]
                images, labels = data[f"{half}_images"][part], data[f"{half}_labels"][part]
                logits = model((images.to(dtype) - mean) / std)
                found[split, f"loss{ending}"] = cross_entropy(logits, labels).item()
                found[split, f"error{ending}"] = 100 * (logits.argmax(1) != labels).double().mean().item()
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("arm", "epoch"), [("none", 0), ("none", 3), ("step", 3), ("batch", 2)])
def test_loss_and_error_of_a_checkpoint(trained, dtype, arm, epoch):
    """Loss to five digits; error to the image (no two answers are that close here)."""
    layout, curves = trained
    recorded = curves[arm].query("epoch == @epoch").set_index(["split", "metric"])["value"]
    for name, value in measured(layout, arm, epoch, dtype).items():
        assert recorded[name] == pytest.approx(value, rel=1e-5 if name[1].startswith("loss") else 1e-12), name


def test_every_epoch_once_and_updates_times_batch_are_the_examples(trained):
    for arm, table in trained[1].items():
        assert not table.duplicated(["epoch", "split", "metric"]).any()
        counted = table.drop_duplicates("epoch").set_index("epoch")
        assert counted.index.tolist() == [0, 1, 2, 3]
        assert not (counted["examples"].diff().dropna() - 200).any()
        assert (counted["update"].diff() * counted["batch_size"] == counted["examples"].diff())[1:].all(), arm


def test_forks_join_without_a_gap(trained):
    """Until the milestone a fork's rows are its parent's, but for its name; its own begin where they end."""
    curves = trained[1]
    parent = curves["none"].drop(columns="arm")
    for arm in ("step", "batch"):
        own = curves[arm].drop(columns="arm")
        shared = own["epoch"] <= 1
        assert own[shared].reset_index(drop=True).equals(parent[parent["epoch"] <= 1].reset_index(drop=True))
        assert own.loc[~shared, "epoch"].min() == 2
        assert own.loc[~shared, "update"].min() > own.loc[shared, "update"].max()
