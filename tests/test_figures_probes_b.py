"""Figures of curvature, dead units and the map of the loss: they show planted numbers and claim no more."""

import json

import numpy as np
import pandas as pd
import pytest
import vl_convert

from errordrops.figures import curvature, dead_units, landscape, parts, theme
from errordrops.results.curves import PROBE_COLUMNS
from specifications import title

ARMS, SEEDS = ("none", "step", "batch"), (11, 12)
DRAWN = {"curvature": curvature, "dead_units": dead_units, "landscape": landscape}
COUNT = 7  # points on each side of the map


def planted(sharpening: float = 3.0, gained: float = 0.2) -> pd.DataFrame:
    """Two seeds of three arms: curvature of step rises by `sharpening`, the average lies `gained` nats lower."""
    nan, rows = float("nan"), []
    for arm in ARMS:
        for i, seed in enumerate(SEEDS):
            cut = arm == "step"
            for place, moment in enumerate(("before", "during", "after", "later")):
                grown = sharpening ** (place / 3) if cut else 1.0
                found = [("eigenvalue", 0, 20.0 * grown * (1 + 0.01 * i)), ("eigenvalue", 1, 9.0)]
                found += [("eigenvalue", -1, -2.0 - 0.1 * i), ("eigenvalue", -2, -1.0)]
                found += [("trace", 0, 300.0 + place), ("trace_error", 0, 2.0), ("gradient_norm", 0, 1.5 + 0.1 * i)]
                found += [("stability_limit", nan, 760.0 if cut and place else 76.0)]
                rows += [(arm, seed, "curvature", moment, q, k, nan, nan, v) for q, k, v in found]
                if moment == "during":
                    continue
                found = [("dead_units", 4.0 + i - (place > 1) * 0.5 * cut), ("dead_channels", 1.0), ("loss", 0.4)]
                found += [("woken_units", 0.6 + 0.1 * i), ("died_units", 0.3)] if place else []
                rows += [(arm, seed, "units", moment, q, nan, nan, nan, v) for q, v in found]
            losses = [0.5, 0.5 - gained * (1 + 0.02 * i), 0.25 + 0.01 * i]
            at = [(0.0, 0.0), (1.0, 0.8), (2.0, 0.0)]
            found = [("before", "point", k, *at[k], losses[k]) for k in range(3)]
            for k in range(-4, 5):
                found += [("after", "path", 5 * k - 2, 0.1 * k, 0.2 * (k % 2), k + 4)]
                found += [("unchanged", "path", 5 * k - 2, 0.1 * k, -0.2 * (k % 2) * (k > 0), k + 4)]
            for x in np.linspace(-1, 3, COUNT):
                for y in np.linspace(-0.5, 1.5, COUNT):
                    loss = {k: 0.2 + (x - 1) ** 2 + 2 * (y - 0.5 - 0.2 * (k + 1)) ** 2 for k in range(-1, 3)}
                    found += [("before", "loss", k, x, y, value) for k, value in loss.items()]
            rows += [(arm, seed, "landscape", *one) for one in found]
    return pd.DataFrame([("planted", *row) for row in rows], columns=PROBE_COLUMNS)


@pytest.fixture(name="tables")
def given() -> dict[str, pd.DataFrame]:
    return all_tables()


def all_tables() -> dict[str, pd.DataFrame]:
    summary = [("none", 3.0, 1.0, 5.0), ("step", 0.04, -0.02, 0.1), ("batch", 0.06, 0.01, 0.11)]
    undying = [
        (name, "step", seed, change, -0.1, change + 0.1)
        for name, changes in {"gelu": (-2.2, -2.4), "leaky-relu": (-3.1, -3.3)}.items()
        for seed, change in zip(SEEDS, changes, strict=True)
    ]
    columns = {
        "mechanism_summary": "study arm quantity n value value_low value_high",
        "undying": "study activation arm seed change change_control difference",
    }
    rows = {
        "mechanism_summary": [("planted", arm, "woken_share", 2, *numbers) for arm, *numbers in summary],
        "undying": [("planted", *row) for row in undying],
    }
    made = {name: pd.DataFrame(rows[name], columns=names.split()) for name, names in columns.items()}
    return {"probes": planted(), **made}


def spec(name: str, tables: dict) -> dict:
    return theme.specification(DRAWN[name].draw(tables))


def named(node, name: str) -> dict:
    """The view of that name (to which Altair adds a number)."""
    if isinstance(node, dict) and str(node.get("name")).startswith(name):
        return node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return next((found for child in children if (found := named(child, name))), {})


