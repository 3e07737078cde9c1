"""Numbers, times and settings as words: what the sentences, the verdict, the list and the picture share."""

import math
import textwrap

from ..figures.words import count, joined
from .explained import Explained
from .known_changes import Change
from .moments import Event

WIDTH = 100
DIGITS = 4  # of an estimate with an interval
CONTROL = {c: None for c in (*range(32), *range(127, 160))}


def safe(text: object) -> str:
    """Text from a log without control characters, which a terminal would obey."""
    return str(text).translate(CONTROL)


def number(value: float) -> str:
    """0.1, 32,000, 1e-06; whole epochs without a point."""
    if not math.isfinite(value):
        return "?"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    return f"{value:.4g}"


def ordinal(n: int) -> str:
    """`1st`, `12th`, `32nd`."""
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n:,}{ending}"


def wrapped(text: str) -> str:
    """Lines of at most WIDTH characters for a console; what belongs to a line is indented below it."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        more = indent + ("" if indent else "    " if lines else "")
        lines += textwrap.wrap(line, WIDTH, subsequent_indent=more, break_on_hyphens=False) or [""]
    return "\n".join(lines)


def first(group: list[Event]) -> Event:
    """Of events of several curves the one that was evaluated first."""
    return min(group, key=lambda event: event.label)


def listed(groups: list[list[Event]]) -> str:
    """`epoch 31`, `epochs 31 and 61`."""
    numbers = list(dict.fromkeys(number(first(group).shown) for group in groups))
    return f"{groups[0][0].unit}{'s' if len(numbers) > 1 else ''} {joined(numbers)}" if groups else ""


def capital(text: str) -> str:
    """The text with its first letter large."""
    return f"{text[:1].upper()}{text[1:]}"


def when(event: Event) -> str:
    """`epoch 31`, `step 32,000`: the log's own number of the first point at the new level."""
    return f"{event.unit} {number(event.shown)}"


def place(event: Event, explanation: Explained) -> str:
    """`epoch 31`, or `epoch 30 of the log (its 31st point)` where the log's number is not the ordinal of the point."""
    nth = event.point + 1
    if event.unit != "epoch" or event.label == nth or event.whole:
        return when(event)
    longest = max(len(curve.values) for curve in explanation.log.judged)
    if len(event.curve.values) == longest:
        return f"{when(event)} of the log (its {ordinal(nth)} point)"
    return f"{when(event)} of the log ({ordinal(nth)} point of {safe(event.curve.name)})"


def told(change: Change) -> str:
    """`learning rate 0.1 to 0.01`, `batches per epoch 188 to 63`, `the schedule changes`."""
    if change.after is None:
        return "a change"
    if change.before is None:
        return f"{change.what} to {number(change.after)}"
    if change.before == 1.0 and change.counted and change.after < 1 and change.what == "learning rate":
        return f"learning rate times {number(change.after)} (as stated)"
    both = f" and batch size {number(change.batch[0])} to {number(change.batch[1])}" if change.batch else ""
    return f"{change.what} {number(change.before)} to {number(change.after)}{both}"


def after(change: Change, explanation: Explained) -> str:
    """`after 30 epochs`, or `at step 32,000`, where the log first shows the new setting; `between epochs 80 and 95`
    where it shows it late."""
    axis = explanation.log.axis
    loose = between_labels(change, explanation)
    if loose:
        return f"between {axis.unit}s {number(loose[0])} and {number(loose[1])}"
    if axis.unit == "epoch" and (axis.whole or change.counted):
        if float(change.milestone).is_integer():
            return f"after {count(int(change.milestone), 'epoch')}"
        return f"after {change.milestone:.4g} epochs"
    if axis.unit == "record":
        return f"after {number(change.milestone)} points"
    return f"at {axis.unit} {number(change.label)}"


def between_labels(change: Change, explanation: Explained) -> tuple[float, float] | None:
    """The last label with the old setting and the first with the new, where more than one point of the finest curve
    lies between them; None where the log dates the change."""
    labels = explanation.log.axis.labels
    finest = max(explanation.log.judged, key=lambda c: len(c.values))
    low, high = change.points(finest)
    if high - low < 1 or change.what == "schedule" or not 0 <= change.after_row < change.by_row < len(labels):
        return None
    old, new = float(labels[change.after_row]), float(labels[change.by_row])
    return (old, new) if new > old else None


def amount(value: float, unit: str) -> str:
    """`8.2 points`, `12.9 points`, `0.328`: as many digits as one would say."""
    value = abs(value)
    if unit == "%":
        return f"{rounded(value, 1 if value >= 10 else 2)} points"
    return rounded(value, 3 if value < 1000 else 4, significant=True)


def with_half(value: float, half: float, signed: bool = False) -> str:
    """`0.347 ± 0.018`: an estimate and half its interval, which has two digits; the estimate has as many places, and
    four digits at most."""
    if not math.isfinite(half) or half <= 0:
        return f"{value:+.3g}" if signed else f"{value:.3g}"
    places = 1 - math.floor(math.log10(half))
    if abs(value) >= 1e6 or max(abs(value), half) < 1e-5:
        return f"{value:{'+' if signed else ''}.2e} ± {half:.1e}"
    largest = max(abs(value), half)
    places = max(0, min(places, 2 if largest >= 1 else 6, DIGITS - 1 - math.floor(math.log10(largest))))
    if round(half, places) == 0:
        return f"{value:{'+' if signed else ''}.3g}"
    return f"{value:{'+' if signed else ''}.{places}f} ± {half:.{places}f}"


def rounded(value: float, digits: int, significant: bool = False) -> str:
    """A number with so many digits behind the point, or significant ones, without an exponent where it can be read."""
    if not significant:
        return f"{value:.{digits}f}"
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "?"
    power = math.floor(math.log10(abs(value)))
    if power < -4 or power >= 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - power)}f}"


def level(value: float, unit: str) -> str:
    """A level of a curve: `32.5 %`, `0.714`."""
    if unit == "%":
        return f"{value:.1f} %" if value >= 1 else f"{value:.2f} %"
    return rounded(value, 3, significant=True)


def distance(event: Event, explanation: Explained) -> tuple[str, float | None]:
    """How far an event lies from the points at which its change can show: (`one epoch`, the milestone that would fit).

    (`one point`, None) where a point of the curve is not an epoch, so that no other milestone can be named.
    """
    change, labels, axis = event.change, event.curve.labels, explanation.log.axis
    if change is None or not event.offset:
        return "no point", None
    low, high = change.points(event.curve)
    gap = event.label - float(labels[low if event.offset < 0 else high])
    whole = axis.unit == "epoch" and axis.whole and abs(gap) == abs(event.offset) and change.counted
    if not whole or not float(change.milestone).is_integer():
        return "one point", None
    return "one epoch", change.milestone + gap
