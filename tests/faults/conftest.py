"""A small study that was run undisturbed, to compare with."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from errordrops.results.layout import Layout
from errordrops.study.study import Study
from networks import tiny
from steps import Steps


@dataclass
class Undisturbed:
    """What came out, and how long each step took on this machine just now."""

    study: Study
    layout: Layout
    seconds: dict[str, float]

    def steps(self, folder: Path) -> Steps:
        """Steps of the same study with results in another folder."""
        return Steps(folder / "log", ["--results", str(folder / "results")])


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    study, layout = tiny(folder, arms=["none", "step"], checkpoint_every=2)
    whole, seconds = Undisturbed(study, layout, {}), {}
    steps, path = whole.steps(folder), str(study.path)
    seconds["train"] = steps.whole("train", path, "none", "0", "--device", "cpu")
    steps.whole("train", path, "step", "0", "--device", "cpu")
    steps.whole("closeups", path, "step", "0", "--device", "cpu")
    for step in (["collect"], ["analyse"], ["figure", "lag"]):
        seconds[step[0]] = steps.whole(step[0], path, *step[1:])
    return Undisturbed(study, layout, seconds)
