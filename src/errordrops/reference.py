"""The committed reference results: a run whose key is found there need not be trained again."""

import json
import shutil
from pathlib import Path

from .files import read_table, write_csv, write_json
from .layout import Layout
from .plan import Run, recipe_key
from .study import Study

FILES = ("curve.csv", "closeups.csv", "run.json")


def find(study: Study, run: Run, reference: Layout) -> Path | None:
    """The folder of a reference run that means the same: equal recipe and settings, whatever arm it was called.

    Data checksum and numerics are those of the reference; its run.json states them.
    """
    wanted = recipe_key(study, run)
    for path in sorted(reference.root.glob(f"runs/*/seed{run.seed}/run.json")):
        if json.loads(path.read_text())["recipe_key"] == wanted:
            return path.parent
    return None


def take(study: Study, run: Run, source: Path, target: Path) -> None:
    """Copy a reference run into a study's results, under this study's and arm's name."""
    for name in ("curve.csv", "closeups.csv"):
        table = read_table(source / name)
        table["study"], table["arm"] = study.name, run.arm
        write_csv(target / name, table)
    described = json.loads((source / "run.json").read_text())
    write_json(target / "run.json", described | {"study": study.name, "arm": run.arm, "from_reference": True})


def keep(results: Layout, reference: Layout) -> None:
    """Copy what is small from a study's results to its reference folder: runs, analysis, claims, provenance, page."""
    for path in sorted(results.root.glob("runs/*/seed*/*")):
        if path.name in FILES:
            _copy(path, reference.root / path.relative_to(results.root))
    for path in sorted((results.root / "analysis").glob("*.csv")):
        _copy(path, reference.root / "analysis" / path.name)
    for path in (results.claims, results.provenance, results.report):
        _copy(path, reference.root / path.relative_to(results.root))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
