"""Which test images were right, run by run and epoch by epoch: what differences of test error are made of."""

import base64
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

Key = tuple[str, int]  # arm, seed


class Right:
    """The table of right bits: columns arm seed epoch right (base64 of packed bits over `images` test images in order,
    statistics recomputed). Empty where a study's runs are older than it.
    """

    def __init__(self, table: pd.DataFrame | None = None, images: int | None = None):
        table = pd.DataFrame(columns=["arm", "seed", "epoch", "right"]) if table is None else table
        keys = zip(table["arm"], table["seed"], table["epoch"], strict=True)
        self._bits = dict(zip(keys, table["right"], strict=True))
        self._images = images

    def wrong(self, run: Key, epochs: Iterable[int]) -> np.ndarray | None:
        """Of each test image the share of these epochs in which it was wrong, in percent (images,); None where an
        epoch is missing.
        """
        wanted = [(*run, epoch) for epoch in epochs]
        if not wanted or any(key not in self._bits for key in wanted):
            return None
        wrong = np.stack([~self._unpack(self._bits[key]) for key in wanted])
        return np.asarray(100 * wrong.mean(axis=0))

    def _unpack(self, text: str) -> np.ndarray:
        packed = np.frombuffer(base64.b64decode(text), dtype=np.uint8)
        return np.unpackbits(packed, count=self._images).astype(bool)

    def difference(self, run: Key, others: Sequence[Key], epochs: Iterable[int]) -> np.ndarray | None:
        """Of each test image: a run less the mean of others, in points of error (images,)."""
        own = self.wrong(run, epochs)
        beside = stacked([self.wrong(other, epochs) for other in others])
        return None if own is None or beside is None else own - beside.mean(axis=0)


def stacked(rows: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """A table (seeds, images); None where a seed lacks its bits, or test sets differ in size."""
    there = [row for row in rows if row is not None]
    if len(there) < len(rows) or not there or len({len(row) for row in there}) > 1:
        return None
    return np.stack(there)
