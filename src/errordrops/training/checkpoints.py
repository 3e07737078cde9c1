"""The store of a study: what is known after each epoch, under the key of what determined it.

`KEY.safetensors` is the state (weights, batch-norm statistics, momentum, averages), nothing executable;
`KEY.record.json` is the record (what was measured). Resuming, forking and reusing are one thing: look the key up. Files
appear whole or not at all, and each holds the SHA-256 of what is in it: a damaged one is as good as none.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..files import note_damage, write_bytes
from .averages import Average
from .optimizer import Optimizer

State = dict[str, Tensor]


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


def _digest(state: State) -> str:
    """The SHA-256 of a state: names, types, shapes and bits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _digest_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


class Store:
    """States and records in one folder.

    The latest state of a run that is still trained may be kept for a while, whatever states are kept for good: as
    `KEY.latest.safetensors`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def state_path(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _latest(self, key: str) -> Path:
        return self.folder / f"{key}.latest.safetensors"

    def has_state(self, key: str) -> bool:
        return self.state_path(key).exists() or self._latest(key).exists()

    def load_state(self, key: str) -> State | None:
        """The state of a key; None if there is none, or only a damaged one, which the log then names."""
        for path in filter(Path.exists, (self.state_path(key), self._latest(key))):
            try:
                with safe_open(path, framework="pt") as file:
                    state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                    stated = (file.metadata() or {}).get("sha256")
            except SafetensorError as error:
                note_damage(path, str(error))
                continue
            if stated == _digest(state):
                return state
            note_damage(path, "its tensors do not have the SHA-256 that it states")
        return None

    def save_state(self, key: str, state: State, for_good: bool = True) -> None:
        path = self.state_path(key) if for_good else self._latest(key)
        write_bytes(path, save(state, {"sha256": _digest(state)}))

    def drop_latest(self, key: str) -> None:
        """Let go of a state that was not kept for good."""
        self._latest(key).unlink(missing_ok=True)

    def record(self, key: str, kind: str = "record") -> Any:
        """The record (or close-up) of a key; None if there is none, or a damaged one, which the log then names."""
        path = self.folder / f"{key}.{kind}.json"
        if not path.exists():
            return None
        try:
            stored = json.loads(path.read_bytes())
            content, stated = stored["content"], stored["sha256"]
        except (ValueError, KeyError, TypeError):
            note_damage(path, "it is not a whole record")
            return None
        if stated != _digest_of(content):
            note_damage(path, "its content does not have the SHA-256 that it states")
            return None
        return content

    def save_record(self, key: str, content: Any, kind: str = "record") -> None:
        # as it will be read: JSON knows no whole numbers as keys
        text = json.dumps({"sha256": _digest_of(content), "content": content})
        write_bytes(self.folder / f"{key}.{kind}.json", text.encode())
