"""One's own claims beside the reference: what counts as agreement, why numbers may differ, and the exit code."""

import copy
import json

import pytest

from errordrops import cli
from errordrops.errors import UserError
from errordrops.results import verify
from errordrops.results.intervals import Interval
from errordrops.results.layout import Layout
from errordrops.results.verdicts import FAILS, at_least, claim
from errordrops.results.verify import differences
from errordrops.study.study import REPOSITORY


def drop(value, half, id="step.m1.drop", high=-1.0, **more):
    """A claim that test error falls by more than a point, with a symmetric interval."""
    return claim(
        id, "It falls.", "test error", "points", Interval(value, value - half, value + half), high=high, **more
    )


def share(value, n, least=0.9, kind="share"):
    return at_least("step.m1.beyond_placebos", "Below all.", "test error", "share", value, least, kind=kind, n=n)


def one(reference, own):
    """The outcome of one claim beside another."""
    return verify.compare([reference] if reference else [], [own] if own else [])[0]["outcome"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        (drop(-3.0, 0.5), "same"),
        (drop(-4.1, 0.5), "size"),  # holds as well, but [-4.6, -3.6] and [-3.5, -2.5] do not overlap
        (drop(-2.0, 1.5), "power"),  # [-3.5, -0.5] reaches over -1: not the opposite
        (drop(0.0, 0.5), "reversed"),  # [-0.5, 0.5] lies wholly above -1
        (drop(-3.0, 0.5, high=-0.5), "thresholds"),  # goalposts moved
        (None, "missing"),
    ],
)
def test_outcomes_beside_a_claim_that_holds(own, expected):
    assert one(drop(-3.0, 0.5), own) == expected


def test_a_reference_that_does_not_hold_is_reversed_by_one_that_holds():
    assert one(drop(0.0, 0.5), drop(-3.0, 0.5)) == "reversed"
    assert one(drop(-1.0, 2.5), drop(-3.0, 0.5)) == "power"  # the reference had decided nothing


def test_what_the_reference_leaves_open_may_be_missing():
    nothing = drop(float("nan"), 0.0)
    assert one(nothing, None) == "unclaimed" and one(nothing, nothing) == "unclaimed"
    assert one(drop(-1.0, 2.5), None) == "unclaimed"
    assert one(None, drop(-3.0, 0.5)) == "new"
    assert one(drop(-3.0, 0.5), nothing) == "missing"  # the arm was not trained


def test_a_counted_share_is_judged_by_its_binomial_interval():
    assert one(share(1.0, 8), share(7 / 8, 8)) == "same"  # 8 of 8: [0.63, 1], 7 of 8: [0.47, 1]; neither decides on 0.9
    assert one(share(1.0, 40), share(7 / 8, 8)) == "power"
    assert one(share(1.0, 40), share(0.0, 8)) == one(share(0.0, 8), share(1.0, 40)) == "reversed"
    assert one(share(1.0, 8), share(0.0, 8)) == "size"  # 8 of 8 had decided nothing
    # one fork in six that is not identical is a counterexample to "all are"
    forks = [share(k / 6, 6, 1.0, "every") for k in (6, 5)]
    assert one(*forks) == "reversed"


def test_numbers_without_any_interval_decide_nothing():
    r2 = [at_least("noise", "Linear.", "loss", "R2", value, 0.9, kind="fit", n=3) for value in (0.97, 0.95, 0.6)]
    assert one(r2[0], r2[1]) == one(r2[0], r2[2]) == "same"


def test_a_few_sizes_apart_are_chance_and_many_are_not():
    reference = [drop(-3.0, 0.5, id=f"c{i}") for i in range(40)]
    apart = [drop(-4.1, 0.5, id=f"c{i}") for i in range(40)]
    assert verify.agrees(verify.compare(reference, apart[:2] + reference[2:]))
    assert not verify.agrees(verify.compare(reference, apart[:3] + reference[3:]))


def test_a_claim_told_twice_is_a_mistake():
    with pytest.raises(UserError, match=r"your results: claim step\.m1\.drop is there more than once"):
        verify.compare([], [drop(-3, 1), drop(-3, 1)])


