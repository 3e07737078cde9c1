"""Figures: drawn from planted tables, they show what the tables hold, in the same bytes each time."""

import json
import subprocess
import sys
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert

import planted
from errordrops import figures
from errordrops.figures import FIGURES, parts, theme, words
from specifications import rows, title

# the others need tables of their own: test_figures_evidence.py, test_figures_controls.py
FIRST = ("error_by_epoch", "error_by_update", "schedules", "closeup", "milestone_changes")
CHANGES = ("milestone_changes", "milestone_summary", "milestone_levels", "milestone_levels_summary")


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {"curves": planted.curves(), "closeups": planted.closeups(), **planted.tables()}


def spec(name: str, tables: dict) -> dict:
    """The drawn figure as Vega-Lite, from the tables that it declares; Altair checks the schema."""
    return theme.specification(FIGURES[name].draw({key: tables[key] for key in FIGURES[name].tables}))


def named(node, name: str) -> dict:
    """The view of that name (to which Altair adds a number), anywhere in a specification."""
    found = [node] if isinstance(node, dict) and str(node.get("name")).startswith(name) else []
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    for child in children:
        found = found or [view for view in [named(child, name)] if view]
    return found[0] if found else {}


def only(tables: dict, keep) -> dict:
    """Tables with the rows whose arm satisfies `keep`."""
    return {name: table[table["arm"].map(keep)].reset_index(drop=True) for name, table in tables.items()}


@pytest.mark.parametrize("name", FIRST)
def test_every_figure_is_complete_and_small(name, tables):
    chart = spec(name, tables)
    assert chart["usermeta"]["caption"] and chart["usermeta"]["alt"] == chart["description"]
    assert title(chart) and chart["config"]["background"] == "transparent"
    assert all(len(data) < 5000 for data in chart["datasets"].values())
    assert (Path(figures.__file__).parent / FIGURES[name].module).is_file()


@pytest.mark.parametrize("name", FIRST)
def test_a_figure_compiles_without_a_warning(name, tables, capfd):
    chart = spec(name, tables)
    live = vl_convert.vegalite_to_svg(chart)
    svg = theme.svg(chart)
    assert svg.startswith("<svg") and "NaN" not in svg and len(svg) <= len(live)
    assert "WARN" not in capfd.readouterr().err


def test_the_registry_costs_no_altair():
    code = "import sys, errordrops.figures; print({'altair', 'pandas', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_saved_files_are_the_same_bytes_in_every_draw(tables, tmp_path):
    for name in ("closeup", "milestone_changes"):
        for folder in ("a", "b"):
            drawn = FIGURES[name].draw(tables)
            figures.save(drawn, tmp_path / folder / name)
        for ending in ("json", "svg", "png"):
            first, second = ((tmp_path / folder / f"{name}.{ending}").read_bytes() for folder in ("a", "b"))
            assert first == second and len(first) > 1000
    assert len(list((tmp_path / "a").iterdir())) == 6, "no scratch file is left"
    for name in FIRST:  # Altair's own names are counters, which differ from draw to draw
        assert json.dumps(spec(name, tables)) == json.dumps(spec(name, tables))


def test_milestones_are_derived_from_the_schedule(tables):
    found = parts.milestones(tables["schedules"])
    assert found == {"none": [], "step": [10, 20], "batch": [10, 20], "hybrid": [10, 20]}
    cosine = tables["schedules"].query("arm == 'step'").assign(arm="cosine")
    cosine["learning_rate"] = 0.05 * (1 + np.cos(np.pi * cosine["epoch"] / 30)) / 2
    both = pd.concat([tables["schedules"], cosine])
    assert len(parts.milestones(both)["cosine"]) == 29
    assert parts.marks(both) == {m: ["step", "batch", "hybrid"] for m in (10, 20)}
    assert spec("schedules", {"schedules": both})


def test_rules_stand_at_the_milestones_and_steps_begin_there(tables):
    chart = spec("error_by_epoch", tables)
    for name in ("panel_test", "panel_train"):
        rules = [layer for layer in named(chart, name)["layer"] if layer["mark"]["type"] == "rule"]
        assert rows(chart, rules[0])["milestone"].tolist() == [10, 20]
    chart = spec("schedules", tables)
    steps = rows(chart, named(chart, "lines_learning_rate")).query("arm == 'step'")
    assert steps[["x", "setting"]].values.tolist() == [[0, 0.05], [10, 0.005], [20, 0.0005], [30, 0.0005]]


