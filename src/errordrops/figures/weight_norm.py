"""The scale of the weights and the effective rate, epoch by epoch: what the learning rate means under batch norm."""

import altair as alt
import numpy as np
import pandas as pd

from . import parts, words

PANELS = {"log_weight_norm": "Norm of the weights", "effective_rate": "Effective rate"}
HEIGHT = 170


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Two panels on logarithmic axes, a line an arm (mean over seeds), milestones marked."""
    every = parts.arms(tables["schedules"])
    curves = tables["curves"]
    rows = curves[(curves["split"] == "train") & curves["metric"].isin(PANELS)]
    rows = rows.assign(arm=rows["arm"].astype(str), metric=rows["metric"].astype(str)).dropna(subset=["value"])
    rows = rows[rows["arm"].isin(every) & (rows["epoch"] > 0)]
    if rows.empty:
        return parts.note("The norm of the weights was not recorded in this study")
    means = rows.groupby(["metric", "arm", "epoch"], sort=False)["value"].agg(mean="mean", n="count").reset_index()
    means.loc[means["metric"] == "log_weight_norm", "mean"] = np.exp(means["mean"])
    marks, end = parts.marks(tables["schedules"]), float(rows["epoch"].max())
    views: list[alt.typing.ChartType] = []
    for metric, name in PANELS.items():
        own = means[means["metric"] == metric]
        layers = [*parts.rules(marks, end, labelled=not views), *lines(parts.thin(own, set(marks)), name, every, end)]
        views.append(parts.view(layers, HEIGHT, metric))
    chart = alt.vconcat(*views, spacing=12)
    return parts.finish(chart, *text(means, marks))


def lines(rows: pd.DataFrame, name: str, every: list[str], end: float) -> list[alt.Chart]:
    """Lines, and invisible points for the tooltips."""
    shown = [arm for arm in every if arm in set(rows["arm"])]
    rows = rows.assign(mean=[float(f"{value:.5g}") for value in rows["mean"]])
    x = alt.X("epoch:Q", title="Epoch", scale=alt.Scale(domain=[0, end], nice=False), axis=alt.Axis(grid=False))
    scale = alt.Scale(type="log", nice=False, padding=8)
    powers = [10.0**k for k in range(-12, 6)] if rows["mean"].max() > 10 * rows["mean"].min() else None
    axis = alt.Axis(values=powers, format=".0e") if powers else alt.Axis(tickCount=5, format="~g")
    y = alt.Y("mean:Q", title=name, scale=scale, axis=axis)
    line = alt.Chart(rows).mark_line(strokeWidth=1.8).encode(x, y, **parts.line_style(every, shown))
    tips = ["arm:N", "epoch:Q", alt.Tooltip("mean:Q", title=name, format=".4~g"), alt.Tooltip("n:Q", title="seeds")]
    return [line, alt.Chart(rows).mark_point(opacity=0, size=60, aria=False).encode(x.axis(None), y, tooltip=tips)]


def text(means: pd.DataFrame, marks: dict[int, list[str]]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text; the title is about the first epoch after the first change."""
    title, changes = "Norm of the weights and effective rate", []
    if marks:
        m = min(marks)
        table = means.pivot_table(index=["metric", "arm"], columns="epoch", values="mean")
        there = [arm for arm in marks[m] if ("effective_rate", arm) in table.index and m + 1 in table.columns]
        norms, rates = ([table.loc[(metric, a), m + 1] / table.loc[(metric, a), m] for a in there] for metric in PANELS)
        changes = [f"× {rate:.2f} ({arm})" for arm, rate in zip(there, rates, strict=True)]
        if changes:
            most = 100 * max(abs(norm - 1) for norm in norms)
            title = f"In epoch {m + 1} the effective rate changes {words.joined(changes)}, "
            title += f"the norm of the weights by at most {most:.1f} %"
    subtitle = [f"Logarithmic axes; {words.seeds_shown(means['n'])}"]
    caption = (
        "Norm: root of the sum of squares of all convolutions' weights, to whose scale batch norm makes the network "
        "blind. Effective rate: learning rate divided by the norm squared, which is what turns the direction of the "
        "weights. Where the batch grows instead of the rate falling, the effective rate stays, and the noise falls."
    )
    alt_text = f"Two panels of lines against epochs: norm of the weights, effective rate. {title}."
    return title, subtitle, caption, alt_text
