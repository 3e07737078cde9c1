"""The first picture of the article: what the schedules do, as staircases, above what the errors do."""

from typing import Any

import altair as alt
import pandas as pd

from . import panels, parts, theme, words

WIDTH, ERROR_HEIGHT, STAIR_HEIGHT = 600, 230, 44
TEST, TRAIN = "test error", "training error"
READ = {("test", "error_recomputed"): TEST, ("train", "error"): TRAIN}
GAP = 0.075  # least distance of two names at the ends of lines, as a share of the axis
# a reader of the first picture has not met the names of the arms
WORDS = {"learning_rate": "rate divided", "batch_size": "batch multiplied"}
STAIRS = {"learning_rate": "Learning rate", "batch_size": "Batch size"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Learning rate, batch size and error against epochs, one colour an arm in all three."""
    schedules = tables["schedules"].assign(arm=tables["schedules"]["arm"].astype(str))
    arms = shown(schedules)
    if len(arms) < 2:
        return parts.note("This study has no arm to set beside the one that cuts the learning rate")
    schedules = schedules[schedules["arm"].isin(arms)]
    at = parts.marks(schedules)
    errors = table(tables["curves"], arms, at)
    if errors[errors["line"] == TEST].empty:
        return parts.note("No test error with recomputed statistics has been recorded")
    every = parts.arms(tables["schedules"])
    colours = parts.scale(every, arms, 0)
    views = [staircase(schedules, column, colours, at, labelled=not i) for i, column in enumerate(STAIRS)]
    views.append(error_panel(errors, every, arms, at, panels.start(schedules), said(schedules)))
    return parts.finish(alt.vconcat(*views, spacing=8), *text(errors, arms, at))


def shown(schedules: pd.DataFrame) -> list[str]:
    """Arm `none`, the first that changes the learning rate alone, and the first that changes the batch alone."""
    varied = changing(schedules)
    few = [arm for arm, own in parts.milestones(schedules).items() if 0 < len(own) < parts.FEW]
    rate = [arm for arm in few if tuple(varied.loc[arm]) == (True, False)]
    batch = [arm for arm in few if tuple(varied.loc[arm]) == (False, True)]
    still = [theme.CONTROL] if theme.CONTROL in varied.index else []
    return [*rate[:1], *batch[:1], *still]


def said(schedules: pd.DataFrame) -> dict[str, str]:
    """What each arm does, in two words."""
    return {
        str(arm): next((WORDS[column] for column in WORDS if row[column]), "unchanged")
        for arm, row in changing(schedules).iterrows()
    }


def changing(schedules: pd.DataFrame) -> pd.DataFrame:
    """Whether learning rate and batch size change at all in each arm: a row an arm."""
    return schedules.groupby("arm", sort=False)[["learning_rate", "batch_size"]].nunique() > 1


def table(curves: pd.DataFrame, arms: list[str], at: dict[int, list[str]]) -> pd.DataFrame:
    """Means over seeds in percent: arm, line, epoch, mean, low, high, n; an arm's from its first change on."""
    parted = {arm: min((m for m, changed in at.items() if arm in changed), default=0) for arm in arms}
    rows = curves.assign(arm=curves["arm"].astype(str))
    rows = rows[rows["arm"].isin(arms)].dropna(subset=["value"])
    if theme.CONTROL in arms:  # what all share is drawn once, in the colour of the arm in which nothing changes
        rows = rows[rows["epoch"] >= rows["arm"].map(parted)]
    rows = rows.assign(line=[READ.get(key) for key in zip(rows["split"], rows["metric"], strict=True)])
    return parts.over_seeds(rows.dropna(subset=["line"]), ["arm", "line", "epoch"])


def staircase(
    schedules: pd.DataFrame, column: str, colours: alt.Scale, at: dict[int, list[str]], labelled: bool
) -> alt.LayerChart:
    """One setting of every arm against epochs, on a logarithmic axis whose ticks are the values that occur."""
    end = int(schedules["epoch"].max())
    # the setting of epoch e holds from x = e - 1 to x = e, and the last one to the end
    steps = schedules.assign(x=schedules["epoch"] - 1)
    steps = pd.concat([steps, steps[steps["epoch"] == end].assign(x=end)])[["arm", "x", column]]
    values = sorted(float(value) for value in steps[column].unique())
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, end], nice=False), axis=None)
    ticks = alt.Axis(values=values, title=None, format="~g", grid=False, domain=False, labelOverlap=False)
    room = 1.35
    y = alt.Y(
        f"{column}:Q",
        axis=ticks,
        scale=alt.Scale(type="log", domain=[values[0] / room, values[-1] * room], nice=False),
    )
    line = alt.Chart(steps).mark_line(interpolate="step-after", strokeWidth=1.6)
    line = line.encode(x, y, color=alt.Color("arm:N", scale=colours, legend=None), detail="arm:N")
    rules = parts.rules(at, end, labelled=labelled, what="schedule")
    layered = alt.layer(*rules, line).resolve_axis(x="independent")
    return layered.properties(
        width=WIDTH, height=STAIR_HEIGHT, title=parts.heading(STAIRS[column]), name=f"stairs_{column}"
    )


