"""The committed reference results: a run whose key is found there need not be trained again."""

import json
import shutil
from pathlib import Path

from .errors import UserError
from .files import read_table, write_csv, write_json
from .layout import Layout
from .plan import Run, recipe_key
from .study import Study

FILES = {
    "train": ("curve.csv", "run.json"),
    "closeups": ("closeups.csv",),
    "audit": ("audit.csv",),
}  # by the step that makes them


def find(study: Study, run: Run, reference: Layout) -> Path | None:
    """The folder of a reference run that means the same: equal recipe and settings, whatever arm it was called.

    Data checksum and numerics are those of the reference; its run.json states them.
    """
    wanted = recipe_key(study, run)
    for path in sorted(reference.root.glob(f"runs/*/seed{run.seed}/run.json")):
        if json.loads(path.read_text())["recipe_key"] == wanted:
            return path.parent
    return None


def take(step: str, study: Study, run: Run, source: Path, target: Path) -> None:
    """Copy what a step (train or closeups) makes of a reference run, under this study's and arm's name."""
    for name in FILES[step]:
        if name.endswith(".csv"):
            table = read_table(source / name)
            table["study"], table["arm"] = study.name, run.arm
            write_csv(target / name, table)
        else:
            described = json.loads((source / name).read_text())
            write_json(target / name, described | {"study": study.name, "arm": run.arm, "from_reference": True})


def keep(results: Layout, reference: Layout) -> None:
    """Copy what is small from a study's results to its reference folder: runs, analysis, claims, provenance, page.

    What the folder held before goes. Raises UserError for results that were themselves taken from a reference.
    """
    if json.loads(results.provenance.read_text())["from_reference"]:
        raise UserError(f"{results.root}: some of its runs come from the reference; only runs trained here are kept")
    shutil.rmtree(reference.root, ignore_errors=True)
    names = [name for some in FILES.values() for name in some]
    small = [path for path in results.root.glob("runs/*/seed*/*") if path.name in names]
    small += [*(results.root / "analysis").glob("*.csv"), results.claims, results.provenance, results.report]
    for path in sorted(small):
        target = reference.root / path.relative_to(results.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
