"""Snakemake's lock, where the workflow that took it was killed.

Snakemake locks a folder by files that only it removes, so that after a kill the same command is refused. The system's
own file lock ends with its process, whatever ended that, and tells a lock that was left from one that is held.
"""

import sys
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

_held: list[IO] = []  # until this process ends


def take_over(folder: Path) -> bool:
    """Remove what is left of locks in `folder` (.snakemake) unless a workflow runs there. True if this one may."""
    if sys.platform == "win32":  # no such lock: `snakemake --unlock` is left to the user
        return False
    try:
        folder.mkdir(exist_ok=True)
        handle = (folder / "errordrops.lock").open("w")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another holds it, or this file system knows no such locks
        return False
    _held.append(handle)
    for left in (folder / "locks").glob("*"):
        left.unlink(missing_ok=True)
    return True
