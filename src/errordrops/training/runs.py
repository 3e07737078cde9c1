"""The steps that train: a run, its close-ups, its audit (forks that change nothing).

Files in, files out; what is between is in training.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ..data import epoch as epochs
from ..data import prepare
from ..files import check, whole, write_csv, write_json
from ..results import curves
from ..results.code import training_digest
from ..results.layout import Layout
from ..results.provenance import commit, distinct
from ..study.batching import updates_per_epoch
from ..study.plan import Run, key_chain, recipe, recipe_key
from ..study.plateau import plateau_settings
from ..study.settings import Setting, phases, shared_epochs
from ..study.study import Study, check_batches
from . import closeups, distributed, numerics
from .checkpoints import State, Store
from .loop import bring_to, known_epochs, train
from .trainer import Trainer


@dataclass
class Session:
    """One run on this machine: its identity, the store, and a trainer made when it is needed."""

    study: Study
    run: Run
    layout: Layout
    device: str

    def __post_init__(self):
        study, self.planned = self.study, self.run
        self.facts = prepare.facts(self.layout.data)
        check_batches(study.path, "arms", study.arm(self.run.arm), self.facts["train_images"])
        pixels = self.facts["shape"][1] * self.facts["shape"][2]
        self.numerics = numerics.choose(self.device, study.precision, study.threads, study.group_size, pixels)
        distributed.join(self.numerics.device)
        self.recipe = recipe(study, self.run)
        known_by = numerics.identity(self.numerics)
        self.base = {"recipe": self.recipe, "data": self.facts["checksum"], "numerics": known_by}
        self.keys = key_chain(self.base, self.run.settings)
        self.store = distributed.store(self.layout.store(training_digest()))

    def trainer(self) -> Trainer:
        dataset = self.study.dataset
        device = torch.device(self.numerics.device)
        check(self.layout.data)
        if dataset["name"] == "imagenet":
            from ..data import stored  # torchvision takes longer to import than a short run's epoch

            data = stored.load(self.layout.data, device, dataset["flip"])
        else:
            data = epochs.load(self.layout.data, device, dataset, self.run.seed)
        return Trainer.create(self.recipe, data, self.numerics)

    def updates_of(self, setting: Setting) -> int:
        """Parameter updates of an epoch under a setting."""
        return updates_per_epoch(self.facts["train_images"], setting.batch_size)

    def looks(self, trainer: Trainer) -> Callable[[int], closeups.Look | None]:
        """For an epoch of the run what looks into it, None where no close-up shows it."""
        shown, images = closeups.epochs_looked_at(self.study, self.run), self.study.evaluation["closeup_images"]
        settings = self.run.settings
        return lambda epoch: (
            closeups.Look(trainer, self.updates_of(settings[epoch - 1]), images) if epoch in shown else None
        )


def train_run(study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Train one run from where its past is known; write curve.csv and run.json and link its checkpoints."""
    session = Session(study, run, layout, device)
    store, keys = session.store, session.keys
    known = known_epochs(store, keys, run.extras)
    if run.plateau:
        say(f"run {run.arm} seed {run.seed}: the rule decides, epoch by epoch; what is known already is not said again")
        _follow_rule(session, say)
    elif known == len(run.settings):
        say(f"run {run.arm} seed {run.seed}: every epoch is known already")
    else:
        say(
            f"run {run.arm} seed {run.seed}: {len(run.settings)} epochs, {max(known, 0)} of them known already; "
            f"{session.numerics.device}, {session.numerics.precision}, {study.threads} thread(s)"
        )
        trainer = session.trainer()
        looks = session.looks(trainer)
        train(trainer, store, keys, run.settings, study.checkpoint_every, say, look_at=looks, extras=run.extras)
    run, keys = session.run, session.keys
    records = [store.record(key) for key in keys[: known_epochs(store, keys) + 1]]
    if distributed.rank():
        return
    folder, store = layout.run(run.arm, run.seed), Store(store.folder)
    _link_checkpoints(store, keys, folder / "checkpoints")
    rows = curves.run_rows(study.name, run.arm, run.seed, run.settings, records)
    write_csv(folder / "curve.csv", rows, with_sum=True)
    right = curves.right_rows(study.name, run.arm, run.seed, run.settings, records)
    write_csv(folder / "right.csv", right, with_sum=True)
    write_json(folder / "run.json", _describe(session, records), with_sum=True)


