"""Published laws of the loss curve under a schedule of the learning rate, fitted on two arms, asked about the others.

Annealing law (Tissue et al. 2024, arXiv 2408.11029): L = L0 + A S1^-a - C S2, S1 the summed rate, S2 the summed falls
of the rate, each growing with updates since as 1 - l^n over 1 - l. Multi-power law (Luo et al. 2025, arXiv 2503.12811):
L = L0 + A S1^-a - B sum of falls (1 - (1 + C r^-c S)^-b), r the rate after a fall, S the summed rate since. Both speak
of the rate; with g in its place (rate x noise factor / batch, as a rate at the base batch) a growing batch counts as a
cut. Here: means over seeds of running training loss, epoch by epoch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from ..study.study import CONTROL, Study
from .judged import RUNNING, series, settings

FITTED = (CONTROL, "step")  # the arms that the laws are fitted on
COLUMNS = "study law counts arm fitted n error".split()
LEAST = 4  # arms: two to fit on, two to ask about
FIRST = 3  # epoch from which on: the first epochs are a warm-up of their own


@dataclass(frozen=True)
class Course:
    """What a law is told of an arm, at the end of each epoch (epochs,): loss, summed rate, and each fall of the rate:
    (its size, the rate after it, updates since (epochs,), summed rate since (epochs,)).
    """

    loss: np.ndarray
    travelled: np.ndarray
    falls: tuple[tuple[float, float, np.ndarray, np.ndarray], ...]


def course(loss: np.ndarray, rate: np.ndarray, updates: np.ndarray) -> Course:
    """From loss, rate and updates of each epoch (epochs,)."""
    total, travelled = np.cumsum(updates), np.cumsum(rate * updates)
    falls = []
    for k in range(1, len(rate)):
        if rate[k] != rate[k - 1]:
            since = np.maximum(0.0, total - total[k - 1]), np.maximum(0.0, travelled - travelled[k - 1])
            falls.append((float(rate[k - 1] - rate[k]), float(rate[k]), *since))
    return Course(loss, travelled, tuple(falls))


def annealing(p: np.ndarray, course: Course) -> np.ndarray:
    """p: L0, log A, log a, log C, logit of l."""
    kept = 1 / (1 + np.exp(-p[4]))
    s2 = sum((size * (1 - kept**n) / (1 - kept) for size, _, n, _ in course.falls), np.zeros_like(course.travelled))
    return p[0] + np.exp(p[1]) * course.travelled ** -np.exp(p[2]) - np.exp(p[3]) * s2


def multi_power(p: np.ndarray, course: Course) -> np.ndarray:
    """p: L0, log A, log a, log B, log C, log b, c."""
    gone = np.zeros_like(course.travelled)
    for size, after, _, s in course.falls:
        gone = gone + size * (1 - (1 + np.exp(p[4]) * after ** -p[6] * s) ** -np.exp(p[5]))
    return p[0] + np.exp(p[1]) * course.travelled ** -np.exp(p[2]) - np.exp(p[3]) * gone


LAWS: dict[str, tuple[Callable[[np.ndarray, Course], np.ndarray], list[float]]] = {
    "annealing": (annealing, [0.2, 0.0, -0.7, -5.0, 4.0]),
    "multi-power": (multi_power, [0.2, 0.0, -0.7, -1.0, 0.0, -0.7, 0.5]),
}


def fit(law: str, courses: list[Course]) -> np.ndarray:
    """Parameters by least squares with a soft loss (Huber), as both papers fit."""
    function, start = LAWS[law]

    def missed(p: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            off = np.concatenate([function(p, course) - course.loss for course in courses])
        return np.nan_to_num(off, nan=10.0, posinf=10.0, neginf=-10.0)

    bounds = np.array(start) - 8.0, np.array(start) + 8.0
    return least_squares(missed, start, loss="huber", f_scale=0.01, bounds=bounds, max_nfev=2000).x


def laws(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per law, what counts as the rate (rate, or g), and arm: whether the law was fitted on it, and the root
    mean square of what it misses (nats) from epoch FIRST on. Empty for a study without the arms.
    """
    rows: list[tuple] = []
    arms = [arm.name for arm in study.schedules if arm.settings[0] == study.base and arm.plateau is None]
    if not set(FITTED) <= set(arms) or len(arms) < LEAST:
        return pd.DataFrame(rows, columns=COLUMNS)
    loss = series(curves, *RUNNING[:2]).groupby("arm").mean()
    trained = settings(curves, study)
    trained = trained[trained["seed"] == trained.groupby("arm")["seed"].transform("min")].sort_values("epoch")
    for counts in ("rate", "g"):
        known = {}
        for arm, run in trained[trained["arm"].isin(arms)].groupby("arm", sort=False):
            values = loss.loc[arm].reindex(run["epoch"]).to_numpy(float)
            rate = run["learning_rate"].to_numpy(float)
            if counts == "g":
                rate = rate * run["noise"].to_numpy(float) * study.base.batch_size / run["batch_size"].to_numpy(float)
            whole = course(values, rate, np.diff(run["update"].to_numpy(float), prepend=0.0))
            if np.isfinite(values).all() and len(values) > FIRST:
                known[str(arm)] = _from(whole, FIRST - 1)
        if not set(FITTED) <= set(known):
            continue
        for law, (function, _) in LAWS.items():
            fitted = fit(law, [known[arm] for arm in FITTED])
            for arm, arm_course in known.items():
                missed = float(np.sqrt(np.mean((function(fitted, arm_course) - arm_course.loss) ** 2)))
                rows.append((study.name, law, counts, arm, arm in FITTED, len(arm_course.loss), missed))
    return pd.DataFrame(rows, columns=COLUMNS)


def _from(course: Course, first: int) -> Course:
    """Without the first epochs."""
    falls = tuple((size, after, n[first:], s[first:]) for size, after, n, s in course.falls)
    return Course(course.loss[first:], course.travelled[first:], falls)
