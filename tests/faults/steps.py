"""Steps of the workflow in processes of their own, to be killed: forked from a server that has imported what they need.

The server (of the standard library) is a fresh Python, so that nothing of a test is in it, and a step costs what it
does and not two seconds of imports.
"""

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NEEDED = [
    "errordrops.cli",
    "errordrops.training.runs",
    "errordrops.training.closeups",
    "errordrops.analysis.whole_study",
]
NEEDED += ["errordrops.figures.theme", "errordrops.report"]
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


def perform(arguments: Sequence[str], log: str, begun) -> None:
    """In the new process: one command of errordrops, what it says at the end of the log."""
    from errordrops import cli

    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    begun.send(True)
    sys.exit(cli.main(list(arguments)))


@dataclass
class Steps:
    """Commands with a common end (`--results ...`), and what was done to them."""

    log: Path
    common: Sequence[str]
    kills: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(NEEDED)

    def start(self, *arguments: str):
        """A process in which the command has begun."""
        here, there = self.context.Pipe(duplex=False)
        process = self.context.Process(target=perform, args=([*arguments, *self.common], str(self.log), there))
        process.start()
        there.close()
        here.recv()
        return process

    def whole(self, *arguments: str) -> float:
        """Run a command to its end; returns seconds."""
        began = time.monotonic()
        process = self.start(*arguments)
        process.join()
        assert process.exitcode == 0, self.log.read_text()
        return time.monotonic() - began

    def disturbed(
        self,
        seed: int,
        times: int,
        seconds: float,
        after_kill: Callable[[], None],
        at_end: Callable[[], None],
        *arguments,
    ) -> None:
        """Kill a command so many times, at random moments of the `seconds` that it takes, then let it end.

        Each time the same command is started again. One that comes to its end before it is killed counts for nothing;
        `at_end` then looks at what it made and takes it away.
        """
        draw, killed = random.Random(seed), 0
        while killed < times:
            moment, how = draw.uniform(0, seconds), SIGNALS[killed % 2]
            process, began = self.start(*arguments), time.monotonic()
            process.join(moment)
            if process.exitcode is None:
                os.kill(process.pid, how)
            process.join()
            if process.exitcode == 0:
                seconds = min(seconds, time.monotonic() - began)  # the machine may have been slower before
                at_end()
                continue
            assert process.exitcode == -how, self.log.read_text()
            killed += 1
            self.kills.append(f"{arguments[0]}: {how.name} after {moment:.3f} s")
            after_kill()
        self.whole(*arguments)
        at_end()
        print(*self.kills, sep="\n")
