"""A study trained again: the claims of another training of it, kept beside the reference as a test of it.

results/reference/STUDY/replications/NAME/ holds claims.json and provenance.json as that training left them. The study's
page compares them as `verify` does. Its curves are not kept, so a claim that is stated later is not compared.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import UserError
from .files import write_bytes
from .layout import Layout

FOLDER = "replications"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Replication:
    """Claims and provenance as parsed JSON."""

    name: str
    claims: list[dict[str, Any]]
    provenance: dict[str, Any]


def keep(results: Layout, reference: Layout, name: str) -> Path:
    """Keep the claims of a study's results as a replication of the reference; returns its folder.

    Raises UserError for a name that is no folder's, where reference or results lack claims, and for results with runs
    taken from the reference: those would agree by construction.
    """
    if not NAME.fullmatch(name):
        raise UserError(
            f"--again {name!r}: a name has letters, digits, dots, dashes and underscores, such as 2026-11-26"
        )
    for layout, maker in ((reference, "errordrops keep {}"), (results, "make report STUDY={}")):
        for path in (layout.claims, layout.provenance):
            if not path.is_file():
                raise UserError(f"no file {path}; what makes it: {maker.format(layout.root.name)}")
    runs = json.loads(results.provenance.read_text())["runs"]
    taken = sum(bool(run["from_reference"]) for run in runs)
    if taken:
        raise UserError(
            f"{results.root}: {taken} of {len(runs)} runs were taken from the reference, so they say nothing new about "
            f"it; train them: make report STUDY={results.root.name} with FROM=training"
        )
    folder = reference.root / FOLDER / name
    for path in (results.claims, results.provenance):
        write_bytes(folder / path.name, path.read_bytes())
    return folder


def files(reference: Layout) -> list[Path]:
    """The files of all replications of a study."""
    return sorted(reference.root.glob(f"{FOLDER}/*/*.json"))


def read(reference: Layout) -> list[Replication]:
    """All replications of a study, by name. Raises UserError for a file that is missing or no JSON."""
    found = []
    for folder in sorted(path for path in reference.root.glob(f"{FOLDER}/*") if path.is_dir()):
        kept = Layout(folder)
        try:
            claims, provenance = (json.loads(path.read_text()) for path in (kept.claims, kept.provenance))
        except FileNotFoundError as error:
            raise UserError(
                f"{error.filename} is missing; errordrops keep {reference.root.name} --again NAME"
            ) from None
        except ValueError as error:
            raise UserError(f"{folder}: claims.json or provenance.json is not JSON: {error}") from None
        found.append(Replication(folder.name, claims, provenance))
    return found
