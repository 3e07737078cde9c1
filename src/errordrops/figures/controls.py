"""Test error by epoch of every arm that is no headline arm, one small panel each, over that of arm none."""

import altair as alt
import pandas as pd

from ..analysis.judged import milestones_trained
from . import parts, theme, words

COLUMNS, HEIGHT = 3, 92
SPLIT, METRIC = "test", "error_recomputed"


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Means and ranges over seeds with recomputed statistics; thin rules at the arm's own milestones."""
    curves, schedules = tables["curves"], tables["schedules"]
    everything, headline = list(dict.fromkeys(schedules["arm"].astype(str))), parts.arms(schedules)
    curves = curves.assign(arm=curves["arm"].astype(str))
    curves = curves[curves["arm"].isin([*everything, theme.CONTROL])]
    chosen = curves[(curves["split"] == SPLIT) & (curves["metric"] == METRIC) & curves["value"].notna()]
    shown = [arm for arm in everything if arm not in headline and arm in set(chosen["arm"])]
    if not shown:
        return parts.note("Every arm of this study is in the figures above")
    rows = means(chosen[chosen["arm"].isin(shown)], ["arm", "epoch"])
    none = chosen[chosen["arm"] == theme.CONTROL]
    trained = settings(curves[curves["arm"].isin(shown)])
    first = max(1, -(-min(parts.marks(schedules), default=int(rows["epoch"].max())) // 5))
    domain, end = limits(rows, means(none, ["epoch"]), first), int(rows["epoch"].max())
    views = []
    for i, arm in enumerate(shown):
        own = rows[rows["arm"] == arm]
        # Arm none with the seeds of this arm: up to its first change the two are then one line.
        paired = means(none[none["seed"].isin(set(chosen.loc[chosen["arm"] == arm, "seed"]))], ["epoch"])
        edges = {"left": i % COLUMNS == 0, "bottom": i + COLUMNS >= len(shown)}
        colour = theme.style([*headline, *shown], arm)[0]
        layers = panel(own, paired, trained[arm][0], colour, domain, end, edges)
        width = (parts.WIDTH - 16 * (COLUMNS - 1)) // COLUMNS
        title = parts.heading(f"{arm}: {trained[arm][1]}")
        views.append(alt.layer(*layers).properties(width=width, height=HEIGHT, title=title, name=f"arm_{i}"))
    chart = alt.concat(*views, columns=COLUMNS, spacing={"row": 8, "column": 16})
    return parts.finish(chart, *text(tables["milestone_levels_summary"], rows, shown, domain, first))


def means(chosen: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean, low, high and n over seeds."""
    table = parts.over_seeds(chosen, by).sort_values(by)
    return parts.thin(table, {0, 1, int(table["epoch"].max())}) if len(table) else table


def settings(curves: pd.DataFrame) -> dict[str, tuple[list[int], str]]:
    """For each arm, as trained: epochs after which a seed changed (none for arms that change often), and words."""
    by_arm: dict[str, list[list[int]]] = {}
    for (arm, _), epochs in milestones_trained(curves).items():
        by_arm.setdefault(str(arm), []).append(epochs)
    described = {}
    for arm, seeds in by_arm.items():
        union = sorted({m for epochs in seeds for m in epochs})
        text = f"after {words.joined(union)}" if union else "no change"
        if len({tuple(epochs) for epochs in seeds}) > 1:
            text = f"after {union[0]} to {union[-1]}, by seed"
        often = max(map(len, seeds)) >= parts.FEW
        described[arm] = ([], "every epoch") if often else (union, text)
    return described


def limits(rows: pd.DataFrame, none: pd.DataFrame, first: int) -> tuple[float, float]:
    """Range of the vertical axis in percent: all from below; from above the ends, and arm none from `first` on.

    Arms that learn slowly at first would squash all drops.
    """
    ends = rows.loc[rows.groupby("arm")["epoch"].idxmax(), "mean"].max()
    late = none.loc[none["epoch"] >= first, "mean"] if len(none) else rows.loc[rows["epoch"] == first, "mean"]
    low, high = rows["low"].min(), max(ends, late.max() if len(none) else late.median())
    room = 0.06 * max(high - low, 0.1)
    return max(0.0, round(float(low - room), 2)), round(float(high + room), 2)


def panel(
    own: pd.DataFrame,
    none: pd.DataFrame,
    epochs: list[int],
    colour: str,
    domain: tuple[float, float],
    end: int,
    edges: dict[str, bool],
) -> list[alt.Chart]:
    """Rules, arm none, band and line of one arm, and points that carry the tooltips."""
    x_title = "Epochs completed" if edges["bottom"] else None
    axis = alt.Axis(title=x_title, labels=edges["bottom"], grid=False, tickMinStep=1, tickCount=4)
    x = alt.X("epoch:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=axis)
    y_axis = alt.Axis(title="Test error (%)" if edges["left"] else None, labels=edges["left"], tickCount=4)
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    mean, low = (alt.Y(f"{column}:Q", scale=scale, axis=y_axis) for column in ("mean", "low"))
    layers = []
    if epochs:
        rule = alt.Chart(pd.DataFrame({"epoch": epochs})).mark_rule(**parts.MILESTONE)
        layers.append(rule.encode(x, tooltip=[alt.Tooltip("epoch:Q", title="changes after")]))
    if len(none):
        line = alt.Chart(none[["epoch", "mean"]]).mark_line(clip=True, color=theme.GREY, strokeWidth=1)
        layers.append(line.encode(x, mean))
    base = alt.Chart(own)
    layers.append(base.mark_area(clip=True, color=colour, opacity=0.15).encode(x, low, alt.Y2("high:Q")))
    layers.append(base.mark_line(clip=True, color=colour, strokeWidth=2.2).encode(x, mean))
    tips = ["arm:N", "epoch:Q", *parts.value_tips("test error (%)")]
    layers.append(base.mark_point(filled=True, size=50, opacity=0, clip=True).encode(x, mean, tooltip=tips))
    return layers


def text(
    summary: pd.DataFrame, rows: pd.DataFrame, shown: list[str], domain: tuple[float, float], first: int
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    own = summary[summary["arm"].isin(shown) & (summary["index"] == 1)]
    own = own[(own["split"] == SPLIT) & (own["metric"] == METRIC)]
    # Arms that are one run with arm none up to their change are judged against it, others by themselves.
    paired = own["difference"].notna()
    ends = {end: own[f"difference{end}"].where(paired, own[f"change{end}"]) for end in ("", "_low", "_high")}
    own = own.assign(amount=ends[""], below=ends["_low"], above=ends["_high"])
    sure = own[own["above"] < 0]
    title = f"Test error of {words.count(len(shown), 'other arm')} by epoch, beside arm none"
    if len(sure):
        where = words.joined([str(m) for m in sorted(set(sure["milestone"]))])
        share = f"all {len(own)}" if len(sure) == len(own) else f"{len(sure)} of {len(own)}"
        title = f"Test error falls where an arm's first change is (after epoch {where}), in {share} "
        title += "arms with sudden changes"
    n = rows["n"]
    subtitle = [
        f"Thick: the arm named above the panel, {words.seeds_shown(n)}{words.band(n)}",
        "Thin grey: arm none, same seeds; vertical lines: the arm's rate or batch size changes",
    ]
    above = rows[(rows["mean"] > domain[1]) & (rows["epoch"] > first)]["arm"].unique()
    caption = (
        "Test error with recomputed batch-norm statistics of every arm that the first figures leave out. Arms that "
        "change in nearly every epoch have no vertical lines; an arm that decides for itself has those of all seeds. "
        f"The vertical axes end at {domain[1]:.0f} %: the first epochs lie above it"
    )
    caption += f", of {words.joined(list(above))} more than {first}. " if len(above) else ". "
    caption += (
        "The title compares means over the epochs after and before the first change, and counts an arm only where the "
        "95 % t-interval, less that of the run without the change where there is one, lies below zero."
    )
    last = rows.loc[rows.groupby("arm", sort=False)["epoch"].idxmax()].set_index("arm")
    listed = [f"{arm} {last['mean'][arm]:.1f} % at epoch {last['epoch'][arm]}" for arm in shown]
    falls = []
    for row in own.itertuples():
        interval = "" if pd.isna(row.below) else f" (95 % {words.signed(row.below)} to {words.signed(row.above)})"
        falls.append(f"{row.arm} after epoch {row.milestone} {words.signed(row.amount)}{interval}")
    alt_text = f"Small panels of test error against epochs. Last: {'; '.join(listed)}."
    alt_text += f" Change of level at the first change, in points: {'; '.join(falls)}." if falls else ""
    return title, subtitle, caption, alt_text
