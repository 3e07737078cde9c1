"""Epoch-to-epoch deviation of test error before and after the first change of each arm."""

import altair as alt
import pandas as pd

from . import parts, theme, words

METRIC = "error_recomputed"
SIDES = {"before": "sd_before", "after": "sd_after"}
WIDTH, ROW = 390, 32


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """One row per arm: open circle before, filled circle after, on a logarithmic axis; at the right the ratio."""
    rows = table(tables["variance_summary"], tables["schedules"])
    if rows["arm"].eq(theme.CONTROL).all():
        return parts.note("No arm has enough epochs on both sides of its first change")
    shown = list(rows["arm"])
    everything = list(dict.fromkeys([*parts.arms(tables["schedules"]), *shown]))
    color = alt.Color("arm:N", scale=parts.scale(everything, shown, 0), legend=None)
    y = alt.Y("row:N", title=None, sort=list(rows["row"]), axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    limits = [0.8 * rows[[*SIDES.values()]].min().min(), 1.25 * rows[[*SIDES.values()]].max().max()]
    scale = alt.Scale(type="log", domain=[float(f"{end:.3g}") for end in limits], nice=False)
    ticks = [m * 10.0**p for p in range(-4, 3) for m in (1, 2, 5) if limits[0] <= m * 10.0**p <= limits[1]]
    title = "Epoch-to-epoch deviation of test error (points, logarithmic)"
    axis = alt.Axis(values=ticks, format="~g")
    start, end = (alt.X(f"{column}:Q", scale=scale, title=title, axis=axis) for column in SIDES.values())
    tips: parts.Tips = ["arm:N", alt.Tooltip("milestone:Q", title="after epoch")]
    tips += [alt.Tooltip(f"{column}:Q", title=f"{side} (points)", format=".2f") for side, column in SIDES.items()]
    tips += [alt.Tooltip("words:N", title="variance"), alt.Tooltip("n:Q", title="seeds")]
    base = alt.Chart(rows.round(4)).encode(y=y, color=color, tooltip=tips)
    line = base.mark_rule(strokeWidth=2, xOffset=alt.expr("datum.sd_after < datum.sd_before ? -6 : 6")).encode(
        start, alt.X2("sd_after:Q")
    )
    before = base.mark_point(size=85, strokeWidth=2, filled=False, opacity=1).encode(start)
    after = base.mark_point(size=95, filled=True, opacity=1).encode(end)
    label = alt.Chart(rows).mark_text(**parts.BESIDE).encode(y=y, x=alt.value(WIDTH + 12), text="words:N")
    axis_title = "Variance" if rows["ratio_low"].isna().all() else "Variance (95 % interval)"
    head = alt.Chart(pd.DataFrame({"head": [axis_title]})).mark_text(**parts.BESIDE)
    head = head.encode(x=alt.value(WIDTH + 12), y=alt.value(-6), text="head:N")
    chart = alt.layer(line, before, after, label, head).properties(
        width=WIDTH, height=ROW * len(rows), name="deviations"
    )
    return parts.finish(chart, *text(rows))


def table(summary: pd.DataFrame, schedules: pd.DataFrame) -> pd.DataFrame:
    """First change of headline arms and of those that change at other epochs, arm none at the first of the study."""
    summary = summary.assign(arm=summary["arm"].astype(str))
    summary = summary[(summary["split"] == "test") & (summary["metric"] == METRIC)]
    summary = summary[(summary[[*SIDES.values()]] > 0).all(axis=1)]
    headline, at = parts.arms(schedules), parts.marks(schedules)
    own = summary[summary["arm"] != theme.CONTROL]
    # In a long list of milestones (a cosine) none is the change of which this figure speaks.
    few = own.groupby("arm")["index"].transform("max") < parts.FEW
    moved = ~own["milestone"].isin(at)
    own = own[(own["index"] == 1) & few & (own["arm"].isin(headline) | moved)]
    none = summary[(summary["arm"] == theme.CONTROL) & (summary["milestone"] == min(at, default=-1))]
    order = [*headline, *(arm for arm in dict.fromkeys(schedules["arm"].astype(str)) if arm not in headline)]
    rows = pd.concat([none, own])
    rows = rows[rows["arm"].isin(order)].sort_values("arm", key=lambda arms: arms.map(order.index))
    rows = rows.reset_index(drop=True)
    moved = rows["milestone"].nunique() > 1
    names = [f"{row.arm}, after {row.milestone}" if moved else row.arm for row in rows.itertuples()]
    return rows.assign(
        row=names, words=[times(row.ratio) + between(row.ratio_low, row.ratio_high) for row in rows.itertuples()]
    )


def times(ratio: float) -> str:
    """A ratio of variances in words: `÷ 12`, `× 1.3`."""
    return f"÷ {number(1 / ratio)}" if ratio < 1 else f"× {number(ratio)}"


def between(low: float, high: float) -> str:
    """Its interval in the same words, empty where there is none."""
    if pd.isna(low):
        return ""
    if high < 1:
        return f" ({number(1 / high)} to {number(1 / low)})"
    return f" ({number(low)} to {number(high)})" if low >= 1 else f" ({times(low)} to {times(high)})"


def number(value: float) -> str:
    """Two digits: 1.3, 12, 150, and no more than 1,000."""
    return f"{value:.1f}" if value < 9.95 else f"{float(f'{value:.2g}'):.0f}" if value < 1000 else "over 1,000"


def text(rows: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    own, none = rows[rows["arm"] != theme.CONTROL], rows[rows["arm"] == theme.CONTROL]
    sure = own[own["ratio_high"] < 1]
    title = "Epoch-to-epoch deviation of test error before and after the first change"
    if len(sure):
        factors = [number(factor) for factor in sorted({(1 / sure["ratio"]).min(), (1 / sure["ratio"]).max()})]
        factors = list(dict.fromkeys(factors))
        title = (
            f"At an arm's first change the epoch-to-epoch variance of test error is divided by {' to '.join(factors)}"
        )
        title += "" if len(sure) == len(own) else f", in {len(sure)} of {len(own)} arms"
        title += "".join(f" (arm none: {times(ratio)})" for ratio in none["ratio"])
    n = rows["n"]
    subtitle = ["Open circle: before, filled: after the first change of the arm"]
    subtitle += [f"Recomputed batch-norm statistics; {words.seeds_shown(n)}"]
    control = "Arm none, in grey, at the first milestone of the others: nothing changes there. " if len(none) else ""
    caption = (
        "Deviation of one epoch's test error from its neighbours: root of half the mean squared difference of "
        "successive epochs, so that of a trend only the slope counts, over up to six epochs on either side of the "
        f"arm's first change, without the epoch that follows it. {control}Ratio of variances: geometric mean over "
        "seeds. The title counts an arm only where the whole 95 % t-interval lies below 1."
    )
    listed = [
        f"{row.arm} (after epoch {row.milestone}) {row.sd_before:.2f} to {row.sd_after:.2f} points, "
        f"variance {row.words}"
        for row in rows.itertuples()
    ]
    alt_text = f"Epoch-to-epoch deviation of test error before and after the first change: {'; '.join(listed)}."
    return title, subtitle, caption, alt_text
