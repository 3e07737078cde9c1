"""Training loss of an arm whose rate is cut and later restored, against the summed learning rate or epochs."""

import json
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from ..analysis.judged import JUDGED, flow_time, settings
from ..results.intervals import t_interval
from . import parts, theme, words

ARM, CUT = "reversal", "step"
AXES = {"rate_sum": "learning rate summed over updates", "epoch": "epochs completed"}
HEIGHT, EPOCHS = 270, 5


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Means over the seeds of arm reversal and their range; rules where its rate is cut and restored."""
    curves = tables["curves"].assign(arm=tables["curves"]["arm"].astype(str))
    order = [theme.CONTROL, CUT, "batch", "hybrid", ARM]  # in the colours that they have elsewhere
    rows, changes = table(curves[curves["arm"].isin([theme.CONTROL, CUT, ARM])])
    shown = [arm for arm in order if arm in set(rows["arm"])]
    if not {ARM, theme.CONTROL} <= set(shown):
        return parts.note("This study has no arm whose learning rate is restored")
    first = max(1, -(-int(min(changes["epoch"], default=rows["epoch"].max())) // 5))
    late = rows[rows["epoch"] >= first]
    low, high = rows["low"].min(), late["mean"].max()
    room = 0.05 * max(high - low, 1e-3)
    y_scale = alt.Scale(domain=[round(low - room, 4), round(high + room, 4)], nice=False, zero=False)
    title = "Training loss (nats)"
    mean, bottom = (alt.Y(f"{c}:Q", scale=y_scale, title=title, axis=alt.Axis(tickCount=6)) for c in ("mean", "low"))
    ends = {name: [0, round(float(rows[column].max()), 6)] for column, name in AXES.items()}
    scale = alt.Scale(domain=alt.ExprRef(f"{json.dumps(ends)}[axis]"), nice=False)
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(title=None, grid=False, tickCount=10))
    place = f"axis === {json.dumps(AXES['epoch'])} ? datum.epoch : datum.rate_sum"
    look = parts.line_style(order, shown)
    base = alt.Chart(rows).transform_calculate(x=place)
    band = base.mark_area(clip=True, opacity=0.13, strokeWidth=0).encode(
        x, bottom, alt.Y2("high:Q"), color=look["color"]
    )
    # In the order of epochs, whatever the axis.
    line = base.mark_line(clip=True, strokeWidth=1.9).encode(x, mean, order="epoch:Q", **look)
    tips = ["arm:N", "epoch:Q", alt.Tooltip("rate_sum:Q", title="summed rate", format=".1f"), "learning_rate:Q"]
    tips += [alt.Tooltip(f"{c}:Q", title=f"{c} (nats)", format=".3f") for c in ("mean", "low", "high")]
    hover = base.mark_point(filled=True, size=60, opacity=0, clip=True)
    hover = hover.encode(x, mean, tooltip=[*tips, alt.Tooltip("n:Q", title="seeds")])
    layers = [band, line, hover, parts.axis_name("axis", parts.WIDTH, HEIGHT)]
    if len(changes):
        layers = [*rules(changes, x, place), *layers]
    # In a concatenation the legend keeps clear of the name of the axis, which is a mark.
    chart = alt.vconcat(alt.layer(*layers).properties(width=parts.WIDTH, height=HEIGHT, name="loss"))
    radio = alt.binding_radio(options=list(AXES.values()), name="Horizontal axis: ")
    chart = chart.add_params(alt.param(name="axis", value=AXES["rate_sum"], bind=radio))
    return parts.finish(chart, *text(tables["reversal"], rows, changes, shown))


def table(curves: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Loss by arm and epoch over the seeds of arm reversal, and its changes: epoch, rate_sum, words."""
    seeds = set(curves.loc[curves["arm"] == ARM, "seed"])
    curves = curves[curves["seed"].isin(seeds)]
    split, metric, _ = JUDGED["loss"]
    chosen = curves[(curves["split"] == split) & (curves["metric"] == metric) & curves["value"].notna()]
    ends = {"mean": "mean", "low": "min", "high": "max", "n": "count"}
    rows = chosen.groupby(["arm", "epoch"])["value"].agg(**ends).round(4).reset_index()
    places = flow_time(curves).groupby(["arm", "epoch"])["rate_sum"].mean().round(6).reset_index()
    rates = settings(curves).groupby(["arm", "epoch"])["learning_rate"].first().reset_index()
    rows = rows.merge(places, on=["arm", "epoch"]).merge(rates, how="left", on=["arm", "epoch"])
    own = rows[(rows["arm"] == ARM) & (rows["epoch"] > 0)].sort_values("epoch")
    after = own["learning_rate"].shift(-1)
    changed = after.notna() & (after != own["learning_rate"])
    labels = [
        "rate divided" if new < old else "rate restored" for new, old in zip(after, own["learning_rate"], strict=True)
    ]
    changes = own.assign(words=labels)[changed][["epoch", "rate_sum", "words"]].reset_index(drop=True)
    keep = {m + d for m in changes["epoch"] for d in (0, 1)} | {0, 1, int(rows["epoch"].max()) if len(rows) else 0}
    return parts.thin(rows, keep), changes


