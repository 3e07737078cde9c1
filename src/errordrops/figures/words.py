"""Wording that figures share: numbers, counts and findings that say no more than the tables do."""

import textwrap

import pandas as pd

COUNTED = "The title claims a fall only where the 95 % t-interval lies below zero."
OPTIMIZERS = {
    "momentum": "SGD with momentum",
    "nesterov": "Nesterov momentum",
    "sgd": "SGD without momentum",
    "adam": "Adam",
}
LINE = 76  # characters of a title that fit the width of a figure


def wrap(text: str, width: int = LINE) -> list[str]:
    """Lines of a title."""
    lines = textwrap.wrap(text, width) or [""]
    # The narrowest width with as many lines leaves no single word on the last.
    return next(fit for w in range(width // 2, width + 1) if len(fit := textwrap.wrap(text, w) or [""]) == len(lines))


def joined(items: list) -> str:
    """`a`, `a and b`, `a, b and c`."""
    items = [str(item) for item in items]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def count(n: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def signed(value: float) -> str:
    """`+0.4` or `−5.8`."""
    return f"{value:+.1f}".replace("-", "−")


def span(values: pd.Series, digits: int = 1) -> str:
    """`5.8` or `0.9 to 5.8`, smallest first, with a true minus sign."""
    ends = [f"{value:.{digits}f}".replace("-", "−") for value in (values.min(), values.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def seeds_shown(n: pd.Series) -> str:
    """What a line is: `one seed`, `mean of 3 seeds`, `mean of 2 to 3 seeds` (where runs ended early)."""
    low, high = int(n.min()), int(n.max())
    if high == 1:
        return "one seed"
    return f"mean of {high} seeds" if low == high else f"mean of {low} to {high} seeds"


def band(n: pd.Series) -> str:
    """What the band is, empty where there is one seed and so no band."""
    return "" if int(n.max()) == 1 else "; band: smallest to largest seed"


def own(summary: pd.DataFrame, marks: dict[int, list[str]], metric: str, split: str = "test") -> pd.DataFrame:
    """Rows of `milestone_summary` in which the arm's own setting changes at that milestone."""
    rows = summary[(summary["split"] == split) & (summary["metric"] == metric)]
    keep = [arm in marks.get(int(m), ()) for arm, m in zip(rows["arm"], rows["milestone"], strict=True)]
    return rows[pd.Series(keep, index=rows.index, dtype=bool)]


def judged(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Rows and column to judge by: the difference to the control where there is one, else the change itself."""
    paired = rows[rows["difference"].notna()]
    return (paired, "difference") if len(paired) else (rows, "change")


def fall(rows: pd.DataFrame, column: str, falls: str, neutral: str) -> str:
    """Title about falls: claimed only of those arms and milestones whose whole 95 % interval lies below 0.

    `falls` has places {amount} and {where}; where no interval lies below 0 (or there is one seed) it is `neutral`.
    """
    sure = rows[rows[f"{column}_high"] < 0]
    if sure.empty:
        return neutral
    where = " after " + joined([f"epoch {m}" for m in sorted(set(sure["milestone"]))])
    there = rows[rows["milestone"].isin(sure["milestone"])]
    text = falls.format(amount=f"{span(-sure[column])} points", where=where)
    return text if len(sure) == len(there) else f"{text}, in {len(sure)} of {len(there)} arms"


def listing(rows: pd.DataFrame, column: str) -> str:
    """Every arm and milestone with its mean and 95 % interval, for a reader who can't see the figure."""
    parts = []
    for row in rows.itertuples():
        mean, low, high = (getattr(row, f"{column}{end}") for end in ("", "_low", "_high"))
        interval = "" if pd.isna(low) else f" (95 % interval {signed(low)} to {signed(high)})"
        if not pd.isna(mean):
            parts.append(f"{row.arm} after epoch {row.milestone}: {signed(mean)} points{interval}")
    return "; ".join(parts)
