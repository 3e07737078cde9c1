"""What the probes say, run by run: shares of the fall, ratios before and after, the toy model's number beside them."""

import numpy as np
import pandas as pd

from ..results.intervals import summarise
from ..study.forks import probed_epoch
from ..study.settings import Setting, stability_limit
from ..study.study import CONTROL, Study, StudyError
from . import noisy_quadratic as toy
from .judged import JUDGED, series
from .levels import LEVEL_EPOCHS, change

COLUMNS = "study arm seed quantity value".split()
UNDYING_COLUMNS = "study activation arm seed change change_control difference".split()


class Readings:
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
        numbers = self.all(probe, quantity, moment)
        return float(numbers.iloc[0]) if len(numbers) else np.nan


def readings(study: Study, probes: pd.DataFrame) -> pd.DataFrame:
    """One row per probed run and quantity (see `of_run`)."""
    rows = []
    for (arm, seed), group in probes.groupby(["arm", "seed"], sort=False):
        rows += [(study.name, arm, seed, *pair) for pair in of_run(study, str(arm), int(seed), Readings(group)).items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with 95 % t-intervals, by arm and quantity."""
    return summarise(table, ["study", "arm", "quantity"], ["value"])


def of_run(study: Study, arm: str, seed: int, read: Readings) -> dict[str, float]:
    """Quantities of one run. before, after, later are the moments of the probes.

    fall: training loss before less after (nats). Shares of that fall: negative_share, leading_share and random_share,
    by the motion along directions of negative curvature, along the leading ones and along random ones alone;
    leading_needed, what is missing when the leading part is left out; woken_share, what is lost when the woken units
    are silenced, less what the control's woken units cost; excess_share, what the average foretold. line_slope and
    line_curvature: of the loss along the straight line from before to after (nats; a parabola through it). Ratios
    after/before: gradient_ratio; sharpening (later); collapse, geometric mean over directions of the variance of the
    weights within an epoch; excess_ratio (later). edge_before, edge_after, edge_later: batch sharpness as a multiple of
    2 (1 - m) / rate; edge_change: at "before", that of the coming setting over that of the one until then. half_time:
    updates until the loss has done half of its way below the run without the change. Of the noisy quadratic, from
    curvature and noise along the leading directions before: toy_excess, toy_ratio, toy_collapse, toy_half_time; and
    measured over predicted: toy_measure, window_measure, half_time_measure.
    """
    loss = {m: read.one("motion", "loss", m) for m in ("before", "after")}
    fall = loss["before"] - loss["after"]
    silent = read.one("units", "loss_silenced", "after") - read.one("units", "loss", "after")
    elsewhere = read.one("units", "loss_silenced_control", "after") - read.one("units", "loss", "after")
    fallen = read.one("units", "loss", "before") - read.one("units", "loss", "after")
    excess = {m: read.one("noise", "excess", m) for m in ("before", "later")}
    sharp = {m: top(read.all("curvature", "eigenvalue", m)) for m in ("before", "later")}
    variance = [read.all("path", "variance", m) for m in ("before", "after")]
    numbers = {
        "fall": fall,
        "negative_share": (loss["before"] - read.one("motion", "loss_with_negative", "after")) / fall,
        "leading_share": (loss["before"] - read.one("motion", "loss_with_leading", "after")) / fall,
        "leading_needed": (read.one("motion", "loss_without_leading", "after") - loss["after"]) / fall,
        "random_share": (loss["before"] - read.one("motion", "loss_with_random", "after")) / fall,
        "woken_share": (silent - elsewhere) / fallen,
        "woken_share_alone": silent / fallen,
        "dead_units_before": read.one("units", "dead_units", "before"),
        "dead_units_after": read.one("units", "dead_units", "after"),
        "woken_units": read.one("units", "woken_units", "after"),
        "died_units": read.one("units", "died_units", "after"),
        "gradient_before": read.one("curvature", "gradient_norm", "before"),
        "gradient_after": read.one("curvature", "gradient_norm", "after"),
        "gradient_ratio": read.one("curvature", "gradient_norm", "after") / read.one("curvature", "gradient_norm"),
        "sharpness_before": sharp["before"],
        "sharpness_share": sharp["before"] / read.one("curvature", "stability_limit", "before"),
        "sharpening": sharp["later"] / sharp["before"],
        "trace_ratio": read.one("curvature", "trace", "after") / read.one("curvature", "trace", "before"),
        "excess_before": excess["before"],
        "excess_later": excess["later"],
        "excess_share": excess["before"] / fall,
        "excess_leading_share": read.one("noise", "excess_leading", "before") / excess["before"],
        "excess_ratio": excess["later"] / excess["before"],
        "distance_ratio": read.one("noise", "distance", "later") / read.one("noise", "distance", "before"),
        "one_step_noise": one_step(study, read),
        "collapse": geometric(variance[1] / variance[0]) if all(len(v) for v in variance) else np.nan,
    }
    numbers |= line_of(read) | edge(read) | {"half_time": half_time(read)}
    numbers |= predicted(study, arm, seed, read)
    for name, measured, model in (
        ("toy_measure", "excess_ratio", "toy_ratio"),
        ("window_measure", "collapse", "toy_collapse"),
        ("half_time_measure", "half_time", "toy_half_time"),
    ):
        numbers[name] = float(np.divide(numbers[measured], numbers[model]))
    return {name: float(value) for name, value in numbers.items()}


def line_of(read: Readings) -> dict[str, float]:
    """Slope at its beginning and curvature of a parabola through the loss along the straight line (least squares)."""
    rows = read.rows
    if ("motion", "line", "after") not in rows.index:
        return {"line_slope": np.nan, "line_curvature": np.nan}
    line = rows.loc[[("motion", "line", "after")]]
    square, slope, _ = np.polyfit(line["x"], line["value"], 2)
    return {"line_slope": float(slope), "line_curvature": float(2 * square)}


def edge(read: Readings) -> dict[str, float]:
    """Batch sharpness as a multiple of its limit for small batches, at the moments."""
    quotients = {m: read.all("sharpness", "quotient", m) for m in ("before", "after", "later")}
    limits = {m: read.all("sharpness", "limit_small", m) for m in quotients}
    shares = {m: quotients[m] / limits[m] for m in quotients}
    until = float(shares["before"].get(1.0, np.nan))  # under the setting that ends there
    coming = float(shares["before"].get(0.0, np.nan))
    numbers = {"edge_before": until, "edge_coming": coming, "edge_change": coming / until}
    return numbers | {f"edge_{m}": float(shares[m].get(0.0, np.nan)) for m in ("after", "later")}


def half_time(read: Readings) -> float:
    """Updates until the loss has gone half of the way that it is below the unchanged run's at the epoch's end."""
    own, other = (read.all("relaxation", "loss", m) for m in ("after", "unchanged"))
    if len(own) < 2 or len(other) < 2:
        return np.nan
    beside = np.interp(own.index, other.index, other.to_numpy())
    below = beside - own.to_numpy()
    return _half_way(own.index.to_numpy(float), below)


def _half_way(updates: np.ndarray, below: np.ndarray) -> float:
    """Where a rising difference first reaches half of its last value; between two readings by a straight line."""
    middle = below[-1] / 2
    past = np.flatnonzero(below >= middle)
    if below[-1] <= 0 or not len(past) or past[0] == 0:
        return np.nan
    i = int(past[0])
    return float(np.interp(middle, below[i - 1 : i + 1], updates[i - 1 : i + 1]))


def top(values: pd.Series) -> float:
    """The largest eigenvalue: index 0, since negative indices count from the other end."""
    return float(values.loc[0.0]) if 0.0 in values.index else np.nan


def geometric(values: pd.Series) -> float:
    return float(np.exp(np.log(values).mean()))


def one_step(study: Study, read: Readings) -> float:
    """a^2 tr(H S) / 2: the loss (nats) that the noise of one gradient step adds, without momentum, at first."""
    return read.one("noise", "trace_HS") * study.base.learning_rate**2 / 2 / read.one("noise", "groups")


def predicted(study: Study, arm: str, seed: int, read: Readings) -> dict[str, float]:
    """The noisy quadratic along the leading directions: toy_excess before (nats, at rest); later/before toy_ratio of
    it; after/before toy_collapse of the variance within an epoch (geometric mean over directions); toy_half_time.
    """
    nothing = dict.fromkeys(("toy_excess", "toy_ratio", "toy_collapse", "toy_half_time"), np.nan)
    curvature = read.all("noise", "curvature_along", "before").to_numpy()
    noise = read.all("noise", "noise_along", "before").to_numpy()
    if not len(curvature):
        return nothing
    try:
        m = probed_epoch(study, seed)
    except StudyError:  # probes of a study that has changed since
        return nothing
    own = study.arm(arm).for_seed(seed).settings
    before, after, later = own[m - 1], own[m], own[m + study.probes["after"][-1] - 1]
    # what lies beyond the limit of the full batch has no rest; the Hessian's sample is not the batches'
    steepest = min(stability_limit(each.learning_rate, each.momentum) for each in (before, after, later))
    kept = (curvature > 0) & (curvature < steepest)
    h, s = curvature[kept], noise[kept]
    if not len(h):
        return nothing
    groups = {moment: read.one("noise", "groups", moment) for moment in ("before", "after", "later")}

    def excess(setting: Setting, moment: str) -> float:
        return toy.rest_excess(h, s / groups[moment], setting.learning_rate, setting.momentum)

    numbers = nothing | {
        "toy_excess": excess(before, "before"),
        "toy_ratio": excess(later, "later") / excess(before, "before"),
    }
    updates = {moment: read.one("relaxation", "updates", moment) for moment in ("unchanged", "after")}
    if not np.isfinite([*groups.values(), *updates.values(), numbers["toy_ratio"]]).all():
        return numbers
    windows = [
        toy.window_variance(h, s / groups[name], setting.learning_rate, setting.momentum, int(updates[length]))
        for name, setting, length in (("before", before, "unchanged"), ("after", after, "after"))
    ]
    numbers["toy_collapse"] = geometric(pd.Series(windows[1] / windows[0]))
    if before != after:
        stretch = toy.Stretch(int(updates["after"]), after.learning_rate, after.momentum, groups["after"])
        curve = toy.fall(h, s, toy.Stretch(0, before.learning_rate, before.momentum, groups["before"]), stretch)
        numbers["toy_half_time"] = toy.half_time(curve, float(curve[-1]))
    return numbers


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
            spans = range(m - LEVEL_EPOCHS + 1, m + 1), range(m + 1, m + LEVEL_EPOCHS + 1)
            own, without = (change(table.loc[key], *spans) for key in keys)
            rows.append((study.name, arm.activation, arm.of, seed, own, without, own - without))
    return pd.DataFrame(rows, columns=UNDYING_COLUMNS)