def rules(changes: pd.DataFrame, x: alt.X, place: str) -> list[alt.Chart]:
    """Thin rules where the rate of arm reversal changes, told left and right of them in turn."""
    base = alt.Chart(changes).transform_calculate(x=place)
    layers = [base.mark_rule(**parts.MILESTONE).encode(x)]
    for right in (False, True):
        side: dict[str, Any] = {"align": "left", "dx": 5} if right else {"align": "right", "dx": -5}
        look: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 12, "baseline": "top"}
        own = alt.Chart(changes[changes.index % 2 == right]).transform_calculate(x=place)
        layers.append(own.mark_text(**look, **side).encode(x, y=alt.value(3), text="words:N"))
    return layers


def text(
    differences: pd.DataFrame, rows: pd.DataFrame, changes: pd.DataFrame, shown: list[str]
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    title = "Training loss of an arm whose learning rate is cut and restored"
    equal, same = (t_interval(differences[column]) for column in ("difference", "difference_same_epoch"))
    dip = lowered(rows, changes)
    furthest = max(abs(equal.low), abs(equal.high))
    # Within X by the interval, and X small beside what the cut had lowered: else it has not come back.
    if furthest < dip / 2:
        title = (
            f"The rate restored, training loss comes back to within {furthest:.3f} nats of arm none's at equal summed "
        )
        title += f"learning rate (the cut had lowered it by {dip:.3f})"
    n = rows["n"]
    subtitle = [
        f"Recomputed batch-norm statistics; {words.seeds_shown(n)}{words.band(n)}",
        "Vertical lines: the learning rate of arm reversal changes",
    ]
    caption = (
        "Training loss on a fixed subset. At equal summed learning rate arms have travelled as far: the phase at a low "
        "rate, long in epochs, is short there. Switch below: epochs. The first epochs lie above the vertical axis. The "
        "title compares means over the last epochs of arm reversal with arm none's at equal summed rate, and says the "
        "end of the 95 % t-interval of the difference that is further from zero, if that is less than half of what the "
        "cut had lowered."
    )
    interval = "" if pd.isna(equal.low) else f" (95 % {signed(equal.low)} to {signed(equal.high)})"
    ends = rows.loc[rows.groupby("arm")["epoch"].idxmax()].set_index("arm")
    listed = [f"{arm} {ends['mean'][arm]:.3f} nats at summed rate {ends['rate_sum'][arm]:.0f}" for arm in shown]
    dates = [f"{row.words} after epoch {row.epoch}" for row in changes.itertuples()]
    alt_text = f"Lines of training loss against summed learning rate; arm reversal: {', '.join(dates)}. Ends: "
    alt_text += f"{'; '.join(listed)}."
    if not pd.isna(equal.mean):
        alt_text += f" Reversal less none at equal summed rate: {signed(equal.mean)} nats{interval}; at the same epoch "
        alt_text += f"{signed(same.mean)} nats."
    return title, subtitle, caption, alt_text


def signed(value: float) -> str:
    """`+0.014` or `−0.001`."""
    return f"{value:+.3f}".replace("-", "−")


def lowered(rows: pd.DataFrame, changes: pd.DataFrame) -> float:
    """Nats by which arm reversal lies below arm none at equal summed rate before its rate is restored."""
    restored = changes[changes["words"] == "rate restored"]
    if restored.empty:
        return float("nan")
    own, none = (rows[rows["arm"] == arm].set_index("epoch") for arm in (ARM, theme.CONTROL))
    epoch = int(restored["epoch"].iloc[-1])
    cut = max((m for m in changes["epoch"] if m < epoch), default=0)
    own = own.loc[max(cut + 1, epoch - EPOCHS + 1) : epoch]
    return float((np.interp(own["rate_sum"], none["rate_sum"], none["mean"]) - own["mean"]).mean())
