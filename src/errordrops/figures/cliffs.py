"""The picture that everybody knows: test and training error of one arm, with their cliffs at its milestones."""

import altair as alt
import pandas as pd

from . import panels, parts, theme, words

HEIGHT = 140
# thin lines of training error: what is beside the arm since a change
UNCHANGED, PUT_BACK = "training error without the change", "training error with the noise put back"
SAID = {UNCHANGED: "nothing changed", PUT_BACK: "noise put back"}
THIN = {UNCHANGED: theme.GREY, PUT_BACK: theme.COLOURS[2]}
LINES = {"test": ("test error", theme.COLOURS[1], [1, 0]), "train": ("training error", theme.COLOURS[0], [6, 3])}


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """Mean over seeds of both errors by epoch (running statistics), each with its name at the end of its line."""
    curves, schedules = tables["curves"].assign(arm=tables["curves"]["arm"].astype(str)), tables["schedules"]
    arm = known(schedules)
    rows = curves[(curves["arm"] == arm) & (curves["metric"] == "error") & curves["split"].isin(LINES)]
    rows = parts.over_seeds(rows.dropna(subset=["value"]), ["split", "epoch"])
    if "test" not in set(rows["split"]):
        return parts.note("No test error has been recorded")
    own = [m for m, arms in parts.marks(schedules).items() if arm in arms]
    rows = parts.thin(rows, {m + d for m in own for d in (0, 1)} | {0, 1, int(rows["epoch"].max())})
    rows = rows.assign(line=rows["split"].map(lambda split: LINES[split][0]))
    thin = beside(tables, curves, arm)
    late = rows[rows["epoch"] >= panels.start(schedules[schedules["arm"].astype(str) == arm])]
    room = 0.08 * max(float(late["mean"].max() - rows["mean"].min()), 0.1)
    domain = [round(max(0.0, float(rows["mean"].min()) - room), 2), round(float(late["mean"].max()) + room, 2)]
    chart = parts.view(layers(rows, own, domain, changing(schedules, arm), thin), HEIGHT, name="cliffs")
    return parts.finish(chart, *text(arm, own, rows, thin))


