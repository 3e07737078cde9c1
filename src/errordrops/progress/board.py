"""The state of a study that runs: which runs are at work, how far they are, what dropped. Knows no screen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import logs
from . import phrases as words
from .logs import Epoch, Tail

Before = Callable[[str, int], float | None]  # (path of a curve, epoch) -> test error after that epoch


@dataclass
class Watched:
    """One run that is to be trained, or taken from the reference, and what its log has said so far."""

    study: str
    arm: str
    seed: str
    epochs: int
    inherited: int
    changes: frozenset[int] | None
    tail: Tail
    reference: bool = False
    parent_curve: str | None = None
    done: int = 0
    trained: int = 0
    last: Epoch | None = None
    drops: list[str] = field(default_factory=list)
    at_work: bool = False
    finished: bool = False

    @property
    def name(self) -> str:
        return f"{self.arm}, seed {self.seed}"

    @property
    def to_train(self) -> int:
        """Epochs of its own; none where the run comes from the reference."""
        return 0 if self.reference else self.epochs - self.inherited

    @property
    def own_done(self) -> int:
        return self.to_train if self.finished else min(self.to_train, max(0, self.done - self.inherited))

    def read(self, before: Before) -> list[str]:
        """Take in what the log has gained; what there is to say about it: one sentence for each change passed."""
        news = []
        for line in self.tail.lines():
            there = logs.known(line)
            if there is not None:
                self.done = max(self.done, there)
            if logs.diverged(line):
                news.append(f"{self.name}: diverged, a loss is no longer finite; this run ends here")
            epoch = logs.epoch(line)
            if epoch:
                news += self._passed(epoch, before)
                self.last, self.done, self.trained = epoch, epoch.number, self.trained + 1
        return news

    def _passed(self, now: Epoch, before: Before) -> list[str]:
        """The drop at a change after the epoch before this one, if there was a change."""
        changed = now.number - 1
        if self.changes is None:
            settings = [(epoch.learning_rate, epoch.batch_size) for epoch in (self.last, now) if epoch]
            there = len(set(settings)) > 1
        else:
            there = changed in self.changes
        if not there:
            return []
        if self.last and self.last.number == changed:
            error = self.last.test_error
        else:
            error = before(self.parent_curve, changed) if self.parent_curve else None
        self.drops.append(words.drop(changed, error, now.test_error))
        return [f"{self.name}: {self.drops[-1]}"]


@dataclass
class Board:
    """All runs of one call of snakemake, and how many steps of each kind are left."""

    study: str
    runs: dict[tuple[str, str, str], Watched]
    steps: dict[str, int]
    page: str | None
    targets: list[str]
    began: float
    working: dict[Any, tuple[str, tuple[str, str, str]]] = field(default_factory=dict)
    done_steps: int = 0
    first_epoch: float | None = None

    @property
    def all_steps(self) -> int:
        return sum(self.steps.values()) + self.done_steps

    @property
    def epochs(self) -> int:
        return sum(run.to_train for run in self.runs.values())

    @property
    def epochs_done(self) -> int:
        return sum(run.own_done for run in self.runs.values())

    @property
    def trained(self) -> int:
        """Epochs trained since this call began."""
        return sum(run.trained for run in self.runs.values())

    @property
    def at_work(self) -> list[Watched]:
        return [run for run in self.runs.values() if run.at_work and not run.reference]

    def seconds_left(self, now: float) -> float | None:
        """Seconds until all epochs are trained, at the rate of those trained so far. None before there are some."""
        if not self.trained or self.first_epoch is None:
            return None
        return (now - self.first_epoch) / self.trained * (self.epochs - self.epochs_done)

    def start(self, job: Any, rule: str, of: tuple[str, str, str]) -> Watched | None:
        """A job begins; the run where it trains one."""
        self.working[job] = rule, of
        run = self.runs.get(of) if rule == "train" else None
        if run:
            run.at_work = True
        return run

    def finish(self, job: Any) -> Watched | None:
        """A job has ended well; the run where it trained one."""
        rule, of = self.working.pop(job, ("", ("", "", "")))
        if self.steps.get(rule):
            self.steps[rule] -= 1
            self.done_steps += 1
        run = self.runs.get(of) if rule == "train" else None
        if run:
            run.at_work, run.finished = False, True
        return run

    def fail(self, job: Any) -> None:
        rule, of = self.working.pop(job, ("", ("", "", "")))
        if rule == "train" and of in self.runs:
            self.runs[of].at_work = False

    def others_at_work(self) -> list[str]:
        """Steps at work besides training, in words."""
        return [words.step(rule, of) for rule, of in self.working.values() if rule != "train"]


def board(briefing: dict[str, Any], now: float) -> Board:
    """The board of a call of snakemake, from what `briefing.briefing` has found out."""
    runs = {(run["study"], run["arm"], run["seed"]): _watched(dict(run)) for run in briefing["runs"]}
    known = {"study", "page", "targets"}
    return Board(runs=runs, steps=dict(briefing["steps"]), began=now, **{key: briefing[key] for key in known})


def _watched(run: dict[str, Any]) -> Watched:
    tail, changes = Tail(Path(run.pop("log")), run.pop("written")), run.pop("changes")
    return Watched(tail=tail, changes=None if changes is None else frozenset(changes), **run)
