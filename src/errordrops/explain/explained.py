"""A log and what was found in it. Data only: `sentences` says it, `chart` draws it, `facts` makes tables of it."""

from dataclasses import dataclass, field

from .change_effects import Decay, Effect
from .known_changes import Change, Schedule
from .moments import Event
from .readers import Log


@dataclass(frozen=True)
class Explained:
    """events: drops, rises and recoveries, each with its cause. unseen: changes of the schedule at which no curve shows
    anything. measured: the effect of each change on each curve. decays: what a gradual decay of the rate brought."""

    log: Log
    schedule: Schedule
    events: list[Event]
    unseen: list[Change]
    measured: list[Effect] = field(default_factory=list)
    decays: list[Decay] = field(default_factory=list)
