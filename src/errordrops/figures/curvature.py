"""Curvature of the training loss before, during and after a change: both ends of the spectrum, gradient and trace."""

import json
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from . import parts, theme, words

MOMENTS = ("before", "during", "after", "later")
WIDTH, HEIGHT, SPREAD = 228, 170, 0.14
LEADING, SMALLEST, LIMIT = "leading eigenvalue", "smallest eigenvalue", "stability limit"
PANELS = {  # heading, title of the vertical axis
    LEADING: ("largest eigenvalue; dashes: stability limit", "Eigenvalue (nats / weight²)"),
    SMALLEST: ("smallest eigenvalue", "Eigenvalue (nats / weight²)"),
    "gradient_norm": ("norm of the gradient", "Norm (nats / weight)"),
    "trace": ("trace of the Hessian", "Trace (nats / weight²)"),
}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Two rows of panels: means over seeds as lines through large marks, seeds as small ones."""
    rows = table(tables["probes"])
    if rows.empty:
        return parts.note("This study probes no checkpoints")
    every = list(dict.fromkeys(rows["arm"]))
    panels = [panel(rows, what, every) for what in PANELS if what in set(rows["what"])]
    lines = [alt.hconcat(*panels[i : i + 2], spacing=24) for i in range(0, len(panels), 2)]
    return parts.finish(alt.vconcat(*lines, spacing=16), *text(rows, every))


def table(probes: pd.DataFrame) -> pd.DataFrame:
    """What the panels show: arm, seed, moment, what, value, and `place`, the number of the moment."""
    rows = probes[(probes["probe"] == "curvature") & probes["moment"].isin(MOMENTS) & probes["value"].notna()]
    names = {("eigenvalue", 0): LEADING, ("eigenvalue", -1): SMALLEST, ("stability_limit", None): LIMIT}
    names |= {(quantity, None): quantity for quantity in ("gradient_norm", "trace")}
    own = rows["quantity"] == "eigenvalue"
    keys = zip(rows["quantity"], rows["index"].where(own, np.nan), strict=True)
    what = [names.get((quantity, None if pd.isna(index) else int(index))) for quantity, index in keys]
    rows = rows.assign(what=pd.Series(what, index=rows.index, dtype=object), arm=rows["arm"].astype(str))
    rows = rows[rows["what"].notna()].assign(place=rows["moment"].astype(str).map(MOMENTS.index))
    return rows[["arm", "seed", "moment", "place", "what", "value"]].reset_index(drop=True)


def panel(rows: pd.DataFrame, what: str, every: list[str]) -> alt.typing.ChartType:
    """One quantity at the moments, arms side by side."""
    heading, title = PANELS[what]
    # Arms stand beside one another, since before the change they are one run.
    aside = {arm: SPREAD * (i - (len(every) - 1) / 2) for i, arm in enumerate(every)}
    rows = rows.assign(x=(rows["place"] + rows["arm"].map(aside)).round(3))
    log = what == LEADING
    rows = rows[(rows["value"] > 0) | ~rows["what"].isin([LEADING, LIMIT])]
    seeds = rows[rows["what"] == what]
    means = mean(seeds)
    limits = mean(rows[rows["what"] == LIMIT]) if log else means.iloc[:0]
    shown = pd.concat([seeds["value"], limits["value"]])
    if log:
        domain = [rounded(shown.min() / 1.4), rounded(shown.max() * 1.4)]
    else:
        low, high = min(0.0, shown.min()), max(0.0, shown.max())
        room = 0.06 * (high - low or 1.0)
        domain = [rounded(low - room) if low < 0 else 0.0, rounded(high + room) if high > 0 else 0.0]
    scale = alt.Scale(type="log" if log else "linear", domain=domain, nice=False)
    ticks: dict[str, Any] = {"values": decades(*domain), "format": "~s"} if log else {"tickCount": 5}
    y = alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(**ticks))
    axis = alt.Axis(values=list(range(len(MOMENTS))), labelExpr=f"{json.dumps(MOMENTS)}[datum.value]", grid=False)
    x = alt.X("x:Q", title="Moment of the run", axis=axis, scale=alt.Scale(domain=[-0.5, 3.5], nice=False))
    key = parts.legend(every, symbolSize=80, symbolFillColor="transparent")
    color, shape = (
        c("arm:N", scale=parts.scale(every, every, i), legend=key) for c, i in ((alt.Color, 0), (alt.Shape, 2))
    )
    tips = ["arm:N", "moment:N", alt.Tooltip("value:Q", title=heading.split(";")[0], format=".4~g")]
    ordered = {"x": x, "y": y, "color": color}
    # Dashes are no encoding, which would dash the symbols of the legend too.
    lines = [
        alt.Chart(own).mark_line(strokeWidth=1.8, opacity=0.85, strokeDash=theme.style(every, arm)[1]).encode(**ordered)
        for arm, own in means.groupby("arm", sort=False)
    ]
    dots = alt.Chart(exact(seeds)).mark_point(size=5, strokeWidth=1.6, opacity=0.65)
    dots = dots.encode(**ordered, shape=shape, tooltip=[*tips, "seed:N"])
    large = alt.Chart(means).mark_point(size=70, strokeWidth=2, opacity=1)
    large = large.encode(**ordered, shape=shape, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    layers = [*lines, dots, large]
    if len(limits):
        side = 0.42 * SPREAD
        limit = alt.Chart(limits.assign(x=limits["x"] - side, end=(limits["x"] + side).round(3)).round({"x": 3}))
        tip = alt.Tooltip("value:Q", title=LIMIT, format=".4~g")
        limit = limit.mark_rule(strokeWidth=3, opacity=0.9)
        layers.append(limit.encode(**ordered, x2="end:Q", tooltip=["arm:N", "moment:N", tip]))
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, name=what.replace(" ", "_"))
    return chart.properties(title=parts.heading(heading))


def decades(low: float, high: float) -> list[float]:
    """Round numbers of a logarithmic axis: 1, 2 and 5 where it is short, else powers of ten."""
    steps = (1, 2, 5) if high / low < 1e3 else (1,)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [rounded(s * 10.0**p) for p in powers for s in steps if low <= s * 10.0**p <= high]


def mean(rows: pd.DataFrame) -> pd.DataFrame:
    """Over seeds, in the order of arms and moments."""
    groups = rows.groupby(["arm", "moment", "place", "x"], sort=False, observed=True)["value"]
    return exact(groups.agg(value="mean", n="size").reset_index())


def exact(rows: pd.DataFrame) -> pd.DataFrame:
    """Values to five digits."""
    return rows.assign(value=[rounded(value, 5) for value in rows["value"]])


def rounded(value: float, digits: int = 3) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")


def ratios(rows: pd.DataFrame, what: str, every: list[str]) -> tuple[dict[str, Interval], bool]:
    """By arm the ratio at the last moment, mean and 95 % interval (taken of logarithms): to arm none's where there is
    one (then True), else to the arm's own before the change.
    """
    own = rows[(rows["what"] == what) & (rows["value"] > 0)]
    wide = own.pivot_table(index=["arm", "seed"], columns="place", values="value", observed=True)
    last = wide.columns.max() if len(wide) else 0
    paired = theme.CONTROL in every and len(every) > 1
    by_arm = {}
    for arm in every:
        if (paired and arm == theme.CONTROL) or arm not in wide.index or not last:
            continue
        of = wide.loc[theme.CONTROL, last] if paired and theme.CONTROL in wide.index else wide.loc[arm].get(0)
        if of is not None:
            interval = t_interval(np.log(wide.loc[arm, last] / of).dropna())
            by_arm[arm] = Interval(*(float(np.exp(value)) for value in interval))
    return by_arm, paired


def findings(rows: pd.DataFrame, every: list[str]) -> list[str]:
    """What the intervals of the ratios support."""
    sentences = []
    for what, name in ((LEADING, "leading curvature"), ("gradient_norm", "the gradient")):
        changes, paired = ratios(rows, what, every)
        beside = "without the change" if paired else "before the change"
        up = {arm: f"{ratio:.2g}" for arm, (ratio, low, _) in changes.items() if low > 1}
        down = {arm: f"{ratio:.2g}" for arm, (ratio, _, high) in changes.items() if high < 1}
        each = [f"{ratio} times ({arm})" for arm, ratio in (up | down).items()]
        if each:
            sentences.append(f"{name} is {words.joined(each)} what it is {beside}")
    return sentences


def text(rows: pd.DataFrame, every: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    summary = "; ".join(findings(rows, every))
    title = f"At the last moment probed {summary}" if summary else "Curvature of the training loss around the change"
    groups = rows[rows["what"] != LIMIT].groupby(["arm", "moment", "what"], observed=True).size()
    small = "" if int(groups.max()) == 1 else "; small: seeds"
    subtitle = [
        f"Large marks: {words.seeds_shown(groups)}{small}",
        "Before the change, eight updates after it, and at the ends of the first and the last epoch probed after it",
    ]
    caption = (
        "Hessian and gradient of the training loss on a fixed sample. Above its stability limit, which depends on "
        "learning rate and momentum, a direction of curvature would make the full-batch iteration diverge. Small "
        "batches are not expected there: theirs is batch sharpness, which another picture shows. Negative eigenvalues "
        "are what a saddle would have, and nearly every network has some. Arms stand side by side at one moment. The "
        "title claims a ratio (to arm none at the last moment, where there is one) only where its 95 % t-interval over "
        "seeds, of logarithms, excludes 1."
    )
    listed = []
    for what in [*PANELS, LIMIT]:
        own = rows[rows["what"] == what].groupby(["arm", "moment"], sort=False, observed=True)["value"].mean()
        numbers = [
            f"{arm} " + ", ".join(f"{number(own[arm, m])} {m}" for m in MOMENTS if (arm, m) in own.index)
            for arm in every
            if arm in own.index.get_level_values(0)
        ]
        listed += [f"{what.replace('_', ' ')}: {'; '.join(numbers)}"] if numbers else []
    return title, subtitle, caption, f"Curvature at up to four moments, means over seeds. {'. '.join(listed)}."


def number(value: float) -> str:
    """Three digits with a true minus sign."""
    return f"{rounded(value):g}".replace("-", "−")
