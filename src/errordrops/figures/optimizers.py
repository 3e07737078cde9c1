"""Test error by epoch under each optimiser, a panel each: as Smith et al. 2018's Figures 3 and 4."""

import altair as alt
import pandas as pd

from . import parts, words

VIEW = {"width": 270, "height": 190}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Mean over seeds of each arm; milestones marked."""
    twins = tables["optimizers"]
    if twins.empty:
        return parts.note("This study has one optimiser")
    rows = table(tables["curves"], twins)
    if rows.empty:
        return parts.note("No test error has been recorded")
    marks = [m for m in parts.marks(tables["schedules"]) if m < rows["epoch"].max()]
    late = rows[rows["epoch"] >= max(1, min(marks, default=5) // 5)]
    domain = [max(0.0, round(0.9 * late["mean"].min(), 2)), round(1.05 * late["mean"].max(), 2)]
    arms = list(dict.fromkeys(twins["of"].astype(str)))
    look = parts.line_style(list(dict.fromkeys([*parts.arms(tables["schedules"]), *arms])), arms)
    views: list[alt.typing.ChartType] = []
    for optimizer in dict.fromkeys(twins["optimizer"].astype(str)):
        own, name = rows[rows["optimizer"] == optimizer], words.OPTIMIZERS.get(optimizer, optimizer)
        if len(own):  # one that has not been trained yet gets no empty panel
            views.append(_panel(own, name, domain, marks, look, first=not views))
    chart = alt.concat(*views, columns=2, spacing=24).resolve_scale(color="shared", strokeDash="shared")
    return parts.finish(chart, *text(tables["optimizer_summary"], rows))


def table(curves: pd.DataFrame, twins: pd.DataFrame) -> pd.DataFrame:
    """Columns optimizer, arm (whose schedule it is), epoch, mean, low, high (percent), n; recomputed statistics."""
    curves = curves.assign(arm=curves["arm"].astype(str))
    chosen = curves[(curves["split"] == "test") & (curves["metric"] == "error_recomputed") & (curves["epoch"] > 0)]
    names = twins[["arm", "of", "optimizer"]].drop_duplicates().astype(str)
    rows = chosen.merge(names, on="arm").drop(columns="arm").rename(columns={"of": "arm"})
    return parts.thin(parts.over_seeds(rows, ["optimizer", "arm", "epoch"]), {1})


def _panel(rows, name: str, domain: list[float], marks: list[int], look: dict, first: bool) -> alt.typing.ChartType:
    """One optimiser: milestones, lines and tooltips; the legend is bound in the first panel."""
    selection, axis = parts.chosen(), alt.Axis(grid=False, tickMinStep=1)
    x = alt.X("epoch:Q", title="Epochs completed", axis=axis, scale=alt.Scale(nice=False))
    y = alt.Y("mean:Q", title="Test error (%)", scale=alt.Scale(domain=domain, nice=False, zero=False))
    base = alt.Chart(rows)
    line = base.mark_line(clip=True, strokeWidth=1.6).encode(x, y, **look, opacity=parts.faded(selection, 1.0, 0.08))
    tips = ["arm:N", "epoch:Q", *parts.value_tips("error (%)")]
    hover = base.mark_point(size=60, filled=True, opacity=0, clip=True, aria=False).encode(x, y, tooltip=tips)
    layers = [line.add_params(selection) if first else line, hover]
    if marks:
        rule = alt.Chart(pd.DataFrame({"milestone": marks})).mark_rule(**parts.MILESTONE)
        layers.insert(0, rule.encode(alt.X("milestone:Q")))
    return alt.layer(*layers).properties(**VIEW, title=parts.heading(name))


def text(summary: pd.DataFrame, rows: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    judged = summary[summary["difference_high"].notna()]
    sure = judged[judged["difference_high"] < 0]
    title = "Test error under each optimiser"
    if len(sure):
        each = [words.OPTIMIZERS.get(name, name) for name in dict.fromkeys(sure["optimizer"].astype(str))]
        title = "At the first milestone test error falls more than in that optimiser's own control with "
        title += words.joined(each)
        title += "" if len(sure) == len(judged) else f", in {len(sure)} of {len(judged)} arms"
    n = rows["n"]
    subtitle = [f"Recomputed batch-norm statistics; {words.seeds_shown(n)}"]
    caption = (
        "The same schedules under each optimiser, as in Figures 3 and 4 of Smith et al. (2018). Thin lines: "
        "milestones. Each optimiser is compared with its own arm in which nothing changes. "
        f"{words.COUNTED if len(judged) else 'One seed gives no interval, so the title claims no fall.'}"
    )
    endings = [
        f"{words.OPTIMIZERS.get(str(row.optimizer), row.optimizer)}, {row.of}: {row.error:.1f} % at epoch {row.epoch}"
        for row in summary.itertuples()
    ]
    return title, subtitle, caption, f"Lines of test error by epoch, a panel for each optimiser. {'; '.join(endings)}."
