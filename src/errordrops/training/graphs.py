"""Updates recorded once and replayed: on a GPU a small network's hundreds of kernels are launched by one call.

A CUDA graph repeats the same kernels on the same memory, so each kind of batch is recorded for itself, its images are
copied into place, and what the recording has changed is put back. Nothing waits for the GPU within an epoch.
"""

import logging
from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from .perturbation import Piece

WARM_UP = 3  # runs before recording, in which libraries make their workspaces
Record = Callable[[Callable[[], None]], Callable[[], None]]


class Graphs:
    """Recorded updates by kind. `record` turns a function without arguments into one that repeats its work."""

    def __init__(self, record: Record):
        self.record = record
        self.works = True
        self._replays: dict[Hashable, tuple[list[Piece], Callable[[], None]]] = {}
        self._common: Hashable = None

    def run(
        self,
        common: Hashable,
        kind: Hashable,
        pieces: list[Piece],
        update: Callable[[list[Piece]], None],
        changed: Callable[[], Sequence[Tensor]],
        forget: Callable[[], None],
    ) -> None:
        """Do `update(pieces)`, by replay where this kind was recorded before.

        `common`: what all recordings that are kept share; with another one they are thrown away. `changed()`: every
        tensor that an update changes; they must stay where they are. `forget()` drops gradients that an update leaves
        where it is broken off. Where recording fails, a line of the log says so and updates are done one by one.
        """
        if common != self._common:
            self._replays.clear()
            self._common = common
        if self.works and kind not in self._replays:
            self._try_recording(kind, pieces, update, changed(), forget)
        if not self.works:
            update(pieces)
            return
        places, replay = self._replays[kind]
        for place, piece in zip(places, pieces, strict=True):
            for inside, given in zip(place, piece, strict=True):
                inside.copy_(given)
        replay()

    def _try_recording(
        self,
        kind: Hashable,
        pieces: list[Piece],
        update: Callable[[list[Piece]], None],
        changed: Sequence[Tensor],
        forget: Callable[[], None],
    ) -> None:
        places = [tuple(tensor.clone() for tensor in piece) for piece in pieces]
        kept = [tensor.detach().clone() for tensor in changed]
        try:
            self._replays[kind] = places, self.record(lambda: update(places))
        except RuntimeError as error:  # out of memory is one as well
            self.works = False
            self._replays.clear()
            forget()
            reason = str(error).splitlines()[0]
            logging.getLogger(__name__).warning("CUDA graphs are not used, updates are launched one by one: %s", reason)
        with torch.no_grad():
            for tensor, value in zip(changed, kept, strict=True):
                tensor.copy_(value)


def cuda_recorder() -> Record:
    """Recording by CUDA graphs, which all share one pool of memory: nothing in it is needed after a replay."""
    pool = torch.cuda.graph_pool_handle()

    def record(work: Callable[[], None]) -> Callable[[], None]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                work()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # what other threads do meanwhile, such as the one that pins memory, is none of this recording
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            work()
        return graph.replay

    return record


def graphs_for(device: str) -> Graphs | None:
    """Graphs on an NVIDIA GPU, None elsewhere: a processor has no launches to save."""
    return Graphs(cuda_recorder()) if device == "cuda" and torch.version.cuda else None
