"""Learning curves made by code, half of them with sudden drops at known epochs: the yardstick of the drop detector.

What counts as a drop was fixed before any detector was tried: one that a careful person sees. Its level shift is

- at least 4 standard deviations of the noise just before it (and of the noise after it, where that is larger),
- at least 5 % of the value, and of the range of the curve at least 0.5 % (else it is hidden by the axis),
- at least 4 times what the smooth trend loses per epoch there, and it is done to 60 % or more in its first epoch,
- with 8 evaluated epochs or more before it and 6 or more after it, up to the next drop or the end.

Nothing else in the curves is sudden and lasting: without planted drops they are smooth trends (eight families) under
noise (six kinds), some with spikes and dips that recover within 5 epochs, or with noise that calms without a shift.
"""

from dataclasses import dataclass

import numpy as np

TRENDS = "power exponential logistic plateau cosine overfit warmdown to_zero".split()
NOISES = "white autocorrelated heavy_tails shrinking calming spikes".split()
NOISE_DEVIATIONS, LEAST_RATIO, LEAST_OF_RANGE, TREND_MULTIPLE = 4.0, 0.05, 0.005, 4.0
BEFORE, AFTER = 8, 6  # evaluated epochs


@dataclass(frozen=True)
class Curve:
    """One curve: epochs and values have shape (n,); drops are the first evaluated epochs at a new level."""

    trend: str
    noise: str
    kind: str  # error (percent) or loss (nats)
    epochs: np.ndarray
    values: np.ndarray
    drops: tuple[int, ...]
    optional: tuple[int, ...] = ()  # changes that need not be seen, but are no mistake


def make_curves(count: int, seed: int) -> list[Curve]:
    """`count` curves; the even ones have no drop. Curve i of a seed is the same whatever the count."""
    return [make_curve(i, np.random.default_rng([seed, i])) for i in range(count)]


