"""How much of a visible drop of test error is only lag of the running batch-norm statistics, by milestone and arm."""

import altair as alt
import pandas as pd

from . import parts, theme, words

WIDTH, ROW = 400, 32
NUMBERS = ("visible", "recomputed", "lag")


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """One bar per arm: filled what remains with recomputed statistics, outlined what is lag, a rule its interval."""
    every = parts.arms(tables["schedules"])
    rows = table(tables["lag_summary"], every)
    if rows.empty:
        return parts.note("No headline arm changes its setting in this study")
    bars = rows[["start", "remains", "total"]]
    rules = rows[["from", "to"]].fillna(0.0)
    most = max(bars.abs().max().max(), 0.1)
    # An interval over two or three seeds can be longer than all bars together: it is cut.
    low = min(bars.min().min(), max(-most, rules.min().min()))
    high = max(bars.max().max(), min(2.5 * most, rules.max().max()))
    domain = [round(float(low - 0.03 * most), 3) if low < 0 else 0.0, round(float(high + 0.03 * most), 3)]
    at = sorted(set(rows["milestone"]))
    views = [panel(rows[rows["milestone"] == m], every, domain, m, last=m == at[-1]) for m in at]
    chart = alt.vconcat(*views, spacing=10).resolve_scale(x="shared", color="independent")
    return parts.finish(chart, *text(rows))


def table(summary: pd.DataFrame, every: list[str]) -> pd.DataFrame:
    """Headline arms at their first two changes, with the places of the bars: 0, remains, total, and the rule's ends."""
    rows = summary[summary["arm"].astype(str).isin(every) & (summary["index"] <= 2) & summary["lag"].notna()]
    rows = rows.assign(arm=rows["arm"].astype(str), start=0.0, remains=rows["recomputed"], total=rows["visible"])
    rows = rows.assign(**{"from": rows["recomputed"] + rows["lag_low"], "to": rows["recomputed"] + rows["lag_high"]})
    # A negative lag hides a part of the fall: that part is outlined too, in dashes, and not filled.
    rows = rows.assign(filled=rows["remains"].where(rows["lag"] >= 0, rows[["remains", "total"]].min(axis=1)))
    rows = rows.assign(other=rows["total"].where(rows["lag"] >= 0, rows["remains"]), hidden=rows["lag"] < 0)
    signs = ["−" if lag < 0 else "+" for lag in rows["lag"].round(1)]
    texts = zip(rows["recomputed"], signs, rows["lag"].abs(), strict=True)
    rows = rows.assign(words=[f"{number(rest)} remain {sign} {number(lag)} lag" for rest, sign, lag in texts])
    rows = rows.drop(columns=["visible_low", "visible_high", "recomputed_low", "recomputed_high"])
    return rows.sort_values(["milestone", "arm"], key=lambda c: c.map(every.index) if c.name == "arm" else c)


def panel(rows: pd.DataFrame, every: list[str], domain: list[float], m: int, last: bool) -> alt.typing.ChartType:
    """The bars of one milestone."""
    here = list(rows["arm"])
    color = alt.Color("arm:N", scale=parts.scale(every, here, 0), legend=None)
    y = alt.Y("arm:N", title=None, sort=here, axis=alt.Axis(labelLimit=150, labelPadding=6, ticks=False, domain=False))
    axis = alt.Axis(title="Fall of test error (points)" if last else None, labels=last, tickCount=8)
    scale = alt.Scale(domain=domain, nice=False)

    def x(column: str) -> alt.X:
        return alt.X(f"{column}:Q", scale=scale, axis=axis)

    tips: parts.Tips = [
        "arm:N",
        *(alt.Tooltip(f"{c}:Q", title=f"{c} (points)", format=".2f") for c in NUMBERS),
    ]
    tips += [alt.Tooltip(f"lag_{end}:Q", title=f"lag, 95 % {end}", format=".2f") for end in ("low", "high")]
    base = alt.Chart(rows.drop(columns="study").round(3)).encode(
        y=y, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")]
    )
    solid = base.mark_bar(height=14).encode(x("start"), alt.X2("filled:Q"), color=color)
    dash = alt.StrokeDash("hidden:N", scale=alt.Scale(domain=[False, True], range=[[1, 0], [3, 2]]), legend=None)
    hollow = base.mark_bar(height=13, filled=False, strokeWidth=1.8)
    hollow = hollow.encode(x("filled"), alt.X2("other:Q"), color=color, strokeDash=dash)
    sure = base.transform_filter("isValid(datum.from)")
    rule = sure.mark_rule(color=theme.GREY, strokeWidth=1.8, yOffset=12, clip=True)
    label = base.mark_text(**parts.BESIDE).encode(x=alt.value(WIDTH + 12), text="words:N")
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY)
    layers = [solid, hollow, rule.encode(x("from"), alt.X2("to:Q")), zero.encode(x("zero")), label]
    chart = alt.layer(*layers).properties(width=WIDTH, height=ROW * len(here), name=f"milestone_{m}")
    return chart.properties(title=parts.heading(f"after epoch {m}"))


def number(value: float) -> str:
    """`2.5` or `−0.1`, never `−0.0`."""
    return f"{round(value, 1) + 0:.1f}".replace("-", "−")


def text(rows: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    n = rows["n"]
    title = "Visible fall of test error after a change, and how much of it is lag of running statistics"
    sure = rows[rows["lag_low"] > 0]
    if len(sure):
        first = sure["milestone"].min()
        there, known = rows[rows["milestone"] == first], sure[sure["milestone"] == first]
        title = (
            f"Of the {words.span(known['visible'])} points by which test error visibly falls after epoch {first}, "
            f"{words.span(known['lag'])} are only lag of running batch-norm statistics"
        )
        title += "" if len(known) == len(there) else f", in {len(known)} of {len(there)} arms"
    rule = "; rule below: 95 % interval of lag" if int(n.max()) > 1 else ""
    subtitle = [
        f"Filled: remains with recomputed statistics; outlined: only lag{rule}",
        f"Means over epochs before and after the change; {words.seeds_shown(n)}",
    ]
    caption = (
        "Fall of test error, mean over up to five epochs before a change less that over up to five after it. The whole "
        "bar is what one sees with the running batch-norm statistics of training; its filled part is left when they "
        "are recomputed for the weights at hand. The outlined rest is lag: running statistics trail behind weights "
        "that move fast (dashed where lag hides a part of the fall). Rules: where the end of the bar would be at the "
        "ends of the 95 % t-interval of lag. The title takes the first milestone at which that interval lies above "
        "zero in some arm."
    )
    listed = []
    for row in rows.itertuples():
        interval = (
            "" if pd.isna(row.lag_low) else f" (95 % {words.signed(row.lag_low)} to {words.signed(row.lag_high)})"
        )
        listed.append(
            f"{row.arm} after epoch {row.milestone}: visible {number(row.visible)}, remains {number(row.recomputed)}, "
            f"lag {number(row.lag)}{interval}"
        )
    alt_text = f"Bars of the fall of test error in points, split into what remains and lag. {'; '.join(listed)}."
    return title, subtitle, caption, alt_text
