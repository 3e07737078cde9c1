"""A figure inside a page of HTML: its specification, the libraries that draw it, and text that is no markup."""

import functools
import html
import json
import re
from pathlib import Path

MADE = Path(__file__).parent / "vega.js"  # in a wheel: hatch_build.py


def cell(value: object) -> str:
    """Text for the inside of an HTML element or attribute; braces too, since Quarto looks for
    shortcodes in raw HTML.
    """
    return html.escape(" ".join(str(value).split())).replace("{", "&#123;").replace("}", "&#125;")


def spec_json(spec: dict) -> str:
    """The specification for a script element: no `<`, so neither `</script>` nor
    `{{<` nor `<!--` can occur.
    """
    bare = {key: value for key, value in spec.items() if key != "usermeta"}
    return json.dumps(bare, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


@functools.cache
def bundle() -> str:
    """The libraries as one script; made once a process, since that takes seconds."""
    code = MADE.read_text(encoding="utf-8") if MADE.exists() else _made()
    # inside a script element these would end it or open a comment; both only occur within strings
    return re.sub(r"</(?=script)", r"<\\/", code, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _made() -> str:
    from .theme import renderer

    return renderer().javascript_bundle(snippet="window.vegaEmbed = vegaEmbed;")
