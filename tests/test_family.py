"""The primary claims as one family: Holm, what is stated and never made, runs that do not belong together."""

import json
import subprocess
from dataclasses import replace

import pytest
import yaml

from errordrops.analysis import family, together
from errordrops.results.intervals import Interval
from errordrops.results.verdicts import claim
from errordrops.study import study as studies
from planted_ladder import STUDY, world


def one(id, p, verdict="holds"):
    low = {"holds": -2.0, "not decided": -0.5, "does not hold": 0.1}[verdict]
    return claim(id, "s", "m", "u", Interval(low - 1, low - 2, low + 0.9), high=0.0, n=8, p=p)


def test_holm_against_a_worked_example():
    """p = 0.01, 0.04, 0.03, 0.005 of four: 0.03, 0.06, 0.06, 0.02."""
    found = family.holm([one(str(i), p) for i, p in enumerate((0.01, 0.04, 0.03, 0.005))])
    assert [claim["p_adjusted"] for claim in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [claim["adjusted"] for claim in found] == ["holds", "not decided", "not decided", "holds"]
    assert all(claim["verdict"] == "holds" for claim in found), "by itself each holds"


def test_a_refuted_claim_stays_refuted_in_the_family():
    beyond = claim("a", "s", "m", "u", Interval(2.0, 1.0, 3.0), high=0.0, n=8)
    assert family.holm([beyond, one("b", 0.001)])[0]["adjusted"] == "does not hold"


def test_what_the_file_states_is_never_lost_and_ranks_are_its_own():
    study = replace(STUDY, claims={"primary": ["b", "gone"], "after": ["late.*"]})
    found = family.ranked(study, [one("a", 0.001), one("b", 0.03), one("late.x", 0.5)])
    assert [(c["id"], c["rank"], c["stated"]) for c in found] == [
        ("b", "primary", "before"),
        ("gone", "primary", "before"),
        ("a", "secondary", "before"),
        ("late.x", "secondary", "after"),
    ]
    assert found[1]["verdict"] == "not tested" and found[1]["adjusted"] == "not tested"
    assert found[0]["p_adjusted"] == pytest.approx(0.06), "what is not tested counts in the size of the family"
    assert found[2]["adjusted"] is None
    json.dumps(found, allow_nan=False)


def run(arm, seed, checksum="a", **numerics):
    way = {"device": "cpu", "precision": "bf16", "threads": 1, "torch": "2"} | numerics
    return {"arm": arm, "seed": seed, "data": {"checksum": checksum}, "numerics": [way]}


def test_runs_belong_together_if_they_differ_in_their_schedule_alone():
    good = [run(arm, seed, f"images of seed {seed}") for arm in ("none", "step", "batch") for seed in (0, 1)]
    assert together.apart(good) == {}, "other seeds may have drawn other images"
    other = together.apart([*good, run("swap", 1, "images of seed 0")])
    assert other == {("swap", 1): "trained on other data"}
    mixed = together.apart([*good, run("swap", 1, "images of seed 1", device="cuda")])
    assert mixed == {("swap", 1): "computed with device cuda"}
    both = run("swap", 0, "images of seed 0")
    both["numerics"].append(both["numerics"][0] | {"device": "cuda"})
    assert ("swap", 0) in together.apart([*good, both]), "part of it was computed elsewhere"


def test_forks_whose_past_is_not_their_parents_do_not_belong():
    table = world()
    assert together.parted(STUDY, table) == {}
    elsewhere = (table["arm"] == "swap") & (table["seed"] == 2) & (table["epoch"] == 4)
    assert list(together.parted(STUDY, table.assign(value=table["value"] + 1e-9 * elsewhere))) == [("swap", 2)]


def test_claims_that_use_such_runs_decide_nothing_and_say_why():
    claims = [one(id, 0.001) for id in ("step.m1.level", "batch.m1.level", "detector.found")]
    words = {c["id"]: c["verdict"] for c in family.unsettled(STUDY, claims, {("step", 1): "trained on other data"})}
    assert words == {"step.m1.level": "not decided", "batch.m1.level": "holds", "detector.found": "not decided"}
    found = family.unsettled(STUDY, claims, {("none", 1): "computed with device cuda"})
    assert {c["verdict"] for c in found} == {"not decided"}, "everything is beside arm none"
    assert "arm none, seed 1: computed with device cuda" in found[0]["reason"] and found[0]["holds"] is None
    assert family.unsettled(STUDY, claims, {}) == claims


def git(*arguments):
    """What git prints; None where it can't say it."""
    shown = subprocess.run(["git", *arguments], cwd=studies.REPOSITORY, capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else None


def first_commits():
    """Study -> the commit that its first run in the reference names; runs of long ago name none."""
    commits = {}
    for folder in sorted((studies.REPOSITORY / "results/reference").iterdir()):
        runs = [json.loads(file.read_text()) for file in folder.glob("runs/*/*/run.json")]
        named = [run for run in runs if run.get("commit")]
        if named:
            commits[folder.name] = min(named, key=lambda run: run["finished"])["commit"]
    return commits


def test_thresholds_and_ranks_are_those_of_before_the_first_run():
    """The claims of a study file are what the commit says that its first run names, where the history is there."""
    commits = first_commits()
    assert "quick" in commits
    whole = git("rev-parse", "--is-shallow-repository") == "false\n"
    for name, first in commits.items():
        path = f"config/studies/{name}.yaml"
        before = git("show", f"{first}:{path}")
        assert before is not None or not whole, f"the runs of {name} name commit {first}, which is not in the history"
        if before is None:
            continue
        now = yaml.safe_load((studies.REPOSITORY / path).read_text())["claims"]
        known = yaml.safe_load(before)["claims"]
        late = now.pop("after", [])
        known.pop("after", None)
        changed = {key for key in {*now, *known} if now.get(key) != known.get(key)}
        assert not changed, f"{name}: stated otherwise than at commit {first[:12]}: {sorted(changed)} (after: {late})"