def layers(chart: dict, name: str, mark: str) -> list[pd.DataFrame]:
    """Data of the layers of one kind in a view."""
    view = named(chart, name)
    own = [
        layer.get("data", view.get("data", chart.get("data")))
        for layer in view["layer"]
        if layer["mark"]["type"] == mark
    ]
    return [pd.DataFrame(chart["datasets"][data["name"]]) for data in own]


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_complete_valid_and_the_same_in_every_draw(name, tables, capfd):
    chart = spec(name, tables)
    assert json.dumps(chart, allow_nan=False) == json.dumps(spec(name, tables))
    assert chart["usermeta"]["caption"] and chart["usermeta"]["alt"] == chart["description"]
    assert "nan" not in chart["description"] and "empty" not in chart["usermeta"]
    assert all(len(data) <= parts.ROWS for data in chart["datasets"].values())
    svg = theme.svg(chart)
    assert svg.startswith("<svg") and "NaN" not in svg and vl_convert.vegalite_to_svg(chart)
    assert "WARN" not in capfd.readouterr().err


@pytest.mark.parametrize("name", DRAWN)
def test_without_probes_a_figure_says_so(name, tables):
    chart = spec(name, {key: table.iloc[:0] for key, table in tables.items()})
    assert chart["usermeta"]["empty"] is True and title(chart) == "This study probes no checkpoints"


@pytest.mark.parametrize("name", DRAWN)
def test_one_seed_or_one_arm_is_drawn_without_a_claim(name, tables):
    probes = tables["probes"]
    one = {
        key: t[t["seed"] == 11] if "seed" in t else t.assign(value_low=np.nan, value_high=np.nan)
        for key, t in tables.items()
    }
    chart = spec(name, one)
    assert not any(character.isdigit() for character in title(chart)), "no number without an interval"
    assert "nan" not in chart["description"] and theme.svg(chart).startswith("<svg")
    for arm in ARMS:
        assert theme.svg(spec(name, tables | {"probes": probes[probes["arm"] == arm]})).startswith("<svg")
    few = {key: t if key == "probes" else t.iloc[:0] for key, t in tables.items()}
    assert theme.svg(spec(name, few)).startswith("<svg")


def test_curvature_shows_the_planted_numbers(tables):
    chart = spec("curvature", tables)
    dots, means = layers(chart, "leading_eigenvalue", "point")
    assert len(dots) == 2 * 3 * 4 and len(means) == 3 * 4
    means = means.set_index(["arm", "moment"])["value"]
    assert means["none", "before"] == pytest.approx(20.1) and means["step", "later"] == pytest.approx(60.3)
    (limits,) = layers(chart, "leading_eigenvalue", "rule")
    limits = limits.set_index(["arm", "moment"])["value"]
    assert limits["step", "before"] == limits["none", "later"] == 76 and limits["step", "after"] == 760
    _, means = layers(chart, "smallest_eigenvalue", "point")
    assert set(means["value"]) == {-2.05}
    _, means = layers(chart, "gradient_norm", "point")
    assert set(means["value"]) == {1.55}
    _, means = layers(chart, "trace", "point")
    assert means.query("arm == 'batch'")["value"].tolist() == [300, 301, 302, 303]
    assert named(chart, "leading_eigenvalue")["layer"][0]["encoding"]["y"]["scale"]["type"] == "log"


def test_curvature_claims_a_ratio_only_where_there_is_one(tables):
    # Both seeds of an arm have one ratio exactly, so that rounding decides on 1: spread them.
    spread = tables["probes"].copy()
    own = (spread["seed"] == 12) & (spread["arm"] != "none")
    spread.loc[own & (spread["quantity"] != "stability_limit"), "value"] *= 1.05
    told = title(spec("curvature", tables | {"probes": spread}))
    assert "leading curvature is 3.1 times (step)" in told and "without the change" in told and "batch" not in told
    gone = spread.copy()
    eigen = (gone["arm"] == "step") & (gone["quantity"] == "eigenvalue") & (gone["index"] == 0)
    gone.loc[eigen, "value"] = gone.loc[eigen, "seed"].map({11: 19.0, 12: 22.0})
    assert "times" not in title(spec("curvature", tables | {"probes": gone}))
    alone = title(spec("curvature", tables | {"probes": spread.query("arm == 'step'")}))
    assert "3 times (step) what it is before the change" in alone


