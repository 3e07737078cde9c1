"""Tables of text: CSV, TSV, semicolons, columns aligned with spaces, headers commented out, units in the cells."""

import io
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from . import reshape
from .column_names import meaning
from .records import NotThisFormat, NotUnderstood, Records, Run

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
CELL = re.compile(rf"\s*[\"']?(?:{NUMBER}|nan|inf|-inf|none|null|n/a|)\s*%?[\"']?\s*", re.IGNORECASE)
VALUE = re.compile(rf"[\[(]*{NUMBER}[\])%,:;/]*(?:{NUMBER}[\])%,:;]*)?")
HEAD = 200  # lines looked at to tell the layout


def split(line: str, mark: str) -> list[str]:
    """Cells of one line; runs of spaces count as one, and so do the bars around a row."""
    if mark == " ":
        return line.split()
    if mark == "|":
        line = line.strip().strip("|")
    if mark == "," and '"' in line:
        line = re.sub(r'"[^"]*"', lambda m: m[0].replace(",", "\x00"), line)
    return [cell.strip().strip("\"'").replace("\x00", ",") for cell in line.split(mark)]


def layout(head: list[str], keep: frozenset[str] = frozenset()) -> tuple[str, int, list[str]]:
    """(delimiter, number of the header line, names). NotThisFormat where no line looks like a header of what follows.

    A header may be commented out with #, %, or //; lines before it are passed over.
    """
    best = None
    for mark in DELIMITERS:
        widths = [len(split(line, mark)) if line.strip() else 0 for line in head]
        for start, line in enumerate(head[:60]):
            names = split(re.sub(r"^\s*(#+|%+|//)\s*", "", line), mark)
            known = sum(bool(name) and (meaning(name) is not None or name in keep) for name in names)
            if len(names) < 2 or not (known or mark != " "):
                continue
            if sum(bool(CELL.fullmatch(name)) for name in names) > len(names) / 3:
                continue  # a row of numbers
            if mark == " " and (
                sum(bool(VALUE.fullmatch(name)) for name in names) > 1
                or any(re.fullmatch(r"\d*\.\d+", n) for n in names)
            ):
                continue  # a sentence with numbers in it, such as `step 0: train loss 2.1, val loss 2.2`
            rows = [(w, split(text, mark)) for w, text in zip(widths[start + 1 :], head[start + 1 :], strict=True) if w]
            rows = [row for row in rows if not re.fullmatch(r"[\s|:+=_-]+", " ".join(row[1]))]  # a ruled line
            if not rows:
                continue
            fitting = [cells for w, cells in rows if abs(w - len(names)) <= (mark == " ")]
            numeric = np.mean([any(CELL.fullmatch(c) and c for c in cells) for cells in fitting]) if fitting else 0
            score = (
                len(fitting) / len(rows) * numeric + 0.01 * known - 0.02 * (mark == " ") - 0.001 * start - (known == 0)
            )
            if len(fitting) >= 0.6 * len(rows) and numeric > 0.7 and (best is None or score > best[0]):
                best = (score, mark, start, names)
    if best is None:
        raise NotThisFormat("no line names columns that later lines fill with numbers")
    return best[1:]


def named(names: list[str], width: int) -> list[str]:
    """One name per column: an index without a name in front, blanks and repeats get one."""
    if width == len(names) + 1:
        names = ["index", *names]
    seen: Counter[str] = Counter()
    out = []
    for place, name in enumerate(names):
        name = name or f"column {place + 1}"
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}.{seen[name] - 1}")
    return out


def numbers(column: pd.Series, decimal: str = ".") -> tuple[pd.Series, bool]:
    """(floats, whether they were written with a percent sign) of a column that may hold `71.2 %` or `tensor(0.5)`."""
    if pd.api.types.is_bool_dtype(column):
        return pd.Series(np.nan, index=column.index), False
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float), False
    text = column.astype(str).str.strip()
    if decimal == ",":
        text = text.str.replace(",", ".", regex=False)
    plain = pd.to_numeric(text, errors="coerce")
    rest = plain.isna()
    if not rest.any():
        return plain.astype(float), False
    found = text[rest].str.extract(rf"^[\[(]?(?:tensor\()?\s*({NUMBER})\s*(%)?", expand=True)
    values = plain.astype(float).copy()
    dates = text[rest].str.contains(r"^\d+[-/:]\d+|^\d+(?:\.\d+)?\s*[A-Za-z]", regex=True, na=False)
    values[rest] = pd.to_numeric(found[0], errors="coerce").where(~dates)
    return values, bool((found[1] == "%").any())


