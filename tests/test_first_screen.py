"""What the page says first, and what it says about claims: measures that match, and nothing said that is not so."""

import json

import pandas as pd
import pytest

from errordrops.report import about, effects, evidence, summary
from errordrops.report import findings as parts
from errordrops.report import material as study
from rendered import change, folder, made  # noqa: F401  (fixtures)

NUMBERS = {"metric": "test error_recomputed", "unit": "points", "n": 3, "threshold_low": None, "threshold_high": -1.0}


def claim(id, holds=True, value=-3.0, low=-4.0, high=-2.0, **more):
    """A claim about planted test error, beside arm none."""
    interval = {"value": value, "ci_low": low, "ci_high": high, "control": "none", "epoch": None}
    return NUMBERS | {"id": id, "statement": "It falls.", "milestone": 10, "holds": holds} | interval | more


def with_claims(folder, *claims):  # noqa: F811
    (folder / "claims.json").write_text(json.dumps(claims))
    return study.read(folder)


def change_levels(folder, **columns):  # noqa: F811
    path = folder / "analysis/milestone_levels_summary.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=[""]).assign(**columns)
    table.to_csv(path, index=False)


def test_both_numbers_are_of_one_measure_whichever_holds(folder):  # noqa: F811
    drops, levels = ([claim(f"{arm}.m1.{what}") for arm in ("step", "batch")] for what in ("drop", "level"))
    told = summary.tiles(with_claims(folder, *drops, *levels))
    assert told.count("mean of up to 5 epochs after") == 2 and "in epoch 11" not in told
    assert told.count("(statistics recomputed)") == 2 and "arm" not in told.split("data-claim")[1].split(">", 1)[1]
    told = summary.tiles(with_claims(folder, *drops, levels[0], claim("batch.m1.level", holds=False, high=0.0)))
    assert told.count('class="tile"') == 1 and "mean of up to 5" in told
    told = summary.tiles(with_claims(folder, *drops))
    assert told.count("in epoch 11, the first after") == 2


def test_the_first_sentences_say_how_the_error_was_read_and_why_it_falls(folder):  # noqa: F811
    told = summary.summary(study.read(folder))
    assert "batch-norm statistics are recomputed (the picture has running ones, whose lag enlarges its drops)" in told
    assert "what falls is the noise of the gradient" in told and "results/reference/evidence/report/index.html" in told
    levels = pd.read_csv(folder / "analysis/milestone_levels_summary.csv", keep_default_na=False, na_values=[""])
    change_levels(folder, difference=levels["difference"].where(levels["metric"] != "error", 0.0))
    assert "whose lag" not in summary.summary(study.read(folder)), "read with running statistics there is no drop here"
    pd.DataFrame({"arm": ["step"]}).to_csv(folder / "analysis/sweep_fits.csv", index=False)
    assert "noise of the gradient" not in summary.summary(study.read(folder)), "this study tests it itself"


@pytest.mark.parametrize(("low", "high", "said"), [(-4.0, 1.0, "no clear difference"), (1.0, 4.0, "not a fall")])
def test_what_is_no_fall_is_said_in_whole_phrases(folder, low, high, said):  # noqa: F811
    change_levels(folder, difference=(low + high) / 2, difference_low=low, difference_high=high)
    told = summary.summary(study.read(folder))
    assert told.count(f": **{said}**)") == 2 and ",**" not in told and ",," not in told and "whose lag" not in told
    assert "The answer of the papers" in told and "the first ResNets had their learning rate divided by 10" in told


def test_what_a_claim_is_beside_is_read_from_its_fields():
    e = effects.Effect("step", 10, "dividing the rate", "", 3, *[(0.0, 0.0, 0.0)] * 3)
    for control, said in (("placebo", "active placebos: runs that go on without"), ("hold", "runs without it")):
        told = summary.told(e, "level", claim("step.m1.level", control=control, epoch=15))
        assert told.endswith(f"in epoch 15, after dividing the rate, beside {said}")
    old = {key: value for key, value in claim("step.m1.level").items() if key not in ("control", "epoch")}
    assert "mean of" not in summary.told(e, "level", old | {"statement": "In epoch 15 beside active placebos"})


def test_verdicts_single_seeds_and_arms_without_claims_are_told(folder):  # noqa: F811
    change(folder, "provenance.json", lambda p: p.update(unclaimed={"mild": "its factor is 2"}))
    one = [claim(f"early.m{i}.drop", holds=None, low=None, high=None, n=1) for i in (1, 2)]
    fails = [claim("step.m2.drop", holds=False, high=-0.5), claim("batch.m2.drop", holds=False, value=1, low=0, high=2)]
    told = parts.claims(with_claims(folder, claim("step.m1.drop"), *fails, *one))
    assert "Of 5 claims **1 holds**, **1 does not hold** and 3 are not decided." in told
    assert "the 2 claims about early are not decided" in told and "Found not to hold: batch&#46;m2&#46;drop." in told
    assert "Arm mild: no claim, because its factor is 2." in told
    told = parts.claims(with_claims(folder, fails[1]))
    assert "decided" not in told and "One seed" not in told


def test_where_nothing_was_claimed_the_claims_of_moved_arms_are_named(folder):  # noqa: F811
    plan = pd.read_csv(folder / "analysis/schedules.csv", keep_default_na=False)
    early = plan[plan["arm"] == "none"].assign(arm="early")
    early["learning_rate"] = early["learning_rate"].where(early["epoch"] <= 5, 0.005)
    pd.concat([plan, early]).to_csv(folder / "analysis/schedules.csv", index=False)
    pd.DataFrame({"arm": ["step"]}).to_csv(folder / "analysis/milestone_detections.csv", index=False)
    planted = with_claims(folder, claim("early.m1.drop"), claim("step.m1.drop"))
    moved, lag = (evidence.verdicts(planted, t) for t in evidence.TOPICS if t.name in ("moved", "lag"))
    assert moved.startswith(evidence.UNJUDGED) and "`early.m1.drop`" in moved and "step" not in moved
    assert lag == evidence.UNJUDGED
    assert 5 in effects.own_milestones(planted, "early")


def test_arms_with_fewer_seeds_and_runs_of_two_origins_are_told(folder):  # noqa: F811
    assert about.variables(study.read(folder), "pandoc")["study"]["seeds"] == "3 seeds"
    change(folder, "provenance.json", lambda p: p["runs"].pop())
    assert about.variables(study.read(folder), "pandoc")["study"]["seeds"] == "2 to 3 seeds"
    mixed = {"from_reference": True, "mixed_forks": {"compared": 2, "differ": 0}}
    change(folder, "provenance.json", lambda p: p.update(mixed))
    assert "share epochs (2 forks), their curves are identical there" in about.origin(study.read(folder))
    change(folder, "provenance.json", lambda p: p.update(mixed_forks={"compared": 2, "differ": 1}))
    assert "identical" not in about.origin(study.read(folder))
