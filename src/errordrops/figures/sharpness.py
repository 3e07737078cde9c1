"""Batch sharpness beside its limit, before and after the change: does the stochastic edge hold the weights up?"""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..results.intervals import t_interval
from . import parts, theme, words

HEIGHT = 230
MOMENTS = ("before", "after", "later")
SMALL, LARGE = "limit of small batches, 2 (1 − m) / rate", "limit of large batches, 2 (1 + m) / rate"


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """A panel a run: quotient by moment with both limits, on a logarithmic axis."""
    rows = table(tables["probes"])
    if rows.empty:
        return parts.note("This study measures no batch sharpness")
    every = list(dict.fromkeys(rows["arm"]))
    width = (parts.WIDTH - 30 * (len(every) - 1)) // len(every)
    numbers = rows[["quotient", "limit_small", "limit_large"]].to_numpy(float)
    ends = [float(f"{numbers.min() / 1.6:.3g}"), float(f"{numbers.max() * 1.6:.3g}")]
    views = [panel(rows[rows["arm"] == arm], every, arm, width, ends, first=i == 0) for i, arm in enumerate(every)]
    chart = alt.hconcat(*views, spacing=12).resolve_scale(color="independent", y="shared")
    return parts.finish(chart, *text(rows, every))


def table(probes: pd.DataFrame) -> pd.DataFrame:
    """quotient, limit_small, limit_large by arm, seed and moment; "before" under the setting until then."""
    rows = probes[probes["probe"].astype(str) == "sharpness"]
    rows = rows.assign(**{name: rows[name].astype(str) for name in ("arm", "moment", "quantity")})
    until = rows["moment"].eq("before") & rows["index"].eq(1)
    rows = rows[until | (rows["moment"].isin(MOMENTS[1:]) & rows["index"].eq(0))]
    if rows.empty:
        return pd.DataFrame(columns=["arm", "seed", "moment", "quotient", "limit_small", "limit_large"])
    wide = rows.pivot_table(index=["arm", "seed", "moment"], columns="quantity", values="value", sort=False)
    return wide[["quotient", "limit_small", "limit_large"]].reset_index()


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over seeds with intervals on the scale of logarithms."""
    averages = []
    for moment, group in rows.groupby("moment", sort=False):
        logs = np.exp(np.array(t_interval(np.log(group["quotient"]))))
        averages.append((moment, *logs, len(group)))
    return pd.DataFrame(averages, columns=["moment", "value", "low", "high", "n"])


def panel(
    rows: pd.DataFrame, every: list[str], arm: str, width: int, ends: list[float], first: bool
) -> alt.typing.ChartType:
    """Seeds small, their mean large, the limits as steps."""
    scale = alt.Scale(type="log", domain=ends, nice=False)
    axis = alt.Axis(title="Batch sharpness (nats / weight²)" if first else None, labels=first, tickCount=5)
    order = list(MOMENTS)
    x = alt.X(
        "moment:N", sort=order, scale=alt.Scale(domain=order), axis=alt.Axis(title=None, labelAngle=0, labelFontSize=11)
    )

    def y(column: str) -> alt.Y:
        return alt.Y(f"{column}:Q", scale=scale, axis=axis)

    colour, middle = theme.style(every, arm)[0], means(rows)
    limits = rows.groupby("moment", sort=False)[["limit_small", "limit_large"]].first().reset_index()
    tick: dict[str, Any] = {"thickness": 2, "size": width // 4, "color": theme.GREY}
    tips: parts.Tips = ["moment:N", alt.Tooltip("value:Q", title="batch sharpness", format=".2f"), "n:Q"]
    base = alt.Chart(middle.round(4))
    layers = [
        alt.Chart(limits).mark_tick(**tick).encode(x, y("limit_small")),
        alt.Chart(limits).mark_tick(**(tick | {"opacity": 0.4})).encode(x, y("limit_large")),
        alt.Chart(rows.round(4))
        .mark_point(size=14, filled=True, opacity=0.6, color=colour, xOffset=9)
        .encode(x, y("quotient")),
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2, color=colour)
        .encode(x, y("low"), alt.Y2("high:Q")),
        base.mark_point(size=80, filled=True, opacity=1, color=colour).encode(x, y("value"), tooltip=tips),
    ]
    drawn = alt.layer(*layers, title=parts.heading(arm))
    return drawn.properties(width=width, height=HEIGHT, name=f"sharpness_{arm}")


def text(rows: pd.DataFrame, every: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    shares = rows.assign(share=rows["quotient"] / rows["limit_small"])
    before = means(shares[shares["moment"] == "before"].assign(quotient=lambda t: t["share"]))
    title = "Batch sharpness beside the limit of the stochastic edge"
    if len(before) and before["low"].iloc[0] > 0.5 and before["high"].iloc[0] < 2:
        title = "Before the change batch sharpness sits near its limit"
    n = rows.groupby(["arm", "moment"]).size()
    several = int(n.max()) > 1
    subtitle = [
        f"Large marks: {words.seeds_shown(n)}{'; bars: 95 % intervals; small: seeds' if several else ''}",
        f"Grey ticks: {SMALL}; fainter: {LARGE}",
    ]
    caption = (
        "Batch sharpness is the curvature of a batch's loss along its own gradient, a quotient of means over batches, "
        "augmented and in groups as in training. The edge of stochastic stability says that it settles at the limit. "
        "Means are geometric. The title says near where the interval lies within a factor of two of the limit."
    )
    listed = []
    for arm in every:
        own = means(rows[rows["arm"] == arm]).set_index("moment")["value"]
        listed.append(f"{arm} " + ", ".join(f"{own[m]:.2f} {m}" for m in MOMENTS if m in own.index))
    return title, subtitle, caption, f"Points, geometric means over seeds. {'; '.join(listed)}."
