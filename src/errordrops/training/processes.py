"""Several processes that train one run together, one a GPU, as `torchrun` starts them; of one machine or many.

The first of them alone writes, and reads what a decision depends on: the others are told, so that all take the same
way however late a file shows on another machine.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import distributed

from .checkpoints import State, Store

T = TypeVar("T")


def count() -> int:
    """Processes that train this run together; 1 without torchrun."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """The number of this one, from 0."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def here() -> int:
    """Processes on this machine."""
    return int(os.environ["LOCAL_WORLD_SIZE"]) if count() > 1 else 1


def join(device: str) -> None:
    """Meet the others, by NCCL on GPUs, each of which takes its own, else by Gloo. Nothing to do for one process."""
    if count() == 1 or distributed.is_initialized():
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")


def leave() -> None:
    """Part from the others."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def told_by_first(find: Callable[[], T]) -> T:
    """What `find` gives in the first process, in all of them. Its error, if any, is raised in all of them."""
    message: list[Any] = [None, None]
    if rank() == 0:
        try:
            message[0] = find()
        except Exception as error:
            message[1] = error
    distributed.broadcast_object_list(message, src=0)
    if message[1] is not None:
        raise message[1]
    return message[0]


class SharedStore(Store):
    """The store as all processes see it: the first writes and reads, the others learn what it read."""

    def __init__(self, folder: Path):
        if rank() == 0:
            super().__init__(folder)
        self.folder = folder

    def has_state(self, key: str) -> bool:
        return told_by_first(lambda: Store.has_state(self, key))

    def load_state(self, key: str) -> State | None:
        return told_by_first(lambda: Store.load_state(self, key))

    def save_state(self, key: str, state: State, for_good: bool = True) -> None:
        if rank() == 0:
            Store.save_state(self, key, state, for_good)

    def drop_latest(self, key: str) -> None:
        if rank() == 0:
            Store.drop_latest(self, key)

    def record(self, key: str, kind: str = "record") -> Any:
        return told_by_first(lambda: Store.record(self, key, kind))

    def save_record(self, key: str, content: Any, kind: str = "record") -> None:
        if rank() == 0:
            Store.save_record(self, key, content, kind)


def store(folder: Path) -> Store:
    """The store in a folder, for one process or many."""
    return SharedStore(folder) if count() > 1 else Store(folder)
