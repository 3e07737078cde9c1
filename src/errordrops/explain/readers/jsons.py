"""JSON: a whole file (Keras History, trainer_state.json, DeepOBS, lists of records) or objects in lines of text."""

import ast
import json
import re
from typing import Any

import numpy as np
import pandas as pd

from .column_names import meaning
from .records import NotThisFormat, Records, from_rows

DEEPEST = 6  # how far records are searched for inside other things
LIST = re.compile(
    r"(?<![\w.])([A-Za-z][\w ./@-]{1,40}?)[\"']?\s*[:=]\s*(?:np\.array\(|array\(|torch\.tensor\(|tensor\()?"
    r"\[([-+.\deE,\snaif]{8,})\]"
)
OUT_OF = re.compile(r"\s*(\d+)\s*/\s*\d+\s*")
LONGEST = 20_000  # characters of one line that may be a Python dictionary
MODE = re.compile(r"(train|val|valid|validation|test|eval)(?:ing|uation)?(?:[_ -](?:epoch|iter|step|stats|log))?", re.I)


def read_file(text: str, stem: str = "") -> Records:
    """A file that is one JSON value; NotThisFormat for any other, and for one without records or lists of numbers.

    `stem` names the curve of a file that TensorBoard exports: [[time, step, value], ...]."""
    start = text[:100].lstrip()[:1]
    if start not in ("{", "["):
        raise NotThisFormat("it does not start with { or [")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotThisFormat(f"it is not one JSON value ({str(error)[:80]})") from error
    if isinstance(value, list) and len(value) > 1 and all(isinstance(r, list) and len(r) == 3 for r in value):
        value = [["wall time", "step", re.sub(r"^run-.*?-?tag-", "", stem)], *value]
    found = list(_candidates(value, "", 0))
    if not found:
        raise NotThisFormat("the JSON holds neither records nor lists of numbers with a name")
    records = max(found, key=_worth)
    if _worth(records) == (0, 0):
        raise NotThisFormat("no name in the JSON says loss, error or accuracy")
    return records


def read_lines(lines: list[str]) -> Records:
    """JSON objects, or Python dictionaries as `print` writes them, anywhere in lines of text; one record each."""
    rows, broken = [], 0
    for line in lines:
        first = line.find("{")
        if first < 0 or ('"' not in line and "'" not in line):
            continue
        value = _object(line[first:])
        if value is None:
            broken += 1
            continue
        before = re.search(r"\b(train|valid|val|test|eval)\w*\W*$", line[:first].strip(), re.IGNORECASE)
        row = flat(value, mode=before[1].lower() if before else "")
        if row:
            rows.append(row)
    if len(rows) < 2:
        raise NotThisFormat("fewer than two lines hold a JSON object with numbers")
    notes = [f"{broken} lines with a brace hold no whole JSON object; they were passed over"] if broken else []
    records = from_rows("JSON lines", rows, notes=notes)
    return _with_modes(records, rows)


def read_lists(text: str) -> Records:
    """Lists of numbers with a name, anywhere in text: `train_losses = [2.3, 1.9, ...]`."""
    lists = {}
    for found in LIST.finditer(text):
        values = [number(part) for part in found[2].split(",") if part.strip()]
        if len(values) > 4 and meaning(found[1]):
            lists[found[1]] = [np.nan if v is None else v for v in values]
    records = next(_series(lists), None)
    if records is None:
        raise NotThisFormat("no list of five numbers or more has the name of a loss, error or accuracy")
    records.format = "lists in text"
    return records


def _split(name: str) -> bool:
    found = meaning(name)
    return found is None or found.role != "metric" or bool(found.split)


def _object(text: str) -> dict | None:
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
        return value if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        pass
    end = text.rfind("}")
    if end < 0 or end > LONGEST or "'" not in text:
        return None
    try:
        value = ast.literal_eval(re.sub(r"\b(nan|inf)\b", "None", text[: end + 1]))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None
    return value if isinstance(value, dict) else None


