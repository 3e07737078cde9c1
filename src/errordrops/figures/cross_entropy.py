"""Training cross-entropy against epochs and against updates, side by side: Smith et al. 2018's Figure 2, drawn anew."""

import altair as alt
import pandas as pd

from . import parts, words

RULES = ("step", "hybrid", "batch")  # the three arms of their figure
VIEW = {"width": 270, "height": 300}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Mean and range over seeds of the loss over each epoch, on a logarithmic axis; milestones marked on the left."""
    arms = [arm for arm in RULES if arm in set(tables["schedules"]["arm"].astype(str))]
    if tables["published"].empty or len(arms) < len(RULES):
        return parts.note("This study does not have the three arms of Smith et al.'s Figure 2")
    rows = table(tables["curves"], arms)
    if rows.empty:
        return parts.note("No training loss has been recorded")
    every, marks = parts.arms(tables["schedules"]), parts.marks(tables["schedules"])
    views: list[alt.typing.ChartType] = []
    for field, name in (("epoch", "Epochs completed"), ("update", "Parameter updates")):
        layers = _lines(rows, field, name, parts.line_style(every, arms), first=not views)
        if field == "epoch" and marks:
            rule = alt.Chart(pd.DataFrame({"milestone": list(marks)})).mark_rule(**parts.MILESTONE)
            layers.insert(0, rule.encode(alt.X("milestone:Q")))
        views.append(alt.layer(*layers).properties(**VIEW, name=f"panel_{field}"))
    chart = alt.hconcat(*views, spacing=30).resolve_scale(color="shared", strokeDash="shared")
    return parts.finish(chart, *text(rows, marks))


def table(curves: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """One row per arm and epoch from 1: update, mean, low, high (nats), n; the loss over the epoch while it trains."""
    curves = curves.assign(arm=curves["arm"].astype(str))
    wanted = (curves["split"] == "train") & (curves["metric"] == "loss") & curves["arm"].isin(arms)
    rows = curves[wanted & curves["value"].notna() & (curves["epoch"] > 0)]
    names = {"mean": "mean", "low": "min", "high": "max", "n": "count"}
    ends = {name: ("value", how) for name, how in names.items()}
    return rows.groupby(["arm", "epoch"], sort=False).agg(update=("update", "first"), **ends).reset_index().round(5)


def _lines(rows: pd.DataFrame, field: str, name: str, look: dict, first: bool) -> list[alt.Chart]:
    """Band, line and tooltips of every arm; the legend is bound in the first panel."""
    domain = [float(f"{value:.3g}") for value in (rows["low"].min() / 1.15, rows["high"].max() * 1.15)]
    scale, selection = alt.Scale(type="log", domain=domain, nice=False), parts.chosen()
    axis = alt.Axis(grid=False, tickCount=5, tickMinStep=1, format=",d")
    x = alt.X(f"{field}:Q", title=name, axis=axis, scale=alt.Scale(nice=False, domainMin=0))
    title = "Training cross-entropy (nats)" if first else None
    y = alt.Y("mean:Q", title=title, scale=scale, axis=alt.Axis(tickCount=5))
    base = alt.Chart(rows)
    band = base.mark_area(strokeWidth=0).encode(
        x, alt.Y("low:Q", scale=scale, title=title), alt.Y2("high:Q"),
        color=look["color"], opacity=parts.faded(selection, 0.15, 0.0),
    )  # fmt: skip
    line = base.mark_line(strokeWidth=1.6).encode(x, y, **look, opacity=parts.faded(selection, 1.0, 0.08))
    tips = ["arm:N", "epoch:Q", alt.Tooltip("update:Q", format=",d"), alt.Tooltip("mean:Q", format=".4f"), "n:Q"]
    hover = base.mark_point(size=60, filled=True, opacity=0, aria=False).encode(x, y, tooltip=tips)
    return [band, line.add_params(selection) if first else line, hover]


def text(rows: pd.DataFrame, marks: dict[int, list[str]]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    ends = rows.loc[rows.groupby("arm", sort=False)["epoch"].idxmax()].set_index("arm")
    losses, updates = ends["mean"].map("{:.3f}".format), ends["update"].map("{:,d}".format)
    title = "Training cross-entropy by epochs and by parameter updates"
    if set(RULES) <= set(ends.index) and ends.loc["batch", "update"] < ends.loc["step", "update"]:
        share = ends.loc["batch", "update"] / ends.loc["step", "update"]
        title = (
            f"Arm batch takes {updates['batch']} updates where arm step takes {updates['step']} ({100 * share:.0f} %), "
            f"and ends at a training cross-entropy of {losses['batch']} beside {losses['step']}"
        )
    n = rows["n"]
    subtitle = [f"Loss over each epoch while it trains; {words.seeds_shown(n)}{words.band(n)}; logarithmic axis"]
    readings = [f"{arm} {losses[arm]} nats after {updates[arm]} updates" for arm in ends.index]
    caption = (
        "The three arms of Figure 2 of Smith et al. (2018): step divides the learning rate, batch multiplies the batch "
        "size, hybrid does the first change by the batch size and the later ones by the rate. Left against epochs, "
        "right the same against updates of the parameters."
    )
    if marks:
        caption += f" Thin lines: changes after epochs {words.joined(list(marks))}."
    alt_text = f"Lines of training cross-entropy against epochs and against updates. At the end: {'; '.join(readings)}."
    return title, subtitle, caption, alt_text
