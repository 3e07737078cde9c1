"""Figures of probes (excess, thrown, motion): they show the planted numbers and claim no more than these support."""

import importlib
import json
import re

import numpy as np
import pandas as pd
import pytest

from errordrops.figures import theme
from errordrops.results.intervals import summarise
from specifications import nodes, title

NAMES = ("excess", "thrown", "motion")
AXES = {
    "excess": ("Arm", "(share)", "(ratio)"),
    "thrown": ("(number)", "(squared weight)"),
    "motion": ("Arm", "fall (share)", "(nats)", "after (1) (share)"),
}
ARMS, DIRECTIONS = ("none", "step", "batch"), 4
SHARES = {"none": 3.0, "step": 0.9, "batch": 0.8}
PROBES = "study arm seed probe moment quantity index x y value".split()
QUANTITIES = "study arm seed quantity value".split()


def wobble(seed: int, size: float) -> float:
    return size * (1 if seed else -1)


def probes(seeds: int = 2, fold: float = 20.0, spread: float = 0.05) -> pd.DataFrame:
    """Variance along direction i is 1e-4 / (i + 1) before and `fold` times smaller after; the loss along a line."""
    rows = []
    for arm in ARMS:
        for seed in range(seeds):
            for i in range(DIRECTIONS):
                before = 1e-4 / (i + 1) * (1 + wobble(seed, spread))
                after = 1e-4 / (i + 1) / (1 if arm == "none" else fold) * (1 - wobble(seed, spread))
                rows.append((arm, seed, "path", "before", "variance", i, np.nan, before))
                rows.append((arm, seed, "path", "after", "variance", i, np.nan, after))
            for x in (0.0, 0.5, 1.0):
                loss = 1.0 + seed - (0.02 if arm == "none" else 0.4) * x + wobble(seed, 0.01) * x
                rows.append((arm, seed, "motion", "after", "line", np.nan, x, loss))
            rows.append((arm, seed, "motion", "after", "loss", np.nan, np.nan, 0.5))
    table = pd.DataFrame(rows, columns="arm seed probe moment quantity index x value".split())
    return table.assign(study="planted", y=np.nan)[PROBES]


def mechanism(seeds: int = 2, spread: float = 0.01) -> pd.DataFrame:
    rows = []
    for arm in ARMS:
        for seed in range(seeds):
            values = {
                "fall": 0.02 if arm == "none" else 0.4,
                "excess_share": SHARES[arm],
                "excess_ratio": 1.0 if arm == "none" else 0.1,
                "toy_ratio": 1.0 if arm == "none" else 0.08,
                "leading_share": 0.7 if arm == "step" else 0.6,
                "negative_share": 0.05,
            }
            shifted = {name: value * (1 + wobble(seed, spread)) for name, value in values.items()}
            rows += [("planted", arm, seed, name, value) for name, value in shifted.items()]
    return pd.DataFrame(rows, columns=QUANTITIES)


def tables(seeds: int = 2, spread: float = 0.01, **options) -> dict[str, pd.DataFrame]:
    runs = mechanism(seeds, spread)
    summary = summarise(runs, ["study", "arm", "quantity"], ["value"])
    return {"probes": probes(seeds, **options), "mechanism": runs, "mechanism_summary": summary}


def spec(name: str, given: dict) -> dict:
    return theme.specification(importlib.import_module(f"errordrops.figures.{name}").draw(given))


def data(chart: dict, view: str, kind: str) -> list[pd.DataFrame]:
    """Data sets of the marks of that kind in the view of that name, in order."""
    panel = next(node for node in nodes(chart) if str(node.get("name")).startswith(view) and "layer" in node)
    marks = [node for node in nodes(panel) if isinstance(node.get("mark"), dict) and node["mark"]["type"] == kind]
    return [pd.DataFrame(chart["datasets"][mark.get("data", panel.get("data"))["name"]]) for mark in marks]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_without_a_warning_and_the_same_every_time(name, seeds, capfd):
    chart = spec(name, tables(seeds))
    assert json.dumps(chart) == json.dumps(spec(name, tables(seeds)))
    assert not re.search(r'"(view|param|concat|layer)_\d+"', json.dumps(chart)), "a name that Altair counted"
    assert chart["usermeta"]["alt"] == chart["description"] and chart["usermeta"]["caption"].endswith(".")
    assert "nan" not in json.dumps(chart["usermeta"]) and "empty" not in chart["usermeta"]
    svg = theme.svg(chart)
    assert svg.startswith("<svg") and "NaN" not in svg and "WARN" not in capfd.readouterr().err
    assert all(axis in svg for axis in AXES[name])


