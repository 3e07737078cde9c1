"""What train.log says about a run while it is being written."""

import re
from dataclasses import dataclass, field
from pathlib import Path

NUMBER = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
EPOCH = re.compile(r"^epoch (\d+)/(\d+)\b")
RATE = re.compile(rf"\blr {NUMBER}")
BATCH = re.compile(r"\bbatch (\d+)")
ERROR = re.compile(rf"\btest error {NUMBER} %(?: \({NUMBER} % recomputed\))?")
KNOWN = re.compile(r"\b(\d+) of them known already")
DIVERGED = re.compile(r"^epoch (\d+)/(\d+)\s+diverged")


@dataclass(frozen=True)
class Epoch:
    """One trained epoch: its number, learning rate, batch size and test error after it (percent, batch-norm statistics
    recomputed where the log has it).
    """

    number: int
    learning_rate: float
    batch_size: int
    test_error: float


def epoch(line: str) -> Epoch | None:
    """The epoch that a line of the log describes, None for any other line."""
    matches = [pattern.search(line) for pattern in (EPOCH, RATE, BATCH, ERROR)]
    number, rate, batch, error = matches
    if not (number and rate and batch and error):
        return None
    return Epoch(int(number[1]), float(rate[1]), int(batch[1]), float(error[2] or error[1]))


def known(line: str) -> int | None:
    """How many epochs of the run were there before it began, if the line says so."""
    match = KNOWN.search(line)
    return int(match[1]) if match else None


def diverged(line: str) -> bool:
    return bool(DIVERGED.search(line))


@dataclass
class Tail:
    """The lines that a file has gained since it was last looked at, from byte `written` on."""

    path: Path
    written: int = 0  # bytes that were there before
    offset: int = field(init=False)
    rest: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        self.offset = self.written

    def lines(self) -> list[str]:
        """Whole lines alone; none where the file is not there yet. A file written anew is read from its top."""
        try:
            size = self.path.stat().st_size
            if size == self.offset:
                return []
            if size < self.offset:
                self.offset, self.rest = 0, ""
            with self.path.open("rb") as file:
                file.seek(self.offset)
                content = file.read()
        except OSError:
            return []
        self.offset += len(content)
        *whole, self.rest = (self.rest + content.decode(errors="replace")).split("\n")
        return whole
