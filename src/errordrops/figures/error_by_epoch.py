"""Test and training error (percent) against epochs or updates, one line an arm, milestones marked."""

import json

import altair as alt
import pandas as pd

from . import error_by_update, panels, parts, words

AXES = {"epoch": "epochs completed", "update": "parameter updates"}
BY_EPOCH = f"axis === {json.dumps(AXES['epoch'])}"
ALONG = f"{BY_EPOCH} ? datum.epoch : datum.update"


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Mean and range over seeds by epoch; a drop at milestone m appears between x = m and x = m + 1.

    By updates, milestones are diamonds on the lines, since arms reach them after different numbers of updates.
    """
    curves, schedules = tables["curves"], tables["schedules"]
    every, at = parts.arms(schedules), parts.marks(schedules)
    rows = {panel: panels.table(curves, schedules, panel) for panel in panels.STATES}
    rows = {panel: table for panel, table in rows.items() if len(table)}
    if "test" not in rows:
        return parts.note("No test error has been recorded")
    end = max(int(schedules["epoch"].max()), int(rows["test"]["epoch"].max()))
    ends = {AXES["epoch"]: [0, end], AXES["update"]: [0, 1.015 * max(int(rows["test"]["update"].max()), 1)]}
    scale = alt.Scale(domain=alt.ExprRef(f"{json.dumps(ends)}[axis]"), nice=False)
    domains = {panel: panels.limits(table, panels.start(schedules)) for panel, table in rows.items()}
    layers = {}
    for panel, table in rows.items():
        last = panel == list(rows)[-1]
        axis = alt.Axis(title=None, labels=last, tickMinStep=1, tickCount=8, grid=False, format=",d")
        x = alt.X("along:Q", axis=axis, scale=scale)
        layers[panel] = parts.rules(at, end, labelled=panel == "test", while_=BY_EPOCH)
        layers[panel] += panels.draw_panel(table, panel, x, every, domains[panel], ALONG)
        points = error_by_update.points(table, at, every, x, panel, domains[panel])
        layers[panel] += [layer.transform_calculate(along=ALONG).transform_filter(f"!({BY_EPOCH})") for layer in points]
        layers[panel] += [parts.axis_name("axis", parts.WIDTH, panels.HEIGHT[panel])] if last else []
    chart = panels.stack(layers, panels.present(rows["test"], every))
    radio = alt.binding_radio(options=list(AXES.values()), name="Horizontal axis: ")
    chart = chart.add_params(alt.param(name="axis", value=AXES["epoch"], bind=radio))
    return parts.finish(chart, *text(tables["milestone_levels_summary"], at, rows["test"], domains["test"]))


def text(summary: pd.DataFrame, at: dict, rows: pd.DataFrame, domain: tuple) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    n = rows["n_running"].dropna()
    changes, column = words.judged(words.own(summary, at, "error"))
    than = " more than without" if column == "difference" else " with"
    falls = f"Test error falls by {{amount}}{than} the change of rate or batch size{{where}}"
    title = words.fall(changes, column, falls, neutral="Test and training error by epoch")
    fair, column_fair = words.judged(words.own(summary, at, "error_recomputed"))
    sure = fair[fair[f"{column_fair}_high"] < 0]
    if len(sure) and "falls" in title:
        title += f" ({words.span(-sure[column_fair])} with recomputed statistics)"
    subtitle = [f"Title and first view: running batch-norm statistics; {words.seeds_shown(n)}{words.band(n)}"]
    lines = (
        "Thin vertical lines: milestones, numbers m of epochs completed when the learning rate or batch size "
        "of an arm changes; a drop appears in epoch m + 1. By updates: diamonds, and dots where an arm ends. "
    )
    caption = f"{lines if at else ''}{panels.reading(rows)}{panels.outside(rows, domain)}"
    caption += (
        f" Title: means over the epochs after a milestone beside those before. {words.COUNTED}" if len(changes) else ""
    )
    last = rows.loc[rows.groupby("arm", sort=False)["epoch"].idxmax()]
    ends = [f"{row.arm} {row.mean_running:.1f} % at epoch {row.epoch}" for row in last.itertuples()]
    alt_text = f"Lines of test and training error against epochs. {title}. Last test error: {'; '.join(ends)}."
    change = words.listing(changes, column)
    against = ", less that of the run without the change" if column == "difference" else ""
    alt_text += f" Change of level at a milestone{against}: {change}." if change else ""
    return title, subtitle, caption, alt_text
