"""`--list`: each column and what it was taken for, each curve and why it is not judged."""

from ..figures.words import count
from ..logs import Log
from .wording import number, safe


def columns(log: Log) -> list[str]:
    """Lines of text on a log that was understood."""
    lines = [
        f"{safe(log.source)}: {log.format}, {count(log.records, 'record')}, counted by {log.axis.unit}",
        "",
        "Columns:",
    ]
    width = min(40, max((len(safe(name)) for name, _ in log.columns), default=0))
    lines += [f"  {safe(name):<{width}}  {meaning or '(not understood)'}" for name, meaning in log.columns]
    lines += ["", "Curves:"]
    for curve in log.curves:
        points = (
            f"{len(curve.values)} points from {log.axis.unit} {number(curve.labels[0])} to {number(curve.labels[-1])}"
        )
        how = f", {curve.how}" if curve.how else ""
        why = f"; not judged: {safe(curve.left_out)}" if curve.left_out else ""
        lines.append(f"  {safe(curve.name):<24} {points}{how}{why}")
    lines += [f"Note: {safe(note)}." for note in log.notes]
    return lines
