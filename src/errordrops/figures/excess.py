"""How much of the fall the averaged weights foretell, and whether the excess falls as a noisy quadratic says."""

import altair as alt
import pandas as pd

from . import parts, theme, words
from .dots import chosen, dots, listing, names, sure

WIDTH = 400
FORETOLD = {"excess_share": "foretold"}
RATIOS = {"excess_ratio": "measured", "toy_ratio": "noisy quadratic"}


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Above the excess as share of the fall, below the excess after / before beside its prediction."""
    summary, runs = tables["mechanism_summary"], tables["mechanism"]
    if summary.empty:
        return parts.note("This study probes no checkpoints")
    every = names(summary)
    shares = chosen(summary, FORETOLD, [arm for arm in every if arm != theme.CONTROL])
    ratios = chosen(summary, RATIOS, every)
    views = []
    if len(shares):
        seeds = chosen(runs, FORETOLD, list(shares["arm"]))
        title = "Excess before the change / fall in the next epoch (share)"
        panel = dots(shares, seeds, every, title, WIDTH, {1: "all of the fall"}, "foretold")
        views.append(panel.properties(title=parts.heading("Loss of the weights less loss of their average, before")))
    if len(ratios):
        seeds = chosen(runs, RATIOS, every)
        title = "Excess later / excess before the change (ratio)"
        panel = dots(ratios, seeds, every, title, WIDTH, {0: "nothing left", 1: "no change"}, "ratios")
        views.append(panel.properties(title=parts.heading("What is left of that excess later: measured and predicted")))
    if not views:
        return parts.note("The probes of this study tell nothing of averaged weights")
    chart = alt.vconcat(*views, spacing=24).resolve_scale(x="independent", y="independent", color="independent")
    return parts.finish(chart, *text(summary, shares, ratios))


def text(summary: pd.DataFrame, shares: pd.DataFrame, ratios: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    title = "Excess of the loss over that of averaged weights, before the change and later"
    known = sure(summary, shares)
    known = known[known["value"] > 0]
    if len(known):
        title = (
            "Before the change, averaging the weights already lowers training loss by "
            f"{words.span(100 * known['value'], 0)} % of the fall that follows"
        )
        title += "" if len(known) == len(shares) else f", in {len(known)} of {len(shares)} arms"
    n = pd.concat([shares["n"], ratios["n"]])
    several = int(n.max()) > 1
    subtitle = [f"Large marks: {words.seeds_shown(n)}" + ("; bars: 95 % t-intervals; small dots: seeds" * several)]
    if len(ratios):
        subtitle.append("Below: filled circles measured, hollow diamonds predicted by the noisy quadratic")
    caption = (
        "Excess: training loss of the weights less that of their running average. Above: the excess before the change "
        "as share of the fall of training loss in the next epoch; at 1 less noise foretells all of the fall. Below: "
        "the excess some epochs later as ratio to that before, measured, and as a quadratic with the curvature and "
        "the noise found along the leading directions before the change predicts it at rest. The title claims a share "
        "only of arms where the 95 % t-intervals of the fall and of the share lie above zero. Long intervals are cut."
    )
    alt_text = "Dots with intervals."
    alt_text += f" Excess before the change as share of the fall: {listing(shares)}." if len(shares) else ""
    alt_text += f" Excess later / before: {listing(ratios)}." if len(ratios) else ""
    return title, subtitle, caption, alt_text
