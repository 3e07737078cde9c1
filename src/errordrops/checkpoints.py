"""The store of a study: what is known after each epoch, under the key of what determined it.

`KEY.safetensors` is the state (weights, batch-norm statistics, momentum, averages), nothing executable;
`KEY.record.json` is the record (what was measured). Resuming, forking and reusing are one thing: look the key up. Files
appear whole or not at all.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .averages import Average
from .errors import UserError
from .optimizer import Optimizer

State = dict[str, Tensor]


class CheckpointError(UserError):
    """A checkpoint that is needed and not there."""


def capture(model: nn.Module, optimizer: Optimizer, averages: Sequence[Average] = ()) -> State:
    """A copy of the whole training state, by name."""
    state = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for average in averages:
        names = (name for name, _ in model.named_parameters())
        state |= {f"{average.name}.{name}": tensor for name, tensor in zip(names, average.weights, strict=True)}
    for kind, buffers in optimizer.buffers.items():
        names = (name for name, _ in model.named_parameters())
        state |= {f"{kind}.{name}": tensor for name, tensor in zip(names, buffers, strict=True)}
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def restore(state: State, model: nn.Module, optimizer: Optimizer, averages: Sequence[Average] = ()) -> None:
    """Put a state into a model, its optimiser and its averages. Copies: two forks of one state share no memory."""
    model.load_state_dict({n.removeprefix("model."): t for n, t in state.items() if n.startswith("model.")})
    for average in averages:
        for (name, _), tensor in zip(model.named_parameters(), average.weights, strict=True):
            tensor.copy_(state[f"{average.name}.{name}"])
    for kind, buffers in optimizer.buffers.items():
        for (name, _), tensor in zip(model.named_parameters(), buffers, strict=True):
            tensor.copy_(state[f"{kind}.{name}"])


class Store:
    """States and records in one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def state_path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def has_state(self, key: str) -> bool:
        return self.state_path(key).exists()

    def load_state(self, key: str) -> State:
        return load_file(self.state_path(key))

    def save_state(self, key: str, state: State) -> None:
        temporary = self.folder / f".{key}.{os.getpid()}.safetensors"
        save_file(state, temporary)
        temporary.replace(self.state_path(key))

    def record(self, key: str, kind: str = "record") -> Any:
        """The record (or close-up) of a key, None if there is none."""
        path = self.folder / f"{key}.{kind}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def save_record(self, key: str, content: Any, kind: str = "record") -> None:
        path = self.folder / f"{key}.{kind}.json"
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(content))
        temporary.replace(path)
