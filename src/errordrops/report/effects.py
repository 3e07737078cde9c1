"""What the tables say about the changes at milestones, in words that follow from the numbers. Pure."""

from dataclasses import dataclass

import pandas as pd

from .material import Study
from .text import missing, number, short

MANY = 8  # an arm that changes this often (a cosine) has no milestones to speak of


def own_milestones(study: Study, arm: str) -> list[int]:
    """Epochs m after which the arm's setting differs in epoch m + 1; none for an arm that changes all
    the time.
    """
    epochs = sorted(study.schedules.query("arm == @arm")["epoch"])
    found = [int(m) for m in epochs[:-1] if study.setting(arm, m) != study.setting(arm, m + 1)]
    return found if len(found) < MANY else []


def changed(before: tuple[float, float], after: tuple[float, float], verbs: bool = False) -> str:
    """What a milestone does to (rate, batch): `learning rate / 10`, or as a phrase `dividing the
    learning rate by 10`.
    """
    words = []
    for name, old, new in (("learning rate", before[0], after[0]), ("batch size", before[1], after[1])):
        if old != new:
            ratio = short(float(f"{max(old, new) / min(old, new):.4g}"))
            if verbs:
                words.append(f"{'dividing' if new < old else 'multiplying'} the {name} by {ratio}")
            else:
                words.append(f"{name} {'÷' if new < old else '×'} {ratio}")
    return " and ".join(words)


@dataclass(frozen=True)
class Effect:
    """One arm at one milestone: mean change of an error over seeds (points), with its 95 % interval,
    and the control's.
    """

    arm: str
    milestone: int
    what: str  # as a phrase
    mark: str  # as a short mark
    n: int
    change: tuple[float, float, float]
    control: tuple[float, float, float]
    difference: tuple[float, float, float]

    @property
    def size(self) -> float:
        """The difference to the control, the change itself where there is none."""
        return self.change[0] if missing(self.difference[0]) else self.difference[0]

    @property
    def verdict(self) -> str:
        """`drop`, `rise`, `unclear` (interval includes zero), `one` (a seed gives no interval) or
        `alone` (no control).
        """
        mean, low, high = self.difference
        if missing(mean):
            return "alone"
        if missing(low) or missing(high):
            return "one"
        return "drop" if high < 0 else "rise" if low > 0 else "unclear"


def best_metric(study: Study) -> str:
    """`error_recomputed` where the study has it, else `error`."""
    return "error_recomputed" if (study.summary["metric"] == "error_recomputed").any() else "error"


def effects(study: Study, metric: str, lasting: bool = False, split: str = "test") -> list[Effect]:
    """All arms and milestones at which the arm's own setting changes, in the order of the study.

    Of the first epoch after the milestone, or `lasting`: means over several epochs after and before.
    """
    summary = study.levels if lasting else study.summary
    rows = summary[(summary["split"] == split) & (summary["metric"] == metric)]
    found = []
    for arm in study.arms:
        for m in own_milestones(study, arm):
            row = rows[(rows["arm"] == arm) & (rows["milestone"] == m)]
            if not row.empty:
                before, after = study.setting(arm, m), study.setting(arm, m + 1)
                if before and after:
                    what, mark = changed(before, after, verbs=True), changed(before, after)
                    found.append(effect(row.iloc[0], arm, m, what, mark))
    return found


def once(study: Study, found: list[Effect]) -> list[Effect]:
    """Without those of an arm that is one run with another until after the change (hybrid and batch at milestone 1)."""
    first: dict[tuple, str] = {}
    pasts = [(e.milestone, *(study.setting(e.arm, epoch) for epoch in range(1, e.milestone + 2))) for e in found]
    return [e for e, past in zip(found, pasts, strict=True) if first.setdefault(past, e.arm) == e.arm]


def effect(row: pd.Series, arm: str, m: int, what: str, mark: str) -> Effect:
    """From a row of milestone_summary.csv."""
    change, control, difference = (
        (float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
        for name in ("change", "change_control", "difference")
    )
    return Effect(arm, m, what, mark, int(row["n"]), change, control, difference)


def headline(found: list[Effect]) -> list[Effect]:
    """The two that answer the question: the first arm that cuts only the rate, the first that raises
    only the batch.
    """
    kinds = ("dividing the learning rate", "multiplying the batch size")
    firsts = ([e for e in found if e.what.startswith(k) and " and " not in e.what] for k in kinds)
    return [some[0] for some in firsts if some]


def stated(e: Effect) -> str:
    """The difference to the control (the change itself where there is none) in points, in parentheses its interval and
    what the change is not.
    """
    mean, low, high = e.change if e.verdict == "alone" else e.difference
    text = f"{number(mean, sign=True)} points"
    if missing(low) or missing(high):
        return text
    told = {"unclear": ": **no clear difference**", "rise": ": **not a fall**"}.get(e.verdict, "")
    return f"{text} (95\u00a0% interval {number(low, sign=True)} to {number(high, sign=True)}{told})"
