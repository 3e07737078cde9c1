"""The tidy table that everything downstream reads: one row per study, arm, seed, epoch, split and metric.

split: train (running over the epoch), train_eval (fixed subset, evaluation mode), test, validation. metric: error
(percent) and loss (nats) with running batch-norm statistics, error_recomputed and loss_recomputed, of averaged weights
_averaged and _averaged_long; test: corrected, foreseen, corrected_foreseen (see evaluation.py); train: log_weight_norm
and effective_rate (see trainer.py). Rows run from epoch
0 (before training; it carries the setting that training starts with) to the last; updates and examples are cumulative.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import UserError
from ..files import read_table
from ..study.settings import Setting, milestones

COLUMNS = "study arm seed epoch update examples learning_rate batch_size split metric value".split()
# one row per epoch after a run's first change: which test images were right, see `pack`
RIGHT_COLUMNS = "study arm seed epoch right".split()
# one row per evaluation within an epoch, see closeups.py
CLOSEUP_COLUMNS = (
    "study arm seed milestone epoch branch update position learning_rate batch_size split metric value".split()
)
# one row per number that a probe found, see probes/
PROBE_COLUMNS = "study arm seed probe moment quantity index x y value".split()
# one row per seed and milestone at which a run was forked without a change, see runs.py
AUDIT_COLUMNS = "study arm seed milestone equals_parent equals_sibling".split()


class CurveError(UserError):
    """A table that is not a study's curves; the message says what is missing."""


def run_rows(
    study: str, arm: str, seed: int, settings: Sequence[Setting], records: Iterable[dict[str, Any]]
) -> pd.DataFrame:
    """The curve of one run from the records of epoch 0, 1, ...; a diverged epoch has no values, hence no rows."""
    rows = []
    update = examples = 0
    for epoch, record in enumerate(records):
        setting = settings[max(epoch, 1) - 1]
        update += record["updates"]
        examples += record["examples"]
        head = (study, arm, seed, epoch, update, examples, setting.learning_rate, setting.batch_size)
        for split, values in record["values"].items():
            rows += [(*head, split, metric, value) for metric, value in (values or {}).items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def right_rows(
    study: str, arm: str, seed: int, settings: Sequence[Setting], records: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """Which test images a run had right (a bit an image, statistics recomputed) after each epoch since its setting
    first changed; of a run in which nothing changes since epoch 1.
    """
    first = (milestones(settings) or [0])[0] + 1
    rows = [
        (study, arm, seed, epoch, records[epoch]["right"]["recomputed"])
        for epoch in range(first, len(records))
        if not records[epoch]["diverged"]
    ]
    return pd.DataFrame(rows, columns=RIGHT_COLUMNS)


def read_run(path: Path) -> pd.DataFrame:
    """Read one run's curve.csv. Raises CurveError if it is not one."""
    table = read_table(path)
    if list(table.columns) != COLUMNS:
        raise CurveError(f"{path}: expected the columns {' '.join(COLUMNS)}, found {' '.join(map(str, table.columns))}")
    return table


def collect(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The curves of a study from those of its runs, in their order."""
    return pd.concat(tables, ignore_index=True)


def wide(curves: pd.DataFrame) -> pd.DataFrame:
    """One row per (arm, seed, split, metric), one column per epoch. Raises ValueError if a value is there twice."""
    return curves.pivot(index=["arm", "seed", "split", "metric"], columns="epoch", values="value")


def pack(right: np.ndarray) -> str:
    """A bool array (n,) as text."""
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def unpack(text: str, n: int) -> np.ndarray:
    """The inverse of `pack`."""
    return np.unpackbits(np.frombuffer(base64.b64decode(text), dtype=np.uint8), count=n).astype(bool)
