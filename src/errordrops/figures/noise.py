"""Is it the noise? Height of the first plateau and falls of training loss against the noise scale g, by arm."""

from typing import Any

import altair as alt
import pandas as pd

from ..analysis.noise_fits import line
from ..results.intervals import t_interval
from . import parts, theme, words

KINDS = {"nothing changes": "triangle-up", "learning rate divided": "circle", "batch enlarged": "square"}
OTHER = "another change"
LEFT, RIGHT, HEIGHT = 300, 190, 290
LOSS = "Training loss (nats)"
PLATEAU, DROP = "first plateau", "drop at milestone"


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Left the plateau against g, right the falls against the change of g, one panel a milestone."""
    levels, falls = tables["plateaus"], tables["noise_drops"]
    fits = tables["noise_fits"].set_index("what")
    # A line through two scales, however many arms stand there, would fit without a meaning.
    if levels["noise"].round(1).nunique() < 3:
        return parts.note("This study has too few noise scales for a line")
    levels = levels.assign(x=levels["noise"], y=levels["level"])
    falls = falls.assign(x=falls["noise_before"] - falls["noise_after"], y=falls["fall"])
    headings = {PLATEAU: "end of the first plateau"}
    headings |= {f"{DROP} {index}": f"fall at milestone {index}" for index in sorted(falls["index"].unique())[:2]}
    panels, number = {}, max(len(headings) - 1, 1)
    for what, heading in headings.items():
        left = what == PLATEAU
        rows = levels if left else falls[falls["index"] == int(what.split()[-1])]
        names = ("Noise scale g / g of arm none", LOSS) if left else ("Change of g / g of arm none", "Fall (nats)")
        size = (LEFT, HEIGHT) if left else (RIGHT, (HEIGHT - 75 * (number - 1)) // number)
        title = f"{heading}: {fitted(fits, what)}"
        panels[what] = panel(rows, names, labelled=left).properties(
            title=parts.heading(title), width=size[0], height=size[1], name=what.replace(" ", "_")
        )
    right = [panels[what] for what in panels if what != PLATEAU]
    chart = alt.hconcat(panels[PLATEAU], *([alt.vconcat(*right, spacing=16)] if right else []), spacing=20)
    return parts.finish(chart, *text(levels, falls, fits, headings))


def kind(arm: str) -> str:
    """What the name of an arm says that it changes."""
    starts = {theme.CONTROL: "nothing changes", "step": "learning rate divided", "batch": "batch enlarged"}
    return next((what for start, what in starts.items() if str(arm).startswith(start)), OTHER)


def fitted(fits: pd.DataFrame, what: str) -> str:
    """R2 and number of arms."""
    r2 = fits["r2"].get(what, float("nan"))
    return "too few arms for a line" if pd.isna(r2) else f"R² = {r2:.2f} ({int(fits['n'][what])} arms)"


def panel(rows: pd.DataFrame, names: tuple[str, str], labelled: bool) -> alt.typing.ChartType:
    """Straight line, seeds as small marks, arms' means as large ones."""
    rows = rows.assign(arm=rows["arm"].astype(str), kind=rows["arm"].map(kind))[["arm", "kind", "seed", "x", "y"]]
    means = rows.groupby(["arm", "kind"], sort=False).agg(x=("x", "mean"), y=("y", "mean"), n=("y", "size"))
    means = means.reset_index()
    present = set(means["kind"])
    shapes = KINDS | ({OTHER: "diamond"} if OTHER in present else {})  # the same in all panels: they share a legend
    colours = {"nothing changes": theme.GREY, OTHER: theme.COLOURS[2]}
    colours |= dict(zip(list(KINDS)[1:], theme.COLOURS, strict=False))  # as arms step and batch have elsewhere
    key = parts.legend(list(shapes), symbolSize=80, symbolFillColor="transparent")
    color = alt.Color("kind:N", scale=alt.Scale(domain=list(shapes), range=[colours[k] for k in shapes]), legend=key)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=list(shapes), range=list(shapes.values())), legend=key)
    low, high = (rows["y"].min(), rows["y"].max()) if labelled else (min(0.0, rows["y"].min()), rows["y"].max())
    room = 0.06 * max(high - low, 1e-3)
    ends = [round(low - (room if low else 0), 5), round(high + room, 5)]
    most = means["x"].max()
    x_scale = alt.Scale(domain=[-0.22 * most if labelled else 0, 1.12 * most], nice=False)
    ticks: dict[str, Any] = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1]} if labelled else {"tickCount": 6}
    x = alt.X("x:Q", title=names[0], axis=alt.Axis(grid=False, **ticks), scale=x_scale)
    y_scale = alt.Scale(domain=ends, nice=False, zero=False)
    y = alt.Y("y:Q", title=names[1], axis=alt.Axis(tickCount=5), scale=y_scale)
    tips = ["arm:N", alt.Tooltip("x:Q", title=names[0], format=".2f"), alt.Tooltip("y:Q", title=names[1], format=".3f")]
    layers = []
    intercept, slope, _ = line(means["x"], means["y"])
    if not pd.isna(slope):
        fit = pd.DataFrame({"x": [means["x"].min(), means["x"].max()]}).assign(y=lambda t: intercept + slope * t["x"])
        layers.append(alt.Chart(fit.round(4)).mark_line(color=theme.GREY, strokeWidth=1.2).encode(x, y))
    dots = alt.Chart(rows.round(4)).mark_point(size=9, filled=True, opacity=0.7)
    layers.append(dots.encode(x, y, color=color, shape=shape, tooltip=[*tips, "seed:N"]))
    large = alt.Chart(means.round(4)).mark_point(size=80, strokeWidth=2.2, opacity=1)
    layers.append(large.encode(x, y, color=color, shape=shape, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")]))
    return alt.layer(*layers, *(labels(means, ends, x, y) if labelled else []))


def labels(means: pd.DataFrame, ends: list[float], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Names beside the marks, one text where marks lie over one another.

    Those of the smallest g stand at the left, since the small scales are close.
    """
    texts: list[dict] = []
    near = 0.05 * (ends[1] - ends[0])
    for row in means.itertuples():
        same = [t for t in texts if abs(t["x"] - row.x) < 0.03 and abs(t["y"] - row.y) < near]
        if same:
            same[0]["names"] += f", {row.arm}"
        else:
            texts.append({"x": row.x, "y": row.y, "names": row.arm, "left": row.x < means["x"].min() + 0.05})
    look: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 11, "baseline": "middle"}
    sides: dict[bool, dict[str, Any]] = {True: {"align": "right", "dx": -9}, False: {"align": "left", "dx": 9, "dy": 4}}
    table = pd.DataFrame(texts).round(4)
    return [
        alt.Chart(table[table["left"] == left]).mark_text(**look, **side).encode(x, y, text="names:N")
        for left, side in sides.items()
    ]


def text(
    levels: pd.DataFrame, falls: pd.DataFrame, fits: pd.DataFrame, headings: dict[str, str]
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    slopes = [line(own["x"], own["y"])[1] for _, own in levels.groupby("seed")]
    slope = t_interval([value for value in slopes if not pd.isna(value)])
    title = "Plateaus and falls of training loss against the noise scale g"
    known = {what: f"{fits['r2'][what]:.2f}" for what in headings if not pd.isna(fits["r2"].get(what))}
    if slope.low > 0 and PLATEAU in known:
        title = "Training loss on the first plateau rises with the noise scale g: R² of a straight line "
        title += known.pop(PLATEAU)
        later = [f"milestone {what.split()[-1]}: {r2}" for what, r2 in known.items()]
        title += f" (falls at {', '.join(later)})" if later else ""
    seeds = levels.groupby("arm").size()
    small = "" if int(seeds.max()) == 1 else "; small marks: seeds"
    subtitle = [f"Large marks: arms, {words.seeds_shown(seeds)}{small}; line: least squares through arms"]
    caption = (
        "Noise scale g = learning rate × (training images / batch size − 1), divided by 1 − momentum, as a multiple of "
        "arm none's. Left: mean training loss of the last epochs before the second milestone, recomputed batch-norm "
        "statistics. Right: fall from the epochs before a milestone to the second epoch after it. At milestone 1 all "
        "arms are one run; at milestone 2 they have travelled different distances (summed learning rates). "
        "Rate and batch arms of one factor lie over one another; names on hover."
    )
    alone, both = (fits["r2"].get(f"all plateaus{more}", float("nan")) for more in ("", ", with distance"))
    if not pd.isna(both):
        caption += f" Over the ends of all {int(fits['n']['all plateaus'])} plateaus of arms that begin as arm none R² "
        caption += f"is {alone:.2f} with g alone and {both:.2f} with g and the distance travelled together."
    caption += " The title claims a rise only where the 95 % t-interval of the slope over seeds lies above zero."
    means = levels.groupby("arm", sort=False)[["x", "y"]].mean()
    places = [f"{row.Index} {row.y:.3f} nats at {row.x:.2f}" for row in means.itertuples()]
    sure = (
        ""
        if pd.isna(slope.low)
        else f" (slope {slope.mean:.3f} nats, 95 % {slope.low:.3f} to {slope.high:.3f})".replace("-", "−")
    )
    deep = [
        f"milestone {index}: "
        + ", ".join(f"{arm} {value:.3f}" for arm, value in own.groupby("arm", sort=False)["y"].mean().items())
        for index, own in falls.groupby("index")
    ]
    alt_text = f"Training loss on the first plateau against noise scale{sure}: {'; '.join(places)}. "
    alt_text += f"Falls in nats, {'; '.join(deep)}. " if deep else ""
    alt_text += "; ".join(f"{heading}: {fitted(fits, what)}" for what, heading in headings.items()) + "."
    return title, subtitle, caption, alt_text