@pytest.mark.parametrize("figure", ["error_by_epoch", "error_by_update"])
def test_lines_are_means_and_bands_ranges_over_seeds(figure, tables):
    chart = spec(figure, tables)
    shown = rows(chart, named(chart, "lines_train")).set_index(["arm", "epoch"])
    for state, split, metric in (
        ("running", "train", "error"),
        ("recomputed", "train_eval", "error_recomputed"),
    ):
        for arm, epoch in (("batch", 11), ("step", 30), ("none", 1)):
            where = {"arm": arm, "epoch": epoch, "split": split, "metric": metric}
            curves = tables["curves"].set_index([*where])
            values = curves.loc[tuple(where.values()), "value"].to_numpy()
            row = shown.loc[(arm, epoch)]
            assert len(values) == row[f"n_{state}"] == 3
            expected = [values.sum() / 3, min(values), max(values)]
            got = [row[f"{key}_{state}"] for key in ("mean", "low", "high")]
            assert got == pytest.approx(expected, abs=0.0051)
    assert shown.loc[("batch", 30), "update"] == 3330 and shown.loc[("step", 30), "update"] == 9000


def test_the_axis_shows_the_drop_and_the_caption_says_what_lies_outside(tables):
    chart = spec("error_by_epoch", tables)
    line = named(chart, "lines_test")
    low, high = line["encoding"]["y"]["scale"]["domain"]
    assert low < 10 and 18 < high < 45, "90 % before training must not squash a fall from 18 to 11"
    assert line["mark"]["clip"] is True
    assert f"The vertical axis ends at {high:.0f} %" in chart["usermeta"]["caption"]


def test_titles_claim_a_fall_only_where_the_interval_lies_below_zero(tables):
    summary = tables["milestone_levels_summary"]

    def told(name, **columns):
        return title(spec(name, tables | {"milestone_levels_summary": summary.assign(**columns)}))

    for name in ("error_by_epoch", "milestone_changes"):
        assert "falls" not in told(name, change_high=0.4, difference_high=0.4)
        assert "falls" not in told(name, change_high=np.nan, difference_high=np.nan)
        sure = told(name, difference=-2.0, difference_high=-1.0)
        assert "falls by 2.0 points more than without" in sure and "after epoch 10 and epoch 20" in sure
        first = told(name, difference=-2.0, difference_high=summary["milestone"] - 10.5)
        assert "after epoch 10" in first and "20" not in first
        alone = told(name, difference=np.nan, difference_high=np.nan, change=-3.0, change_high=-1.0)
        assert "falls by 3.0 points with" in alone
    assert "points lower" in title(spec("closeup", tables))
    level = tables["closeups"].assign(value=12.0)
    assert "lower" not in title(spec("closeup", tables | {"closeups": level}))


def test_milestone_changes_show_every_seed_and_the_control(tables):
    chart = spec("milestone_changes", tables)
    for column, heading in zip(chart["hconcat"], ("first epoch", "mean of the epochs"), strict=True):
        first, second = (panel["title"]["text"] for panel in column["vconcat"])
        assert heading in first[0] and first[1] == "after epoch 10" and second == "after epoch 20"
    dots = rows(chart, chart["hconcat"][0]["vconcat"][0]["layer"][-1]).query("statistics == 'recomputed'")
    assert dots.groupby("arm").size().to_dict() == {"none": 3, "step": 3, "batch": 3, "hybrid": 3}
    where = "arm == 'step' and milestone == 10 and split == 'test' and metric == 'error_recomputed'"
    expected = tables["milestone_changes"].query(where)["change"].tolist()
    assert dots.query("arm == 'step'")["change"].tolist() == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("name", FIRST)
def test_studies_of_every_shape_are_drawn(name, tables):
    curves = tables["curves"]
    one = {key: t[t["seed"] == 0] if "seed" in t else t for key, t in tables.items()}
    ends = [f"{c}_{end}" for c in ("change", "change_control", "difference") for end in ("low", "high")]
    for key in ("milestone_summary", "milestone_levels_summary"):
        one[key] = tables[key].assign(n=1, **dict.fromkeys(ends, np.nan))
    without = only(tables, lambda arm: arm != "none")
    for key in CHANGES:
        gone = [c for c in without[key] if c.startswith(("change_control", "difference"))]
        without[key] = without[key].assign(**dict.fromkeys(gone, np.nan))
    diverged = tables | {"curves": curves[(curves["arm"] != "batch") | (curves["seed"] == 0) | (curves["epoch"] < 14)]}
    empty = {key: tables[key].iloc[:0] for key in ("closeups", *CHANGES, "final")}
    for study in (one, without, diverged, tables | empty, only(tables, lambda arm: arm == "none")):
        assert theme.svg(spec(name, study)).startswith("<svg")


