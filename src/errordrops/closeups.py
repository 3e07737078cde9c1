"""Close-ups: test error at update 1, 2, 4, 8, ... of the epochs before and after a milestone, as replays.

A replay starts from the checkpoint at the end of the epoch before and trains one epoch again, for an arm as it is
(`changed`) and for its twin whose setting stays what it was (`unchanged`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from .checkpoints import Store
from .curves import CLOSEUP_COLUMNS
from .evaluation import answers, recomputed
from .plan import closeup_digest, key_chain
from .schedules import Setting, milestones
from .training import Trainer, bring_to, known_epochs


@dataclass(frozen=True)
class Replay:
    """One epoch to train again: `epoch` under `setting`, from the state after epoch - 1."""

    milestone: int
    epoch: int
    branch: str
    setting: Setting

    def settings(self, arm: tuple[Setting, ...]) -> tuple[Setting, ...]:
        """The settings of all epochs up to and including the replayed one."""
        return (*arm[: self.epoch - 1], self.setting)


def replays(settings: tuple[Setting, ...], only_changed: bool = False) -> Iterator[Replay]:
    """The replays of an arm: at each milestone m epoch m, and epoch m + 1 without and with the change.

    `only_changed`: nothing but the last milestone with the change; a placebo has the others in common with the arm that
    it is a placebo for.
    """
    for m in milestones(settings)[-1 if only_changed else 0 :]:
        before, after = settings[m - 1], settings[m]
        if not only_changed:
            yield Replay(m, m, "unchanged", before)
            yield Replay(m, m + 1, "unchanged", before)
        yield Replay(m, m + 1, "changed", after)


def marks(updates: int) -> set[int]:
    """Updates at which to evaluate: 0, 1, 2, 4, 8, ... and the last."""
    return {0, updates} | {2**k for k in range(updates.bit_length()) if 2**k < updates}


def closeup(trainer: Trainer, replay: Replay, updates: int, images: int) -> dict[str, Any]:
    """Train the replayed epoch; the trainer holds the state before it. Error and loss at each mark.

    Measured on the first `images` test images, which are a random sample, with recomputed statistics.
    """
    sample, at = trainer.data.test.first(images), marks(updates)
    values = {}

    def look(update: int) -> None:
        if update in at:
            with recomputed(trainer.model, trainer.data, trainer.statistics_images, trainer.numerics):
                values[update] = answers(trainer.model, trainer.data, sample, trainer.numerics).summary()

    look(0)
    trainer.train_epoch(replay.epoch, replay.setting, after_update=look)
    return {"updates": updates, "values": values, "setting": replay.setting.described()}


def closeup_rows(
    trainer: Trainer,
    store: Store,
    base: dict[str, Any],
    settings: tuple[Setting, ...],
    wanted: Iterable[Replay],
    updates_of: dict[int, int],
    images: int,
    labels: tuple[str, str, int],
) -> list[tuple]:
    """Rows (see CLOSEUP_COLUMNS) of the wanted replays of one run; one that the store holds is not trained again.

    `updates_of` gives the updates of an epoch by batch size; `labels` are study, arm and seed. A run that diverged has
    no close-ups from there on.
    """
    keys = key_chain(base, settings)
    finite = [store.record(key)["diverged"] is False for key in keys[: known_epochs(store, keys) + 1]].count(True) - 1
    kind = f"closeup-{closeup_digest(images)}"
    rows = []
    for replay in wanted:
        if replay.epoch > finite:
            break
        chain = key_chain(base, replay.settings(settings))
        found = store.record(chain[-1], kind)
        if found is None:
            bring_to(trainer, store, chain, settings, replay.epoch - 1)
            found = closeup(trainer, replay, updates_of[replay.setting.batch_size], images)
            store.save_record(chain[-1], found, kind)
        for update, values in found["values"].items():
            position = replay.epoch - 1 + int(update) / found["updates"]
            for metric in ("error", "loss"):
                rows.append(
                    (
                        *labels,
                        replay.milestone,
                        replay.epoch,
                        replay.branch,
                        int(update),
                        position,
                        replay.setting.learning_rate,
                        replay.setting.batch_size,
                        "test",
                        f"{metric}_recomputed",
                        values[metric],
                    )
                )
    return rows


def frame(rows: list[tuple]) -> pd.DataFrame:
    """The rows as a table."""
    return pd.DataFrame(rows, columns=CLOSEUP_COLUMNS)
