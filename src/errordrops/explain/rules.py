"""What stands on the horizontal axis of the picture: changes of the schedule as rules, and the learning rate."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..figures import theme
from .explained import Explained
from .known_changes import Change
from .wording import number

WIDTH, LOW = 640, 70
ROWS = 4500  # per data set, below Altair's limit of 5,000


def axis(unit: str, span: tuple[float, float], last: bool) -> alt.X:
    """The common horizontal axis; the last panel names it."""
    title = {"epoch": "Epoch, as the log counts", "step": "Step", "record": "Record"}[unit] if last else None
    short: dict[str, Any] = {"format": "~s"} if span[1] >= 10_000 else {}
    # labels at regular distances, the last of them within the picture also where the page is narrow
    shown = alt.Axis(title=title, grid=False, tickMinStep=1, labelFlush=True, labelOverlap="parity", **short)
    return alt.X("label:Q", scale=alt.Scale(domain=list(span), nice=False, clamp=False), axis=shown)


def between(change: Change, explanation: Explained) -> float:
    """Where a change stands, in the log's own labels: half way between the last point before it and the first after it.

    Of all judged curves the narrowest such gap. Where the log does not tell at which of several points a curve first
    had the new setting, it is the one at which the curve was seen to fall or rise, or else the last of them.
    """
    sure: list[tuple[float, float]] = []
    other: list[tuple[float, float]] = []
    for curve in explanation.log.judged:
        low, high = change.points(curve)
        seen = [e.point for e in explanation.events if e.change == change and e.curve is curve and not e.offset]
        point = seen[0] if seen else high
        if 0 < point < len(curve.labels):
            gap = float(curve.labels[point - 1]), float(curve.labels[point])
            (sure if seen or low == high else other).append(gap)
    gaps = sure or other
    return (max(low for low, _ in gaps) + min(high for _, high in gaps)) / 2 if gaps else change.label


def rules(explanation: Explained, span: tuple[float, float], labelled: bool) -> list[alt.Chart]:
    """Rules at changes of the schedule; above the first panel what changed, as far as there is room."""
    places = sorted(((between(c, explanation), said(c)) for c in explanation.schedule.changes), key=lambda p: p[0])
    rows = pd.DataFrame([{"label": x, "what": what} for x, what in places if span[0] <= x <= span[1]][:200])
    if rows.empty:
        return []
    unit = explanation.log.axis.unit
    rule = alt.Chart(rows).mark_rule(color=theme.GREY, strokeDash=[3, 3], strokeWidth=1, opacity=0.9)
    layers = [
        rule.encode(
            alt.X("label:Q"), tooltip=[alt.Tooltip("label:Q", title=unit), alt.Tooltip("what:N", title="change")]
        )
    ]
    if labelled and (shown := roomy(rows, span)):
        text = alt.Chart(rows.iloc[shown]).mark_text(
            style="guide-label", align="left", dx=4, dy=4, baseline="top", fontSize=11
        )
        layers.append(text.encode(alt.X("label:Q"), y=alt.value(0), text="what:N"))
    return layers


def roomy(rows: pd.DataFrame, span: tuple[float, float]) -> list[int]:
    """Which labels fit without running into the next rule or the right edge."""
    width = max(span[1] - span[0], 1e-9)
    places = [WIDTH * (label - span[0]) / width for label in rows["label"]]
    ends = [*places[1:], WIDTH + 20]
    return [
        i for i, (x, end) in enumerate(zip(places, ends, strict=True)) if 6.2 * len(rows["what"].iloc[i]) + 6 < end - x
    ]


def said(change: Change) -> str:
    """`rate ÷ 10`, `batch × 3`, `stated`."""
    if not change.before or not change.after:
        return "stated" if change.after is None else f"rate {number(change.after)}"
    factor = change.after / change.before
    name = {"learning rate": "rate", "batch size": "batch", "batches per epoch": "batches"}.get(
        change.what, change.what
    )
    told = f"{name} × {number(round(factor, 3))}" if factor > 1 else f"{name} ÷ {number(round(1 / factor, 2))}"
    if change.batch is None:
        return told
    grown = change.batch[1] / change.batch[0]
    return f"{told}, batch {'×' if grown > 1 else '÷'} {number(round(max(grown, 1 / grown), 2))}"


def steps(explanation: Explained) -> pd.DataFrame:
    """The learning rate as steps: columns label, where a rate begins, and rate; the last row is where the log ends.

    A sudden change stands where its rule does, any other half way between the records that show the old and the new.
    """
    rows, values = explanation.log.settings["learning rate"]
    labels = explanation.log.axis.labels[rows]
    known = {(c.after_row, c.by_row): c for c in explanation.schedule.changes if c.what == "learning rate"}
    edges = np.flatnonzero(np.diff(values) != 0)
    if len(edges) > ROWS:
        sudden = np.flatnonzero(np.isin(rows[edges], [c.after_row for c in explanation.schedule.changes]))
        edges = edges[np.union1d(np.linspace(0, len(edges) - 1, ROWS).astype(int), sudden[:200])]
    starts = [labels[0]]
    for edge in edges:
        change = known.get((int(rows[edge]), int(rows[edge + 1])))
        middle = (labels[edge] + labels[edge + 1]) / 2
        starts.append(max(starts[-1], between(change, explanation) if change else middle))
    end = max(starts[-1], *(curve.labels[-1] for curve in explanation.log.judged))
    table = pd.DataFrame({"label": [*starts, end], "rate": values[[0, *(edges + 1), -1]]})
    return table.astype(float).query("rate > 0").drop_duplicates()


def rate(explanation: Explained, span: tuple[float, float]) -> alt.typing.ChartType:
    """The learning rate as the log has it."""
    table = steps(explanation)
    unit = explanation.log.axis.unit
    wide = len(table) and table["rate"].max() > 5 * table["rate"].min()
    y = alt.Y(
        "rate:Q",
        scale=alt.Scale(type="log" if wide else "linear", padding=5, nice=False),
        axis=alt.Axis(title="Rate", tickCount=3, grid=False, format="~g"),
    )
    line = alt.Chart(table).mark_line(interpolate="step-after", color=theme.GREY, strokeWidth=1.8, clip=True)
    line = line.encode(
        axis(unit, span, True), y, tooltip=[alt.Tooltip("label:Q", title=unit), alt.Tooltip("rate:Q", format=".4~g")]
    )
    return alt.layer(*rules(explanation, span, False), line).properties(width=WIDTH, height=LOW)
