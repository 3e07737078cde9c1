"""Which reader takes a file: told from its first bytes and its text, not only from the end of its name.

Readers are tried from the strictest to the most lenient; the first whose table holds a metric that is understood wins.
"""

import bz2
import gzip
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import arrays, caffe, console, folders, hints, jsons, notebooks, pairs, printed, yolo
from . import tensorboard as events
from . import text_tables as tables
from .column_names import meaning
from .decoding import decoded, encoding, lines
from .records import LogError, NotThisFormat, NotUnderstood, Records, TooFew
from .unknown import NoCurve, without

PACKED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|c[a-z_][\w.]*\n\w+\n")  # protocol 0, which is text
NOT_FINITE = re.compile(r"(?<![a-z])[-+]?(?:nan|inf|infinity)(?![a-z])", re.IGNORECASE)
LARGE = 64 << 20  # bytes; beyond it a table is read column by column
LARGEST = 1 << 28  # bytes of text that is not a table, and of a file that was packed
RUNS_CODE = (
    "it is a pickle, and loading a pickle runs whatever code is in it. Write the numbers as CSV or JSON instead, "
    "for instance pandas.DataFrame(history).to_csv('log.csv')"
)
REFUSED = {
    b"\x89HDF": "it is HDF5 (weights, most likely)",
    b"SQLite format 3": "it is an SQLite database; export the run as CSV (mlflow, wandb)",
    b"\x7fELF": "it is a program",
    b"%PDF": "it is a PDF",
    b"\x89PNG": "it is a picture",
    b"\xff\xd8\xff": "it is a picture",
    b"ARROW1": "it is an Arrow file; write it as CSV or Parquet",
    b":W&B": "it is the raw record of Weights & Biases; export the run's history as CSV",
}
TEXT_READERS: tuple[tuple[str, Callable], ...] = (
    ("notebook", lambda text, rows, stem, keep: notebooks.read(text)),
    ("JSON", lambda text, rows, stem, keep: jsons.read_file(text, stem)),
    ("Caffe", lambda text, rows, stem, keep: caffe.read(rows)),
    ("YOLO results.txt", lambda text, rows, stem, keep: yolo.read_results(rows)),
    ("YOLO console", lambda text, rows, stem, keep: yolo.read_console(rows)),
    ("CycleGAN", lambda text, rows, stem, keep: printed.read_cyclegan(rows)),
    ("BasicSR", lambda text, rows, stem, keep: printed.read_basicsr(rows)),
    ("MATLAB", lambda text, rows, stem, keep: printed.read_matlab(rows)),
    ("JSON lines", lambda text, rows, stem, keep: jsons.read_lines(rows)),
    ("table", lambda text, rows, stem, keep: tables.read_text("\n".join(rows), stem, keep)),
    ("lists in text", lambda text, rows, stem, keep: jsons.read_lists(text)),
    ("console text", lambda text, rows, stem, keep: console.read(rows, keep)),
    ("numbers without names", lambda text, rows, stem, keep: nameless(rows)),
)
HELP = "Name the columns with --column NAME=MEANING, for instance --column 'top_one=test accuracy' --column t=epoch"
HEADER = (
    "Its first line must name the columns, as in epoch,train_loss,val_acc, and the lines after it hold "
    "numbers; or name "
    "columns by number: --column 2='test accuracy' --column 1=epoch"
)


def read(path: Path, keep: frozenset[str] = frozenset()) -> Records:
    """The records of a log: a file, or a folder of them. `keep` names columns that count as understood.

    Raises LogError (a UserError) for a file that is missing, empty, refused, or in no known format.
    """
    try:
        if path.is_dir():
            return folders.read(path, read, keep)
        if not path.exists():
            raise LogError(f"there is no file or folder {path}")
        if not path.is_file():
            raise LogError(f"{path} is neither a file nor a folder")
        return _file(path, keep)
    except NotUnderstood as error:
        raise unknown(str(path), error, keep) from error
    except NotThisFormat as error:
        raise LogError(f"{path} cannot be explained: {error}. {HELP}") from error
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}") from error


def read_several(paths: list[Path], keep: frozenset[str] = frozenset()) -> Records:
    """The records of files that belong together, in one table. LogError as `read`."""
    try:
        return pairs.read(paths, read, keep)
    except NotThisFormat as error:
        raise LogError(f"{' and '.join(map(str, paths))} cannot be explained: {error}. {HELP}") from error


def unknown(source: str, error: NotUnderstood, keep: frozenset[str]) -> LogError:
    """What is said where no column is a curve: first of all that a column of `keep` does not exist."""
    missing = sorted(keep - {str(name) for name in error.records.table.columns})
    return without(missing[0], error.records) if missing else NoCurve(source, error.records, {})


def _file(path: Path, keep: frozenset[str]) -> Records:
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head.strip(b"\x00 \t\r\n") and path.stat().st_size <= len(head):
        raise LogError(f"{path} is empty")
    refuse(path, head)
    if events.is_event_file(head):
        return understood(events.read([path], path.parent, keep), path, keep)
    if head.startswith(b"PAR1"):
        return understood(_parquet(path), path, keep)
    for mark, opened in PACKED.items():
        if head.startswith(mark):
            return _text(path, _unpacked(path, opened), keep)
    if head[:4] == b"PK\x03\x04":
        return understood(arrays.read(path), path, keep)
    if not head.strip(b"\x00") or (head[:8] == bytes(8)):  # a rotated log whose writer went on at its old place
        content = path.read_bytes().lstrip(b"\x00") if path.stat().st_size <= LARGEST else b""
        if not content.strip(b"\x00 \t\r\n"):
            raise LogError(f"{path} is empty")
        refuse(path, content[:64])
        if encoding(content[: 1 << 16]) is not None:
            return _text(path, content, keep)
    name = encoding(head)
    if name is None:
        raise LogError(
            f"{path} holds bytes that are no text and no format that is known here (TensorBoard events, Parquet)"
        )
    if path.stat().st_size > LARGE:
        return _large(path, name, keep)
    return _text(path, path.read_bytes(), keep)


