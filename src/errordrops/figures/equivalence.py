"""Difference of arms batch and hybrid to arm step along the curve, with simultaneous bands, on three axes."""

import json
from typing import Any

import altair as alt
import pandas as pd

from . import parts, theme, words

AXES = {  # of the table, and what the switch and the axis call it
    "epoch": "epochs completed",
    "rate_sum": "learning rate summed over updates",
    "noise_sum": "learning rate / batch size, summed over updates",
}
METRICS = {  # what, unit, digits
    "error_recomputed": ("test error", "points", 2),
    "loss_recomputed": ("training loss", "nats", 3),
}
HEIGHT, STRIP, SETTLED = 150, 84, 3  # epochs after the milestone that the title leaves out


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Means and bands of arm - step after the first milestone; beside them the last epoch, one mark a seed."""
    bands, finals = tables["bands"], tables["final_differences"]
    bands = bands[bands["difference"].notna() & bands["metric"].isin(METRICS) & bands["axis"].isin(AXES)]
    bands = bands.assign(arm=bands["arm"].astype(str), axis=bands["axis"].map(AXES))
    every = parts.arms(tables["schedules"])
    shown = [arm for arm in every if arm in set(bands["arm"])]
    bands = bands[bands["arm"].isin(shown)]
    if bands.empty:
        return parts.note("No arm is compared with arm step in this study")
    views = []
    there = [metric for metric in METRICS if metric in set(bands["metric"])]
    for metric in there:
        mine = bands[bands["metric"] == metric]
        last = finals[(finals["metric"] == metric) & finals["arm"].isin(shown)]
        views += panel(mine, last, every, shown, metric, bottom=metric == there[-1])
    radio = alt.binding_radio(options=list(AXES.values()), name="Horizontal axis: ")
    chart = alt.concat(*views, columns=2, spacing=14).resolve_scale(color="shared", strokeDash="shared")
    chart = chart.add_params(alt.param(name="axis", value=AXES["epoch"], bind=radio))
    return parts.finish(chart, *text(bands, finals, shown))


def reach(rows: pd.DataFrame, last: pd.DataFrame) -> float:
    """Half the height of the axis: all means and seeds, and the bands of the arm with most seeds where it is calm.

    A band over three seeds is so wide that an axis which held it would show nothing else.
    """
    means = max(rows["difference"].abs().max(), last["difference"].abs().max() if len(last) else 0.0)
    most = rows[rows["n"] == rows["n"].max()]
    wide = most[["low", "high"]].abs().max(axis=1).quantile(0.75)
    half = means if pd.isna(wide) else max(means, min(wide, 8 * means))
    return round(1.12 * half, 4) or 1.0


def panel(rows: pd.DataFrame, last: pd.DataFrame, every: list[str], shown: list[str], metric: str, bottom: bool):
    """The curve of one metric, and the strip of its last epoch."""
    halves = {axis: reach(own, last) for axis, own in rows.groupby("axis")}
    heights = json.dumps({axis: [-half, half] for axis, half in halves.items()})
    scale = alt.Scale(domain=alt.ExprRef(f"{heights}[axis]"), nice=False)
    what, unit, _ = METRICS[metric]
    y: dict[str, Any] = {
        "scale": scale,
        "title": [what.capitalize(), f"less step's ({unit})"],
        "axis": alt.Axis(tickCount=5),
    }
    look = parts.line_style(every, shown)
    single = rows.groupby(["arm", "axis"])["at"].transform("size") == 1
    nudge = rows["arm"].map({arm: 8 * i - 4 * (len(shown) - 1) for i, arm in enumerate(shown)}).where(single, 0)
    rows = rows[["arm", "axis", "at", "difference", "low", "high", "n"]].round(5).assign(single=single, nudge=nudge)
    base = alt.Chart(rows).transform_filter("datum.axis == axis")
    ends = {axis: [0.99 * at.min(), 1.01 * at.max()] if at.nunique() == 1 else [at.min(), at.max()]
            for axis, at in rows.groupby("axis")["at"]}  # fmt: skip
    domain = alt.Scale(domain=alt.ExprRef(f"{json.dumps(ends)}[axis]"), zero=False, nice=False, padding=6)
    whole = alt.expr(f"axis === '{AXES['epoch']}' ? 1 : 1e-9")
    axis = alt.Axis(title=None, labels=bottom, grid=False, tickMinStep=whole)
    x = alt.X("at:Q", scale=domain, axis=axis)
    tips = ["arm:N", alt.Tooltip("axis:N", title="axis"), alt.Tooltip("at:Q", title="place")]
    tips += [alt.Tooltip("difference:Q", title="arm − step", format="+.3f")]
    tips += [alt.Tooltip(f"{end}:Q", title=f"band {end}", format="+.3f") for end in ("low", "high")]
    low, high = alt.Y("low:Q", **y), alt.Y2("high:Q")
    band = base.mark_area(clip=True, opacity=0.12, strokeWidth=0).encode(x, low, high, color=look["color"])
    edges = [
        base.mark_line(clip=True, strokeWidth=0.8, opacity=0.6).encode(x, alt.Y(f"{end}:Q", **y), **look)
        for end in ("low", "high")
    ]
    # On an axis that two arms share only for one place there is no area.
    lone = base.transform_filter("datum.single").mark_rule(clip=True, strokeWidth=1.5, xOffset=alt.expr("datum.nudge"))
    line = base.mark_line(clip=True, strokeWidth=1.8).encode(x, alt.Y("difference:Q", **y), **look)
    marks = base.mark_point(clip=True, filled=True, size=16, opacity=1, xOffset=alt.expr("datum.nudge"))
    tips.append(alt.Tooltip("n:Q", title="seeds"))
    marks = marks.encode(x, alt.Y("difference:Q", **y), color=look["color"], tooltip=tips)
    layers = [zero(y), band, *edges, lone.encode(x, low, high, color=look["color"]), line, marks]
    # as wide as the names of the arms below it, side by side
    side = max(STRIP, len(shown) * (7 * max(map(len, shown)) + 10))
    width = parts.WIDTH - side - 14
    layers += [parts.axis_name("axis", width, HEIGHT)] if bottom else []
    curve = alt.layer(*layers).properties(width=width, height=HEIGHT, name=f"curve_{metric}")
    arm = alt.X("arm:N", sort=shown, title="Last epoch" if bottom else None)
    axis = alt.Axis(labels=bottom, labelAngle=0, ticks=False, domain=False, titlePadding=8)
    # Beside one another in the order of seeds, which are few.
    offset = alt.XOffset("seed:O", scale=alt.Scale(paddingOuter=0.6))
    seed_tips = ["arm:N", "seed:N", alt.Tooltip("difference:Q", title="arm − step", format="+.3f")]
    dots = alt.Chart(last[["arm", "seed", "difference"]].round(5)).mark_point(size=26, strokeWidth=1.2, opacity=0.9)
    y["title"], y["axis"] = None, alt.Axis(tickCount=5, labels=False, ticks=False, domain=False)
    dots = dots.encode(
        arm.axis(axis), alt.Y("difference:Q", **y), xOffset=offset, color=look["color"], tooltip=seed_tips
    )
    strip = alt.layer(zero(y), dots).properties(width=side, height=HEIGHT, name=f"last_{metric}")
    return curve, strip


def zero(y: dict) -> alt.Chart:
    """Rule where arm and step are equal."""
    return alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY).encode(alt.Y("zero:Q", **y))


def settled(bands: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Rows by epoch after the first few, and their first epoch."""
    rows = bands[bands["axis"] == AXES["epoch"]]
    start = int(min(rows["at"].min() + SETTLED, rows["at"].max()))
    return rows[rows["at"] >= start], start


