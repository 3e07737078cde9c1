"""The papers' own studies: their schedules and updates as published, and small versions of them through the steps."""

import copy
import json

import pandas as pd
import pytest
import yaml

from errordrops.analysis.final import schedules
from errordrops.analysis.published import optimizers, published
from errordrops.results.curves import read_run
from errordrops.study import plan, study
from errordrops.study.batching import nominal_updates, updates_per_epoch
from errordrops.study.settings import Setting, noise_scale
from errordrops.study.study import StudyError
from errordrops.training.runs import train_run
from networks import tiny
from test_arms import load

STUDIES = study.REPOSITORY / "config/studies"
TWINS = [
    {"optimizer": "nesterov", "arms": ["none", "step"]},
    {"optimizer": "sgd", "learning_rate": 0.5, "arms": ["none", "step"]},
    {"optimizer": "adam", "learning_rate": 0.001, "arms": ["none", "step"], "seeds": 1},
]


def paper(name, **options):
    return study.load(name, STUDIES, **options)


def test_smith_et_als_updates():
    """Figure 5 and the hybrid arm of Figure 2, by their count: the sum over epochs of 50,000 / batch."""
    smith = paper("smith2018-cifar10")
    counted = {arm.name: nominal_updates(arm.settings, 50_000) for arm in smith.schedules}
    told = {"step": 78_125, "hybrid": 34_375, "batch-5120": 29_141, "high-rate": 6_406, "high-momentum": 2_305}
    assert {name: round(counted[name]) for name in told} == told
    for name in ("batch-5120", "high-rate", "high-momentum"):
        assert max(setting.batch_size for setting in smith.arm(name).settings) == 5120
    assert [phase.setting.batch_size for phase in smith.arm("batch").phases] == [128, 640, 3200, 16000]


def test_smith_et_als_arms_cut_the_noise_alike():
    """Learning rate / ((1 - momentum) batch) is what all arms have in common, at every epoch."""
    smith = paper("smith2018-cifar10")

    def ratio(setting):
        return setting.learning_rate / (1 - setting.momentum) / setting.batch_size

    step = [ratio(setting) for setting in smith.arm("step").settings]
    arms = [arm for arm in smith.arms if arm.name not in ("none", "step") and arm.optimizer in ("momentum", "nesterov")]
    for arm in [arm for arm in arms if arm.of != "none"]:
        assert [ratio(setting) for setting in arm.settings] == pytest.approx(step, rel=1e-3), arm.name
    plain = [ratio(setting) for setting in smith.arm("step-sgd").settings]
    assert plain == pytest.approx(step)  # the rate makes up for the momentum
    assert noise_scale(smith.base, 50_000) == pytest.approx(389.6, abs=0.1)


def test_he_et_als_updates():
    he = paper("he2015-cifar10")
    epoch = updates_per_epoch(50_000, 128)
    assert (he.model["depth"], he.epochs, he.arm("step").milestones) == (20, 164, [82, 123])
    for epochs, told in ((82, 32_000), (123, 48_000), (164, 64_000)):
        assert abs(epochs * epoch - told) < epoch / 2
    assert [arm.name for arm in he.arms] == ["none", "step", "batch", "hybrid", "plateau"]
    assert he.dataset["normalisation"] == "pixel-mean" and he.dataset["pad"] == 4 and he.dataset["flip"]


@pytest.mark.parametrize(("depth", "error"), [(20, 8.75), (32, 7.51), (44, 7.17), (56, 6.97), (110, 6.61)])
def test_the_depth_can_be_chosen(depth, error):
    """Its runs are others, and it is compared with the result published for it."""
    default, chosen = paper("he2015-cifar10"), paper("he2015-cifar10", depth=depth)
    keys = [plan.recipe_key(one, plan.find_run(one, "step", 0)) for one in (default, chosen)]
    assert (keys[0] == keys[1]) is (depth == 20)
    assert [entry["error"] for entry in chosen.published] == [error]
    assert chosen.model_label == f"ResNet-{depth} of width 16"


