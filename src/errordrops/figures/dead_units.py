"""Is it that dead units wake? How many are dead, what the woken ones do, and drops where no unit can die."""

import json
import math

import altair as alt
import pandas as pd

from ..results.intervals import t_interval
from . import parts, theme, words

MOMENTS = ("before", "after", "later")
LEFT, RIGHT, HEIGHT, ROW, SPREAD = 225, 225, 150, 44, 0.13
CHANGED = {"woken_units": "woke", "died_units": "died"}
SHOWN = 0.5  # the title says an upper bound of the share of woken units only below this


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Left the dead units, right what the woken ones explain and the networks without dead units."""
    units = table(tables["probes"])
    if units.empty:
        return parts.note("This study probes no checkpoints")
    every = list(dict.fromkeys(units["arm"]))
    shares, (seeds, means) = woken(tables["mechanism_summary"]), undying(tables["undying"])
    every += [arm for arm in dict.fromkeys([*shares["arm"], *means["arm"]]) if arm not in every]
    left = [counted(units, every, dead=True), counted(units, every, dead=False)]
    right = [share_panel(shares, every)] if len(shares) else []
    right += [undying_panel(seeds, means, every)] if len(means) else []
    columns = [alt.vconcat(*left, spacing=18), *([alt.vconcat(*right, spacing=18)] if right else [])]
    return parts.finish(alt.hconcat(*columns, spacing=24), *text(units, shares, means, every))


def table(probes: pd.DataFrame) -> pd.DataFrame:
    """Percent of all units: arm, seed, moment, quantity, value."""
    rows = probes[(probes["probe"] == "units") & probes["quantity"].isin(["dead_units", *CHANGED])]
    rows = rows[rows["moment"].isin(MOMENTS) & rows["value"].notna()]
    rows = rows[(rows["quantity"] == "dead_units") | (rows["moment"] == "after")]
    rows = rows.assign(arm=rows["arm"].astype(str), moment=rows["moment"].astype(str))
    return rows[["arm", "seed", "moment", "quantity", "value"]].reset_index(drop=True)


def woken(summary: pd.DataFrame) -> pd.DataFrame:
    """Share of the fall that the woken units explain, by arm: n, value and its interval in percent."""
    rows = summary[(summary["quantity"] == "woken_share") & summary["value"].notna()]
    rows = rows.assign(arm=rows["arm"].astype(str))
    rows = rows[rows["arm"] != theme.CONTROL]
    percent = {name: 100 * rows[name] for name in ("value", "value_low", "value_high")}
    return rows.assign(**percent)[["arm", "n", *percent]].reset_index(drop=True)


def undying(differences: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Differences of the change of test error to that without a change: seeds, and means with 95 % intervals."""
    seeds = differences[differences["difference"].notna()]
    seeds = seeds.assign(arm=seeds["arm"].astype(str), activation=seeds["activation"].astype(str))
    seeds = seeds.assign(network=seeds["activation"] + ", " + seeds["arm"]).rename(columns={"difference": "value"})
    rows = []
    for (network, activation, arm), own in seeds.groupby(["network", "activation", "arm"], sort=False):
        interval = t_interval(own["value"])
        rows.append((network, activation, arm, len(own), interval.mean, interval.low, interval.high))
    columns = ["network", "activation", "arm", "n", "value", "value_low", "value_high"]
    return seeds[["network", "activation", "arm", "seed", "value"]], pd.DataFrame(rows, columns=columns)


def styles(every: list[str]) -> dict:
    """Colour and symbol of arms, in one legend."""
    key = parts.legend(every, symbolSize=80, symbolFillColor="transparent")
    return {
        "color": alt.Color("arm:N", scale=parts.scale(every, every, 0), legend=key),
        "shape": alt.Shape("arm:N", scale=parts.scale(every, every, 2), legend=key),
    }


