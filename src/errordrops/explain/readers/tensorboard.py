"""TensorBoard event files: scalars only, read straight from the records, without TensorFlow.

An event file is a row of records (length, checksum, an `Event` message, checksum). Messages are parsed by the
`tensorboard` package's protocol buffers; its own readers check each byte in Python, which takes minutes for 200 MB.
"""

import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from .column_names import SPLITS, meaning, words
from .records import LogError, NotThisFormat, NotUnderstood, Records, Run

HEADER = struct.Struct("<QI")
CHUNK = 1 << 20
LARGEST = 1 << 28  # bytes of one record; a length beyond it is noise
SCALARS: dict[int, np.dtype] = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    9: np.dtype("<i8"),
    19: np.dtype("<f2"),
}


def is_event_file(head: bytes) -> bool:
    """Whether a file starts with the record of a version, as event files do."""
    return len(head) >= 40 and HEADER.unpack_from(head)[0] < 200 and b"brain.Event:" in head[12:80]


def protocol():
    """The class `Event`; LogError where the package tensorboard is missing."""
    try:
        from tensorboard.compat.proto.event_pb2 import Event
    except ModuleNotFoundError as error:
        raise LogError(
            f"TensorBoard event files need the package tensorboard ({error.name} is not installed): "
            "pip install 'errordrops[tensorboard]', or export the scalars as CSV"
        ) from error
    return Event


def messages(path: Path, notes: list[str]) -> Iterator[bytes]:
    """The records of a file, one after another; a file that was cut off, or noise in it, ends them with a note."""
    with path.open("rb") as file:
        rest, at = b"", 0
        while True:
            if len(rest) - at < 12:
                rest, at = rest[at:] + file.read(CHUNK), 0
                if len(rest) < 12:
                    if rest:
                        notes.append(f"{path.name} ends within a record; what comes before it was read")
                    return
            length = HEADER.unpack_from(rest, at)[0]
            if length > LARGEST:
                notes.append(
                    f"{path.name} holds something else than records from some byte on; what comes before it was read"
                )
                return
            while len(rest) - at < 16 + length:
                more = file.read(max(CHUNK, length))
                if not more:
                    notes.append(f"{path.name} ends within a record; what comes before it was read")
                    return
                rest, at = rest[at:] + more, 0
            yield rest[at + 12 : at + 12 + length]
            at += 16 + length


class Series:
    """Steps and values of one tag, in the order of the file."""

    def __init__(self) -> None:
        self.steps, self.values = array("q"), array("d")


def scalars(path: Path, notes: list[str]) -> dict[str, Series]:
    """Tag to series, of the tags whose name means something; the others are only counted."""
    from google.protobuf.message import DecodeError

    Event = protocol()
    found: dict[str, Series] = {}
    event = Event()
    for message in messages(path, notes):
        if len(message) > 1 << 16:  # an image, a histogram, a graph
            continue
        try:
            event.ParseFromString(message)
        except DecodeError:
            notes.append(f"{path.name} holds a record that is no event; what comes before it was read")
            break
        for value in event.summary.value:
            number = _number(value)
            if number is None:
                continue
            series = found.setdefault(value.tag, Series())
            series.steps.append(event.step)
            series.values.append(number)
    return {tag: series for tag, series in found.items() if series}


