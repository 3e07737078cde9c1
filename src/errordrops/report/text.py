"""How names, numbers and tables are written into the page. Pure: values in, text out.

Whatever comes from a file passes through `plain` (in running text) or `cell` (in a table), so that a name of
an arm cannot become markup, a citation or a Quarto shortcode.
"""

import math
from collections.abc import Iterable, Sequence

from ..figures.embedding import cell as cell

MINUS, NOTHING = "\u2212", "\u2013"


def plain(value: object) -> str:
    """Text as Markdown that shows exactly that text: everything but letters, digits and spaces as an
    entity.
    """
    words = " ".join(str(value).split())
    return "".join(c if c.isalnum() or c in " ,;/" else f"&#{ord(c)};" for c in words)


def missing(value: object) -> bool:
    """Whether a value of a table is absent (None, NaN, infinite)."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """A number with a true minus sign, a dash if there is none; `sign` shows the plus as well."""
    if value is None or missing(value):
        return NOTHING
    rounded = round(float(value), digits) + 0.0  # no minus before zeros
    return f"{rounded:{'+' if sign else ''},.{digits}f}".replace("-", MINUS)


def short(value: float | None) -> str:
    """A setting such as 0.05, 0.0005 or 3,200, with as many digits as it has (six at most)."""
    if value is None or missing(value):
        return NOTHING
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"
    return text.replace("-", MINUS)


def interval(value: float | None, low: float | None, high: float | None, digits: int = 2, sign: bool = False) -> str:
    """`value (low to high)`; the value alone where there is no interval, as with one seed."""
    centre = number(value, digits, sign)
    if missing(value) or missing(low) or missing(high):
        return centre
    return f"{centre} ({number(low, digits, sign)} to {number(high, digits, sign)})"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def count(n: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def count_range(counts: Sequence[int], noun: str) -> str:
    """The range of several counts: `3 seeds`, `1 to 3 seeds`."""
    low, high = min(counts), max(counts)
    return count(high, noun) if low == high else f"{low:,} to {count(high, noun)}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """An HTML table in a box of its own that scrolls; the cells are HTML already, `left` columns are text."""
    side = [' class="text"' if i < left else "" for i in range(len(header))]
    head = "".join(f'<th scope="col"{side[i]}>{name}</th>' for i, name in enumerate(header))
    body = "\n".join(
        "<tr>" + "".join(f"<td{side[i]}>{value}</td>" for i, value in enumerate(row)) + "</tr>" for row in rows
    )
    return (
        '<div class="table-box" tabindex="0">\n<table class="table">\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def folded(summary: str, content: str) -> str:
    """HTML that stays folded until it is asked for."""
    return f'<details class="fold">\n<summary>{summary}</summary>\n{content}\n</details>'


def fold(summary: str, content: str) -> str:
    """Markdown that stays folded until it is asked for; it may hold numbered tables, but no headings. A comment, which
    stands where there is nothing to say, stays as it is.
    """
    if not content.strip() or content.startswith("<!--"):
        return content
    opened = f'<details class="fold">\n<summary>{summary}</summary>'
    return f"{raw(opened)}\n{content.strip()}\n\n{raw('</details>')}"


def first_open(text: str, summary: str) -> tuple[str, str]:
    """The first paragraph, and what follows it folded; the second is empty where there is only one."""
    first, _, rest = text.strip().partition("\n\n")
    return first, fold(summary, rest) if rest.strip() else ""


def raw(content: str) -> str:
    """A raw HTML block of Pandoc and Quarto; the fence is longer than any the content could hold."""
    return f"``````{{=html}}\n{content}\n``````\n"


def floating(identifier: str, content: str, caption: str, attributes: str = "") -> str:
    """A numbered figure (`fig-...`) or table (`tbl-...`) in Quarto's div syntax; caption is Markdown."""
    return f"::: {{#{identifier}{attributes}}}\n\n{raw(content)}\n{caption}\n\n:::\n"


def callout(kind: str, title: str, content: str) -> str:
    """A Quarto callout (note, warning, ...); title and content are Markdown."""
    return f"::: {{.callout-{kind}}}\n\n## {title}\n\n{content}\n\n:::\n"