def test_dead_units_shows_the_planted_numbers(tables):
    chart = spec("dead_units", tables)
    dots, means = layers(chart, "dead", "point")
    means = means.set_index(["arm", "what"])["value"]
    assert len(dots) == 2 * 3 * 3 and means["none", "before"] == 4.5 and means["step", "later"] == 4.0
    _, means = layers(chart, "changed", "point")
    means = means.set_index(["arm", "what"])["value"]
    assert means["batch", "woke"] == pytest.approx(0.65) and means["batch", "died"] == pytest.approx(0.3)
    (shares,) = layers(chart, "woken_share", "point")
    assert shares[["arm", "value", "value_low", "value_high"]].values.tolist() == [
        ["step", 4, -2, 10],
        ["batch", 6, 1, 11],
    ]
    assert layers(chart, "woken_share", "rule")[0]["value"].tolist() == [0, 100]
    means, dots = layers(chart, "undying", "point")
    assert means.set_index("activation")["value"].to_dict() == pytest.approx({"gelu": -2.2, "leaky-relu": -3.1})
    assert dots["value"].tolist() == pytest.approx(tables["undying"]["difference"].tolist())


def test_dead_units_claims_only_what_the_intervals_support(tables):
    told = title(spec("dead_units", tables))
    assert "test error falls too: by 2.2 to 3.1 points more" in told
    assert "less than 11 %" in told
    noisy = tables["undying"].assign(difference=[-4.0, 0.5, -3.0, -3.1])
    assert "in 1 of 2 networks" in title(spec("dead_units", tables | {"undying": noisy}))
    none = tables | {"undying": noisy.assign(difference=[-4.0, 0.5, -3.0, 0.4])}
    assert title(spec("dead_units", none)).startswith("Units that woke explain less than")
    wide = none | {"mechanism_summary": tables["mechanism_summary"].assign(value_high=0.9)}
    assert title(spec("dead_units", wide)).startswith("Dead units")


def test_landscape_shows_the_planted_map(tables):
    chart = spec("landscape", tables)
    for view, index in (("map_sample", -1), ("map_batch_0", 0), ("map_batch_2", 2)):
        (cells,) = layers(chart, view, "rect")
        where = f"probe == 'landscape' and arm == 'step' and seed == 11 and quantity == 'loss' and index == {index}"
        expected = tables["probes"].query(where)
        assert len(cells) == COUNT**2 and cells["value"].tolist() == pytest.approx(expected["value"].tolist(), abs=1e-4)
        assert (cells["x2"] - cells["x1"]).to_numpy() == pytest.approx(4 / 6, abs=1e-4)
        assert (cells["y2"] - cells["y1"]).to_numpy() == pytest.approx(2 / 6, abs=1e-4)
        colour = named(chart, view)["layer"][0]["encoding"]["color"]["scale"]
        assert colour["domain"] == pytest.approx([cells["value"].min(), cells["value"].quantile(0.9)], abs=1e-3)
        assert colour["scheme"] == "viridis"
    (points,) = layers(chart, "map_sample", "point")
    assert points["what"].tolist() == ["before the change", "average of the weights", "after"]
    assert points[["x", "y"]].values.tolist() == [[0, 0], [1, 0.8], [2, 0]]
    path = layers(chart, "map_sample", "line")[0]
    assert path.query("path == 'with the change'")["index"].tolist() == [5 * k - 2 for k in range(-4, 5)]
    assert path.query("path == 'without it'")["index"].tolist() == [5 * k - 2 for k in range(5)]
    assert "Arm step, seed 11" in " ".join(chart["title"]["subtitle"])


def test_landscape_claims_only_what_the_seeds_support(tables):
    told = title(spec("landscape", tables))
    assert "average of the weights already lies 0.2 nats below" in told and "0.24 nats below" in told
    probes = planted(gained=0.0)
    assert "average" not in title(spec("landscape", tables | {"probes": probes}))
    probes.loc[(probes["quantity"] == "point") & (probes["index"] == 2), "value"] = 0.6
    assert not any(c.isdigit() for c in title(spec("landscape", tables | {"probes": probes})))
    others = tables["probes"].query("probe != 'landscape'")
    assert spec("landscape", tables | {"probes": others})["usermeta"]["empty"] is True


def test_a_fine_map_stays_below_the_row_limit(tables):
    side = np.linspace(0, 1, 101)
    cells = pd.DataFrame([(x, y, x + y) for x in side for y in side], columns=["x", "y", "value"])
    fine = cells.assign(
        study="planted", arm="step", seed=0, probe="landscape", moment="before", quantity="loss", index=-1
    )
    chart = spec("landscape", {"probes": fine})
    (shown,) = layers(chart, "map_sample", "rect")
    assert 1000 < len(shown) <= parts.ROWS and theme.svg(chart).startswith("<svg")
