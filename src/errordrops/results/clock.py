"""Files from the future: what a clock that was set back leaves behind."""

import os
import time
from contextlib import suppress
from pathlib import Path


def bring_to_present(*folders: Path) -> int:
    """Give files that are newer than now the present time, in their order; returns how many there were.

    Snakemake refuses a job whose output is older than an input, and would until the clock has caught up. Checkpoints,
    which no rule declares, are left as they are.
    """
    now, newer = time.time(), []
    for folder in folders:
        for place, inside, names in os.walk(folder):
            inside[:] = [name for name in inside if name != "checkpoints"]
            for path in (Path(place, name) for name in names):
                with suppress(OSError):  # gone in the meantime
                    newer += [(path.stat().st_mtime, path)] if path.stat().st_mtime > now else []
    for left, (_, path) in enumerate(sorted(newer, reverse=True), start=1):
        with suppress(OSError):  # it may be somebody else's; Snakemake then says what it says
            os.utime(path, (now - left / 1000, now - left / 1000))
    return len(newer)
