"""Close-ups: test error at update 1, 2, 4, 8, ... of the epochs before and after a milestone.

For an arm as it is (`changed`) and for its twin whose setting stays what it was (`unchanged`). Looking changes no bit
of a run, so an epoch is looked at while it is trained; what no run trains, or what was trained without, is replayed
from the checkpoint at the end of the epoch before.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd

from ..results import code
from ..results.curves import CLOSEUP_COLUMNS
from ..study.plan import Run, key_chain, runs_with
from ..study.settings import Setting, milestones
from ..study.study import Study
from .checkpoints import Store
from .evaluation import answers, recomputed
from .loop import bring_to, known_epochs
from .trainer import Trainer


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


def replays_of(study: Study, run: Run) -> list[Replay]:
    """The replays that the close-ups of a run show."""
    return list(replays(run.settings, only_changed=study.arm(run.arm).role == "placebo"))


def epochs_looked_at(study: Study, run: Run) -> set[int]:
    """Epochs of a run, own or shared, that the close-ups of any run of its seed show."""
    return {
        replay.epoch
        for other in runs_with("closeups", study)
        if (other.seed, other.network) == (run.seed, run.network)
        for replay in replays_of(study, other)
        if replay.settings(other.settings) == run.settings[: replay.epoch]
    }


@dataclass
class Look:
    """Error and loss within one epoch, at each mark: call it with 0 before the epoch, then after every update.

    Measured on the first `images` test images, which are a random sample, with recomputed statistics. `seconds` is what
    looking took.
    """

    trainer: Trainer
    updates: int
    images: int
    seconds: float = 0.0
    values: dict[int, dict[str, float]] = field(default_factory=dict)

    def __post_init__(self):
        self.marks = marks(self.updates)

    def __call__(self, update: int) -> None:
        if update not in self.marks:
            return
        began, trainer = time.monotonic(), self.trainer
        sample = trainer.data.test.first(self.images)
        with recomputed(trainer.model, trainer.data, trainer.statistics, trainer.numerics):
            self.values[update] = answers(trainer.model, trainer.data, sample, trainer.numerics).summary()
        self.seconds += time.monotonic() - began

    def save(self, store: Store, key: str, setting: Setting) -> None:
        """Into the store, beside the record of the epoch."""
        record = {"updates": self.updates, "values": self.values, "setting": setting.described()}
        store.save_record(key, record, _kind(self.images))


def _kind(images: int) -> str:
    return f"closeup-{code.digest('training/closeups.py')}-{images}"


def closeup_rows(
    make_trainer: Callable[[], Trainer],
    store: Store,
    base: dict[str, Any],
    settings: tuple[Setting, ...],
    wanted: Iterable[Replay],
    updates_of: Callable[[Setting], int],
    images: int,
    labels: tuple[str, str, int],
) -> list[tuple]:
    """Rows (see CLOSEUP_COLUMNS) of the wanted replays of one run; what the store holds is not trained again.

    `updates_of` gives the updates of an epoch under a setting; `labels` are study, arm and seed. A run that diverged
    has no close-ups from there on.
    """
    keys = key_chain(base, settings)
    finite = [store.record(key)["diverged"] is False for key in keys[: known_epochs(store, keys) + 1]].count(True) - 1
    kind, trainer_of_run = _kind(images), cache(make_trainer)  # none is made where nothing is replayed
    rows = []
    for replay in wanted:
        if replay.epoch > finite:
            break
        chain = key_chain(base, replay.settings(settings))
        look_record = store.record(chain[-1], kind)
        if look_record is None:
            trainer = trainer_of_run()
            bring_to(trainer, store, chain, settings, replay.epoch - 1)
            look = Look(trainer, updates_of(replay.setting), images)
            look(0)
            trainer.train_epoch(replay.epoch, replay.setting, after_update=look)
            look.save(store, chain[-1], replay.setting)
            look_record = store.record(chain[-1], kind)
        for update, values in look_record["values"].items():
            position = replay.epoch - 1 + int(update) / look_record["updates"]
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
