"""Training: one run, from wherever its past is already known."""

import logging
import math
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from ..results.curves import pack, unpack
from ..study.settings import Setting
from .checkpoints import Store
from .evaluation import corrections
from .numerics import describe
from .trainer import Trainer


class Looker(Protocol):
    """What looks into an epoch (see `closeups.Look`): called with 0 before it and after every update."""

    seconds: float

    def __call__(self, update: int) -> None: ...

    def save(self, store: Store, key: str, setting: Setting) -> None: ...


Extras = Callable[[int], Collection[str]]


def no_extras(epoch: int) -> Collection[str]:
    """Nothing but what is measured after every epoch."""
    return ()


def known_epochs(store: Store, keys: list[str], extras: Extras = no_extras) -> int:
    """The last epoch up to which a chain of keys is recorded without a gap, -1 for none; a diverged one ends it.

    A record without what `extras` asks for after its epoch (see `Trainer.evaluate`) does not count.
    """
    for epoch, key in enumerate(keys):
        record = store.record(key)
        if record is None or not set(record["extras"]).issuperset(extras(epoch)):
            return epoch - 1
        if record["diverged"]:
            return epoch
    return len(keys) - 1


def bring_to(trainer: Trainer, store: Store, keys: list[str], settings: tuple[Setting, ...], epoch: int) -> None:
    """Put the state after `epoch` into the trainer: load the nearest kept one, or else begin, and replay the gap.

    A state that is found damaged is kept anew when the replay comes by it.
    """
    start, state, damaged = epoch + 1, None, []
    while start > 0 and state is None:
        start -= 1
        if store.has_state(keys[start]):
            state = store.load_state(keys[start])
            damaged += [start] if state is None else []
    if state is not None:
        trainer.restore(state)
    else:
        logging.getLogger(__name__).warning("no checkpoint is left up to epoch %d: replayed from the beginning", epoch)
        trainer.begin()
    for replayed in range(start, epoch + 1):
        if replayed > start:
            trainer.train_epoch(replayed, settings[replayed - 1])
        if replayed in damaged:
            store.save_state(keys[replayed], trainer.state())


def train(
    trainer: Trainer,
    store: Store,
    keys: list[str],
    settings: tuple[Setting, ...],
    checkpoint_every: int,
    say: Callable[[str], None],
    until: int | None = None,
    look_at: Callable[[int], "Looker | None"] = lambda epoch: None,
    extras: Extras = no_extras,
) -> int:
    """Train what of a run, up to epoch `until` if given, is not yet in the store. Returns the number of epochs trained.

    `look_at` gives what looks into an epoch as it is trained, None for most; its time counts as evaluation. `extras`
    gives for an epoch what is measured besides, as in `Trainer.evaluate`.
    A run of which a loss, in training or evaluation, is no longer finite is recorded as diverged and ends there.
    """
    known, last = known_epochs(store, keys, extras), len(settings) if until is None else until
    if known >= 0 and (known >= last or store.record(keys[known])["diverged"]):
        return 0
    if known < 0:
        _finish_epoch(trainer, store, keys, 0, {}, 0, 0.0, keep=True, extras=extras(0))
        known = 0
    else:
        bring_to(trainer, store, keys, settings, known)
        for key in keys[:known]:  # left where a process was killed
            store.drop_latest(key)
    began = time.monotonic()
    for epoch in range(known + 1, last + 1):
        setting, look = settings[epoch - 1], look_at(epoch)
        started = time.monotonic()
        if look:
            look(0)
        running, updates = trainer.train_epoch(epoch, setting, after_update=look or (lambda update: None))
        looking = look.seconds if look else 0.0
        seconds = time.monotonic() - started - looking
        keep = epoch % checkpoint_every == 0 or epoch == len(settings)
        running |= trainer.weight_scale(setting)
        seen = partial(look.save, store, keys[epoch], setting) if look else None
        record = _finish_epoch(
            trainer, store, keys, epoch, running, updates, seconds, keep, extras(epoch), looking, seen
        )
        if record["diverged"]:
            say(f"epoch {epoch}/{len(settings)}  diverged: a loss is no longer finite; the run ends here")
            return epoch - known
        done, left = epoch - known, len(settings) - epoch
        test = record["values"]["test"]
        raw = f"{test['error']:.2f} % with running statistics, " if "error" in test else ""
        say(
            f"epoch {epoch}/{len(settings)}  lr {setting.learning_rate:g}  batch {setting.batch_size}  "
            f"updates {updates}  train loss {running['loss']:.4f}  train error {running['error']:.2f} %  "
            f"test error {raw}{test['error_recomputed']:.2f} % recomputed  "
            f"{time.monotonic() - started:.1f} s  left {_clock((time.monotonic() - began) / done * left)}"
        )
    return last - known


def _finish_epoch(
    trainer: Trainer,
    store: Store,
    keys: list[str],
    epoch: int,
    running: dict[str, float],
    updates: int,
    seconds: float,
    keep: bool,
    extras: Collection[str],
    seconds_looking: float = 0.0,
    save_look: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Measure; save the state and what looked into the epoch, after them the record: it is only there if they were.

    A state that is not to be kept is let go after the next record: an interruption costs one epoch at most.
    """
    started = time.monotonic()
    measured, to_test = ({}, {}) if not math.isfinite(running.get("loss", 0)) else trainer.evaluate(extras)
    losses = [v for split in measured.values() for metric, v in split.items() if metric.startswith("loss")]
    # the last update of an epoch shows in the evaluation only
    diverged = not losses or not all(map(math.isfinite, losses))
    right = {name: given.right.cpu().numpy() for name, given in to_test.items()}
    if not diverged:
        if epoch:
            before = store.record(keys[epoch - 1])["right"]
            before = {name: unpack(text, len(right["recomputed"])) for name, text in before.items()}
            if "averaged" in before:
                measured["test"] |= corrections(before, right["recomputed"])
        store.save_state(keys[epoch], trainer.state(), for_good=keep)
        if save_look:
            save_look()
    record = {
        "values": {} if diverged else {"train": running, **measured},
        "right": {name: pack(mask) for name, mask in right.items()},
        "updates": updates,
        "examples": len(trainer.data.train) if updates else 0,
        "seconds_training": seconds,
        "seconds_evaluation": seconds_looking + time.monotonic() - started,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "numerics": describe(trainer.numerics),
        "diverged": diverged,
        "extras": sorted(extras),
    }
    store.save_record(keys[epoch], record)
    if epoch:
        store.drop_latest(keys[epoch - 1])
    return record


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