def _number(value) -> float | None:
    """The scalar of a summary value, as TensorFlow 1 (simple_value) or 2 (tensor) writes it."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return value.simple_value
    if kind != "tensor":
        return None
    tensor = value.tensor
    if len(tensor.tensor_shape.dim) > 1 or any(d.size != 1 for d in tensor.tensor_shape.dim):
        return None
    content = tensor.tensor_content
    if content:
        scalar = SCALARS.get(tensor.dtype)
        return (
            float(np.frombuffer(content, scalar)[0]) if scalar is not None and len(content) == scalar.itemsize else None
        )
    for field in (tensor.float_val, tensor.double_val, tensor.int_val, tensor.int64_val):
        if len(field) == 1:
            return float(field[0])
    return None


def read(files: list[Path], root: Path, keep: frozenset[str] = frozenset()) -> Records:
    """A table of all files, or of each run: subfolders are runs of their own, oldest first, unless their names say a
    split, which their tags then get in front (Keras: train/epoch_loss)."""
    notes: list[str] = []
    runs: dict[str, list[dict[str, list[Series]]]] = {}  # of each folder the runs that began in it
    unknown: dict[str, int] = {}  # tags and how many values they have
    for path in sorted(files, key=lambda p: (p.name, str(p))):
        folder = path.parent.relative_to(root).as_posix() if path.parent != root else ""
        run, prefix = _run_and_prefix(folder)
        read_now = {f"{prefix}/{tag}" if prefix else tag: series for tag, series in scalars(path, notes).items()}
        known = {name: series for name, series in read_now.items() if meaning(name) or name in keep}
        unknown |= {name: len(series.values) for name, series in read_now.items() if name not in known}
        if known:
            begun = runs.setdefault(run, [{}])
            if any(
                series.steps[0] <= begun[-1][name][0].steps[0] for name, series in known.items() if name in begun[-1]
            ):
                begun.append({})  # the same tags from the beginning again
            for name, series in known.items():
                begun[-1].setdefault(name, []).append(series)
    if not runs and unknown:
        empty = pd.DataFrame(np.nan, index=range(max(unknown.values())), columns=list(unknown))
        raise NotUnderstood("none of its tags is understood", Records("TensorBoard events", empty))
    if not runs:
        raise NotThisFormat("its event files hold no scalar whose name says loss, error or accuracy")
    several = [
        _run(f"{folder or '.'}{f', start {k}' if k > 1 else ''}", tags)
        for folder, begun in runs.items()
        for k, tags in enumerate(begun, 1)
        if any(_is_curve(name, keep) for name in tags)
    ] or [_run(folder or ".", begun[-1]) for folder, begun in runs.items()]
    if len(several) == 1:
        return Records("TensorBoard events", several[0].table, notes=[*notes, *several[0].notes])
    longest = max(several, key=lambda run: run.length)
    return Records("TensorBoard events", longest.table, notes=notes, runs=several)


def _is_curve(name: str, keep: frozenset[str]) -> bool:
    return name in keep or ((m := meaning(name)) is not None and m.role == "metric")


def _run(name: str, tags: dict[str, list[Series]]) -> Run:
    """One run as a table: a row per step, a column per tag."""
    notes: list[str] = []
    columns = one_clock({tag: joined(parts) for tag, parts in tags.items()}, notes)
    epochs = columns.pop("", None)
    table = (
        pd.concat(columns, axis=1) if len(columns) > 1 else next(iter(columns.values())).to_frame(next(iter(columns)))
    )
    table = table.sort_index()
    table.insert(0, "step", table.index.astype(float))
    if epochs is not None:
        place = np.searchsorted(epochs.index, table.index, side="left").clip(max=len(epochs) - 1)
        table.insert(0, "epoch", epochs.to_numpy()[place])
    first, last = table["step"].iloc[[0, -1]]
    length = max(int(table[tag].notna().sum()) for tag in tags)
    return Run(name, table.reset_index(drop=True), length, f"steps {first:g} to {last:g}", tuple(notes))


def _run_and_prefix(folder: str) -> tuple[str, str]:
    """(run, what to put before a tag) of a subfolder: `exp1/validation` is run exp1, split validation; `Loss_train`,
    which `add_scalars` makes, is a split of the run above it."""
    parts = folder.split("/") if folder else []
    if parts and any(word in SPLITS for word in words(parts[-1])):
        return "/".join(parts[:-1]), next(word for word in words(parts[-1]) if word in SPLITS)
    return folder, ""


def one_clock(columns: dict[str, pd.Series], notes: list[str]) -> dict[str, pd.Series]:
    """The same series on one clock, where some count epochs and others steps (many scripts log training by step and
    evaluation by epoch): epochs become the steps at their end, and under the name "" stands which epoch that is."""
    longest = max(int(series.index.max()) for series in columns.values())
    first = min(int(series.index.min()) for series in columns.values())
    by_epoch = {
        name: series
        for name, series in columns.items()
        if len(series) >= 5
        and (np.diff(series.index) == 1).all()
        and series.index.max() < longest / 3
        and series.index[0] < 2
    }
    others = [name for name in columns if name not in by_epoch]
    if not by_epoch or not any((m := meaning(name)) and m.role == "metric" for name in others) or first < 0:
        return columns
    last = max(int(series.index.max()) for series in by_epoch.values())
    base = min(int(series.index.min()) for series in by_epoch.values())
    length = longest / (last - base + 1)
    notes.append(f"some tags count epochs, others steps; an epoch was taken for {length:.6g} steps")
    ends = lambda index: np.round((np.asarray(index) - base + 1) * length).astype(np.int64)  # noqa: E731
    moved = {name: pd.Series(series.to_numpy(), index=ends(series.index)) for name, series in by_epoch.items()}
    every = np.arange(base, last + 1)
    return columns | moved | {"": pd.Series(every.astype(float), index=ends(every))}


def joined(parts: list[Series]) -> pd.Series:
    """Values by step. Where training went back (it was resumed from a checkpoint) the later values count; of whole runs
    in one folder the longest."""
    steps, values = np.zeros(0, dtype=np.int64), np.zeros(0)
    for part in parts:
        new_steps, new_values = np.frombuffer(part.steps, dtype=np.int64), np.frombuffer(part.values)
        if len(new_steps) > 9 and new_steps.min() == new_steps.max():  # written without steps
            new_steps = np.arange(len(new_steps))
        ahead = np.minimum.accumulate(new_steps[::-1])[::-1]  # the earliest step that is still to come
        kept = np.append(new_steps[:-1] < ahead[1:], True)
        new_steps, new_values = new_steps[kept], new_values[kept]
        if len(steps) and new_steps[0] <= steps[0]:
            if len(new_steps) >= len(steps):
                steps, values = new_steps, new_values
            continue
        before = steps < new_steps[0]
        steps, values = np.append(steps[before], new_steps), np.append(values[before], new_values)
    return pd.Series(values, index=steps)