def counted(units: pd.DataFrame, every: list[str], dead: bool) -> alt.typing.ChartType:
    """Percent of units dead at the moments, or woken and died over the drop: large means, small seeds."""
    rows = units[(units["quantity"] == "dead_units") == dead]
    names = list(MOMENTS) if dead else list(CHANGED.values())
    rows = rows.assign(what=rows["moment"] if dead else rows["quantity"].map(CHANGED))
    aside = {arm: SPREAD * (i - (len(every) - 1) / 2) for i, arm in enumerate(every)}
    rows = rows.assign(x=(rows["what"].map(names.index).astype(float) + rows["arm"].map(aside)).round(3))
    rows = rows[["arm", "seed", "what", "x", "value"]]
    groups = rows.groupby(["arm", "what", "x"], sort=False)["value"]
    means = groups.agg(value="mean", n="size").reset_index().round(4)
    most = float(rows["value"].max()) if len(rows) and rows["value"].max() > 0 else 1.0
    title = "Dead units (% of all)" if dead else "Units (% of all)"
    scale = alt.Scale(domain=[0, round(1.06 * most, 4)], nice=False)
    y = alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5))
    axis = alt.Axis(values=list(range(len(names))), labelExpr=f"{json.dumps(names)}[datum.value]", grid=False)
    x_title = "Moment of the run" if dead else "From before to the end of the first epoch after"
    x = alt.X("x:Q", title=x_title, axis=axis, scale=alt.Scale(domain=[-0.5, len(names) - 0.5], nice=False))
    look = {"x": x, "y": y} | styles(every)
    tips = ["arm:N", "what:N", alt.Tooltip("value:Q", title=title, format=".3f")]
    dots = alt.Chart(rows.round(4)).mark_point(size=5, strokeWidth=1.6, opacity=0.65)
    large = alt.Chart(means).mark_point(size=70, strokeWidth=2, opacity=1)
    layers = [
        dots.encode(**look, tooltip=[*tips, "seed:N"]),
        large.encode(**look, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")]),
    ]
    if dead:
        # Dashes are no encoding, which would dash the symbols of the legend too.
        for arm, own in means.groupby("arm", sort=False):
            line = alt.Chart(own).mark_line(strokeWidth=1.8, opacity=0.85, strokeDash=theme.style(every, arm)[1])
            layers.insert(0, line.encode(x, y, color=look["color"]))
    chart = alt.layer(*layers).properties(width=LEFT, height=HEIGHT, name="dead" if dead else "changed")
    return chart.properties(title=parts.heading("units that are dead" if dead else "units that woke or died"))


def bounds(values: pd.Series, low: pd.Series, high: pd.Series, always: list[float]) -> list[float]:
    """Ends of an axis that holds all values; intervals longer than that by far are cut."""
    least, most = min(*always, values.min()), max(*always, values.max())
    length = max(most - least, 1e-3)
    ends = max(least - length, low.fillna(least).min()), min(most + length, high.fillna(most).max())
    room = 0.05 * (max(most, ends[1]) - min(least, ends[0]))
    return [round(float(min(least, ends[0]) - room), 3), round(float(max(most, ends[1]) + room), 3)]


def lying(
    means: pd.DataFrame, by: str, every: list[str], title: str, zeros: list[float], domain: list[float]
) -> tuple[list[alt.Chart], dict]:
    """Layers of horizontal intervals, one a row, with vertical rules at `zeros`, and the encoding of places."""
    scale, axis = alt.Scale(domain=domain, nice=False), alt.Axis(tickCount=6, grid=False)
    x, low = (alt.X(f"{column}:Q", title=title, scale=scale, axis=axis) for column in ("value", "value_low"))
    y = alt.Y(f"{by}:N", title=None, sort=list(means[by]), axis=alt.Axis(ticks=False, domain=False, labelLimit=150))
    look = {"x": x, "y": y} | styles(every)
    rule = alt.Chart(pd.DataFrame({"value": zeros})).mark_rule(color=theme.GREY, strokeDash=[3, 3], strokeWidth=1.2)
    tips: parts.Tips = [f"{by}:N", alt.Tooltip("value:Q", title=title, format=".2f")]
    tips += [alt.Tooltip(f"value_{end}:Q", title=f"95 % {end}", format=".2f") for end in ("low", "high")]
    base = alt.Chart(means.round(4)).encode(tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    sure = base.transform_filter("isValid(datum.value_low)").mark_rule(strokeWidth=2, clip=True)
    interval = sure.encode(low, y, alt.X2("value_high:Q"), color=look["color"])
    point = base.mark_point(size=80, strokeWidth=2.2, opacity=1).encode(**look)
    return [rule.encode(x), interval, point], look


def share_panel(shares: pd.DataFrame, every: list[str]) -> alt.typing.ChartType:
    """Share of the fall that is gone when the woken units are silenced."""
    ends = bounds(shares["value"], shares["value_low"], shares["value_high"], [0.0, 100.0])
    title = "Share of the fall of training loss (%)"
    layers, _ = lying(shares, "arm", every, title, [0.0, 100.0], ends)
    chart = alt.layer(*layers).properties(width=RIGHT, height=ROW * len(shares), name="woken_share")
    return chart.properties(title=parts.heading("explained by units that woke"))


def undying_panel(seeds: pd.DataFrame, means: pd.DataFrame, every: list[str]) -> alt.typing.ChartType:
    """Change of test error beyond that without a change, where no unit can die."""
    ends = bounds(seeds["value"], means["value_low"], means["value_high"], [0.0])
    title = "Change of test error, less arm none's (points)"
    layers, look = lying(means, "network", every, title, [0.0], ends)
    tips = ["network:N", "seed:N", alt.Tooltip("value:Q", title=title, format=".2f")]
    dots = alt.Chart(seeds.round(4)).mark_point(size=5, strokeWidth=1.6, opacity=0.65, yOffset=9)
    layers.append(dots.encode(**look, tooltip=tips))
    chart = alt.layer(*layers).properties(width=RIGHT, height=ROW * len(means), name="undying")
    return chart.properties(title=parts.heading("networks whose units cannot die"))


def text(
    units: pd.DataFrame, shares: pd.DataFrame, means: pd.DataFrame, every: list[str]
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    sentences = []
    sure = means[means["value_high"] < 0]
    if len(sure):
        some = "" if len(sure) == len(means) else f", in {len(sure)} of {len(means)} networks"
        sentences.append(
            f"Where no unit can die, test error falls too: by {words.span(-sure['value'])} points more than without "
            f"the change{some}"
        )
    if len(shares) and (shares["value_high"] < 100 * SHOWN).all():
        most = max(1, math.ceil(shares["value_high"].max()))
        sentences.append(f"units that woke explain less than {most} % of the fall of training loss")
    title = "; ".join(sentences) or "Dead units, what those that woke do, and networks whose units cannot die"
    title = title[0].upper() + title[1:]
    n = pd.concat([units.groupby(["arm", "moment", "quantity"]).size(), means["n"].astype(int)])
    small = "" if int(n.max()) == 1 else "; small: seeds"
    lines = "; horizontal lines: 95 % t-intervals over seeds" if len(shares) or len(means) else ""
    subtitle = [
        f"Large marks: {words.seeds_shown(n)}{small}{lines}",
        "Before the change, and at the ends of the first and the last epoch probed after it",
    ]
    caption = (
        "A unit (one channel at one pixel behind one ReLU) is dead if it is zero for every image of a fixed sample. "
        "Woken units were dead before the change and are not after it; what they explain is the part of the fall of "
        "training loss that is gone when they are set to zero again: nothing at 0, all of it at 100 %. With GELU or "
        "leaky ReLU no unit can die; the change of test error at the milestone (means over up to five epochs, after "
        "less before) is taken less that of the same network without the change. Intervals much longer than the axis "
        "are cut. The title claims a fall, or a bound below half, only where the 95 % t-interval over seeds lies there."
    )
    averages = units.groupby(["quantity", "arm", "moment"], sort=False)["value"].mean()
    listed = []
    for quantity in ("dead_units", *CHANGED):
        own = averages[averages.index.get_level_values(0) == quantity].droplevel(0)
        each = [
            f"{arm} " + ", ".join(f"{own[arm, m]:.2f} % {m}" for m in MOMENTS if (arm, m) in own.index)
            for arm in every
            if len(own) and arm in own.index.get_level_values(0)
        ]
        listed += [f"{quantity.replace('_', ' ')}: {'; '.join(each)}"] if each else []
    for what, rows, by, unit in (
        ("share of the fall explained by woken units", shares, "arm", "%"),
        ("change of test error where units cannot die, less arm none's", means, "network", "points"),
    ):
        each = [f"{row[by]} {words.signed(row['value'])} {unit}{interval(row)}" for _, row in rows.iterrows()]
        listed += [f"{what}: {'; '.join(each)}"] if each else []
    return title, subtitle, caption, f"Marks, means over seeds. {'. '.join(listed)}."


def interval(row: pd.Series) -> str:
    """` (95 % −3.1 to −1.2)`, empty where there is none."""
    if pd.isna(row["value_low"]):
        return ""
    return f" (95 % {words.signed(row['value_low'])} to {words.signed(row['value_high'])})"
