"""Figures as Quarto figure divs, and the one script that draws them all. Pure but for reading the script."""

import base64
import re
from pathlib import Path

from ..figures.embedding import bundle, cell, spec_json
from .about import slug
from .material import Study
from .text import floating, folded, plain

LARGEST_SVG = 300_000  # characters; a larger picture is not worth carrying for readers without scripts
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


def figure(study: Study, name: str) -> str:
    """Figure `fig-NAME` of the study, or a comment where it has none.

    One line below it: how to read it (its caption from the second sentence on), folded, and its command; the page's
    script adds buttons to copy that and to save data and picture.
    """
    if name not in study.figures:
        return f"<!-- no figure {name} in this study -->\n"
    spec, svg = study.figures[name]
    meta = spec.get("usermeta", {})
    alt = str(meta.get("alt") or spec.get("description") or name)
    picture = ""
    if svg and len(svg) < LARGEST_SVG:
        code = base64.b64encode(svg.encode()).decode()
        picture = f'<noscript><img alt="{cell(alt)}" src="data:image/svg+xml;base64,{code}"></noscript>\n'
    rows = ' data-rows="drawn"' if meta.get("rows") == "drawn" else ""
    first, *more = SENTENCE.split(str(meta.get("caption") or name), maxsplit=1)
    reading = folded("How to read it", f"<p>{cell(more[0])}</p>") if more else ""
    line = cell(command(study, name))
    box = (
        f'<div class="chart" data-chart="{name}"{rows} role="group" tabindex="0" aria-label="{cell(alt)}">\n'
        f'<script type="application/json">{spec_json(spec)}</script>\n'
        f'<div class="canvas"></div>\n{picture}</div>\n'
        f'<div class="tools" data-for="{name}">{reading}<code title="{line}">{line}</code></div>'
    )
    return floating(identifier(name), box, plain(first), f' fig-alt="{plain(alt)}"')


def command(study: Study, name: str) -> str:
    """What makes the figure again; from the reference where its runs are from there, or where the study is."""
    kept = " --config from=reference" if study.provenance.get("from_reference") or study.committed else ""
    return f"snakemake results/{slug(study.name)}/figures/{name}.svg{kept}"


def opening(study: Study, other: Study | None) -> str:
    """The picture that the page begins with: that of the other study, with a line that names it, or its own."""
    if other is None or "cliffs" not in other.figures:
        return figure(study, "cliffs")
    data = f"{plain(str(other.settings['model']))} on {plain(str(other.settings['dataset_label']))}"
    return f"{figure(other, 'cliffs')}\n\n@fig-cliffs is of study {plain(other.name)}: {data}.\n"


def header(sources: Path) -> str:
    """What goes into the page's head: the policy, Vega, Vega-Lite and vegaEmbed in one bundle, then our script."""
    script = (sources / "charts.js").read_text()
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    return f"{policy}\n<script>{bundle()}</script>\n<script>\n{script}</script>\n"
