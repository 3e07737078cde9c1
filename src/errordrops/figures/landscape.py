"""A map of the training loss through the weights before a change, their average and the weights after it."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..results.intervals import t_interval
from . import parts, theme

WIDTH, SMALL, LOW, HIGH = 530, 150, 240, 420
SAMPLE, BATCHES = -1, (0, 1, 2)
POINTS = {0: "before the change", 1: "average of the weights", 2: "after"}
SHAPES = {0: "circle", 1: "diamond", 2: "square"}
PATHS = {"after": "with the change", "unchanged": "without it"}
CLIP = 0.9  # share of the map whose losses the colours tell apart
X, Y = "Distance along the change (weight space)", "Distance across (weight space)"


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """A large map of the sample with paths and points, below it small ones of single batches."""
    probes = tables["probes"]
    if probes.empty:
        return parts.note("This study probes no checkpoints")
    rows = probes[probes["probe"] == "landscape"].assign(arm=lambda t: t["arm"].astype(str))
    rows = rows[rows["value"].notna() | (rows["quantity"] != "loss")]
    maps = rows[rows["quantity"] == "loss"]
    if maps[maps["index"] == SAMPLE].empty:
        return parts.note("This study has no map of the loss")
    every = list(dict.fromkeys(maps["arm"]))
    # In arm none nothing changes: both paths are one.
    arm = next((name for name in every if name != theme.CONTROL), every[0])
    seed = next(iter(maps.loc[maps["arm"] == arm, "seed"]))
    mine = rows[(rows["arm"] == arm) & (rows["seed"] == seed)]
    grids = {index: grid(mine, index) for index in (SAMPLE, *BATCHES)}
    paths, points = walked(mine), known(mine)
    ends = extent(grids[SAMPLE])
    ratio = (ends[1][1] - ends[1][0]) / (ends[0][1] - ends[0][0])
    size = (WIDTH, int(np.clip(WIDTH * ratio, LOW, HIGH)))
    views = [large(grids[SAMPLE], paths, points, ends, size)]
    small = [batch(grids[i], points, i, round(SMALL * size[1] / size[0])) for i in BATCHES if len(grids[i])]
    views += [alt.hconcat(*small, spacing=16).resolve_scale(color="independent")] if small else []
    chart = alt.vconcat(*views, spacing=14).resolve_scale(color="independent", strokeDash="independent")
    return parts.finish(chart, *text(rows[rows["arm"] == arm], grids, points, arm, seed, bool(small)))


def grid(rows: pd.DataFrame, index: int) -> pd.DataFrame:
    """Points of one map as cells of a regular grid: value, x, y, and their edges x1, x2, y1, y2."""
    cells = rows[(rows["quantity"] == "loss") & (rows["index"] == index)][["x", "y", "value"]].astype(float)
    cells = cells.round({"x": 6, "y": 6, "value": 4})
    step = 1
    while len(cells) / step**2 > parts.ROWS:
        step += 1
    for axis in ("x", "y"):
        places = np.unique(cells[axis])[::step]
        half = float(np.diff(places).mean()) / 2 if len(places) > 1 else 0.5
        cells = cells[cells[axis].isin(places)]
        cells = cells.assign(**{f"{axis}1": cells[axis] - half, f"{axis}2": cells[axis] + half})
    return cells.round(5).reset_index(drop=True)


def extent(cells: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Where the map ends, on both axes."""
    across, along = ([float(cells[f"{axis}1"].min()), float(cells[f"{axis}2"].max())] for axis in ("x", "y"))
    return across, along


