"""Test and training error as lines, one above the other: what figures by epoch and by update share."""

import altair as alt
import pandas as pd

from . import parts, words

HEIGHT = {"test": 205, "train": 150}
NAMES = {"test": "Test error (%)", "train": "Training error (%)"}
STATES = {  # panel -> (split, metric) for each state of the switch
    "test": {"running": ("test", "error"), "recomputed": ("test", "error_recomputed")},
    "train": {"running": ("train", "error"), "recomputed": ("train_eval", "error_recomputed")},
}
VALUES = ("mean", "low", "high", "n")


def table(curves: pd.DataFrame, schedules: pd.DataFrame, panel: str) -> pd.DataFrame:
    """One row per arm and epoch: its update and setting, mean, low, high, n for both states of the switch.

    In percent; columns mean_running, low_running, ... mean_recomputed, ... (missing where not measured).
    """
    curves = curves.assign(arm=curves["arm"].astype(str))
    curves = curves[curves["arm"].isin(parts.arms(schedules)) & curves["value"].notna()]
    keys = ["arm", "epoch"]
    where = curves.groupby(keys, sort=False)[["update", "learning_rate", "batch_size"]].first()
    out = where.reset_index().sort_values(keys)
    for state, (split, metric) in STATES[panel].items():
        rows = curves[(curves["split"] == split) & (curves["metric"] == metric)]
        out = out.merge(parts.over_seeds(rows, keys, f"_{state}"), how="left", on=keys)
    out = out.dropna(subset=["mean_running", "mean_recomputed"], how="all")
    beside = {m + d for m in parts.marks(schedules) for d in (0, 1)}
    return parts.thin(out, beside | {0, 1, int(curves["epoch"].max())}).reset_index(drop=True)


def limits(rows: pd.DataFrame, first: int) -> tuple[float, float]:
    """Range of the vertical axis in percent: all bands' lows, and the means from epoch `first` on.

    The first epochs fall from 90 % in any run; on an axis that holds them, drops at milestones would be flat.
    """
    low, late = rows[["low_running", "low_recomputed"]].min().min(), rows[rows["epoch"] >= first]
    high = late[["mean_running", "mean_recomputed"]].max().max()
    room = 0.06 * max(high - low, 0.1)
    return max(0.0, round(float(low - room), 3)), round(float(high + room), 3)


def start(schedules: pd.DataFrame) -> int:
    """First epoch the vertical axis must hold: a fifth of the way to the first milestone, or to the end."""
    m = min(parts.marks(schedules), default=int(schedules["epoch"].max()))
    return max(1, -(-m // 5))


def draw_panel(
    rows: pd.DataFrame, panel: str, x: alt.X, every: list[str], domain: tuple[float, float], along: str = ""
):
    """Band and line of each arm whose checkbox is on, and invisible points that carry the tooltips.

    `along` is an expression for field `along` of x, where the horizontal axis is a matter of choice.
    """
    shown = present(rows, every)
    selection = parts.chosen()
    base = switched(rows, shown)
    base = base.transform_calculate(along=along) if along else base
    for name in VALUES:
        choice = f"statistics == 'running' ? datum.{name}_running : datum.{name}_recomputed"
        base = base.transform_calculate(**{name: choice})
    look = parts.line_style(every, shown)
    y_scale = alt.Scale(domain=domain, nice=False, zero=False)
    y = alt.Y("mean:Q", title=NAMES[panel], scale=y_scale, axis=alt.Axis(tickCount=6))
    band = base.mark_area(clip=True, strokeWidth=0).encode(
        x, alt.Y("low:Q", scale=y_scale, title=NAMES[panel]), alt.Y2("high:Q"),
        color=look["color"], opacity=parts.faded(selection, 0.13, 0.0),
    )  # fmt: skip
    line = base.mark_line(clip=True, strokeWidth=1.8)
    line = line.encode(x.axis(None), y, **look, opacity=parts.faded(selection, 1.0, 0.08))
    # A line has one tooltip for all its length, so each epoch gets a point to hover over.
    tips = ["arm:N", "epoch:Q", alt.Tooltip("update:Q", title="updates", format=",d")]
    tips += parts.value_tips("error (%)")
    tips += [alt.Tooltip(f"{key}:Q", title=key.replace("_", " ")) for key in ("learning_rate", "batch_size")]
    hover = base.mark_point(filled=True, size=70, opacity=0, clip=True, aria=False)
    hover = hover.encode(x.axis(None), y, tooltip=tips)
    # The legend is bound once, in the test panel; the other panel follows.
    line = line.add_params(selection) if panel == "test" else line
    return [band, line.properties(name=f"lines_{panel}"), hover]


def present(rows: pd.DataFrame, every: list[str]) -> list[str]:
    """Arms that have rows, in the order of the study."""
    return [arm for arm in every if arm in set(rows["arm"])]


def switched(rows: pd.DataFrame, shown: list[str]) -> alt.Chart:
    """A chart of the rows whose arm is switched on."""
    base = alt.Chart(rows.assign(place=rows["arm"].map(shown.index)))
    return base.transform_filter(parts.switched_on(shown))


def stack(panels: dict[str, list], arms: list[str]) -> alt.VConcatChart:
    """Test above training, one legend, one switch for the statistics and one for each arm."""
    views = [parts.view(layers, HEIGHT[panel], name=f"panel_{panel}") for panel, layers in panels.items()]
    chart = alt.vconcat(*views, spacing=12).resolve_scale(color="shared", strokeDash="shared")
    return chart.add_params(*parts.switches(arms), parts.statistics("running"))


def outside(rows: pd.DataFrame, domain: tuple[float, float]) -> str:
    """Sentence for the caption about means above the axis, empty where there are none."""
    above = rows[rows[["mean_running", "mean_recomputed"]].max(axis=1) > domain[1]]
    if above.empty:
        return ""
    last = int(above["epoch"].max())
    when = "epoch 0 lies" if last == 0 else f"epochs up to {last} lie in part"
    return f" The vertical axis ends at {domain[1]:.0f} %: {when} above it."


def reading(rows: pd.DataFrame) -> str:
    """Sentences for the caption that both figures need."""
    n = rows["n_running"].dropna()
    return (
        f"Lines: {words.seeds_shown(n)}{words.band(n)}. Switch below: error with running or recomputed "
        "batch-norm statistics (for training: over the epoch while it trains, or on a fixed subset after it)."
        " Switch arms off and on below, or click one in the legend to single it out."
    )
