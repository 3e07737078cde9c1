"""The fall of every fork against what was written down before it was trained."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from . import parts, theme, words

SIZE = 360
KINDS = {  # what becomes of the noise: colour, symbol
    "less noise": (theme.COLOURS[0], "circle"),
    "equal noise": (theme.GREY, "square"),
    "more noise": (theme.COLOURS[1], "triangle-up"),
}
ALIKE = 0.02


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """Measured against foretold fall of training loss: means over seeds with names, seeds as small marks."""
    rows = table(tables["foretold"])
    if rows.empty:
        return parts.note("Nothing was foretold in this study")
    both = means(rows)
    ends = limits(both, rows)
    x, y = (
        alt.X("foretold:Q", title="Foretold before the fork was trained (nats)", scale=alt.Scale(domain=ends)),
        alt.Y("measured:Q", title="Measured: below the unchanged run (nats)", scale=alt.Scale(domain=ends)),
    )
    x, y = (place.axis(tickCount=6) for place in (x, y))
    diagonal = alt.Chart(pd.DataFrame({"foretold": ends, "measured": ends})).mark_line(
        color=theme.GREY, strokeDash=theme.CONTROL_DASH, strokeWidth=1.4
    )
    domain = [kind for kind in KINDS if kind in set(rows["kind"])]
    colours, shapes = ([KINDS[kind][i] for kind in domain] for i in range(2))
    key = parts.legend(domain)
    colour = alt.Color("kind:N", scale=alt.Scale(domain=domain, range=colours), legend=key)
    shape = alt.Shape("kind:N", scale=alt.Scale(domain=domain, range=shapes), legend=key)
    tips = ["fork:N", *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("foretold", "measured"))]
    seeds = alt.Chart(rows.round(5)).mark_point(filled=True, size=14, opacity=0.4, clip=True)
    large = alt.Chart(both.round(5))
    bars = large.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.6, clip=True)
    names: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 11, "align": "left", "dx": 9}
    layers = [
        diagonal.encode(x, y),
        seeds.encode(x, y, color=colour, shape=shape, tooltip=[*tips, "seed:N"]),
        bars.encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), color=colour),
        large.mark_point(filled=True, size=90, opacity=1).encode(x, y, color=colour, shape=shape, tooltip=tips),
        labels(both).mark_text(**names).encode(x, alt.Y("at:Q"), text="fork:N"),
    ]
    chart = alt.layer(*layers).properties(width=SIZE + 140, height=SIZE, name="foretold")
    return parts.finish(chart, *text(rows, both, tables["foretold_fits"], tables["foretold_errors"]))


def table(foretold: pd.DataFrame) -> pd.DataFrame:
    """Five-epoch means, forks that change rate, batch, momentum or noise."""
    rows = foretold[(foretold["span"] == "level") & ~foretold["changed"].astype(str).str.contains("decay")]
    kind = np.select(
        [rows["noise"] < 1 - ALIKE, rows["noise"] > 1 + ALIKE], ["less noise", "more noise"], "equal noise"
    )
    columns = ["fork", "seed", "kind", "foretold", "measured", "covered"]
    return rows.assign(fork=rows["fork"].astype(str), kind=kind)[columns].reset_index(drop=True)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds, and the 95 % t-interval of the measured fall."""
    from ..results.intervals import t_interval

    rows_of_means = []
    for (fork, kind), group in rows.groupby(["fork", "kind"], sort=False):
        fall = t_interval(group["measured"])
        rows_of_means.append((fork, kind, group["foretold"].mean(), *fall, len(group)))
    return pd.DataFrame(rows_of_means, columns=["fork", "kind", "foretold", "measured", "low", "high", "n"])


def limits(both: pd.DataFrame, rows: pd.DataFrame) -> list[float]:
    """One range for both axes."""
    values = pd.concat([both["foretold"], both["measured"], rows["foretold"], rows["measured"]])
    room = 0.06 * (values.max() - values.min())
    return [round(float(values.min() - room), 3), round(float(values.max() + room), 3)]


def labels(both: pd.DataFrame) -> alt.Chart:
    """Names beside the large marks, moved apart where they would lie on one another."""
    ends = limits(both, both.assign(seed=0))
    least = (ends[1] - ends[0]) * 14 / SIZE
    rows = both.sort_values("measured").copy()
    placed: list[float] = []
    for value in rows["measured"]:
        placed.append(max(value, placed[-1] + least) if placed else value)
    # half of what was pushed up goes down again, so that names stay beside their marks
    shift = np.mean(np.array(placed) - rows["measured"].to_numpy()) if placed else 0.0
    return alt.Chart(rows.assign(at=np.array(placed) - shift).round(5))


def text(
    rows: pd.DataFrame, both: pd.DataFrame, fits: pd.DataFrame, errors: pd.DataFrame
) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    from ..analysis.foretold_falls import interval_of

    slope = interval_of(fits, "all", "level")
    title = "What each fork does, against what was foretold of it"
    if slope.low > 0.75 and slope.high < 1.25:
        title = "Averaged weights foretell what every change of the noise does"
    elif slope.low > 0:
        title = "Changes of the noise follow what averaged weights foretold"
    n = rows.groupby("fork")["seed"].nunique()
    bars = "; bars: 95 % t-intervals" if int(n.max()) > 1 else ""
    slope_text = "" if np.isnan(slope.low) else f" Slope {slope.mean:.2f} (95 % {slope.low:.2f} to {slope.high:.2f})"
    subtitle = [f"Large marks: {words.seeds_shown(n)}; small: seeds{bars}. Dashed: as foretold.{slope_text}"]
    covered = rows["covered"].dropna()
    caption = (
        "Foretold: (loss of the weights less loss of their average) times the share of the noise that the fork takes "
        "away, from the readings at the date, written into a file before the fork was trained. Measured: mean "
        "training loss of the five epochs after the date, below that of the run that goes on unchanged. Nothing is "
        f"fitted. Of {len(covered)} intervals foretold {int(covered.sum())} hold what was measured."
    )
    chosen = errors[errors["span"] == "level"]
    if len(chosen):
        missed = "; ".join(f"{row.forecast} {row.error:.3f}" for row in chosen.itertuples())
        caption += f" Root mean square of what each forecast misses, in nats: {missed}."
    listed = "; ".join(f"{row.fork} {number(row.foretold)} and {number(row.measured)}" for row in both.itertuples())
    return title, subtitle, caption, f"Points: foretold and measured falls of training loss, in nats. {listed}."


def number(value: float) -> str:
    """Three decimals, a true minus sign."""
    return f"{value:.3f}".replace("-", "−")
