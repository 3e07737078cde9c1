"""The report of a study: one self-contained HTML page made from the files that the workflow wrote.

`study` reads the files, `effects` finds what the tables say at milestones; `parts`, `about`, `tables` and
`charts` turn it into Markdown with the help of `text`; `engines` runs Quarto or Pandoc.
"""

import os
import shutil
from pathlib import Path

import yaml

from ..figures import FIGURES
from . import about, charts, engines, evidence, gallery, handson, papers, replicated, summary
from . import explanations_section as explanations
from . import findings as parts
from . import page_tables as tables
from .material import ReportError, Study, read
from .text import first_open, fold

__all__ = ["ReportError", "generated", "render", "report_sources"]


def report_sources() -> Path:
    """Folder of the Quarto document: `report/` of a checkout, else the copy inside the installed package."""
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "report", package / "_report"):
        if (folder / "index.qmd").is_file():
            return folder
    raise ReportError(f"The report's document was found neither beside {package} nor inside it.")


def texts(folder: str) -> dict[str, str]:
    """What the document says in a folder of parts, whatever the numbers are: name to Markdown."""
    return {path.stem: path.read_text(encoding="utf-8") for path in (report_sources() / folder).glob("*.md")}


def unmet() -> list[dict[str, str]]:
    """Why claims fail, where they do: patterns of ids with a text."""
    return yaml.safe_load((report_sources() / "cause" / "unmet.yaml").read_text(encoding="utf-8"))


def generated(
    study: Study, engine: str, companion: Study | None = None, opening: Study | None = None
) -> dict[str, str]:
    """Every part that the document includes: file name to Markdown. `companion`: the study whose mechanisms it shows,
    `opening` the one whose picture it begins with, if not its own.
    """
    pieces = {
        "answer": summary.summary(study),
        "try": handson.section(study, companion, texts("try")),
        "measured": "\n\n".join(first_open(parts.measured(study), "The first milestone in numbers")),
        "diverged": parts.diverged(study),
        "batches": fold("How large a batch, and how fast a drop can be", parts.batches(study)),
        "closeup": parts.closeup(study),
        "control": fold("What it is compared with", parts.control(study)),
        "lag": parts.lag(study),
        "updates": parts.updates(study),
        "claims": parts.claims(study),
        "failed": evidence.failed(study, unmet()),
        "evidence": evidence.evidence(study, texts("cause")),
        "explanations": explanations.section(study, companion, texts("explanations")),
        "undecided": explanations.undecided(study, companion, texts("explanations")),
        "papers": papers.papers(study),
        "gallery": gallery.gallery(study),
        "simulated": fold("How far intervals and tests can be trusted", evidence.simulated(study)),
        "data": about.data(study),
        "commands": about.commands(study),
        "replicated": replicated.replicated(study),
        "origin": about.origin(study),
        "made": about.made(study, engine),
        "schedules": fold("The schedule of every arm", f"{charts.figure(study, 'schedules')}\n{tables.phases(study)}"),
        "tbl-changes": tables.changes(study),
        "tbl-levels": tables.levels(study),
        "tbl-seeds": tables.seeds(study),
        "tbl-final": tables.final(study),
        "tbl-claims": tables.claims(study),
        "tbl-settings": tables.settings(study),
        "tbl-provenance": tables.provenance(study),
        "tbl-runs": tables.runs(study),
    }
    pieces |= {f"fig-{name.replace('_', '-')}": charts.figure(study, name) for name in FIGURES}
    pieces["fig-cliffs"] = charts.opening(study, opening)
    return {f"{name}.md": text for name, text in pieces.items()}


def stage(
    study: Study, engine: str, folder: Path, companion: Study | None = None, opening: Study | None = None
) -> None:
    """Put the document and all that it includes into an empty `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(report_sources(), folder)
    (folder / "_parts").mkdir()
    for name, text in generated(study, engine, companion, opening).items():
        (folder / "_parts" / name).write_text(text, encoding="utf-8")
    (folder / "_variables.yml").write_text(yaml.safe_dump(about.variables(study, engine)), encoding="utf-8")
    (folder / "_head.html").write_text(charts.header(folder), encoding="utf-8")


def render(
    study_dir: Path,
    out: Path,
    log: Path | None = None,
    engine: str | None = None,
    companion: Path | None = None,
    opening: Path | None = None,
) -> str:
    """Render results/STUDY (`study_dir`) to the page `out`; returns the engine, such as `quarto 1.9.38`.

    `companion` is the folder of the study whose mechanisms the page shows where its own has none, `opening` that of the
    study whose picture it begins with, if there are such.
    `engine` is `quarto` or `pandoc`; without it Quarto is used where it is found. The document is staged and
    rendered in `study_dir`/report/.build, which stays there after a failure. Raises ReportError if a file is
    missing, the engine fails or warns, or the page would fetch anything; `out` is then left as it was.
    """
    study_dir, out = Path(study_dir).resolve(), Path(out).resolve()
    build = study_dir / "report" / ".build"
    try:
        name, program = engines.find(engine)
        others = [read(path, committed=True) if path else None for path in (companion, opening)]
        stage(read(study_dir), name, build, *others)
        said = engines.render(name, program, build)
    except ReportError as error:
        note(log, f"The page was not made. {error}\n")
        raise
    note(log, f"Rendered by {name}.\n{said}")
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.move(build / "index.html", scratch)
    scratch.replace(out)  # readers see the old page or the new one, never half of it
    shutil.rmtree(build)
    return name


def note(log: Path | None, text: str) -> None:
    """Write the log, if one is wanted."""
    if log:
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        Path(log).write_text(text, encoding="utf-8")
