"""Learning rate and batch size (both on logarithmic axes) against epochs, as each arm sets them."""

import altair as alt
import numpy as np
import pandas as pd

from . import parts, words

HEIGHT = 165
PANELS = {"learning_rate": "Learning rate", "batch_size": "Batch size"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.VConcatChart:
    """Steps: the setting of epoch e holds over the interval from e - 1 to e."""
    schedules = tables["schedules"]
    every, at, end = parts.arms(schedules), parts.marks(schedules), int(schedules["epoch"].max())
    views = []
    for column, title in PANELS.items():
        rows = steps(schedules, column)
        last = column == list(PANELS)[-1]
        axis = alt.Axis(title="Epochs completed" if last else None, labels=last, tickMinStep=1, grid=False)
        tips = [
            "arm:N", alt.Tooltip("x:Q", title="after epoch"), alt.Tooltip("setting:Q", title=title.lower())
        ]  # fmt: skip
        x = alt.X("x:Q", axis=axis, scale=alt.Scale(domain=[0, end], nice=False))
        y = alt.Y("y:Q", title=title, scale=log_scale(rows), axis=log_axis(rows))
        look = parts.line_style(every, every)
        lines = alt.Chart(rows, name=f"lines_{column}").mark_line(interpolate="step-after", strokeWidth=2)
        lines = lines.encode(x, y, opacity=parts.faded(parts.chosen(), 1.0, 0.08), **look)
        lines = lines if last else lines.add_params(parts.chosen())
        hover = alt.Chart(rows).mark_point(size=70, opacity=0, filled=True, aria=False)
        hover = hover.encode(x.axis(None), y, tooltip=tips)
        layers = [*parts.rules(at, end, labelled=not last), lines, hover]
        views.append(parts.view(layers, HEIGHT, name=f"panel_{column}"))
    chart = alt.vconcat(*views, spacing=14).resolve_scale(color="shared", strokeDash="shared")
    return parts.finish(chart, *text(schedules, every, at))


def steps(schedules: pd.DataFrame, column: str) -> pd.DataFrame:
    """Columns arm x setting y: where each step begins and the last ends; y keeps coinciding lines apart."""
    every = parts.arms(schedules)
    rows = schedules.assign(arm=schedules["arm"].astype(str), setting=schedules[column].astype(float))
    rows = rows[rows["setting"] > 0].sort_values(["arm", "epoch"])  # a rate of 0 has no place on a log axis
    begins = rows[rows.groupby("arm")["setting"].shift() != rows["setting"]].assign(x=lambda t: t["epoch"] - 1)
    ends = rows.groupby("arm").tail(1).assign(x=lambda t: t["epoch"])
    table = pd.concat([begins, ends])[["arm", "x", "setting"]].drop_duplicates(["arm", "x"])
    # Some pixels between arms, so that those of one setting run side by side and don't hide one another.
    pixels = min(3, 14 / len(every))
    place = table["arm"].map({arm: i - (len(every) - 1) / 2 for i, arm in enumerate(every)}).astype(float)
    decades = max(np.log10(rows["setting"].max() / rows["setting"].min()), 0.5)
    shifted = table["setting"] * 10 ** (-place * pixels / HEIGHT * decades)
    return table.assign(y=[float(f"{value:.5g}") for value in shifted]).sort_values(["arm", "x"])


def log_scale(rows: pd.DataFrame) -> alt.Scale:
    """Logarithmic, with a little room above and below."""
    low, high = rows["y"].min(), rows["y"].max()
    room = max((high / low) ** 0.06, 1.15)
    return alt.Scale(type="log", domain=[float(low / room), float(high * room)], nice=False)


def log_axis(rows: pd.DataFrame) -> alt.Axis:
    """Ticks at the settings themselves where they are few."""
    values = sorted(set(rows["setting"]))
    return alt.Axis(format="~r", values=values) if len(values) <= 8 else alt.Axis(format="~r", tickCount=5)


def text(schedules: pd.DataFrame, every: list[str], at: dict) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    title = "Learning rate and batch size by epoch"
    settings = schedules.groupby("epoch")[["learning_rate", "batch_size"]].nunique().max(axis=1)
    first = min(at, default=0)
    if at and len(every) > 1 and (settings[settings.index <= first] == 1).all():
        title = f"All arms train alike for {words.count(first, 'epoch')}; then rate or batch size changes"
    subtitle = [f"Setting of each epoch; {words.count(len(every), 'arm')}, drawn side by side where they coincide"]
    caption = (
        "Learning rate and batch size under which each epoch is trained (the setting of epoch e is drawn "
        "from e − 1 to e), on logarithmic axes. Lines are moved apart by a few pixels so that arms of one "
        "setting don't hide each other; the ticks give the exact values."
    )
    ends = [f"{arm} {setting_path(rows)}" for arm, rows in schedules.groupby("arm", sort=False)]
    return (
        title,
        subtitle,
        caption,
        f"Step lines of learning rate and batch size against epochs. {'; '.join(ends)}.",
    )


def setting_path(rows: pd.DataFrame) -> str:
    """`learning rate 0.05, then 0.005; batch size 32 throughout`, by epochs; a long path by its ends."""
    phrases = []
    for column, title in PANELS.items():
        values = rows.sort_values("epoch")[column]
        path = [f"{value:g}" for value in values[values != values.shift()]]
        if len(path) > parts.FEW:
            path = [path[0], f"… {path[-1]} in {len(path) - 1} changes"]
        phrases.append(f"{title.lower()} {', then '.join(path)}")
    return " and ".join(phrases)
