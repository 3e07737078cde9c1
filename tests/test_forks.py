"""Forks: effects of planted curves, equality at equal noise, what is foretold, causes and mechanisms."""

import json

import numpy as np
import pandas as pd
import pytest

import planted_forks as planted
from errordrops.analysis import excess_loss, foretold, fork_claims, fork_results, forks, mechanisms
from errordrops.analysis.right import Right
from errordrops.results import foretell
from errordrops.results.layout import Layout

STUDY = planted.study()
CURVES = planted.curves()
RIGHT = Right(planted.right(CURVES), planted.TEST)
EFFECTS = forks.effects(STUDY, CURVES)
RUNNING = ["train", "loss", "level"]


def told(curves=CURVES) -> dict[int, dict]:
    return {seed: foretell.predicted(STUDY, seed, curves[(curves["arm"] == "none") & (curves["seed"] == seed)])
            for seed in STUDY.seeds}  # fmt: skip


def of_forks(curves=CURVES):
    empty = {"undying": pd.DataFrame({"activation": []}), "mechanism": pd.DataFrame()}
    tables, claims = fork_results.of_forks(STUDY, curves, RIGHT, told(curves), empty)
    return tables, {made["id"]: made for made in claims}


TABLES, CLAIMS = of_forks()


def test_dates_are_the_arms_own_and_every_fork_of_a_seed_has_the_same():
    found = forks.all_forks(STUDY)
    dates = {seed: {fork.date for fork in found if fork.seed == seed} for seed in STUDY.seeds}
    assert all(len(each) == 1 for each in dates.values()) and len(set.union(*dates.values())) > 1
    assert {len(fork.arms) for fork in found if fork.name == "rate-noise"} == {3}


def test_what_a_fork_changes_and_what_becomes_of_its_noise_is_read_from_its_settings():
    kinds = {fork.name: (fork.changed, fork.way) for fork in forks.all_forks(STUDY)}
    assert kinds["rate"] == ("rate", "less") and kinds["momentum"] == ("momentum", "less")
    assert kinds["rate-noise"] == ("rate, noise put back", "equal") and kinds["both-raised"][1] == "equal"
    assert kinds["small-batch"] == ("batch", "more") and kinds["placebo"] == ("nothing", "equal")
    assert kinds["decay-off"] == ("weight decay", "equal")


def test_effects_are_those_that_were_planted():
    found = EFFECTS.set_index(["split", "metric", "span", "fork", "seed"])["effect"].sort_index()
    means = found.loc[tuple(RUNNING)].groupby("fork").mean()
    for fork, ratio in {"rate": 0.25, "batch": 0.25, "half-rate": 0.5, "small-batch": 4, "noise": 4}.items():
        assert means[fork] == pytest.approx(planted.COST * (ratio - 1), abs=0.003)
    assert means[["rate-noise", "batch-noise", "both-cut", "both-raised", "placebo"]].abs().max() < 0.003
    points = found.loc["test", "error_recomputed", "level"].groupby("fork").mean()
    assert points["rate"] == pytest.approx(-100 * planted.COST * 0.75 / 3, abs=0.1)


def test_orders_are_averaged_within_a_seed():
    own = EFFECTS[(EFFECTS["fork"] == "placebo") & (EFFECTS["split"] == "train")]
    assert set(own["orders"]) == {3} and len(own) == 2 * len(STUDY.seeds) and own["spread"].between(0, 0.01).all()


def test_a_run_that_ended_early_gives_no_mean_over_fewer_epochs():
    cut = CURVES[~((CURVES["arm"] == "fork-rate") & (CURVES["seed"] == 11) & (CURVES["epoch"] > 14))]
    found = forks.effects(STUDY, cut)
    gone = found[(found["fork"] == "rate") & (found["seed"] == 11)]
    assert set(gone["span"]) <= {"first"}


def test_the_summary_has_shares_of_the_rate_cut_and_crosses_seeds_with_images():
    found = TABLES["fork_summary"].set_index(["fork", "split", "metric", "span"])
    share = found.loc[("rate-noise", *RUNNING)]
    assert abs(share["share"]) < 0.05 and share["share_high"] < 0.25 and share["over"] == "seeds"
    assert found.loc[("batch", *RUNNING), "share"] == pytest.approx(1, abs=0.05)
    assert set(found.loc[("rate", "test", "error_recomputed")]["over"]) == {"seeds and images"}


