"""Writing files whole or not at all: under a temporary name first, then moved into place."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd


def _whole(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_bytes(path: Path, content: bytes) -> None:
    temporary = _whole(path)
    temporary.write_bytes(content)
    temporary.replace(path)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    write_text(path, table.to_csv(index=False))


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    temporary = _whole(path)
    table.to_parquet(temporary, index=False)
    temporary.replace(path)


def read_table(path: Path) -> pd.DataFrame:
    """A table written as CSV or parquet; only empty cells are missing values (an arm may be called `null`)."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])
