"""What the workflow tells the progress display once Snakemake knows what is to be done."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from ..study.plan import Run
from ..study.settings import milestones
from ..workflow import Workflow

EVENT = "errordrops"  # the attribute of a log record that carries the briefing
MANY = 6  # a schedule that changes more often changes smoothly: no single drop is to be reported


class Job(Protocol):
    """What is used of Snakemake's jobs."""

    rule: Any
    output: Any
    wildcards_dict: dict[str, str]


def briefing(flow: Workflow, jobs: Iterable[Job], targets: Iterable[Job]) -> dict[str, Any]:
    """Runs to train and to take from the reference, steps by kind, and the page where it is among what is asked for."""
    jobs, targets = list(jobs), list(targets)
    return {
        "runs": [_run(flow, **job.wildcards_dict) for job in jobs if job.rule.name == "train"],
        "steps": dict(Counter(job.rule.name for job in jobs if job.rule.name != "all")),
        "targets": [str(path) for job in targets for path in job.output],
    } | asked(flow, targets)


def _run(flow: Workflow, study: str, arm: str, seed: str) -> dict[str, Any]:
    run, layout = flow.run(study, arm, seed), flow.layout(study)
    log = layout.run(arm, seed) / "train.log"
    return {
        "study": study,
        "arm": arm,
        "seed": seed,
        "epochs": len(run.settings),
        "inherited": run.fork_epoch,
        "changes": changes(run),
        "reference": flow.reference_run(study, arm, seed) is not None,
        "parent_curve": str(layout.run(run.parent, seed) / "curve.csv") if run.parent else None,
        "log": str(log),
        "written": log.stat().st_size if log.exists() else 0,  # by earlier calls; snakemake appends
    }


def changes(run: Run) -> list[int] | None:
    """The epochs after which a run's own settings change suddenly; another order of the data is no change. None where
    a rule decides during training.
    """
    if run.plateau:
        return None
    own = [m for m in milestones([replace(setting, order=0) for setting in run.settings]) if m >= run.fork_epoch]
    return own if len(own) <= MANY else []


def asked(flow: Workflow, targets: Iterable[Job]) -> dict[str, Any]:
    """The study and its page, None where something else was asked for."""
    whole = any(job.rule.name == "all" for job in targets)
    study = flow.config["study"]
    return {"study": study, "page": str(flow.layout(study).report) if whole else None}
