"""What the probes say, run by run: shares of the fall, ratios before and after, the toy model's number beside them."""

import numpy as np
import pandas as pd

from ..results.intervals import summarise
from ..study.study import CONTROL, Study
from . import noisy_quadratic as toy
from .changes import LEVEL_EPOCHS
from .judged import JUDGED, series

COLUMNS = "study arm seed quantity value".split()
UNDYING_COLUMNS = "study activation arm seed change change_control difference".split()


class Found:
    """The numbers of one run's probes, by (probe, quantity, moment)."""

    def __init__(self, rows: pd.DataFrame):
        self.rows = rows.set_index(["probe", "quantity", "moment"]).sort_index()

    def all(self, probe: str, quantity: str, moment: str) -> pd.Series:
        """Values by index (direction), empty where there are none."""
        if (probe, quantity, moment) not in self.rows.index:
            return pd.Series(dtype=float)
        return self.rows.loc[[(probe, quantity, moment)]].set_index("index")["value"].sort_index()

    def one(self, probe: str, quantity: str, moment: str = "before") -> float:
        """The one value, NaN where there is none."""
        found = self.all(probe, quantity, moment)
        return float(found.iloc[0]) if len(found) else np.nan


def mechanism(study: Study, probes: pd.DataFrame) -> pd.DataFrame:
    """One row per probed run and quantity (see `of_run`)."""
    rows = []
    for (arm, seed), group in probes.groupby(["arm", "seed"], sort=False):
        rows += [(study.name, arm, seed, *found) for found in of_run(study, str(arm), Found(group)).items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals, by arm and quantity."""
    return summarise(table, ["study", "arm", "quantity"], ["value"])


def of_run(study: Study, arm: str, found: Found) -> dict[str, float]:
    """Quantities of one run. before, after, later are the moments of the probes.

    fall: training loss before less after (nats). Shares of that fall: negative_share and leading_share, by the motion
    along directions of negative curvature and along the leading ones alone; leading_needed, what is missing when that
    part is left out; woken_share, what is lost when the woken units are silenced; excess_share, what the average
    foretold. Ratios after/before: gradient_ratio; sharpening (later); collapse, geometric mean over directions of the
    variance of the weights; excess_ratio (later), beside toy_ratio, what the noisy quadratic predicts of it from
    curvature and noise along the leading directions before, and toy_measure, their quotient.
    """
    loss = {m: found.one("motion", "loss", m) for m in ("before", "after")}
    fall = loss["before"] - loss["after"]
    silent = found.one("units", "loss_silenced", "after") - found.one("units", "loss", "after")
    fallen = found.one("units", "loss", "before") - found.one("units", "loss", "after")
    excess = {m: found.one("noise", "excess", m) for m in ("before", "later")}
    sharp = {m: top(found.all("curvature", "eigenvalue", m)) for m in ("before", "later")}
    variance = [found.all("path", "variance", m) for m in ("before", "after")]
    numbers = {
        "fall": fall,
        "negative_share": (loss["before"] - found.one("motion", "loss_with_negative", "after")) / fall,
        "leading_share": (loss["before"] - found.one("motion", "loss_with_leading", "after")) / fall,
        "leading_needed": (found.one("motion", "loss_without_leading", "after") - loss["after"]) / fall,
        "woken_share": silent / fallen,
        "dead_units_before": found.one("units", "dead_units", "before"),
        "dead_units_after": found.one("units", "dead_units", "after"),
        "woken_units": found.one("units", "woken_units", "after"),
        "died_units": found.one("units", "died_units", "after"),
        "gradient_before": found.one("curvature", "gradient_norm", "before"),
        "gradient_after": found.one("curvature", "gradient_norm", "after"),
        "gradient_ratio": found.one("curvature", "gradient_norm", "after") / found.one("curvature", "gradient_norm"),
        "sharpness_before": sharp["before"],
        "sharpness_share": sharp["before"] / found.one("curvature", "stability_limit", "before"),
        "sharpening": sharp["later"] / sharp["before"],
        "trace_ratio": found.one("curvature", "trace", "after") / found.one("curvature", "trace", "before"),
        "excess_before": excess["before"],
        "excess_later": excess["later"],
        "excess_share": excess["before"] / fall,
        "excess_leading_share": found.one("noise", "excess_leading", "before") / excess["before"],
        "excess_ratio": excess["later"] / excess["before"],
        "distance_ratio": found.one("noise", "distance", "later") / found.one("noise", "distance", "before"),
        "one_step_noise": one_step(study, found),
        "collapse": geometric(variance[1] / variance[0]) if all(len(v) for v in variance) else np.nan,
    }
    numbers |= predicted(study, arm, found)
    numbers["toy_measure"] = numbers["excess_ratio"] / numbers["toy_ratio"]
    return {name: float(value) for name, value in numbers.items()}


def top(values: pd.Series) -> float:
    """The largest eigenvalue: index 0, since negative indices count from the other end."""
    return float(values.loc[0.0]) if 0.0 in values.index else np.nan


def geometric(values: pd.Series) -> float:
    return float(np.exp(np.log(values).mean()))


def one_step(study: Study, found: Found) -> float:
    """a^2 tr(H S) / 2: the loss (nats) that the noise of one gradient step adds, without momentum, at first."""
    return found.one("noise", "trace_HS") * study.base.learning_rate**2 / 2 / found.one("noise", "groups")


def predicted(study: Study, arm: str, found: Found) -> dict[str, float]:
    """The noisy quadratic along the leading directions: toy_excess before (nats, at rest), toy_ratio later/before."""
    curvature = found.all("noise", "curvature_along", "before").to_numpy()
    noise = found.all("noise", "noise_along", "before").to_numpy()
    if not len(curvature):
        return {"toy_excess": np.nan, "toy_ratio": np.nan}
    own, m = study.arm(arm).settings, study.probes["milestone"]
    settings = {"before": own[m - 1], "later": own[m + study.probes["after"][-1] - 1]}
    bent = curvature > 0
    rest = {
        moment: toy.rest_excess(
            curvature[bent], noise[bent] / found.one("noise", "groups", moment), setting.learning_rate, setting.momentum
        )
        for moment, setting in settings.items()
    }
    return {"toy_excess": rest["before"], "toy_ratio": rest["later"] / rest["before"]}


def undying(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """For each arm again with another activation, beside the control with that activation, seed by seed: change of test
    error at the arm's first milestone, means over up to five epochs after less before (points).
    """
    table = series(curves, *JUDGED["error"][:2])
    rows = []
    for arm in study.arms:
        control = f"{CONTROL}-{arm.activation}"
        if arm.role != "activation" or not arm.milestones or control not in {other.name for other in study.arms}:
            continue
        m = arm.milestones[0]
        for seed in arm.seeds:
            keys = [(name, seed) for name in (arm.name, control)]
            if any(key not in table.index for key in keys):
                continue
            after, before = range(m + 1, m + LEVEL_EPOCHS + 1), range(m - LEVEL_EPOCHS + 1, m + 1)
            own, without = (
                table.loc[key].reindex(after).mean(skipna=False) - table.loc[key].reindex(before).mean(skipna=False)
                for key in keys
            )
            rows.append((study.name, arm.activation, arm.of, seed, own, without, own - without))
    return pd.DataFrame(rows, columns=UNDYING_COLUMNS)
