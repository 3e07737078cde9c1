"""A failed step in few words: what the job itself said, where its log is, what to do."""

import re
from pathlib import Path

LAST = 20_000  # bytes of a log that are read
LINES = 8  # of a message that are shown
WIDTH = 96
OWN = re.compile(r"^errordrops [a-z-]+: (.+)$")
STOPPED = ("KeyboardInterrupt", "stopped by the user")
KILLED = "the job ended without a word; on a machine that runs out of memory the system ends jobs so"
OUR_FAULT = "This is a mistake in the program; please report it with this log."
MEND = "Mend this and give the same command again."
AGAIN = "Mend what is said above and give the same command again: what is finished is kept."
# exceptions' texts that Snakemake sets around ours
HEADER = re.compile(r"^(?:(?:WorkflowError|InputFunctionException|LockException)[^\n]*:\n)?(?:Error: )?")
PLACE = re.compile(r"\n  File \"[^\n]*", re.MULTILINE)


def tail(path: Path, written: int = 0) -> str:
    """The end of a log, without what was there before byte `written`."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(min(written, size), size - LAST))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def message(log: str) -> list[str]:
    """What the job said last: its own message, else the last line of a traceback, else the last line."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    for place in reversed(range(len(lines))):
        own = OWN.match(lines[place])
        if own:
            return [own[1], *lines[place + 1 :]][:LINES]
    return [lines[-1].strip()] if lines else [KILLED]


def is_traceback(log: str) -> bool:
    """Whether the job ended by an error that nobody had foreseen."""
    lines = log.splitlines()
    return any(line.startswith("Traceback ") for line in lines) and not any(OWN.match(line) for line in lines)


def stopped(log: str) -> bool:
    """Whether the job was interrupted from the keyboard: no failure of its own."""
    lines = log.strip().splitlines()
    return bool(lines) and any(word in lines[-1] for word in STOPPED)


def failed(step: str, log: str, path: str | None) -> list[str]:
    """The lines about a failed job."""
    lines = [f"Failed: {step}", *(f"  {_clipped(line)}" for line in message(log))]
    if is_traceback(log):
        lines.append(f"  {OUR_FAULT}")
    return [*lines, *([f"  Log: {path}"] if path else [])]


def _clipped(line: str) -> str:
    """Details, which are indented, in one line of a terminal; the log has all of them."""
    return line if len(line) <= WIDTH or not line.startswith(" ") else f"{line[: WIDTH - 4]} ..."


def before_start(text: str) -> str:
    """An error that Snakemake met before any job, without Snakemake's header where the message is ours."""
    return PLACE.sub("", HEADER.sub("", text.strip(), count=1)).strip()


def end(failures: int, left: int) -> list[str]:
    """The last lines where something failed."""
    steps = "1 step" if failures == 1 else f"{failures} steps"
    rest = f"; {left} that need it or come after it were not started" if left else ""
    return [f"Not complete: {steps} failed{rest}.", AGAIN]
