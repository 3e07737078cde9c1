"""Whether a study's runs belong together: compared runs must differ in their schedule and in nothing else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..study.plan import runs
from ..study.study import Study

# what two runs whose difference is taken must share; a number of another machine or version may be another number
SAME = ("device", "precision", "threads", "images_per_pass", "torch")
Key = tuple[str, int]


def apart(described: Sequence[Mapping[str, Any]]) -> dict[Key, str]:
    """The runs (arm, seed) that do not belong with the others, and why; from the run.json of each.

    All runs share how they were computed, those of one seed also their images: other seeds may have drawn others. The
    many count as right. A run that was computed in two ways belongs to neither.
    """
    reasons: dict[Key, str] = {}
    ways = Counter(way for run in described for way in _ways(run))
    usual = ways.most_common(1)[0][0] if ways else None
    for run in described:
        other = [way for way in _ways(run) if way != usual]
        if other and usual is not None:
            known = dict(usual)
            named = [f"{key} {value}" for key, value in other[0] if value != known.get(key)]
            reasons[run["arm"], run["seed"]] = f"computed with {', '.join(named)}"
    for seed in dict.fromkeys(run["seed"] for run in described):
        mine = [run for run in described if run["seed"] == seed]
        sums = Counter(_data(run) for run in mine)
        if len(sums) > 1:
            common = sums.most_common(1)[0][0]
            reasons |= {(run["arm"], seed): "trained on other data" for run in mine if _data(run) != common}
    return reasons


def _ways(run: Mapping[str, Any]) -> list[tuple[tuple[str, str], ...]]:
    """The ways in which it was computed, as far as numbers depend on them."""
    return list(dict.fromkeys(tuple((key, str(way.get(key))) for key in SAME) for way in run.get("numerics", [])))


def _data(run: Mapping[str, Any]) -> str:
    return str(run.get("data", {}).get("checksum"))


def parted(study: Study, curves: pd.DataFrame) -> dict[Key, str]:
    """The forks (arm, seed) whose curves differ, in the epochs that they share with their parent, in any number: one of
    the two was trained elsewhere, so their difference is not that of the schedule alone.
    """
    reasons, place = {}, ["epoch", "split", "metric"]
    by_run = {key: run.set_index(place)["value"] for key, run in curves.groupby(["arm", "seed"], sort=False)}
    for run in runs(study):
        own, its = by_run.get((run.arm, run.seed)), by_run.get((run.parent, run.seed))
        if not run.parent or not run.fork_epoch or own is None or its is None:
            continue
        own, its = (values[values.index.get_level_values("epoch") <= run.fork_epoch] for values in (own, its))
        common = own.index.intersection(its.index)
        if not own[common].equals(its[common]):
            reasons[run.arm, run.seed] = f"its past is not that of arm {run.parent}"
    return reasons
