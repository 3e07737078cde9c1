"""`--list`: each column and what it was taken for, each curve and why it is not judged."""

from ..figures.words import count
from .readers import Log, NoCurve
from .readers.unknown import example
from .wording import number, safe


def columns(log: Log) -> list[str]:
    """Lines of text on a log that was understood."""
    lines = [
        f"{safe(log.source)}: {log.format}, {count(log.records, 'record')}, counted by {log.axis.unit}",
        "",
        "Columns:",
    ]
    lines += [*meanings(log.columns), "", "Curves:"]
    for curve in log.curves:
        points = (
            f"{len(curve.values)} points from {log.axis.unit} {number(curve.labels[0])} to {number(curve.labels[-1])}"
        )
        how = f", {curve.how}" if curve.how else ""
        why = f"; not judged: {safe(curve.left_out)}" if curve.left_out else ""
        lines.append(f"  {safe(curve.name):<24} {points}{how}{why}")
    lines += [f"Note: {safe(note)}." for note in log.notes]
    return lines


def unknown(found: NoCurve) -> list[str]:
    """The same on a log of which no column is a curve."""
    return [
        f"{safe(found.source)}: {found.format}, {count(found.records, 'record')}",
        "",
        "Columns:",
        *meanings(found.columns),
        "",
        f"No column is understood as a curve. Name one with {example(found.columns)}",
    ]


def meanings(columns: list[tuple[str, str]]) -> list[str]:
    """A line for each column with what it was taken for."""
    width = min(40, max((len(safe(name)) for name, _ in columns), default=0))
    return [f"  {safe(name):<{width}}  {meaning or '(not understood)'}" for name, meaning in columns]
