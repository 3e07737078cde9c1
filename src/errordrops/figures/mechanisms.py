"""What each mechanism predicts for every fork, beside what happened: a row a mechanism, a column a fork."""

from typing import Any

import altair as alt
import pandas as pd

from . import parts, theme, words

CELL, ROW = 43, 34
MEASURED = "what happened"
FALL, STAY, RISE, NOT_FALL, NOT_RISE, OPEN = "▼", "=", "▲", "≥", "≤", "?"
OUTCOMES = {  # colour and symbol behind the sign
    "as predicted": (theme.COLOURS[2], "circle"),
    "contradicted": (theme.COLOURS[1], "cross"),
    "not decided": (theme.GREY, "square"),
    "not tested": (theme.FAINT, "square"),
}
SIGNS = {"falls": FALL, "rises": RISE, "stays": STAY}
BAND = 0.25  # a predicted share within this of zero is a fork that stays as it is


def draw(tables: dict[str, pd.DataFrame]) -> alt.typing.ChartType:
    """A matrix: signs of what is predicted, marks of what came of it, and above it what happened."""
    verdicts, causes = tables["mechanism_verdicts"], tables["causes"]
    rows = table(tables["mechanisms"], verdicts)
    if rows.empty:
        return parts.note("This study states no predictions of mechanisms")
    seen = set(rows["fork"])
    forks = [fork for fork in causes["fork"].astype(str) if fork in seen]
    top = pd.DataFrame({"fork": causes["fork"].astype(str), "happened": causes["happened"].astype(str)})
    top = top[top["fork"].isin(forks)].assign(sign=lambda t: t["happened"].map(SIGNS).fillna(OPEN))
    order = [MEASURED, *dict.fromkeys(rows["label"])]
    bare: dict[str, Any] = {"title": None, "ticks": False, "domain": False, "grid": False}
    labels = alt.Axis(orient="top", labelAngle=-45, labelOverlap=False, labelLimit=160, **bare)
    names = alt.Axis(labelLimit=260, **bare)
    x = alt.X("fork:N", sort=forks, scale=alt.Scale(domain=forks), axis=labels)
    y = alt.Y("label:N", sort=order, scale=alt.Scale(domain=order), axis=names)
    shown = [outcome for outcome in OUTCOMES if outcome in set(rows["outcome"])]
    colour, shape = (
        (alt.Color, alt.Shape)[i](
            "outcome:N",
            scale=alt.Scale(domain=shown, range=[OUTCOMES[kind][i] for kind in shown]),
            legend=parts.legend(shown),
        )
        for i in range(2)
    )
    tips = [alt.Tooltip("name:N", title="mechanism"), "fork:N", "predicted:N", "measured:N", "outcome:N"]
    marks = alt.Chart(rows).mark_point(size=560, filled=True, opacity=0.32).encode(x, y, color=colour, shape=shape)
    signs = alt.Chart(pd.concat([rows, top.assign(label=MEASURED)])[["fork", "label", "sign"]])
    text_look: dict[str, Any] = {"style": "guide-label", "font": theme.FONT, "fontSize": 14, "baseline": "middle"}
    layers = [marks.encode(tooltip=tips), signs.mark_text(**text_look).encode(x, y, text="sign:N")]
    chart = alt.layer(*layers).properties(width=CELL * len(forks), height=ROW * len(order), name="mechanisms")
    return parts.finish(chart, *text(rows, top, verdicts))


def table(mechanisms: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """One row per mechanism and fork: sign predicted, outcome, and both as words."""
    rows = mechanisms[mechanisms["kind"].astype(str) == "fork"]
    about = verdicts.assign(mechanism=verdicts["mechanism"].astype(str)).set_index("mechanism")
    cells = []
    for row in rows.itertuples():
        title, verdict = about.loc[str(row.mechanism), ["title", "verdict"]]
        sign = sign_of(row.predicted_low, row.predicted_high, row.unit)
        unit = "nats" if row.unit == "nats" else "of the rate cut's fall"
        measured = "–" if pd.isna(row.value) else f"{number(row.value)} {unit}"
        cells.append((str(row.what), f"{title}: {verdict}", title, sign, bounds(row, unit), measured, str(row.outcome)))
    return pd.DataFrame(cells, columns=["fork", "label", "name", "sign", "predicted", "measured", "outcome"])


def sign_of(low: float, high: float, unit: str) -> str:
    """Of predicted bounds: of a share, more than zero is a fall; of nats, less than zero is one."""
    if unit == "nats":
        return FALL if not pd.isna(high) and high < 0 else NOT_FALL
    if not pd.isna(low) and low >= BAND:
        return FALL
    if not pd.isna(high) and high < 0:
        return RISE
    if not pd.isna(low) and not pd.isna(high) and low >= -2 * BAND and high <= BAND:
        return STAY
    if pd.isna(low):
        return NOT_FALL
    return NOT_RISE if low >= -BAND else NOT_FALL


def bounds(row, unit: str) -> str:
    """`0.5 to 2 of the rate cut's fall`."""
    low, high = row.predicted_low, row.predicted_high
    if pd.isna(low):
        return f"at most {number(high)} {unit}"
    if pd.isna(high):
        return f"at least {number(low)} {unit}"
    return f"{number(low)} to {number(high)} {unit}"


def number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def text(rows: pd.DataFrame, top: pd.DataFrame, verdicts: pd.DataFrame) -> tuple[str, list[str], str, str]:
    """Title, subtitle, caption and alternative text."""
    by = verdicts.groupby("verdict")["title"].apply(list).to_dict()
    wrong, right = by.get("contradicted", []), by.get("supported", [])
    title = "What each mechanism predicts for every fork, and what happened"
    if wrong:
        title = f"{words.count(len(wrong), 'mechanism')} of {len(verdicts)} contradicted by a fork"
        title += f", {len(right)} supported" if right else ""
    subtitle = [
        "Signs: training loss falls (▼), rises (▲), stays (=), does not fall (≥), does not rise (≤), as predicted",
        "First row: what was measured",
    ]
    caption = (
        "Each row is a mechanism, each column a fork of the same checkpoints. The bounds of every prediction stood in "
        "the study file before the forks were trained; a pointer shows them. A prediction came true where the whole "
        "95 % interval of the fork's effect lies within its bounds, and is contradicted where it lies outside. One "
        "fork predicted wrongly contradicts the mechanism. No sign: the mechanism says nothing of that fork."
    )
    happened = "; ".join(f"{row.fork} {row.happened}" for row in top.itertuples())
    listed = "; ".join(f"{row.title}: {row.verdict}" for row in verdicts.itertuples())
    return title, subtitle, caption, f"Matrix of mechanisms and forks. Training loss: {happened}. {listed}."
