"""Other ways to find drops, each with one threshold or penalty that tuning.py chose on curves of other seeds.

All see what our own rule sees: logarithms of the values, without the missing ones. Change-point methods look for any
change, so a change counts as a drop only if the median of five epochs falls there, and half of that fall or more
happens in the one epoch. For the penalties to mean the same for each curve, values are divided by the noise (robust,
from differences of third order, which no smooth trend reaches); penalties are multiples of log n.

ruptures   Truong et al. 2020 (Signal Processing 167:107299): Pelt, binary segmentation, sliding window; costs l1 and l2
           (level), normal (level and variance), rbf (distribution), linear (a line in log(epoch) per segment), clinear
           (connected lines), ar (autoregression). All with jump=1: its default of 5 searches every fifth epoch only.
           KernelCPD is Pelt for l2 and rbf, in C.
cusum      Page 1954: the sum of one-epoch-ahead errors of a robust line through the last 12 epochs
bocpd      Adams & MacKay 2007 (arXiv 0710.3742): Bayesian online change points, normal with unknown mean and variance
one_epoch  falls larger than so many robust deviations of all one-epoch changes of the curve
"""

import warnings

import numpy as np
import ruptures as rpt
from scipy import special

from errordrops.detector.drops import checked, find_drops, prepared
from synthetic_curves import Curve

warnings.filterwarnings("ignore", message="New behaviour in v1.1.5")  # of CostNormal: a bias for constant segments

PENALTIES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)
SCALES = {"rbf": (0.125, 0.25, 0.5, 1, 2, 4), "l2": (256, 1024, 4096, 16384, 65536)}  # bounded cost; squares
COSTS = ("l1", "l2", "normal", "rbf", "linear", "clinear", "ar")
SLOW = tuple(f"pelt {cost}" for cost in ("l1", "normal", "linear", "clinear", "ar"))  # judged on fewer curves
GRIDS = {
    **{f"kernelcpd {cost}": SCALES.get(cost, PENALTIES) for cost in ("l2", "rbf")},
    **{f"binseg {cost}": SCALES.get(cost, PENALTIES) for cost in COSTS},
    **{f"window {cost}": SCALES.get(cost, PENALTIES) for cost in ("l1", "l2", "normal", "rbf")},
    "cusum": (4, 6, 8, 12, 16, 24, 32, 48),
    "bocpd": (1e-2, 1e-4, 1e-6, 1e-8, 1e-12, 1e-18),
    "one_epoch": (3, 4, 5, 6, 8, 10, 14, 20),
    **{name: PENALTIES[::2] for name in SLOW},
}
TUNED = {
    "kernelcpd l2": 4096,
    "kernelcpd rbf": 1,
    "binseg l1": 64,
    "binseg l2": 4096,
    "binseg normal": 16,
    "binseg rbf": 1,
    "binseg linear": 128,
    "binseg clinear": 1024,
    "binseg ar": 64,
    "window l1": 128,
    "window l2": 4096,
    "window normal": 16,
    "window rbf": 1,
    "cusum": 24,
    "bocpd": 0.0001,
    "one_epoch": 10,
    "pelt l1": 64,
    "pelt normal": 16,
    "pelt linear": 256,
    "pelt clinear": 4,
    "pelt ar": 64,
}


def detect(name: str, curve: Curve, value: float | None = None) -> list[float]:
    """Epochs of drops by the method of that name; `value` is its threshold or penalty."""
    if name == "rule":
        return [d.epoch for d in find_drops(curve.epochs, curve.values, curve.kind) if d.kind == "drop"]
    value = TUNED[name] if value is None else value
    numbers, values = checked(curve.epochs, curve.values, curve.kind)
    given = prepared(numbers, values)
    if len(values) < 12:
        return []
    y = given.y / max(1e-3, 1.4826 * np.median(np.abs(np.diff(given.y, 3))) / np.sqrt(20))
    method, _, cost = name.partition(" ")
    changes = {"cusum": cusum, "bocpd": bocpd, "one_epoch": one_epoch}.get(method)
    points = changes(y, given.x, value) if changes else segmented(method, cost, y, given.x, value * np.log(len(y)))
    return [float(numbers[k]) for k in points if is_fall(y, k)]


