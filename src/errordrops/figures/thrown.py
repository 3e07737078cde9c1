"""How far updates throw the weights about along each leading direction of curvature, before and after the change."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from . import parts, theme, words

HEIGHT, COLUMNS = 230, 3
MOMENTS = {"before": ("circle", [4, 3]), "after": ("square", [1, 0])}  # symbol (hollow, filled), dash


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """One panel per arm: variance against the number of the direction, in two series."""
    probes = tables["probes"]
    if probes.empty:
        return parts.note("This study probes no checkpoints")
    every = list(dict.fromkeys(probes["arm"].astype(str)))
    rows = table(probes)
    if rows.empty:
        return parts.note("The probes of this study follow no path of the weights")
    shown = [arm for arm in every if arm in set(rows["arm"])]
    columns = min(COLUMNS, len(shown))
    width = (parts.WIDTH - 40 * (columns - 1)) // columns
    views = [panel(rows, every, arm, width, first=i % columns == 0) for i, arm in enumerate(shown)]
    chart = alt.concat(*views, columns=columns, spacing=14).resolve_scale(color="independent", y="independent")
    return parts.finish(chart, *text(rows, shown))


def table(probes: pd.DataFrame) -> pd.DataFrame:
    """Positive variances by arm, seed, moment and direction (from 1)."""
    rows = probes[(probes["probe"].astype(str) == "path") & (probes["quantity"].astype(str) == "variance")]
    rows = rows.assign(arm=rows["arm"].astype(str), moment=rows["moment"].astype(str))
    rows = rows[rows["moment"].isin(list(MOMENTS)) & (rows["value"] > 0) & rows["index"].notna()]
    rows = rows.assign(direction=rows["index"].astype(int) + 1)
    return rows[["arm", "seed", "moment", "direction", "value"]].reset_index(drop=True)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over seeds."""
    logs = rows.assign(log=np.log(rows["value"])).groupby(["arm", "moment", "direction"], sort=False)["log"]
    averages = logs.agg(["mean", "size"]).reset_index()
    return averages.assign(value=np.exp(averages["mean"])).rename(columns={"size": "n"}).drop(columns="mean")


def logs(rows: pd.DataFrame, arm: str) -> Interval:
    """log(after / before): mean over directions of each seed, then mean and 95 % t-interval over seeds."""
    own = rows[rows["arm"] == arm].assign(log=lambda t: np.log(t["value"]))
    wide = own.pivot_table(index=["seed", "direction"], columns="moment", values="log", sort=True)
    if set(wide.columns) != set(MOMENTS):
        return t_interval([])
    return t_interval((wide["after"] - wide["before"]).dropna().groupby("seed").mean())


def digits(values: pd.Series) -> pd.Series:
    """Five significant digits: variances are too small to be rounded by decimals."""
    return values.map(lambda value: float(f"{value:.5g}"))


