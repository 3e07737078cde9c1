"""What the figures of cuts share: how cuts look, and the switch between training loss and test error."""

import json
from typing import Any

import altair as alt
import pandas as pd

from ..results.intervals import t_interval
from . import theme

MEASURES = {  # name -> (split, metric, unit, decimals); all with recomputed batch-norm statistics
    "training loss": ("train_eval", "loss_recomputed", "nats", 3),
    "test error": ("test", "error_recomputed", "points", 1),
}
SHOWN = "datum.measure == measure"
# The cuts of the sweep.
CUTS = {"rate": "learning rate cut", "batch": "batch enlarged", "placebo": "placebo (new order of the data only)"}
STYLES = {  # colour, dash, symbol: those of the first arms of a study, and of arm none
    **{cut: theme.style(["rate", "batch"], cut) for cut in ("rate", "batch")},
    "placebo": (theme.GREY, theme.CONTROL_DASH, "triangle-up"),
}


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the two measures, named in the column `measure`; others are left out."""
    names = {(split, metric): name for name, (split, metric, *_) in MEASURES.items()}
    pairs = zip(table["split"], table["metric"], strict=True)
    measure_of_row = pd.Series([names.get(pair) for pair in pairs], index=table.index, dtype=object)
    return table.assign(measure=measure_of_row)[measure_of_row.notna()]


def switch(value: str) -> alt.Parameter:
    """Buttons below the figure; `value` is what the title is about."""
    return alt.param(name="measure", value=value, bind=alt.binding_radio(options=list(MEASURES), name="Measure: "))


def following(text: str) -> alt.ExprRef:
    """A text whose places {measure} and {unit} follow the switch."""
    texts = {name: text.format(measure=name, unit=unit) for name, (_, _, unit, _) in MEASURES.items()}
    return alt.ExprRef(f"{json.dumps(texts, ensure_ascii=False)}[measure]")


def heading(text: str) -> alt.TitleParams:
    """Name of the vertical axis above its panel, where it can follow the switch (the title of an axis cannot)."""
    return alt.TitleParams(following(text), fontSize=12, fontWeight="normal", offset=8, anchor="start", frame="group")


def below(layers: list[alt.Chart], text: str) -> alt.LayerChart:
    """The layers with a name of the horizontal axis that follows the switch: an axis of its own, with one label."""
    # A label of an axis, since a theme gives axes, unlike text marks, a colour for its background.
    label = following(text).to_dict()["expr"]
    plain: dict[str, Any] = {"orient": "bottom", "domain": False, "ticks": False, "grid": False, "title": None}
    axis = alt.Axis(values=[0.5], labelExpr=label, labelOverlap=False, labelLimit=0, offset=20, **plain)
    x = alt.X("middle:Q", axis=axis, scale=alt.Scale(domain=[0, 1], nice=False))
    name = alt.Chart(pd.DataFrame({"middle": [0.5]})).mark_rule(strokeWidth=0).encode(x)
    own = alt.layer(*layers).resolve_scale(color="independent", strokeDash="independent")
    return alt.layer(own, name).resolve_scale(x="independent")


def following_scale(ends: pd.DataFrame, low: str, high: str) -> alt.Scale:
    """An axis between columns `low` and `high` of the row that the switch names."""
    low_end, high_end = (alt.ExprRef(f"{json.dumps(ends[end].to_dict())}[measure]") for end in (low, high))
    return alt.Scale(nice=False, zero=False, domainMin=low_end, domainMax=high_end)


def number(value: float, measure: str, sign: bool = False) -> str:
    """The value in the decimals of its measure, with a true minus sign and no minus before zero."""
    value = round(float(value), MEASURES[measure][3]) + 0.0
    return f"{value:{'+' if sign else ''}.{MEASURES[measure][3]}f}".replace("-", "−")


def over_seeds(rows: pd.DataFrame, column: str) -> tuple[float, float, float]:
    """Mean of the seeds' means and its 95 % t-interval: what all rows of a seed have in common counts once."""
    return t_interval(rows.groupby("seed")[column].mean().dropna())