def test_claims_of_forks_hold_where_only_the_noise_counts():
    for fork in ("rate", "batch", "half-rate", "momentum", "small-batch", "noise"):
        assert CLAIMS[f"fork.{fork}.loss"]["verdict"] == "holds"
    for fork in ("rate-noise", "batch-noise", "both-cut", "both-raised"):
        one = CLAIMS[f"fork.{fork}.equal"]
        assert one["verdict"] == "holds" and one["kind"] == "equivalence" and one["p"] < 0.05
        assert CLAIMS[f"fork.{fork}.equal_error"]["verdict"] == "holds"
    assert "fork.decay-off.equal" not in CLAIMS and "fork.placebo.loss" not in CLAIMS
    assert CLAIMS["decay.rate"]["verdict"] == CLAIMS["decay.batch"]["verdict"] == "holds"


def test_claims_of_forks_fail_where_only_the_rate_counts():
    world = planted.curves(cost=lambda own, base: own.learning_rate / base.learning_rate)
    _, claims = of_forks(world)
    assert claims["fork.rate.loss"]["verdict"] == "holds" and claims["fork.batch.loss"]["verdict"] == "does not hold"
    assert claims["fork.rate-noise.equal"]["verdict"] == claims["fork.both-cut.equal"]["verdict"] == "does not hold"
    assert claims["fork.batch-noise.equal"]["verdict"] == "holds"
    assert claims["mechanism.noise"]["verdict"] == "does not hold"
    assert claims["mechanism.edge"]["verdict"] == "holds"
    assert claims["excess.batch"]["verdict"] == "does not hold"


def test_a_study_without_thresholds_claims_nothing():
    from errordrops.study import study

    quick = study.load("quick", study.REPOSITORY / "config/studies")
    tables, claims = fork_results.of_forks(quick, CURVES[:0], None, {}, {"undying": pd.DataFrame({"activation": []})})
    assert claims == [] and all(table.empty for table in tables.values())


def test_what_is_foretold_is_the_excess_over_the_average_times_the_share_of_noise_that_goes():
    assert foretell.foretold(0.5, 0.4, 2.0, 0.5) == pytest.approx(0.075)
    assert foretell.foretold(0.5, 0.4, 2.0, 8.0) == pytest.approx(-0.3)
    one = told()[11]
    assert one["forks"]["both-cut"]["fall"] == 0 and one["forks"]["both-cut"]["high"] > 0
    assert one["forks"]["rate"]["fall"] == pytest.approx((one["loss"] - one["loss_average"]) * 0.75)
    assert one["forks"]["noise"]["fall"] == pytest.approx((one["loss"] - one["loss_average"]) * -3)
    wider = one["forks"]["noise"]["high"] - one["forks"]["noise"]["fall"]
    assert wider > one["forks"]["rate"]["high"] - one["forks"]["rate"]["fall"]


def test_nothing_after_the_date_enters_what_is_foretold():
    later = CURVES[CURVES["arm"] == "none"].copy()
    date = told()[12]["date"]
    later.loc[later["epoch"] > date, "value"] = 99.0
    assert foretell.predicted(STUDY, 12, later[later["seed"] == 12]) == told()[12]


def test_the_step_writes_what_is_foretold_with_the_checksum_of_the_curve(tmp_path):
    layout = Layout.of(STUDY.name, tmp_path)
    folder = layout.run("none", 11)
    folder.mkdir(parents=True)
    CURVES[(CURVES["arm"] == "none") & (CURVES["seed"] == 11)].to_csv(folder / "curve.csv", index=False)
    foretell.write(STUDY, 11, layout)
    written = json.loads((folder / foretell.FILE).read_text())
    assert (
        written["forks"].keys() == {fork.name for fork in forks.all_forks(STUDY)} and len(written["curve_sha256"]) == 64
    )
    assert written["date"] == told()[11]["date"]


def test_the_score_of_what_was_foretold():
    scored, fitted = TABLES["foretold"], TABLES["foretold_fits"]
    slope = foretold.interval_of(fitted, "all", "level")
    assert slope.mean == pytest.approx(1, abs=0.06) and len(fitted[fitted["forks"] == "cuts"]) == 2 * len(STUDY.seeds)
    assert CLAIMS["foretold.slope"]["verdict"] == "holds" and CLAIMS["foretold.coverage"]["value"] > 0.8
    rate = scored[(scored["fork"] == "rate") & (scored["span"] == "level")].set_index("seed")
    assert rate.loc[11, "constant"] == pytest.approx(rate["measured"].drop(11).mean())
    errors = TABLES["foretold_errors"].set_index(["span", "forecast"])["error"]
    assert errors["level", "foretold"] < 0.3 * errors["level", "the last reading"]