def walked(rows: pd.DataFrame) -> pd.DataFrame:
    """Points of the paths in order: path, index (updates since the change), x, y."""
    paths = rows[(rows["quantity"] == "path") & rows["moment"].isin(list(PATHS))]
    paths = paths.assign(path=paths["moment"].astype(str).map(PATHS))
    pieces = []
    for path, own in paths.sort_values("index", kind="stable").groupby("path", sort=True):
        if path == PATHS["unchanged"] and (own["index"] < 0).any():  # up to the change both are one
            own = own[own["index"] >= own.loc[own["index"] < 0, "index"].max()]
        step = -(-2 * len(own) // parts.ROWS)
        pieces.append(own.iloc[:: max(step, 1)])
    columns = ["path", "index", "x", "y"]
    return pd.concat(pieces)[columns].round(4).reset_index(drop=True) if pieces else pd.DataFrame(columns=columns)


def known(rows: pd.DataFrame) -> pd.DataFrame:
    """The three points: index, what, x, y, value."""
    places = rows[(rows["quantity"] == "point") & rows["index"].isin(list(POINTS))].sort_values("index")
    places = places.assign(index=places["index"].astype(int), what=places["index"].astype(int).map(POINTS))
    return places[["index", "what", "x", "y", "value"]].round(4).reset_index(drop=True)


def places(ends: tuple[list[float], list[float]], titled: bool, edge: str = "") -> tuple[alt.X, alt.Y]:
    """Axes of a map; fewer ticks on a small one. `edge`: what follows x and y in names of columns."""
    axis = alt.Axis(grid=False, tickCount=8 if titled else 3, format="~g")
    titles = (X, Y) if titled else ("Distance along", "Distance across")
    scales = [alt.Scale(domain=[round(e, 4) for e in end], nice=False, zero=False) for end in ends]
    x = alt.X(f"x{edge}:Q", title=titles[0], scale=scales[0], axis=axis)
    return x, alt.Y(f"y{edge}:Q", title=titles[1], scale=scales[1], axis=axis)


def colours(cells: pd.DataFrame) -> list[float]:
    """Lowest loss, and that below which nine tenths of the map lie: the valley shows, the walls are clipped."""
    low, high = float(cells["value"].min()), float(cells["value"].quantile(CLIP))
    return [round(low, 4), round(high if high > low else low + 1e-3, 4)]


def filled(cells: pd.DataFrame, x: alt.X, y: alt.Y, length: int) -> alt.Chart:
    """The cells, each a little larger than it is, since seams would show between them."""
    scale = alt.Scale(domain=colours(cells), scheme="viridis", clamp=True, nice=False)
    key = alt.Legend(
        title="Loss (nats)",
        orient="bottom",
        direction="horizontal",
        gradientLength=length,
        gradientThickness=10,
        tickCount=4 if length > SMALL else 2,
        titleFontWeight="normal",
    )
    tips = [alt.Tooltip("value:Q", title="loss (nats)", format=".3f")]
    tips += [alt.Tooltip(f"{axis}:Q", title=title, format=".3f") for axis, title in (("x", X), ("y", Y))]
    mark = alt.Chart(cells).mark_rect(clip=True, x2Offset=0.6, y2Offset=-0.6)
    return mark.encode(
        x, y, alt.X2("x2:Q"), alt.Y2("y2:Q"), color=alt.Color("value:Q", scale=scale, legend=key), tooltip=tips
    )


def large(
    cells: pd.DataFrame,
    paths: pd.DataFrame,
    points: pd.DataFrame,
    ends: tuple[list[float], list[float]],
    size: tuple[int, int],
) -> alt.typing.ChartType:
    """The map of the sample with paths, points and their names."""
    x, y = places(ends, titled=True)
    layers = [filled(cells, *places(ends, True, "1"), 220)]
    if len(paths):
        key = alt.Legend(title=None, orient="bottom", symbolStrokeColor=theme.GREY, symbolSize=500, symbolType="stroke")
        shown = [path for path in PATHS.values() if path in set(paths["path"])]
        scale = alt.Scale(domain=shown, range=[{"with the change": [1, 0]}.get(path, [4, 3]) for path in shown])
        dash = alt.StrokeDash("path:N", scale=scale, legend=key)
        tips = ["path:N", alt.Tooltip("index:Q", title="updates since the change")]
        base = alt.Chart(paths)
        # White on a dark edge is seen on every colour of the map.
        for colour, width in (("black", 3.4), ("white", 1.7)):
            line = base.mark_line(color=colour, strokeWidth=width, clip=True, strokeJoin="round")
            layers.append(line.encode(x, y, strokeDash=dash, order="index:Q", tooltip=tips))
    if len(points):
        layers += [marked(points, x, y, 110), *labels(points, ends, x, y)]
    chart = alt.layer(*layers).properties(width=size[0], height=size[1], name="map_sample")
    return chart.properties(title=parts.heading("loss on the sample"))


def marked(points: pd.DataFrame, x: alt.X, y: alt.Y, size: int) -> alt.Chart:
    """The three points, each with a symbol of its own."""
    scale = alt.Scale(domain=list(POINTS.values()), range=list(SHAPES.values()))
    tips = ["what:N", alt.Tooltip("value:Q", title="loss on the sample (nats)", format=".3f")]
    mark = alt.Chart(points).mark_point(size=size, fill="white", stroke="black", strokeWidth=1.5, opacity=1)
    return mark.encode(x, y, shape=alt.Shape("what:N", scale=scale, legend=None), tooltip=tips)


def labels(points: pd.DataFrame, ends: tuple[list[float], list[float]], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Names of the points, on the side of each where the map has room; the average's above it, the others' below."""
    across = ends[0]
    share = (points["x"] - across[0]) / (across[1] - across[0])
    look: dict[str, Any] = {"font": theme.FONT, "fontSize": 12, "fontWeight": 600}
    layers = []
    for side, own in points.groupby(np.where(share < 0.25, "left", np.where(share > 0.75, "right", "center"))):
        for above in (True, False):
            here = own[(own["index"] == 1) == above]
            if here.empty:
                continue
            place: dict[str, Any] = {
                "align": str(side),
                "baseline": "bottom" if above else "top",
                "dy": -9 if above else 9,
            }
            base = alt.Chart(here).encode(x, y, text="what:N")
            halo = base.mark_text(**look, **place, color="black", stroke="black", strokeWidth=3)
            layers += [halo, base.mark_text(**look, **place, color="white")]
    return layers


def batch(cells: pd.DataFrame, points: pd.DataFrame, index: int, height: int) -> alt.typing.ChartType:
    """The map of a single batch, in colours of its own."""
    ends = extent(cells)
    layers = [filled(cells, *places(ends, False, "1"), SMALL - 20)]
    layers += [marked(points, *places(ends, False), 45)] if len(points) else []
    chart = alt.layer(*layers).properties(width=SMALL, height=max(height, 90), name=f"map_batch_{index}")
    return chart.properties(title=parts.heading(f"on batch {index + 1} alone"))


def below(rows: pd.DataFrame, index: int):
    """Nats by which a point lies below the weights before the change, over the arm's seeds: mean and interval."""
    own = rows[rows["quantity"] == "point"].pivot_table(index="seed", columns="index", values="value", observed=True)
    return t_interval((own[0] - own[index]).dropna() if {0, index} <= set(own.columns) else [])


def text(
    rows: pd.DataFrame, grids: dict[int, pd.DataFrame], points: pd.DataFrame, arm: str, seed: int, small: bool
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    average, after = below(rows, 1), below(rows, 2)
    sentences = []
    if average.low > 0:
        sentences.append(f"the average of the weights already lies {average.mean:.2g} nats below the weights")
    if after.low > 0:
        sentences.append(f"after the change the weights lie {after.mean:.2g} nats below those before")
    title = "A map of the training loss around the change"
    if rows["seed"].nunique() == 1 and average.mean > 0 and after.mean > 0:
        title = "In this run the average of the weights already has a lower loss, as the weights have after the change"
    elif len(sentences) == 2:
        title = f"Before the change {sentences[0]}; after it the weights themselves lie {after.mean:.2g} nats below"
    elif sentences:
        title = f"Before the change {sentences[0]}" if average.low > 0 else sentences[0][0].upper() + sentences[0][1:]
    subtitle = [
        f"Arm {arm}, seed {seed}; lines: training from an epoch before the change to an epoch after it",
        "Dark: low loss; colours end where nine tenths of a map lie below" + (", for each map" if small else ""),
    ]
    caption = (
        "Training loss on the plane through three points: the weights before the change, the average of the weights "
        "over the updates before it, and the weights after. Above: a fixed sample of training images. "
        + ("Below: the loss on single training batches of the epoch after the change. " if small else "")
        + "Lines are projections on the plane, so that a line may lie off what is coloured under it. Losses above the "
        "90th percentile of a map have one colour. One run is drawn; where the title speaks of more than that, it "
        "claims only what the 95 % t-interval over seeds supports."
    )
    alt_text = f"Map of the training loss, arm {arm}, seed {seed}, on a plane in weight space. "
    listed = [f"{row.what} {row.value:.3f} nats at ({row.x:.2f}, {row.y:.2f})" for row in points.itertuples()]
    alt_text += f"Points: {'; '.join(listed)}. " if listed else ""
    ranges = [
        f"{'sample' if index == SAMPLE else f'batch {index + 1}'} {cells['value'].min():.3f} to "
        f"{cells['value'].max():.3f} nats"
        for index, cells in grids.items()
        if len(cells)
    ]
    return title, subtitle, caption, f"{alt_text}Losses on the maps: {'; '.join(ranges)}.".replace("(-", "(−")
