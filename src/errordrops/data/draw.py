"""Which images of a data set are used: stratified, and the same for the same seed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..randomness import number_of

SUBSET_SEED = 0
VALIDATION_SEED = 1


def stratified_order(labels: np.ndarray, size: int, seed: int = SUBSET_SEED) -> np.ndarray:
    """Indices of a random subset of `size` in which each class has its share, in random order.

    Classes get floor(size x share) images, the rest goes to the largest remainders. A leading part of the result is a
    simple random sample of it.
    """
    # RandomState's streams are frozen for all versions of NumPy, which Generator's are not
    random = np.random.RandomState(seed)
    shuffled = random.permutation(len(labels))
    if size == len(labels):
        return shuffled
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * size / len(labels)
    take = np.floor(exact).astype(int)
    take[np.argsort(take - exact, kind="stable")[: size - take.sum()]] += 1
    chosen = [shuffled[labels[shuffled] == c][:n] for c, n in zip(classes, take, strict=True)]
    return random.permutation(np.concatenate(chosen))


def of_seed(dataset: Mapping[str, Any], labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """{"train": indices} and, where asked for, "validation" that one seed draws from the training half, labels (n,).

    Leading and trailing parts are random samples. No image is both trained on and in the validation set.
    """
    numbers = [number_of(purpose, seed) % 2**32 for purpose in ("training images", "validation images")]
    orders = {"train": stratified_order(labels, dataset["train_size"], numbers[0])}
    if dataset.get("validation_size"):
        left = np.setdiff1d(np.arange(len(labels)), orders["train"])
        orders["validation"] = left[stratified_order(labels[left], dataset["validation_size"], numbers[1])]
    return orders
