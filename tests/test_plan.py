"""Forks and keys: what is shared is trained once, and names and places do not matter."""

import json
import random
from dataclasses import replace

import yaml

import planted
from errordrops.results import reference
from errordrops.results.layout import Layout
from errordrops.results.provenance import mixed_forks
from errordrops.study import plan, study
from errordrops.study.settings import Setting, shared_epochs
from test_study import GOOD, changed, write

STUDIES = study.REPOSITORY / "config/studies"
EVIDENCE = study.load(str(STUDIES / "evidence.yaml"))
MECHANISM = study.load(str(STUDIES / "mechanism.yaml"))


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


def test_forks_of_mixed_origin_are_compared_where_they_are_one_run(tmp_path):
    loaded, curves = load(tmp_path), planted.curves()
    described = [{"arm": r.arm, "seed": r.seed, "from_reference": r.arm != "step"} for r in plan.runs(loaded)]
    assert mixed_forks(loaded, described, curves) == {"compared": 3, "differ": 0}
    own = (curves["arm"] == "step") & (curves["seed"] == 1)
    late, early = (curves["value"].where(~(own & (curves["epoch"] == epoch)), 0.0) for epoch in (11, 10))
    assert mixed_forks(loaded, described, curves.assign(value=late))["differ"] == 0, "after the fork they may differ"
    assert mixed_forks(loaded, described, curves.assign(value=early))["differ"] == 1
    same = [run | {"from_reference": True} for run in described]
    assert mixed_forks(loaded, same, curves) == {"compared": 0, "differ": 0}


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
    base = plan.recipe(loaded, plan.runs(loaded)[0])
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
        distinct.update(plan.key_chain(plan.recipe(loaded, run), run.settings)[1:])
    assert plan.totals(loaded)["epochs"] == len(distinct)


def test_the_order_of_the_data_is_in_a_key_only_where_it_is_fresh():
    own, fresh, other = (Setting(0.05, 32, 0.9, order) for order in (0, 1, 2))
    keys = [plan.key_chain({"seed": 0}, [setting] * 2)[1:] for setting in (own, fresh, other)]
    assert len({key for chain in keys for key in chain}) == 6
    without = {"learning_rate": 0.05, "batch_size": 32, "momentum": 0.9}  # as keys were before there were orders
    assert keys[0][0] == plan._digest([plan._digest({"seed": 0}), without])


def test_the_committed_runs_of_study_quick_are_still_found_by_their_keys():
    quick = study.load(str(STUDIES / "quick.yaml"))
    committed = Layout(study.REPOSITORY / "results/reference/quick")
    for run in plan.runs(quick):
        described = json.loads((committed.run(run.arm, run.seed) / "run.json").read_text())
        assert described["recipe_key"] == plan.recipe_key(quick, run)
        assert reference.find(quick, run, committed) == committed.run(run.arm, run.seed)


def test_averages_and_validation_images_are_in_the_keys(tmp_path):
    def key(content):
        loaded = load(tmp_path, content)
        return plan.recipe_key(loaded, plan.find_run(loaded, "step", 0))

    contents = [
        GOOD,
        GOOD | {"averages": [1]},
        GOOD | {"averages": [1, 3]},
        changed(dataset__validation_size=1000),
        changed(dataset__validation_size=2000),
    ]
    assert len({key(content) for content in contents}) == 5
    assert key(GOOD | {"averages": []}) == key(GOOD | {"unchanged_fork": 2}) == key(GOOD)


def test_the_plateau_rule_is_in_the_key_of_a_run(tmp_path):
    """It starts as arm none, and what becomes of it is not known before it is trained."""

    def rule(name, **options):
        return {"name": name, "rule": "plateau", "plateau": options}

    arms = ["none", rule("a"), rule("b", patience=4), rule("c", patience=3), rule("d", least=0), rule("e", smoothing=1)]
    loaded = load(tmp_path, changed(arms=arms, dataset__validation_size=1000))
    runs = {run.arm: run for run in plan.runs(loaded) if run.seed == 0}
    keys = {arm: plan.recipe_key(loaded, run) for arm, run in runs.items()}
    assert keys["a"] == keys["c"]  # three epochs of patience are the default
    assert len({keys[arm] for arm in ("none", "a", "b", "d", "e")}) == 5
    assert runs["a"].settings == runs["none"].settings
    for arm in "abcde":
        assert (runs[arm].parent, runs[arm].fork_epoch) == ("none", 0)
    assert all(plateau.plateau is None for arm, plateau in runs.items() if arm == "none")


def test_no_run_forks_from_one_that_decides_during_training(tmp_path):
    arms = ["step", {"name": "a", "rule": "plateau"}]
    loaded = load(tmp_path, changed(arms=arms, dataset__validation_size=1000))
    assert {run.arm: (run.parent, run.fork_epoch) for run in plan.runs(loaded)} == {"step": (None, 0), "a": (None, 0)}


def test_a_parent_has_the_seed_and_agrees_up_to_the_fork():
    runs = {(run.arm, run.seed): run for run in plan.runs(EVIDENCE)}
    assert len(runs) == sum(len(arm.seeds) for arm in EVIDENCE.arms)
    for run in runs.values():
        if run.parent is None:
            assert run.fork_epoch == 0
            continue
        parent = runs[run.parent, run.seed]
        assert shared_epochs(run.settings, parent.settings) >= run.fork_epoch
        steps = 0
        while parent.parent:  # an end is reached: nobody waits in a circle
            parent, steps = runs[parent.parent, run.seed], steps + 1
            assert steps < len(EVIDENCE.arms)


