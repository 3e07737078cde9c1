"""Parts that figures are built from: milestones, arm scales, means over seeds, rules, titles."""

import json
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd

from . import theme, words

WIDTH = 580
FEW = 8  # a schedule with this many changes or more (a cosine) has no milestones to draw
# the rule of a milestone, in every figure
MILESTONE: dict[str, Any] = {"color": theme.GREY, "strokeWidth": 1, "opacity": 0.7}
# a text beside a row, which a theme colours as it colours the axes
BESIDE: dict[str, Any] = {
    "style": "guide-label",
    "font": theme.FONT,
    "fontSize": 12,
    "align": "left",
    "baseline": "middle",
}
Tips = list[str | alt.Tooltip]  # entries of a tooltip
SWITCHES = 8  # more arms than this get no switch of their own
ROWS = 4500  # per data set, below Altair's limit of 5,000


def headline(schedules: pd.DataFrame) -> pd.DataFrame:
    """Rows of the arms that figures show which do not ask for others: all, where the table does not say."""
    return schedules[schedules["headline"].astype(bool)] if "headline" in schedules else schedules


def arms(schedules: pd.DataFrame) -> list[str]:
    """Names of the headline arms in the order of the study."""
    return list(dict.fromkeys(headline(schedules)["arm"].astype(str)))


def milestones(schedules: pd.DataFrame) -> dict[str, list[int]]:
    """Epochs m of each headline arm after which (learning rate, batch size) differs in epoch m + 1."""
    changes = {}
    for arm, rows in headline(schedules).groupby("arm", sort=False):
        rows = rows.sort_values("epoch")
        settings = rows[["learning_rate", "batch_size"]]
        changed = settings.ne(settings.shift(-1)).any(axis=1)
        changes[str(arm)] = [int(epoch) for epoch in rows["epoch"][changed].iloc[:-1]]
    return changes


def marks(schedules: pd.DataFrame) -> dict[int, list[str]]:
    """Milestones to draw, in order, and the arms that change there."""
    at: dict[int, list[str]] = {}
    for arm, epochs in milestones(schedules).items():
        for m in epochs if len(epochs) < FEW else ():
            at.setdefault(m, []).append(arm)
    return dict(sorted(at.items()))


def over_seeds(rows: pd.DataFrame, by: list[str], name: str = "") -> pd.DataFrame:
    """Mean, smallest, largest and number of seeds of `value`: columns mean low high n, each with `name`."""
    ends = {"mean": "mean", "low": "min", "high": "max", "n": "count"}
    table = rows.groupby(by, sort=False)["value"].agg(**{f"{key}{name}": how for key, how in ends.items()})
    return table.round(2).reset_index()


