"""One run as the probes see it: its checkpoints around the milestone, epochs trained again, directions of curvature.

Moments: "before" (at the milestone m, or the date of the seed's forks), "during" (a few updates into epoch m + 1),
"after" and "later" (the ends of the first and last epoch that the study names).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..results import code
from ..study import forks
from ..study.batching import updates_per_epoch
from ..study.plan import find_run
from ..study.settings import Setting
from ..study.study import CONTROL
from ..training.loop import bring_to
from ..training.runs import Session
from ..training.trainer import Trainer
from . import spectrum
from .surface import Surface, flat, weights_of

DURING = 8  # updates: about as many as momentum 0.9 remembers
Row = tuple[str, str, float, float, float, float]  # moment, quantity, index, x, y, value


def row(moment: str, quantity: str, value: float, index: float = float("nan"), x=float("nan"), y=float("nan")) -> Row:
    """One number that a probe found; `index` counts directions from 0, x and y are places on a line or map."""
    return moment, quantity, float(index), float(x), float(y), float(value)


@dataclass
class Subject:
    """A run, opened for probing. `trainer` continues it exactly; losses are taken in float32."""

    session: Session

    @cached_property
    def trainer(self) -> Trainer:
        return self.session.trainer()

    @property
    def probes(self) -> dict[str, Any]:
        return dict(self.session.study.probes)

    @property
    def milestone(self) -> int:
        return forks.probed_epoch(self.session.study, self.session.run.seed)

    @property
    def kind(self) -> str:
        """The run's own optimiser, whatever the study's: momentum, nesterov, adam (see `plan.recipe`)."""
        recipe = self.session.recipe
        return "adam" if recipe.get("optimizer") == "adam" else "nesterov" if recipe["nesterov"] else "momentum"

    @cached_property
    def control(self) -> "Subject":
        """The run of the same seed in which nothing changes."""
        session = self.session
        run = find_run(session.study, CONTROL, session.run.seed)
        return Subject(Session(session.study, run, session.layout, session.device))

    @property
    def settings(self) -> tuple[Setting, ...]:
        return self.session.run.settings

    def epoch_of(self, moment: str) -> int:
        """The epoch at whose end a moment lies."""
        return (
            self.milestone + {"before": 0, "after": self.probes["after"][0], "later": self.probes["after"][-1]}[moment]
        )

    def setting_of(self, moment: str) -> Setting:
        """What the epoch up to a moment was trained with."""
        return self.settings[(self.milestone + 1 if moment == "during" else self.epoch_of(moment)) - 1]

    def weights(self, moment: str, part: str = "model") -> Tensor:
        """The weights (P,) at a moment; `part`: "model", or "averaged" for their average with the shortest memory."""
        if moment == "during":
            return self.replay(self.milestone + 1, until=DURING)[-1]
        return weights_of(self._state(self.epoch_of(moment)), self.trainer.model, part)

    def _state(self, epoch: int) -> dict[str, Tensor]:
        store, keys = self.session.store, self.session.keys
        state = store.load_state(keys[epoch])
        if state is None:
            self.bring_to(epoch)
            state = self.trainer.state()
        return {name: tensor.to(self.trainer.data.mean.device) for name, tensor in state.items()}

    def bring_to(self, epoch: int) -> None:
        """Put the state after an epoch into the trainer."""
        bring_to(self.trainer, self.session.store, self.session.keys, self.settings, epoch)

    def replay(self, epoch: int, setting: Setting | None = None, until: int | None = None) -> Tensor:
        """The weights (updates, P) after every update of an epoch, trained once more; `setting` in place of its own."""
        self.bring_to(epoch - 1)
        path: list[Tensor] = []

        def remember(update: int) -> None:
            if until is None or update <= until:
                path.append(flat(self.trainer.optimizer.parameters))

        self.trainer.train_epoch(epoch, setting or self.settings[epoch - 1], after_update=remember)
        return torch.stack(path)

    def updates(self, setting: Setting) -> int:
        return updates_per_epoch(len(self.trainer.data.train), setting.batch_size)

    def surface(self, images: int) -> Surface:
        """The loss of the last `images` training images: for 2,000 those on which train_eval is measured."""
        sample = self.trainer.data.train.last(images)
        return Surface(self.trainer.model, self.trainer.data.normalise(sample.images), sample.labels)

    def reading(self) -> Surface:
        """The loss on which falls are read."""
        return self.surface(self.trainer.train_eval_images)

    @property
    def precise(self):
        """The trainer's numerics in float32."""
        return replace(self.trainer.numerics, precision="fp32")

    def remembered(self, name: str, moment: str, make: Callable[[], Any]) -> Any:
        """What `make` gives for the state at a moment (JSON), kept beside it: runs that share the state share it."""
        store, kind = self.session.store, f"{name}-{self._digest()}"
        key = self.session.keys[self.epoch_of(moment)]
        known = store.record(key, kind)
        if known is None:
            store.save_record(key, make(), kind)
            known = store.record(key, kind)
        return known

    def directions(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues (2 k,), falling, and orthonormal eigenvectors (P, 2 k) of the Hessian at the milestone: the k
        leading ones and the k at the other end, or what was found of them.
        """
        spectrum = self._spectrum
        return spectrum["values"], spectrum["vectors"].to(self.trainer.data.mean.device)

    def leading(self) -> tuple[Tensor, Tensor]:
        """Of these the leading ones, (k,) and (P, k): fewer than asked for where not all were found."""
        values, vectors = self.directions()
        k = int(self._spectrum["leading"])
        return values[:k], vectors[:, :k]

    @cached_property
    def _spectrum(self) -> dict[str, Tensor]:
        """values, vectors, leading (how many of them lead). Kept beside the state."""
        store, name = self.session.store, f"{self.session.keys[self.milestone]}-spectrum-{self._digest()}"
        known = store.load_state(name)
        if known is None:
            surface = self.surface(self.probes["images"])
            product = surface.hessian(self.weights("before"))
            values, vectors, leading = spectrum.ends(product, surface.size, self.probes["directions"])
            known = {"values": torch.from_numpy(values.copy()), "vectors": torch.from_numpy(vectors.copy()).float()}
            known["leading"] = torch.tensor([leading])
            store.save_state(name, known)
        return known

    def _digest(self) -> str:
        """What a spectrum depends on besides the state."""
        made = code.digest("probes/hessian.py", "probes/spectrum.py", "probes/surface.py")
        return f"{made}-{self.probes['images']}-{self.probes['directions']}"