def largest(rows: pd.DataFrame, metric: str) -> dict:
    """In words the largest mean difference, and the number of places where the band leaves out zero."""
    if rows.empty:
        return {}
    apart = int(((rows["low"] > 0) | (rows["high"] < 0)).sum())
    return {"mean": amount(rows["difference"].abs().max(), metric), "apart": apart, "places": len(rows)}


def amount(value: float, metric: str) -> str:
    """`0.32 points`."""
    _, unit, digits = METRICS[metric]
    return f"{value:.{digits}f} {unit}"


def text(bands: pd.DataFrame, finals: pd.DataFrame, shown: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    rows, start = settled(bands)
    names = ("arm " if len(shown) == 1 else "arms ") + words.joined(shown)
    widest = {metric: largest(rows[rows["metric"] == metric], metric) for metric in METRICS}
    widest = {metric: values for metric, values in widest.items() if values}
    title = f"Difference of {names} to arm step, after the first milestone"
    sure = rows["low"].notna().all()
    if sure:
        # No word of sameness: whether the bands lie within margins is for the claims to say.
        means = words.joined([f"{values['mean']} of {METRICS[metric][0]}" for metric, values in widest.items()])
        title = f"From epoch {start} on, {names} differ from arm step by at most {means}, in the mean over seeds"
    n = bands["n"]
    subtitle = [f"Lines: arm less arm step, same seed, {words.seeds_shown(n)}"]
    if sure:
        subtitle[0] += "; bands: 95 %, all epochs at once"
        reached = []
        for arm in shown:
            band = rows[rows["arm"] == arm].groupby("metric")[["low", "high"]].agg(lambda ends: ends.abs().max())
            wide = band.max(axis=1)
            reached.append(f"{arm} " + ", ".join(amount(wide[metric], metric) for metric in widest if metric in wide))
        subtitle.append(f"Reach of the bands there: {'; '.join(reached)}")
    caption = (
        "Arm less arm step after the first milestone, paired by seed, recomputed batch-norm statistics. Right: the "
        "last epoch, one mark a seed. Switch below: compare at equal epochs, at equal summed learning rate, or at "
        "equal summed learning rate over batch size, as far as both arms reach."
    )
    if sure:
        caption += (
            " Bands: 95 %, simultaneous over all places shown (Bonferroni), dashed like their lines; the vertical axis "
            "cuts the widest, which rest on few seeds. The title speaks of means and leaves out the first "
            f"{SETTLED} epochs after the milestone, when a larger batch has made few updates."
        )
    listed = [
        f"{METRICS[metric][0]}: largest mean difference {values['mean']}, "
        f"band without zero at {values['apart']} of {values['places']} places"
        for metric, values in widest.items()
    ]
    ends = []
    for (arm, metric), group in finals.groupby(["arm", "metric"], sort=False):
        if arm in shown and metric in METRICS:
            ends.append(f"{arm} {amount(group['difference'].mean(), metric)} of {METRICS[metric][0]}".replace("-", "−"))
    alt_text = f"Lines and bands of the difference to arm step for {words.joined(shown)}, from epoch {start} on. "
    alt_text += f"{'; '.join(listed).capitalize()}. Mean difference in the last epoch: {'; '.join(ends) or 'none'}."
    return title, subtitle, caption, alt_text
