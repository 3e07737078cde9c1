"""A drop, rise or recovery of a curve, and events of several curves that belong together."""

import math
from dataclasses import dataclass

from .changes import Change
from .readers import Curve

NEARBY = 1  # evaluated points: noise, and logs that write the rate one record early or late
SIDE = 5  # points on either side by which a curve is said to have moved


@dataclass(frozen=True)
class Event:
    """A drop, rise or recovery of one curve.

    point: index of the first evaluated point at the new level. size: level before less level after, in percentage
    points or units of the loss, positive = fell. ratio: level after / before. cause: schedule, restart, or in words
    what it may be. change: the change of the schedule that explains it, or None. why: a sentence.
    """

    kind: str
    unit: str
    curve: Curve
    point: int
    size: float
    ratio: float
    variance: float
    confidence: float
    cause: str = ""
    change: Change | None = None
    why: str = ""
    blind: bool = True
    whole: bool = False  # whether only the whole part of the label is the log's own

    @property
    def label(self) -> float:
        return float(self.curve.labels[self.point])

    @property
    def shown(self) -> float:
        """The log's own number: of rows that were spread over their epochs the epoch."""
        return math.floor(self.label + 1e-9) if self.whole else self.label

    @property
    def offset(self) -> int:
        """Evaluated points from where its change can show to where the event is: 0 at it, -1 one point before it."""
        if self.change is None:
            return 0
        low, high = self.change.points(self.curve)
        return min(self.point - low, 0) or max(self.point - high, 0)


def together(events: list[Event]) -> list[list[Event]]:
    """Events of several curves at one time together: within one point of the coarser curve, one kind at a time."""
    groups: list[list[Event]] = []
    for event in sorted(events, key=lambda e: (e.label, e.curve.kind, e.curve.split == "train")):
        for group in groups:
            first = group[0]
            if first.kind == event.kind and first.change == event.change and at_once(first, event):
                if any(e.curve is event.curve for e in group):
                    continue
                group.append(event)
                break
        else:
            groups.append([event])
    return [sorted(group, key=lambda e: (e.curve.kind, e.curve.split == "train")) for group in groups]


def nearest(group: list[Event]) -> Event:
    """Of events of several curves the one that lies best at its change: none before it, if there is another."""
    return min(group, key=lambda event: (event.offset < 0, abs(event.offset)))


def early(group: list[Event]) -> bool:
    """Whether events were laid to a change that comes only after them, so that it can be their cause only if the
    change is told too late."""
    return group[0].change is not None and nearest(group).offset < 0


def at_once(one: Event, other: Event) -> bool:
    """Whether two events lie within one point of the coarser curve."""
    gap = abs(one.label - other.label)
    steps = [e.label - float(e.curve.labels[e.point - 1]) for e in (one, other) if e.point > 0]
    return bool(gap <= max(steps, default=1.0) + 1e-9)
