"""What the tables say about the changes at milestones, in words that follow from the numbers. Pure."""

from dataclasses import dataclass

import pandas as pd

from .material import Study
from .text import missing, short

MANY = 8  # an arm that changes this often (a cosine) has no milestones to speak of


def own_milestones(study: Study, arm: str) -> list[int]:
    """Epochs m after which the arm's setting differs in epoch m + 1; none for an arm that changes all
    the time.
    """
    epochs = sorted(study.schedules.query("arm == @arm")["epoch"])
    found = [int(m) for m in epochs[:-1] if study.setting(arm, m) != study.setting(arm, m + 1)]
    return found if len(found) < MANY else []


def changed(before: tuple[float, float], after: tuple[float, float]) -> str:
    """What a milestone does to (rate, batch): `learning rate ÷ 10`."""
    words = []
    for name, old, new in (("learning rate", before[0], after[0]), ("batch size", before[1], after[1])):
        if old != new:
            ratio = short(float(f"{max(old, new) / min(old, new):.4g}"))
            words.append(f"{name} {'÷' if new < old else '×'} {ratio}")
    return " and ".join(words)


@dataclass(frozen=True)
class Effect:
    """One arm at one milestone: mean change of an error over seeds (points), with its 95 % interval,
    and the control's.
    """

    arm: str
    milestone: int
    what: str  # `learning rate ÷ 10`
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
                    found.append(effect(row.iloc[0], arm, m, changed(before, after)))
    return found


def once(found: list[Effect]) -> list[Effect]:
    """Without those of an arm that is one run with another until after the change (hybrid and batch at milestone 1):
    equal numbers to the last digit.
    """
    first: dict[str, str] = {}
    keys = [(e.milestone, e.what, e.change, e.control) for e in found]
    return [e for e, key in zip(found, map(str, keys), strict=True) if first.setdefault(key, e.arm) == e.arm]


def effect(row: pd.Series, arm: str, m: int, what: str) -> Effect:
    """From a row of milestone_summary.csv."""
    change, control, difference = (
        (float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
        for name in ("change", "change_control", "difference")
    )
    return Effect(arm, m, what, int(row["n"]), change, control, difference)
