"""The committed claims are what today's code says of the committed runs, byte by byte."""

import pytest

from errordrops import cli
from errordrops.results import reference
from errordrops.results.layout import Layout
from errordrops.study import plan, study


@pytest.fixture(scope="module", params=["quick", "photographs-forks"])
def analysed(request, tmp_path_factory):
    """(folder made anew, committed folder) of a study whose runs are all taken from the reference."""
    place, loaded = tmp_path_factory.mktemp("results"), study.load(request.param)
    layout, committed = Layout.of(loaded.name, place), Layout.reference(loaded.name)
    for run in plan.runs(loaded):
        known = reference.find(loaded, run, committed)
        assert known, f"{run.arm} seed {run.seed} is not in the reference"
        for step in plan.steps(loaded, run):
            if step == "foretell":
                assert cli.main(["foretell", loaded.name, str(run.seed), "--results", str(place)]) == 0
            else:
                reference.take(step, loaded, run, known, layout.run(run.arm, run.seed))
    for step in ("collect", "analyse"):
        assert cli.main([step, loaded.name, "--results", str(place)]) == 0
    return layout, committed


def test_claims_are_the_same_byte_by_byte(analysed):
    made, committed = analysed
    assert made.claims.read_bytes() == committed.claims.read_bytes()
