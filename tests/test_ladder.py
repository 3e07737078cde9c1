"""The primary claims in planted worlds: they hold where noise makes the drops; each fails where its part is not so."""

import json

import numpy as np
import pytest

import planted_ladder
from errordrops.analysis import counted_drops, detection, effects, judged, kept_claims
from planted_ladder import STUDY, made, world
from planted_study import draw

PRIMARY = STUDY.claims["primary"]


@pytest.fixture(scope="module")
def caused():
    return made(world())


def test_where_noise_makes_the_drops_every_primary_claim_holds(caused):
    assert list(caused)[:12] == PRIMARY, "primary claims come first, in the order of the file"
    for id in PRIMARY:
        assert caused[id]["rank"] == "primary" and caused[id]["verdict"] == "holds", caused[id]
        assert caused[id]["adjusted"] == "holds" and caused[id]["p"] <= caused[id]["p_adjusted"]
    json.dumps(list(caused.values()), allow_nan=False)


def test_where_nothing_reacts_none_but_those_of_no_fall_hold():
    """A fall with the epochs and noise of its own for every run: no arm differs from another."""
    table = world()
    z = [draw("still", *key) for key in zip(table["arm"], table["seed"], table["epoch"], strict=True)]
    read = table["metric"].str.match("error|loss")
    unit = np.where(table["metric"].str.startswith("loss"), 0.01, 1.0)
    value = (15 + 10 / (1 + table["epoch"]) + 0.3 * np.array(z)) * unit
    found = made(table.assign(value=table["value"].where(~read, value)))
    for id in set(PRIMARY) - {"detector.elsewhere"}:
        assert found[id]["verdict"] != "holds", found[id]
    for id in ("step.m1.level", "batch.m1.level", "detector.found"):
        assert found[id]["verdict"] == "does not hold"


def test_drops_that_come_an_epoch_late_are_not_exactly_there():
    """In a world without jitter, so that the lateness is all that is wrong: one epoch, not "within one"."""
    found = made(world(jitter=0.3, late=1))
    assert found["detector.found"]["verdict"] == "does not hold" and found["detector.found"]["value"] < 0.2
    assert found["detector.exact.error"]["verdict"] == "does not hold"
    assert found["detector.elsewhere"]["value"] > 0.5, "what is late lies elsewhere"
    assert found["drawn.detector"]["verdict"] == "not decided" and found["drawn.detector"]["p"] > 0.5
    assert found["step.m1.drop"]["verdict"] == "does not hold" and found["step.m1.level"]["verdict"] == "holds"


def test_weak_drops_are_small_and_not_wrongly_large():
    found = made(world(height=1.0, jitter=1.0))
    assert found["step.m1.level"]["verdict"] != "holds" and -1.2 < found["step.m1.level"]["value"] < -0.4
    assert found["detector.found"]["verdict"] == "does not hold"


def test_a_drop_in_training_alone_is_not_one_of_test_error():
    found = made(world(still=("test",)))
    assert found["step.m1.level_loss"]["verdict"] == "holds" and found["step.m1.level"]["verdict"] != "holds"
    assert abs(found["step.m1.level"]["value"]) < 1 < 100 * -found["step.m1.level_loss"]["value"]
    found = made(world(still=("train_eval", "train")))
    assert found["step.m1.level"]["verdict"] == "holds" and found["step.m1.level_loss"]["verdict"] != "holds"


def test_noise_put_back_must_leave_no_fall():
    """`restored` and `swap` fall as far as their siblings, or by half of that: refuted either way."""
    table = world()
    for share, word in ((1.0, "does not hold"), (0.6, "does not hold"), (0.0, "holds")):
        lower = table["arm"].isin(["restored", "swap"]) & (table["epoch"] > 20) & (table["split"] == "train")
        found = made(table.assign(value=table["value"] - 0.016 * share * lower * (table["metric"] == "loss")))
        for arm in ("restored", "swap"):
            assert found[f"{arm}.m2.no_drop"]["verdict"] == word, (share, found[f"{arm}.m2.no_drop"])


def test_arms_that_end_apart_are_not_alike_and_may_be_alike_and_different():
    table = world(jitter=0.1)
    far = made(table.assign(value=table["value"] + 3.0 * ((table["arm"] == "batch") & (table["split"] == "test"))))
    assert far["batch.alike.error"]["verdict"] == "does not hold" and far["batch.differs.error"]["verdict"] == "holds"
    near = made(table.assign(value=table["value"] + 0.5 * ((table["arm"] == "batch") & (table["split"] == "test"))))
    assert near["batch.alike.error"]["verdict"] == near["batch.differs.error"]["verdict"] == "holds"
    assert near["batch.alike_m2.error"]["verdict"] == "does not hold", "0.5 of 1.6 points is more than a quarter"


