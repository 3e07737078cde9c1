"""Forks and keys: what is shared is trained once, and names and places do not matter."""

import random

import yaml

from errordrops import plan, study
from test_study import GOOD, changed, write


def load(tmp_path, content=GOOD):
    return study.load(write(tmp_path, content))


def test_forks_of_the_quick_study(tmp_path):
    forks = plan.fork_points(load(tmp_path).arms)
    assert forks["none"] == (None, 0)
    assert forks["step"] == ("none", 10)
    assert {forks["batch"], forks["hybrid"]} == {("none", 10), ("batch", 20)} or forks["batch"] == (
        "hybrid",
        20,
    )
    assert plan.totals(load(tmp_path)) == {"runs": 12, "epochs": 240, "epochs_without_forks": 360}


def test_moving_arms_moves_no_parent_and_no_key(tmp_path):
    reference = {(r.arm, r.seed): (r.parent, r.fork_epoch) for r in plan.runs(load(tmp_path))}
    keys = {r.arm: plan.recipe_key(load(tmp_path), r) for r in plan.runs(load(tmp_path))}
    for shuffle in range(5):
        arms = random.Random(shuffle).sample(GOOD["arms"], 4)
        loaded = load(tmp_path, changed(arms=arms))
        assert {(r.arm, r.seed): (r.parent, r.fork_epoch) for r in plan.runs(loaded)} == reference
        assert {r.arm: plan.recipe_key(loaded, r) for r in plan.runs(loaded)} == keys


def test_a_key_changes_with_what_determines_a_run_and_with_nothing_else(tmp_path):
    def key(content, arm="step", seed=0):
        loaded = load(tmp_path, content)
        return plan.recipe_key(loaded, plan.find_run(loaded, arm, seed))

    original = key(GOOD)
    renamed = changed(arms=["none", {"name": "decay", "rule": "step"}], title="Another title")
    assert key(renamed, "decay") == original
    for content in (
        changed(factor=5),
        changed(milestones=[10, 21]),
        changed(model__width=8),
        changed(dataset__train_size=9000),
        GOOD | {"weight_decay": 5e-4},
        GOOD | {"momentum": 0.95},
    ):
        assert key(content) != original
    assert key(GOOD, seed=1) != original
    assert key(GOOD, arm="batch") != original


def test_key_chains_agree_exactly_as_long_as_settings_do(tmp_path):
    loaded = load(tmp_path)
    base = plan.recipe(loaded, 0)
    none, step = (plan.key_chain(base, loaded.arm(name).settings) for name in ("none", "step"))
    assert none[:11] == step[:11]
    assert not set(none[11:]) & set(step[11:])
    assert len(none) == 31


def test_adding_an_early_arm_costs_only_its_own_epochs(tmp_path):
    before = plan.totals(load(tmp_path))["epochs"]
    early = {"name": "early", "rule": "step", "milestones": [5, 15]}
    after = plan.totals(load(tmp_path, changed(arms=[early, *GOOD["arms"]])))["epochs"]
    assert after - before == 3 * 25


def test_every_forked_epoch_is_trained_by_exactly_one_run(tmp_path):
    """The planned epochs are the distinct keys of all chains: nothing is trained twice, nothing is left out."""
    arms = [
        *GOOD["arms"],
        {"name": "late", "rule": "step", "milestones": [15, 25]},
        {"name": "dose", "rule": "batch", "factor": 2},
    ]
    loaded = load(tmp_path, yaml.safe_load(yaml.safe_dump(changed(arms=arms))))
    distinct = set()
    for run in plan.runs(loaded):
        distinct.update(plan.key_chain(plan.recipe(loaded, run.seed), run.settings)[1:])
    assert plan.totals(loaded)["epochs"] == len(distinct)