def thin(table: pd.DataFrame, keep: set[int]) -> pd.DataFrame:
    """Every k-th epoch where all would be too many rows, always with those in `keep` (beside milestones)."""
    step = -(-len(table) // ROWS)
    return table if step < 2 else table[(table["epoch"] % step == 0) | table["epoch"].isin(keep)]


def legend(names: list[str], **options) -> alt.Legend:
    """Legend below the chart, in as many columns as the longest name allows."""
    longest = min(180, 7 * max(map(len, names), default=1)) + 45
    columns = min(len(names), max(1, WIDTH // longest))
    return alt.Legend(title=None, orient="bottom", columns=columns, symbolOpacity=1, **options)


def scale(every: list[str], shown: list[str], which: int) -> alt.Scale:
    """Scale of colour (0), dash (1) or symbol (2): an arm keeps its own in every figure of the study."""
    return alt.Scale(domain=shown, range=[theme.style(every, arm)[which] for arm in shown])


def line_style(every: list[str], shown: list[str]) -> dict:
    """Encodings that tell arms apart on a line, by colour and dash, in one legend."""
    key = legend(shown, symbolType="stroke", symbolSize=500)
    return {
        "color": alt.Color("arm:N", scale=scale(every, shown, 0), legend=key),
        "strokeDash": alt.StrokeDash("arm:N", scale=scale(every, shown, 1), legend=key),
    }


def value_tips(title: str) -> list[alt.Tooltip]:
    """Tooltip entries of mean, range and number of seeds."""
    numbers = {"mean": title, "low": "smallest seed (%)", "high": "largest seed (%)"}
    tips = [alt.Tooltip(f"{key}:Q", title=name, format=".2f") for key, name in numbers.items()]
    return [*tips, alt.Tooltip("n:Q", title="seeds")]


def chosen() -> alt.Parameter:
    """Selection of arms by a click on the legend (shift-click for several); all while nothing is selected."""
    # Every parameter and view has a name of its own, since Altair's counters would differ from draw to draw.
    return alt.selection_point(name="chosen", fields=["arm"], bind="legend")


def switches(names: list[str]) -> list[alt.Parameter]:
    """A checkbox for each arm, which a keyboard reaches as it does not reach the legend; none for very many arms."""
    some = names if len(names) <= SWITCHES else []
    return [alt.param(name=f"arm_{i}", value=True, bind=alt.binding_checkbox(name=name)) for i, name in enumerate(some)]


def switched_on(names: list[str]) -> str:
    """Expression for rows of arms whose checkbox is on; column `place` is the index among `names`."""
    # An index, since a name in an expression could be read as one.
    return f"[{', '.join(f'arm_{i}' for i in range(len(names)))}][datum.place]" if len(names) <= SWITCHES else "true"


def faded(selection: alt.Parameter, shown: float, hidden: float) -> Any:
    """Opacity of selected arms and of the others."""
    return alt.when(selection).then(alt.value(shown)).otherwise(alt.value(hidden))


def statistics(value: str) -> alt.Parameter:
    """Switch between running and recomputed batch-norm statistics."""
    radio = alt.binding_radio(options=["running", "recomputed"], name="Batch-norm statistics: ")
    return alt.param(name="statistics", value=value, bind=radio)


def rules(
    at: dict[int, list[str]], end: float, labelled: bool, while_: str = "true", what: str = "rate or batch"
) -> list[alt.Chart]:
    """Thin rules at x = m, each labelled above the plot as far as there is room before the next, the first with `what`
    changes.

    They are there `while_` this expression of the chart's parameters is true.
    """
    if not at:
        return []
    room = {m: (after - m) / end * WIDTH for m, after in pairwise([*at, end])}
    texts = {m: f"after epoch {m}" for m in at}
    if any(5.8 * len(texts[m]) > room[m] for m in at):
        texts = {m: str(m) for m in at}
    first, long = min(at), f"{what} changes after {min(at)}"
    texts[first] = long if 6 * len(long) < room[first] else texts[first]
    # Labels are those of an axis, since a theme gives axes, unlike text marks, a colour for its background.
    labels = f"{json.dumps({str(m): text for m, text in texts.items()})}[datum.value]"
    labels = labels if while_ == "true" else f"{while_} ? {labels} : ''"
    plain: dict[str, Any] = {"orient": "top", "domain": False, "ticks": False, "grid": False, "title": None}
    axis = alt.Axis(
        values=list(at),
        labelExpr=labels,
        labelAlign="left",
        labelOverlap=False,
        labelLimit=0,
        labels=labelled,
        **plain,
    )
    rows = pd.DataFrame([{"milestone": m, "arms": words.joined(names)} for m, names in at.items()])
    tips = [alt.Tooltip("milestone:Q", title="after epoch"), alt.Tooltip("arms:N", title="changed")]
    base = alt.Chart(rows) if while_ == "true" else alt.Chart(rows).transform_filter(while_)
    rule = base.mark_rule(**MILESTONE)
    return [rule.encode(alt.X("milestone:Q", axis=axis), tooltip=tips)]


def heading(text: str | list[str], anchor: Any = "start") -> alt.TitleParams:
    """Heading of one panel, smaller than the title of a figure."""
    return alt.TitleParams(text, fontSize=12, fontWeight="normal", offset=5, anchor=anchor, frame="group")


def view(layers: list[alt.Chart], height: int, name: str) -> alt.LayerChart:
    """Layers over one another; each brings its own axis of x or none, so that rules have theirs on top."""
    layered = alt.layer(*layers).resolve_axis(x="independent")
    return layered.properties(width=WIDTH, height=height, name=name)


def axis_name(parameter: str, width: float, height: float) -> alt.Chart:
    """Title of a horizontal axis that a switch chooses, below the tick labels: an axis's own title can't change."""
    mark = alt.Chart(pd.DataFrame({"name": [""]})).mark_text(
        style="guide-title",
        text=alt.expr(f"upper(slice({parameter}, 0, 1)) + slice({parameter}, 1)"),
        font=theme.FONT,
        fontSize=12,
        fontWeight="normal",
        baseline="top",
    )
    return mark.encode(x=alt.value(width / 2), y=alt.value(height + 25))


def note(text: str) -> alt.LayerChart:
    """A chart that says why there is nothing to see; `usermeta.empty` lets the page leave it out."""
    row = alt.Chart(pd.DataFrame({"text": [text]})).mark_text(style="guide-label", fontSize=13)
    view = row.encode(text="text:N").properties(width=WIDTH, height=60)
    chart = finish(view, text, [], caption=f"{text}.", alt_text=f"{text}.")
    chart.usermeta = chart.usermeta | {"empty": True}
    return chart


def finish(chart: alt.TopLevelMixin, title: str, subtitle: list[str], caption: str, alt_text: str):
    """Title, subtitle, and for the page caption and alternative text."""
    lines = [line for text in subtitle for line in words.wrap(text, 100)]
    return chart.properties(
        title=alt.TitleParams(words.wrap(title), subtitle=lines),
        description=alt_text,
        usermeta={"caption": caption, "alt": alt_text},
    )