def beside(tables: dict[str, pd.DataFrame], curves: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Training error of the runs beside the arm, from the change on that parts them: its controls, and the arm that
    makes the same cut and keeps the noise. Columns line run epoch mean low high n; empty for older tables.
    """
    effects, kept = tables.get("effects"), tables.get("kept")
    runs: dict[str, tuple[str, int]] = {}
    if effects is not None:
        own = effects[(effects["arm"].astype(str) == arm) & effects["control"].isin(["none", "hold"])]
        runs |= {str(row.beside): (UNCHANGED, int(row.milestone)) for row in own.itertuples()}
    if kept is not None:
        own = kept[kept["cutter"].astype(str) == arm]
        runs |= {str(row.arm): (PUT_BACK, int(row.milestone)) for row in own.itertuples()}
    groups = [pd.DataFrame(columns=["line", "run", "epoch", "mean", "low", "high", "n"])]
    for name, (line, m) in runs.items():
        rows = curves[(curves["arm"] == name) & (curves["split"] == "train") & (curves["metric"] == "error")]
        rows = rows[rows["epoch"] >= m].dropna(subset=["value"])
        if len(rows):
            groups.append(parts.over_seeds(rows, ["epoch"]).assign(line=line, run=name))
    return pd.concat(groups[1:] or groups, ignore_index=True)


def known(schedules: pd.DataFrame) -> str:
    """The arm of the picture: the first that cuts only the learning rate, else the first with milestones, else any."""
    arms, at = parts.arms(schedules), parts.milestones(schedules)
    few = [arm for arm in arms if 0 < len(at[arm]) < parts.FEW]
    sizes = schedules.assign(arm=schedules["arm"].astype(str)).groupby("arm")["batch_size"].nunique()
    return next(iter([arm for arm in few if sizes[arm] == 1] + few + arms))


def changing(schedules: pd.DataFrame, arm: str) -> str:
    """What changes in an arm: `rate`, `batch`, or `rate or batch`."""
    own = schedules[schedules["arm"].astype(str) == arm]
    names = {"learning_rate": "rate", "batch_size": "batch"}
    return " or ".join(name for column, name in names.items() if own[column].nunique() > 1) or "setting"


def layers(rows: pd.DataFrame, own: list[int], domain: list[float], what: str, thin: pd.DataFrame) -> list[alt.Chart]:
    """Rules at the milestones, labelled with `what` changes, lines, their names, and points that carry the tooltips."""
    end = int(rows["epoch"].max())
    axis = alt.Axis(title="Epochs completed", tickMinStep=1, grid=False)
    x = alt.X("epoch:Q", axis=axis, scale=alt.Scale(domain=[0, end], nice=False))
    y = alt.Y("mean:Q", title="Error (%)", scale=alt.Scale(domain=domain, nice=False), axis=alt.Axis(tickCount=5))
    names = [name for name, _, _ in LINES.values()]
    colours, dashes = (alt.Scale(domain=names, range=[look[i] for look in LINES.values()]) for i in (1, 2))
    base = alt.Chart(rows)
    line = base.mark_line(clip=True, strokeWidth=2).encode(
        x, y, alt.Color("line:N", scale=colours, legend=None), alt.StrokeDash("line:N", scale=dashes, legend=None)
    )
    tips = ["line:N", alt.Tooltip("epoch:Q", title="epochs completed"), *parts.value_tips("error (%)")]
    hover = base.mark_point(filled=True, size=70, opacity=0, clip=True, aria=False).encode(
        x.axis(None), y, tooltip=tips
    )
    # Names at the ends of the lines, right of the plot; the higher line's a little higher, so that they keep apart.
    last = rows[rows["epoch"] == end].sort_values("mean", ascending=False)
    said = []
    for i, (_, row) in enumerate(last.iterrows()):
        mark = alt.Chart(row.to_frame().T[["line", "epoch", "mean"]]).mark_text(
            align="left", dx=6, dy=8 if i else -6, fontSize=13, fontWeight=600
        )
        colour = alt.value(next(c for name, c, _ in LINES.values() if name == row["line"]))
        said.append(mark.encode(x.axis(None), y, text="line:N", color=colour))
    below = []
    tips = ["line:N", alt.Tooltip("run:N", title="arm"), *tips[1:]]
    for name, group in thin.groupby("line", sort=False):
        each = alt.Chart(group)
        below += [
            each.mark_line(clip=True, strokeWidth=1, color=THIN[name]).encode(x.axis(None), y, detail="run:N"),
            each.mark_point(filled=True, size=40, opacity=0, clip=True, aria=False).encode(
                x.axis(None), y, tooltip=tips
            ),
        ]
        highest = group[group["epoch"] == group["epoch"].max()].sort_values("mean").tail(1)
        named = alt.Chart(highest.assign(label=SAID[name])).mark_text(
            align="right", dx=-4, dy=-9, fontSize=11, color=THIN[name]
        )
        below.append(named.encode(x.axis(None), y, text="label:N"))
    rules = parts.rules({m: ["this schedule"] for m in own}, end, labelled=True, what=what)
    return [*rules, *below, line, *said, hover]


def text(arm: str, own: list[int], rows: pd.DataFrame, thin: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    test = rows[rows["split"] == "test"].set_index("epoch")["mean"]
    steps = [(m, test[m], test[m + 1]) for m in own if m in test and m + 1 in test]
    falls = [f"{before:.1f} to {after:.1f} % in epoch {m + 1}" for m, before, after in steps]
    title = f"Test error: {words.joined(falls)}" if falls else "Test and training error"
    n = rows["n"]
    subtitle = [f"Schedule {arm}, {words.seeds_shown(n)}, batch-norm statistics as usual in training curves (running)"]
    caption = (
        "Share of images classified wrongly, epoch by epoch. On the test set, and on the training images while the "
        "network learns them. Thin vertical lines: milestones, numbers m of epochs completed when the setting of this "
        "schedule changes; the first epoch under the new one is m + 1. The axis ends where the error of the first "
        "epochs lies above it."
    )
    runs = {line: list(dict.fromkeys(group["run"])) for line, group in thin.groupby("line")}
    if UNCHANGED in runs:
        caption += (
            f" Thin grey: training error of runs that go on without the change ({words.joined(runs[UNCHANGED])})."
        )
    if PUT_BACK in runs:
        caption += (
            f" Thin coloured: of arm {words.joined(runs[PUT_BACK])}, which cuts the rate and puts the noise back."
        )
    last = test[test.index.max()]
    alt_text = f"Lines of test and training error of schedule {arm} against epochs. {title}; at the end {last:.1f} %."
    return title, subtitle, caption, alt_text
