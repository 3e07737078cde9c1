"""The reference: brought in run by run, found by key, taken under another name."""

import json

import pandas as pd
import pytest

from errordrops.errors import UserError
from errordrops.files import read_table, write_csv, write_json
from errordrops.results import reference
from errordrops.results.layout import Layout
from errordrops.study import plan
from errordrops.study.study import REPOSITORY, load
from networks import smoke


def write_run(layout, arm, seed, more=(), **facts):
    """A run as far as the reference looks at it; `more`: tables beside the curve."""
    study = smoke()
    key = plan.recipe_key(study, plan.find_run(study, arm, seed))
    folder = layout.run(arm, seed)
    described = {"study": "smoke", "arm": arm, "seed": seed, "recipe_key": key, "from_reference": False}
    write_json(folder / "run.json", described | facts)
    table = pd.DataFrame({"study": ["smoke"], "arm": [arm], "value": [1 / 3]})
    for name in ("curve.csv", *more):
        write_csv(folder / name, table)
    return folder


@pytest.fixture
def places(tmp_path):
    return Layout(tmp_path / "results/smoke"), Layout(tmp_path / "reference/smoke")


def complete(results, runs):
    write_json(results.provenance, {"runs": [{"arm": arm, "seed": seed} for arm, seed in runs]})
    write_json(results.claims, [])
    results.report.parent.mkdir(parents=True)
    results.report.write_text("page")
    write_csv(results.table("final"), pd.DataFrame({"a": [1]}))
    write_json(results.figure("excess").with_suffix(".json"), {})


def test_an_unfinished_study_is_kept_run_by_run(places):
    results, kept = places
    write_run(results, "none", 0)
    (results.run("none", 0) / "checkpoints").mkdir()
    assert reference.keep(results, kept) == (1, False)
    write_run(results, "step", 0)
    write_run(results, "none", 0, from_reference=True, key="another")  # taken from there in the meantime
    assert reference.keep(results, kept) == (1, False)
    names = {str(path.relative_to(kept.root)) for path in kept.root.rglob("*") if path.is_file()}
    assert names == {f"runs/{arm}/seed0/{file}" for arm in ("none", "step") for file in ("curve.csv.gz", "run.json")}
    assert "key" not in json.loads((kept.run("none", 0) / "run.json").read_text())


def test_what_was_kept_is_found_by_key_and_taken(places, tmp_path):
    results, kept = places
    study = smoke()
    run = plan.find_run(study, "step", 1)
    write_run(results, "step", 1)
    reference.keep(results, kept)
    assert reference.find(study, run, kept) is None  # its close-ups are not there yet, and can't be made from it
    write_run(results, "step", 1, more=["closeups.csv"])
    reference.keep(results, kept)
    folder = reference.find(study, run, kept)
    assert folder == kept.run("step", 1)
    assert reference.find(study, plan.find_run(study, "step", 0), kept) is None
    reference.take("train", study, run, folder, tmp_path / "taken")
    assert read_table(tmp_path / "taken/curve.csv")["value"].tolist() == [1 / 3]
    assert json.loads((tmp_path / "taken/run.json").read_text())["from_reference"] is True


def test_equal_tables_give_equal_bytes(places, tmp_path):
    results, kept = places
    write_run(results, "none", 0)
    reference.keep(results, kept)
    first = reference.stored(kept.run("none", 0), "curve.csv").read_bytes()
    reference.keep(results, Layout(tmp_path / "again"))
    assert reference.stored(Layout(tmp_path / "again").run("none", 0), "curve.csv").read_bytes() == first


def test_a_complete_study_replaces_what_was_kept(places):
    results, kept = places
    write_run(results, "none", 0)
    write_run(results, "step", 0)
    reference.keep(results, kept)
    write_csv(kept.table("gone"), pd.DataFrame({"a": [1]}))
    complete(results, [("none", 0)])  # the study no longer has arm step
    assert reference.keep(results, kept) == (2, True)
    assert not kept.run("step", 0).exists() and kept.run("none", 0).exists()
    assert not kept.table("gone").exists() and kept.table("final").exists()
    assert kept.report.read_text() == "page"
    assert kept.figure("excess").with_suffix(".json").exists()  # the pages of other studies may show it


def test_results_that_came_from_the_reference_are_not_kept(places):
    results, kept = places
    write_run(results, "none", 0, from_reference=True)
    with pytest.raises(UserError, match="no run was trained here"):
        reference.keep(results, kept)
    assert not kept.root.exists()


def test_tables_made_anew_from_the_reference_replace_those_kept(places):
    results, kept = places
    write_run(results, "none", 0)
    complete(results, [("none", 0)])
    reference.keep(results, kept)
    write_run(results, "none", 0, from_reference=True)
    results.report.write_text("another page")
    assert reference.keep(results, kept) == (0, True)
    assert kept.report.read_text() == "another page" and reference.stored(kept.run("none", 0), "curve.csv").exists()


@pytest.mark.parametrize("name", ["quick", "photographs-forks", "smith2018-first"])
def test_committed_runs_are_known_by_what_their_study_resolves_to(name):
    """Whoever changes how a study file is read, and with it the key of a run, would train all of them again."""
    study = load(name, REPOSITORY / "config/studies")
    for run in plan.runs(study):
        assert reference.find(study, run, Layout(REPOSITORY / "results/reference" / name)), (run.arm, run.seed)
