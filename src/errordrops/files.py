"""Writing files whole or not at all: under a temporary name first, then moved into place; and noticing damage.

What all rests on and what took long to make (data, tables of runs, tables of all runs) has its SHA-256 beside it,
NAME.sha256, which `sha256sum -c` reads.
"""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from .errors import UserError


class WriteError(UserError):
    """A file that cannot be written: the disk is full, or nothing may be written there."""


class DamageError(UserError):
    """A file whose content is not what was written."""


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; it becomes `path` when all is written, and nothing is left of it otherwise.

    Raises WriteError for what the system refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise WriteError(f"cannot write {path}: {error.strerror or error}; what was there is as it was") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, with_sum: bool = False) -> None:
    """`with_sum`: and its SHA-256 beside it."""
    if with_sum:
        with suppress(OSError):  # on a full or read-only disk the next line says so
            _sum(path).unlink(missing_ok=True)
    with whole(path) as temporary:
        temporary.write_bytes(content)
    if with_sum:
        write_text(_sum(path), f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")


def write_text(path: Path, text: str, with_sum: bool = False) -> None:
    write_bytes(path, text.encode(), with_sum)


def write_json(path: Path, content: Any, with_sum: bool = False) -> None:
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n", with_sum)


def write_csv(path: Path, table: pd.DataFrame, with_sum: bool = False) -> None:
    write_text(path, table.to_csv(index=False), with_sum)


def write_parquet(path: Path, table: pd.DataFrame) -> None:
    """With its SHA-256 beside it."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    write_bytes(path, content.getvalue(), with_sum=True)


def read_table(path: Path) -> pd.DataFrame:
    """A table written as CSV or parquet; only empty cells are missing values (an arm may be called `null`).

    Raises DamageError where it is not what was written.
    """
    check(path)
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def read_json(path: Path) -> Any:
    """Raises DamageError where it is not what was written."""
    check(path)
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise DamageError(damaged(path, f"it is not JSON: {error}")) from None


def check(path: Path) -> None:
    """Raises DamageError for a file that is not the one whose SHA-256 was written beside it, if one was."""
    beside = _sum(path)
    if path.exists() and beside.exists() and beside.read_bytes().split()[:1] != [_sha256(path)]:
        raise DamageError(damaged(path, f"its SHA-256 is not the one in {beside.name}"))


def damaged(path: Path, why: str) -> str:
    """Take a damaged file out of the way, as NAME.damaged, so that it is made again; what to tell about it."""
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError:
        return f"{path} is damaged: {why}; delete it, and snakemake makes it again"
    return f"{path} is damaged: {why}; it is now {aside.name}, and snakemake makes it again"


def note_damage(path: Path, why: str) -> None:
    """Take a damaged file out of the way and say so in the log: what needs it goes on without."""
    logging.getLogger(__name__).warning(damaged(path, why))


def _sum(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()
