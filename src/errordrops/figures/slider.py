"""The measured curve with the cut wherever the reader puts it: every date of the cut sweep, chosen by a slider."""

from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from . import measures, parts, theme, words
from .measures import CUTS, MEASURES, STYLES

PANELS = {"test error": ("test", 230, "Test error (%)"), "training loss": ("train", 180, "Training loss (nats)")}
NONE = "arm none (no cut)"
LINES = {"none": NONE} | CUTS
LOOKS = {"none": (theme.GREY, [1, 0], "circle")} | STYLES
SHORT = {"rate": "rate cut", "batch": "batch enlarged", "placebo": "placebo"}
CHOSEN = "datum.at == date"
AFTER = 2  # epochs that are shown of each continuation


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Arm none in grey; at the chosen date its continuations with a cut of the rate, a larger batch, and a placebo."""
    swept = measures.measured(tables["sweep"]).dropna(subset=["fall"])
    if swept.empty:
        return parts.note("This study tries no cut at several epochs")
    curves = measures.measured(tables["curves"]).dropna(subset=["value"]).astype({"arm": str})
    rows, fallen = continuations(curves, swept), falls(swept)
    base = parts.thin(control(curves, swept), {m + d for m in rows["at"] for d in range(AFTER + 1)})
    if rows.empty or base.empty:
        return parts.note("This study has no curves of its cuts")
    dates = sorted({int(m) for m in rows["at"]})
    shown = [measure for measure in PANELS if measure in set(rows["measure"])]
    end = int(max(base["epoch"].max(), rows["epoch"].max()))
    views = [
        panel(
            base[base["measure"] == measure],
            rows[rows["measure"] == measure],
            fallen[fallen["measure"] == measure],
            measure,
            end,
            first=measure == shown[0],
        )
        for measure in shown
    ]
    chart = alt.vconcat(*views, spacing=18).add_params(slider(dates))
    return parts.finish(chart, *text(rows, fallen, dates))


def slider(dates: list[int]) -> alt.Parameter:
    """The date nearest to the middle at first; a slider where dates are evenly spaced, else a list."""
    steps = {b - a for a, b in pairwise(dates)}
    middle = min(dates, key=lambda m: (abs(2 * m - dates[0] - dates[-1]), m))
    name = "Cut after epoch: "
    if len(steps) == 1:
        bind = alt.binding_range(min=dates[0], max=dates[-1], step=steps.pop(), name=name)
    else:
        bind = alt.binding_select(options=dates, name=name)
    return alt.param(name="date", value=middle, bind=bind)


def control(curves: pd.DataFrame, swept: pd.DataFrame) -> pd.DataFrame:
    """Columns measure epoch mean n of arm none from epoch 1, over the seeds of the sweep."""
    rows = curves[(curves["arm"] == theme.CONTROL) & curves["seed"].isin(swept["seed"]) & (curves["epoch"] > 0)]
    return averaged(rows, ["measure", "epoch"])


def continuations(curves: pd.DataFrame, swept: pd.DataFrame) -> pd.DataFrame:
    """Columns measure at line epoch mean n: each stub from its date, where its curve is that of arm none, on."""
    continued = []
    for at in sorted({int(m) for m in swept["at"]}):
        for cut in CUTS:
            own = curves[(curves["arm"] == f"cut-{at}-{cut}") & curves["seed"].isin(swept["seed"])]
            continued.append(own[own["epoch"].between(at, at + AFTER)].assign(at=at, line=cut))
    return averaged(pd.concat(continued, ignore_index=True), ["measure", "at", "line", "epoch"])


def falls(swept: pd.DataFrame) -> pd.DataFrame:
    """Columns measure at line mean n: the measured fall in the first epoch after each cut."""
    rows = swept[swept["cut"].isin(CUTS)].rename(columns={"cut": "line"}).astype({"line": str})
    return averaged(rows.assign(value=rows["fall"]), ["measure", "at", "line"])


def averaged(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean over seeds, sorted, with the number of seeds."""
    return rows.groupby(by)["value"].agg(mean="mean", n="count").round(5).reset_index()


