"""How names and numbers are written into the page. Pure: values in, Markdown out.

Whatever comes from a file passes through `plain`, in sentences and inside HTML, so that a name of an arm cannot become
markup, a citation or a Quarto shortcode. `Markup` marks what is safe already; templates escape everything else.
"""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

MINUS, NOTHING = "\u2212", "\u2013"


def plain(value: object) -> Markup:
    """Text that shows exactly that text, in Markdown and in HTML: all but letters, digits and spaces as entities."""
    if isinstance(value, Markup):
        return value
    words = " ".join(str(value).split())
    return Markup("".join(c if c.isalnum() or c in " ,;/" else f"&#{ord(c)};" for c in words))


def missing(value: object) -> bool:
    """Whether a value of a table is absent (None, NaN, infinite)."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def digits(*values: Any) -> int:
    """Decimals that show the largest of the numbers with three digits: 12.3, 2.31, 0.0231."""
    largest = max((abs(float(value)) for value in values if not missing(value)), default=0.0)
    return 2 if largest == 0 else min(6, max(0, 2 - math.floor(math.log10(largest))))


def number(value: float | None, places: int | None = None, sign: bool = False) -> Markup:
    """A number with a true minus sign, three digits if `places` does not say how many decimals; a dash if there is
    none. `sign` shows the plus as well.
    """
    if value is None or missing(value):
        return Markup(NOTHING)
    places = digits(value) if places is None else places
    rounded = round(float(value), places) + 0.0  # no minus before zeros
    return Markup(f"{rounded:{'+' if sign else ''},.{places}f}".replace("-", MINUS))


def short(value: float | None) -> Markup:
    """A setting such as 0.05, 0.0005 or 3,200, with as many digits as it has (six at most)."""
    if value is None or missing(value):
        return Markup(NOTHING)
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:.6g}"
    return Markup(text.replace("-", MINUS))


def apart(places: int, bounds: Sequence[float], thresholds: Sequence[float | None]) -> int:
    """Decimals, six at most, by which the ends of an interval differ as written from each other and from thresholds
    that they differ from: no "+0.00 to +0.00".
    """
    others = [bounds[0], *(float(t) for t in thresholds if t is not None and not missing(t))]

    def alike(a: float, b: float) -> bool:
        return a != b and round(a, places) == round(b, places)

    while places < 6 and (alike(*bounds) or any(alike(b, t) for b in bounds for t in others)):
        places += 1
    return places


def interval(
    value: float | None, low: float | None, high: float | None, sign: bool = False, thresholds: Sequence = ()
) -> Markup:
    """`value (low to high)`; the value alone where there is no interval, as with one seed. The three have one number of
    decimals: the value's three digits, more where the ends would else look like each other or like a threshold.
    """
    if value is None or low is None or high is None or any(map(missing, (value, low, high))):
        return number(value, sign=sign)
    places = apart(digits(value, low, high), (low, high), thresholds)
    centre, first, last = (number(x, places, sign) for x in (value, low, high))
    return Markup(f"{centre} ({first} to {last})")


def listed(words: Sequence[object]) -> Markup:
    """`a`, `a and b`, `a, b and c`."""
    safe = [plain(word) for word in words]
    return Markup(" and ".join([", ".join(safe[:-1]), safe[-1]]) if len(safe) > 1 else "".join(safe))


def count(n: int, noun: str) -> Markup:
    """`1 seed`, `3 seeds`."""
    return Markup(f"{n:,} {noun}{'' if n == 1 else 's'}")


def count_range(counts: Sequence[int], noun: str) -> Markup:
    """The range of several counts: `3 seeds`, `1 to 3 seeds`."""
    low, high = min(counts), max(counts)
    return count(high, noun) if low == high else Markup(f"{low:,} to {count(high, noun)}")


def shown(value: object) -> Markup:
    """A setting as text: lists with commas, numbers with the digits they have."""
    if value is None or isinstance(value, bool):
        return Markup({None: NOTHING, True: "yes", False: "no"}[value])
    if isinstance(value, list | tuple):
        return Markup(", ").join(shown(v) for v in value)
    if isinstance(value, dict):
        return Markup(", ").join(Markup(f"{plain(str(k).replace('_', ' '))} {shown(v)}") for k, v in value.items())
    return short(value) if isinstance(value, int | float) else plain(value)