@pytest.fixture(scope="module")
def quick():
    layout = Layout(REPOSITORY / "results/reference/quick")
    return json.loads(layout.claims.read_text()), json.loads(layout.provenance.read_text())


def test_differences_name_device_precision_versions_seeds_and_code(quick):
    before = quick[1]
    assert differences(before, before) == []
    now = copy.deepcopy(before)
    now["numerics"][0] |= {"device": "cuda", "precision": "fp32", "torch": "9.9"}
    now["settings"]["seeds"], now["settings"]["learning_rate"] = [3, 4, 5], 0.1
    now["code"], now["data"][0]["checksum"] = ["another"], "0" * 64
    found = {difference["what"]: difference for difference in differences(before, now)}
    assert set(found) == {
        *("device", "precision", "torch", "setting seeds", "setting learning_rate", "data checksum", "code of training")
    }
    assert found["device"]["own"] == ["cuda"] and "order" in found["device"]["why"]
    assert "another experiment" in found["setting learning_rate"]["why"]


def test_arms_are_compared_by_name_and_schedule(quick):
    now = copy.deepcopy(quick[1])
    now["settings"]["arms"].pop()
    (found,) = differences(quick[1], now)
    assert found["what"] == "setting arms" and len(found["own"]) == len(found["reference"]) - 1


@pytest.fixture
def project(quick, tmp_path, monkeypatch):
    """A project with a reference of quick; write(claims, provenance) puts own results beside it."""
    monkeypatch.chdir(tmp_path)

    def write(layout, claims, provenance):
        layout.root.mkdir(parents=True, exist_ok=True)
        layout.claims.write_text(json.dumps(claims))
        layout.provenance.write_text(json.dumps(provenance))

    write(Layout.reference("quick"), *quick)
    return lambda claims=quick[0], provenance=quick[1]: write(Layout.of("quick"), claims, provenance)


def call(capsys, *more):
    code = cli.main(["verify", "quick", *more])
    return code, *capsys.readouterr()


def test_equal_results_agree(project, quick, capsys):
    project()
    code, out, _ = call(capsys)
    assert code == 0
    assert f"{len(quick[0])} same" in out and "Nothing else differs." in out and "agrees with the reference" in out


def test_a_reversed_claim_is_told_first_and_by_the_exit_code(project, quick, capsys):
    claims = copy.deepcopy(quick[0])
    (changed,) = (one for one in claims if one["id"] == "step.m1.level")
    changed |= {"value": 0.5, "ci_low": 0.1, "ci_high": 0.9, "holds": False, "verdict": FAILS}
    project(claims, quick[1] | {"errordrops": "9.0"})
    code, out, _ = call(capsys)
    assert code == 1
    assert out.splitlines()[1].startswith("step.m1.level") and out.splitlines()[1].endswith("reversed")
    assert "errordrops: 9.0, reference" in out and "does NOT agree" in out
    code, out, _ = call(capsys, "--json")
    result = json.loads(out)
    assert code == 1 and result["agrees"] is False and result["outcomes"]["reversed"] == 1


def test_results_taken_from_the_reference_say_so(project, quick, capsys):
    provenance = copy.deepcopy(quick[1])
    for run in provenance["runs"]:
        run["from_reference"] = True
    project(provenance=provenance)
    assert "All 24 runs were taken from the reference: this compares the reference with itself" in call(capsys)[1]
    provenance["runs"][0]["from_reference"] = False
    project(provenance=provenance)
    assert "23 of 24 runs were taken from the reference" in call(capsys)[1]


def test_missing_or_broken_files_are_a_mistake_and_not_a_verdict(project, capsys):
    code, _, err = call(capsys)
    assert code == 2 and "no file results/quick/claims.json; what makes it: make report STUDY=quick" in err
    project()
    Layout.of("quick").claims.write_text("{")
    code, _, err = call(capsys)
    assert code == 2 and "not JSON" in err and len(err.strip().splitlines()) == 1
    assert cli.main(["verify", "nosuch"]) == 2
    assert "no file results/reference/nosuch/claims.json" in capsys.readouterr().err
