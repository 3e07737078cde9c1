"""Logs made of smooth, noisy curves whose level changes where it is told to."""

import numpy as np
import pandas as pd

EPOCHS = np.arange(1, 101)


def curve(level=1.0, noise=0.02, seed=0):
    """A smooth, noisy curve of 100 epochs, shape (100,), times `level`."""
    rng = np.random.default_rng(seed)
    return (0.5 + 2 * EPOCHS**-0.7) * level * np.exp(noise * rng.normal(size=100))


def log(train=1.0, test=1.0, lr=0.1, **more):
    """A log with a training loss, a test error and a learning rate."""
    columns = {"epoch": EPOCHS, "train_loss": curve(train), "test_error": 20 * curve(test, seed=1), "lr": lr}
    return pd.DataFrame(columns | more)


def step(at, factor):
    """1 up to and with epoch `at`, then `factor`, shape (100,)."""
    return np.where(at < EPOCHS, factor, 1.0)


def falling(level, **columns):
    """A log of curves without any other drop than those of `level`."""
    return log(**columns).assign(train_loss=curve(level, seed=2), test_error=20 * curve(level, seed=4))


def halved(at=30, base=1):
    """A log that tells no rate, in which all curves halve once `at` epochs are completed; epochs count from `base`."""
    return falling(step(at, 0.5)).drop(columns="lr").assign(epoch=EPOCHS - 1 + base)


def spoken(found):
    """The answer as one line."""
    return " ".join(str(found).split())