def error_panel(
    errors: pd.DataFrame, every: list[str], arms: list[str], at: dict[int, list[str]], first: int, names: dict[str, str]
) -> alt.LayerChart:
    """Test error as thick lines and training error as thin ones, each arm's name at the end of its thick line."""
    end = int(errors["epoch"].max())
    late = errors[errors["epoch"] >= first]
    room = 0.05 * (late["mean"].max() - errors["mean"].min())
    domain = [round(max(0.0, float(errors["mean"].min() - room)), 2), round(float(late["mean"].max() + room), 2)]
    x = alt.X(
        "epoch:Q",
        scale=alt.Scale(domain=[0, end], nice=False),
        axis=alt.Axis(title="Epochs completed", tickMinStep=1, grid=False),
    )
    y = alt.Y("mean:Q", scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(title=None, tickCount=5))
    colour = alt.Color("arm:N", scale=parts.scale(every, arms, 0), legend=None)
    look: dict[str, Any] = {TEST: {"strokeWidth": 2.6}, TRAIN: {"strokeWidth": 1.2, "strokeDash": [4, 3]}}
    layers: list[Any] = [*parts.rules(at, end, labelled=False)]
    for line, style in look.items():
        base = alt.Chart(errors[errors["line"] == line])
        layers.append(base.mark_line(clip=True, **style).encode(x if line == TEST else x.axis(None), y, colour))
    tips = ["arm:N", "line:N", alt.Tooltip("epoch:Q", title="epochs completed"), *parts.value_tips("error (%)")]
    hover = alt.Chart(errors).mark_point(filled=True, size=70, opacity=0, clip=True, aria=False)
    layers.append(hover.encode(x.axis(None), y, tooltip=tips))
    beside = alt.Chart(ends(errors, domain).assign(label=lambda rows: rows["arm"].map(names))).mark_text(
        align="left", dx=6, fontSize=13, fontWeight=600
    )
    layers.append(
        beside.encode(x.axis(None), alt.Y("place:Q", scale=alt.Scale(domain=domain)), text="label:N", color=colour)
    )
    layered = alt.layer(*layers).resolve_axis(x="independent")
    heading = parts.heading("Error (%). Thick: test; dashed: training")
    return layered.properties(width=WIDTH, height=ERROR_HEIGHT, title=heading, name="errors")


def ends(errors: pd.DataFrame, domain: list[float]) -> pd.DataFrame:
    """Where each arm's name stands: at the last test error, moved up where the name below would touch it."""
    last = errors[errors["line"] == TEST].sort_values("epoch").groupby("arm", sort=False).tail(1).sort_values("mean")
    least = GAP * (domain[1] - domain[0])
    places: list[float] = []
    for value in last["mean"]:
        places.append(max(float(value), places[-1] + least) if places else float(value))
    return last[["arm", "epoch"]].assign(place=places)


def text(errors: pd.DataFrame, arms: list[str], at: dict[int, list[str]]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    test = errors[errors["line"] == TEST].set_index(["arm", "epoch"])["mean"]
    falls = [
        (arm, m, float(test[arm, m]), float(test[arm, m + 1]))
        for arm in arms
        for m, changed in at.items()
        if arm in changed and (arm, m) in test and (arm, m + 1) in test
    ]
    all_fall = bool(falls) and all(after < before for *_, before, after in falls)
    title = "Error falls where learning rate or batch size changes" if all_fall else "Schedules and errors"
    subtitle = [f"Lines: {words.seeds_shown(errors['n'])}; test error with recomputed batch-norm statistics"]
    caption = (
        "On top, the learning rate and the batch size of each schedule; below, its errors. Vertical lines: the epochs "
        "after which a schedule changes. The words at the right stand at the ends of the lines of test error."
    )
    listed = [f"{arm} {before:.1f} to {after:.1f} % after epoch {m}" for arm, m, before, after in falls]
    said = f"Staircases of learning rate and batch size above lines of error. Test error: {words.joined(listed)}."
    return title, subtitle, caption, said