def test_a_landing_elsewhere_than_foretold_is_refuted():
    """Averages that say nothing: they read what the weights read."""
    table = world()
    key = ["arm", "seed", "epoch", "split"]
    weights = table[table["metric"] == "loss_recomputed"].set_index(key)["value"]
    averaged = table["metric"] == "loss_averaged"
    same = table.assign(value=table["value"].where(~averaged, table.join(weights.rename("w"), on=key)["w"]))
    found = made(same)
    assert found["predicted.landing"]["verdict"] != "holds" and found["predicted.rate.landing"]["verdict"] != "holds"
    assert found["predicted.rate.skill"]["verdict"] != "holds"


def test_each_change_has_its_own_control(caused):
    control = {id: caused[id]["control"] for id in PRIMARY if caused[id]["control"]}
    assert control["step.m1.level"] == "placebo" and control["step.m2.level"] == "hold"
    assert control["reversal.m2.rise"] == control["restored.m2.no_drop"] == "hold"
    table = effects.effects(STUDY, world())
    beside = table.drop_duplicates(["arm", "index", "control"]).set_index(["arm", "index", "control"])["beside"]
    assert beside["step", 2, "hold"] == beside["restored", 2, "hold"] == beside["reversal", 2, "hold"] == "hold-step-20"
    assert beside["batch", 2, "hold"] == beside["swap", 2, "hold"] == beside["hybrid", 2, "hold"] == "hold-batch-20"
    assert beside["batch", 1, "none"] == "none" and len(beside["batch", 1, "placebo"].split()) == 3
    # a drawn second change has a control only in a seed whose first date is that of arm step
    second = set(table.query("arm == 'drawn-rate' and index == 2")["seed"])
    dates = {seed: STUDY.arm("drawn-rate").for_seed(seed).milestones[0] for seed in STUDY.seeds}
    assert second == {seed for seed, date in dates.items() if date == 10} != set(STUDY.seeds)


def test_the_noise_of_restored_and_swap_does_not_fall_at_the_second_change():
    falls = judged.noise_falls(STUDY, world())
    trained = judged.milestones_trained(world(), STUDY)
    for arm in ("restored", "swap"):
        assert (arm, 0, 10) in falls and (arm, 0, 20) not in falls and trained[arm, 0] == [10, 20]
    assert falls["step", 0, 20] == pytest.approx(0.2)
    assert [arm.name for arm, *_ in kept_claims.pairs(STUDY)] == ["restored", "swap"]
    assert [cutter.name for *_, cutter in kept_claims.pairs(STUDY)] == ["step", "batch"]
    seen = detection.milestone_detections(STUDY, world(), detection.detections(STUDY, world()))
    assert not seen.query("arm in ['restored', 'swap'] and index == 2")["expected"].any()


def test_runs_that_share_a_change_count_it_once():
    table = world()
    found = counted_drops.at_changes(STUDY, table, detection.detections(STUDY, table))
    first = found[found["milestone"] == 10]
    assert set(first["arm"]) == {"step", "batch"}, "hybrid, swap, restored and reversal are one of them until then"
    quiet = counted_drops.elsewhere(STUDY, table, detection.detections(STUDY, table)).set_index(["arm", "seed"])
    assert quiet["epochs"]["none", 0] == 26 and quiet["epochs"]["hold-step-20", 0] == 6
    assert quiet["epochs"]["restored", 0] == 6, "all of its own: nothing falls there"
    assert quiet["epochs"]["step", 0] == 26 - 10 - 2


def test_claims_rest_on_images_where_it_is_known_which_were_right(caused):
    import planted_study
    from errordrops.analysis.right import Right

    both = made(world(), Right(planted_study.right(world()), 400))
    for id in ("step.m1.level", "batch.m2.level", "batch.alike.error"):
        assert both[id]["over"] == "seeds and images" and caused[id]["over"] == "seeds"
        assert both[id]["value"] == pytest.approx(caused[id]["value"], abs=0.1)
        assert both[id]["ci_high"] - both[id]["ci_low"] > 0.9 * (caused[id]["ci_high"] - caused[id]["ci_low"])
    assert both["step.m1.level_loss"]["over"] == "seeds"
    assert planted_ladder.STUDY is STUDY
