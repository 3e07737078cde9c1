"""Figures of controls, sameness, noise, variance, lag and speed: they say no more than the planted tables hold."""

import importlib
import json
import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

import planted_controls
from errordrops.figures import controls, noise, parts, theme, variance
from specifications import nodes, rows, title

NAMES = "equivalence noise variance lag speed controls reversal".split()
FIRST = {  # the table without which a figure has nothing to show
    "equivalence": "bands",
    "noise": "plateaus",
    "variance": "variance_summary",
    "lag": "lag_summary",
    "speed": "speed",
    "controls": "curves",
    "reversal": "curves",
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return planted_controls.tables()


def spec(name: str, tables: dict) -> dict:
    return theme.specification(importlib.import_module(f"errordrops.figures.{name}").draw(tables))


def told(name: str, tables: dict, table: str, **columns) -> str:
    """Title of a figure with columns of one table replaced."""
    return title(spec(name, tables | {table: tables[table].assign(**columns)}))


def layers(chart: dict, kind: str) -> list[dict]:
    """Views with that kind of mark."""
    return [node for node in nodes(chart) if isinstance(node.get("mark"), dict) and node["mark"]["type"] == kind]


def texts(chart: dict) -> str:
    """What text marks write."""
    found = []
    for view in layers(chart, "text"):
        if "text" in view.get("encoding", {}):
            found += [str(value) for value in rows(chart, view)[view["encoding"]["text"]["field"]]]
    return " | ".join(found)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_complete_small_and_the_same_in_every_draw(name, tables, capfd):
    chart = spec(name, tables)
    assert json.dumps(chart) == json.dumps(spec(name, tables))
    assert not re.search(r'"(view|param|concat|layer)_\d+"', json.dumps(chart)), "a name that Altair counted"
    assert chart["usermeta"]["alt"] == chart["description"] and chart["usermeta"]["caption"].endswith(".")
    assert all(len(data) < parts.ROWS for data in chart["datasets"].values())
    for parameter in chart.get("params", []):
        for option in parameter["bind"]["options"]:
            state = chart | {"params": [parameter | {"value": option}]}
            drawn = vl_convert.vegalite_to_svg(theme.still(state))
            assert "NaN" not in drawn and option[1:].split(",")[0] in drawn, "the switch names its axis"
    assert theme.svg(chart).startswith("<svg") and "WARN" not in capfd.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_without_its_arms_a_figure_says_so(name, tables):
    chart = spec(name, tables | {FIRST[name]: tables[FIRST[name]].iloc[:0]})
    assert re.match("No |This study has|Every arm", title(chart)) and len(texts(chart)) > 10
    plain = tables["schedules"].assign(headline=True)
    assert title(spec("controls", tables | {"schedules": plain})).startswith("Every arm of this study")


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_is_drawn_and_claims_nothing(name):
    chart = spec(name, planted_controls.tables(seeds=1))
    words = title(chart)
    assert not re.search("falls where|stay within|rises|divided by|only lag of|need|comes back", words)
    assert "95 %" not in " ".join(chart["title"]["subtitle"]) and "nan" not in json.dumps(chart["usermeta"])
    assert "NaN" not in theme.svg(chart)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_arms_cannot_break_a_figure(name, tables):
    odd = "a'b\"<script>] + datum.x \\"
    renamed = {
        key: table.assign(arm=table["arm"].replace({"batch": odd, "early": f"e{odd}"})) if "arm" in table else table
        for key, table in tables.items()
    }
    chart = spec(name, renamed)
    assert "<script>" not in theme.svg(chart)
    keys = ("calculate", "filter", "labelExpr", "expr")
    assert not any("script" in str(node[key]) for node in nodes(chart) for key in keys if key in node)


@pytest.mark.parametrize("name", NAMES)
def test_arms_are_told_apart_without_colour(name, tables):
    """By dash or shape, or since each has a row or a panel with its name."""
    chart = spec(name, tables)
    coloured = [n["encoding"] for n in nodes(chart) if "field" in n.get("encoding", {}).get("color", {})]
    for encoding in coloured:
        named = encoding.get("y", {}).get("field") in ("arm", "row") or encoding.get("x", {}).get("field") == "arm"
        varied = {"strokeDash", "shape"} & set(encoding) or name in ("equivalence", "reversal")
        assert named or varied
    if name in ("equivalence", "reversal"):  # points and bands lie on dashed lines
        assert all("strokeDash" in view["encoding"] for view in layers(chart, "line"))


def test_equivalence_says_the_largest_mean_difference_and_its_bands(tables):
    bands = tables["bands"].query("axis == 'epoch' and at >= 14")
    error, loss = (
        bands[bands["metric"] == m]["difference"].abs().max() for m in ("error_recomputed", "loss_recomputed")
    )
    chart = spec("equivalence", tables)
    assert f"by at most {error:.2f} points of test error and {loss:.3f} nats of training loss" in title(chart)
    assert "From epoch 14 on" in title(chart) and f"{error:.2f} points" in chart["description"]
    batch = bands.query("arm == 'batch' and metric == 'error_recomputed'")[["low", "high"]].abs().max().max()
    assert f"batch {batch:.2f} points" in " ".join(chart["title"]["subtitle"])
    far = {"difference": 5.0, "low": 4.0, "high": 6.0}
    assert "differ from arm step by at most 5.00 points" in told("equivalence", tables, "bands", **far)
    assert "at most" not in told("equivalence", tables, "bands", low=np.nan, high=np.nan)
    drawn = rows(chart, layers(chart, "line")[-1])
    assert set(drawn["axis"]) == set(importlib.import_module("errordrops.figures.equivalence").AXES.values())


def test_noise_claims_a_rise_only_where_the_slopes_agree(tables):
    chart = spec("noise", tables)
    fits = tables["noise_fits"].set_index("what")["r2"]
    assert f"rises with the noise scale g: R² of a straight line {fits['first plateau']:.2f}" in title(chart)
    assert f"milestone 2: {fits['drop at milestone 2']:.2f}" in title(chart)
    levels = tables["plateaus"]
    assert "rises" not in told("noise", tables, "plateaus", level=2 - levels["level"])
    mixed = levels["level"].where(levels["seed"] > 0, 2 - levels["level"])
    assert "rises" not in told("noise", tables, "plateaus", level=mixed)
    two = tables | {"plateaus": levels[levels["arm"].isin(["none", "step", "batch"])]}
    assert title(spec("noise", two)) == "This study has too few noise scales for a line"
    means = rows(chart, layers(chart, "point")[1]).set_index("arm")
    assert means["y"].to_dict() == pytest.approx(levels.groupby("arm")["level"].mean().to_dict(), abs=1e-4)
    assert {noise.kind(arm) for arm in means.index} == set(noise.KINDS) and noise.kind("odd") == noise.OTHER
    assert all(arm in texts(chart) for arm in means.index) and "batch-5 0.3" in chart["description"]


def test_variance_is_divided_only_where_the_interval_lies_below_one(tables):
    chart = spec("variance", tables)
    drawn = rows(chart, layers(chart, "point")[0])
    assert list(drawn["arm"]) == ["none", "step", "batch", "hybrid", "early", "late"]
    assert drawn.set_index("arm")["milestone"].to_dict()["none"] == 10 and "early, after 7" in list(drawn["row"])
    ratio = 1 / drawn.loc[drawn["arm"] != "none", "ratio"]
    assert f"divided by {ratio.min():.0f} to {ratio.max():.0f} (arm none: " in title(chart)
    assert "divided" not in told("variance", tables, "variance_summary", ratio_high=1.1)
    some = tables["variance_summary"]["ratio_high"].where(tables["variance_summary"]["arm"] == "step", 1.1)
    assert "in 1 of 5 arms" in told("variance", tables, "variance_summary", ratio_high=some)
    step = variance.times(drawn.set_index("arm")["ratio"]["step"])
    assert step.startswith("÷") and step in texts(chart) and step in chart["description"]


def test_ratios_in_words():
    assert [variance.times(r) for r in (1 / 12, 0.5, 1.3, 150, 1e-9)] == [
        "÷ 12",
        "÷ 2.0",
        "× 1.3",
        "× 150",
        "÷ over 1,000",
    ]
    assert variance.between(0.05, 0.5) == " (2.0 to 20)" and variance.between(0.5, 2) == " (÷ 2.0 to × 2.0)"
    assert variance.between(2, 4) == " (2.0 to 4.0)" and variance.between(np.nan, np.nan) == ""


def test_lag_splits_what_is_visible(tables):
    chart = spec("lag", tables)
    drawn = pd.concat(rows(chart, view) for view in layers(chart, "bar")[::2])
    expected = tables["lag_summary"].query("arm in ['step', 'batch', 'hybrid']")
    assert drawn["total"].to_numpy() == pytest.approx(expected.sort_values("index", kind="stable")["visible"], abs=1e-3)
    assert (drawn["remains"] + drawn["lag"]).to_numpy() == pytest.approx(drawn["total"], abs=2e-3)
    assert "after epoch 10, 2.5 are only lag" in title(chart) and "2.8 remain + 2.5 lag" in texts(chart)
    assert "step after epoch 10: visible 5.2, remains 2.8, lag 2.5 (95 % +2.2 to +2.7)" in chart["description"]
    assert "only lag of" not in told("lag", tables, "lag_summary", lag_low=-0.1)
    hidden = spec("lag", tables | {"lag_summary": tables["lag_summary"].assign(lag=-0.5, visible=1.0, recomputed=1.5)})
    bars = rows(hidden, layers(hidden, "bar")[0])
    assert set(bars["filled"]) == {1.0} and set(bars["other"]) == {1.5} and bars["hidden"].all()
    assert "1.5 remain − 0.5 lag" in texts(hidden)


def test_speed_counts_only_arms_that_all_get_there(tables):
    chart = spec("speed", tables)
    speed = tables["speed"]
    drawn = rows(chart, layers(chart, "point")[0])
    assert len(drawn) == speed["updates"].notna().sum() and layers(chart, "point")[1]["mark"]["shape"] == "cross"
    assert texts(chart).count("never") == 6 and "never: 1 of 3 seeds" in texts(chart)
    assert title(chart).endswith("arms bold, hybrid and batch need 14 to 62 % of its updates")
    assert "bold 697 updates (14 %" in chart["description"] and "low never" in chart["description"]
    lost = speed["ratio"].where((speed["arm"] != "bold") | (speed["seed"] > 0))
    assert "bold" not in told("speed", tables, "speed", ratio=lost)
    assert "need" not in told("speed", tables, "speed", ratio=1.0)
    order = layers(chart, "point")[0]["encoding"]["y"]["sort"]
    assert order[0] == "bold" and order.index("plateau") < order.index("none") and set(order) == set(speed["arm"])


def test_controls_have_a_panel_each_with_their_own_milestones(tables):
    chart = spec("controls", tables)
    panels = {view["title"]["text"]: view for view in chart["concat"]}
    assert len(panels) == 13 and "early: after 7 and 15" in panels and "plateau: after 9 to 21, by seed" in panels
    assert "cosine: every epoch" in panels and "low: no change" in panels
    rule = layers(panels["late: after 13 and 23"], "rule")[0]
    assert rows(chart, rule)["epoch"].tolist() == [13, 23] and not layers(panels["cosine: every epoch"], "rule")
    none, own = (
        rows(chart, view).set_index("epoch")["mean"] for view in layers(panels["early: after 7 and 15"], "line")
    )
    assert none[:8].tolist() == own[:8].tolist() and own[8] < none[8] - 1, "one run up to the change, with equal seeds"
    low, high = layers(panels["early: after 7 and 15"], "line")[0]["encoding"]["y"]["scale"]["domain"]
    assert low < 10.5 and 14 < high < 25 and "the first epochs lie above it" in chart["usermeta"]["caption"]
    assert "(after epoch 7, 10 and 13), in 8 of 9 arms" in title(chart)
    assert "early after epoch 7 −2.0 (95 % −3.0 to −1.1)" in chart["description"]
    none_sure = told("controls", tables, "milestone_levels_summary", difference_high=0.1, change_high=0.1)
    assert none_sure == "Test error of 13 other arms by epoch, beside arm none"


def test_limits_of_controls_without_arm_none(tables):
    curves = tables["curves"].query("arm != 'none'")
    assert controls.means(curves.iloc[:0].assign(value=0.0), ["epoch"]).empty
    assert len(spec("controls", tables | {"curves": curves})["concat"]) == 13


def test_reversal_comes_back_only_as_far_as_the_interval_says(tables):
    chart = spec("reversal", tables)
    assert "comes back to within 0.036 nats of arm none's" in title(chart) and "lowered it by 0.084" in title(chart)
    drawn = rows(chart, layers(chart, "line")[0]).set_index(["arm", "epoch"])
    assert drawn.loc[("reversal", 20), "rate_sum"] == pytest.approx(300 * (10 * 0.05 + 10 * 0.005))
    assert drawn.loc[("none", 30), "rate_sum"] == pytest.approx(450) and set(drawn["n"]) == {3}
    assert "rate divided | rate restored" in texts(chart)
    assert "−0.001 nats (95 % −0.036 to +0.033)" in chart["description"]
    wide = tables["reversal"]["difference"] + [0.0, 0.2, 0.4]
    assert "comes back" not in told("reversal", tables, "reversal", difference=wide)
    fewer = spec("reversal", tables | {"curves": tables["curves"].query("arm != 'step'")})
    assert set(rows(fewer, layers(fewer, "line")[0])["arm"]) == {"none", "reversal"}