def test_excess_shows_the_planted_shares_and_ratios():
    given = tables()
    chart = spec("excess", given)
    (seeds, mean) = data(chart, "foretold", "point")
    assert mean["arm"].tolist() == ["step", "batch"] and np.allclose(mean["value"], [0.9, 0.8])
    assert np.allclose(seeds["value"], [0.9 * 0.99, 0.9 * 1.01, 0.8 * 0.99, 0.8 * 1.01])
    ratios = data(chart, "ratios", "point")[-1]
    assert ratios["label"].tolist() == [f"{arm}: {kind}" for arm in ARMS for kind in ("measured", "noisy quadratic")]
    assert np.allclose(ratios["value"], [1, 1, 0.1, 0.08, 0.1, 0.08])
    assert "by 80 to 90 % of the fall" in title(chart)
    planted = given["mechanism_summary"].query("quantity == 'excess_share' and arm == 'step'").iloc[0]
    assert np.allclose(
        mean.iloc[0][["value_low", "value_high"]].astype(float), planted[["value_low", "value_high"]].astype(float)
    )


def test_a_mean_below_zero_is_drawn_and_a_long_interval_is_cut():
    given = tables(spread=0.5)
    summary = given["mechanism_summary"]
    summary.loc[(summary["quantity"] == "excess_ratio") & (summary["arm"] == "batch"), "value"] = -0.02
    chart = spec("excess", given)
    ratios = data(chart, "ratios", "point")[-1].set_index("label")
    assert ratios.loc["batch: measured", "value"] == -0.02
    assert (ratios["value_low"] < 0).all() and (ratios["from"] < 0).any()
    assert (ratios["value_low"] < ratios["from"]).any() and (ratios["from"] <= ratios["value"]).all()
    assert title(chart) == "Excess of the loss over that of averaged weights, before the change and later"


def test_thrown_shows_geometric_means_and_the_factor():
    chart = spec("thrown", tables())
    before, after = (pd.concat(data(chart, f"arm_{ARMS.index('step')}", "line")[i : i + 1]) for i in (0, 1))
    both = np.sqrt(0.95 * 1.05)
    assert before["direction"].tolist() == after["direction"].tolist() == [1, 2, 3, 4]
    assert np.allclose(before["value"], 1e-4 / np.arange(1, 5) * both, rtol=1e-4)
    assert np.allclose(after["value"], 5e-6 / np.arange(1, 5) * both, rtol=1e-4)
    assert title(chart).endswith("falls by a factor of 20") and "nothing: 1 (95 %" in chart["title"]["subtitle"][-1]
    assert "rises by a factor of 20" in title(spec("thrown", tables(fold=0.05)))
    neutral = "Variance of the weights along the leading directions, before and after the change"
    assert title(spec("thrown", tables(fold=1.0))) == neutral
    assert title(spec("thrown", tables(spread=0.01, fold=1.2))) == neutral
    assert title(spec("thrown", tables(seeds=1))) == neutral


def test_motion_shows_shares_and_the_line():
    chart = spec("motion", tables())
    shares = data(chart, "shares", "point")[-1]
    assert shares["label"].tolist() == [
        f"{arm}: {kind}" for arm in ARMS[1:] for kind in ("leading directions", "negative curvature")
    ]
    assert np.allclose(shares["value"], [0.7, 0.05, 0.6, 0.05])
    (line,) = data(chart, "line", "line")
    assert line["arm"].tolist() == [arm for arm in ARMS for _ in range(3)]
    assert np.allclose(line["change"], [0, -0.01, -0.02, 0, -0.2, -0.4, 0, -0.2, -0.4])
    assert "the leading directions alone makes 60 to 70 %" in title(chart) and "curvature alone makes 5 %" in title(
        chart
    )


@pytest.mark.parametrize(("name", "neutral"), [("excess", "Excess of the loss"), ("motion", "The fall of training")])
def test_a_title_claims_nothing_that_seeds_do_not_support(name, neutral):
    assert not title(spec(name, tables())).startswith(neutral)
    for given in (tables(seeds=1), tables(spread=0.9)):
        assert title(spec(name, given)).startswith(neutral)
    given = tables()
    summary = given["mechanism_summary"]
    unsure = summary.assign(value_low=summary["value_low"].mask(summary["quantity"] == "fall", -0.1))
    assert title(spec(name, given | {"mechanism_summary": unsure})).startswith(neutral), "a share of no sure fall"
    one = summary.assign(value_low=summary["value_low"].mask(summary["arm"] == "batch", -0.1))
    assert "in 1 of 2 arms" in title(spec(name, given | {"mechanism_summary": one}))


@pytest.mark.parametrize("name", NAMES)
def test_without_probes_a_figure_says_so(name):
    chart = spec(name, {key: table.iloc[:0] for key, table in tables().items()})
    assert chart["usermeta"]["empty"] and title(chart) == "This study probes no checkpoints"
    others = {"probes": probes().query("quantity == 'loss'"), "mechanism": mechanism().query("quantity == 'fall'")}
    summary = summarise(others["mechanism"], ["study", "arm", "quantity"], ["value"])
    chart = spec(name, others | {"mechanism_summary": summary})
    assert chart["usermeta"]["empty"] and title(chart).startswith("The probes of this study")
