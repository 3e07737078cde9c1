"""Quantities of planted probes, and the claims that rest on them."""

import numpy as np
import pandas as pd
import pytest

import planted_forks as planted_study
from errordrops.analysis import detector_claims, probe_claims, probe_readings
from errordrops.analysis.noisy_quadratic import Stretch, fall, half_time, rest_excess, window_variance
from errordrops.results.curves import PROBE_COLUMNS
from errordrops.results.verdicts import decided
from errordrops.study import study as studies

H, S = np.array([10.0, 3.0]), np.array([2.0, 1.0])
ARMS = ("none", "fork-rate", "fork-batch")
PROBED = {"arms": list(ARMS), "images": 100, "directions": 2, "after": [1, 5]}
STATED = {
    "model": [0.5, 2.0], "edge": [0.5, 2.0], "edge_after": 0.5, "explained": 0.5, "convex": 1.0, "gradient": 1.0,
    "undying": 1.0,
}  # fmt: skip
UPDATES = 75


def study():
    from dataclasses import replace

    whole = planted_study.study()
    return replace(whole, probes=PROBED, claims=dict(whole.claims) | {"mechanisms": STATED})


STUDY = study()
RATES = {"none": 0.2, "fork-rate": 0.05, "fork-batch": 0.2}
GROUPS = {"none": 4.0, "fork-rate": 4.0, "fork-batch": 16.0}


def planted(arm: str, seed: int, bent: float = 0.2) -> list[tuple]:
    """Probes of a run: a fall of 0.1 nats, of which 0.09 along leading and 0.001 along negative directions; the noisy
    quadratic is exact.
    """
    shift, rate, groups = 0.001 * (seed - 11), RATES[arm], GROUPS[arm]
    updates = 19 if arm == "fork-batch" else UPDATES
    before = Stretch(0, 0.2, 0.9, 4.0)
    curve = fall(H, S, before, Stretch(updates, rate, 0.9, groups))
    variance = [window_variance(H, S / g, r, 0.9, n) for g, r, n in ((4.0, 0.2, UPDATES), (groups, rate, updates))]
    excess = [rest_excess(H, S / g, r, 0.9) for g, r in ((4.0, 0.2), (groups, rate))]
    numbers = {
        ("motion", "loss", "before", 0): 0.40 + shift,
        ("motion", "loss", "after", 0): 0.30,
        ("motion", "loss_with_leading", "after", 0): 0.31,
        ("motion", "loss_without_leading", "after", 0): 0.38,
        ("motion", "loss_with_negative", "after", 0): 0.399 + shift,
        ("motion", "loss_with_random", "after", 0): 0.4 + shift,
        ("units", "loss", "before", 0): 0.42,
        ("units", "loss", "after", 0): 0.32,
        ("units", "loss_silenced", "after", 0): 0.325 + shift,
        ("units", "loss_silenced_control", "after", 0): 0.322,
        ("noise", "excess", "before", 0): 0.095 + shift,
        ("noise", "excess", "later", 0): (0.095 + shift) * excess[1] / excess[0],
        ("noise", "groups", "before", 0): 4.0,
        ("noise", "groups", "after", 0): groups,
        ("noise", "groups", "later", 0): groups,
        ("noise", "trace_HS", "before", 0): 8.0,
        ("curvature", "gradient_norm", "before", 0): 0.5,
        ("curvature", "gradient_norm", "after", 0): 0.2 + shift,
        ("curvature", "eigenvalue", "before", 0): 20.0,
        ("curvature", "eigenvalue", "before", -1): -0.3,
        ("curvature", "eigenvalue", "later", 0): 30.0 + shift,
        ("curvature", "stability_limit", "before", 0): 19.0,
        ("sharpness", "quotient", "before", 1): 1.1 + shift,
        ("sharpness", "quotient", "before", 0): 1.1 + shift,
        ("sharpness", "quotient", "later", 0): 1.2 + shift,
        ("sharpness", "limit_small", "before", 1): 1.0,
        ("sharpness", "limit_small", "before", 0): 0.2 / rate,
        ("sharpness", "limit_small", "later", 0): 0.2 / rate,
        ("relaxation", "updates", "unchanged", 0): UPDATES,
        ("relaxation", "updates", "after", 0): updates,
    }
    for update in range(updates + 1):
        numbers[("relaxation", "loss", "after", update)] = curve[update]
    for update in (0, UPDATES):
        numbers[("relaxation", "loss", "unchanged", update)] = curve[0]
    for i, (h, s) in enumerate(zip(H, S, strict=True)):
        numbers[("noise", "curvature_along", "before", i)] = h
        numbers[("noise", "noise_along", "before", i)] = s
        for moment, own in zip(("before", "after"), variance, strict=True):
            numbers[("path", "variance", moment, i)] = own[i] * (1 + shift)
    rows = [
        ("forked", arm, seed, probe, moment, quantity, index, np.nan, np.nan, value)
        for (probe, quantity, moment, index), value in numbers.items()
    ]
    line = [(x, 0.4 + shift - 0.2 * x + bent / 2 * x * x) for x in np.linspace(0, 1, 21)]
    return rows + [("forked", arm, seed, "motion", "after", "line", np.nan, x, np.nan, y) for x, y in line]


def probes(**options) -> pd.DataFrame:
    rows = [row for arm in ARMS for seed in STUDY.seeds for row in planted(arm, seed, **options)]
    return pd.DataFrame(rows, columns=PROBE_COLUMNS)


PROBES = probes()
UNDYING = pd.DataFrame(
    [
        ("forked", a, "step", s, -3.0, -1.0, d)
        for a in ("gelu", "leaky-relu-20")
        for s, d in enumerate((-2.0, -2.1, -2.2))
    ],
    columns=probe_readings.UNDYING_COLUMNS,
)


