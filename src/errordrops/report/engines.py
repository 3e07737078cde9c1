"""The two programs that turn the staged document into one HTML file: Quarto, and Pandoc where there is
no Quarto.
"""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from .material import ReportError

LONGEST = 300  # seconds; a render takes 1 with Pandoc and about 10 with Quarto
INCLUDE = re.compile(r"^\{\{< include (\S+) >\}\}\s*$", re.MULTILINE)
VARIABLE = re.compile(r"\{\{< var ([\w.-]+) >\}\}")
# Quarto and Pandoc only warn of what spoils a page, and exit with 0; capitals, as our title says "error"
TROUBLE = re.compile(r"WARN|ERROR|Could not fetch|Unable to resolve|could not convert TeX")
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|link)\b[^>]*?\s(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^>]*>"
    r"|@import\s+(?:url\()?[\"']?https?:",
    re.IGNORECASE,
)


def find(engine: str | None) -> tuple[str, Path]:
    """(`quarto 1.9.38` or `pandoc 3.9`, its program): the one asked for, else Quarto if it is there,
    else Pandoc.
    """
    wanted = engine.split()[0].lower() if engine else None
    if wanted not in (None, "quarto", "pandoc"):
        raise ReportError(f"The page is rendered by quarto or pandoc, not by {engine!r}.")
    quarto = shutil.which("quarto")
    if wanted == "quarto" and not quarto:
        raise ReportError("Quarto was asked for, but no program `quarto` is on the PATH.")
    program = quarto if quarto and wanted != "pandoc" else pandoc_path()
    name = "quarto" if program == quarto else "pandoc"
    first = run([program, "--version"], Path.cwd()).split("\n")[0]
    return f"{name} {first.split()[-1]}", Path(program)


def pandoc_path() -> str:
    """The Pandoc that comes with pypandoc_binary, else the one on the PATH."""
    try:
        import pypandoc

        return pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        found = shutil.which("pandoc")
    if not found:
        raise ReportError("Neither Quarto nor Pandoc was found; `pip install pypandoc_binary` brings Pandoc.")
    return found


def run(command: list, folder: Path) -> str:
    """Run a program in `folder`; what it said on both streams. ReportError if it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{Path(command[0]).name} did not finish within {LONGEST} s.") from error
    if done.returncode:
        raise ReportError(f"{Path(command[0]).name} failed ({done.returncode}): {done.stdout.strip()[-2000:]}")
    return done.stdout


def render(name: str, program: Path, folder: Path, document: str = "index") -> str:
    """Render DOCUMENT.qmd in `folder` to DOCUMENT.html there; returns the log. ReportError on any warning."""
    engine = with_quarto if name.startswith("quarto") else with_pandoc
    log = engine(program, folder, document)
    trouble = [line for line in log.splitlines() if TROUBLE.search(line)]
    if trouble:
        raise ReportError(f"{name} warned, so the page is not kept: {' | '.join(trouble)[:2000]}")
    check(folder / f"{document}.html")
    return log


def with_quarto(program: Path, folder: Path, document: str) -> str:
    """The real engine."""
    return run([program, "render", f"{document}.qmd", "--to", "html"], folder)


def with_pandoc(program: Path, folder: Path, document: str) -> str:
    """The stand-in: resolve what Quarto resolves, then Pandoc with our filter, template and style."""
    known = folder / "_variables.yml"  # as in Quarto's projects: a document may do without
    variables = yaml.safe_load(known.read_text()) if known.exists() else {}
    text = resolve((folder / f"{document}.qmd").read_text(), folder, variables)
    (folder / f"{document}.md").write_text(text)
    options = ["--from=markdown", "--to=html5", "--standalone", "--embed-resources", "--section-divs"]
    options += ["--toc", "--toc-depth=2", "--mathml", "--wrap=none", "--template=pandoc/template.html"]
    options += ["--lua-filter=pandoc/quarto.lua", "--citeproc", "--metadata=link-citations:true"]
    options += ["--css=pandoc/page.css", "--css=page.css"]
    log = run([program, f"{document}.md", *options, f"--output={document}.html"], folder)
    # put in afterwards: Pandoc would search a megabyte of script for things to embed, which takes it seconds
    made = folder / f"{document}.html"
    page = made.read_text(encoding="utf-8")
    scripts = (folder / "_head.html").read_text(encoding="utf-8")
    made.write_text(page.replace("<!-- scripts -->", scripts, 1), encoding="utf-8")
    return log


def resolve(text: str, folder: Path, variables: dict) -> str:
    """Replace include and var shortcodes, nested ones too; ReportError for one that leads nowhere."""

    def include(match: re.Match) -> str:
        path = folder / match[1]
        if not path.is_file():
            raise ReportError(f"The document includes {match[1]}, which does not exist.")
        return resolve(path.read_text(), folder, variables)

    def variable(match: re.Match) -> str:
        value = variables
        for key in match[1].split("."):
            if not isinstance(value, dict) or key not in value:
                raise ReportError(f"The document uses the variable {match[1]}, which is not defined.")
            value = value[key]
        return str(value)

    text = VARIABLE.sub(variable, INCLUDE.sub(include, text))
    if left := re.search(r"\{\{<.{0,60}", text):
        raise ReportError(f"The document holds a shortcode that cannot be resolved: {left[0]}")
    return text


def check(page: Path) -> None:
    """ReportError if the page was not made, holds an unresolved reference or would fetch anything."""
    if not page.is_file():
        raise ReportError(f"The engine reported success but wrote no {page.name}.")
    text = re.sub(r"(<script\b[^>]*>).*?</script>", r"\1", page.read_text(), flags=re.DOTALL)
    if found := FETCHED.search(text):
        raise ReportError(f"The page would fetch something from outside: {found[0][:200]}")
    if found := re.search(r"quarto-unresolved-ref|\?var:|\?include:", text):
        raise ReportError(f"The page holds an unresolved reference: {text[found.start() - 80 : found.end() + 80]}")