def test_a_depth_that_there_is_not_is_told():
    with pytest.raises(StudyError, match=r"model\.depth: must be 6n \+ 2"):
        paper("he2015-cifar10", depth=21)


def test_the_photographs_fit_what_was_reckoned():
    photographs = paper("photographs")
    assert plan.totals(photographs)["epochs"] == 900
    assert (photographs.epochs, photographs.milestones, len(photographs.seeds)) == (90, (30, 60), 3)
    names = ["none", "step", "batch", "hybrid", "restored", "swap", "hold-step-60", "hold-batch-60"]
    assert [arm.name for arm in photographs.arms] == names


def test_each_optimiser_has_a_control_and_shares_epochs_with_it_alone(tmp_path):
    loaded = load(tmp_path, optimizers=TWINS)
    forks = plan.fork_points(loaded.arms)
    for name in ("nesterov", "sgd", "adam"):
        assert forks[f"none-{name}"] == (None, 0)
        assert forks[f"step-{name}"] == (f"none-{name}", 10)
    assert loaded.arm("step-sgd").settings[10] == Setting(0.05, 32, 0.0)
    assert loaded.arm("step-adam").settings[0] == Setting(0.001, 32, 0.9)
    assert loaded.arm("step-adam").seeds == (0,)
    assert loaded.schedules == loaded.arms[:4]
    assert forks["step"] == ("none", 10)


def test_an_optimiser_is_in_the_key_of_its_runs_and_of_no_others(tmp_path):
    (tmp_path / "a").mkdir()
    alone, beside = load(tmp_path / "a"), load(tmp_path, optimizers=TWINS)
    for arm in ("none", "step"):
        own = {plan.recipe_key(one, plan.find_run(one, arm, 0)) for one in (alone, beside)}
        assert len(own) == 1
        twins = {plan.recipe_key(beside, plan.find_run(beside, f"{arm}-{twin['optimizer']}", 0)) for twin in TWINS}
        assert len(own | twins) == 4
    assert plan.recipe(beside, plan.find_run(beside, "step-nesterov", 0))["nesterov"] is True
    assert plan.recipe(beside, plan.find_run(beside, "step-sgd", 0))["nesterov"] is False
    assert plan.recipe(beside, plan.find_run(beside, "step-adam", 0))["optimizer"] == "adam"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"optimizers": [{"optimizer": "adam", "arms": ["stop"]}]}, r"optimizers\[0\]\.arms: no arm 'stop'"),
        (
            {"optimizers": [{"optimizer": "lion", "arms": ["none"]}]},
            r"optimizers\[0\]\.optimizer: must be one of nesterov, sgd, adam, but is 'lion'",
        ),
        ({"optimizers": [TWINS[0], copy.deepcopy(TWINS[0])]}, "stated twice"),
        ({"published": [{"arm": "stop", "error": 5, "source": "x"}]}, r"published\[0\]\.arm: no arm 'stop'"),
        ({"published": [{"arm": "step", "error": 5, "accuracy": 95, "source": "x"}]}, r"published\[0\]"),
    ],
)
def test_mistakes_are_named(tmp_path, keys, message):
    with pytest.raises(StudyError, match=message):
        load(tmp_path, **keys)


def trained(tmp_path, **changes):
    """The curves of every run of a tiny study."""
    loaded, layout = tiny(tmp_path, **changes)
    for run in plan.runs(loaded):
        train_run(loaded, run, layout, "cpu", lambda message: None)
    tables = [read_run(layout.run(run.arm, run.seed) / "curve.csv") for run in plan.runs(loaded)]
    return loaded, layout, pd.concat(tables)


