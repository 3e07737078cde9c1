"""Effects paired with placebos: an arm less the mean of runs that got only a new order of the data, seed by seed."""

import altair as alt
import pandas as pd

from . import measures, parts, theme, words

NONE = theme.CONTROL
ROW, COLUMNS = 19, 2


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Forest by milestone, epochs after it and arm, over grey bands of what chance does; below, by update."""
    every = parts.arms(tables["schedules"])
    seeds, means, updates = (
        own(tables[name], every) for name in ("placebo_effects", "placebo_summary", "update_effects")
    )
    seeds, means = (measures.measured(table) for table in (seeds, means))
    if (means["control"] == NONE).all():
        return parts.note("This study has no placebos of its arms")
    ends = limits(seeds, means)
    at = sorted(set(means["milestone"]))
    width = (parts.WIDTH - 50 * (min(len(at), COLUMNS) - 1)) // min(len(at), COLUMNS)
    columns = [column(seeds[seeds["milestone"] == m], means[means["milestone"] == m], every, ends, width) for m in at]
    forest = alt.concat(*columns, columns=COLUMNS, spacing=16, align="each").resolve_scale(color="independent")
    views = [
        forest.properties(title=measures.heading("Effect on {measure}, in {unit}: arm less the mean of its placebos"))
    ]
    updates = updates[(updates["metric"] == "error_recomputed") & (updates["update"] > 0)].dropna(subset=["effect"])
    if len(updates):
        views.append(by_update(updates, every))
    chart = alt.vconcat(*views, spacing=22).resolve_scale(color="independent", shape="independent")
    return parts.finish(chart.add_params(measures.switch("test error")), *text(means, updates))


def own(table: pd.DataFrame, every: list[str]) -> pd.DataFrame:
    """Rows of the arms that figures show."""
    table = table.assign(arm=table["arm"].astype(str))
    return table[table["arm"].isin(every)]


def limits(seeds: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    """Per measure the ends low and high of the axis: all seeds, intervals and bands, so that panels compare."""
    ends = {}
    for measure, mine in means.groupby("measure"):
        dots = seeds[seeds["measure"] == measure]["effect"]
        shown = pd.concat(
            [dots, mine["effect_low"], mine["effect_high"], 2 * mine["control_sd"], -2 * mine["control_sd"]]
        )
        room = 0.03 * max(shown.max() - shown.min(), 1e-3)
        ends[measure] = {"low": shown.min() - room, "high": shown.max() + room}
    return pd.DataFrame(ends).T.astype(float).round(5)


def column(
    seeds: pd.DataFrame, means: pd.DataFrame, every: list[str], ends: pd.DataFrame, width: int
) -> alt.VConcatChart:
    """One milestone: a panel for each number of epochs after it, and one for the last epoch beside arm none."""
    m = int(means["milestone"].iloc[0])
    panels = [("placebos", after) for after in sorted(set(means[means["control"] != NONE]["after"]))]
    panels += [(NONE, None)] if (means["control"] == NONE).any() else []
    views = []
    for control, after in panels:
        heading = "last epoch, beside arm none" if control == NONE else f"{words.count(after, 'epoch')} after epoch {m}"
        mine, summary = (
            table[(table["control"] == control) & (True if after is None else table["after"] == after)]
            for table in (seeds, means)
        )
        here = [arm for arm in every if arm in set(summary["arm"])]
        last = (control, after) == panels[-1]
        name = f"forest_{m}_{after or NONE}"
        view = alt.layer(*panel(mine, summary, every, here, ends, last))
        views.append(view.properties(title=parts.heading(heading), width=width, height=ROW * len(here), name=name))
    return alt.vconcat(*views, spacing=8).resolve_scale(color="independent")


def panel(seeds, means, every: list[str], here: list[str], ends: pd.DataFrame, last: bool) -> list[alt.Chart]:
    """Band of single placebos, zero line, intervals, means and seeds."""
    axis = alt.Axis(title=None, labels=last, tickCount=5)
    scale = measures.following_scale(ends, "low", "high")
    x = alt.X("effect:Q", axis=axis, scale=scale)
    bands = alt.Scale(domain=here, padding=0)
    y = alt.Y("arm:N", title=None, scale=bands, axis=alt.Axis(labelLimit=150, ticks=False, domain=False))
    color = alt.Color("arm:N", scale=parts.scale(every, here, 0), legend=None)
    columns = ["measure", "arm", "after", "n", "effect", "effect_low", "effect_high", "control_sd", "beyond_all"]
    means = (
        means[columns]
        .round(5)
        .assign(chance_low=-2 * means["control_sd"].round(5), chance=2 * means["control_sd"].round(5))
    )
    tips = ["arm:N", alt.Tooltip("after:Q", title="epochs after the milestone")]
    tips += [alt.Tooltip(f"{key}:Q", title=title, format=".3~f") for key, title in (
        ("effect", "mean effect"), ("effect_low", "95 % from"), ("effect_high", "to"),
        ("control_sd", "standard deviation of single placebos"),
    )]  # fmt: skip
    tips += [
        alt.Tooltip("beyond_all:Q", title="seeds below every control", format=".0%"),
        alt.Tooltip("n:Q", title="seeds"),
    ]
    base, sure, chance = (
        alt.Chart(table).transform_filter(measures.SHOWN)
        for table in (means, means.dropna(subset=["effect_low"]), means.dropna(subset=["control_sd"]))
    )
    dots = alt.Chart(seeds[["measure", "arm", "seed", "effect"]].round(5)).transform_filter(measures.SHOWN)
    from_to = {"x": alt.X("effect_low:Q", axis=axis, scale=scale), "x2": alt.X2("effect_high:Q")}
    grey = {"x": alt.X("chance_low:Q", axis=axis, scale=scale), "x2": alt.X2("chance:Q")}
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY)
    spread = [chance.mark_rect(color=theme.GREY, opacity=0.25).encode(y=y, **grey)]
    intervals = [sure.mark_rule(strokeWidth=2.5).encode(y=y, color=color, tooltip=tips, **from_to)]
    return [
        *(spread if means["control_sd"].notna().any() else []),  # one run of arm none has no spread
        zero.encode(alt.X("zero:Q", axis=axis, scale=scale)),
        *(intervals if means["effect_low"].notna().any() else []),
        base.mark_tick(thickness=3, size=13, opacity=1).encode(x, y, color=color, tooltip=tips),
        dots.mark_point(size=24, strokeWidth=1.1, opacity=0.85).encode(
            x, y, color=color, tooltip=["arm:N", "seed:N", alt.Tooltip("effect:Q", format=".3~f")]
        ),
    ]


def by_update(updates: pd.DataFrame, every: list[str]) -> alt.HConcatChart:
    """Test error within the first epoch after a milestone, less that of placebos after as many updates."""
    at, shown = sorted(set(updates["milestone"])), [arm for arm in every if arm in set(updates["arm"])]
    width = (parts.WIDTH - 50 * (len(at) - 1)) // len(at)
    aside = {arm: 2 ** (0.13 * (i - (len(shown) - 1) / 2)) for i, arm in enumerate(shown)}
    updates = updates.assign(x=updates["update"] * updates["arm"].map(aside)).round(4)
    key = parts.legend(shown, symbolSize=90, symbolStrokeWidth=1)
    color = alt.Color("arm:N", scale=parts.scale(every, shown, 0), legend=key)
    shape = alt.Shape("arm:N", scale=parts.scale(every, shown, 2), legend=key)
    dash = alt.StrokeDash("arm:N", scale=parts.scale(every, shown, 1), legend=None)
    ticks = [2**k for k in range(int(updates["update"].max()).bit_length())]
    axis = alt.Axis(values=ticks, title="Updates since the change (doubling)", grid=False, format="d")
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(type="log", base=2, nice=False, domain=[0.8, updates["x"].max() * 1.1]))
    tips = ["arm:N", "update:Q", alt.Tooltip("effect:Q", format=".2f")]
    ends = {"effect_low": "95 % from", "effect_high": "to"}
    tips += [alt.Tooltip(f"{end}:Q", title=title, format=".2f") for end, title in ends.items()]
    tips += [alt.Tooltip("n:Q", title="seeds")]
    views = []
    for m in at:
        title = "Effect on test error (points)" if m == at[0] else None
        y = alt.Y("effect:Q", title=title, axis=alt.Axis(tickCount=6))
        base = alt.Chart(updates[updates["milestone"] == m]).encode(x, color=color)
        zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.GREY).encode(alt.Y("zero:Q", title=title))
        bars = base.transform_filter("isValid(datum.effect_low)").mark_rule(strokeWidth=1.3, opacity=0.7)
        bars = bars.encode(alt.Y("effect_low:Q", title=title), alt.Y2("effect_high:Q"))
        line = base.mark_line(strokeWidth=1.6).encode(y, strokeDash=dash)
        points = base.mark_point(filled=True, size=44, opacity=1).encode(y, shape=shape, tooltip=tips)
        heading = parts.heading(f"Within epoch {m + 1}: test error on a sample")
        known = updates["effect_low"].notna().any()  # one seed has no intervals
        view = alt.layer(zero, *([bars] if known else []), line, points).properties(
            width=width, height=190, name=f"updates_{m}", title=heading
        )
        views.append(view)
    return alt.hconcat(*views, spacing=14).resolve_scale(color="shared", shape="shared", y="shared")


def text(means: pd.DataFrame, updates: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    first = means[(means["after"] == 1) & (means["control"] != NONE)]
    falls = "Against placebos, a change{where} lowers test error by {amount} within one epoch"
    error = first[first["measure"] == "test error"]
    title = words.fall(error, "effect", falls, neutral="Arms beside placebos, by epochs after the change")
    single_seed = int(means["n"].max()) == 1
    drawn = "Dot: the one seed" if single_seed else "Dots: seeds; tick and bar: mean and 95 % t-interval"
    subtitle = [f"Title and first view: test error. {drawn}", "Grey: ± 2 standard deviations of single placebos"]
    last = " Last epoch: arm less the one run of arm none." if (means["control"] == NONE).any() else ""
    within = (
        " Lowest panel: test error within the first epoch after the change, less the mean of the placebos after as "
        f"many updates (mean{'' if single_seed else ' and 95 % t-interval'}; moved apart sideways)."
        if len(updates)
        else ""
    )
    caption = (
        "Placebos are runs from the same state that keep the setting and get only a new order of the data. Effect: arm "
        "less the mean of its placebos of the same seed, 1, 2 and 5 epochs after the change as far as placebos were "
        f"trained; left of zero the arm is lower. {drawn}. Grey band: ± 2 standard deviations of single placebos, what "
        f"chance alone does to one run.{last}{within} Recomputed batch-norm statistics. Switch below: test error or "
        f"training loss. {words.COUNTED}"
    )
    listed = [f"{measure} of {listing(first[first['measure'] == measure], measure)}" for measure in measures.MEASURES]
    alt_text = f"Dots and intervals of arms less the mean of their placebos, one epoch later: {'. '.join(listed)}."
    ends = means[(means["control"] == NONE) & (means["measure"] == "test error")]
    if len(ends):
        alt_text += f" Test error in the last epoch less that of arm none: {listing(ends, 'test error', '')}."
    return title, subtitle, caption, alt_text


def listing(rows: pd.DataFrame, measure: str, where: str = " after epoch {}") -> str:
    """Every arm and milestone with its mean effect and 95 % interval, for a reader who can't see the figure."""
    listed = []
    for row in rows.itertuples():
        mean, low, high = (
            measures.number(value, measure, sign=True) for value in (row.effect, row.effect_low, row.effect_high)
        )
        interval = "" if pd.isna(row.effect_low) else f" (95 % interval {low} to {high})"
        listed.append(f"{row.arm}{where.format(row.milestone)} {mean} {measures.MEASURES[measure][2]}{interval}")
    return "; ".join(listed) or "none"
