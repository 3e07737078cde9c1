"""The article's first picture: staircases of the settings above the errors."""

import pandas as pd
import pytest

from errordrops.figures import opening


def schedules(**arms):
    rows = [
        {"arm": arm, "epoch": epoch, "learning_rate": rate, "batch_size": batch}
        for arm, settings in arms.items()
        for epoch, (rate, batch) in enumerate(settings, 1)
    ]
    return pd.DataFrame(rows)


THREE = schedules(
    none=[(0.2, 32)] * 4,
    both=[(0.2, 32), (0.2, 160), (0.04, 160), (0.04, 160)],
    step=[(0.2, 32), (0.2, 32), (0.04, 32), (0.04, 32)],
    batch=[(0.2, 32), (0.2, 32), (0.2, 160), (0.2, 160)],
)


def curves(**arms):
    rows = [
        {"arm": arm, "seed": seed, "epoch": epoch, "split": split, "metric": metric, "value": value + seed}
        for arm, values in arms.items()
        for seed in (0, 1)
        for split, metric in (("test", "error_recomputed"), ("train", "error"), ("test", "error"))
        for epoch, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_arms_are_those_that_change_one_setting_alone():
    assert opening.shown(THREE) == ["step", "batch", "none"]
    words = opening.said(THREE[THREE["arm"] != "both"])
    assert words == {"batch": "batch multiplied", "none": "unchanged", "step": "rate divided"}


def test_what_the_arms_share_is_drawn_once():
    at = {2: ["step", "batch"]}
    rows = opening.table(
        curves(none=[90, 20, 19, 18, 18], step=[90, 20, 19, 12, 11], both=[1] * 5), ["step", "none"], at
    )
    assert set(rows["arm"]) == {"step", "none"} and set(rows["line"]) == {"test error", "training error"}
    step = rows[(rows["arm"] == "step") & (rows["line"] == "test error")]
    assert step[["epoch", "mean"]].to_numpy().tolist() == [[2, 19.5], [3, 12.5], [4, 11.5]]


def test_names_at_the_ends_keep_apart():
    last = pd.DataFrame({"arm": ["a", "b", "c"], "line": "test error", "epoch": 4, "mean": [11.0, 11.1, 30.0]})
    places = opening.ends(last, [10, 30]).set_index("arm")["place"]
    assert places["b"] - places["a"] == pytest.approx(opening.GAP * 20) and places["c"] == 30.0


def test_the_title_claims_a_fall_only_where_each_change_has_one():
    at = {2: ["step", "batch"]}
    falls = opening.table(curves(step=[90, 20, 19, 12, 11], batch=[90, 20, 19, 13, 11]), ["step", "batch"], at)
    rises = opening.table(curves(step=[90, 20, 19, 12, 11], batch=[90, 20, 19, 20, 11]), ["step", "batch"], at)
    titles = [opening.text(rows, ["step", "batch"], at)[0] for rows in (falls, rises)]
    assert titles == ["Error falls where learning rate or batch size changes", "Schedules and errors"]


def test_a_study_without_such_arms_has_no_such_picture():
    chart = opening.draw({"schedules": THREE[THREE["arm"] == "none"], "curves": curves(none=[90, 20, 19, 18, 18])})
    assert chart.usermeta["empty"]
