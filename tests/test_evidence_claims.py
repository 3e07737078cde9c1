"""The claims of a whole study in two planted worlds: noise makes the drops in one, and nothing does in the other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from errordrops.analysis import cause_claims
from errordrops.analysis import control_effects as effects
from errordrops.analysis.whole_study import results
from errordrops.results import verdicts
from errordrops.results.curves import AUDIT_COLUMNS, CLOSEUP_COLUMNS, PROBE_COLUMNS
from errordrops.study import study as studies
from planted_study import IMAGES, curves, draw

STUDY = studies.load(str(Path(__file__).parent / "studies" / "planted.yaml"))
CLOSEUPS, PROBES = pd.DataFrame(columns=CLOSEUP_COLUMNS), pd.DataFrame(columns=PROBE_COLUMNS)


def audit(equal: bool) -> pd.DataFrame:
    rows = [("planted", "none", seed, m, True, equal or seed > 0) for seed in range(2) for m in (10, 20)]
    return pd.DataFrame(rows, columns=AUDIT_COLUMNS)


def claims_of(table: pd.DataFrame, equal: bool = True) -> dict[str, dict]:
    seconds = {(arm.name, seed): [1.0] * 30 for arm in STUDY.arms for seed in arm.seeds}
    return {c["id"]: c for c in results(STUDY, table, CLOSEUPS, audit(equal), PROBES, IMAGES, seconds)[1]}


def indifferent(table: pd.DataFrame) -> pd.DataFrame:
    """Curves that do not react to any setting: a fall with the epochs and noise of its own for every arm."""
    floor = 5.0 + 10.0 / (1.0 + table["epoch"])
    z = [draw("still", *key) for key in zip(table["arm"], table["seed"], table["epoch"], strict=True)]
    unit = np.where(table["metric"].str.startswith("loss"), 0.01, 1.0)
    read = table["metric"].str.match("error|loss")
    return table.assign(value=table["value"].where(~read, (floor + 0.3 * np.array(z)) * unit))


@pytest.fixture(scope="module")
def caused():
    return claims_of(curves(STUDY, jitter=1.0, lag=2.0))


@pytest.fixture(scope="module")
def nothing():
    return claims_of(indifferent(curves(STUDY)), equal=False)


CAUSE = (
    "step.m1.drop step.m1.level_loss batch.m1.drop step.m1.beyond_placebos predicted.rate.gain predicted.batch.gain "
    "predicted.rate.closer dose.trend step.m1.variance step.m1.variance_beside_none reversal.m2.rise "
    "step.m1.elsewhere batch.m1.elsewhere step.m1.elsewhere_loss early.m1.elsewhere "
    "step.m1.lag batch.m1.lag fork.identical detector.exact.error detector.found.error detector.found.loss low.before"
).split()


@pytest.mark.parametrize("claim", CAUSE)
def test_a_claim_about_the_cause_holds_where_noise_makes_the_drops_and_not_where_nothing_does(claim, caused, nothing):
    assert caused[claim]["holds"] is True, caused[claim]
    assert nothing[claim]["holds"] is not True, nothing[claim]


def test_the_placebo_is_no_prediction_of_a_cut(caused, nothing):
    """Shares of foreseen images are alike in all stubs of the planted curves: nothing beyond the placebo's."""
    assert caused["predicted.rate.images"]["holds"] is True
    assert caused["predicted.rate.images_gain"]["holds"] is False
    assert caused["predicted.rate.images_gain"]["value"] == pytest.approx(0)


def test_that_drops_need_a_plateau_is_refuted_only_where_a_cut_before_it_brings_one(caused, nothing):
    for cut in ("rate", "batch"):
        assert verdicts.decided(caused[f"plateau.{cut}.no_drop"]) is False
        assert verdicts.decided(nothing[f"plateau.{cut}.no_drop"]) is not False
    assert "after epoch 4, while" in caused["plateau.rate.no_drop"]["statement"]


def test_an_arm_that_is_one_run_with_another_says_so(caused):
    assert "; until epoch 20 one run with arm batch)" in caused["hybrid.m1.drop"]["statement"]
    assert "one run with" not in caused["batch.m1.drop"]["statement"]


def test_arms_without_a_sudden_change_are_quiet(caused):
    # only seeds and arms with curves count: none, low, cosine and ramp with four seeds each
    assert caused["detector.quiet.error"]["n"] == 16
    ended = curves(STUDY, jitter=1.0)
    ended = ended[~((ended["arm"] == "cosine") & (ended["seed"] == 3))]
    assert claims_of(ended)["detector.quiet.error"]["n"] == 15


def test_runs_that_are_one_until_after_the_change_count_once(caused):
    # step, batch, early and reversal with 4 seeds; hybrid is batch until milestone 2
    assert caused["detector.found.error"]["n"] == 4 + 4 + 4


def test_the_rise_is_claimed_only_with_its_threshold_and_a_control():
    table, changes = pd.DataFrame({"difference": [0.0, 0.01]}), effects.effects(STUDY, curves(STUDY))
    rows = effects.summary(STUDY, curves(STUDY), changes)
    silent = replace(STUDY, claims={"reversal": 0.05})
    for study, summary, number in ((STUDY, rows, 2), (silent, rows, 1), (STUDY, rows.iloc[:0], 1)):
        assert len(cause_claims.reversal(study, {"reversal": table, "effects_summary": summary})) == number


def test_claims_are_json_with_unique_names(caused, nothing):
    for found in (caused, nothing):
        json.dumps(list(found.values()), allow_nan=False)
