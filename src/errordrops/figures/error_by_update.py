"""Test and training error (percent) against parameter updates: what a larger batch saves."""

import altair as alt
import pandas as pd

from . import panels, parts, words


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Mean and range over seeds by updates so far; diamonds at an arm's own milestones, dots at ends."""
    curves, schedules = tables["curves"], tables["schedules"]
    every, at = parts.arms(schedules), parts.marks(schedules)
    rows = {panel: panels.table(curves, schedules, panel) for panel in panels.STATES}
    rows = {panel: table for panel, table in rows.items() if len(table)}
    if "test" not in rows:
        return parts.note("No test error has been recorded")
    end = 1.015 * max(int(rows["test"]["update"].max()), 1)  # room for the dot at the end
    domains = {panel: panels.limits(table, panels.start(schedules)) for panel, table in rows.items()}
    layers = {}
    for panel, table in rows.items():
        last = panel == list(rows)[-1]
        axis = alt.Axis(title="Parameter updates" if last else None, labels=last, grid=False, tickCount=8, format=",d")
        # Linear, so that the length of a line is what the arm costs; a logarithm would be half epoch 1.
        x = alt.X("update:Q", axis=axis, scale=alt.Scale(domain=[0, end], nice=False))
        layers[panel] = panels.draw_panel(table, panel, x, every, domains[panel])
        layers[panel] += points(table, at, every, x, panel, domains[panel])
    chart = panels.stack(layers, panels.present(rows["test"], every))
    return parts.finish(chart, *text(tables["final"], at, rows["test"], domains["test"]))


def stops(rows: pd.DataFrame, at: dict[int, list[str]]) -> pd.DataFrame:
    """Rows of epochs at which an arm's own setting changes (kind `changes`) or its line ends (`end`)."""
    own = pd.Series([arm in at.get(e, ()) for arm, e in zip(rows["arm"], rows["epoch"], strict=True)], dtype=bool)
    last = rows.groupby("arm")["epoch"].transform("max") == rows["epoch"]
    kinds = pd.Series("", index=rows.index).mask(own, "changes").mask(last, "end")
    return rows.assign(kind=kinds)[kinds != ""]


def points(rows: pd.DataFrame, at: dict, every: list[str], x: alt.X, panel: str, domain: tuple) -> list[alt.Chart]:
    """Diamonds and end dots on the lines."""
    shown = panels.present(rows, every)
    ends = stops(rows, at)
    symbols = alt.Scale(domain=["changes", "end"], range=["diamond", "circle"])
    choice = "statistics == 'running' ? datum.mean_running : datum.mean_recomputed"
    return [
        panels.switched(ends, shown)
        .transform_calculate(mean=choice)
        .mark_point(filled=True, size=75, clip=True)
        .encode(
            x.axis(None),
            alt.Y("mean:Q", title=panels.NAMES[panel], scale=alt.Scale(domain=domain, nice=False, zero=False)),
            color=parts.line_style(every, shown)["color"],
            shape=alt.Shape("kind:N", scale=symbols, legend=None),
            opacity=parts.faded(parts.chosen(), 1.0, 0.05),
        )
    ]


def text(final: pd.DataFrame, at: dict, rows: pd.DataFrame, domain: tuple) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    n = rows["n_running"].dropna()
    ends = final[(final["split"] == "test") & (final["metric"] == "error")].sort_values("updates", kind="stable")
    phrases = [f"{row.arm} ends at {row.mean:.1f} % after {row.updates:,.0f} updates" for row in ends.itertuples()]
    title = "Test and training error by parameter updates"
    changed = ends[ends["arm"].isin({arm for names in at.values() for arm in names})]
    if len(changed) > 1 and changed["updates"].iloc[0] < changed["updates"].iloc[-1]:
        few, many = changed.iloc[0], changed[changed["updates"] == changed["updates"].max()].iloc[0]
        title = (
            f"Arm {few['arm']} ends at {few['mean']:.1f} % test error after {few['updates']:,.0f} updates, "
            f"arm {many['arm']} at {many['mean']:.1f} % after {many['updates']:,.0f}"
        )
    subtitle = [
        f"Title and first view: running batch-norm statistics; {words.seeds_shown(n)}{words.band(n)}",
        "Diamond: rate or batch size of the arm changes; dot: its last epoch",
    ]
    lines = (
        "The lines by epoch, against updates of the parameters: a larger batch takes fewer. Diamonds: an "
        "arm's milestones, the end of the last epoch under its old setting; dots: its last epoch. "
    )
    caption = f"{lines}{panels.reading(rows)}{panels.outside(rows, domain)}"
    alt_text = "Lines of test and training error against parameter updates"
    alt_text += f": {'; '.join(phrases)}." if phrases else "."
    return title, subtitle, caption, alt_text
