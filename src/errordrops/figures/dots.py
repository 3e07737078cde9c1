"""Rows of dots with intervals, an arm and kind each: what figures of the probes share."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from . import parts, theme

ROW = 26
SYMBOLS = ("circle", "diamond")  # filled, hollow


def names(table: pd.DataFrame) -> list[str]:
    """Arms in order of appearance."""
    return list(dict.fromkeys(table["arm"].astype(str)))


def chosen(table: pd.DataFrame, kinds: dict[str, str], arms: list[str]) -> pd.DataFrame:
    """Rows of those quantities and arms that have a value, arm by arm, with the columns `kind` and `label`."""
    rows = table.assign(arm=table["arm"].astype(str), quantity=table["quantity"].astype(str))
    rows = rows[rows["quantity"].isin(list(kinds)) & rows["arm"].isin(arms) & np.isfinite(rows["value"].astype(float))]
    rows = rows.assign(kind=rows["quantity"].map(kinds))
    pairs = zip(rows["arm"], rows["kind"], strict=True)
    rows = rows.assign(label=[arm if len(kinds) == 1 else f"{arm}: {kind}" for arm, kind in pairs])
    places = {"arm": arms.index, "quantity": list(kinds).index}
    return rows.sort_values(list(places), key=lambda c: c.map(places[c.name]), kind="stable").reset_index(drop=True)


def sure(summary: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose 95 % interval excludes 0, in arms whose fall surely is one: a share of no fall means nothing."""
    falls = summary[(summary["quantity"].astype(str) == "fall") & (summary["value_low"] > 0)]
    apart = (rows["value_low"] > 0) | (rows["value_high"] < 0)
    return rows[apart & rows["arm"].isin(set(falls["arm"].astype(str)))]


def limits(rows: pd.DataFrame, seeds: pd.DataFrame, at: list[float]) -> list[float]:
    """Ends of the axis: means, seeds and rules lie inside; an interval over few seeds may be cut."""
    fixed = np.array([*rows["value"], *seeds.get("value", []), *at], dtype=float)
    bounds = rows[["value_low", "value_high"]].to_numpy(float).ravel()
    bounds = bounds[np.isfinite(bounds)]
    low, high = fixed.min(), fixed.max()
    reach = 0.75 * max(high - low, 0.3)
    low = min([low, *np.maximum(bounds, low - reach)])
    high = max([high, *np.minimum(bounds, high + reach)])
    room = 0.05 * (high - low)
    return [round(float(low - room), 3), round(float(high + room), 3)]


def dots(
    rows: pd.DataFrame,
    seeds: pd.DataFrame,
    every: list[str],
    title: str,
    width: int,
    marks: dict[float, str],
    name: str,
) -> alt.typing.ChartType:
    """A row per arm and kind: mean (filled or hollow symbol), interval, seeds as small dots; rules at `marks`."""
    domain = limits(rows, seeds, list(marks))
    shown, kinds = list(dict.fromkeys(rows["arm"])), list(dict.fromkeys(rows["kind"]))
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    axis = alt.Axis(title=title, tickCount=6)

    def x(column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=scale, axis=axis)

    order = list(rows["label"])
    plain = alt.Axis(title="Arm", labelLimit=220, labelPadding=6, ticks=False, domain=False, grid=False)
    y = alt.Y("label:N", sort=order, scale=alt.Scale(domain=order), axis=plain)
    color = alt.Color("arm:N", scale=parts.scale(every, shown, 0), legend=None)
    clipped = {end: rows[f"value_{bound}"].clip(*domain) for end, bound in (("from", "low"), ("to", "high"))}
    columns = ["arm", "kind", "label", "n", "value", "value_low", "value_high", "from", "to"]
    table = rows.assign(**clipped)[columns].round(5)
    tips: parts.Tips = [
        "arm:N",
        alt.Tooltip("kind:N", title="what"),
        alt.Tooltip("value:Q", title="mean", format=".3f"),
    ]
    tips += [alt.Tooltip(f"value_{end}:Q", title=f"95 % {end}", format=".3f") for end in ("low", "high")]
    base = alt.Chart(table).encode(y=y, color=color, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    lines = pd.DataFrame({"at": list(marks), "name": list(marks.values())})
    rule = alt.Chart(lines).mark_rule(color=theme.GREY, strokeDash=[4, 3]).encode(x("at"))
    look: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 11, "baseline": "bottom"}
    label = alt.Chart(lines).mark_text(**look).encode(x("at"), y=alt.value(-4), text="name:N")
    known = base.transform_filter("isValid(datum.from) && isValid(datum.to)")
    layers = [rule, label, known.mark_rule(strokeWidth=1.8).encode(x("from"), alt.X2("to:Q"))]
    if len(seeds):
        small = alt.Chart(seeds[seeds["label"].isin(order)][["arm", "kind", "label", "seed", "value"]].round(5))
        small = small.mark_point(size=12, filled=True, opacity=0.7, yOffset=7)
        tooltip = ["arm:N", alt.Tooltip("kind:N", title="what"), "seed:N", alt.Tooltip("value:Q", format=".3f")]
        layers.append(small.encode(x("value"), y=y, color=color, tooltip=tooltip))
    for kind, symbol in zip(kinds, SYMBOLS, strict=False):
        solid = symbol == SYMBOLS[0]
        mark = base.transform_filter(alt.FieldEqualPredicate(field="kind", equal=kind))
        look = {"size": 70, "shape": symbol, "filled": solid, "opacity": 1, "strokeWidth": 2}
        layers.append(mark.mark_point(**look).encode(x("value")))
    return alt.layer(*layers).properties(width=width, height=ROW * len(order), name=name)


def number(value: float) -> str:
    """Two decimals, a true minus sign; small ratios keep two digits."""
    short = f"{round(value, 2) + 0:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
    return short.replace("-", "−")


def listing(rows: pd.DataFrame) -> str:
    """Every row with its mean and interval, for a reader who can't see the figure."""
    parts = []
    for row in rows.itertuples():
        bounds = f" (95 % {number(row.value_low)} to {number(row.value_high)})" if row.n > 1 else ""
        parts.append(f"{row.label} {number(row.value)}{bounds}")
    return "; ".join(parts)
