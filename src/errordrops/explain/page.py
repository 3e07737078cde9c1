"""Files of an answer: one HTML page that works with the network off, a picture, or the facts.

Whatever comes from the log passes through `cell` or a JSON element without `<`, and a content security policy lets only
this page's two scripts run, and nothing be fetched.
"""

import base64
import hashlib
from pathlib import Path

from ..errors import UserError
from ..figures.embedding import bundle, cell, spec_json
from ..files import write_bytes, write_text
from .explained import Explained
from .facts import as_json
from .first_line import verdict
from .moments import nearest, together
from .sentences import answer, because, missed, rhythms, schedule, told_rhythm, told_sizes
from .wording import capital, first, place, safe

HERE = Path(__file__).parent
ENDINGS = (".html", ".png", ".svg", ".json")


def write(explanation: Explained, path: Path) -> Path:
    """Write the file that the ending of `path` names. UserError for another ending, or where it cannot be written."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{path} must end in {', '.join(ENDINGS)}")
    try:
        if ending == ".json":
            write_text(path, as_json(explanation) + "\n")
        elif ending == ".html":
            write_text(path, page(explanation))
        else:
            from ..figures import theme
            from .chart import draw

            spec = theme.specification(draw(explanation))
            write_bytes(path, theme.svg(spec).encode() if ending == ".svg" else theme.png(spec))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def page(explanation: Explained) -> str:
    """The page as one string."""
    from ..figures import theme
    from .chart import draw

    spec = theme.specification(draw(explanation))
    title = spec.pop("title")  # the page says it in its heading
    legend = title.get("subtitle", "") if isinstance(title, dict) else ""
    legend = " ".join(legend) if isinstance(legend, list) else legend
    scripts = [bundle(), (HERE / "page.js").read_text(encoding="utf-8")]
    policy = "; ".join([
        "default-src 'none'", f"script-src {' '.join(map(digest, scripts))}", "style-src 'unsafe-inline'",
        "img-src data: blob:", "base-uri 'none'", "form-action 'none'",
    ])  # fmt: skip
    return "\n".join([
        "<!doctype html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{cell(safe(Path(explanation.log.source).name))}: errordrops explain</title>",
        f"<style>\n{(HERE / 'page.css').read_text(encoding='utf-8')}</style>", "</head>", "<body>", "<main>",
        *body(explanation),
        '<div class="chart" role="img" '
        f'aria-label="{cell(str(spec.get("description", "")))}"><div class="canvas"></div></div>',
        *([f'<p class="note">{cell(capital(legend))}.</p>'] if legend else []),
        f'<script type="application/json" id="spec">{spec_json(spec)}</script>',
        *details(explanation),
        '<p class="made">Made by <code>errordrops explain</code>. Nothing on this page is fetched from anywhere.</p>',
        "</main>", *(f"<script>{script}</script>" for script in scripts), "</body>", "</html>", "",
    ])  # fmt: skip


def digest(script: str) -> str:
    """The hash by which the policy knows a script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def body(explanation: Explained) -> list[str]:
    """Heading and verdict."""
    log = explanation.log
    read = f"{log.format}, {log.records:,} records, by {log.axis.unit}"
    return [
        f"<h1>{cell(verdict(explanation))}</h1>",
        f'<p class="source"><code>{cell(safe(log.source))}</code> ({cell(read)})</p>',
        f"<p>Schedule: {cell(schedule(explanation))}.</p>",
    ]


def details(explanation: Explained) -> list[str]:
    """The table of drops and rises, what was missed, the curves, notes."""
    out = []
    groups = together([e for e in explanation.events if e.kind != "recovery" and e.cause != "periodic"])
    if groups:
        rows = [
            f'<tr><th scope="row">{cell(place(first(g), explanation))}</th>'
            f"<td>{'<br>'.join(unbroken(cell(text)) for text in told_sizes(g, explanation))}</td>"
            f"<td>{cell(because(nearest(g), explanation))}</td></tr>"
            for g in groups
        ]
        head = '<tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Why</th></tr>'
        out += ['<div class="table">', f"<table><thead>{head}</thead>", "<tbody>", *rows, "</tbody></table>", "</div>"]
    out += [f"<p>{cell(told_rhythm(group))}.</p>" for group in rhythms(explanation)]
    out += [f"<p>{cell(line.strip())}</p>" for line in missed(explanation)]
    notes = [*explanation.schedule.notes, *explanation.log.notes]
    out += [f'<p class="note">{cell(capital(safe(note)))}.</p>' for note in notes]
    return [
        *out,
        "<details><summary>The answer as text</summary>",
        f"<pre>{plain(answer(explanation))}</pre>",
        "</details>",
    ]


def unbroken(text: str) -> str:
    """Text whose lines never part a number from its unit or its interval."""
    return text.replace(" %", "&nbsp;%").replace(" ± ", "&nbsp;±&nbsp;")


def plain(text: str) -> str:
    """Text for a <pre>: escaped, line by line, since `cell` would join the lines."""
    return "\n".join(cell(line) for line in text.split("\n"))
