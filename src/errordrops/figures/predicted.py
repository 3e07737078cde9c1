"""Fall in the epoch after a cut against what the averaged weights foretold of it before the cut."""

import json
from typing import Any

import altair as alt
import pandas as pd

from . import measures, parts, theme, words
from .measures import CUTS, STYLES

NEAR = (0.75, 1.25)  # an interval of slopes that lies in here is near 1
HEIGHT = 370


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """A mark for every date, seed and cut; the line `fall = foretold`, and the fitted line of each cut."""
    rows = measures.measured(tables["sweep"]).dropna(subset=["fall", "foretold"])
    if rows.empty:
        return parts.note("This study tries no cut at several epochs, or keeps no averaged weights")
    fits = measures.measured(tables["sweep_fit_summary"]).dropna(subset=["slope", "intercept"])
    fits, longer = (fits[fits["memory"] == memory] for memory in ("short", "long"))
    first = int(tables["sweep_fits"]["from_epoch"].min()) if len(tables["sweep_fits"]) else 0
    rows = rows.assign(early=rows["at"] < first)
    shown = [cut for cut in CUTS if cut in set(rows["cut"])]
    corners = limits(rows)
    axis: dict[str, Any] = {"grid": False, "tickCount": 6}
    x = alt.X(
        "foretold:Q", title=None, scale=measures.following_scale(corners, "x_low", "x_high"), axis=alt.Axis(**axis)
    )
    y = alt.Y("fall:Q", title=None, scale=measures.following_scale(corners, "y_low", "y_high"), axis=alt.Axis(**axis))
    layers = [*references(corners, x, y), fitted(rows, fits, shown, x, y), points(rows, fits, shown, x, y)]
    view = measures.below(layers, "Foretold before the cut ({unit})")
    heading = measures.heading("Fall in the first epoch after the cut ({unit})")
    view = view.properties(width=parts.WIDTH, height=HEIGHT, name="scatter", title=heading)
    chart = alt.vconcat(view).add_params(measures.switch("training loss"))
    return parts.finish(chart, *text(rows, fits, longer, shown, first))


def limits(rows: pd.DataFrame) -> pd.DataFrame:
    """Per measure the ends of both axes, x_low x_high y_low y_high; 0 is on both, so that the lines start there."""
    ends: dict[str, dict[str, float]] = {}
    for measure, mine in rows.groupby("measure"):
        for axis, column in (("x", "foretold"), ("y", "fall")):
            low, high = min(0.0, mine[column].min()), max(0.0, mine[column].max())
            room = 0.04 * max(high - low, 1e-3)
            ends.setdefault(measure, {}).update({f"{axis}_low": low - room * (low < 0), f"{axis}_high": high + room})
    return pd.DataFrame(ends).T.astype(float).round(5)


