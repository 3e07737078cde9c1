"""The picture of an answer: judged curves, drops and rises on them, changes of the schedule, the rate below."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..figures import theme
from ..figures.words import joined, wrap
from .explained import Explained
from .first_line import verdict
from .moments import Event
from .readers import Curve
from .rules import ROWS, WIDTH, axis, rate, rules
from .wording import safe

HEIGHT = 230
STYLES = {"test": (0, [1, 0]), "validation": (2, [1, 0]), "": (3, [1, 0]), "train": (1, [6, 3])}
MARKS = {"drop": ("triangle-down", theme.COLOURS[0]), "rise": ("triangle-up", theme.COLOURS[1])}
LONGEST = 40  # characters of a name from the log


def draw(explanation: Explained) -> alt.VConcatChart:
    """Panels for errors and losses over a common axis, and one for the learning rate where the log has it."""
    log = explanation.log
    panels = []
    span = (min(c.labels[0] for c in log.judged), max(c.labels[-1] for c in log.judged))
    kinds = [kind for kind in ("error", "loss") if any(c.kind == kind for c in log.judged)]
    below = "learning rate" in log.settings
    for place, kind in enumerate(kinds):
        mine = [c for c in log.judged if c.kind == kind]
        ends = (place == 0, place == len(kinds) - 1 and not below)
        panels.append(panel(explanation, mine, kind, span, ends))
    if below:
        panels.append(rate(explanation, span))
    chart = alt.vconcat(*panels, spacing=14)
    title = alt.TitleParams(wrap(verdict(explanation), 90), subtitle=subtitle(explanation))
    chart = chart.properties(title=title, description=described(explanation))
    return chart.resolve_scale(color="independent", strokeDash="independent", shape="shared")


def subtitle(explanation: Explained) -> list[str]:
    """What marks and rules are, as far as there are any."""
    kinds = {e.kind for e in explanation.events}
    parts = ["Triangles: sudden drops (down) and rises (up)"] if kinds & {"drop", "rise"} else []
    parts += ["dashed grey rules: changes of the schedule"] if explanation.schedule.changes else []
    return ["; ".join(parts)] if parts else []


def described(explanation: Explained) -> str:
    """What a reader who cannot see the picture is told."""
    names = joined([safe(c.name) for c in explanation.log.judged])
    return f"{names} by {explanation.log.axis.unit}. {verdict(explanation)}"


def panel(
    explanation: Explained, curves: list[Curve], kind: str, span: tuple[float, float], ends: tuple[bool, bool]
) -> alt.typing.ChartType:
    """One panel of curves with marks and rules; `ends`: whether it is the first, and the last."""
    unit = explanation.log.axis.unit
    x = axis(unit, span, ends[1])
    table = points(curves)
    positive = float(table["value"].min()) > 0 if len(table) else True
    wide = positive and float(table["value"].max()) > 20 * float(table["value"].min())
    scale = alt.Scale(type="log", nice=False) if wide else alt.Scale(zero=kind == "error")
    title = ("Error (%)" if kind == "error" else "Loss") + (", logarithmic" if wide else "")
    form: dict[str, Any] = {"format": "~g"} if wide else {}
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(title=title, tickCount=6, **form))
    names = [safe(c.name)[:LONGEST] for c in curves]
    looks = [style(c, [d for d in curves[:place] if d.split == c.split]) for place, c in enumerate(curves)]
    key = alt.Legend(title=None, orient="top", symbolType="stroke", symbolSize=400, columns=4, labelLimit=220, offset=4)
    lines = alt.Chart(table).mark_line(strokeWidth=1.6, clip=True)
    colours, dashes = (alt.Scale(domain=names, range=[look[i] for look in looks]) for i in (0, 1))
    lines = lines.encode(
        x, y,
        color=alt.Color("curve:N", scale=colours, legend=key),
        strokeDash=alt.StrokeDash("curve:N", scale=dashes, legend=key),
        tooltip=["curve:N", alt.Tooltip("label:Q", title=unit), alt.Tooltip("value:Q", format=".4~g")],
    )  # fmt: skip
    layers = [*rules(explanation, span, ends[0]), lines]
    marks = [e for e in explanation.events if e.curve in curves and e.kind in MARKS]
    if marks:
        layers += events(marks, unit)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT)


def style(curve: Curve, before: list[Curve]) -> tuple[str, list[int]]:
    """Colour and dash of a curve by its split; further curves of a split take further colours."""
    colour, dash = STYLES[curve.split]
    return theme.COLOURS[(colour + 4 * len(before)) % len(theme.COLOURS)], dash


def points(curves: list[Curve]) -> pd.DataFrame:
    """Points of curves, thinned where they are too many to draw: of each stretch the lowest and the highest."""
    room = max(50, ROWS // max(1, len(curves)))
    frames = []
    for curve in curves:
        chosen = thinned(curve.values, room)
        name = safe(curve.name)[:LONGEST]
        frames.append(pd.DataFrame({"curve": name, "label": curve.labels[chosen], "value": curve.values[chosen]}))
    return pd.concat(frames, ignore_index=True).astype({"label": float, "value": float})


def thinned(values: np.ndarray, room: int) -> np.ndarray:
    """Indices of at most about `room` values that keep the outline."""
    if len(values) <= room:
        return np.arange(len(values))
    parts = np.array_split(np.arange(len(values)), room // 2)
    return np.unique([at for part in parts for at in (part[values[part].argmin()], part[values[part].argmax()])])


def events(marks: list[Event], unit: str) -> list[alt.Chart]:
    """Triangles at drops and rises, with the facts as a tooltip."""
    rows = pd.DataFrame([
        {
            "label": e.label, "value": float(e.curve.values[e.point]), "kind": e.kind,
            "curve": safe(e.curve.name)[:LONGEST], "cause": safe(e.cause),
            "size": round(abs(e.size), 3), "ratio": round(e.ratio, 3) if np.isfinite(e.ratio) else None,
            "confidence": round(e.confidence, 2),
        }
        for e in marks
    ])  # fmt: skip
    kinds = list(MARKS)
    mark = alt.Chart(rows).mark_point(size=85, filled=True, opacity=1, stroke=theme.GREY, strokeWidth=0.6, clip=False)
    return [
        mark.encode(
            alt.X("label:Q"), alt.Y("value:Q"),
            shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=[MARKS[k][0] for k in kinds]), legend=None),
            fill=alt.Fill("kind:N", scale=alt.Scale(domain=kinds, range=[MARKS[k][1] for k in kinds]), legend=None),
            tooltip=[
                "curve:N", "kind:N", alt.Tooltip("label:Q", title=unit), "size:Q", "ratio:Q", "confidence:Q", "cause:N",
            ],
        )
    ]  # fmt: skip
