"""Studies drawn at random: valid ones by construction, invalid ones by one change whose key is known."""

import copy
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from errordrops.study.armfields import DEVICES

SMOOTH_OR_STEPS = ("step", "batch", "hybrid", "reversal", "cosine", "ramp")
NETWORKS = [
    {"family": "cifar-resnet", "depth": 8, "width": 4},
    {"family": "cifar-resnet", "depth": 20, "width": 16},
    {"family": "wide-resnet", "depth": 16, "widen_factor": 4},
    {"family": "imagenet-resnet", "depth": 18},
]
DATASETS = ["fashion-mnist", "fashion-mnist-sample", "cifar10"]
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,20}", fullmatch=True).filter(lambda name: name not in DEVICES)
TITLES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=40)


@st.composite
def valid(draw) -> dict[str, Any]:
    """The content of a study file that must plan."""
    epochs = draw(st.integers(2, 40))
    milestones = sorted(draw(st.sets(st.integers(1, epochs - 1), min_size=1, max_size=4)))
    seeds = draw(st.integers(1, 4) | st.lists(st.integers(0, 1000), min_size=1, max_size=4, unique=True))
    content = {
        "study": "drawn",
        "title": draw(TITLES.filter(str.strip)),
        "dataset": {"name": draw(st.sampled_from(DATASETS)), "train_size": draw(st.integers(100, 900))},
        "model": dict(draw(st.sampled_from(NETWORKS))),
        "learning_rate": draw(st.floats(1e-6, 10)),
        "batch_size": draw(st.integers(2, 64)),
        "epochs": epochs,
        "milestones": milestones,
        "factor": draw(st.floats(1.5, 20) | st.integers(2, 20)),
        "max_batch": draw(st.integers(64, 100)),
        "seeds": seeds,
        "averages": draw(st.sampled_from([[], [1], [0.5, 3]])),
        "arms": ["none", *draw(st.lists(st.sampled_from(SMOOTH_OR_STEPS), unique=True, max_size=4))],
    }
    n_seeds = seeds if isinstance(seeds, int) else len(seeds)
    for name in draw(st.sets(NAMES.filter(lambda name: name not in ("none", *SMOOTH_OR_STEPS)), max_size=3)):
        content["arms"].append({"name": name, **draw(arm(epochs, n_seeds))})
    if draw(st.booleans()):
        at = draw(st.integers(1, epochs - 1))
        stub = {"of": "none", "epochs": draw(st.integers(1, epochs - at)), "seeds": draw(st.integers(1, n_seeds))}
        content["placebos"] = [{**stub, "milestone": at, "copies": draw(st.integers(1, 3))}]
        content["cut_sweep"] = {**stub, "at": [at]}
    return content


@st.composite
def arm(draw, epochs: int, seeds: int) -> dict[str, Any]:
    """An arm without its name: a rule, or phases that fill the study."""
    keys = {"seeds": draw(st.integers(1, seeds)), "description": draw(TITLES)}
    if draw(st.booleans()):
        ends = [0, *sorted(draw(st.sets(st.integers(1, epochs - 1), max_size=3))), epochs]
        lengths = [end - start for start, end in pairwise(ends)]
        phases = [{"epochs": n, "learning_rate": draw(st.floats(1e-6, 10))} for n in lengths]
        return {**keys, "phases": phases}
    return {**keys, "rule": draw(st.sampled_from(SMOOTH_OR_STEPS)), "epochs": draw(st.integers(1, epochs))}


def changed(content: dict[str, Any], path: tuple, value: Any) -> dict[str, Any]:
    """A copy with the value at a path of keys and indices replaced, or added."""
    content = copy.deepcopy(content)
    place = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return content


def without(content: dict[str, Any], path: tuple) -> dict[str, Any]:
    """A copy without what is at a path."""
    content = copy.deepcopy(content)
    place = content
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return content


def paths(content: Any, before: tuple = ()) -> list[tuple]:
    """The paths of everything in a study, itself not among them."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path for key, value in items for path in [(*before, key), *paths(value, (*before, key))]]


# anything that YAML can say, numbers beyond all bounds among it
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, -(10**400), 2**63, 0, -1, 1e300, -1e-300, 5e-324, float("nan"), float("inf")])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../up", "/etc", "a\n", "a\0", "\ud800", "none", "step", "", " ", "Ünï", "a" * 500])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS.filter(lambda k: k == k), inner, max_size=3),
    max_leaves=6,
)