def _follow_rule(session: Session, say: Callable[[str], None]) -> None:
    """Train a run whose schedule depends on its own error; the session then has the settings that it got."""
    study, planned, trainer, rule = session.study, session.run, session.trainer(), session.run.plateau
    assert rule, "only a run with a plateau rule comes here"
    total, errors = len(planned.settings), list[float]()
    for epoch in range(1, total + 1):
        settings = plateau_settings(rule, planned.settings[0], total, errors)
        keys = key_chain(session.base, settings)
        train(trainer, session.store, keys, settings, study.checkpoint_every, say, until=epoch, extras=planned.extras)
        record = session.store.record(keys[epoch])
        if record["diverged"]:
            break
        errors.append(record["values"][rule.judged]["error_recomputed"])
    shared = shared_epochs(settings, planned.settings) if planned.parent else 0
    session.run, session.keys = replace(planned, settings=settings, fork_epoch=shared), keys


def closeup_run(study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Replay the epochs around the milestones of one run; write closeups.csv."""
    session = Session(study, run, layout, device)
    rows = closeups.closeup_rows(
        session.trainer,
        session.store,
        session.base,
        run.settings,
        closeups.replays_of(study, run),
        session.updates_of,
        study.evaluation["closeup_images"],
        (study.name, run.arm, run.seed),
    )
    say(f"close-ups of {run.arm} seed {run.seed}: {len(rows)} rows")
    if not distributed.rank():
        write_csv(layout.run(run.arm, run.seed) / "closeups.csv", closeups.frame(rows), with_sum=True)


def audit_run(study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Fork a run twice at each milestone of the study without a change; write audit.csv: bit for bit the same?"""
    session = Session(study, run, layout, device)
    past = session.store, session.keys, run.settings
    rows = []
    for m in study.milestones:
        first, second, parent = (session.trainer() for _ in range(3))
        for fork in (first, second):  # both are forked before either is trained
            bring_to(fork, *past, m)
        # the parent must be a state that was kept when it was trained, not a replay from where the forks start
        later = range(m + 1, len(run.settings) + 1)
        kept = next((epoch for epoch in later if session.store.has_state(session.keys[epoch])), None)
        if kept is None:
            say(f"milestone {m}: the run has diverged before; there is nothing to compare a fork with")
            continue
        for fork in (first, second):
            for epoch in range(m + 1, kept + 1):
                fork.train_epoch(epoch, run.settings[epoch - 1])
        bring_to(parent, *past, kept)
        equal = _equal(first.state(), parent.state()), _equal(first.state(), second.state())
        rows.append((study.name, run.arm, run.seed, m, *equal))
        say(f"unchanged forks of {run.arm} seed {run.seed} at epoch {m}: equal to parent, to sibling: {equal}")
    if not distributed.rank():
        table = pd.DataFrame(rows, columns=curves.AUDIT_COLUMNS)
        write_csv(layout.run(run.arm, run.seed) / "audit.csv", table, with_sum=True)


def _equal(first: State, second: State) -> bool:
    """Bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(_bits(first[name]), _bits(second[name])) for name in first)


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a tensor: 0.0 and -0.0 are equal numbers."""
    return tensor.reshape(-1).view(torch.uint8)


def _describe(session: Session, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What run.json says: what determined the run, how far it came, what its own epochs cost."""
    run, own = session.run, records[session.run.fork_epoch + 1 :]
    return {
        "study": session.study.name,
        "arm": run.arm,
        "seed": run.seed,
        "key": session.keys[-1],
        "recipe_key": recipe_key(session.study, session.planned),
        "recipe": session.recipe,
        "phases": [{"epochs": phase.epochs, **phase.setting.described()} for phase in phases(run.settings)],
        "data": session.facts,
        "numerics": distinct([record["numerics"] for record in own or records]),
        "finished": max(record["finished"] for record in records),
        "code": training_digest(),
        "commit": commit(),
        "status": "diverged" if records[-1]["diverged"] else "completed",
        "epochs": len(records) - 1,
        "epochs_inherited": run.fork_epoch,
        "epochs_trained": len(own),
        "seconds_training": round(sum(r["seconds_training"] for r in own), 2),
        "seconds_evaluation": round(sum(r["seconds_evaluation"] for r in own), 2),
        "from_reference": False,
    }


def _link_checkpoints(store: Store, keys: list[str], folder: Path) -> None:
    """Links epochNNN.safetensors to the states of a run in the store, inherited ones included."""
    kept = {f"epoch{epoch:03d}.safetensors": store.state_path(key) for epoch, key in enumerate(keys)}
    kept = {name: path for name, path in kept.items() if path.exists()}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("epoch*.safetensors"):
        if old.name not in kept:
            old.unlink(missing_ok=True)
    for name, path in kept.items():
        with whole(folder / name) as link:
            link.unlink(missing_ok=True)
            link.symlink_to(Path(*[".."] * 4) / path.relative_to(store.folder.parents[1]))