def test_excess_is_a_line_through_zero_that_the_rate_forks_give_and_the_batch_forks_follow():
    own = TABLES["fork_excess"]
    assert set(own["fork"]) == {"rate", "half-rate", "batch", "small-batch"}
    batch = own[own["fork"] == "batch"]
    assert (batch["net"] / batch["predicted"]).mean() == pytest.approx(1, abs=0.05)
    for id in ("excess.batch", "excess.small-batch", "excess.zero"):
        assert CLAIMS[id]["verdict"] == "holds", CLAIMS[id]


def test_a_constant_besides_the_noise_is_found():
    """A fall by 0.03 nats for whatever changes the rate: the line does not go through zero."""

    def cost(own, base):
        noise = own.learning_rate / base.learning_rate / (own.batch_size / base.batch_size)
        return noise - (0.4 if own.learning_rate != base.learning_rate else 0)

    table = excess_loss.excess(STUDY, forks.effects(STUDY, planted.curves(cost=cost)))
    found = {made["id"]: made for made in excess_loss.excess_claims(STUDY, table)}
    assert found["excess.zero"]["verdict"] == "does not hold" and found["excess.batch"]["verdict"] == "does not hold"


def test_causes_say_what_was_changed_and_what_happened():
    found = TABLES["causes"].set_index("fork")
    assert found.loc["rate", "happened"] == found.loc["batch", "happened"] == "falls"
    assert found.loc["noise", "happened"] == found.loc["small-batch", "happened"] == "rises"
    for fork in ("rate-noise", "both-cut", "placebo", "decay-off"):
        assert found.loc[fork, "happened"] == "stays"
    assert found.loc["placebo", "changed"] == "nothing but the order" and found["n"].eq(5).all()


def test_a_mechanism_is_contradicted_by_a_fork_that_it_predicts_wrongly():
    found = TABLES["mechanism_verdicts"].set_index("mechanism")
    assert found.loc["noise", "verdict"] == "supported" and found.loc["edge", "verdict"] == "contradicted"
    assert found.loc["edge", "against"] == "batch rate-noise both-cut"
    assert found.loc["saddle", "against"] == "rate"
    rows = TABLES["mechanisms"].set_index(["mechanism", "what"])
    assert rows.loc[("saddle", "saddle.convex"), "outcome"] == "not tested"
    assert rows.loc[("noise", "rate"), "unit"] == "nats" and rows.loc[("noise", "rate"), "predicted_high"] == -0.01
    assert CLAIMS["mechanism.noise"]["verdict"] == "holds" and CLAIMS["mechanism.edge"]["holds"] is False


def test_an_interval_over_a_bound_decides_nothing():
    from errordrops.results.intervals import Interval

    assert mechanisms.outcome(Interval(0.2, 0.1, 0.3), -0.25, 0.25) == "not decided"
    assert mechanisms.outcome(Interval(0.2, 0.1, 0.24), -0.25, 0.25) == "as predicted"
    assert mechanisms.outcome(Interval(0.4, 0.3, 0.5), -0.25, 0.25) == "contradicted"
    assert mechanisms.outcome(Interval(np.nan, np.nan, np.nan), None, 0.25) == "not tested"
    assert mechanisms.outcome(Interval(0.4, np.nan, np.nan), None, 0.25) == "not decided"


def test_curves_have_three_axes_and_arm_none_behind():
    found = TABLES["fork_curves"]
    last = found[(found["split"] == "train") & (found["since"] == 5)].groupby("fork")[["updates", "distance"]].first()
    assert last.loc["none", "updates"] == 5 * 75 == last.loc["rate", "updates"]
    assert last.loc["rate", "distance"] == pytest.approx(last.loc["none", "distance"] / 4)
    assert last.loc["batch", "updates"] == 5 * 19 and last.loc["both-cut", "distance"] == pytest.approx(75.0)
    assert found.groupby("fork")["arm"].nunique()["placebo"] == 3
    assert fork_claims.of_seeds(EFFECTS, "rate", "train", "loss").size == len(STUDY.seeds)


def test_the_workflow_writes_what_is_foretold_before_a_fork_is_trained(tmp_path):
    from errordrops.study import plan
    from errordrops.workflow import Workflow

    (tmp_path / "forked.yaml").write_text(planted.FILE)
    flow = Workflow({"study": "forked", "studies": str(tmp_path), "results": str(tmp_path), "device": "cpu"})
    written = str(Layout.of("forked", tmp_path).run("none", 11) / foretell.FILE)
    assert written in flow.training_inputs("forked", "fork-rate", "11")
    assert written not in flow.training_inputs("forked", "none", "11")
    assert len(flow.run_files("forked", "foretell")) == len(STUDY.seeds)
    assert [run.arm for run in plan.runs_with("foretell", STUDY)] == ["none"] * len(STUDY.seeds)