def references(corners: pd.DataFrame, x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The lines fall = foretold, named below the plot, where no mark lies, and fall = 0, named at its end."""
    lines, names = [], []
    for measure, ends in corners.iterrows():
        low, high = max(ends["x_low"], ends["y_low"]), min(ends["x_high"], ends["y_high"])
        lines += [(measure, "equal", at, at) for at in (low, high)]
        lines += [(measure, "zero", at, 0.0) for at in (ends["x_low"], ends["x_high"])]
        width, height = ends["x_high"] - ends["x_low"], ends["y_high"] - ends["y_low"]
        lowered = -0.045 * height if ends["y_low"] < -0.05 * height else 0.0
        names.append((measure, ends["x_low"] + 0.03 * width, lowered, "no fall"))
    table = pd.DataFrame(lines, columns=["measure", "line", "foretold", "fall"])
    labels = pd.DataFrame(names, columns=["measure", "foretold", "fall", "name"]).round(5)
    key = alt.Legend(
        title=None, orient="bottom", values=["equal"], labelExpr="'fall = what the average foretold'", labelLimit=0,
        symbolType="stroke", symbolStrokeColor=theme.GREY, symbolSize=200,
    )  # fmt: skip
    dash = alt.StrokeDash("line:N", scale=alt.Scale(domain=["equal", "zero"], range=[[6, 4], [1, 0]]), legend=key)
    base = alt.Chart(table).transform_filter(measures.SHOWN)
    line = base.mark_line(color=theme.GREY, strokeWidth=1.2).encode(x, y, strokeDash=dash)
    label = alt.Chart(labels).transform_filter(measures.SHOWN)
    label = label.mark_text(color=theme.GREY, fontSize=12, fontWeight=600, align="left", baseline="bottom", dy=-4)
    return [line, label.encode(x, y, text="name:N")]


def scale(shown: list[str], which: int) -> alt.Scale:
    """Scale of colour (0), dash (1) or symbol (2) of the cuts."""
    return alt.Scale(domain=shown, range=[STYLES[cut][which] for cut in shown])


def fitted(rows: pd.DataFrame, fits: pd.DataFrame, shown: list[str], x: alt.X, y: alt.Y) -> alt.Chart:
    """Each cut's line of mean slope and intercept, over the dates that it was fitted to."""
    ends = []
    for fit in fits.itertuples():
        own = rows[(rows["measure"] == fit.measure) & (rows["cut"] == fit.cut) & ~rows["early"]]["foretold"]
        ends += [(fit.measure, fit.cut, at, fit.intercept + fit.slope * at) for at in (own.min(), own.max())]
    table = pd.DataFrame(ends, columns=["measure", "cut", "foretold", "fall"]).round(5)
    line = alt.Chart(table).transform_filter(measures.SHOWN).mark_line(strokeWidth=2, clip=True)
    dash = alt.StrokeDash("cut:N", scale=scale(shown, 1), legend=None)
    return line.encode(x, y, color=alt.Color("cut:N", scale=scale(shown, 0), legend=None), strokeDash=dash)


def points(rows: pd.DataFrame, fits: pd.DataFrame, shown: list[str], x: alt.X, y: alt.Y) -> alt.Chart:
    """Marks filled for cuts and open for placebos; dates that the fits leave out are faint and hollow."""
    names = {m: {cut: CUTS[cut] + slope(fits, m, cut, ": slope ") for cut in shown} for m in measures.MEASURES}
    label = f"{json.dumps(names, ensure_ascii=False)}[measure][datum.label]"
    key = alt.Legend(
        title=None, orient="bottom", columns=1, labelLimit=0, labelExpr=label, offset=8, symbolSize=80,
        symbolOpacity=1, symbolStrokeWidth=1.5,
    )  # fmt: skip
    inside = ["transparent" if cut == "placebo" else STYLES[cut][0] for cut in shown]
    table = rows[["measure", "at", "seed", "cut", "foretold", "fall", "early"]].round(5)
    table = table.assign(named=table["cut"].map(CUTS))
    mark = alt.Chart(table, name="marks").transform_filter(measures.SHOWN).mark_point(size=52, strokeWidth=1.4)
    tips = [alt.Tooltip("named:N", title="cut"), alt.Tooltip("at:Q", title="after epoch"), "seed:Q"]
    tips += [alt.Tooltip(f"{column}:Q", format=".4~f") for column in ("foretold", "fall")]
    return mark.encode(
        x, y,
        stroke=alt.Stroke("cut:N", scale=scale(shown, 0), legend=key),
        fill=alt.Fill("cut:N", scale=alt.Scale(domain=shown, range=inside), legend=key),
        shape=alt.Shape("cut:N", scale=scale(shown, 2), legend=key),
        fillOpacity=alt.when("datum.early").then(alt.value(0)).otherwise(alt.value(0.75)),
        strokeOpacity=alt.when("datum.early").then(alt.value(0.45)).otherwise(alt.value(1)),
        tooltip=tips,
    )  # fmt: skip


def slope(fits: pd.DataFrame, measure: str, cut: str, before: str = "") -> str:
    """`0.93 [0.85, 1.01]`, empty where there is no fit, without brackets where one seed gives no interval."""
    for row in fits[(fits["measure"] == measure) & (fits["cut"] == cut)].itertuples():
        interval = "" if pd.isna(row.slope_low) else f" [{row.slope_low:.2f},\u00a0{row.slope_high:.2f}]"
        return f"{before}{row.slope:.2f}{interval}".replace("-", "−")
    return ""


def foreseen(rows: pd.DataFrame, fits: pd.DataFrame) -> list[str]:
    """The cuts whose drop of training loss was there before: a slope surely near 1, and a fall beyond the placebo's. (A
    placebo has a slope too, since a high loss before the cut raises both axes; but it does not fall.)
    """
    rows = rows[(rows["measure"] == "training loss") & ~rows["early"]]
    fall = rows.pivot_table(index=["seed", "at"], columns="cut", values="fall").reset_index()
    sure = []
    for fit in fits[fits["measure"] == "training loss"].itertuples():
        near = fit.slope_low >= NEAR[0] and fit.slope_high <= NEAR[1]
        if fit.cut == "placebo" or not near or "placebo" not in fall:
            continue
        beyond = measures.over_seeds(fall.assign(beyond=fall[fit.cut] - fall["placebo"]), "beyond")
        sure += [fit.cut] if beyond[1] > 0 else []
    return sure


def text(
    rows: pd.DataFrame, fits: pd.DataFrame, longer: pd.DataFrame, shown: list[str], first: int
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    sure = foreseen(rows, fits)
    slopes = [slope(fits, "training loss", cut) + (f" ({cut})" if len(sure) > 1 else "") for cut in sure]
    title = "Fall in the epoch after a cut, beside what the averaged weights foretold of it"
    if sure:
        title = (
            f"The drop was there before the cut, hidden by noise: slope {' and '.join(slopes)} of fall against foretold"
        )
    averages = {measure: means(rows, shown, measure) for measure in measures.MEASURES}
    since = f" from epoch {first} on" if rows["early"].any() else ""
    seeds = words.count(rows["seed"].nunique(), "seed")
    subtitle = [
        f"Mean{since}: {averages['training loss']}",
        f"Title and first view: training loss; {words.count(rows['at'].nunique(), 'date')}, {seeds}"
        + ("" if fits["slope_low"].isna().all() else "; slope with 95 % t-interval"),
    ]
    early = f" Faint hollow marks: dates before epoch {first}, which the fits leave out." if since else ""
    blind = fits[(fits["measure"] == "training loss") & (fits["cut"] == "placebo") & (fits["slope"] > 0)]
    apart = (
        " Placebos slope upward too, because a loss that is high by chance raises both readings; what sets the cuts "
        "apart is their height."
        if len(blind)
        else ""
    )
    others = [f"{slope(longer, 'training loss', cut)} ({cut})" for cut in shown if slope(longer, "training loss", cut)]
    long = f" With the longer memory the slopes are {', '.join(others)}." if others else ""
    caption = (
        "Every mark is one cut, tried after some epoch of one seed. Across: loss of the weights less loss of their "
        "running average before the cut. Up: by how much the loss falls in the epoch after it. On the dashed line the "
        f"cut only takes the weights to where their average was.{early}{apart} Lines: mean slope and intercept over "
        f"seeds.{long} Recomputed batch-norm statistics. Switch below: training loss or test error."
    )
    fitted = [f"{CUTS[cut]} {slope(fits, 'training loss', cut, 'slope ') or 'no fit'}" for cut in shown]
    alt_text = (
        f"Scatter of fall against foretold fall of training loss, {seeds}. {'; '.join(fitted)}. "
        f"Mean{since}: {averages['training loss']}; of test error: {averages['test error']}."
    )
    return title, subtitle, caption, alt_text


def means(rows: pd.DataFrame, shown: list[str], measure: str) -> str:
    """`foretold 0.064 nats; fall 0.062 (rate), ...`, over the dates of the fits."""
    rows = rows[(rows["measure"] == measure) & ~rows["early"]]
    if rows.empty:
        return "not measured"
    falls = [f"{measures.number(measures.over_seeds(own, 'fall')[0], measure)} ({cut})"
             for cut in shown if len(own := rows[rows["cut"] == cut])]  # fmt: skip
    foretold = measures.number(measures.over_seeds(rows, "foretold")[0], measure)
    return f"foretold {foretold} {measures.MEASURES[measure][2]}; fall {', '.join(falls)}"