def refuse(path: Path, head: bytes) -> None:
    """LogError for what is never opened: pickles, whatever their name, and files that hold no log."""
    pickle = (head[:1] == b"\x80" and len(head) > 1 and 2 <= head[1] <= 5) or OLD_PICKLE.match(head)
    suffix = path.suffix.lower()
    if pickle or suffix in (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".t7", ".dill"):
        raise LogError(f"{path} is refused: {RUNS_CODE}")
    if head[:6] == b"\x93NUMPY" or suffix == ".npy":
        raise LogError(
            f"{path} is refused: a single NumPy array has no column names, and may hold a pickle ({RUNS_CODE}). Named "
            "arrays can be read: numpy.savez('log.npz', epoch=..., test_acc=...)"
        )
    if head[:4] == b"PK\x03\x04" and suffix != ".npz":
        inside = "a checkpoint of PyTorch, a NumPy archive or a spreadsheet, most likely; the first two hold pickles"
        raise LogError(f"{path} is refused: it is a zip archive ({inside}). Unpack it, or export the numbers as CSV")
    for mark, what in REFUSED.items():
        if head.startswith(mark):
            raise LogError(f"{path} is refused: {what}")


def _unpacked(path: Path, opened: Callable[..., Any]) -> bytes:
    try:
        with opened(path) as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, lzma.LZMAError, zlib.error, ValueError) as error:
        raise LogError(f"{path} is packed and cannot be unpacked: {error}") from error
    if len(content) > LARGEST:
        raise LogError(f"{path} is larger than {LARGEST >> 20} MB when unpacked; unpack it first")
    refuse(Path(path.stem), content[:64])
    return content


def _parquet(path: Path) -> Records:
    try:
        table = pd.read_parquet(path)
    except (ValueError, OSError, KeyError) as error:
        raise LogError(f"{path} is a Parquet file that cannot be read: {error}") from error
    table.columns = [str(name) for name in table.columns]
    return tables.from_frame(table, "Parquet", path.stem)


def _large(path: Path, name: str, keep: frozenset[str]) -> Records:
    try:
        return understood(tables.read_large(path, name, keep), path, keep)
    except NotThisFormat as error:
        if path.stat().st_size > LARGEST:
            raise LogError(
                f"{path} is larger than {LARGEST >> 20} MB and no table ({error}); cut out the lines that matter, "
                "for instance with grep"
            ) from error
    return _text(path, path.read_bytes(), keep)


def _text(path: Path, content: bytes, keep: frozenset[str]) -> Records:
    text, note = decoded(content)
    if "\r" in text and "\n" not in text and "\x1b" not in text and text.count("\r") > 3 and "," in text:
        text = text.replace("\r", "\n")  # a table with the line ends of an old Macintosh
    rows = lines(text)
    few = ""
    reasons: dict[str, str] = {}
    known: NotUnderstood | None = None
    whole = text
    if notebooks.is_one(text) and (plain := notebooks.printed(text)).strip():
        text, rows = plain, lines(plain)  # what its cells printed, without its code
    for name, reader in TEXT_READERS:
        try:
            records = understood(reader(whole if name == "notebook" else text, rows, path.stem, keep), path, keep)
        except TooFew as error:
            few = few or f"{path} was read as {name}, but {error}"
            continue
        except NotUnderstood as error:
            known = known or error
            continue
        except NotThisFormat as error:
            reasons[name] = str(error)
            continue
        records.notes += [note] if note else []
        records.hint = hints.found(text)
        records.per_epoch = hints.steps_per_epoch(text)
        records.not_finite = bool(NOT_FINITE.search(text[-max(2000, len(text) // 10) :]))
        return records
    if few:
        raise LogError(few)
    if known and known.records.format.startswith("table without names"):
        width = known.records.table.shape[1]
        raise LogError(
            f"{path} is no table: no line names its {width} columns ({reasons.get('table')}). {HEADER}"
        ) from known
    if known:
        raise known
    if path.suffix.lower() in (".csv", ".tsv"):
        raise LogError(f"{path} is no table: {reasons.get('table')}. {HEADER}")
    listed = "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
    raise LogError(f"{path} is in no format that is known here. Tried: {listed}. {HELP}")


def nameless(rows: list[str]) -> Records:
    """A table of numbers alone, whose columns are called 1, 2, ..."""
    table, mark = printed.numbered(rows)
    return Records(f"table without names ({mark}-separated)", table)


def understood(records: Records, path: Path, keep: frozenset[str]) -> Records:
    """The records if some column is a metric with two numbers or more, else NotUnderstood or TooFew."""
    names = [str(name) for name in records.table.columns]
    metrics = [name for name in names if name in keep or ((m := meaning(name)) and m.role == "metric")]
    if not metrics:
        raise NotUnderstood("none of its columns is understood as a curve", records)
    if max(int(np.isfinite(records.table[name]).sum()) for name in metrics) < 2:
        raise TooFew(
            f"it holds fewer than two finite values of any curve ({', '.join(metrics[:6])}): nothing to explain"
        )
    return records
