"""The committed reference results: a run whose key is found there need not be trained again.

A study that was trained once more keeps the claims of that training beside them, as a test of them: replications/NAME/
holds claims.json and provenance.json as that training left them. The study's page compares them as `verify` does. Its
curves are not kept, so a claim that is stated later is not compared.
"""

import gzip
import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UserError
from ..files import check, read_json, read_table, write_bytes, write_csv, write_json
from ..study.plan import PROBES, Run, recipe_key, runs, steps
from ..study.study import Study
from .curves import RIGHT_COLUMNS
from .layout import NAME, Layout

REPLICATIONS = "replications"
# by the step that makes them
FILES = {
    "train": ("curve.csv", "run.json", "right.csv"),
    "closeups": ("closeups.csv",),
    "audit": ("audit.csv",),
    "foretell": ("foretold.json",),
} | {probe: (f"probe_{probe}.csv",) for probe in PROBES}
OPTIONAL = {"right.csv": RIGHT_COLUMNS}  # what older references lack: nothing is known there


def find(study: Study, run: Run, reference: Layout) -> Path | None:
    """The folder of a reference run that means the same: equal recipe and settings, whatever arm it was called. None if
    it lacks close-ups or audit that this study makes of the run: without checkpoints they can't be made from it.

    Data checksum and numerics are those of the reference; its run.json states them.
    """
    folder = _known(reference.root).get(recipe_key(study, run))
    needed = [name for step in steps(study, run) for name in FILES[step] if name not in OPTIONAL]
    return folder if folder and all(stored(folder, name).exists() for name in needed) else None


@cache
def _known(root: Path) -> dict[str, Path]:
    """The folders of all runs in a reference, by recipe key."""
    there = sorted(descriptions(Layout(root)).items(), reverse=True)
    return {described["recipe_key"]: folder for folder, described in there}


def descriptions(layout: Layout) -> dict[Path, dict[str, Any]]:
    """What run.json says of each run that is there, by its folder; a damaged one is as good as none, and not named
    here: it is where it is needed.
    """
    by_folder = {}
    for path in layout.root.glob("runs/*/seed*/run.json"):
        with suppress(ValueError):
            by_folder[path.parent] = json.loads(path.read_bytes())
    return by_folder


def described_runs(study: Study, layout: Layout) -> list[dict[str, Any]]:
    """What run.json says of each run of a study.

    Raises UserError for runs that were trained under other settings than the study has now: old and new are not mixed.
    """
    described, old = [], []
    for run in runs(study):
        path = layout.run(run.arm, run.seed) / "run.json"
        described.append(read_json(path))
        if described[-1]["recipe_key"] != recipe_key(study, run):
            old.append(str(path.parent))
    if old:
        raise UserError(
            f"{', '.join(old[:3])}{f' and {len(old) - 3} more' if old[3:] else ''}: trained under other settings than "
            f"{study.path} has now; snakemake trains what changed (errordrops train does so for one run)"
        )
    return described


def stored(folder: Path, name: str) -> Path:
    """Where a reference run keeps a file: tables may be compressed."""
    packed = folder / f"{name}.gz"
    return packed if packed.exists() else folder / name


def origins(layout: Layout) -> dict[tuple[str, str], bool]:
    """For each (arm, seed) of a study's results whether the run was taken from the reference."""
    return {
        (folder.parent.name, folder.name.removeprefix("seed")): bool(described["from_reference"])
        for folder, described in descriptions(layout).items()
    }


def take(step: str, study: Study, run: Run, source: Path, target: Path) -> None:
    """Copy what a step (train, closeups, audit, a probe) makes of a reference run, under this study's name and arm."""
    for name in FILES[step]:
        if name.endswith(".csv"):
            there = stored(source, name)
            table = read_table(there) if there.exists() else pd.DataFrame(columns=OPTIONAL[name])
            table["study"], table["arm"] = study.name, run.arm
            write_csv(target / name, table, with_sum=True)
        else:
            described = read_json(source / name) | {"study": study.name, "arm": run.arm, "from_reference": True}
            write_json(target / name, described, with_sum=True)


