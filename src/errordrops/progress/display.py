"""Events of a call of snakemake in, lines and a live picture out. One object a call; it prints and reads logs."""

import csv
import gzip
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from . import closing, failures, plain, screen, words
from .board import Board, board

STOPPING = "Stopping; this takes a moment."
STOPPED = ["Stopped. What has been trained is kept:", "the same command goes on after the last finished epoch."]
NOTHING = "Nothing to do: everything that was asked for is there."


class Display:
    """What a person sees of one call. Every method may be called from any thread, one at a time (see `locked`)."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic):
        self.console, self.clock = console, clock
        self.live_here = console.is_terminal and not console.is_dumb_terminal
        self.board: Board | None = None
        self.live: Live | None = None
        self.asked: Callable[[], dict[str, Any]] | None = None
        self.nothing, self.interrupted, self.failed, self.refused = False, False, 0, False
        self.said: set[str] = set()
        self.last_minute = 0.0
        self.ended = False
        self.lock, self.over = threading.RLock(), threading.Event()

    def begin(self, briefing: dict[str, Any]) -> None:
        """Snakemake knows what is to be done and begins."""
        now = self.clock()
        self.board, self.last_minute = board(briefing, now), now
        self.say(plain.begins(self.board))
        if self.live_here:
            self.live = Live(console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self.live.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self.over.wait(1.0 if self.live_here else 2.0):
            with self.lock:
                self.tick()

    def tick(self) -> None:
        """Look at the logs of the runs at work, say what is new, draw anew."""
        if not self.board or self.over.is_set():
            return
        now = self.clock()
        for run in self.board.at_work:
            self._news(run.read(error_in_curve))
            if self.board.first_epoch is None and run.tail.offset > run.tail.written:
                self.board.first_epoch = now  # it has begun to train: starting up counts for no epoch
        if self.live:
            size = self.console.size
            self.live.update(screen.picture(self.board, now, size.width, size.height), refresh=True)
        elif now - self.last_minute >= plain.EVERY:
            self.last_minute = now
            self.say(plain.minute(self.board, now))

    def start(self, job: Any, rule: str, of: tuple[str, str, str]) -> None:
        if self.board:
            self.board.start(job, rule, of)

    def finish(self, job: Any) -> None:
        if not self.board:
            return
        run = self.board.finish(job)
        if run and not run.reference:
            self._news(run.read(error_in_curve))
            if not self.live:
                self.say(plain.finished(run))

    def fail(self, job: Any, rule: str, logs: Iterable[str]) -> None:
        """A job failed: its own message, once, however many jobs say the same."""
        _, of = self.board.working.get(job, (rule, ("", "", ""))) if self.board else (rule, ("", "", ""))
        run = self.board.runs.get(of) if self.board and rule == "train" else None
        paths = list(logs)
        log = failures.tail(Path(paths[0]), run.tail.written if run else 0) if paths else ""
        if self.board:
            self.board.fail(job)
        if failures.stopped(log):
            self.interrupted = True
            return
        self.failed += 1
        lines = failures.failed(words.step(rule, of), log, paths[0] if paths else None)
        if lines[1] not in self.said:
            self.said.add(lines[1])
            self.say(lines[0], "bold red")
            for line in lines[1:]:
                self.say(line)

    def refuse(self, text: str) -> None:
        """An error before or between the jobs."""
        self.refused = True
        first, *rest = failures.before_start(text).splitlines()
        self.say(f"Error: {first}", "bold red")
        for line in rest:
            self.say(line)

    def interrupt(self) -> None:
        if not self.interrupted:
            self.interrupted = True
            self.say(STOPPING)

    def end(self) -> None:
        """The call is over: the picture goes, the last lines stay."""
        if self.ended:
            return
        self.ended = True
        self.over.set()
        if self.live:
            self.live.stop()
            self.live = None
        for line in self._last_lines():
            self.say(line)

    def _last_lines(self) -> list[str]:
        if self.interrupted:
            return STOPPED
        if self.failed:
            left = sum(self.board.steps.values()) - self.failed if self.board else 0
            return failures.end(self.failed, left)
        if self.refused:
            return [failures.MEND]
        if self.nothing:
            return [NOTHING, *(self._closing(**self.asked()) if self.asked else [])]
        if not self.board:
            return []
        made = [f"Made: {target}" for target in self.board.targets[:3]] if not self.board.page else []
        return [*made, *self._closing(self.board.study, self.board.page)]

    def _closing(self, study: str, page: str | None) -> list[str]:
        return closing.closing(study, Path(page)) if page and Path(page).exists() else []

    def _news(self, news: Iterable[str]) -> None:
        if self.live_here:  # elsewhere the line about the finished run has them
            for line in news:
                self.say(line)

    def say(self, line: str, style: str = "") -> None:
        """Print a line; on a terminal broken between words, so that a path stays whole."""
        indent = " " * (len(line) - len(line.lstrip()))
        width = self.console.width if self.live_here else max(1, len(line))
        for part in textwrap.wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        ):
            self.console.print(Text(part, style=style), soft_wrap=True)


def error_in_curve(path: str, epoch: int) -> float | None:
    """Test error after an epoch (percent, statistics recomputed) in the curve of a run, None if it is not there."""
    with suppress(OSError, ValueError, KeyError):
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                if (row["epoch"], row["split"], row["metric"]) == (str(epoch), "test", "error_recomputed"):
                    return float(row["value"])
    return None