def number(value: Any) -> float | None:
    """The number that a JSON value is, or that its text is; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return None
    if (
        isinstance(value, str)
        and len(value) < 40
        and (match := re.fullmatch(r"\s*([-+.\deE]+|nan|inf)\s*%?\s*", value))
    ):
        try:
            return float(match[1])
        except ValueError:
            return None
    return None


def flat(value: dict, prefix: str = "", depth: int = 0, mode: str = "") -> dict[str, float]:
    """Names and numbers of a record; those of records inside it carry its name: {"val": {"acc": 1}} is val/acc.

    A mode that a record names as text (mmcv: {"mode": "val", ...}) goes before the metrics that name no split.
    """
    stated = (value.get(key) for key in ("mode", "split", "phase", "subset", "stage", "_type", "type", "kind"))
    mode = next((f[1].lower() for m in stated if isinstance(m, str) and (f := MODE.fullmatch(m))), mode)
    out: dict[str, float] = {}
    told = next((value[key] for key in ("key", "metric", "name", "tag") if isinstance(value.get(key), str)), None)
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if key == "value" and told and meaning(told):  # MLPerf: {"key": "eval_accuracy", "value": 0.7, ...}
            name = told
        if isinstance(inner, dict) and depth < DEEPEST:
            out |= flat(inner, f"{name}/", depth + 1, mode)
        elif isinstance(inner, list) and inner and (m := meaning(name)) and m.role == "lr":  # of parameter groups
            out |= {name: rate} if (rate := number(inner[0])) is not None else {}
        elif key == "step" and isinstance(inner, list) and len(inner) in (1, 2):  # DLLogger: [epoch] or [epoch, batch]
            counts = [number(item) for item in inner]
            out |= {n: c for n, c in zip(("epoch", "batch"), counts, strict=False) if c is not None}
        elif isinstance(inner, str) and (of := OUT_OF.fullmatch(inner)) and (m := meaning(name)) and m.role != "metric":
            out[name] = float(of[1])  # "3/16"
        elif (found := number(inner)) is not None:
            out[name if not mode or _split(name) else f"{mode} {name}"] = found
    return out


def _with_modes(records: Records, rows: list[dict[str, float]]) -> Records:
    """mmengine's scalars: `step` counts iterations in training records and epochs in the others, which alone have
    metrics of their own; the iterations are then of no use as a common axis."""
    table = records.table
    if "step" in table and "epoch" not in table and "iter" in table:
        held = table["iter"].isna() & table["step"].notna()
        if held.any() and (~held).any() and table["step"][held].max() < table["iter"].max() / 5:
            table = table.drop(columns=["step"])
            records.table = table
    return records


def _candidates(value: Any, name: str, depth: int):
    """Every way to read a part of the value as records."""
    if depth > DEEPEST:
        return
    if isinstance(value, list):
        rows = [flat(item) for item in value if isinstance(item, dict)]
        if len(rows) > 1 and len(rows) > len(value) / 2:
            yield from_rows("JSON records", rows)
        elif len(value) > 2 and all(isinstance(item, list) for item in value) and isinstance(value[0][:1], list):
            yield from _matrix(value)
        return
    if not isinstance(value, dict):
        return
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # pandas, orient="split"
        yield from _matrix([value["columns"], *value["data"]])
    if len(value) > 1 and all(isinstance(inner, dict) for inner in value.values()):
        keys = [number(key if not (m := re.search(r"(\d+)$", str(key))) else m[1]) for key in value]
        if all(key is not None for key in keys):  # {"1": {...}, "2": {...}} or {"epoch_1": {...}}
            rows = [{"epoch": key or 0.0} | flat(inner) for key, inner in zip(keys, value.values(), strict=True)]
            yield from_rows("JSON records by epoch", rows)
        elif len({json.dumps(sorted(map(str, inner))) for inner in value.values()}) == 1 and any(
            str(key).isdigit() for inner in value.values() for key in inner
        ):  # pandas, orient="columns": {"loss": {"0": 2.3, "1": 1.9}}
            yield from _series({f"{key}": list(inner.values()) for key, inner in value.items()})
    yield from _series(dict(_lists(value, "", 0)))
    for key, inner in value.items():
        yield from _candidates(inner, str(key), depth + 1)


def _matrix(rows: list[list]):
    head, body = rows[0], rows[1:]
    if all(isinstance(name, str) for name in head) and head:
        body = [row for row in body if isinstance(row, list) and len(row) == len(head)]
        yield from_rows(
            "JSON table",
            [{n: v for n, c in zip(head, row, strict=True) if (v := number(c)) is not None} for row in body],
        )


def _lists(value: dict, prefix: str, depth: int):
    """(path, list of numbers) of everything below."""
    sacred = isinstance(value.get("values"), list) and {"steps", "timestamps"} & value.keys()
    for key, inner in value.items():
        if sacred and key != "values":
            continue
        if isinstance(inner, list) and len(inner) > 1:
            if all(isinstance(item, list) and len(item) == 2 for item in inner):  # [step, value] pairs
                inner = [item[1] for item in inner]
            values = [number(item) for item in inner]
            if sum(v is not None for v in values) > len(values) / 2:
                yield f"{prefix}{key}", [np.nan if v is None else v for v in values]
        elif isinstance(inner, dict) and depth < DEEPEST:
            yield from _lists(inner, f"{prefix}{key}/", depth + 1)


def _series(lists: dict[str, list[float]]):
    """Records from lists of one length: of the lengths that held-out curves, else any curve, have, the commonest."""
    lengths: dict[int, int] = {}
    for name, values in lists.items():
        found = meaning(name)
        if found and found.role == "metric" and len(values) > 1:
            lengths[len(values)] = lengths.get(len(values), 0) + (3 if found.split in ("test", "validation") else 1)
    if not lengths:
        return
    longest = max(lengths, key=lambda n: (lengths[n], n))
    lists = {name: _by_epoch(name, values, longest) for name, values in lists.items()}
    table = pd.DataFrame({name: values for name, values in lists.items() if len(values) == longest}, dtype=float)
    others = [
        name for name, values in lists.items() if len(values) != longest and (m := meaning(name)) and m.role == "metric"
    ]
    notes = [f"lists of another length were left out: {', '.join(others[:6])}"] if others else []
    if {"train_losses", "test_losses", "minibatch_train_losses"} <= set(lists):  # DeepOBS evaluates once before
        table.insert(0, "epoch", np.arange(longest, dtype=float))
        table = table.iloc[1:].reset_index(drop=True)
        notes.append("DeepOBS's first value is that of before training; epochs count from the second")
    yield Records("JSON lists", table, notes=notes)


def from_lists(lists: dict[str, list[float]]) -> Records:
    """Records of named lists: those of the length that curves have, or, where no name is understood, the commonest."""
    records = next(_series(lists), None)
    if records is not None:
        return records
    lengths = [len(values) for values in lists.values()]
    usual = max(lengths, key=lambda n: (lengths.count(n), n))
    return Records("lists", pd.DataFrame({n: v for n, v in lists.items() if len(v) == usual}, dtype=float))


def _by_epoch(name: str, values: list[float], epochs: int) -> list[float]:
    """A list that holds the same number of values in each epoch, brought to one an epoch: the mean of a training curve,
    the first of a rate; else as it was."""
    found = meaning(name)
    per, rest = divmod(len(values), epochs)
    if per < 2 or rest or epochs < 3 or found is None or found.split in ("test", "validation"):
        return values
    rows = np.array(values, dtype=float).reshape(epochs, per)
    return (rows.mean(axis=1) if found.role == "metric" else rows[:, 0]).tolist()


def _worth(records: Records) -> tuple[int, int]:
    """(rows, columns) that say something: recognised metrics and how long they are."""
    metrics = [name for name in records.table if (m := meaning(str(name))) and m.role == "metric"]
    return (max((int(records.table[name].notna().sum()) for name in metrics), default=0), len(metrics))
