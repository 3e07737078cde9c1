"""Where two schedules end, measured by what a change does: alike within a quarter of the fall, and different or not."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ..results.intervals import Interval
from ..results.verdicts import LEVEL, NOTHING, claim
from ..study.study import Study
from . import control_effects as effects
from .crossed import variance
from .judged import JUDGED, WORDS, of_reading
from .quotients import fieller, fieller_p
from .right import Right, stacked
from .same_curve import REFERENCE, pairs

COLUMNS = "study arm reference index control seed split metric difference fall".split()
ENDINGS = {1: "", 2: "_m2"}  # of the id: by which of the step arm's changes the difference is measured


def alike(study: Study, differences: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """One row per compared arm, change of the step arm (1, 2), judged reading and seed: `difference`, arm less step in
    the last epoch, and `fall`, by how much that change lowers the level of the step arm beside its control.
    `differences`: the table final_differences; `table`: that of effects.
    """
    rows = []
    step = table[(table["arm"] == REFERENCE) & (table["span"] == "level")]
    for name, (split, metric, _) in JUDGED.items():
        for arm in pairs(study):
            own = of_reading(differences[differences["arm"] == arm], name).set_index("seed")["difference"]
            for index in ENDINGS:
                falls = of_reading(step[step["index"] == index], name)
                if falls.empty:
                    continue
                control = _control(falls)
                mine = -falls[falls["control"] == control].set_index("seed")["effect"]
                for seed in own.index.intersection(mine.index):
                    head = study.name, arm, REFERENCE, index, control, seed
                    rows.append((*head, split, metric, own[seed], mine[seed]))
    return pd.DataFrame(rows, columns=COLUMNS)


def _control(falls: pd.DataFrame) -> str:
    """The control with the most seeds; of equal ones placebos."""
    counts = falls.groupby("control")["seed"].nunique()
    return max(counts.index, key=lambda name: (counts[name], name == "placebo"))


def alike_claims(study: Study, curves: pd.DataFrame, table: pd.DataFrame, right: Right) -> list[dict[str, Any]]:
    """ARM.alike.error and .loss: in the last epoch the arm differs from step by less than a share of what the first
    change takes off the step arm; .alike_m2: of what the second takes. ARM.differs: whether it differs at all. Both may
    hold.

    Test error: over seeds and images crossed, where it is known which images were right.
    """
    if "alike" not in study.claims:
        return []
    margin, made = study.claims["alike"], []
    for name, (split, metric, _) in JUDGED.items():
        for arm in pairs(study):
            rows = of_reading(table[table["arm"] == arm], name)
            for index, ending in ENDINGS.items():
                mine = rows[rows["index"] == index].sort_values("seed")
                over, under = (mine[column].to_numpy(float) for column in ("difference", "fall"))
                crossed = _images(study, curves, right, arm, mine) if name == "error" else None
                over, under = crossed or (over, under)
                what = f"change {index} takes off arm {REFERENCE} beside its control"
                quotient_claim = claim(
                    f"{arm}.alike{ending}.{name}",
                    f"After the last epoch {WORDS[name]} of arm {arm} differs from that of arm {REFERENCE} by less "
                    f"than {margin:g} of what {what} (90 % interval of the quotient, two one-sided tests).",
                    f"{split} {metric}",
                    "share of the fall",
                    fieller(over, under) if len(mine) else NOTHING,
                    -margin,
                    margin,
                    n=len(mine) or None,
                    kind="ratio",
                    control=mine["control"].iloc[0] if len(mine) else None,
                    epoch=study.epochs,
                    confidence=0.9,
                    p=fieller_p(over, under, margin) if len(mine) > 1 else None,
                )
                made.append(quotient_claim | {"over": "seeds and images" if crossed else "seeds"})
            made.append(_differs(study, arm, name, f"{split} {metric}", rows, curves, right))
    return made


def _differs(
    study: Study, arm: str, name: str, metric: str, rows: pd.DataFrame, curves: pd.DataFrame, right: Right
) -> dict[str, Any]:
    """ARM.differs.error and .loss: p of no difference at all, two-sided t-test over seeds (and images)."""
    mine = rows[rows["index"] == 1].sort_values("seed")
    crossed = _images(study, curves, right, arm, mine) if name == "error" else None
    differences = crossed[0] if crossed else mine["difference"].to_numpy(float)
    p = _two_sided(differences)
    return claim(
        f"{arm}.differs.{name}",
        f"After the last epoch {WORDS[name]} of arm {arm} is not that of arm {REFERENCE}: a difference as large comes "
        f"by chance with a probability below {LEVEL:g}.",
        metric,
        "p-value",
        Interval(p, np.nan, np.nan),
        high=LEVEL,
        n=len(mine) or None,
        kind="p",
        epoch=study.epochs,
    ) | {"over": "seeds and images" if crossed else "seeds"}


def _two_sided(table: np.ndarray) -> float:
    """p of mean 0: values (seeds,) or (seeds, images)."""
    seeds = len(table)
    if seeds < 2:
        return np.nan
    v = variance(table) if table.ndim == 2 else float(table.var(ddof=1)) / seeds
    mean = float(table.mean())
    if v == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / np.sqrt(v), seeds - 1))


def _images(
    study: Study, curves: pd.DataFrame, right: Right, arm: str, rows: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray] | None:
    """(difference, fall), image by image (seeds, images) each, of the seeds of `rows`; None where bits are missing."""
    if rows.empty:
        return None
    index, control, seeds = int(rows["index"].iloc[0]), rows["control"].iloc[0], list(rows["seed"])
    changes = {
        change.seed: change
        for seed in seeds
        for change in effects.changes_of(study, study.arm(REFERENCE), seed, _trained(curves, seed))
        if (change.index, change.control) == (index, control)
    }
    if set(seeds) - set(changes):
        return None
    last = [study.epochs]
    over = stacked([right.difference((arm, seed), [(REFERENCE, seed)], last) for seed in seeds])
    under = stacked([right.difference(changes[s].run, changes[s].controls, changes[s].epochs("level")) for s in seeds])
    return None if over is None or under is None or over.shape != under.shape else (over, -under)


def _trained(curves: pd.DataFrame, seed: int) -> list[str]:
    return sorted(set(curves.loc[curves["seed"] == seed, "arm"]))
