"""Forks of arm none at one date a seed, each with other multiples of its setting: what they do to loss and error.

An effect is a fork's mean over epochs after the date less arm none's over the same epochs, same seed. Several orders of
one fork are averaged within the seed. Active placebos, forks in which nothing but the order of the data changes, tell
what chance does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..results.intervals import Interval, t_interval
from ..study.arms import Arm
from ..study.forks import fork_arms, relative_noise
from ..study.settings import Setting
from ..study.study import CONTROL, Study
from .crossed import crossed_interval
from .judged import READINGS, series
from .levels import after, mean_over
from .quotients import fieller
from .right import Right, stacked

UNIT = "rate"  # the fork whose effect is 1
SPANS = {"first": 1, "level": 5}  # epochs after the date
BEFORE = 5  # epochs before the date that pictures show
ALIKE = 0.02  # batches are whole numbers: noise that differs by less is the same
RAW_ERROR = ("test", "error", "points")  # with running batch-norm statistics, where it was read
OF_FORKS = READINGS | {"raw_error": RAW_ERROR}
COLUMNS = "study fork seed date split metric span orders value control effect spread".split()
SUMMARY = (
    "study fork changed noise split metric span n orders effect effect_low effect_high share share_low share_high "
    "spread over"
).split()
CURVES = "study fork arm seed epoch since updates distance split metric value control".split()
CHANGED = {
    frozenset(): "nothing",
    frozenset({"learning_rate"}): "rate",
    frozenset({"batch_size"}): "batch",
    frozenset({"noise"}): "noise",
    frozenset({"momentum"}): "momentum",
    frozenset({"learning_rate", "batch_size"}): "rate and batch",
    frozenset({"learning_rate", "noise"}): "rate, noise put back",
    frozenset({"batch_size", "noise"}): "batch, noise put back",
    frozenset({"decayed"}): "weight decay",
    frozenset({"learning_rate", "decayed"}): "rate and weight decay",
    frozenset({"batch_size", "decayed"}): "batch and weight decay",
}


@dataclass(frozen=True)
class Fork:
    """One fork of one seed: its orders' arms, the date, the last epoch that all of them and the study have."""

    name: str
    seed: int
    date: int
    last: int
    arms: tuple[str, ...]
    before: Setting
    after: Setting

    @property
    def noise(self) -> float:
        """g after the date over g before it."""
        return relative_noise(self.after) / relative_noise(self.before)

    @property
    def changed(self) -> str:
        """What was changed, in words."""
        names = ("learning_rate", "batch_size", "noise", "momentum", "decayed")
        differing = frozenset(name for name in names if getattr(self.before, name) != getattr(self.after, name))
        return CHANGED.get(differing, ", ".join(sorted(differing)))

    @property
    def way(self) -> str:
        """What becomes of the noise: less, more, equal."""
        return "equal" if abs(self.noise - 1) < ALIKE else "less" if self.noise < 1 else "more"

    @property
    def times(self) -> tuple[float, float, float]:
        """What learning rate, batch size and noise factor are multiplied by."""
        names = ("learning_rate", "batch_size", "noise")
        rate, batch, noise = (getattr(self.after, name) / getattr(self.before, name) for name in names)
        return rate, batch, noise

    def epochs(self, span: str) -> range:
        return after(self.date, self.last, SPANS[span])


def all_forks(study: Study) -> list[Fork]:
    """Every fork of every seed, in the order of the study."""
    orders: dict[tuple[str, int], list[Arm]] = {}
    for arm in fork_arms(study):
        for seed in arm.seeds:
            orders.setdefault((arm.fork, seed), []).append(arm.for_seed(seed))
    made = []
    for (name, seed), arms in orders.items():
        at, last = arms[0].at, min(len(arm.settings) for arm in arms)
        names, settings = tuple(arm.name for arm in arms), arms[0].settings
        made.append(Fork(name, seed, at, last, names, settings[at - 1], settings[at]))
    return made