def panel(rows: pd.DataFrame, every: list[str], arm: str, width: int, first: bool) -> alt.typing.ChartType:
    """The two series of one arm; all panels have the same axes."""
    low, high = rows["value"].min(), rows["value"].max()
    domain = [float(f"{low / 1.5:.3g}"), float(f"{high * 1.5:.3g}")]
    powers = range(int(np.ceil(np.log10(domain[0]))), int(np.floor(np.log10(domain[1]))) + 1)
    ticks: dict[str, Any] = (
        {"values": [float(f"1e{power}") for power in powers]} if len(powers) > 1 else {"tickCount": 4}
    )
    title = "Variance (squared weight)" if first else None
    axis = alt.Axis(title=title, labels=first, format="~e", **ticks)
    y = alt.Y("value:Q", scale=alt.Scale(type="log", domain=domain, nice=False), axis=axis)
    last = int(rows["direction"].max())
    # Room at the right for the names of the series.
    ends = alt.Scale(domain=[0.5, round(last + max(0.5, 0.3 * last), 2)], nice=False, zero=False)
    step = -(-last // 8)
    numbers = alt.Axis(
        title="Leading direction (number)", values=list(range(1, last + 1, step)), format="d", grid=False
    )
    x = alt.X("direction:Q", scale=ends, axis=numbers)
    colour = theme.style(every, arm)[0]
    own = rows[rows["arm"] == arm]
    middle = means(own)
    tips: parts.Tips = [
        alt.Tooltip("direction:Q"),
        "moment:N",
        alt.Tooltip("value:Q", title="variance", format=".2e"),
    ]
    layers = []
    for moment, (symbol, dash) in MOMENTS.items():
        seeds = own[own["moment"] == moment][["seed", "moment", "direction", "value"]]
        mean = middle[middle["moment"] == moment].sort_values("direction")
        if mean.empty:
            continue
        seeds, mean = (part.assign(value=digits(part["value"])) for part in (seeds, mean))
        if seeds["seed"].nunique() > 1:
            small = alt.Chart(seeds).mark_point(size=8, shape=symbol, filled=True, color=colour, opacity=0.5)
            layers.append(small.encode(x, y, tooltip=[*tips, "seed:N"]))
        base = alt.Chart(mean).encode(x, y, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
        layers.append(base.mark_line(color=colour, strokeDash=dash, strokeWidth=1.3))
        solid = moment == "after"
        layers.append(base.mark_point(size=40, shape=symbol, filled=solid, color=colour, opacity=1, strokeWidth=1.6))
        look: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 11, "align": "left", "dx": 8}
        # Where the two series meet their names would lie over one another.
        look |= {"baseline": "middle", "dy": nudge(middle, moment)}
        layers.append(alt.Chart(mean.tail(1)).mark_text(**look).encode(x, y, text="moment:N"))
    chart = alt.layer(*layers).properties(width=width, height=HEIGHT, name=f"arm_{every.index(arm)}")
    return chart.properties(title=parts.heading(arm))


def nudge(middle: pd.DataFrame, moment: str) -> int:
    """Pixels by which the name of a series moves down: apart, the higher one upward."""
    ends = middle.sort_values("direction").groupby("moment")["value"].last()
    other = next(name for name in MOMENTS if name != moment)
    if other not in ends:
        return 0
    higher = ends[moment] > ends[other] or (ends[moment] == ends[other] and moment == "before")
    return -6 if higher else 6


def factor(value: float) -> str:
    """`24` or `3.2`."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"


def factors(values: list[float]) -> str:
    """`24` or `12 to 24`."""
    low, high = factor(min(values)), factor(max(values))
    return low if low == high else f"{low} to {high}"


def text(rows: pd.DataFrame, shown: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    intervals = {arm: logs(rows, arm) for arm in shown}
    changed = [arm for arm in shown if arm != theme.CONTROL]
    less = [arm for arm in changed if intervals[arm].high < 0]
    more = [arm for arm in changed if intervals[arm].low > 0]
    title = "Variance of the weights along the leading directions, before and after the change"
    sure, verb = (less, "falls") if less else (more, "rises")
    if sure:
        size = factors([float(np.exp(abs(intervals[arm].mean))) for arm in sure])
        title = (
            f"After the change the variance of the weights along the leading directions {verb} by a factor of {size}"
        )
        title += "" if len(sure) == len(changed) else f", in {len(sure)} of {len(changed)} arms"
    n = rows.groupby("arm")["seed"].nunique()
    several = int(n.max()) > 1
    geometric = f"geometric {words.seeds_shown(n)}" if several else "one seed"
    subtitle = [
        f"Hollow circles, dashed: epoch before the change; filled squares: second epoch after it; {geometric}"
        + ("; small marks: seeds" * several)
    ]
    control = intervals.get(theme.CONTROL)
    if control and not np.isnan(control.mean):
        subtitle.append(f"Variance after / before in arm {theme.CONTROL}, which changes nothing: {ratio(control)}")
    caption = (
        "Variance of the weights along each leading eigenvector of the Hessian before the change, over the updates of "
        "one epoch: the last before the change, and the second after it. Direction 1 has the largest curvature. "
        "The factor is a geometric mean over directions and seeds. The title claims one only of arms, other than "
        "none, where the 95 % t-interval of its logarithm over seeds excludes no change."
    )
    listed = "; ".join(f"{arm} {ratio(intervals[arm])}" for arm in shown if not np.isnan(intervals[arm].mean))
    alt_text = f"Variance of the weights by leading direction, before and after. After / before: {listed or 'unknown'}."
    return title, subtitle, caption, alt_text


def ratio(interval: Interval) -> str:
    """`0.050 (95 % 0.040 to 0.062)`."""
    mean, low, high = (f"{np.exp(value):.2g}" for value in interval)
    return mean + ("" if np.isnan(interval.low) else f" (95 % {low} to {high})")
