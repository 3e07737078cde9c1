"""The two steps that train: a run, and its close-ups. Files in, files out; what is between is in training."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from . import closeups, curves, numerics
from .batching import updates_per_epoch
from .checkpoints import Store
from .data import epoch as epochs
from .data import prepare
from .files import write_csv, write_json
from .layout import Layout
from .plan import Run, code_digest, key_chain, recipe, recipe_key
from .provenance import distinct
from .schedules import phases
from .study import Study, check_batches
from .training import Trainer, known_epochs, train


@dataclass
class Session:
    """One run on this machine: its identity, the store, and a trainer made when it is needed."""

    study: Study
    run: Run
    layout: Layout
    device: str

    def __post_init__(self):
        study = self.study
        self.facts = prepare.facts(self.layout.data)
        check_batches(study.path, "arms", study.arm(self.run.arm), self.facts["train_images"])
        pixels = self.facts["shape"][1] * self.facts["shape"][2]
        self.numerics = numerics.choose(self.device, study.precision, study.threads, study.base.batch_size, pixels)
        self.recipe = recipe(study, self.run.seed)
        self.base = {"recipe": self.recipe, "data": self.facts["checksum"], "numerics": asdict(self.numerics)}
        self.keys = key_chain(self.base, self.run.settings)
        self.store = Store(self.layout.store(code_digest()))

    def trainer(self) -> Trainer:
        dataset = self.study.dataset
        device = torch.device(self.numerics.device)
        data = epochs.load(self.layout.data, device, dataset["pad"], dataset["flip"])
        return Trainer.create(self.recipe, data, self.numerics)


def train_run(study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Train one run from where its past is known; write curve.csv and run.json and link its checkpoints."""
    session = Session(study, run, layout, device)
    store, keys = session.store, session.keys
    known = known_epochs(store, keys)
    if known == len(run.settings):
        say(f"run {run.arm} seed {run.seed}: every epoch is known already")
    else:
        say(
            f"run {run.arm} seed {run.seed}: {len(run.settings)} epochs, {max(known, 0)} of them known already; "
            f"{session.numerics.device}, {session.numerics.precision}, {study.threads} thread(s)"
        )
        train(session.trainer(), store, keys, run.settings, study.checkpoint_every, say)
    records = [store.record(key) for key in keys[: known_epochs(store, keys) + 1]]
    folder = layout.run(run.arm, run.seed)
    _link_checkpoints(store, keys, folder / "checkpoints")
    write_csv(folder / "curve.csv", curves.run_rows(study.name, run.arm, run.seed, run.settings, records))
    write_json(folder / "run.json", _describe(session, records))


def closeup_run(study: Study, run: Run, layout: Layout, device: str, say: Callable[[str], None]) -> None:
    """Replay the epochs around the milestones of one run; write closeups.csv."""
    session = Session(study, run, layout, device)
    n = session.facts["train_images"]
    updates_of = {setting.batch_size: updates_per_epoch(n, setting.batch_size) for setting in run.settings}
    rows = closeups.closeup_rows(
        session.trainer(),
        session.store,
        session.base,
        run.settings,
        updates_of,
        study.evaluation["closeup_images"],
        (study.name, run.arm, run.seed),
    )
    say(f"close-ups of {run.arm} seed {run.seed}: {len(rows)} rows")
    write_csv(layout.run(run.arm, run.seed) / "closeups.csv", closeups.frame(rows))


def _describe(session: Session, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What run.json says: what determined the run, how far it came, what its own epochs cost."""
    run, own = session.run, records[session.run.fork_epoch + 1 :]
    return {
        "study": session.study.name,
        "arm": run.arm,
        "seed": run.seed,
        "key": session.keys[-1],
        "recipe_key": recipe_key(session.study, run),
        "recipe": session.recipe,
        "phases": [{"epochs": phase.epochs, **asdict(phase.setting)} for phase in phases(run.settings)],
        "data": session.facts,
        "numerics": distinct([record["numerics"] for record in own or records]),
        "finished": max(record["finished"] for record in records),
        "code": code_digest(),
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
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("epoch*.safetensors"):
        old.unlink()
    for epoch, key in enumerate(keys):
        if store.has_state(key):
            target = Path(*[".."] * 4) / store.state_path(key).relative_to(store.folder.parents[1])
            (folder / f"epoch{epoch:03d}.safetensors").symlink_to(target)
