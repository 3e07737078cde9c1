"""The figures of a study: their names, the tables each is drawn from, and how they are saved.

Importing this costs no Altair: the workflow reads the registry to know names and inputs, and only a job that
draws pays for the library.
"""

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A figure: its name, the tables it needs (keys of the dict given to `draw`), its module, its drawing."""

    name: str
    tables: tuple[str, ...]

    @property
    def module(self) -> str:
        """File name of the module, relative to this folder."""
        return f"{self.name}.py"

    @property
    def draw(self) -> Callable[[dict], Any]:
        """Function from a dict of table name to DataFrame, to an Altair chart."""
        return importlib.import_module(f"{__name__}.{self.name}").draw


FIGURES = {
    figure.name: figure
    for figure in (
        Figure("error_by_epoch", ("curves", "schedules", "milestone_levels_summary")),
        Figure("error_by_update", ("curves", "schedules", "final")),
        Figure("schedules", ("schedules",)),
        Figure("closeup", ("closeups", "schedules")),
        Figure(
            "milestone_changes",
            ("milestone_changes", "milestone_summary", "milestone_levels", "milestone_levels_summary", "schedules"),
        ),
    )
}


def save(chart: Any, stem: Path) -> list[Path]:
    """Write `stem`.json, .svg (transparent) and .png (white, for a README, at twice the size).

    Each file appears whole or not at all, and the same chart gives the same bytes.
    """
    theme = importlib.import_module(f"{__name__}.theme")
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    spec = theme.specification(chart)
    contents = {
        "json": json.dumps(spec, ensure_ascii=False, allow_nan=False).encode() + b"\n",
        "svg": theme.svg(spec).encode(),
        "png": theme.png(spec),
    }
    return [_replace(stem.with_name(f"{stem.name}.{ending}"), content) for ending, content in contents.items()]


def _replace(path: Path, content: bytes) -> Path:
    """Write beside the file under a name of this process, then rename, so that no reader sees half a file."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path
