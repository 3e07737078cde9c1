"""No cliff without a cut of the noise: rate or batch change while it stays, beside the arm that cuts it.

Arm `restored` cuts the rate and puts its noise back, arm `swap` cuts rate and batch together. If the fall at a change
is the noise's, it is missing there.
"""

from typing import Any

import numpy as np
import pandas as pd

from ..results.verdicts import NOTHING, claim
from ..study.arms import Arm
from ..study.settings import Setting
from ..study.study import Study
from .judged import KEPT, RUNNING, WORDS, of_reading
from .quotients import fieller, fieller_p

COLUMNS = "study arm index milestone cutter control seed effect effect_cutter".split()


def noise_of(setting: Setting) -> float:
    """Noise scale of a setting for N much larger than the batch, up to a factor that all share."""
    return setting.noise * setting.learning_rate / (setting.batch_size * (1 - setting.momentum))


def keeps(arm: Arm, m: int) -> bool:
    """Whether rate or batch change after m epochs and the noise does not."""
    before, after = arm.settings[m - 1], arm.settings[m]
    moved = (before.learning_rate, before.batch_size) != (after.learning_rate, after.batch_size)
    return moved and abs(noise_of(after) / noise_of(before) - 1) <= KEPT


def pairs(study: Study) -> list[tuple[Arm, int, int, Arm]]:
    """(arm, number of the change, epochs completed, cutter): changes that keep the noise, with the first arm of the
    study that has the same past and cuts it there.
    """
    sudden = [arm for arm in study.schedules if arm.sudden]
    changes = []
    for arm in sudden:
        for index, m in enumerate(arm.milestones, start=1):
            if not keeps(arm, m):
                continue
            past = arm.settings[:m]
            cutters = [
                other
                for other in sudden
                if other.settings[:m] == past
                and len(other.settings) > m
                and noise_of(other.settings[m]) < (1 - KEPT) * noise_of(past[-1])
            ]
            if cutters:
                changes.append((arm, index, m, cutters[0]))
    return changes


def kept(study: Study, effects: pd.DataFrame) -> pd.DataFrame:
    """One row per such change and seed: its effect on running training loss over up to five epochs (nats), and that of
    the cutter beside the same control. Placebos where both have them in as many seeds as holds. `effects`: the table.
    """
    rows = []
    levels = of_reading(effects[effects["span"] == "level"], "running")
    for arm, index, m, cutter in pairs(study):
        best: list[tuple] = []
        for control in ("placebo", "hold", "none"):
            own, other = (
                levels[(levels["arm"] == a.name) & (levels["milestone"] == m) & (levels["control"] == control)]
                .set_index("seed")["effect"]
                .sort_index()
                for a in (arm, cutter)
            )
            both = own.index.intersection(other.index)
            if len(both) > len(best):
                head = study.name, arm.name, index, m, cutter.name, control
                best = [(*head, seed, own[seed], other[seed]) for seed in both]
        rows += best
    return pd.DataFrame(rows, columns=COLUMNS)


def kept_claims(study: Study, table: pd.DataFrame) -> list[dict[str, Any]]:
    """ARM.mI.no_drop: as a share of the cutter's fall beside the same control less than the margin, up or down. The
    quotient has Fieller's interval, so that an uncertain fall of the cutter widens it.
    """
    if "no_drop" not in study.claims:
        return []
    split, metric, _ = RUNNING
    margin, made = study.claims["no_drop"], []
    for arm, index, m, cutter in pairs(study):
        rows = table[(table["arm"] == arm.name) & (table["index"] == index)]
        over, under = (rows[name].to_numpy(float) for name in ("effect", "effect_cutter"))
        enough = len(rows) > 0
        made.append(
            claim(
                f"{arm.name}.m{index}.no_drop",
                f"Arm {arm.name} ({arm.description}). Over the epochs after {m} {WORDS['running']} falls by less than "
                f"{margin:g} of what it falls in arm {cutter.name}, which cuts the noise there; both beside the same "
                "run without the change (90 % interval of the quotient).",
                f"{split} {metric}",
                f"share of the fall in arm {cutter.name}",
                fieller(over, under) if enough else NOTHING,
                -margin,
                margin,
                milestone=m,
                n=len(rows) or None,
                kind="ratio",
                control=rows["control"].iloc[0] if enough else None,
                confidence=0.9,
                p=fieller_p(over, under, margin) if len(rows) > 1 and np.any(under) else None,
            )
        )
    return made