def make_curve(index: int, rng: np.random.Generator) -> Curve:
    """Trend and noise take turns with the index; all else is drawn."""
    trend, noise = TRENDS[index // 2 % len(TRENDS)], NOISES[index // 2 // len(TRENDS) % len(NOISES)]
    n = round(np.exp(rng.uniform(np.log(20), np.log(1000))))
    level = log_trend(trend, n, rng)
    sigma = noise_scale(noise, n, rng)
    drops = plant(level, sigma, rng) if index % 2 else []
    log_values = level + sigma * noise_shape(noise, n, rng)
    if noise == "spikes":
        log_values += excursions(n, sigma, drops, rng)
    kind = "error" if trend == "to_zero" or rng.random() < 0.6 else "loss"
    values = np.exp(log_values)
    if kind == "error":
        values = as_error(values, rng, zeros=trend == "to_zero")
    return numbered(trend, noise, kind, values, drops, rng)


def log_trend(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Logarithm of a smooth curve without drop, shape (n,), in units of its first value."""
    t = np.arange(n)
    floor = np.exp(rng.uniform(np.log(0.03), np.log(0.5)))
    if name == "power":
        curve = floor + (1 - floor) * (1 + t) ** -rng.uniform(0.3, 1.2)
    elif name == "logistic":
        width = max(3.0, n * rng.uniform(0.03, 0.12))  # in epochs; a narrower one would be a drop
        curve = floor + (1 - floor) / (1 + np.exp((t - n * rng.uniform(0.25, 0.75)) / width))
    elif name == "plateau":
        curve = floor + (1 - floor) * np.exp(-t / rng.uniform(1, 6))
    elif name == "cosine":
        slow = (0.5 * (1 + np.cos(np.pi * t / n))) ** rng.uniform(0.5, 1.5)
        curve = floor * (1 + rng.uniform(0.3, 1.5) * slow) + (1 - floor) * np.exp(-t / max(2.0, 0.03 * n))
    elif name == "overfit":
        curve = floor + (1 - floor) * np.exp(-t / max(2.0, n * rng.uniform(0.02, 0.1))) + floor * 0.5 * t / n
    elif name == "warmdown":
        ramp = np.clip((t / n - rng.uniform(0.5, 0.8)) / 0.2, 0, 1)
        curve = (floor + (1 - floor) * (1 + t) ** -0.6) * (1 - rng.uniform(0.1, 0.4) * ramp)
    elif name == "to_zero":
        curve = np.exp(-t / (n * rng.uniform(0.05, 0.3))) + 1e-7
    else:
        curve = floor + (1 - floor) * np.exp(-t / (n * rng.uniform(0.03, 0.3)))
    return np.log(curve)


def noise_scale(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Standard deviation of the log values, shape (n,)."""
    sigma = np.full(n, np.exp(rng.uniform(np.log(0.003), np.log(0.2))))
    if name == "shrinking":
        sigma *= np.linspace(1, rng.uniform(0.1, 0.5), n)
    elif name == "calming":  # as when training error has reached zero at a constant rate
        sigma[round(n * rng.uniform(0.3, 0.7)) :] *= rng.uniform(0.1, 0.4)
    return sigma


def noise_shape(name: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance, shape (n,)."""
    if name == "heavy_tails":
        return rng.standard_t(3, n) / np.sqrt(3)
    white = rng.standard_normal(n)
    if name == "autocorrelated":
        phi = rng.uniform(0.2, 0.6)
        for i in range(1, n):
            white[i] = phi * white[i - 1] + np.sqrt(1 - phi**2) * white[i]
    return white


def plant(level: np.ndarray, sigma: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Lowers `level` and shrinks `sigma` in place from 1 to 3 epochs on; returns those, all as the definition asks."""
    n, planted = len(level), []
    wanted = 1 if n < 40 else int(rng.integers(1, 4))
    for _ in range(20 * wanted):
        at = int(rng.integers(max(BEFORE, n // 12), n - AFTER))
        apart = all(at - p >= BEFORE if at > p else p - at >= BEFORE for p in planted)
        share = rng.uniform(0.6, 1.0) if rng.random() < 0.5 else 1.0
        calmer = np.exp(rng.uniform(np.log(0.08), 0))
        slope = np.abs(np.diff(level[at - 3 : at + 3])).max()
        least = max(NOISE_DEVIATIONS * sigma[at - 3 : at + 3].max(), -np.log(1 - LEAST_RATIO), TREND_MULTIPLE * slope)
        shift = least * np.exp(rng.uniform(0, np.log(4)))
        fall = np.exp(level[at - 1]) * (1 - np.exp(-shift))
        if not apart or shift > 2 or fall < LEAST_OF_RANGE * np.ptp(np.exp(level)):
            continue
        rest = (1 - share) * np.exp(-np.arange(n - at) / rng.uniform(1, 2.5))
        level[at:] -= shift * (1 - rest)
        if rng.random() < 0.3:  # error creeps up again on the new plateau
            level[at:] += 0.5 * shift * (1 - np.exp(-np.arange(n - at) / max(25, n / 5)))
        sigma[at:] *= calmer
        planted.append(at)
        if len(planted) == wanted:
            break
    return sorted(planted)


def excursions(n: int, sigma: np.ndarray, drops: list[int], rng: np.random.Generator) -> np.ndarray:
    """Spikes (and a few dips) of 1 to 4 epochs that recover, at once or little by little, none next to a drop."""
    extra = np.zeros(n)
    for at in rng.integers(3, n - 6, size=max(1, n // 60)):
        if any(abs(at - d) < 10 for d in drops):
            continue
        height = sigma[at] * rng.uniform(4, 20) * (1 if rng.random() < 0.85 else -0.5)
        length = int(rng.integers(1, 5))
        shape = np.ones(length) if rng.random() < 0.5 else 0.5 ** np.arange(length)
        extra[at : at + length] += height * shape
    return extra


def as_error(values: np.ndarray, rng: np.random.Generator, zeros: bool) -> np.ndarray:
    """Percent of a test set of 10,000 or a training set of 50,000 images; to_zero reaches exact zeros by counting."""
    images = 50_000 if zeros else 10_000
    rate = np.clip(values * rng.uniform(0.6, 0.9), 0, 1)
    counts = rng.poisson(rate * images) if zeros else np.round(rate * images)
    return 100.0 * np.minimum(counts, images) / images


def numbered(trend, noise, kind, values, drops, rng) -> Curve:
    """Epoch numbers from 0 or 1, some every second or fifth; in a fifth of the curves epochs are missing or NaN."""
    n, every = len(values), int(rng.choice([1, 1, 1, 1, 2, 5]))
    epochs = int(rng.integers(0, 2)) + every * np.arange(n)
    keep = np.ones(n, dtype=bool)
    if rng.random() < 0.2:
        keep = rng.random(n) > rng.uniform(0.02, 0.1)
        for at in drops:  # what happened while nobody looked has no known epoch
            keep[at - 1 : at + 1] = True
        if rng.random() < 0.5:
            values, keep = np.where(keep, values, np.nan), np.ones(n, dtype=bool)
    return Curve(trend, noise, kind, epochs[keep], values[keep], tuple(int(epochs[d]) for d in drops))
