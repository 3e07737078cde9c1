"""Provenance: what produced a study's results, gathered from what its runs recorded. Two renderings agree on it."""

import math
import subprocess
from functools import cache
from typing import Any

import pandas as pd

from .. import __version__
from ..study.plan import runs
from ..study.study import REPOSITORY, Study

RUN_FACTS = (
    "arm seed key recipe_key commit status finished epochs epochs_inherited epochs_trained "
    "seconds_training seconds_evaluation from_reference"
).split()


def distinct(items: list[Any]) -> list[Any]:
    """Items without repetition, in order."""
    return [item for index, item in enumerate(items) if item not in items[:index]]


@cache
def commit() -> str | None:
    """The commit of the checkout that this package lies in, None outside of one: what was stated by then is known."""
    if not (REPOSITORY / ".git").exists():
        return None
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip() or None


def mixed_forks(study: Study, described: list[dict[str, Any]], curves: pd.DataFrame) -> dict[str, int]:
    """Of the forks of which either the run or its parent was taken from the reference, the other trained here:
    how many were `compared` in the epochs that they share, and how many `differ` there in any number of their curves.
    """
    taken = {(run["arm"], run["seed"]): run["from_reference"] for run in described}
    pairs = [
        run
        for run in runs(study)
        if run.parent and run.fork_epoch and taken[run.arm, run.seed] != taken[run.parent, run.seed]
    ]
    place, differ = ["epoch", "split", "metric"], 0
    for run in pairs:
        early = curves[(curves["seed"] == run.seed) & (curves["epoch"] <= run.fork_epoch)]
        own, its = (early[early["arm"] == arm].set_index(place)["value"] for arm in (run.arm, run.parent))
        common = own.index.intersection(its.index)
        differ += not own[common].equals(its[common])
    return {"compared": len(pairs), "differ": differ}


def provenance(study: Study, described: list[dict[str, Any]], curves: pd.DataFrame) -> dict[str, Any]:
    """What contract 10 asks for, from the run.json of every run and the study's curves.

    More than one entry in `numerics` or `data` means that runs are not comparable bit by bit; `warnings` says so.
    """
    numerics = distinct([numerics for run in described for numerics in run["numerics"]])
    data = distinct([run["data"] for run in described])
    warnings = []
    if len(numerics) > 1:
        warnings.append("The runs were not all computed with the same device, precision, thread count or versions.")
    if len(data) > 1:
        warnings.append("The runs were not all trained on the same data.")
    mixed = mixed_forks(study, described, curves)
    if mixed["differ"]:
        warnings.append(
            "Some runs were taken from the reference, others trained here: in the epochs that a fork shares with its "
            f"parent, {mixed['differ']} of {mixed['compared']} such pairs differ."
        )
    return {
        "study": study.name,
        "title": study.title,
        "errordrops": __version__,
        "from_reference": any(run["from_reference"] for run in described),
        "settings": settings_of(study, data[0]["train_images"], data[0].get("label")),
        "data": data,
        "numerics": numerics,
        "code": distinct([run["code"] for run in described]),
        "finished": max(run["finished"] for run in described),
        "seconds": round(sum(run["seconds_training"] + run["seconds_evaluation"] for run in described), 1),
        "warnings": warnings,
        "mixed_forks": mixed,
        "runs": [{fact: run[fact] for fact in RUN_FACTS} for run in described],
    }


def settings_of(study: Study, train_images: int, label: str | None = None) -> dict[str, Any]:
    """The study in numbers, for the report. `label`: what the data call themselves where they are not the original."""
    return {
        "title": study.title,
        "dataset_label": label or study.dataset_label,
        "model": study.model_label,
        "learning_rate": study.base.learning_rate,
        "momentum": study.base.momentum,
        "nesterov": study.nesterov,
        "weight_decay": study.weight_decay,
        "batch_size": study.base.batch_size,
        "group_size": study.group_size if study.group_size != study.base.batch_size else None,
        "warmup": study.warmup,
        "max_batch": study.max_batch,
        "epochs": study.epochs,
        "milestones": list(study.milestones),
        "factor": study.factor,
        "seeds": list(study.seeds),
        "train_size": train_images,
        "pad": study.dataset["pad"],
        "flip": study.dataset["flip"],
        "normalisation": study.dataset["normalisation"],
        "evaluation": dict(study.evaluation),
        "threads": study.threads,
        "notes": list(study.notes),
        "arms": [{"name": arm.name, "description": arm.description} for arm in study.schedules],
    }


def epoch_seconds(study: Study, described: list[dict[str, Any]]) -> dict[tuple[str, int], list[float]]:
    """Training seconds of each epoch from 1, by (arm, seed): a run's own at their mean, before them its parent's.

    Epochs that no run is known to have trained are NaN.
    """
    own = {
        (run["arm"], run["seed"]): run["seconds_training"] / run["epochs_trained"]
        for run in described
        if run["epochs_trained"]
    }
    seconds_of: dict[tuple[str, int], list[float]] = {}
    for run in sorted(runs(study), key=lambda run: run.fork_epoch):  # parents fork earlier than their children
        past = seconds_of.get((run.parent or "", run.seed), [])[: run.fork_epoch]
        past += [math.nan] * (run.fork_epoch - len(past))
        seconds_of[run.arm, run.seed] = past + [own.get((run.arm, run.seed), math.nan)] * run.epochs_trained
    return seconds_of