def limits(base: pd.DataFrame, rows: pd.DataFrame) -> list[float]:
    """Range of the vertical axis: all points from halfway to the first date on (see panels.limits)."""
    means = pd.concat([base[base["epoch"] >= max(1, int(rows["at"].min()) // 2)]["mean"], rows["mean"]])
    room = 0.06 * max(float(means.max() - means.min()), 1e-3)
    return [round(max(0.0, float(means.min()) - room), 4), round(float(means.max()) + room, 4)]


def panel(base, rows, fallen, measure: str, end: int, first: bool) -> alt.typing.ChartType:
    """Arm none, the rule at the date, the continuations with their points, and the falls as text."""
    name, height, title = PANELS[measure]
    drawn = [line for line in LINES if line == "none" or line in set(rows["line"])]
    names = [LINES[line] for line in drawn]
    colours, dashes = (alt.Scale(domain=names, range=[LOOKS[line][which] for line in drawn]) for which in range(2))
    base, rows = (
        table.assign(name=table.get("line", pd.Series("none", table.index)).map(LINES)) for table in (base, rows)
    )
    axis = alt.Axis(title=None if first else "Epochs completed", grid=False, tickMinStep=1)
    x = alt.X("epoch:Q", axis=axis, scale=alt.Scale(domain=[1, max(end, 2)], nice=False))
    y = alt.Y("mean:Q", title=title, axis=alt.Axis(tickCount=6), scale=alt.Scale(domain=limits(base, rows), nice=False))
    key = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=0, symbolType="stroke", symbolSize=500)
    look = {
        "color": alt.Color("name:N", scale=colours, legend=key),
        "strokeDash": alt.StrokeDash("name:N", scale=dashes, legend=key),
    }
    unit = "%" if measure == "test error" else "nats"
    tips = [alt.Tooltip("name:N", title="line"), alt.Tooltip("epoch:Q", title="epochs completed")]
    tips += [alt.Tooltip("mean:Q", title=f"{measure} ({unit})", format=".4~f"), alt.Tooltip("n:Q", title="seeds")]
    dates = pd.DataFrame({"at": sorted(set(rows["at"]))})
    rule = alt.Chart(dates).transform_filter(CHOSEN).mark_rule(**parts.MILESTONE)
    chosen = alt.Chart(rows).transform_filter(CHOSEN)
    layers = [
        alt.Chart(base).mark_line(clip=True, strokeWidth=1.6).encode(x, y, **look).properties(name=f"control_{name}"),
        rule.encode(alt.X("at:Q", axis=axis), tooltip=[alt.Tooltip("at:Q", title="cut after epoch")]),
        chosen.mark_line(clip=True, strokeWidth=2.4).encode(x, y, **look).properties(name=f"cuts_{name}"),
        *[
            chosen.transform_filter(alt.datum.line == line)
            .mark_point(filled=True, size=42, opacity=1, clip=True, color=LOOKS[line][0], shape=LOOKS[line][2])
            .encode(x, y, tooltip=tips)
            for line in drawn[1:]
        ],
        alt.Chart(base).mark_point(size=60, opacity=0, clip=True, aria=False).encode(x, y, tooltip=tips),
        *said(fallen, measure),
    ]
    view = alt.layer(*layers)
    return view.properties(width=parts.WIDTH, height=height, name=name)


def said(fallen: pd.DataFrame, measure: str) -> list[alt.Chart]:
    """One line of text per cut at the upper right, where a falling curve leaves room."""
    unit = MEASURES[measure][2]
    texts = [
        f"{SHORT[line]}: falls by {measures.number(mean, measure)} {unit} in epoch {at + 1}"
        for line, mean, at in zip(fallen["line"], fallen["mean"], fallen["at"], strict=True)
    ]
    rows = fallen[["at", "line", "mean", "n"]].assign(text=texts)
    mark: dict[str, Any] = {"align": "right", "baseline": "top", "fontSize": 12, "style": "guide-label"}
    where: dict[str, Any] = {"x": alt.value(parts.WIDTH - 4), "text": "text:N"}
    # In pixels, so that the text stays where it is for every date.
    return [
        alt.Chart(rows[rows["line"] == line])
        .transform_filter(CHOSEN)
        .mark_text(**mark)
        .encode(y=alt.value(4 + 17 * place), **where)
        .properties(name=f"falls_{line}_{PANELS[measure][0]}")
        for place, line in enumerate(line for line in CUTS if line in set(rows["line"]))
    ]


def text(rows: pd.DataFrame, fallen: pd.DataFrame, dates: list[int]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    seeds = words.seeds_shown(rows["n"])
    title = f"Move the cut yourself: the measured curve after a cut at each of {words.count(len(dates), 'date')}"
    title = title if len(dates) > 1 else f"The measured curve after a cut following epoch {dates[0]}"
    spans = []
    for measure in PANELS:
        for line in CUTS:
            own = fallen[(fallen["measure"] == measure) & (fallen["line"] == line)]["mean"]
            digits = MEASURES[measure][3]
            if len(own):
                spans.append((measure, f"{words.span(own.round(digits) + 0.0, digits)} ({SHORT[line]})"))
    subtitle = [f"Choose the date of the cut below; {seeds}, recomputed batch-norm statistics; no model"]
    ranges = []
    for measure in PANELS:
        own = [span for of, span in spans if of == measure]
        if own:
            ranges.append(f"{measure} falls by {', '.join(own)} {MEASURES[measure][2]}")
    subtitle += [f"In the first epoch after it {ranges[0]}"]
    caption = (
        "Everything here was measured. Grey: arm none. At the date of the vertical line, runs that up to there are arm "
        "none train on with the learning rate cut, the batch enlarged, or only the data in a new order (placebo). The "
        "text gives the fall in their first epoch (value at the date less that one epoch later), "
        f"{seeds}. The vertical axes do not start at zero and need not hold the first epochs."
    )
    listed = words.joined([str(m) for m in dates])
    alt_text = (
        f"Lines of test error and training loss of arm none against epochs, and after a date to choose ({listed}) the "
        f"measured curves with a cut. In the first epoch after it {'; '.join(ranges)} (means over seeds, smallest to "
        "largest date)."
    )
    return title, subtitle, caption, alt_text
