"""Figures as Quarto figure divs, and the one script that draws them all. Pure but for reading script and template."""

import base64
import re
from pathlib import Path

from markupsafe import Markup

from ..figures.embedding import bundle, cell, spec_json
from ..results.layout import NAME
from .material import Study

LARGEST_SVG = 300_000  # characters; a larger picture is not worth carrying for readers without scripts
CAPTION = 30  # words that a caption may have before what it says further goes into the menu below it
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")

# Nothing over the network, whatever a page carries. Quarto embeds scripts, styles and fonts as data: addresses of its
# own, so they cannot be named by their digests; text is escaped instead.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline' data:; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)


def identifier(name: str) -> str:
    """Identifier of a figure on the page: `fig-NAME`."""
    return "fig-" + name.replace("_", "-")


def slug(name: str) -> str:
    """A study's name as it stands in a command; STUDY where it is none that a command could take."""
    return name if NAME.fullmatch(name) else "STUDY"


def command(study: Study, name: str) -> str:
    """What makes the figure again; from the reference where its runs are from there, or where the study is."""
    kept = " --config from=reference" if study.provenance.get("from_reference") or study.committed else ""
    return f"snakemake results/{slug(study.name)}/figures/{name}.svg{kept}"


def split(caption: str) -> tuple[str, str]:
    """The sentences of a caption that stand below the figure, one at least, and those in the menu below that."""
    first, *rest = SENTENCE.split(caption)
    while rest and len(f"{first} {rest[0]}".split()) <= CAPTION:
        first += f" {rest.pop(0)}"
    return first, " ".join(rest)


def facts(study: Study, name: str) -> dict[str, object]:
    """What the template of a figure writes down: its parts are HTML already where they are Markup."""
    spec, svg = study.figures[name]
    meta = spec.get("usermeta", {})
    alt = str(meta.get("alt") or spec.get("description") or name)
    picture = ""
    if svg and len(svg) < LARGEST_SVG:
        code = base64.b64encode(svg.encode()).decode()
        picture = f'<noscript><img alt="{cell(alt)}" src="data:image/svg+xml;base64,{code}"></noscript>'
    caption, reading = split(str(meta.get("caption") or name))
    return {
        "id": identifier(name),
        "name": Markup(name),
        "alt": alt,
        "drawn": meta.get("rows") == "drawn",
        "spec": Markup(spec_json(spec)),
        "picture": Markup(picture),
        "caption": caption,
        "reading": reading,
        "command": command(study, name),
    }


def header(sources: Path) -> str:
    """What goes into the page's head: the policy, Vega, Vega-Lite and vegaEmbed in one bundle, then our script."""
    script = (sources / "charts.js").read_text(encoding="utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return f"{policy}\n<script>{bundle()}</script>\n<script>\n{script}</script>\n"
