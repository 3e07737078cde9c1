"""Figures to move about in: the cut at any date of the sweep, as measured; and the noisy quadratic."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import vl_convert

from errordrops.figures import slider, theme, toy
from specifications import nodes, rows_of, title

DATES, SEEDS, EPOCHS = (4, 8, 12, 16), (3, 4), 24
JUDGED = (("test", "error_recomputed", 30.0), ("train_eval", "loss_recomputed", 1.0))
FALLS = {"rate": 0.1, "batch": 0.08, "placebo": 0.01}


def level(epoch: int, seed: int) -> float:
    return 0.4 + np.exp(-epoch / 5) + 0.01 * seed


def planted(dates=DATES) -> dict[str, pd.DataFrame]:
    """Curves that fall smoothly, by FALLS in the first epoch after a cut and not in the second; the sweep of them."""
    curves, sweep = [], []
    for split, metric, size in JUDGED:
        for seed in (*SEEDS, 9):  # seed 9 is of arm none alone
            arms = {"none": [level(epoch, seed) for epoch in range(EPOCHS + 1)]}
            for at in dates if seed in SEEDS else ():
                for cut, fall in FALLS.items():
                    own = arms["none"][: at + 1]
                    arms[f"cut-{at}-{cut}"] = [*own, own[-1] - fall, own[-1] - fall]
                    numbers = (size * own[-1], size * (own[-1] - fall), size * fall, np.nan, np.nan)
                    sweep.append(("planted", at, cut, seed, split, metric, *numbers))
            for arm, values in arms.items():
                for epoch, value in enumerate(values):
                    head = ("planted", arm, seed, epoch, 10 * epoch, 320 * epoch, 0.05, 32, split)
                    curves += [(*head, metric, size * value), (*head, metric.split("_")[0], size * value + 1)]
    columns = "study arm seed epoch update examples learning_rate batch_size split metric value".split()
    cuts = "study at cut seed split metric before after fall foretold foretold_long".split()
    return {"curves": pd.DataFrame(curves, columns=columns), "sweep": pd.DataFrame(sweep, columns=cuts)}


def probed() -> dict[str, pd.DataFrame]:
    rows = [
        ("planted", "step", "excess_ratio", 3, 0.31, 0.25, 0.37),
        ("planted", "step", "toy_ratio", 3, 0.1, np.nan, np.nan),
        ("planted", "batch", "fall", 1, 0.2, np.nan, np.nan),
    ]
    columns = "study arm quantity n value value_low value_high".split()
    return {"mechanism_summary": pd.DataFrame(rows, columns=columns)}


FIGURES = {"slider": (slider, planted), "toy": (toy, probed)}


def parameters(chart: dict) -> dict:
    return {parameter["name"]: parameter for parameter in chart["params"]}


def at_values(chart: dict, **values) -> dict:
    """The chart with its parameters set to these values."""
    return chart | {"params": [p | {"value": values.get(p["name"], p["value"])} for p in chart["params"]]}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_complete_small_and_drawn_without_a_warning(name, capfd):
    module, tables = FIGURES[name]
    chart, again = (theme.specification(module.draw(tables())) for _ in range(2))
    assert json.dumps(chart) == json.dumps(again)
    assert "param_" not in json.dumps(chart) and "view_" not in json.dumps(chart)
    assert chart["usermeta"]["caption"] and chart["usermeta"]["alt"] == chart["description"]
    assert all(len(data) <= 4500 for data in chart["datasets"].values())
    for picture in (theme.svg(chart), vl_convert.vegalite_to_svg(chart)):
        assert picture.startswith("<svg") and "NaN" not in picture and "undefined" not in picture
    assert "WARN" not in capfd.readouterr().err
    names = [node["name"] for node in nodes(chart) if ("mark" in node or "layer" in node) and "name" in node]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", FIGURES)
def test_empty_tables_give_a_note(name):
    module, tables = FIGURES[name]
    chart = theme.specification(module.draw({key: table.iloc[:0] for key, table in tables().items()}))
    assert "This study" in title(chart) and chart["usermeta"]["empty"]


def test_cuts_without_curves_give_a_note():
    tables = planted()
    kept = tables["curves"][tables["curves"]["arm"] == "none"]
    assert "no curves" in title(theme.specification(slider.draw(tables | {"curves": kept})))


def test_the_slider_holds_means_over_the_seeds_of_the_sweep():
    chart = theme.specification(slider.draw(planted()))
    for panel, size in (("test", 30.0), ("train", 1.0)):
        control = rows_of(chart, f"control_{panel}")
        assert list(control["epoch"]) == list(range(1, EPOCHS + 1)) and set(control["n"]) == {2}
        mean = {epoch: size * np.mean([level(epoch, seed) for seed in SEEDS]) for epoch in range(EPOCHS + 1)}
        assert control["mean"].to_numpy() == pytest.approx([mean[e] for e in control["epoch"]], abs=6e-6)
        cuts = rows_of(chart, f"cuts_{panel}")
        assert len(cuts) == len(DATES) * 3 * 3
        for row in cuts.itertuples():
            want = mean[row.at] - (size * FALLS[row.line] if row.epoch > row.at else 0)
            assert row.mean == pytest.approx(want, abs=6e-6) and 0 <= row.epoch - row.at <= 2
        said = rows_of(chart, f"falls_rate_{panel}").set_index("at")["text"]
        assert said[8].endswith("3.0 points in epoch 9" if panel == "test" else "0.100 nats in epoch 9")


def test_the_date_is_near_the_middle_and_the_picture_follows_it():
    chart = theme.specification(slider.draw(planted()))
    date = parameters(chart)["date"]
    assert date["value"] == 8
    assert {key: date["bind"][key] for key in ("input", "min", "max", "step")} == {
        "input": "range", "min": 4, "max": 16, "step": 4,
    }  # fmt: skip
    for m in DATES:
        picture = theme.svg(at_values(chart, date=m))
        assert set(re.findall(r"in epoch (\d+)<", picture)) == {str(m + 1)}


@pytest.mark.parametrize("dates", [(4, 8, 16), (8,)])
def test_dates_without_one_distance_are_chosen_from_a_list(dates):
    chart = theme.specification(slider.draw(planted(dates)))
    date = parameters(chart)["date"]
    assert date["bind"]["input"] == "select" and date["bind"]["options"] == list(dates) and date["value"] == 8
    assert theme.svg(chart).startswith("<svg")


SETTINGS = [(10, 10, 1), (2, 10, 1), (1, 1, 20), (25, 3, 2), (10, 20, 20), (10, 5, 7)]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_formula_is_the_exact_curve_of_the_toy(setting):
    assert toy.curve(*setting) == pytest.approx(toy.exact(*setting), rel=1e-4)


def test_the_roots_of_no_direction_come_close_to_each_other():
    # There the formula would divide by nearly zero.
    steps = toy.RATE * toy.CURVATURES[:, None] / np.arange(1, 21)
    half = (1 + toy.MOMENTUM - steps) / 2
    assert np.abs(half**2 - toy.MOMENTUM).min() > 1e-7
    grid = np.array([toy.curve(10, rate, batch) for rate in range(1, 21) for batch in range(1, 21)])
    assert np.isfinite(grid).all() and grid.min() > 0.001 and grid.max() < 20


@pytest.mark.parametrize("setting", SETTINGS)
def test_vega_draws_what_the_formula_says(setting):
    chart = theme.specification(toy.draw(probed()))
    values = dict(zip(("milestone", "rate_factor", "batch_factor"), setting, strict=True))
    picture = theme.svg(at_values(chart, **values))
    pattern = r"Epochs completed: (\d+); Expected excess loss[^:]*: ([\d.e+-]+); line: ([a-z ]+)"
    found = {(line.strip(), int(e)): float(v) for e, v, line in re.findall(pattern, picture)}
    for line, own in (("with the change", setting), ("without", (10, 1, 1))):
        drawn = [found[line, epoch] for epoch in range(toy.EPOCHS + 1)]
        assert drawn == pytest.approx(toy.curve(*own), rel=1e-5)  # labels have six digits


def test_the_predicted_ratio_is_that_of_the_levels_at_rest_and_the_measured_one_is_quoted():
    chart = theme.specification(toy.draw(probed()))
    assert "1 = at rest before" in json.dumps(chart)
    assert np.sum(toy.CURVATURES * toy.rest(toy.CURVATURES, toy.RATE, 1)) / 2 == pytest.approx(1, abs=1e-3)
    picture = theme.svg(at_values(chart, rate_factor=1, batch_factor=4))
    assert "At rest, excess loss after / before: 0.25<" in picture
    subtitle = " ".join(chart["title"]["subtitle"])
    assert (
        "step 0.31 (3 seeds, 95 % 0.25 to 0.37; predicted 0.10)" in subtitle
        and "batch" not in subtitle.split("step")[1]
    )
    without = {"mechanism_summary": probed()["mechanism_summary"].query("quantity == 'fall'")}
    assert "Measured" not in json.dumps(theme.specification(toy.draw(without)))