def is_fall(y: np.ndarray, k: int) -> bool:
    """Whether the level falls at k, and does so suddenly."""
    shift = np.median(y[max(0, k - 5) : k]) - np.median(y[k : k + 5])
    return bool(shift > 0 and y[k - 1] - y[k] >= shift / 2)


def segmented(method: str, cost: str, y: np.ndarray, x: np.ndarray, penalty: float) -> list[int]:
    """Change points of ruptures."""
    signal = np.column_stack([y, np.ones(len(y)), x]) if cost == "linear" else y[:, None]
    if method == "kernelcpd":
        search = rpt.KernelCPD(kernel={"l2": "linear"}.get(cost, cost), min_size=5)
    else:
        extra = {"width": 20} if method == "window" else {}
        search = {"pelt": rpt.Pelt, "binseg": rpt.Binseg, "window": rpt.Window}[method](
            model=cost, min_size=5, jump=1, **extra
        )
    try:
        return search.fit(signal).predict(pen=penalty)[:-1]
    except rpt.exceptions.BadSegmentationParameters:  # too short for this cost
        return []


def one_epoch(y: np.ndarray, x: np.ndarray, threshold: float) -> list[int]:
    """Falls that exceed the robust spread of all one-epoch changes."""
    falls = -np.diff(y)
    spread = 1.4826 * np.median(np.abs(falls - np.median(falls)))
    return list(np.flatnonzero(falls > threshold * spread) + 1)


def cusum(y: np.ndarray, x: np.ndarray, threshold: float) -> list[int]:
    """Page's sum of standardised forecast errors beyond half a deviation; after an alarm it starts anew."""
    found, start, total, since = [], 0, 0.0, None
    for k in range(8, len(y)):
        first = max(start, k - 12)
        if k - first < 6:
            continue
        t, past = x[first:k], y[first:k]
        half = (k - first) // 2
        slope = np.median((past[half : 2 * half] - past[:half]) / (t[half : 2 * half] - t[:half]))
        residuals = past - slope * (t - x[k])
        level = np.median(residuals)
        spread = max(1.4826 * np.median(np.abs(residuals - level)), 0.3)
        total = max(0.0, total + (level - y[k]) / spread - 0.5)
        since = None if total == 0 else (k if since is None else since)
        if total > threshold:
            found.append(since)
            start, total, since = k, 0.0, None
    return found


def bocpd(y: np.ndarray, x: np.ndarray, hazard: float) -> list[int]:
    """Where the most probable run length falls back, a change is put at the start of the new run."""
    y = y - np.polyval(np.polyfit(x, y, 1), x)
    mean, kappa, alpha, beta = np.array([y[0]]), np.array([0.1]), np.array([1.0]), np.array([1.0])
    log_run, found, last = np.zeros(1), [], 0
    for k, value in enumerate(y):
        scale = beta * (kappa + 1) / (alpha * kappa)
        log_t = special.gammaln(alpha + 0.5) - special.gammaln(alpha) - 0.5 * np.log(2 * np.pi * alpha * scale)
        log_t -= (alpha + 0.5) * np.log1p((value - mean) ** 2 / (2 * alpha * scale))
        grown = log_run + log_t + np.log1p(-hazard)
        log_run = np.append(special.logsumexp(log_run + log_t) + np.log(hazard), grown)
        log_run -= special.logsumexp(log_run)
        beta = np.append(1.0, beta + kappa * (value - mean) ** 2 / (2 * (kappa + 1)))
        mean = np.append(value, (kappa * mean + value) / (kappa + 1))
        kappa, alpha = np.append(0.1, kappa + 1), np.append(1.0, alpha + 0.5)
        run = int(log_run.argmax())
        if run < last and 0 < k - run + 1 < len(y):
            found.append(k - run + 1)
        last = run
    return sorted(set(found))
