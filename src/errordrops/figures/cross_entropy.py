"""Training cross-entropy against epochs and against updates, side by side: Smith et al. 2018's Figure 2, drawn anew."""

import altair as alt
import pandas as pd

from . import parts, words

RULES = ("step", "hybrid", "batch")  # the three arms of their figure
VIEW = {"width": 270, "height": 300}


def draw(tables: dict[str, pd.DataFrame]) -> alt.HConcatChart:
    """Mean and range over seeds of the loss over each epoch, on a logarithmic axis; milestones marked in the left one."""
    arms = [arm for arm in RULES if arm in set(tables["schedules"]["arm"].astype(str))]
    if tables["published"].empty or len(arms) < len(RULES):
        return parts.note("This study does not have the three arms of Smith et al.'s Figure 2")
    rows = table(tables["curves"], arms)
    if rows.empty:
        return parts.note("No training loss has been recorded")
    every, marks = parts.arms(tables["schedules"]), parts.marks(tables["schedules"])
    low, high = rows["low"].min() / 1.15, rows["high"].max() * 1.15
    scale = alt.Scale(type="log", domain=[float(f"{low:.3g}"), float(f"{high:.3g}")], nice=False)
    views = []
    for axis, name in (("epoch", "Epochs completed"), ("update", "Parameter updates")):
        x = alt.X(
            f"{axis}:Q",
            title=name,
            axis=alt.Axis(grid=False, tickCount=5, format=",d"),
            scale=alt.Scale(nice=False, domainMin=0),
        )
        layers = _rules(marks) if axis == "epoch" else []
        layers += _lines(rows, x, scale, every, arms, first=not views)
        views.append(alt.layer(*layers).properties(**VIEW, name=f"panel_{axis}"))
    chart = alt.hconcat(*views, spacing=30).resolve_scale(color="shared", strokeDash="shared")
    return parts.finish(chart, *text(rows, marks))


def table(curves: pd.DataFrame, arms: list[str]) -> pd.DataFrame:
    """One row per arm and epoch from 1: update, mean, low, high (nats), n; the loss over the epoch while it trains."""
    curves = curves.assign(arm=curves["arm"].astype(str))
    wanted = (curves["split"] == "train") & (curves["metric"] == "loss") & curves["arm"].isin(arms)
    rows = curves[wanted & curves["value"].notna() & (curves["epoch"] > 0)]
    ends = rows.groupby(["arm", "epoch"], sort=False).agg(
        update=("update", "first"),
        mean=("value", "mean"),
        low=("value", "min"),
        high=("value", "max"),
        n=("value", "count"),
    )
    return ends.reset_index().round(5)


def _rules(marks: dict[int, list[str]]) -> list[alt.Chart]:
    rule = alt.Chart(pd.DataFrame({"milestone": list(marks)})).mark_rule(strokeWidth=1, opacity=0.5, color="#808080")
    return [rule.encode(alt.X("milestone:Q"))] if marks else []


def _lines(
    rows: pd.DataFrame, x: alt.X, scale: alt.Scale, every: list[str], arms: list[str], first: bool
) -> list[alt.Chart]:
    selection, look = parts.chosen(), parts.line_style(every, arms)
    y = alt.Y(
        "mean:Q", title="Training cross-entropy (nats)" if first else None, scale=scale, axis=alt.Axis(tickCount=5)
    )
    base = alt.Chart(rows)
    band = base.mark_area(strokeWidth=0).encode(
        x, alt.Y("low:Q", scale=scale, title=y.title), alt.Y2("high:Q"),
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
            f"Arm batch takes {updates['batch']} updates where arm step takes {updates['step']} ({100 * share:.0f} %), and "
            f"ends at a training cross-entropy of {losses['batch']} beside {losses['step']}"
        )
    n = rows["n"]
    subtitle = [f"Loss over each epoch while it trains; {words.seeds_shown(n)}{words.band(n)}; logarithmic axis"]
    told = [f"{arm} {losses[arm]} nats after {updates[arm]} updates" for arm in ends.index]
    caption = (
        "The three arms of Figure 2 of Smith et al. (2018): step divides the learning rate, batch multiplies the batch "
        "size, hybrid does the first change by the batch size and the later ones by the rate. Left against epochs, right "
        "the same against updates of the parameters."
    )
    if marks:
        caption += f" Thin lines: changes after epochs {words.joined(list(marks))}."
    alt_text = f"Lines of training cross-entropy against epochs and against updates. At the end: {'; '.join(told)}."
    return title, subtitle, caption, alt_text
