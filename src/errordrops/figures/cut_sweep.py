"""Fall in the epoch after a cut against the epoch at which the cut is made: wherever it is, the drop follows."""

import altair as alt
import pandas as pd

from . import measures, parts, theme, words
from .measures import CUTS, STYLES

LINES = CUTS | {"foretold": "foretold by the averaged weights"}
LOOKS = STYLES | {"foretold": (theme.COLOURS[3], [4, 3], "diamond")}
ASIDE = {"rate": -0.07, "batch": 0.07}  # of the distance between dates, so that intervals stand side by side
HEIGHT = 320


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Lines of means over seeds with 95 % t-intervals: rate, batch and placebo; and what the average foretold."""
    gains = measures.measured(tables["sweep_gains"]).dropna(subset=["fall"])
    if gains.empty:
        return parts.note("This study tries no cut at several epochs")
    rows = table(gains, measures.measured(tables["sweep"]))
    shown = [line for line in LINES if line in set(rows["line"])]
    step = pd.Series(sorted(set(rows["at"]))).diff().min() if rows["at"].nunique() > 1 else 1
    rows = rows.assign(x=(rows["at"] + rows["line"].map(ASIDE).fillna(0) * step).round(3))
    view = alt.layer(*layers(rows, shown)).resolve_scale(color="independent", strokeDash="independent")
    view = view.properties(
        width=parts.WIDTH,
        height=HEIGHT,
        name="falls",
        title=measures.heading("Fall of {measure} in the first epoch after the cut ({unit})"),
    )
    chart = alt.vconcat(view).add_params(measures.switch("training loss"))
    return parts.finish(chart, *text(gains, rows))


def table(gains: pd.DataFrame, swept: pd.DataFrame) -> pd.DataFrame:
    """Columns line measure at n mean low high, one row per point of each line."""
    columns = {"fall": "mean", "fall_low": "low", "fall_high": "high"}
    cuts = gains.rename(columns=columns).assign(line=gains["cut"])
    # The placebo is the same beside both cuts, where both have the seeds.
    beside = gains.sort_values("n", ascending=False, kind="stable").drop_duplicates(["measure", "at"])
    placebo = beside.rename(columns={f"fall_placebo{name[4:]}": new for name, new in columns.items()} | {"fall": "own"})
    placebo = placebo.drop(columns=["own", "fall_low", "fall_high"]).assign(line="placebo")
    forecasts = swept.dropna(subset=["foretold"]).drop_duplicates(["measure", "at", "seed"])
    forecasts = forecasts.groupby(["measure", "at"], sort=False)["foretold"].agg(mean="mean", n="count").reset_index()
    wanted = ["line", "measure", "at", "n", "mean", "low", "high"]
    lines = [part.reindex(columns=wanted) for part in (cuts, placebo, forecasts.assign(line="foretold"))]
    rows = pd.concat([part.astype({"low": float, "high": float}) for part in lines if len(part)], ignore_index=True)
    return rows.dropna(subset=["mean"]).round(5).sort_values(["line", "measure", "at"])


def layers(rows: pd.DataFrame, shown: list[str]) -> list[alt.Chart]:
    """Zero line, intervals, lines and points; intervals stand side by side around their epoch."""
    names = [LINES[line] for line in shown]
    rows = rows.assign(name=rows["line"].map(LINES))
    key = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=0, symbolSize=90, symbolStrokeWidth=1.6)
    colours, dashes, shapes = (
        alt.Scale(domain=names, range=[LOOKS[line][which] for line in shown]) for which in range(3)
    )
    inside = alt.Scale(domain=names, range=["transparent" if line == "placebo" else LOOKS[line][0] for line in shown])
    axis = alt.Axis(
        title="Epoch after which the cut is made", grid=False, tickMinStep=1, values=sorted(set(rows["at"]))
    )
    epochs = alt.Scale(domain=[float(rows["x"].min()) - 0.5, float(rows["x"].max()) + 0.5], nice=False)
    x = alt.X("x:Q", axis=axis, scale=epochs)
    y = alt.Y("mean:Q", title=None, axis=alt.Axis(tickCount=6))
    color = alt.Color("name:N", scale=colours, legend=None)
    dash = alt.StrokeDash("name:N", scale=dashes, legend=None)  # the marks tell lines apart too
    ends = [alt.Tooltip("low:Q", title="95 % from", format=".4~f"), alt.Tooltip("high:Q", title="to", format=".4~f")]
    tips = [alt.Tooltip("name:N", title="line"), alt.Tooltip("at:Q", title="after epoch"),
            alt.Tooltip("mean:Q", format=".4~f"), *ends, alt.Tooltip("n:Q", title="seeds")]  # fmt: skip
    base = alt.Chart(rows).transform_filter(measures.SHOWN)
    sure = alt.Chart(rows.dropna(subset=["low", "high"])).transform_filter(measures.SHOWN)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY)
    thin = alt.when("datum.line == 'foretold'").then(alt.value(1.2)).otherwise(alt.value(2))
    bounds = {"y": alt.Y("low:Q", title=None), "y2": alt.Y2("high:Q")}
    points = base.mark_point(size=48, strokeWidth=1.6, opacity=1).encode(
        x, y,
        stroke=alt.Stroke("name:N", scale=colours, legend=key),
        fill=alt.Fill("name:N", scale=inside, legend=key),
        shape=alt.Shape("name:N", scale=shapes, legend=key),
        tooltip=tips,
    )  # fmt: skip
    return [
        zero.encode(y=alt.Y("zero:Q", title=None)),
        sure.mark_rule(strokeWidth=1.3, opacity=0.7).encode(x, **bounds, color=color),
        base.mark_line().encode(x, y, color=color, strokeDash=dash, strokeWidth=thin),
        points,
    ]


def text(gains: pd.DataFrame, rows: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    own = gains[(gains["measure"] == "training loss") & gains["gain_low"].notna()]
    sure, dates = own[own["gain_low"] > 0], words.count(gains["at"].nunique(), "date")
    title = "Fall in the epoch after a cut, by where the cut is made"
    if len(sure):
        size = [measures.number(value, "training loss") for value in (sure["gain"].min(), sure["gain"].max())]
        more = f"training loss falls by {' to '.join(dict.fromkeys(size))} nats more than in the placebo"
        whole = len(sure) == len(own) and own["at"].nunique() > 1
        title = f"Wherever the cut is made, the drop follows: {more}"
        title = title if whole else f"After a cut, {more}, in {len(sure)} of {len(own)} cuts tried"
    seeds = words.seeds_shown(gains["n"])
    interval = "" if int(gains["n"].max()) == 1 else "; bars: 95 % t-intervals, one for each date"
    subtitle = [f"Title and first view: training loss; {dates}, {seeds}", *([f"B{interval[3:]}"] if interval else [])]
    caption = (
        "Each cut is tried in a run of its own, which up to the epoch given below is arm none and after it trains on "
        "with the learning rate cut, the batch enlarged, or only the data in a new order (placebo). Marks: fall in "
        f"the first epoch after it, {seeds}, moved apart sideways{interval}. The title counts a cut only where the "
        "95 % t-interval of its fall beyond the placebo's lies above zero; no correction for many dates. Recomputed "
        "batch-norm statistics. Switch below: training loss or test error."
    )
    listed = [f"{LINES[line]} {spans(own_rows)}" for line, own_rows in rows.groupby("line", sort=False)]
    alt_text = f"Lines of the fall in the epoch after a cut against the epoch of the cut, {dates}. {'; '.join(listed)}."
    if len(own):
        alt_text += f" Training loss falls beyond the placebo's in {len(sure)} of {len(own)} cuts (95 % intervals)."
    return title, subtitle, caption, alt_text


def spans(rows: pd.DataFrame) -> str:
    """`0.051 to 0.068 nats and 1.6 to 2.3 points`, smallest and largest mean over the dates."""
    spans_of_cuts = []
    for measure, (_, _, unit, digits) in measures.MEASURES.items():
        means = rows[rows["measure"] == measure]["mean"]
        spans_of_cuts += [f"{words.span(means.round(digits) + 0.0, digits)} {unit}"] if len(means) else []
    return " and ".join(spans_of_cuts)