def test_seeds_without_the_best_parent_fork_from_another(tmp_path):
    """Arm batch shares 20 epochs with hybrid where hybrid has the seed, else 10 with none."""
    arms = ["none", "batch", {"name": "hybrid", "seeds": 1}]
    shared = {
        (run.arm, run.seed): {run.parent, run.fork_epoch}
        for run in plan.runs(load(tmp_path, changed(arms=arms)))
        if run.arm != "none"
    }
    assert {20, 10} == {n for arm in ("batch", "hybrid") for n in shared[arm, 0] if isinstance(n, int)}
    assert shared["batch", 1] == shared["batch", 2] == {"none", 10}


def test_every_epoch_of_evidence_is_trained_by_exactly_one_run():
    """The planned epochs are the distinct states, and those of the runs that decide during training."""
    distinct, deciding = set(), 0
    for seed in EVIDENCE.seeds:
        for arm in EVIDENCE.arms:
            if seed in arm.seeds and arm.plateau:
                deciding += len(arm.settings)
            elif seed in arm.seeds:
                own = arm.for_seed(seed).settings
                distinct |= {(seed, own[:epoch]) for epoch in range(1, len(own) + 1)}
    assert deciding == 3 * EVIDENCE.epochs
    assert plan.totals(EVIDENCE)["epochs"] == len(distinct) + deciding


def test_stubs_of_evidence_at_the_first_milestone_cost_nothing():
    trained = {run.arm: run.epochs_trained for run in plan.runs(EVIDENCE) if run.seed == 30}
    for cut in ("rate", "batch", "placebo"):
        assert trained[f"cut-10-{cut}"] == 0
        assert trained[f"cut-12-{cut}"] == 2


def test_averages_answer_the_test_set_where_the_sweep_cuts_and_validation_images_for_the_rule_alone():
    """Evaluation costs as much as training: nothing is measured that nobody asks for."""
    runs = {(run.arm, run.seed): run for run in plan.runs(EVIDENCE)}
    dates = {arm.at for arm in EVIDENCE.arms if arm.role == "cut"}

    def asked(arm, seed, what):
        run = runs[arm, seed]
        return {epoch for epoch in range(len(run.settings) + 1) if what in run.extras(epoch)}

    every = set(range(EVIDENCE.epochs + 1))
    assert asked("none", 30, plan.AVERAGED_TEST) == dates
    assert asked("step", 30, plan.AVERAGED_TEST) == {date for date in dates if date <= 10}  # then it is another run
    assert asked("low", 30, plan.AVERAGED_TEST) == asked("none", 37, plan.AVERAGED_TEST) == set()
    assert 12 in asked("cut-12-rate", 30, plan.AVERAGED_TEST) and asked("cut-12-rate", 30, plan.AVERAGES) <= dates
    assert asked("low", 30, plan.AVERAGES) == every and asked("placebo-none-10-1", 35, plan.AVERAGES) == set()
    for arm in ("none", "plateau"):  # the rule starts as arm none does: its past is not trained again
        assert asked(arm, 30, plan.VALIDATION) == every
    assert asked("none", 35, plan.VALIDATION) == asked("step", 30, plan.VALIDATION) == set()
    # running statistics are what people see of schedules and holds; nobody looks at those of placebos and stubs
    assert asked("hold-step-20", 30, plan.RAW) == every
    assert asked("placebo-none-10-1", 30, plan.RAW) == asked("cut-12-rate", 30, plan.RAW) == set()


def test_runs_of_a_step():
    assert plan.runs_with("train", EVIDENCE) == plan.runs(EVIDENCE)
    audited = [(run.arm, run.seed) for run in plan.runs_with("audit", EVIDENCE)]
    assert audited == [("none", 30), ("none", 31), ("none", 32)]
    looked_at = {run.arm for run in plan.runs_with("closeups", EVIDENCE)}
    assert looked_at == {"step", "batch"}
    assert plan.runs_with("foretell", EVIDENCE) == []
    assert [run.arm for run in plan.runs_with("foretell", MECHANISM)] == ["none"] * 12


def test_a_run_of_another_seed_is_another_run():
    run = plan.find_run(EVIDENCE, "none", 30)
    assert plan.recipe_key(EVIDENCE, run) != plan.recipe_key(EVIDENCE, replace(run, seed=31))


def test_a_network_with_another_activation_shares_nothing_with_the_others():
    forks = {run.arm: (run.parent, run.fork_epoch) for run in plan.runs(MECHANISM)}
    assert forks["none-leaky-relu-20"] == (None, 0) and forks["step-leaky-relu-20"] == ("none-leaky-relu-20", 11)
    keys = {run.arm: plan.recipe_key(MECHANISM, run) for run in plan.runs(MECHANISM) if run.seed == 40}
    assert len(set(keys.values())) == len(MECHANISM.arms)
    assert "activation" not in plan.recipe(MECHANISM, plan.find_run(MECHANISM, "none", 40))["model"]
