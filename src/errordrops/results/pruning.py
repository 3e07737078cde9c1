"""Checkpoints that other code left: a change of what trains begins a store of its own, and the old one stays."""

import shutil
from pathlib import Path

from .code import training_digest
from .layout import Layout


def outdated(layout: Layout) -> dict[Path, int]:
    """The stores of a study that the code as it is now would not read, with their bytes."""
    now = layout.store(training_digest())
    stores = (folder for folder in now.parent.glob("*") if folder.is_dir() and folder != now)
    return {store: sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) for store in sorted(stores)}


def prune(layout: Layout) -> dict[Path, int]:
    """Remove them, and the links of runs that led there; returns what there was."""
    removed = outdated(layout)
    for store in removed:
        shutil.rmtree(store)
    for link in layout.root.glob("runs/*/seed*/checkpoints/*"):
        if link.is_symlink() and not link.exists():
            link.unlink()
    return removed


def words(removed: dict[Path, int], done: bool) -> list[str]:
    """A line each, and what it comes to."""
    if not removed:
        return ["no checkpoints of other code: nothing to free"]
    lines = [f"{store}: {_size(size)}" for store, size in removed.items()]
    return [*lines, f"{'freed' if done else 'would free'} {_size(sum(removed.values()))}"]


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
