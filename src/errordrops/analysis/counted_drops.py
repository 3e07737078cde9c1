"""The detector's drops, counted once for each run that is one: at changes of the noise, and everywhere else.

Runs that share a past share its drops; and what is counted in one seed is clustered, so all counts are seed by seed.
"""

from collections.abc import Mapping

import pandas as pd

from ..detector.drop_rule import AFTER
from ..study.arms import Arm
from ..study.study import Study
from .detection import is_prompt, watched
from .judged import JUDGED, milestones_trained, noise_falls, of_reading, settings, updates_per_epoch

FULL = 0.05  # a change is by the full factor if the noise falls to 1 / factor, within this share
COLUMNS = "study arm seed milestone full prompt found".split()
ELSEWHERE_COLUMNS = "study arm seed epochs drops at".split()
Run = tuple[str, int]
Trained = Mapping[Run, list[tuple[float, ...]]]


def trained_settings(study: Study, curves: pd.DataFrame) -> dict[Run, list[tuple[float, ...]]]:
    """For each watched run its settings, one an epoch, as it was trained: (rate, batch, noise factor)."""
    names = {arm.name for arm in watched(study)}
    table = settings(curves[curves["arm"].isin(names)], study).sort_values("epoch")
    columns = ["learning_rate", "batch_size", "noise"]
    return {key: list(run[columns].itertuples(index=False, name=None)) for key, run in table.groupby(["arm", "seed"])}


def first_own_epochs(study: Study, trained: Trained) -> dict[Run, int]:
    """For each run the first epoch that no earlier arm of the study has with the same past, by what was trained."""
    first_epochs: dict[Run, int] = {}
    arms = watched(study)
    for place, arm in enumerate(arms):
        for seed in arm.seeds:
            own = trained.get((arm.name, seed))
            if own is None:
                continue
            shared = [
                _shared(own, trained[other.name, seed])
                for other in arms[:place]
                if (other.name, seed) in trained and _momentum(other, seed) == _momentum(arm, seed)
            ]
            first_epochs[arm.name, seed] = max(shared, default=0) + 1
    return first_epochs


def _shared(own: list[tuple], other: list[tuple]) -> int:
    return next((i for i, (a, b) in enumerate(zip(own, other, strict=False)) if a != b), min(len(own), len(other)))


def _momentum(arm: Arm, seed: int) -> float:
    return arm.for_seed(seed).settings[0].momentum


def drops_seen(detections: pd.DataFrame) -> dict[Run, set[int]]:
    """For each run the epochs in which a drop of test error or of training loss is reported."""
    drops = pd.concat([of_reading(detections[detections["kind"] == "drop"], name) for name in JUDGED])
    return {key: {int(epoch) for epoch in run["epoch"]} for key, run in drops.groupby(["arm", "seed"])}


def at_changes(study: Study, curves: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """One row per change at which the noise falls, of runs that are their own there: full: by the study's factor;
    prompt: in an epoch of enough updates for momentum to forget, with epochs enough after it for a lasting drop; found:
    a drop is reported in exactly epoch m + 1.
    """
    trained, seen = trained_settings(study, curves), drops_seen(detections)
    falls, updates, own = noise_falls(study, curves), updates_per_epoch(curves), first_own_epochs(study, trained)
    rows = []
    for arm in watched(study):
        for seed in arm.seeds if arm.sudden or arm.plateau else ():
            run = arm.name, seed
            for m in [m for (name, s, m) in falls if (name, s) == run and m + 1 >= own.get(run, 10**9)]:
                share = falls[arm.name, seed, m] * study.factor
                prompt = is_prompt(arm, seed, updates.get((*run, m + 1), 0)) and len(trained[run]) >= m + AFTER
                detected = m + 1 in seen.get(run, set())
                rows.append((study.name, arm.name, seed, m, share <= 1 + FULL, prompt, detected))
    return pd.DataFrame(rows, columns=COLUMNS)


def elsewhere(study: Study, curves: pd.DataFrame, detections: pd.DataFrame) -> pd.DataFrame:
    """One row per watched run: its own epochs that follow no change of the noise, and the drops reported in them (`at`:
    the epochs, with spaces between). After a change with few updates the epochs until a drop must be there belong to
    it.
    """
    trained, seen = trained_settings(study, curves), drops_seen(detections)
    falls, updates, own = noise_falls(study, curves), updates_per_epoch(curves), first_own_epochs(study, trained)
    changed = milestones_trained(curves, study)
    rows = []
    for arm in watched(study):
        for seed in arm.seeds:
            run = arm.name, seed
            if run not in own:
                continue
            epochs = set(range(own[run], len(trained[run]) + 1))
            for m in changed.get(run, []) if arm.sudden or arm.plateau else ():
                if (*run, m) in falls:
                    prompt = is_prompt(arm, seed, updates.get((*run, m + 1), 0))
                    epochs -= set(range(m + 1, m + 2 if prompt else m + AFTER + 1))
            at = sorted(epochs & seen.get(run, set()))
            rows.append((study.name, arm.name, seed, len(epochs), len(at), " ".join(map(str, at))))
    return pd.DataFrame(rows, columns=ELSEWHERE_COLUMNS)


def by_seed(rows: pd.DataFrame, counted: str, of: str | None = None) -> list[tuple[float, float]]:
    """(counted, of how many) for each seed: sums of a column, of another one or of the number of rows."""
    if rows.empty:
        return []
    groups = rows.groupby("seed")
    totals = groups.size() if of is None else groups[of].sum()
    return [(float(x), float(n)) for x, n in zip(groups[counted].sum(), totals, strict=True)]
