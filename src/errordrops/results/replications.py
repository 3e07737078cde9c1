"""A study trained again: the claims of another training of it, kept beside the reference as a test of it.

results/reference/STUDY/replications/NAME/ holds claims.json and provenance.json as that training left them. The study's
page compares them as `verify` does. Its curves are not kept, so a claim that is stated later is not compared.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import write_bytes
from .circumstances import taken
from .layout import NAME, Layout
from .reference import conclusions

FOLDER = "replications"


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
    study = results.root.name
    conclusions(reference, f"errordrops keep {study}")
    from_reference, runs = taken(conclusions(results, f"make report STUDY={study}")[1])
    if from_reference:
        raise UserError(
            f"{results.root}: {from_reference} of {runs} runs were taken from the reference, so they say nothing new "
            f"about it; make report STUDY={study} trains them"
        )
    folder = reference.root / FOLDER / name
    for path in (results.claims, results.provenance):
        write_bytes(folder / path.name, path.read_bytes())
    return folder


def files(reference: Layout) -> list[Path]:
    """The files of all replications of a study."""
    return sorted(reference.root.glob(f"{FOLDER}/*/*.json"))


def read(reference: Layout) -> list[Replication]:
    """All replications of a study, by name. Raises UserError as `reference.conclusions` does."""
    again = f"errordrops keep {reference.root.name} --again NAME"
    folders = sorted(path for path in reference.root.glob(f"{FOLDER}/*") if path.is_dir())
    return [Replication(folder.name, *conclusions(Layout(folder), again)) for folder in folders]
