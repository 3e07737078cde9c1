"""Test error (percent) within the epochs on either side of each milestone, with the change and without it."""

import altair as alt
import pandas as pd

from . import parts, words

BRANCHES = {"changed": [1, 0], "unchanged": [3, 3]}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """One panel a milestone m, from m - 1 to m + 1; points are evaluations, bands the range over seeds."""
    every = parts.arms(tables["schedules"])
    closeups = tables["closeups"][tables["closeups"]["arm"].astype(str).isin(every)]
    rows = table(closeups)
    if rows.empty:
        return parts.note("No close-ups were recorded in this study")
    at = sorted(set(rows["milestone"]))
    columns = min(len(at), 3)
    width = (parts.WIDTH + 10 - 30 * (columns - 1)) // columns
    height = 300 if len(at) <= columns else 165 if len(at) <= 2 * columns else 100
    room = 0.05 * max(rows["high"].max() - rows["low"].min(), 0.1)
    domain = [max(0, float(rows["low"].min() - room)), float(rows["high"].max() + room)]
    shown = [arm for arm in every if arm in set(rows["arm"])]
    views = []
    for i, m in enumerate(at):
        layers = panel(rows[rows["milestone"] == m], m, every, shown, domain, first=i % columns == 0)
        heading = parts.heading(f"change after epoch {m}", anchor="middle")
        views.append(alt.layer(*layers).properties(width=width, height=height, title=heading))
    chart = alt.concat(*views, columns=columns, spacing=14)
    chart = chart.resolve_scale(color="shared", shape="shared", strokeDash="shared", x="independent", y="shared")
    return parts.finish(chart, *text(closeups, rows, shown))


def table(closeups: pd.DataFrame) -> pd.DataFrame:
    """Mean, low, high and n over seeds at each evaluation of test error with recomputed statistics."""
    rows = closeups[(closeups["split"] == "test") & (closeups["metric"] == "error_recomputed")]
    rows = rows[rows["value"].notna()].assign(arm=lambda t: t["arm"].astype(str))
    keys = ["arm", "milestone", "branch", "epoch", "update", "position"]
    return parts.over_seeds(rows.assign(position=rows["position"].round(6)), keys).sort_values(keys)


def panel(rows: pd.DataFrame, m: int, every: list[str], shown: list[str], domain: list[float], first: bool):
    """Bands, lines and points of one milestone, and the rule at x = m."""
    # Linear in epochs on both sides: a logarithm of updates would stretch the first ones into a gentle slope,
    # while one scale before and after the change shows a fast fall as fast as it is.
    axis = alt.Axis(values=[m - 1, m, m + 1], title="Epochs completed", format="d", grid=False)
    epochs = alt.Scale(domain=[m - 1, m + 1], nice=False)
    x = alt.X("position:Q", axis=axis, scale=epochs)
    name = "Test error (%)" if first else None
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    y = alt.Y("mean:Q", title=name, scale=scale, axis=alt.Axis(tickCount=6, labels=first))
    symbols = parts.legend(shown, symbolSize=90, symbolStrokeWidth=1)
    color = alt.Color("arm:N", scale=parts.scale(every, shown, 0), legend=symbols)
    shape = alt.Shape("arm:N", scale=parts.scale(every, shown, 2), legend=symbols)
    dashes = alt.Scale(domain=list(BRANCHES), range=list(BRANCHES.values()))
    dash = alt.StrokeDash("branch:N", scale=dashes, legend=None)  # the subtitle says which is which
    tips = ["arm:N", "branch:N", "epoch:Q", alt.Tooltip("update:Q", title="updates into the epoch")]
    tips += parts.value_tips("test error (%)")
    base = alt.Chart(rows).encode(x, color=color, detail="branch:N")
    band = base.mark_area(opacity=0.13, strokeWidth=0).encode(alt.Y("low:Q", title=name, scale=scale), alt.Y2("high:Q"))
    line = base.mark_line(strokeWidth=1.6).encode(y, order="position:Q", strokeDash=dash)
    points = base.mark_point(filled=True, size=24, opacity=0.9).encode(y, shape=shape, tooltip=tips)
    rule = alt.Chart(pd.DataFrame({"milestone": [m]})).mark_rule(**parts.MILESTONE)
    at_m = alt.X("milestone:Q", axis=axis, scale=epochs)
    return [rule.encode(at_m), band, line, points]


def effects(closeups: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """By arm and milestone, at the end of epoch m + 1: changed less unchanged by seed, and when it came.

    Columns arm milestone n mean low high (over seeds, points) and half: the part of the epoch after which the
    mean of the changed branch has fallen by half of what it falls in that epoch.
    """
    kept = closeups[(closeups["split"] == "test") & (closeups["metric"] == "error_recomputed")]
    after = kept[kept["epoch"] == kept["milestone"] + 1].sort_values("update")
    rows_of_effects = []
    for (arm, m), group in after.groupby(["arm", "milestone"], sort=False):
        ends = group.groupby(["seed", "branch"])["value"].last().unstack("branch")
        if not {"changed", "unchanged"} <= set(ends):
            continue
        paired = (ends["changed"] - ends["unchanged"]).dropna()
        path = rows[(rows["arm"] == str(arm)) & (rows["milestone"] == m) & (rows["branch"] == "changed")]
        path = path.sort_values("position")
        level = (path["mean"].iloc[0] + path["mean"].iloc[-1]) / 2
        half = path.loc[path["mean"] <= level, "position"].min() - m
        rows_of_effects.append((str(arm), m, len(paired), paired.mean(), paired.min(), paired.max(), half))
    return pd.DataFrame(rows_of_effects, columns=["arm", "milestone", "n", "mean", "low", "high", "half"])


def text(closeups: pd.DataFrame, rows: pd.DataFrame, shown: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    paired, n = effects(closeups, rows), rows["n"]
    title = "Test error within the epochs around each milestone"
    sure = paired[(paired["high"] < 0) & (paired["n"] > 1)]
    if len(sure):
        amount = words.span(-sure["mean"])
        title = f"One epoch after the change, test error is {amount} points lower than without it"
        title += "" if len(sure) == len(paired) else f", in {len(sure)} of {len(paired)} cases"
        early = sure["half"].max()
        title += f"; half of the fall comes in the first {100 * early:.0f} % of the epoch" if early <= 0.5 else ""
    drawn = f"{words.seeds_shown(n)}{words.band(n)}"
    subtitle = ["Solid: with the change; dashed: without", f"Recomputed batch-norm statistics; {drawn}"]
    caption = (
        "Test error on a fixed sample of test images, evaluated at updates 1, 2, 4, 8, … of an epoch "
        "(points): in the epoch before milestone m, and in the epoch after it, trained from one state with "
        f"the change (solid) and without (dashed). Lines: {drawn}. The title counts a case, an arm at a "
        "milestone, only where there are several seeds and every one is lower with the change."
    )
    ends = [f"{r.arm} after epoch {r.milestone}: {words.signed(r.mean)} points" for r in paired.itertuples()]
    alt_text = f"Test error within epochs around milestones for {words.joined(shown)}, with and without the change."
    alt_text += f" Changed less unchanged, one epoch after the change: {'; '.join(ends)}." if ends else ""
    return title, subtitle, caption, alt_text