def test_words_fit_the_number_of_seeds(tables):
    one = tables | {"curves": tables["curves"].query("seed == 0")}
    chart = spec("error_by_epoch", one)
    assert "one seed" in " ".join(chart["title"]["subtitle"]) and "band" not in chart["usermeta"]["caption"]
    some = tables["curves"].query("seed < 2 or epoch < 14")
    assert "mean of 2 to 3 seeds" in " ".join(spec("error_by_epoch", tables | {"curves": some})["title"]["subtitle"])
    assert "No close-ups" in title(spec("closeup", tables | {"closeups": tables["closeups"].iloc[:0]}))


def test_names_of_arms_cannot_break_a_figure(tables):
    odd = "a'b\"<script>] + datum.x \\"
    renamed = {name: table.assign(arm=table["arm"].replace("step", odd)) for name, table in tables.items()}
    for name in FIRST:
        chart = spec(name, renamed)
        assert odd in json.dumps(chart, ensure_ascii=False).encode().decode("unicode_escape")
        assert "<script>" not in theme.svg(chart)
        expressions = [text for text in strings(chart, ("calculate", "filter", "labelExpr", "expr"))]
        assert not any("script" in text for text in expressions)


def strings(node, keys: tuple[str, ...]) -> list[str]:
    """Values of the named keys in a specification: the places where Vega reads an expression."""
    if isinstance(node, list):
        return [text for child in node for text in strings(child, keys)]
    if not isinstance(node, dict):
        return []
    own = [str(value) for key, value in node.items() if key in keys]
    return own + [text for child in node.values() for text in strings(child, keys)]


def test_a_long_study_stays_below_the_row_limit(tables):
    some = tables["curves"].query("arm == 'step' and seed == 0")
    long = pd.concat([some.assign(arm=f"a{i}", epoch=some["epoch"] + 31 * k) for i in range(30) for k in range(7)])
    plan = pd.concat([tables["schedules"].query("arm == 'step'").assign(arm=f"a{i}") for i in range(30)])
    chart = spec("error_by_epoch", tables | {"curves": long, "schedules": plan})
    shown = rows(chart, named(chart, "lines_test"))
    assert 2000 < len(shown) < 5000 and {10, 11, 20, 21, 216} <= set(shown["epoch"])


def test_an_arm_keeps_its_colour_and_none_is_grey():
    arms = ["none", "step", "batch"]
    assert theme.style(arms, "none")[0] == theme.GREY
    assert theme.style(arms, "step") == theme.style(["step", "none"], "step")
    pairs = [theme.style([str(i) for i in range(30)], str(i))[:2] for i in range(30)]
    assert len({(colour, tuple(dash)) for colour, dash in pairs}) == 30


@pytest.mark.parametrize("colour", [*theme.COLOURS, theme.GREY])
@pytest.mark.parametrize("background", ["#ffffff", "#1b1b1d"])
def test_lines_are_seen_on_white_and_on_near_black(colour, background):
    first, second = sorted(luminance(c) for c in (colour, background))
    assert (second + 0.05) / (first + 0.05) >= 3


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_titles_are_wrapped_without_a_lonely_last_word():
    lines = words.wrap("one two three four five six seven eight nine ten eleven twelve", 60)
    assert len(lines) == 2 and len(lines[1].split()) > 3


def test_drawing_leaves_the_users_theme_alone(tables):
    before = alt.theme.active
    spec("schedules", tables)
    assert alt.theme.active == before


def test_close_ups_of_arms_that_are_not_headlines_are_left_out(tables):
    """An arm with milestones of its own may have close-ups; the first figures do not show it."""
    extra = tables["closeups"].query("arm == 'step'").assign(arm="early")
    own = tables["schedules"].query("arm == 'step'").assign(arm="early")
    schedules = pd.concat([tables["schedules"].assign(headline=True), own.assign(headline=False)])
    both = spec("closeup", tables | {"closeups": pd.concat([tables["closeups"], extra]), "schedules": schedules})
    assert both["title"] == spec("closeup", tables)["title"] and "early" not in both["description"]


def test_the_cliffs_have_the_runs_without_the_change_and_with_the_noise_put_back_beside_them(tables):
    curves = tables["curves"]
    extra = [curves[(curves["arm"] == "step")].assign(arm=name) for name in ("hold-step-20", "restored")]
    effect = {"study": "planted", "arm": "step", "control": ["none", "hold"], "milestone": [10, 20]}
    effect |= {"beside": ["none", "hold-step-20"], "seed": 0}
    kept = {"study": "planted", "arm": ["restored"], "milestone": 20, "cutter": "step", "seed": 0}
    more = {"effects": pd.DataFrame(effect), "kept": pd.DataFrame(kept), "curves": pd.concat([curves, *extra])}
    chart = spec("cliffs", tables | more)
    assert "without the change (none and hold-step-20)" in chart["usermeta"]["caption"]
    assert "arm restored, which cuts the rate and puts the noise back" in chart["usermeta"]["caption"]
    assert "Thin grey" not in spec("cliffs", tables)["usermeta"]["caption"]
