"""Of the test images that the epoch after a cut corrects, the share that the averaged weights had right before it."""

import altair as alt
import pandas as pd

from ..results.intervals import summarise
from . import parts, theme, words
from .measures import CUTS, STYLES, over_seeds

LINES = CUTS | {"base": "all images that were wrong before"}
LOOKS = STYLES | {"base": (theme.COLOURS[3], [4, 3], "diamond")}
ASIDE = {"rate": -0.14, "placebo": 0.14}  # epochs, so that intervals stand side by side
HEIGHT = 280


def draw(tables: dict[str, pd.DataFrame]) -> alt.LayerChart:
    """Lines of means over seeds with 95 % t-intervals against the epoch of the cut."""
    shares = tables["corrected_images"].dropna(subset=["share"])
    if shares.empty:
        return parts.note("This study tries no cut at several epochs, or keeps no averaged weights")
    rows = table(shares)
    view = alt.layer(*layers(rows)).resolve_scale(color="independent", strokeDash="independent", shape="independent")
    return parts.finish(view.properties(width=parts.WIDTH, height=HEIGHT, name="shares"), *text(rows, shares))


def table(shares: pd.DataFrame) -> pd.DataFrame:
    """Columns line at n share share_low share_high (percent), x."""
    base = shares.drop_duplicates(["at", "seed"]).assign(cut="base", share=lambda t: t["base_share"])
    both = pd.concat([shares, base], ignore_index=True)
    rows = summarise(both.assign(share=100 * both["share"]), ["cut", "at"], ["share"])
    rows = rows.rename(columns={"cut": "line"}).assign(name=rows["cut"].map(LINES))
    return rows.assign(x=rows["at"] + rows["line"].map(ASIDE).fillna(0)).round(3)


def layers(rows: pd.DataFrame) -> list[alt.Chart]:
    """Intervals, lines and marks."""
    shown = [line for line in LINES if line in set(rows["line"])]
    names = [LINES[line] for line in shown]
    colours, dashes, shapes = (
        alt.Scale(domain=names, range=[LOOKS[line][which] for line in shown]) for which in range(3)
    )
    key = alt.Legend(title=None, orient="bottom", columns=2, labelLimit=0, symbolSize=90, symbolStrokeWidth=1.6)
    axis = alt.Axis(title="Epoch after which the cut is made", grid=False, values=sorted(set(rows["at"])))
    ends = alt.Scale(domain=[float(rows["x"].min()) - 0.5, float(rows["x"].max()) + 0.5], nice=False)
    x = alt.X("x:Q", axis=axis, scale=ends)
    percent, name = alt.Scale(domain=[0, 100], nice=False), "Right by the averaged weights (%)"
    y, low = (alt.Y(f"{c}:Q", title=name, scale=percent, axis=alt.Axis(tickCount=6)) for c in ("share", "share_low"))
    plain = alt.Color("name:N", scale=colours, legend=None)
    tips = [alt.Tooltip("name:N", title="of the images"), alt.Tooltip("at:Q", title="after epoch"),
            alt.Tooltip("share:Q", title="right (%)", format=".1f"), alt.Tooltip("n:Q", title="seeds")]  # fmt: skip
    sure = alt.Chart(rows.dropna(subset=["share_low"])).mark_rule(strokeWidth=1.3, opacity=0.7, clip=True)
    line = alt.Chart(rows).mark_line(strokeWidth=1.6)
    marks = alt.Chart(rows, name="marks").mark_point(size=48, strokeWidth=1.6, opacity=1)
    return [
        sure.encode(x, low, alt.Y2("share_high:Q"), color=plain),
        line.encode(x, y, color=plain, strokeDash=alt.StrokeDash("name:N", scale=dashes, legend=None)),
        marks.encode(
            x, y,
            color=alt.Color("name:N", scale=colours, legend=key),
            shape=alt.Shape("name:N", scale=shapes, legend=key),
            tooltip=tips,
        ),
    ]  # fmt: skip


def text(rows: pd.DataFrame, shares: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    means = {}
    for line in dict.fromkeys(rows["line"]):
        own = shares[shares["cut"] == line] if line != "base" else shares.assign(share=shares["base_share"])
        means[line] = f"{100 * over_seeds(own, 'share')[0]:.0f} %"
    cuts = [means[cut] for cut in ("rate", "batch") if cut in means]
    title = "Of the test images that the epoch after a cut corrects, the share that the averaged weights had right"
    if cuts and "placebo" in means:
        title = (
            f"The averaged weights already had {' and '.join(dict.fromkeys(cuts))} of the corrected test images right; "
            f"of those that a placebo corrects {means['placebo']}"
        )
    bars = "" if int(rows["n"].max()) == 1 else "; bars: 95 % t-intervals"
    listed = [f"{LINES[line]}: {share}" for line, share in means.items()]
    dates = words.count(rows["at"].nunique(), "date")
    subtitle = [f"Means over {dates} and {words.count(shares['seed'].nunique(), 'seed')}{bars}"]
    caption = (
        "A test image is corrected if it is wrong before the epoch and right after it. Counted is whether the averaged "
        "weights had it right before. A placebo corrects images, too, since the weights wander; and of all images that "
        "were wrong the average has some right: both say what the share would be without foresight. Recomputed "
        "batch-norm statistics."
    )
    alt_text = f"Lines of that share against the epoch of the cut, {dates}. Means: {'; '.join(listed)}."
    return title, subtitle, caption, alt_text
