"""Which part of the weights' motion lowers the loss, and the loss along the straight line from before to after."""

import altair as alt
import pandas as pd

from . import parts, theme, words
from .dots import ROW, chosen, dots, listing, names, sure

LEFT, RIGHT, HEIGHT = 200, 210, 200
SHARES = {"leading_share": "leading directions", "negative_share": "negative curvature"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Left shares of the fall, right the loss along the line."""
    probes, summary = tables["probes"], tables["mechanism_summary"]
    if probes.empty and summary.empty:
        return parts.note("This study probes no checkpoints")
    every = list(dict.fromkeys([*names(probes), *names(summary)]))
    shares = chosen(summary, SHARES, [arm for arm in every if arm != theme.CONTROL])
    lines = along(probes)
    views = []
    if len(shares):
        title = "Fall by that motion alone / fall (share)"
        panel = dots(shares, shares.iloc[:0], every, title, LEFT, {0: "no fall", 1: "whole fall"}, "shares")
        views.append(
            panel.properties(title=parts.heading("Fall by part of the motion"), height=max(HEIGHT, ROW * len(shares)))
        )
    if len(lines):
        views.append(straight(lines, every))
    if not views:
        return parts.note("The probes of this study follow no motion of the weights")
    chart = alt.hconcat(*views, spacing=30).resolve_scale(color="independent", strokeDash="independent")
    return parts.finish(chart, *text(summary, shares, lines))


def along(probes: pd.DataFrame) -> pd.DataFrame:
    """Loss less loss at x = 0, by arm and x: mean over seeds, n."""
    pick = {"probe": "motion", "quantity": "line", "moment": "after"}
    rows = probes
    for column, value in pick.items():
        rows = rows[rows[column].astype(str) == value]
    rows = rows.assign(arm=rows["arm"].astype(str)).sort_values("x", kind="stable")
    start = rows[rows["x"] == 0].groupby(["arm", "seed"])["value"].first()
    keys = pd.MultiIndex.from_frame(rows[["arm", "seed"]])
    rows = rows.assign(change=rows["value"].to_numpy(float) - start.reindex(keys).to_numpy(float))
    rows = rows.dropna(subset=["change"])
    table = rows.groupby(["arm", "x"])["change"].agg(["mean", "count"]).reset_index()
    table = table.rename(columns={"mean": "change", "count": "n"})
    order = names(probes)
    return table.sort_values(["arm", "x"], key=lambda c: c.map(order.index) if c.name == "arm" else c, kind="stable")


def straight(lines: pd.DataFrame, every: list[str]) -> alt.typing.ChartType:
    """One line per arm."""
    shown = list(dict.fromkeys(lines["arm"]))
    x = alt.X("x:Q", title="Way from before (0) to after (1) (share)", axis=alt.Axis(grid=False, tickCount=5))
    y = alt.Y("change:Q", title="Loss less loss before (nats)", axis=alt.Axis(tickCount=6))
    tips = ["arm:N", alt.Tooltip("x:Q", format=".2f"), alt.Tooltip("change:Q", title="change (nats)", format=".4f")]
    line = alt.Chart(lines.round(5)).mark_line(strokeWidth=2)
    line = line.encode(x, y, **parts.line_style(every, shown), tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY).encode(alt.Y("zero:Q"))
    chart = alt.layer(zero, line).properties(width=RIGHT, height=HEIGHT, name="line")
    return chart.properties(title=parts.heading("Loss along the straight line"))


def claim(known: pd.DataFrame, all_of: int) -> str:
    """`60 to 70 % of it (1 of 2 arms)`."""
    amount = f"{words.span(100 * known['value'], 0)} %"
    return amount if len(known) == all_of else f"{amount} (in {len(known)} of {all_of} arms)"


def text(summary: pd.DataFrame, shares: pd.DataFrame, lines: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    title = "The fall of training loss after the change, by part of the weights' motion"
    known, sentences = sure(summary, shares), []
    for quantity, kind in SHARES.items():
        there, own = (rows[rows["quantity"] == quantity] for rows in (shares, known))
        own = own[own["value"] > 0]
        where = f"along {kind}" if quantity == "negative_share" else f"along the {kind}"
        sentences += [f"motion {where} alone makes {claim(own, len(there))}"] if len(own) else []
    if sentences:
        title = f"Of the fall of training loss, {', '.join(sentences)}"
    n = pd.concat([shares["n"], lines["n"]])
    bars = "; bars: 95 % t-intervals" if len(shares) and int(shares["n"].max()) > 1 else ""
    subtitle = [f"Each mark and line: {words.seeds_shown(n)}{bars}"]
    if len(shares):
        subtitle.append("Left: filled circles leading directions, hollow diamonds negative curvature")
    caption = (
        "The motion of the weights from before the change to the end of the epoch after it, split by the eigenvectors "
        "of the Hessian before. Left: by how much training loss falls when the weights move along the leading "
        "directions alone, or along those of negative curvature alone, as share of the whole fall (1). Parts need "
        "not add up to 1. Right: training loss along the straight line between the two, less that at its start. The "
        "title claims a share only of arms where the 95 % t-intervals of the fall and of the share lie above zero."
    )
    alt_text = f"Shares of the fall: {listing(shares)}." if len(shares) else ""
    ends = lines.groupby("arm", sort=False).tail(1)
    places = [f"{row.arm} {row.change:+.3f}".replace("-", "−") for row in ends.itertuples()]
    alt_text += f" Loss at the end of the straight line less that at its start, nats: {'; '.join(places)}." * bool(
        places
    )
    return title, subtitle, caption, alt_text.strip()
