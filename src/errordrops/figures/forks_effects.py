"""Every fork's effect in one row: what was changed, and how far training loss and test error moved."""

from typing import Any

import altair as alt
import pandas as pd

from . import parts, theme, words

WIDTH, ROW = 250, 24
COLOURS = {"less": theme.COLOURS[0], "equal": theme.COLOURS[1], "more": theme.COLOURS[3]}
NAMES = {"less": "less noise", "equal": "equal noise", "more": "more noise"}
ALIKE = 0.02
PANELS = (("share", "Training loss, as a share of the rate cut's fall"), ("error", "Test error (points)"))


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Two panels of dots with intervals, a row a fork."""
    rows = table(tables["causes"])
    if rows.empty:
        return parts.note("This study has no forks")
    order = list(rows["label"])
    views = [panel(rows, column, title, order, first=i == 0) for i, (column, title) in enumerate(PANELS)]
    chart = alt.hconcat(*views, spacing=24).resolve_scale(y="shared")
    return parts.finish(chart, *text(rows))


def table(causes: pd.DataFrame) -> pd.DataFrame:
    """Forks from least to most noise, with a label that says what was changed."""
    rows = causes[causes["n"] > 0].assign(fork=causes["fork"].astype(str), changed=causes["changed"].astype(str))
    kind = ["equal" if abs(noise - 1) < ALIKE else "less" if noise < 1 else "more" for noise in rows["noise"]]
    label = [f"{row.fork} (g × {row.noise:.2g})" for row in rows.itertuples()]
    rows = rows.assign(kind=kind, name=[NAMES[fork] for fork in kind], label=label)
    place = {"less": 0, "equal": 1, "more": 2}
    return rows.sort_values("kind", key=lambda c: c.map(place), kind="stable").reset_index(drop=True)


def panel(rows: pd.DataFrame, column: str, title: str, order: list[str], first: bool) -> alt.typing.ChartType:
    """Dots with 95 % intervals about the rule at zero."""
    own = rows.dropna(subset=[column]).round(5)
    numbers = own[[column, f"{column}_low", f"{column}_high"]].to_numpy(float)
    low, high = min(0.0, float(numbers[numbers == numbers].min())), max(0.0, float(numbers[numbers == numbers].max()))
    room = 0.05 * (high - low)
    scale = alt.Scale(domain=[round(low - room, 3), round(high + room, 3)], nice=False)
    axis = alt.Axis(title=title, tickCount=6)
    names = alt.Axis(title=None, ticks=False, domain=False, labelLimit=240, labels=first)
    y = alt.Y("label:N", sort=order, scale=alt.Scale(domain=order), axis=names)
    shown = [name for name in NAMES.values() if name in set(rows["name"])]
    kinds = {name: COLOURS[kind] for kind, name in NAMES.items()}
    colour = alt.Color(
        "name:N", scale=alt.Scale(domain=shown, range=[kinds[n] for n in shown]), legend=parts.legend(shown)
    )
    x = alt.X(f"{column}:Q", scale=scale, axis=axis)
    tips: list[Any] = [
        "fork:N",
        "changed:N",
        *(alt.Tooltip(f"{column}{end}:Q", format=".3f") for end in ("", "_low", "_high")),
    ]
    base = alt.Chart(own).encode(y=y, color=colour, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    zero = alt.Chart(pd.DataFrame({column: [0.0]})).mark_rule(color=theme.GREY, strokeDash=[4, 3]).encode(x)
    bars = base.transform_filter(f"isValid(datum.{column}_low)").mark_rule(strokeWidth=2)
    bars = bars.encode(alt.X(f"{column}_low:Q", scale=scale, axis=axis), alt.X2(f"{column}_high:Q"))
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x)
    return alt.layer(zero, bars, dots).properties(width=WIDTH, height=ROW * len(order), name=f"forks_{column}")


def text(rows: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    happened = {kind: set(rows[(rows["kind"] == kind) & rows["fork"].ne("placebo")]["happened"]) for kind in NAMES}
    title = "What every fork did to training loss and test error"
    if happened["less"] == {"falls"} and happened["equal"] == {"stays"} and happened["more"] <= {"rises"}:
        title = "Less noise lowers the loss, more raises it, equal noise leaves it"
    subtitle = [
        f"Dots: {words.seeds_shown(rows['n'])}, five epochs after the date, less arm none; bars: 95 % intervals"
    ]
    caption = (
        "A row a fork of arm none: g is learning rate × noise factor / (batch × (1 − momentum)), as a multiple of what "
        "it was. Left: change of running training loss as a share of the rate cut's (1: fell as far; negative: rose), "
        "Fieller's interval. Right: change of test error with recomputed statistics, in points."
    )
    shares = [f"{share:.2f}".replace("-", "−") for share in rows["share"]]
    listed = "; ".join(
        f"{row.label}: share {share}, {row.happened}" for row, share in zip(rows.itertuples(), shares, strict=True)
    )
    return title, subtitle, caption, f"Dots with intervals, a row a fork. {listed}."
