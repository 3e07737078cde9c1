"""The figures of a study: their names, the tables each is drawn from, and how they are saved.

Importing this costs no Altair: the workflow reads the registry to know names and inputs, and only a job that
draws pays for the library.
"""

import importlib
import json
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
        Figure("cliffs", ("curves", "schedules", "effects", "kept")),
        Figure("opening", ("curves", "schedules")),
        Figure("error_by_epoch", ("curves", "schedules", "milestone_levels_summary")),
        Figure("error_by_update", ("curves", "schedules", "final")),
        Figure("schedules", ("schedules",)),
        Figure("closeup", ("closeups", "schedules")),
        Figure(
            "milestone_changes",
            ("milestone_changes", "milestone_summary", "milestone_levels", "milestone_levels_summary", "schedules"),
        ),
        Figure("placebo_effects", ("placebo_effects", "placebo_summary", "update_effects", "schedules")),
        Figure("detections", ("detections", "milestone_detections", "schedules")),
        Figure("controls", ("curves", "schedules", "milestone_levels_summary")),
        Figure("predicted", ("sweep", "sweep_fits", "sweep_fit_summary")),
        Figure("cut_sweep", ("sweep", "sweep_gains")),
        Figure("corrected_images", ("corrected_images",)),
        Figure("noise", ("plateaus", "noise_drops", "noise_fits")),
        Figure("variance", ("variance_summary", "schedules")),
        Figure("weight_norm", ("curves", "schedules")),
        Figure("reversal", ("curves", "reversal")),
        Figure("equivalence", ("bands", "final_differences", "schedules")),
        Figure("lag", ("lag_summary", "schedules")),
        Figure("speed", ("speed", "schedules")),
        Figure("slider", ("curves", "sweep")),
        Figure("forks_four", ("fork_curves", "causes")),
        Figure("forks_effects", ("causes",)),
        Figure("mechanisms", ("mechanisms", "mechanism_verdicts", "causes")),
        Figure("foretold", ("foretold", "foretold_fits", "foretold_errors")),
        Figure("excess", ("mechanism", "mechanism_summary")),
        Figure("thrown", ("probes",)),
        Figure("motion", ("probes", "mechanism_summary")),
        Figure("curvature", ("probes",)),
        Figure("sharpness", ("probes",)),
        Figure("dead_units", ("probes", "undying", "mechanism_summary")),
        Figure("landscape", ("probes",)),
        Figure("toy", ("mechanism_summary",)),
        Figure("cross_entropy", ("curves", "schedules", "published")),
        Figure("optimizers", ("curves", "schedules", "optimizers", "optimizer_summary")),
    )
}


def save(chart: Any, stem: Path) -> list[Path]:
    """Write `stem`.json, .svg (transparent) and .png (white, for a README, at twice the size).

    Each file appears whole or not at all, and the same chart gives the same bytes.
    """
    from ..files import write_bytes  # which brings pandas

    theme = importlib.import_module(f"{__name__}.theme")
    stem = Path(stem)
    spec = theme.specification(chart)
    contents = {
        "json": json.dumps(spec, ensure_ascii=False, allow_nan=False).encode() + b"\n",
        "svg": theme.svg(spec).encode(),
        "png": theme.png(spec),
    }
    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_bytes(path, content)
    return paths