def conclusions(layout: Layout, maker: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """claims.json and provenance.json of a folder of results. Raises UserError where one is missing, with the command
    that makes it, or is no JSON.
    """
    for path in (layout.claims, layout.provenance):
        if not path.is_file():
            raise UserError(f"no file {path}; what makes it: {maker}")
    try:
        return json.loads(layout.claims.read_text()), json.loads(layout.provenance.read_text())
    except ValueError as error:
        raise UserError(f"{layout.root}: claims.json or provenance.json is not JSON: {error}") from None


def keep(results: Layout, reference: Layout) -> tuple[int, bool]:
    """Copy what is small from a study's results to its reference folder; returns (runs copied, whether all is there).

    Runs that were trained here, their tables compressed; those taken from the reference are there already. So a long
    study can be brought in run by run. Once it is complete also analysis, claims, provenance, figures (for pages of
    other studies that show them) and page, and runs that the study no longer has go. Tables and page of
    a complete study are kept also where all its runs came from the reference. Raises UserError if there is neither.
    """
    described = {path.parent: read_json(path) for path in results.root.glob("runs/*/seed*/run.json")}
    own = [folder for folder, run in described.items() if not run["from_reference"]]
    whole = [results.claims, results.provenance, results.report]
    complete = all(path.exists() for path in whole)
    if not own and not complete:
        raise UserError(f"{results.root}: no run was trained here; there is nothing to keep")
    for folder in sorted(own):
        target = reference.root / folder.relative_to(results.root)
        shutil.rmtree(target, ignore_errors=True)
        for name in [name for some in FILES.values() for name in some if (folder / name).exists()]:
            check(folder / name)
            content = (folder / name).read_bytes()
            if name.endswith(".csv"):  # no time and no name in it: equal tables give equal bytes
                write_bytes(target / f"{name}.gz", gzip.compress(content, mtime=0))
            else:
                write_bytes(target / name, content)
    _known.cache_clear()
    if not complete:
        return len(own), False
    listed = {(run["arm"], run["seed"]) for run in json.loads(results.provenance.read_text())["runs"]}
    for folder in list(reference.root.glob("runs/*/seed*")):
        if (folder.parent.name, int(folder.name.removeprefix("seed"))) not in listed:
            shutil.rmtree(folder)
    for folder in ("analysis", "figures"):
        shutil.rmtree(reference.root / folder, ignore_errors=True)
    small = [path for kind in ("analysis/*.csv", "figures/*.json", "figures/*.svg") for path in results.root.glob(kind)]
    for path in sorted([*whole, *small]):
        write_bytes(reference.root / path.relative_to(results.root), path.read_bytes())
    facts = json.loads(results.provenance.read_text())
    # of the reference itself nothing comes from the reference
    runs = [run | {"from_reference": False} for run in facts["runs"]]
    write_json(reference.provenance, facts | {"from_reference": False, "runs": runs})
    return len(own), True


def taken(own: dict[str, Any]) -> tuple[int, int]:
    """(runs taken from the reference, all runs): the former say nothing new."""
    return sum(bool(run["from_reference"]) for run in own["runs"]), len(own["runs"])


@dataclass(frozen=True)
class Replication:
    """Claims and provenance as parsed JSON."""

    name: str
    claims: list[dict[str, Any]]
    provenance: dict[str, Any]


def keep_again(results: Layout, reference: Layout, name: str) -> Path:
    """Keep the claims of a study's results as a replication of the reference; returns its folder.

    Raises UserError for a name that is no folder's, where reference or results lack claims, and for results with runs
    taken from the reference: those would agree by construction.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"--again {name!r}: a name has letters, digits, dots, dashes and underscores, such as 2026-11-26"
        )
    study = results.root.name
    conclusions(reference, f"errordrops keep {study}")
    from_reference, runs = taken(conclusions(results, f"make report STUDY={study}")[1])
    if from_reference:
        raise UserError(
            f"{results.root}: {from_reference} of {runs} runs were taken from the reference, so they say nothing new "
            f"about it; make report STUDY={study} trains them"
        )
    folder = reference.root / REPLICATIONS / name
    for path in (results.claims, results.provenance):
        write_bytes(folder / path.name, path.read_bytes())
    return folder


def replication_files(reference: Layout) -> list[Path]:
    """The files of all replications of a study."""
    return sorted(reference.root.glob(f"{REPLICATIONS}/*/*.json"))


def replications(reference: Layout) -> list[Replication]:
    """All replications of a study, by name. Raises UserError as `conclusions` does."""
    again = f"errordrops keep {reference.root.name} --again NAME"
    folders = sorted(path for path in reference.root.glob(f"{REPLICATIONS}/*") if path.is_dir())
    return [Replication(folder.name, *conclusions(Layout(folder), again)) for folder in folders]
