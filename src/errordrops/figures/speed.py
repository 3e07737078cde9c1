"""Updates until an arm comes to stay at the step arm's final test error, one row per arm, seeds as dots."""

import altair as alt
import numpy as np
import pandas as pd

from ..analysis.same_curve import REFERENCE
from ..results.intervals import t_interval
from . import parts, theme, words

WIDTH, ROW = 370, 24


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """Dots where seeds get there, a tick at the mean where all do, an open cross at the right where some never do."""
    rows = tables["speed"].assign(arm=tables["speed"]["arm"].astype(str))
    there = dict.fromkeys(arm for arm in tables["schedules"]["arm"].astype(str) if arm in set(rows["arm"]))
    order = list(dict.fromkeys([*parts.arms(tables["schedules"]), *there]))
    rows = rows[rows["arm"].isin(order) & rows["target"].notna()]
    if rows["updates"].isna().all():
        return parts.note("No run came to stay at the step arm's final test error")
    arms = summary(rows, order)
    shown = list(arms["arm"])
    color = alt.Color("arm:N", scale=parts.scale(order, shown, 0), legend=None)
    y = alt.Y("arm:N", title=None, sort=shown, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    low, high = rows["updates"].min() / 1.4, rows["updates"].max() * 1.4
    ticks = [m * 10**p for p in range(8) for m in (1, 2, 3, 5) if low <= m * 10**p <= high]
    scale = alt.Scale(type="log", domain=[int(low), int(np.ceil(high))], nice=False)
    x = alt.X("updates:Q", scale=scale, axis=alt.Axis(values=ticks, format=",d", title="Updates (logarithmic)"))
    tips = ["arm:N", "seed:N", alt.Tooltip("updates:Q", format=",d"), "epoch:Q"]
    tips += [alt.Tooltip("seconds:Q", format=",.0f"), alt.Tooltip("ratio_seconds:Q", title="of step's", format=".0%")]
    tips += [alt.Tooltip("ratio:Q", title="of step's updates", format=".0%")]
    tips += [alt.Tooltip("target:Q", title="test error to reach (%)", format=".2f")]
    there = alt.Chart(
        rows.dropna(subset=["updates"])[[*"arm seed updates epoch seconds ratio_seconds ratio target".split()]].round(3)
    )
    dots = there.mark_point(size=34, strokeWidth=1.3, opacity=0.9).encode(x, y, color=color, tooltip=tips)
    means = alt.Chart(arms[arms["never"] == 0][["arm", "updates", "share", "n"]].round(3))
    mean_tips = ["arm:N", alt.Tooltip("updates:Q", title="mean", format=",.0f"), alt.Tooltip("share:N"), "n:Q"]
    mean = means.mark_tick(thickness=3, size=16, opacity=1).encode(x, y, color=color, tooltip=mean_tips)
    lost = alt.Chart(arms[arms["never"] > 0][["arm", "never", "n", "words", "seeds"]])
    lost_tips = ["arm:N", alt.Tooltip("seeds:N", title="never: seeds")]
    place = alt.value(WIDTH + 8)
    cross = lost.mark_point(shape="cross", angle=45, size=75, strokeWidth=1.4, opacity=1)
    layers = [dots, mean, cross.encode(x=place, y=y, color=color, tooltip=lost_tips)]
    layers.append(lost.mark_text(**parts.BESIDE).encode(x=alt.value(WIDTH + 18), y=y, text="words:N"))
    layers.append(means.mark_text(**parts.BESIDE).encode(x=place, y=y, text="share:N"))
    head = alt.Chart(pd.DataFrame({"head": ["Of step's updates"]})).mark_text(**parts.BESIDE)
    layers.append(head.encode(x=place, y=alt.value(-6), text="head:N"))
    step = rows.loc[rows["arm"] == REFERENCE, "updates"].mean()
    if step == step:
        rule = alt.Chart(pd.DataFrame({"updates": [round(step)]})).mark_rule(color=theme.GREY, strokeDash=[2, 3])
        layers.insert(0, rule.encode(x, tooltip=[alt.Tooltip("updates:Q", title="arm step, mean", format=",d")]))
    chart = alt.layer(*layers).properties(width=WIDTH, height=ROW * len(shown), name="updates")
    return parts.finish(chart, *text(rows, arms))


def summary(rows: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    """One row per arm, fewest updates first: means (NaN if a seed never gets there), seeds, those that never do."""
    summaries = []
    for arm, own in rows.groupby("arm", sort=False):
        lost = own[own["updates"].isna()]
        updates = own["updates"].mean() if lost.empty else np.nan
        ratio = t_interval(own["ratio"] if own["ratio"].notna().all() else [])
        missing = "never" if len(lost) == len(own) else f"never: {len(lost)} of {words.count(len(own), 'seed')}"
        seeds = ", ".join(str(seed) for seed in lost["seed"])
        summaries.append((arm, len(own), len(lost), updates, own["updates"].min(), missing, seeds, *ratio))
    columns = "arm n never updates least words seeds ratio ratio_low ratio_high".split()
    table = pd.DataFrame(summaries, columns=columns)
    table["share"] = [percent(*ratio) for ratio in table[["ratio", "ratio_low", "ratio_high"]].to_numpy()]
    table["place"] = table["arm"].map(order.index)
    table = table.assign(some=table["never"] == table["n"], part=table["never"] > 0)
    return table.sort_values(["some", "part", "updates", "least", "place"]).reset_index(drop=True)


def percent(ratio: float, low: float, high: float) -> str:
    """`53 % (49 to 57)`, empty where there is no ratio."""
    if np.isnan(ratio):
        return ""
    return f"{100 * ratio:.0f} %" + ("" if np.isnan(low) or low == high else f" ({100 * low:.0f} to {100 * high:.0f})")


def text(rows: pd.DataFrame, arms: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    others = arms[arms["arm"] != REFERENCE]
    sure, never = others[others["ratio_high"] < 1], others[others["never"] == others["n"]]
    title = "Updates until the step arm's final test error"
    if len(sure):
        noun = "arm" if len(sure) == 1 else "arms"
        verb = "needs" if len(sure) == 1 else "need"
        share = words.span(100 * sure["ratio"], 0)
        title = (
            f"To stay at the step arm's final test error, {noun} {words.joined(list(sure['arm']))} {verb} {share} % "
        )
        title += "of its updates"
    n = arms["n"]
    single_seed = int(n.max()) == 1
    subtitle = [
        "Dotted line: arm step. "
        + ("Circle: the one seed" if single_seed else "Circles: seeds; tick: mean, where every seed gets there"),
        "Test error with recomputed batch-norm statistics" + ("" if single_seed else "; in brackets 95 % t-intervals"),
    ]
    caption = (
        "Updates of the parameters up to the first epoch from which test error stays, until the last epoch, at or "
        "below the step arm's last one of the same seed (within the margin that the study states): a lucky epoch does "
        "not count. Epochs are whole, so a point can be late by one. Cross: a run that did not get there by the end of "
        "the study. The title counts an arm only where every seed gets there and the 95 % t-interval of its share of "
        "the step arm's updates, seed by seed, lies below 100 %. On hover: epochs, and seconds of training."
    )
    listed = []
    for row in arms.itertuples():
        if row.never == row.n:
            listed.append(f"{row.arm} never")
        elif row.never:
            listed.append(f"{row.arm} from {row.least:,.0f} updates, {row.words}")
        else:
            listed.append(f"{row.arm} {row.updates:,.0f} updates{f' ({row.share} of step)' if row.share else ''}")
    alt_text = f"Updates until an arm comes to stay at the step arm's final test error: {'; '.join(listed)}."
    alt_text += f" {words.count(len(never), 'arm')} never get there." if len(never) > 1 else ""
    return title, subtitle, caption, alt_text