def read_text(text: str, stem: str = "", keep: frozenset[str] = frozenset()) -> Records:
    """A table that is in memory as text; `stem` is the name of its file, which may be all that names its values. `keep`
    are names that count as understood."""
    head = text[: 1 << 18].split("\n")[:HEAD]
    try:
        mark, start, names = layout([line.rstrip("\r") for line in head], keep)
    except NotThisFormat:
        if not any(re.search(r"\S {2,}\S", line) for line in head):
            raise
        text = "\n".join(
            re.sub(r" {2,}", "\t", line.strip(" ")) for line in text.split("\n")
        )  # `train loss   val loss`
        head = text[: 1 << 18].split("\n")[:HEAD]
        mark, start, names = layout(head, keep)
        if any(re.search(r"(?<![\w@.-])\d", name) for name in names):
            raise
    return _parsed(io.StringIO(text), mark, start, names, head, stem=stem)


def read_large(path: Path, name: str, keep: frozenset[str] = frozenset()) -> Records:
    """A table that is better not held as text: pandas reads from the file what is understood or in `keep`."""
    with path.open("rb") as file:
        head = file.read(1 << 18).decode(name, errors="replace").split("\n")[:HEAD]
    mark, start, names = layout([line.rstrip("\r") for line in head], keep)
    wanted = [n for n in names if meaning(n) or n in keep]
    if not wanted:
        records = _parsed(io.StringIO("\n".join(head[:-1])), mark, start, names, head)
        raise NotUnderstood("none of its columns is understood", records)
    return _parsed(path, mark, start, names, head, wanted, encoding=name, encoding_errors="replace")


def _parsed(
    source: io.StringIO | Path,
    mark: str,
    start: int,
    names: list[str],
    head: list[str],
    wanted: list[str] | None = None,
    stem: str = "",
    **more,
) -> Records:
    following = [split(line.rstrip("\r"), mark) for line in head[start + 1 :] if line.strip()]
    width = Counter(len(cells) for cells in following).most_common(1)[0][0]
    if mark == "|":
        width = max(width, len(names)) + 2  # the bars at both ends make empty cells
        columns = (
            ["", *named(names, len(names)), ""] if head[start].strip().startswith("|") else named(names, len(names))
        )
        columns = [name or f"edge {place}" for place, name in enumerate(columns)]
    else:
        columns = named(names, width)
    decimal = (
        "," if mark == ";" and sum(bool(re.fullmatch(r"-?\d+,\d+\s*%?", c)) for r in following for c in r) > 2 else "."
    )
    separator = r"\s+" if mark == " " else mark
    options = {"sep": separator, "decimal": decimal, "names": columns, "skiprows": start + 1, "header": None} | more
    options |= {"usecols": wanted and [n for n in wanted if n in columns], "index_col": False}
    options |= {"na_values": ["None", "none", "-", "--"], "skipinitialspace": True, "on_bad_lines": "skip"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # cells beyond the header's are left out
            table = pd.read_csv(source, low_memory=False, **options)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError, OverflowError) as error:
        raise NotThisFormat(f"its cells cannot be read as a table ({str(error).splitlines()[0][:120]})") from error
    return from_frame(table, f"table ({DELIMITERS[mark]}-separated)", stem, decimal)


def from_frame(table: pd.DataFrame, format: str, stem: str = "", decimal: str = ".") -> Records:
    """Records of a table of whatever shape; of one that holds several runs each by itself."""
    parts = reshape.in_runs(table)
    if len(parts) < 2:
        return _one(table, format, stem, decimal)
    read = [(name, _one(rows.reset_index(drop=True), format, stem, decimal)) for name, rows in parts]
    runs = [
        Run(name, records.table, n := len(records.table), f"{n} record{'s' * (n != 1)}", tuple(records.notes))
        for name, records in read
    ]
    changing = [k for k, run in enumerate(runs) if _rate_changes(run.table)]
    longest = max(run.length for run in runs)
    preferred = next((k for k in reversed(changing) if runs[k].length >= 0.8 * longest), None)
    percent = set().union(*(records.percent for _, records in read))
    chosen = len(runs) - 1 if preferred is None else preferred
    return Records(format, runs[chosen].table, percent, runs=runs, preferred=preferred)


def _rate_changes(table: pd.DataFrame) -> bool:
    """Whether a learning rate or batch size of the table changes."""
    settings = [c for c in table.columns if (m := meaning(str(c))) and m.role in ("lr", "batch")]
    return any(table[c].nunique() > 1 for c in settings)


def _one(table: pd.DataFrame, format: str, stem: str, decimal: str) -> Records:
    """Records of a table of one run."""
    table = reshape.reshaped(table, stem)
    notes: list[str] = []
    percent, columns_read = set(), {}
    for name in table.columns:
        columns_read[name], signed = numbers(table[name], decimal)
        percent |= {name} if signed else set()
    table = pd.DataFrame(columns_read)
    empty = table.isna().all(axis=1)
    repeated = int(empty.sum())
    if repeated:
        table = table[~empty].reset_index(drop=True)
        notes.append(f"{repeated} line{'s' if repeated > 1 else ''} without a number passed over")
    return Records(format, table, percent, notes=notes)
