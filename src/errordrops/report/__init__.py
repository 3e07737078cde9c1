"""The report of a study: one self-contained HTML page made from the files that the workflow wrote.

The article has prose of its own, report/article.qmd, bound to the results of all studies by `bound`.

`material` reads the files, `effects` says what the tables hold at milestones, `templates` writes the document from
report/templates with the help of `text` and `charts`, and `engines` runs Quarto or Pandoc.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import jinja2

from . import bound, charts, engines, templates
from .material import ReportError, Study, read

__all__ = ["ReportError", "article", "document", "render", "render_article", "report_sources"]

DOCUMENT, ARTICLE = "index.qmd", "article.qmd"


def report_sources() -> Path:
    """Folder of the page's sources: `report/` of a checkout, else the copy inside the installed package."""
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "report", package / "_report"):
        if (folder / "templates" / templates.PAGE).is_file():
            return folder
    raise ReportError(f"The report's templates were found neither beside {package} nor inside it.")


def document(study: Study, engine: str) -> str:
    """The Quarto document of a study's page."""
    try:
        return templates.page(study, engine, report_sources() / "templates")
    except jinja2.TemplateError as error:
        raise ReportError(f"A template of the page cannot be filled in: {error}") from error


def article(reference: Path, engine: str) -> str:
    """The Quarto document of the article, with the results of the studies under `reference`."""
    sources, results = report_sources(), bound.Results(reference)
    made = templates.environment(sources)
    made.globals |= {name: getattr(results, name) for name in ("value", "span", "cell", "given")}
    made.globals["figure"] = lambda study, name: templates.figure(results.study(study), name, sources / "templates")
    try:
        return made.get_template(ARTICLE).render(engine=engine)
    except jinja2.TemplateError as error:
        raise ReportError(f"{ARTICLE} cannot be filled in: {error}") from error


def stage(text: str, folder: Path) -> None:
    """Put a document and all that it needs into an empty `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(report_sources(), folder, ignore=shutil.ignore_patterns("templates", "article*"))
    (folder / DOCUMENT).write_text(text, encoding="utf-8")
    (folder / "_head.html").write_text(charts.header(folder), encoding="utf-8")


def render(study_dir: Path, out: Path, log: Path | None = None, engine: str | None = None) -> str:
    """Render results/STUDY (`study_dir`) to the page `out`; returns the engine, such as `quarto 1.9.38`.

    `engine` is `quarto` or `pandoc`; without it Quarto is used where it is found. The document is staged and
    rendered in `study_dir`/report/.build, which stays there after a failure. Raises ReportError if a file is
    missing, the engine fails or warns, or the page would fetch anything; `out` is then left as it was.
    """
    study_dir = Path(study_dir).resolve()
    build = study_dir / "report" / ".build"
    return _render(lambda name: document(read(study_dir), name), build, Path(out).resolve(), log, engine)


def render_article(reference: Path, out: Path, log: Path | None = None, engine: str | None = None) -> str:
    """Render report/article.qmd with the results of the studies under `reference` to the page `out`, as `render` does.

    Raises ReportError as well if a sentence assumes a verdict that the results do not give (bound.py).
    """
    out = Path(out).resolve()
    return _render(lambda name: article(Path(reference), name), out.parent / ".build", out, log, engine)


def _render(text: Callable[[str], str], build: Path, out: Path, log: Path | None, engine: str | None) -> str:
    try:
        name, program = engines.find(engine)
        stage(text(name), build)
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
