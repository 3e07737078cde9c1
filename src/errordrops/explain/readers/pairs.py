"""A train and a test file that belong together, such as train.log and test.log, made into one table."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from .column_names import SPLITS, meaning, words
from .records import LogError, NotThisFormat, Records

ENDINGS = (".csv", ".tsv", ".json", ".jsonl", ".log", ".txt")


def split_of(path: Path) -> str:
    """The split that the name of a file says, empty where it says none."""
    return next((SPLITS[word] for word in words(path.stem) if word in SPLITS), "")


def belonging(files: list[Path]) -> list[Path]:
    """Of the files of a folder a set that differs in the split alone: [train.log, test.log]; empty where there is
    none."""
    groups: dict[tuple, dict[str, Path]] = {}
    for path in files:
        split = split_of(path)
        if split and path.suffix.lower() in ENDINGS:
            rest = tuple(word for word in words(path.stem) if word not in SPLITS)
            groups.setdefault((path.parent, rest, path.suffix.lower()), {}).setdefault(split, path)
    found = [list(group.values()) for group in groups.values() if len(group) > 1 and "train" in group]
    return found[0] if len(found) == 1 else []


def read(paths: list[Path], reader: Callable, keep: frozenset[str]) -> Records:
    """One table of several files: columns get the split of their file in front where their names say none; rows meet at
    their epoch, else at their step, else line by line. LogError where files have nothing in common."""
    tables, notes, formats = [], [], []
    for path in paths:
        records = reader(path, keep)
        split = split_of(path) or path.stem
        table = records.table.rename(columns={n: _named(n, split) for n in records.table.columns})
        tables.append(table)
        notes += records.notes
        formats.append(records.format)
    key = next((role for role in ("epoch", "step") if all(_column(table, role) for table in tables)), None)
    if key is None:
        if len({len(table) for table in tables}) > 1:
            raise LogError(
                f"{' and '.join(p.name for p in paths)} have no epoch or step in common and different numbers of "
                f"records, so "
                "their lines cannot be matched; explain them one at a time"
            )
        joined = pd.concat([t.reset_index(drop=True) for t in tables], axis=1)
        joined = joined.loc[:, ~joined.columns.duplicated()]
    else:
        keyed = [_by(table, column, key) for table in tables if (column := _column(table, key)) is not None]
        joined = pd.concat(keyed, axis=1).sort_index()
        joined = joined.loc[:, ~joined.columns.duplicated()].reset_index(names=key)
    if joined.empty:
        raise NotThisFormat("the files hold no records")
    read_from = f"read from {' and '.join(p.name for p in paths)}"
    return Records(formats[0], joined, notes=[read_from, *notes])


def _named(name: str, split: str) -> str:
    found = meaning(name)
    return f"{split} {name}" if found and found.role == "metric" and not found.split else name


def _column(table: pd.DataFrame, role: str) -> str | None:
    found = [
        (m.rank, str(n)) for n in table.columns if (m := meaning(str(n))) and m.role == role and table[n].notna().any()
    ]
    return min(found)[1] if found else None


def _by(table: pd.DataFrame, column: str, key: str) -> pd.DataFrame:
    """A row per value of a column: the last finite value of each other column."""
    index = table[column].ffill()
    kept = table[index.notna()].drop(columns=column)
    return kept.groupby(index[index.notna()].to_numpy()).last().rename_axis(key)
