"""Which images a network gets right, epoch by epoch: what an epoch corrects, and whether averaged weights knew it."""

import base64
from collections.abc import Mapping

import numpy as np


def pack(right: np.ndarray) -> str:
    """A bool array (n,) as text."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack(text: str, n: int) -> np.ndarray:
    """The inverse of `pack`."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8), count=n).astype(bool)


def corrections(before: Mapping[str, np.ndarray], right: np.ndarray) -> dict[str, float]:
    """Percent of all images. `before` holds what the weights ("recomputed") and their average ("averaged") got right
    after the previous epoch, `right` what the weights get right now; all bool (n,).

    foreseen: the weights had it wrong and the average right; corrected: wrong before and right now;
    corrected_foreseen: both. corrected_foreseen / corrected is the share of the corrected images that the average knew.
    """
    wrong = ~before["recomputed"]
    found = {
        "foreseen": wrong & before["averaged"],
        "corrected": wrong & right,
        "corrected_foreseen": wrong & right & before["averaged"],
    }
    return {name: 100 * float(mask.mean()) for name, mask in found.items()}