def test_smith_et_als_study_small(tmp_path):
    """Its arms, network and optimisers on 100 images: each run trains its own epochs, each optimiser differs."""
    smith = yaml.safe_load((STUDIES / "smith2018-cifar10.yaml").read_text())
    cap = {"max_batch": 50, "closeups": False, "rule": "batch"}
    arms = [
        *["none", "step", "hybrid", "batch"],
        {"name": "batch-5120", **cap},
        {"name": "high-rate", **cap, "learning_rate": 0.25, "batch_size": 30},
        {"name": "high-momentum", **cap, "learning_rate": 0.25, "batch_size": 50, "momentum": 0.98},
    ]
    twins = [entry | {"arms": ["none", "step"]} for entry in smith["optimizers"]]
    quoted = [{"arm": "step", "accuracy": 94.3, "source": "there"}]
    loaded, layout, curves = trained(
        tmp_path,
        model={"family": "wide-resnet", "depth": 10, "widen_factor": 1},
        dataset={"name": "fashion-mnist-sample", "train_size": 100, "test_size": 50},
        batch_size=10,
        epochs=3,
        milestones=[1, 2],
        factor=3,
        arms=arms,
        optimizers=twins,
        published=quoted,
    )
    table = optimizers(loaded, curves)
    assert set(zip(table["optimizer"], table["of"], strict=True)) == {
        (name, of) for name in ("momentum", "nesterov", "sgd", "adam") for of in ("none", "step")
    }
    assert table["difference"].notna().sum() == 0  # five epochs on either side are not there
    losses = curves[(curves["split"] == "train") & (curves["metric"] == "loss") & (curves["epoch"] == 1)]
    by_arm = losses.set_index("arm")["value"]
    assert by_arm["none"] == by_arm["step"] == by_arm["batch"]
    assert by_arm[["none", "none-nesterov", "none-sgd", "none-adam"]].nunique() == 4
    ours = published(loaded, curves).iloc[0]
    error = curves.query("arm == 'step' and epoch == 3 and split == 'test' and metric == 'error'")["value"].item()
    assert (ours["measure"], ours["published"], ours["n"]) == ("accuracy", 94.3, 1)
    assert ours["mean"] == pytest.approx(100 - error)
    described = json.loads((layout.run("step-adam", 0) / "run.json").read_text())
    assert described["epochs_inherited"] == 1 and described["recipe"]["optimizer"] == "adam"


def test_he_et_als_study_small(tmp_path):
    """Per-pixel mean, and the plateau rule judging the fixed training subset."""
    rule = {"judged": "train_eval", "smoothing": 1, "patience": 1, "least": 50}
    dataset = {"name": "fashion-mnist-sample", "train_size": 200, "test_size": 50, "normalisation": "pixel-mean"}
    arms = ["none", "step", "batch", "hybrid", {"name": "plateau", "plateau": rule}]
    loaded, layout, _ = trained(tmp_path, dataset=dataset, arms=arms, factor=3, epochs=4, milestones=[1, 2])
    curve = read_run(layout.run("plateau", 0) / "curve.csv")
    rates = curve.drop_duplicates("epoch").set_index("epoch")["learning_rate"]
    assert rates.loc[1:].tolist() == pytest.approx([0.05, 0.05, 0.05 / 3, 0.05 / 3])  # no fall by 50 points in epoch 2
    assert "fixed training subset" in loaded.arm("plateau").description
    assert "validation" not in set(curve["split"])


def test_the_noise_scale_on_the_page_is_that_of_the_arms_own_momentum(tmp_path):
    """Smith et al.'s arm with momentum 0.98 has in every phase the noise of the arm with the high rate."""
    table = schedules(paper("smith2018-cifar10"), 50_000).set_index(["arm", "epoch"])
    assert table.loc[("high-momentum", 1), "momentum"] == 0.98 and table.loc[("high-rate", 1), "momentum"] == 0.9
    first = [
        noise_scale(Setting(row["learning_rate"], int(row["batch_size"]), row["momentum"]), 50_000)
        for row in (table.loc[(arm, 1)] for arm in ("high-rate", "high-momentum"))
    ]
    assert first[1] == pytest.approx(first[0], rel=0.06)  # N / B - 1, not N / B
