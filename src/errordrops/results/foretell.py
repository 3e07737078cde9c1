"""What each fork will do, written down before it is trained, with nothing fitted.

Averaged weights already sit where the weights fall to without noise, so loss(weights) - loss(average) is what the noise
costs. It is proportional to g (Mandt et al. 2017), so a change of g to g' takes away the share 1 - g'/g of it (Zhang et
al. 2019 and Sandler et al. 2023 for g' = 0). Only arm none's readings up to the date enter.
"""

import hashlib
import math
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from ..files import read_table, write_json
from ..study.forks import date, fork_arms, noise_ratio, relative_noise
from ..study.study import CONTROL, Study
from .layout import Layout

FILE = "foretold.json"
SPLIT, WEIGHTS, AVERAGE = "train_eval", "loss_recomputed", "loss_averaged"
WINDOW = 5  # epochs up to the date from which the spread of readings is taken
T = 2.776  # 97.5 % quantile of Student's t with WINDOW - 1 degrees of freedom


def foretold(loss: float, loss_average: float, g: float, g_new: float) -> float:
    """The fall of loss (nats) when the noise goes from g to g_new; negative where it rises."""
    return (loss - loss_average) * (1 - g_new / g)


def predicted(study: Study, seed: int, curve: pd.DataFrame) -> dict[str, Any]:
    """date, loss, loss_average, excess and its spread, g, and for each fork g and fall with the bounds low and high of
    a 95 % interval for the fall of its five-epoch mean below arm none's.

    `curve`: arm none's. The interval has the spread of the excess over the last WINDOW epochs, times |1 - g'/g|, and
    that of two means of five noisy readings; both read before the date. Raises UserError where a reading is missing.
    """
    at = date(study, seed)
    if at is None:
        raise UserError(f"{study.path}: seed {seed} has no forks")
    chosen = curve[(curve["split"] == SPLIT) & (curve["epoch"] <= at)]
    readings = {name: chosen[chosen["metric"] == name].set_index("epoch")["value"] for name in (WEIGHTS, AVERAGE)}
    for name, values in readings.items():
        if at not in values.index:
            raise UserError(f"arm {CONTROL} seed {seed} has no {SPLIT} {name} after epoch {at}; state averages")
    last = range(max(1, at - WINDOW + 1), at + 1)
    loss, average = (values.reindex(last).to_numpy(float) for values in readings.values())
    excess, wander = _spread(loss, average)
    g = relative_noise(study.arm(CONTROL).settings[at - 1])
    forks = {}
    for arm in fork_arms(study):
        if seed not in arm.seeds or arm.fork in forks:
            continue
        ratio = noise_ratio(arm, seed)
        fall = foretold(float(loss[-1]), float(average[-1]), g, g * ratio)
        forks[arm.fork] = {"g": g * ratio, "fall": fall, "low": None, "high": None}
        if excess is not None and wander is not None:
            half = T * math.hypot(excess * (1 - ratio), wander * math.sqrt(2 / WINDOW))
            forks[arm.fork] |= {"low": fall - half, "high": fall + half}
    return {
        "seed": seed,
        "date": at,
        "loss": float(loss[-1]),
        "loss_average": float(average[-1]),
        "spread_excess": excess,
        "spread_loss": wander,
        "g": g,
        "forks": forks,
    }


def _spread(loss: np.ndarray, average: np.ndarray) -> tuple[float | None, float | None]:
    """Standard deviations of the excess, and of the loss about a line; None for fewer than WINDOW epochs."""
    if len(loss) < WINDOW or not np.isfinite([loss, average]).all():
        return None, None
    return float(np.std(loss - average, ddof=1)), _about_line(loss)


def _about_line(values: np.ndarray) -> float:
    """Standard deviation of readings about a straight line through them."""
    places = np.arange(len(values))
    left = values - np.polyval(np.polyfit(places, values, 1), places)
    return float(np.sqrt((left**2).sum() / (len(values) - 2)))


def write(study: Study, seed: int, layout: Layout) -> dict[str, Any]:
    """The step `foretell`: reads arm none's curve.csv, writes foretold.json beside it with that file's SHA-256."""
    folder = layout.run(CONTROL, seed)
    path = folder / "curve.csv"
    made = predicted(study, seed, read_table(path))
    made["curve_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(folder / FILE, made, with_sum=True)
    return made
