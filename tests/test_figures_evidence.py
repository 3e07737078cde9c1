"""Figures of evidence: effects beside placebos, cut sweep, what the averages foretold, what the detector reports."""

import importlib
import json

import numpy as np
import pandas as pd
import pytest
import vl_convert

import planted
import planted_evidence
from errordrops.analysis import placebo, sweep
from errordrops.figures import FIGURES, measures, parts, theme
from specifications import nodes, rows_of, title

NEEDS = {
    "placebo_effects": ("placebo_effects", "placebo_summary", "update_effects", "schedules"),
    "predicted": ("sweep", "sweep_fits", "sweep_fit_summary"),
    "cut_sweep": ("sweep", "sweep_gains"),
    "detections": ("detections", "milestone_detections", "schedules"),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {"schedules": planted.schedules(), **planted_evidence.evidence()}


def spec(name: str, tables: dict) -> dict:
    """The drawn figure as Vega-Lite, from the tables that it declares; Altair checks the schema."""
    module = importlib.import_module(f"errordrops.figures.{name}")
    return theme.specification(module.draw({key: tables[key] for key in NEEDS[name]}))


def swept(tables: dict, table: pd.DataFrame, first: int = 10) -> dict:
    """The tables of another cut sweep."""
    fitted = sweep.fits(table, first)
    made = {"sweep": table, "sweep_fits": fitted, "sweep_fit_summary": sweep.fit_summary(fitted)}
    return tables | made | {"sweep_gains": sweep.gains(table)}


def effects(tables: dict, table: pd.DataFrame) -> dict:
    return tables | {"placebo_effects": table, "placebo_summary": placebo.placebo_summary(table)}


@pytest.mark.parametrize("name", NEEDS)
def test_a_figure_is_complete_small_and_drawn_without_a_warning(name, tables, capfd):
    chart = spec(name, tables)
    assert name not in FIGURES or FIGURES[name].tables == NEEDS[name]
    assert chart["usermeta"]["caption"] and chart["usermeta"]["alt"] == chart["description"]
    assert all(len(data) < 5000 for data in chart["datasets"].values())
    for picture in (theme.svg(chart), vl_convert.vegalite_to_svg(chart)):
        assert picture.startswith("<svg") and "NaN" not in picture and "undefined" not in picture
    assert "WARN" not in capfd.readouterr().err


@pytest.mark.parametrize("name", NEEDS)
def test_every_draw_gives_the_same_specification(name, tables):
    first, second = (json.dumps(spec(name, tables)) for _ in range(2))
    assert first == second
    names = [node["name"] for node in nodes(json.loads(first)) if "mark" in node or "layer" in node if "name" in node]
    assert len(names) == len(set(names))
    assert not any(node.get("name", "").startswith("param_") for node in nodes(json.loads(first)))


@pytest.mark.parametrize("name", NEEDS)
def test_empty_tables_give_a_note(name, tables):
    empty = {key: table.iloc[:0] for key, table in tables.items()} | {"schedules": tables["schedules"]}
    chart = spec(name, empty)
    assert "his study" in title(chart) and chart["layer" if "layer" in chart else "mark"] and "params" not in chart


def test_last_epochs_alone_are_no_placebos(tables):
    none = tables["placebo_effects"].query("control == 'none'")
    assert "no placebos" in title(spec("placebo_effects", effects(tables, none)))


@pytest.mark.parametrize("name", NEEDS)
def test_one_seed_is_drawn_and_claims_nothing(name, tables):
    one = effects(swept(tables, planted_evidence.sweep(seeds=1)), planted_evidence.placebo_effects(seeds=1))
    ends = dict.fromkeys(("effect_low", "effect_high"), np.nan)
    one |= {"update_effects": tables["update_effects"].assign(n=1, **ends)}
    one |= {
        "detections": planted_evidence.detections(1),
        "milestone_detections": planted_evidence.milestone_detections(1),
    }
    chart = spec(name, one)
    assert theme.svg(chart).startswith("<svg")
    claims = ("lowers", "was there before", "drop follows", "falls by")
    assert not any(claim in title(chart) for claim in claims)


@pytest.mark.parametrize("name", NEEDS)
def test_nothing_is_told_by_colour_alone(name, tables):
    """Where colour stands for a field, so does a shape, a dash or a row in the same view or its layers."""

    def encodings(view: dict, above: tuple = ()) -> None:
        layers = view.get("layer", [])
        together = [*above, *(layer.get("encoding", {}) for layer in layers), view.get("encoding", {})]
        for key in ("layer", "vconcat", "hconcat", "concat"):
            for child in view.get(key, []):
                encodings(child, together if key == "layer" else ())
        for encoding in [view.get("encoding", {})]:
            fields = {encoding[c]["field"] for c in ("color", "fill", "stroke") if "field" in encoding.get(c, {})}
            others = {
                other[c]["field"]
                for other in together
                for c in ("shape", "strokeDash", "y")
                if "field" in other.get(c, {})
            }
            assert fields <= others, (view.get("name"), fields, others)

    encodings(spec(name, tables))


@pytest.mark.parametrize("name", NEEDS)
def test_the_switch_names_every_state_in_every_text_that_follows_it(name, tables):
    chart = spec(name, tables)
    (param,) = chart["params"]
    options = param["bind"]["options"]
    assert param["value"] in options and len(options) == (3 if name == "detections" else 2)
    following = [node["expr"] for node in nodes(chart) if f"[{param['name']}]" in str(node.get("expr"))]
    following += [node["labelExpr"] for node in nodes(chart) if f"[{param['name']}]" in str(node.get("labelExpr"))]
    assert following and all(json.dumps(option) in text for text in following for option in options)
    for option in options:
        param["value"] = option
        assert "undefined" not in theme.svg(chart)


@pytest.mark.parametrize("name", NEEDS)
def test_names_of_arms_cannot_break_a_figure(name, tables):
    odd = "a'b\"<script>] + datum.x \\"
    renamed = {key: t.assign(arm=t["arm"].replace("step", odd)) if "arm" in t else t for key, t in tables.items()}
    assert "<script>" not in theme.svg(spec(name, renamed))


def test_falls_on_the_line_say_that_the_drop_was_there(tables):
    chart = spec("predicted", tables)
    table = tables["sweep_fit_summary"].query("metric == 'loss_recomputed'").set_index("cut")
    for cut in ("rate", "batch"):
        said = "{slope:.2f} [{slope_low:.2f}, {slope_high:.2f}]".format(**table.loc[cut])
        assert said in title(chart) and said in chart["description"].replace("\u00a0", " ")
    assert "was there before the cut" in title(chart) and "12 dates, 4 seeds" in chart["title"]["subtitle"][-1]
    late = tables["sweep"].query("metric == 'loss_recomputed' and at >= 10")
    for mean in (late["foretold"].mean(), late.query("cut == 'rate'")["fall"].mean()):
        assert f"{mean:.3f}" in chart["title"]["subtitle"][0] and f"{mean:.3f}" in chart["description"]
    assert "before epoch 10" in chart["usermeta"]["caption"] and "Placebos slope upward" in chart["usermeta"]["caption"]
    marks = rows_of(chart, "marks")
    assert len(marks) == 12 * 4 * 3 * 2 and set(marks.loc[marks["early"], "at"]) == {4, 6, 8}


def test_a_slope_alone_is_no_claim(tables):
    table = tables["sweep"]
    like_placebo = table.assign(fall=table["fall"] - 0.06 * (table["cut"] != "placebo"))
    flat = table.assign(fall=0.05 + 0.001 * table["seed"] + 0.0001 * table["at"])
    steep = table.assign(
        fall=np.where(table["cut"] == "placebo", table["fall"], 2.5 * table["foretold"] + table["fall"])
    )
    backward = table.assign(fall=np.where(table["cut"] == "placebo", table["fall"], 0.2 - table["fall"]))
    for other in (like_placebo, flat, steep, backward, table.query("cut != 'placebo'")):
        assert "was there before" not in title(spec("predicted", swept(tables, other)))
    rate = table.assign(fall=np.where(table["cut"] == "batch", 0.02, table["fall"]))
    told = title(spec("predicted", swept(tables, rate)))
    assert "was there before" in told and "(batch)" not in told
    assert "before epoch" not in spec("predicted", swept(tables, table, first=1))["usermeta"]["caption"]
    unfit = tables | {key: tables[key].iloc[:0] for key in ("sweep_fits", "sweep_fit_summary")}
    assert "no fit" in spec("predicted", unfit)["description"]


def test_the_drop_follows_the_cut_only_where_intervals_say_so(tables):
    chart = spec("cut_sweep", tables)
    assert title(chart).startswith("Wherever the cut is made") and "24 of 24 cuts" in chart["description"]
    gains = tables["sweep_gains"]
    some = gains.assign(gain_low=np.where(gains["at"] == 4, -0.01, gains["gain_low"]))
    told = title(spec("cut_sweep", tables | {"sweep_gains": some}))
    assert "Wherever" not in told and "in 22 of 24 cuts" in told
    none = title(spec("cut_sweep", tables | {"sweep_gains": gains.assign(gain_low=-0.01)}))
    assert "falls" not in none and "follows" not in none
    module = importlib.import_module("errordrops.figures.cut_sweep")
    lines = module.table(measures.measured(gains), measures.measured(tables["sweep"])).set_index(
        ["line", "measure", "at"]
    )
    own = tables["sweep"].query("metric == 'loss_recomputed' and at == 12").groupby("cut")
    for cut in ("rate", "batch", "placebo"):
        assert lines.loc[(cut, "training loss", 12), "mean"] == pytest.approx(own["fall"].mean()[cut], abs=1e-5)
    assert lines.loc[("foretold", "training loss", 12), "mean"] == pytest.approx(
        own["foretold"].mean()["rate"], abs=1e-5
    )


def test_effects_show_headline_arms_and_claim_by_interval(tables):
    chart = spec("placebo_effects", tables)
    summary = tables["placebo_summary"]
    first = summary.query("after == 1 and metric == 'error_recomputed' and milestone == 10")
    ends = [f"{-first['effect'].max():.1f}", f"{-first['effect'].min():.1f}"]
    assert f"after epoch 10 lowers test error by {' to '.join(dict.fromkeys(ends))} points" in title(chart)
    assert "20" not in title(chart)
    for row in first.itertuples():
        low, high = (f"{value:+.1f}".replace("-", "−") for value in (row.effect_low, row.effect_high))
        assert f"{row.arm} after epoch 10" in chart["description"] and f"{low} to {high}" in chart["description"]
    assert "lowers" not in title(spec("placebo_effects", tables | {"placebo_summary": summary.assign(effect_high=0.1)}))
    two = summary.assign(effect_high=np.where(summary["arm"] == "step", 0.1, summary["effect_high"]))
    assert "in 2 of 3 arms" in title(spec("placebo_effects", tables | {"placebo_summary": two}))
    names = [node["name"] for node in nodes(chart) if str(node.get("name")).startswith(("forest", "updates"))]
    assert names == [
        "forest_10_1",
        "forest_10_2",
        "forest_10_5",
        "forest_10_none",
        "forest_20_1",
        "forest_20_2",
        "updates_10",
    ]
    less = tables["schedules"].assign(headline=tables["schedules"]["arm"].isin(["none", "step"]))
    assert "hybrid" not in json.dumps(spec("placebo_effects", tables | {"schedules": less}))
    without = spec("placebo_effects", tables | {"update_effects": tables["update_effects"].iloc[:0]})
    assert "updates" not in without["usermeta"]["caption"]


def test_bands_are_two_standard_deviations_of_single_placebos(tables):
    chart = spec("placebo_effects", tables)
    view = next(node for node in nodes(chart) if node.get("name") == "forest_10_1")
    band = next(layer for layer in view["layer"] if layer["mark"]["type"] == "rect")
    data = pd.DataFrame(chart["datasets"][band["data"]["name"]]).query("measure == 'test error'")
    assert (
        data["chance"].tolist() == pytest.approx([2 * 0.03 * 33] * 3) and (data["chance_low"] == -data["chance"]).all()
    )
    last = next(node for node in nodes(chart) if node.get("name") == "forest_10_none")
    assert "last epoch, beside arm none" in str(last["title"]["text"])
    assert not [layer for layer in last["layer"] if layer["mark"]["type"] == "rect"], "one run has no spread"


def test_every_arm_has_a_row_and_alarms_are_counted(tables):
    chart = spec("detections", tables)
    assert "11 of 11 drops in exactly the first epoch" in title(chart) and "no alarm in 1 arm" in title(chart)
    assert "11 of 18 changes" in title(chart) and "leaves 3 such drops out" in chart["usermeta"]["caption"]
    missed = "No mark at a change: no lasting fall was found there"
    assert missed in " ".join(chart["title"]["subtitle"])
    whole = tables["milestone_detections"].query("expected and exact")
    none_missed = spec("detections", tables | {"milestone_detections": whole})
    assert missed not in " ".join(none_missed["title"]["subtitle"])
    assert "none no change: 0 alarms, step 5 of 6 changes" in chart["description"]
    assert "test error (raw) 11 of 18 changes, 1 alarm." in chart["description"]
    at = tables["milestone_detections"]
    once = at.assign(counted=at["counted"] & ~((at["arm"] == "hybrid") & (at["index"] == 1)))
    assert "hybrid 0 of 3 own changes" in spec("detections", tables | {"milestone_detections": once})["description"]
    none_own = spec("detections", tables | {"milestone_detections": at.assign(counted=at["arm"] != "hybrid")})
    assert "hybrid counted above" in none_own["description"]
    domains = [node["y"]["scale"]["domain"] for node in nodes(chart) if "domain" in str(node.get("y"))]
    assert domains and all(domain == ["none", "step", "batch", "hybrid"] for domain in domains)
    marks = rows_of(chart, "reports")
    assert marks.query("arm == 'step' and epoch == 21")["seeds"].tolist() == [2, 2, 2]
    assert marks.query("epoch == 22")["prompt"].tolist() == [False] * 3
    assert sorted(set(rows_of(chart, "changes")["epoch"])) == [11, 21]


def test_a_late_drop_and_an_alarm_are_told(tables):
    found = tables["detections"]
    loss = found["metric"] == "loss_recomputed"
    late = found.assign(deviation=np.where(loss & (found["arm"] == "hybrid"), 1, found["deviation"]))
    alarm = late[loss].tail(1).assign(arm="none", milestone=np.nan, deviation=np.nan, prompt=False)
    told = title(spec("detections", tables | {"detections": pd.concat([late, alarm])}))
    assert "8 of 11 drops" in told and "1 alarm in 1 arm" in told
    chart = spec("detections", tables | {"detections": found.iloc[:0]})
    assert "puts" not in title(chart) and theme.svg(chart).startswith("<svg")


def test_arms_beyond_the_headline_have_rows_too(tables):
    plan = tables["schedules"]
    more = pd.concat([plan.assign(headline=True), plan.query("arm == 'none'").assign(arm="cosine", headline=False)])
    chart = spec("detections", tables | {"schedules": more})
    assert "cosine no change: 0 alarms" in chart["description"] and "no alarm in 2 arms" in title(chart)
    assert "cosine" not in parts.arms(more)