def of_run(arm: str, rows: pd.DataFrame = PROBES) -> dict[str, float]:
    return probe_readings.of_run(
        STUDY, arm, 11, probe_readings.Readings(rows[(rows["arm"] == arm) & (rows["seed"] == 11)])
    )


def test_quantities_of_a_run_are_those_that_were_planted():
    found = of_run("fork-rate")
    assert found["fall"] == pytest.approx(0.1)
    assert found["leading_share"] == pytest.approx(0.9) and found["leading_needed"] == pytest.approx(0.8)
    assert found["negative_share"] == pytest.approx(0.01) and found["random_share"] == pytest.approx(0)
    assert found["woken_share_alone"] == pytest.approx(0.05) and found["woken_share"] == pytest.approx(0.03)
    assert found["excess_share"] == pytest.approx(0.95) and found["gradient_ratio"] == pytest.approx(0.4)
    assert found["line_slope"] == pytest.approx(-0.2) and found["line_curvature"] == pytest.approx(0.2)
    assert found["edge_before"] == pytest.approx(1.1) and found["edge_later"] == pytest.approx(1.2 / 4)
    assert found["edge_change"] == pytest.approx(1 / 4)
    assert found["toy_measure"] == pytest.approx(1) and found["window_measure"] == pytest.approx(1)


@pytest.mark.parametrize("arm", ["fork-rate", "fork-batch"])
def test_the_half_time_is_that_of_the_model_which_was_planted(arm):
    found = of_run(arm)
    assert found["half_time_measure"] == pytest.approx(1, rel=0.02) and 0 < found["half_time"] < UPDATES
    stretch = Stretch(19 if arm == "fork-batch" else UPDATES, RATES[arm], 0.9, GROUPS[arm])
    curve = fall(H, S, Stretch(0, 0.2, 0.9, 4.0), stretch)
    assert found["toy_half_time"] == pytest.approx(half_time(curve, curve[-1]))


def test_what_a_probe_did_not_find_is_not_a_number():
    few = PROBES[(PROBES["probe"] == "curvature")]
    found = of_run("fork-rate", few)
    assert found["gradient_ratio"] == pytest.approx(0.4)
    assert all(np.isnan(found[name]) for name in ("fall", "collapse", "toy_ratio", "woken_share", "edge_before"))
    assert all(np.isnan(found[name]) for name in ("half_time", "line_curvature", "toy_half_time"))


def claimed(rows: pd.DataFrame = PROBES, undying: pd.DataFrame = UNDYING) -> dict[str, dict]:
    tables = {"mechanism": probe_readings.readings(STUDY, rows), "undying": undying}
    return {made["id"]: made for made in probe_claims.probe_claims(STUDY, tables)}


def test_in_a_world_of_noise_the_models_numbers_are_met_and_units_explain_nothing():
    found = claimed()
    assert all(found[id]["verdict"] == "holds" for id in ("window.variance", "toy.rate", "toy.batch"))
    assert all(found[id]["verdict"] == "holds" for id in ("valley.rate", "valley.batch", "edge.limit", "edge.rate"))
    assert found["saddle.convex"]["verdict"] == "holds" and found["saddle.convex"]["n"] == 10
    assert found["saddle.gradient"]["verdict"] == "does not hold"
    assert found["units.rate"]["verdict"] == found["units.batch"]["verdict"] == "does not hold"
    assert found["units.leaky-relu-20.no_drop"]["verdict"] == "does not hold"


def test_one_run_whose_way_bends_downwards_refutes_that_all_are_convex():
    rows = pd.concat([PROBES[~((PROBES["arm"] == "fork-rate") & (PROBES["seed"] == 12))],
                      pd.DataFrame(planted("fork-rate", 12, bent=-0.1), columns=PROBE_COLUMNS)])  # fmt: skip
    one = claimed(rows)["saddle.convex"]
    assert one["verdict"] == "does not hold" and one["value"] == pytest.approx(0.9)


def test_a_world_without_drops_in_undying_networks_speaks_for_the_units_and_a_wide_interval_for_nothing():
    still = UNDYING.assign(difference=[0.1, 0.0, -0.1] * 2)
    assert claimed(undying=still)["units.gelu.no_drop"]["verdict"] == "holds"
    wide = UNDYING.assign(difference=[-5.0, 0.0, 2.0] * 2)
    assert decided(claimed(undying=wide)["units.gelu.no_drop"]) is None


def test_a_study_without_thresholds_for_mechanisms_claims_none():
    quick = studies.load("quick", studies.REPOSITORY / "config" / "studies")
    assert probe_claims.probe_claims(quick, {}) == []


def test_the_plateau_claim_asks_where_the_nearest_drop_lies():
    evidence = studies.load("evidence", studies.REPOSITORY / "config" / "studies")
    rows = [("plateau", seed, "test", "error_recomputed", 1, m) for seed, m in ((3, 13), (4, 14), (5, 17))]
    fired = pd.DataFrame(rows, columns="arm seed split metric index milestone".split())
    drops = fired.assign(kind="drop", epoch=fired["milestone"] + 1)

    def follows(drops):
        return detector_claims.follows(evidence, {"milestone_detections": fired, "detections": drops})[0]

    exact = follows(drops)
    assert (exact["value"], exact["holds"], exact["n"]) == (0, True, 3) and "13, 14, 17" in exact["statement"]
    assert follows(drops.assign(epoch=drops["epoch"] + 2))["holds"] is False
    assert follows(drops.iloc[:2])["holds"] is None  # a run without a drop has not followed