def effects(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """One row per fork, seed, reading and span (first: the first epoch after the date; level: mean over five).

    value: mean over the fork's orders; control: arm none's; effect: value - control; spread: standard deviation of
    the orders' effects, NaN for one. Without rows where a run is missing or has ended.
    """
    rows = []
    for split, metric, _ in OF_FORKS.values():
        by_run = _by_run(study, curves, split, metric)
        for fork in all_forks(study):
            runs = [(arm, fork.seed) for arm in fork.arms]
            if not {*runs, (CONTROL, fork.seed)} <= set(by_run):
                continue
            for span in SPANS:
                epochs = fork.epochs(span)
                own = np.array([mean_over(by_run[run], epochs) for run in runs])
                control = mean_over(by_run[CONTROL, fork.seed], epochs)
                spread = float(own.std(ddof=1)) if len(own) > 1 else np.nan
                head = study.name, fork.name, fork.seed, fork.date, split, metric, span, len(own)
                rows.append((*head, float(own.mean()), control, float(own.mean()) - control, spread))
    return pd.DataFrame(rows, columns=COLUMNS).dropna(subset=["effect"]).reset_index(drop=True)


def _by_run(study: Study, curves: pd.DataFrame, split: str, metric: str) -> dict[tuple[str, int], np.ndarray]:
    """Values of each run by epoch from 0; NaN where it has none."""
    table = series(curves, split, metric).reindex(columns=range(study.epochs + 1))
    return dict(zip(table.index, table.to_numpy(float), strict=True))


def summary(study: Study, table: pd.DataFrame, right: Right | None = None) -> pd.DataFrame:
    """Means over seeds of `effects`, 95 % intervals; share: effect over the rate cut's, of the seeds that have both,
    with Fieller's interval; spread: mean over seeds of that among orders.

    over: "seeds", or "seeds and images" for test error where it is known which images were right.
    """
    kinds = {fork.name: fork for fork in all_forks(study)}
    rows = []
    for (name, split, metric, span), group in table.groupby(["fork", "split", "metric", "span"], sort=False):
        by_seed = group.set_index("seed")["effect"]
        unit = table[(table["fork"] == UNIT) & (table["split"] == split)]
        unit = unit[(unit["metric"] == metric) & (unit["span"] == span)].set_index("seed")["effect"]
        pair = paired(by_seed, unit)
        effect, share, over = t_interval(by_seed), fieller(*pair, 0.95), "seeds"
        images = crossed(study, right, name, span) if (split, metric) == READINGS["error"][:2] else None
        if images is not None and images[0].shape[0] == len(by_seed) > 1:
            effect, share, over = crossed_interval(images[0]), fieller(*images, 0.95), "seeds and images"
        if name == UNIT:
            share = Interval(1.0, 1.0, 1.0)
        head = study.name, name, kinds[name].changed, kinds[name].noise, split, metric, span, len(by_seed)
        rows.append((*head, int(group["orders"].max()), *effect, *share, group["spread"].mean(), over))
    return pd.DataFrame(rows, columns=SUMMARY)


def paired(first: pd.Series, second: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Values of the seeds that both have, in one order."""
    seeds = first.index.intersection(second.index)
    return first.reindex(seeds).to_numpy(float), second.reindex(seeds).to_numpy(float)


def crossed(study: Study, right: Right | None, name: str, span: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Effects on test error image by image (seeds, images), points: of a fork, and of the rate cut; None where bits of
    a seed are missing.
    """
    if right is None:
        return None
    forks = {(fork.name, fork.seed): fork for fork in all_forks(study)}
    seeds = [seed for its_name, seed in forks if its_name == name and (UNIT, seed) in forks]
    pair = [stacked([_images(forks[its_name, seed], right, span) for seed in seeds]) for its_name in (name, UNIT)]
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def _images(fork: Fork, right: Right, span: str) -> np.ndarray | None:
    epochs, control = fork.epochs(span), [(CONTROL, fork.seed)]
    each = [right.difference((arm, fork.seed), control, epochs) for arm in fork.arms]
    there = [difference for difference in each if difference is not None]
    return np.mean(there, axis=0) if len(there) == len(each) else None


def curves_of(study: Study, curves: pd.DataFrame) -> pd.DataFrame:
    """Every fork's run epoch by epoch from BEFORE epochs before its date: since (epochs), updates and distance (rates
    summed over updates) since the date, value, and control, arm none's value at the same epoch. fork "none" is arm
    none.
    """
    rows = []
    for split, metric, _ in OF_FORKS.values():
        by_run = _by_run(study, curves, split, metric)
        places = _places(curves)
        for fork in [*all_forks(study), *_controls(study)]:
            for arm in fork.arms:
                run = (arm, fork.seed)
                if run not in by_run or (CONTROL, fork.seed) not in by_run:
                    continue
                updates, distance = places[run]
                for epoch in range(max(1, fork.date - BEFORE + 1), fork.last + 1):
                    value, control = by_run[run][epoch], by_run[CONTROL, fork.seed][epoch]
                    gone = updates[epoch] - updates[fork.date], round(distance[epoch] - distance[fork.date], 9)
                    head = study.name, fork.name, arm, fork.seed, epoch, epoch - fork.date
                    rows.append((*head, *gone, split, metric, value, control))
    return pd.DataFrame(rows, columns=CURVES).dropna(subset=["value"]).reset_index(drop=True)


def _controls(study: Study) -> Iterator[Fork]:
    """Arm none as the fork that it is not, for each seed that has any."""
    seen: set[int] = set()
    for fork in all_forks(study):
        if fork.seed not in seen:
            seen.add(fork.seed)
            yield Fork(CONTROL, fork.seed, fork.date, fork.last, (CONTROL,), fork.before, fork.before)


def _places(curves: pd.DataFrame) -> dict[tuple[str, int], tuple[dict[int, int], dict[int, float]]]:
    """For each run updates and summed rates by epoch."""
    places = {}
    trained = curves.drop_duplicates(["arm", "seed", "epoch"]).sort_values("epoch")
    for key, run in trained.groupby(["arm", "seed"], sort=False):
        updates = run["update"].to_numpy()
        steps = np.diff(updates, prepend=updates[0])
        travelled = np.cumsum(steps * run["learning_rate"].to_numpy())
        epochs = run["epoch"].tolist()
        places[key] = (
            dict(zip(epochs, updates.tolist(), strict=True)),
            dict(zip(epochs, travelled.tolist(), strict=True)),
        )
    return places
