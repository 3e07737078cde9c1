"""Change of test error at each milestone (percentage points), by arm and seed, read in two ways."""

import altair as alt
import pandas as pd

from . import parts, theme, words

METRICS = {"error": "running", "error_recomputed": "recomputed"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """A row of panels a milestone, for arms that change there and `none`: dots are seeds, bars 95 % t-intervals.

    Left the first epoch after it, right the mean of several epochs on either side.
    """
    every, at = parts.arms(tables["schedules"]), parts.marks(tables["schedules"])
    readings = {
        "in the first epoch": ("milestone_changes", "milestone_summary"),
        "mean of the epochs after and before": ("milestone_levels", "milestone_levels_summary"),
    }
    views = []
    shown: list[int] = []
    for heading, names in readings.items():
        seeds, means = (relevant(tables[name], at) for name in names)
        shown = [m for m in at if m in set(seeds["milestone"])]
        panels = [
            one_milestone(seeds, means, every, m, heading if m == shown[0] else "", last=m == shown[-1]) for m in shown
        ]
        if panels:
            views.append(alt.vconcat(*panels, spacing=8).resolve_scale(x="shared", color="independent"))
    if not shown:
        return parts.note("No milestone was reached in this study")
    chart = alt.hconcat(*views, spacing=14).resolve_scale(x="shared", color="independent")
    chart = chart.add_params(parts.statistics("recomputed"))
    return parts.finish(chart, *text(tables, at))


def one_milestone(
    seeds: pd.DataFrame, means: pd.DataFrame, every: list[str], m: int, heading: str, last: bool
) -> alt.typing.ChartType:
    """The panel of one milestone and one reading."""
    mine, summary = seeds[seeds["milestone"] == m], means[means["milestone"] == m]
    here = [arm for arm in every if arm in set(mine["arm"])]
    title = parts.heading([heading, f"after epoch {m}"] if heading else f"after epoch {m}")
    layers = panel(mine, summary, every, here, last=last)
    return alt.layer(*layers).properties(title=title, width=235, height=19 * len(here))


def relevant(table: pd.DataFrame, at: dict[int, list[str]]) -> pd.DataFrame:
    """Test error of arms at their own milestones, and of `none`; `statistics` names the metric."""
    rows = table[(table["split"] == "test") & table["metric"].isin(METRICS) & table["change"].notna()]
    rows = rows.assign(arm=rows["arm"].astype(str), statistics=rows["metric"].map(METRICS))
    keep = [m in at and arm in (*at[m], theme.CONTROL) for arm, m in zip(rows["arm"], rows["milestone"], strict=True)]
    return rows[pd.Series(keep, index=rows.index, dtype=bool)]


def panel(seeds: pd.DataFrame, means: pd.DataFrame, every: list[str], here: list[str], last: bool) -> list[alt.Chart]:
    """Zero line, intervals, means and seeds of one milestone."""
    axis = alt.Axis(title="Change of test error (points)" if last else None, labels=last)
    x = alt.X("change:Q", axis=axis)
    y = alt.Y("arm:N", title=None, sort=here, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    color = alt.Color("arm:N", scale=parts.scale(every, here, 0), legend=None)
    which = "datum.statistics == statistics"
    means = means[["arm", "statistics", "n", "change", "change_low", "change_high"]].round(3)
    limits = [alt.Tooltip("change_low:Q", title="95 % from"), alt.Tooltip("change_high:Q", title="to")]
    tips = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("change:Q", title="mean change"),
        *limits,
        alt.Tooltip("n:Q", title="seeds"),
    ]
    mean = alt.Chart(means).transform_filter(which).encode(y=y, color=color, tooltip=tips)
    sure = alt.Chart(means.dropna()).transform_filter(which).encode(y=y, color=color, tooltip=tips)
    dots = alt.Chart(seeds[["arm", "statistics", "seed", "change"]].round(3)).transform_filter(which)
    return [
        alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY).encode(x=alt.X("zero:Q", axis=axis)),
        sure.mark_rule(strokeWidth=2.5).encode(alt.X("change_low:Q", axis=axis), alt.X2("change_high:Q")),
        mean.mark_tick(thickness=3, size=13, opacity=1).encode(x),
        dots.mark_point(size=28, strokeWidth=1.2, opacity=0.85).encode(
            x, y, color=color, tooltip=["arm:N", "seed:N", alt.Tooltip("change:Q", format=".2f")]
        ),
    ]


def text(tables: dict[str, pd.DataFrame], at: dict) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    own, beside = words.judged(words.own(tables["milestone_levels_summary"], at, "error_recomputed"))
    than = " more than without" if beside == "difference" else " with"
    falls = f"Test error falls by {{amount}}{than} the change{{where}}"
    title = words.fall(own, beside, falls, neutral="Change of test error at each milestone")
    n = own["n"] if len(own) else pd.Series([1])
    single_seed = int(n.max()) == 1
    drawn = "Dot: the one seed" if single_seed else "Dots: seeds; tick and bar: mean and 95 % t-interval"
    subtitle = [
        f"Title and first view: recomputed batch-norm statistics; {words.seeds_shown(n)}"
        + ("" if single_seed else f". {drawn}")
    ]
    control = " Grey: arm none, in which nothing changes." if beside == "difference" else ""
    caption = (
        "For each milestone m and arm that changes there, left: test error at the end of epoch m + 1 less that at the "
        "end of epoch m; right: mean over up to five epochs after m less that over up to five before. Left of a zero "
        f"line it fell.{control} {drawn}. Switch below: running or recomputed batch-norm statistics. Title: the "
        f"difference on the right. {words.COUNTED}"
    )
    listed = words.listing(own, beside) or "no intervals"
    against = "Change less that of the run without it" if beside == "difference" else "Change"
    alt_text = f"Dots and intervals of the change of test error after milestones. {against}: {listed}."
    return title, subtitle, caption, alt_text
