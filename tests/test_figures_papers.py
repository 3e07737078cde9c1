"""Our Figure 2 and the figure of optimisers: they say what the tables hold."""

import json
from dataclasses import replace

import pandas as pd
import pytest

import planted
import planted_study
from errordrops.analysis import published
from errordrops.figures import cross_entropy, optimizers, theme
from errordrops.study import study
from specifications import title

STEPS = ("step", "hybrid", "batch")
FILE = """
study: planted
title: Planted
dataset: {name: fashion-mnist, train_size: 1000}
model: {family: cifar-resnet, depth: 8, width: 16}
learning_rate: 0.1
batch_size: 20
epochs: 12
milestones: [6]
factor: 5
seeds: 3
arms: [none, step, hybrid, batch]
optimizers:
  - {optimizer: nesterov, arms: [none, step, batch]}
  - {optimizer: adam, learning_rate: 0.001, arms: [none, step, batch]}
published:
  - {arm: step, accuracy: 94.3, source: "a paper, Figure 5 (recalled)"}
  - {arm: batch, error: 5.6, source: "a paper, Table 1 (read)"}
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    return load(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def tables(planned):
    return all_tables(planned)


def load(folder):
    (folder / "planted.yaml").write_text(FILE)
    return study.load("planted", folder)


def all_tables(planned):
    curves = planted_study.curves(planned, jitter=0.5)
    found = published.optimizers(planned, curves)
    return {
        "curves": curves,
        "schedules": schedules(planned),
        "published": published.published(planned, curves),
        "optimizers": found,
        "optimizer_summary": published.optimizer_summary(found),
    }


def schedules(planned):
    from errordrops.analysis.final import schedules

    return schedules(planned, planted_study.IMAGES)


def spec(module, tables):
    return theme.specification(module.draw(tables))


def losses(tables):
    """Training losses planted: a geometric fall, three times lower after the milestone."""
    plan = planted.schedules().rename(columns={"updates": "update"})
    rows = []
    for arm, own in plan.groupby("arm", sort=False):
        update = own["update"].cumsum()
        for seed in range(2):
            values = [1.1**seed * 0.9**e / (3 if e > 10 and arm != "none" else 1) for e in own["epoch"]]
            head = own.assign(update=update, seed=seed, split="train", metric="loss", value=values)
            rows.append(head)
    return tables | {"curves": pd.concat(rows), "schedules": planted.schedules()}


def test_figure_2_draws_the_three_arms_twice(tables):
    mine = losses(tables)
    chart = spec(cross_entropy, mine)
    assert [panel["name"] for panel in chart["hconcat"]] == ["panel_epoch", "panel_update"]
    data = max(chart["datasets"].values(), key=len)
    rows = pd.DataFrame(data)
    assert set(rows["arm"]) == set(STEPS) and "none" not in set(rows["arm"])
    first = rows[(rows["arm"] == "batch") & (rows["epoch"] == 12)].iloc[0]
    assert first["update"] == 10 * 300 + 2 * 30 and first["n"] == 2
    assert first["mean"] == pytest.approx((1 + 1.1) / 2 * 0.9**12 / 3, abs=1e-5)
    assert first["low"] < first["mean"] < first["high"]
    assert "WARN" not in theme.svg(chart)


def test_its_title_says_what_the_table_holds(tables):
    mine = losses(tables)
    told = title(spec(cross_entropy, mine))
    assert "Arm batch takes 3,330 updates where arm step takes 9,000 (37 %)" in told
    slower = mine["curves"].assign(update=1)
    assert "takes" not in title(spec(cross_entropy, mine | {"curves": slower}))


@pytest.mark.parametrize("lacking", ["published", "hybrid"])
def test_a_study_without_the_arms_has_no_figure_2(tables, lacking):
    mine = losses(tables)
    if lacking == "published":
        mine["published"] = mine["published"].iloc[:0]
    else:
        mine["schedules"] = mine["schedules"].query("arm != 'hybrid'")
    assert spec(cross_entropy, mine)["usermeta"]["empty"] is True


def test_each_optimiser_is_judged_by_its_own_control(planned, tables):
    """What is added to a control alone is taken from the differences of its optimiser, and of no other."""
    moved = planted_study.curves(planned, jitter=0.5)
    chosen = (moved["arm"] == "none-adam") & (moved["epoch"] > 6)
    moved.loc[chosen, "value"] += 2.0
    before, after = (
        published.optimizers(planned, curves).groupby("optimizer")["difference"].mean()
        for curves in (tables["curves"], moved)
    )
    assert after["adam"] - before["adam"] < -1.2  # the mean over step and batch, and none's own, which is no difference
    assert after[["momentum", "nesterov"]].tolist() == before[["momentum", "nesterov"]].tolist()


def test_the_figure_of_optimisers_claims_what_the_intervals_say(tables):
    chart = spec(optimizers, tables)
    assert (
        "falls more than in that optimiser's own control with SGD with momentum, Nesterov momentum and Adam"
        in title(chart)
    )
    assert len(chart["concat"]) == 3 and "WARN" not in theme.svg(chart)
    one = tables | {"optimizer_summary": tables["optimizer_summary"].assign(difference_high=float("nan"))}
    assert title(spec(optimizers, one)) == "Test error under each optimiser"
    assert spec(optimizers, tables | {"optimizers": tables["optimizers"].iloc[:0]})["usermeta"]["empty"] is True


def test_runs_that_ended_early_do_not_count(planned, tables):
    curves = tables["curves"]
    short = curves[~((curves["arm"] == "step") & (curves["seed"] == 2) & (curves["epoch"] == 12))]
    assert published.published(planned, short)["n"].tolist() == [2, 3]
    nobody = published.published(replace(planned, epochs=13), curves)
    assert nobody["n"].tolist() == [0, 0] and json.loads(nobody["mean"].to_json(orient="values")) == [None, None]
