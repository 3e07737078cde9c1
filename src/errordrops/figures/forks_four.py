"""Four forks of one checkpoint: rate or batch changed, with the noise left to fall and with it put back."""

from typing import Any

import altair as alt
import pandas as pd

from . import parts, theme, words

PANELS = ("rate", "rate-noise", "batch", "batch-noise")
CUTS, KEPT = PANELS[::2], PANELS[1::2]
NONE, PLACEBO = "none", "placebo"
FIRST = -3  # epochs since the date from which on curves are shown
WIDTH, HEIGHT = 268, 175
LESS, BACK = theme.COLOURS[0], theme.COLOURS[1]
WORDS = {"falls": "falls", "rises": "rises", "stays": "stays", "not decided": "is not decided"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Two rows of panels on one scale: running training loss by epochs since the date, arm none and placebos behind."""
    rows, causes = table(tables["fork_curves"]), tables["causes"].set_index("fork")
    shown = [fork for fork in PANELS if fork in set(rows["fork"])]
    if not {"rate", "rate-noise"} <= set(shown):
        return parts.note("This study has no forks that put noise back")
    ends = limits(rows[rows["fork"].isin([*shown, NONE])])
    views = [panel(rows, fork, heading(causes.loc[fork]), ends, left=i % 2 == 0) for i, fork in enumerate(shown)]
    lines = [alt.hconcat(*views[i : i + 2], spacing=18) for i in range(0, len(views), 2)]
    return parts.finish(alt.vconcat(*lines, spacing=14), *text(rows, causes, shown))


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Running training loss: fork, arm, seed, since, value; several orders of a fork averaged within the seed, placebos
    each by itself.
    """
    rows = curves[(curves["split"] == "train") & (curves["metric"] == "loss") & (curves["since"] >= FIRST)]
    rows = rows.assign(fork=rows["fork"].astype(str), arm=rows["arm"].astype(str))
    rows = rows.assign(line=rows["arm"].where(rows["fork"] == PLACEBO, rows["fork"]))
    return rows.groupby(["fork", "line", "seed", "since"], sort=False)["value"].mean().reset_index()


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of each line; seeds n."""
    averages = rows.groupby(["fork", "line", "since"], sort=False)["value"].agg(["mean", "size"]).reset_index()
    return averages.rename(columns={"mean": "value", "size": "n"}).round(5)


def limits(rows: pd.DataFrame) -> list[float]:
    """One range for all panels: the means, and the seeds within it by a bit more."""
    values = means(rows)["value"]
    room = 0.12 * (values.max() - values.min())
    return [round(float(values.min() - room), 3), round(float(values.max() + room), 3)]


def heading(cause: pd.Series) -> str:
    """`Learning rate divided by 4, noise put back`."""
    said = []
    if cause["rate_times"] != 1:
        said.append(f"learning rate {times(cause['rate_times'])}")
    if cause["batch_times"] != 1:
        said.append(f"batch {times(cause['batch_times'])}")
    back = ", noise put back" if cause["noise_times"] != 1 else ""
    text = " and ".join(said) + back
    return text[:1].upper() + text[1:]


def times(factor: float) -> str:
    return f"divided by {1 / factor:g}" if factor < 1 else f"multiplied by {factor:g}"


def panel(rows: pd.DataFrame, fork: str, title: str, ends: list[float], left: bool) -> alt.typing.ChartType:
    """One fork before arm none (dashed) and placebos (thin)."""
    colour = BACK if fork in KEPT else LESS
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    y = alt.Y("value:Q", scale=scale, axis=alt.Axis(title="Training loss (nats)" if left else None, tickCount=5))
    span = alt.Scale(domain=[FIRST, int(rows["since"].max())], nice=False)
    x = alt.X("since:Q", scale=span, axis=alt.Axis(title="Epochs since the change", tickMinStep=1, grid=False))
    tips = ["line:N", alt.Tooltip("since:Q", title="epochs since"), alt.Tooltip("value:Q", title="loss", format=".3f")]

    def lines(chosen: pd.DataFrame, detail: str, **look: Any) -> alt.Chart:
        base = alt.Chart(chosen).mark_line(clip=True, **look)
        return base.encode(x, y, detail=f"{detail}:N")

    own = rows[(rows["fork"] == fork) & (rows["since"] >= 0)]
    middle = means(rows)
    fine: dict[str, Any] = {"strokeWidth": 0.8, "opacity": 0.3, "color": colour}
    layers = [
        lines(middle[middle["fork"] == PLACEBO], "line", color=theme.GREY, strokeWidth=1, opacity=0.55),
        lines(middle[middle["fork"] == NONE], "line", color=theme.GREY, strokeWidth=2, strokeDash=theme.CONTROL_DASH),
        lines(own.round(5), "seed", **fine),
        lines(middle[(middle["fork"] == fork) & (middle["since"] >= 0)], "line", color=colour, strokeWidth=2.6),
    ]
    rule = alt.Chart(pd.DataFrame({"since": [0]})).mark_rule(**parts.MILESTONE).encode(x)
    ends_of = alt.Chart(middle[middle["fork"].isin([fork, NONE])])
    hover = ends_of.mark_point(filled=True, size=60, opacity=0, aria=False).encode(x, y, tooltip=tips)
    drawn = alt.layer(rule, *layers, hover, title=parts.heading(title))
    return drawn.properties(width=WIDTH, height=HEIGHT, name=f"fork_{fork}")


def title(causes: pd.DataFrame) -> str:
    """What was found, from what happened to each of the four; never more than the tables say."""
    happened = {fork: causes.loc[fork, "happened"] for fork in PANELS if fork in causes.index}
    fell = [fork for fork in CUTS if happened.get(fork) == "falls"]
    stayed = [fork for fork in KEPT if happened.get(fork) == "stays"]
    put_back = [fork for fork in KEPT if fork in happened]
    if len(fell) == 2 and stayed == put_back == list(KEPT):
        return "Cut rate or grow batch: loss falls. Put noise back: nothing happens"
    if "rate" in fell and "rate-noise" in stayed:
        return "Cut the learning rate, put the noise back: nothing happens"
    if all(happened.get(fork) == "falls" for fork in ("rate", "rate-noise")):
        return "Cut the learning rate: loss falls, noise put back or not"
    return "Training loss after a cut, with and without its noise put back"


def text(rows: pd.DataFrame, causes: pd.DataFrame, shown: list[str]) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    n = means(rows)["n"]
    orders = rows[rows["fork"] == PLACEBO]["line"].nunique()
    behind = f"; thin grey: {words.count(orders, 'fresh order')} of the data, unchanged" if orders else ""
    subtitle = [
        f"Thick lines: {words.seeds_shown(n)}; thin: seeds. Dashed grey: the run that goes on unchanged{behind}"
    ]
    caption = (
        "All panels start from the same checkpoints and share one scale. Loss is that of the training batches as they "
        "are met, averaged over each epoch. Noise is put back by random weights of the images' losses, whose mean is "
        "one: the gradient keeps its mean, and its covariance is multiplied by as much as rate or batch took away. "
        "Something happens where the mean of the five epochs after the change leaves that of the unchanged run; "
        "nothing does where the whole 95 % interval stays within the margin that the study states, as a share of the "
        "rate cut's fall."
    )
    listed = []
    for fork in shown:
        row = causes.loc[fork]
        number = "" if pd.isna(row["effect_low"]) else (
            f" by {signed(row['effect'])} nats (95 % {signed(row['effect_low'])} to {signed(row['effect_high'])})"
        )  # fmt: skip
        listed.append(f"{heading(row)}: training loss {WORDS.get(row['happened'], row['happened'])}{number}")
    return title(causes), subtitle, caption, "Four panels of lines. " + "; ".join(listed) + "."


def signed(value: float) -> str:
    """Three decimals, a true minus sign."""
    return f"{value:+.3f}".replace("-", "−")
