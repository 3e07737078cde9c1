"""What a detector that never sees the schedule reports in every arm, over the epochs at which the schedule changed."""

import json
from typing import Any

import altair as alt
import pandas as pd

from . import parts, theme, words

READINGS = {
    "training loss (recomputed)": ("train_eval", "loss_recomputed"),
    "test error (recomputed)": ("test", "error_recomputed"),
    "test error (raw)": ("test", "error"),
}
FIRST = next(iter(READINGS))
KINDS = {  # colour and symbol
    "drop": (theme.COLOURS[0], "circle"),
    "rise": (theme.COLOURS[1], "triangle-up"),
    "recovery": (theme.COLOURS[2], "diamond"),
}
MISSED = (
    "No mark at a change: no lasting fall was found there. The detector needs a level that lasts, and misses a change "
    "where the curve still falls steeply or has little left to fall"
)
ROW, SIDE = 20, 150
SHOWN = "datum.reading == reading"


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """A row for each arm: short rules at each first epoch after a change, marks where something was reported."""
    detected, changes = named(tables["detections"]), named(tables["milestone_detections"])
    if detected.empty and changes.empty:
        return parts.note("No change of a schedule was looked for in this study")
    schedules = tables["schedules"]
    arms = list(dict.fromkeys([*schedules["arm"].astype(str), *changes["arm"], *detected["arm"]]))
    end = int(max(schedules["epoch"].max(), detected["epoch"].max() if len(detected) else 0))
    chart = alt.layer(*layers(detected, changes, arms, end)).resolve_axis(y="independent")
    radio = alt.binding_radio(options=list(READINGS), name="Curve: ")
    chart = chart.add_params(alt.param(name="reading", value=FIRST, bind=radio))
    chart = chart.properties(width=parts.WIDTH - SIDE, height=ROW * len(arms), name="arms")
    return parts.finish(chart, *text(detected, changes, arms))


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the readings shown, named in the column `reading`."""
    names = {pair: name for name, pair in READINGS.items()}
    pairs = zip(table["split"], table["metric"], strict=True)
    readings = pd.Series([names.get(pair) for pair in pairs], index=table.index, dtype=object)
    return table.assign(arm=table["arm"].astype(str), reading=readings)[readings.notna()]


def outcomes(detected: pd.DataFrame, changes: pd.DataFrame, arms: list[str]) -> dict[str, dict[str, str]]:
    """For each reading and arm what stands beside its row: `15 of 16 changes` (own ones, where others are counted with
    an arm above, with which it had been one run), or `no change: 0 alarms`.
    """
    beside: dict[str, dict[str, str]] = {}
    for reading in READINGS:
        drops = detected[(detected["reading"] == reading) & (detected["kind"] == "drop")]
        mine = changes[changes["reading"] == reading]
        counted = mine[mine["counted"].astype(bool)]
        for arm in arms:
            own, exact = mine[mine["arm"] == arm], counted[counted["arm"] == arm]["exact"].astype(bool)
            shared = bool((own["expected"].astype(bool) & ~own["counted"].astype(bool)).any())
            alarms = words.count(int((drops["arm"] == arm).sum()), "alarm")
            none = f"no change: {alarms}" if own.empty else "counted above" if shared else "not counted"
            phrase = f"{int(exact.sum())} of {len(exact)} {'own ' if shared else ''}changes" if len(exact) else none
            beside.setdefault(reading, {})[arm] = phrase
    return beside


def layers(detected: pd.DataFrame, changes: pd.DataFrame, arms: list[str], end: int) -> list[alt.Chart]:
    """Rows, rules at changes, marks; names of arms on the left and what came out of them on the right."""
    rows = alt.Scale(domain=arms, padding=0)
    plain: dict[str, Any] = {"ticks": False, "domain": False, "title": None, "labelOverlap": False}
    left = alt.Y("arm:N", scale=rows, axis=alt.Axis(labelLimit=150, grid=True, **plain))
    said = f"{json.dumps(outcomes(detected, changes, arms), ensure_ascii=False)}[reading][datum.value]"
    right = alt.Y("arm:N", scale=rows, axis=alt.Axis(orient="right", labelExpr=said, labelLimit=SIDE, **plain))
    bare = alt.Y("arm:N", scale=rows, axis=None)
    scale = alt.Scale(domain=[0, end + 1], nice=False)
    x = alt.X("epoch:Q", scale=scale, axis=alt.Axis(title="Epoch", grid=False, tickMinStep=1))
    at = changes.assign(epoch=changes["milestone"] + 1)
    at = at.groupby(["reading", "arm", "epoch"], sort=False)["seed"].nunique().rename("seeds").reset_index()
    keys = ["reading", "arm", "kind", "epoch", "prompt"]
    seen = detected.assign(prompt=detected["prompt"].astype(bool) | detected["milestone"].isna())
    seen = seen.groupby(keys, sort=False).agg(seeds=("seed", "nunique"), size=("size", "mean"), ratio=("ratio", "mean"))
    seen = seen.reset_index().round(4).astype({"epoch": int, "seeds": int})
    most = max([int(seen["seeds"].max()) if len(seen) else 1, 2])
    sizes = alt.Scale(domain=[1, most], range=[34, 150])
    steps = sorted({1, (1 + most) // 2, most})
    key: dict[str, Any] = {"title": None, "orient": "bottom", "direction": "horizontal", "labelLimit": 0}
    kinds = [alt.Scale(domain=list(KINDS), range=[look[i] for look in KINDS.values()]) for i in (0, 1)]
    kind_key = alt.Legend(symbolSize=80, symbolOpacity=1, **key)
    counts = {str(n): words.count(n, "seed") for n in steps}
    size_key = alt.Legend(
        values=steps,
        labelExpr=f"{json.dumps(counts)}[datum.value]",
        symbolStrokeColor=theme.GREY,
        symbolFillColor=theme.GREY,
        **key,
    )
    tips = ["arm:N", "kind:N", "epoch:Q", alt.Tooltip("seeds:Q", title="seeds that report it")]
    tips += [
        alt.Tooltip("size:Q", title="mean size", format=".3~f"),
        alt.Tooltip("ratio:Q", title="mean ratio", format=".3~f"),
    ]
    rule = alt.Chart(at, name="changes").transform_filter(SHOWN).mark_tick(orient="vertical", thickness=2, size=ROW - 3)
    rule = rule.encode(x, bare, color=alt.value(theme.GREY), tooltip=["arm:N", "epoch:Q", "seeds:Q"])
    marks = alt.Chart(seen, name="reports").transform_filter(SHOWN).mark_point(strokeWidth=1.6, opacity=1)
    marks = marks.encode(
        x, bare,
        stroke=alt.Stroke("kind:N", scale=kinds[0], legend=kind_key),
        fill=alt.Fill("kind:N", scale=kinds[0], legend=kind_key),
        shape=alt.Shape("kind:N", scale=kinds[1], legend=kind_key),
        fillOpacity=alt.when("datum.prompt").then(alt.value(0.6)).otherwise(alt.value(0)),
        size=alt.Size("seeds:Q", scale=sizes, legend=size_key),
        tooltip=tips,
    )  # fmt: skip
    names = alt.Chart(pd.DataFrame({"arm": arms})).mark_rule(strokeWidth=0)
    return [names.encode(left), names.encode(right), rule, marks]


def text(detected: pd.DataFrame, changes: pd.DataFrame, arms: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    drops = detected[(detected["reading"] == FIRST) & (detected["kind"] == "drop")]
    without = [arm for arm in arms if arm not in set(changes["arm"])]
    beside = drops[~drops["arm"].isin(without)]
    judged = beside[beside["counted"].astype(bool)]
    alarms = len(drops) - len(beside)
    slow = int((~beside["prompt"].astype(bool) & (beside["deviation"] >= 0)).sum())
    counted = changes[changes["counted"].astype(bool)]
    title = "What a detector that never sees the schedule reports in each arm"
    title += f": a drop at {changed(changes)}" if len(counted) else ""
    if len(judged):
        exact = int((judged["deviation"] == 0).sum())
        title = f"Blind to the schedule, a detector puts {exact} of {words.count(len(judged), 'drop')} in exactly"
        title += f" the first epoch after a change ({changed(changes)} have one)"
        if without:
            title += f"; {words.count(alarms, 'alarm') if alarms else 'no alarm'} in "
            title += f"{words.count(len(without), 'arm')} without one"
    subtitle = [
        f"Title and first view: {FIRST}; marks grow with the seeds that report",
        "Grey rule: first epoch after a change; right: changes with a drop in exactly that epoch",
    ]
    if not counted["exact"].astype(bool).all():
        subtitle.append(MISSED)
    hollow = (
        f" Hollow: the epoch after that change has too few updates for momentum to show a drop at once; the title "
        f"leaves {words.count(slow, 'such drop')} out."
        if not detected[detected["arm"].isin(changes["arm"])]["prompt"].astype(bool).all()
        else ""
    )
    caption = (
        "The detector gets one curve at a time and never the schedule, which is laid beside its reports afterwards. "
        "Rows: arms; grey rules: the first epoch after each change of learning rate or batch size, as it was trained. "
        "Counted are changes at which the noise falls, with five epochs left and enough updates in the first, once "
        "where arms are one run until after the change. "
        f"Circles: drops; triangles: rises; diamonds: recoveries, falls that only end a spike.{hollow} Switch below: "
        "training loss, test error with recomputed, and with running batch-norm statistics (raw)."
    )
    said = outcomes(detected, changes, arms)[FIRST]
    alt_text = (
        f"Dots by arm and epoch. {title}. Changes with a drop in exactly the first epoch after them, {FIRST}: "
        f"{', '.join(f'{arm} {phrase}' for arm, phrase in said.items())}. Over all arms: {totals(detected, changes)}."
    )
    return title, subtitle, caption, alt_text


def changed(changes: pd.DataFrame) -> str:
    """`10 of 17 changes` that are counted have a drop in exactly the first epoch after them, in the first reading."""
    exact = changes[(changes["reading"] == FIRST) & changes["counted"].astype(bool)]["exact"].astype(bool)
    return f"{int(exact.sum())} of {words.count(len(exact), 'change')}"


def totals(detected: pd.DataFrame, changes: pd.DataFrame) -> str:
    """For each reading how many changes have their drop at once, and how many alarms arms without a change have."""
    phrases = []
    for reading in READINGS:
        exact = changes[(changes["reading"] == reading) & changes["counted"].astype(bool)]["exact"].astype(bool)
        drops = detected[(detected["reading"] == reading) & (detected["kind"] == "drop")]
        alarms = words.count(int((~drops["arm"].isin(changes["arm"])).sum()), "alarm")
        phrases.append(f"{reading} {int(exact.sum())} of {len(exact)} changes, {alarms}")
    return "; ".join(phrases)
