"""Folders: TensorBoard's event files, MLflow's metrics, or the one log among other files."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from . import pairs
from . import tensorboard as events
from .column_names import meaning
from .records import LogError, NotThisFormat, NotUnderstood, Records

DEEPEST, MOST = 8, 20_000  # levels and files that are looked at
# names under which programs write their logs, in the order of how much they tell
NAMES = (
    "metrics.csv results.csv summary.csv progress.csv history.csv training.csv training_log.csv log.csv train.csv "
    "trainer_state.json history.json scalars.json metrics.json stats.json log.json results.json log.txt train.log "
    "training.log output.log log.log"
).split()


def files(root: Path) -> list[Path]:
    """Files below a folder, nearest first. Links to folders are not followed, so none leads around in a circle."""
    found = []
    for folder, below, names in os.walk(root, followlinks=False):
        depth = len(Path(folder).relative_to(root).parts)
        below[:] = sorted(name for name in below if not name.startswith(".")) if depth < DEEPEST else []
        found += [Path(folder) / name for name in sorted(names)]
        if len(found) > MOST:
            raise LogError(f"{root} holds more than {MOST:,} files; name the folder of one run")
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.parts), str(path)))


def read(root: Path, reader: Callable, keep: frozenset[str]) -> Records:
    """The log of a folder. LogError where there is none, or several of equal right."""
    below = files(root)
    if not below:
        raise LogError(f"{root} holds no files")
    notes: list[str] = []
    unknown: NotUnderstood | None = None
    found = [path for path in below if "tfevents" in path.name and path.stat().st_size]
    if found:
        try:
            return events.read(found, root, keep)
        except NotThisFormat as error:
            unknown = error if isinstance(error, NotUnderstood) else None
            notes.append(str(error))
    if metrics := _mlflow(below):
        return metrics
    if len(together := pairs.belonging(below)) > 1:
        return pairs.read(together, reader, keep)
    for name in NAMES:
        named = [path for path in below if path.name == name]
        if named:
            records = reader(named[0], keep)
            records.notes.append(chosen(named[0], below, root))
            return records
    logs = [path for path in below if path.suffix.lower() in (".csv", ".tsv", ".json", ".jsonl", ".log", ".txt")]
    if len(logs) == 1:
        return reader(logs[0], keep)
    if unknown and not logs:
        raise unknown
    listed = ", ".join(str(path.relative_to(root)) for path in (logs or below)[:8])
    why = f"; {notes[0]}" if notes else ""
    raise LogError(f"{root} holds no log that is known by its name{why}. Name one of its files: {listed}")


def chosen(path: Path, below: list[Path], root: Path) -> str:
    """Which file of a folder was read, how many others may be logs, and how to choose one of them."""
    others = [p for p in below if p != path and (p.name in NAMES or p.suffix.lower() in (".csv", ".tsv"))]
    read = f"read from {path.relative_to(root)}"
    if not others:
        return read
    listed = ", ".join(str(p.relative_to(root)) for p in others[:4]) + (", ..." if len(others) > 4 else "")
    some = "1 other file there may be a log" if len(others) == 1 else f"{len(others)} other files there may be logs"
    return f"{read}; {some} ({listed}): give the path of the one to explain"


def _mlflow(below: list[Path]) -> Records | None:
    """MLflow's folder of a run: a file per metric, each line with time, value and step."""
    columns = {}
    for path in below:
        if path.parent.name != "metrics" and "metrics" not in path.parts[:-1]:
            continue
        try:
            rows = np.loadtxt(path, ndmin=2, usecols=(1, 2))
        except (ValueError, UnicodeDecodeError, IndexError):
            continue
        parts = path.parts[len(path.parts) - 1 - path.parts[::-1].index("metrics") + 1 :]
        if len(rows) and meaning(name := "/".join(parts)):
            columns[name] = pd.Series(rows[:, 0], index=rows[:, 1]).groupby(level=0).last()
    if not any((m := meaning(name)) and m.role == "metric" for name in columns):
        return None
    table = pd.concat(columns, axis=1).sort_index()
    table.insert(0, "step", table.index.astype(float))
    return Records("MLflow metrics", table.reset_index(drop=True))
