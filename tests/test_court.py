"""The court: quantities of planted probes, outcomes of predictions, and verdicts from outcomes."""

import numpy as np
import pandas as pd
import pytest

from errordrops.analysis import detector_claims
from errordrops.analysis import probe_readings as mechanism
from errordrops.analysis.noisy_quadratic import rest_excess
from errordrops.report import court as court_page
from errordrops.report import material as report_study
from errordrops.report import probe_table as table_of_probes
from errordrops.results.curves import PROBE_COLUMNS
from errordrops.results.intervals import Interval
from errordrops.results.verdicts import claim
from errordrops.study import study as studies

STUDY = studies.load("mechanism", studies.REPOSITORY / "config" / "studies")
H, S = np.array([20.0, 5.0]), np.array([2.0, 1.0])


def planted(seed: int, arm: str = "step") -> list[tuple]:
    """Probes of a run: a fall of 0.1 nats, of which 0.09 along leading and 0.001 along negative directions."""
    shift = 0.001 * seed
    groups = 10.0 if arm == "batch" else 1.0
    excess_later = (
        0.095 * rest_excess(H, S / groups, 0.05 if arm == "batch" else 0.005, 0.9) / rest_excess(H, S, 0.05, 0.9)
    )
    numbers = {
        ("motion", "loss", "before", 0): 0.40 + shift,
        ("motion", "loss", "after", 0): 0.30,
        ("motion", "loss_with_leading", "after", 0): 0.31,
        ("motion", "loss_without_leading", "after", 0): 0.38,
        ("motion", "loss_with_negative", "after", 0): 0.399 + shift,
        ("units", "loss", "before", 0): 0.42,
        ("units", "loss", "after", 0): 0.32,
        ("units", "loss_silenced", "after", 0): 0.325 + shift,
        ("noise", "excess", "before", 0): 0.095 + shift,
        ("noise", "excess", "later", 0): excess_later * (0.095 + shift) / 0.095,
        ("noise", "groups", "before", 0): 1.0,
        ("noise", "groups", "later", 0): groups,
        ("noise", "trace_HS", "before", 0): 8.0,
        ("curvature", "gradient_norm", "before", 0): 0.5,
        ("curvature", "gradient_norm", "after", 0): 0.2 + shift,
        ("curvature", "eigenvalue", "before", 0): 20.0,
        ("curvature", "eigenvalue", "before", -1): -0.3,
        ("curvature", "eigenvalue", "later", 0): 30.0 + shift,
        ("curvature", "stability_limit", "before", 0): 76.0,
    }
    for i, (h, s) in enumerate(zip(H, S, strict=True)):
        numbers[("noise", "curvature_along", "before", i)] = h
        numbers[("noise", "noise_along", "before", i)] = s
        numbers[("path", "variance", "before", i)] = 1e-3
        numbers[("path", "variance", "after", i)] = 1e-4 + 1e-5 * i + 1e-6 * seed
    return [
        ("mechanism", arm, seed, probe, moment, quantity, index, np.nan, np.nan, value)
        for (probe, quantity, moment, index), value in numbers.items()
    ]


PROBES = pd.DataFrame(
    [row for arm in ("none", "step", "batch") for seed in (11, 12, 13) for row in planted(seed - 11, arm)],
    columns=PROBE_COLUMNS,
)
LEVELS = pd.DataFrame(
    [("batch", 1, "test", "error_recomputed", d) for d in (-2.4, -2.5, -2.6)],
    columns=["arm", "index", "split", "metric", "difference"],
)
UNDYING = pd.DataFrame(
    [
        ("mechanism", a, "step", s, -3.0, -1.0, d)
        for a in ("gelu", "leaky-relu")
        for s, d in enumerate((-2.0, -2.1, -2.2))
    ],
    columns=mechanism.UNDYING_COLUMNS,
)
QUIET = pd.DataFrame([], columns=["arm", "kind", "metric"])


def test_quantities_of_a_run_are_those_that_were_planted():
    found = mechanism.of_run(STUDY, "step", mechanism.Found(PROBES[(PROBES["arm"] == "step") & (PROBES["seed"] == 0)]))
    assert found["fall"] == pytest.approx(0.1)
    assert found["leading_share"] == pytest.approx(0.9) and found["leading_needed"] == pytest.approx(0.8)
    assert found["negative_share"] == pytest.approx(0.01)
    assert found["woken_share"] == pytest.approx(0.05)
    assert found["excess_share"] == pytest.approx(0.95)
    assert found["gradient_ratio"] == pytest.approx(0.4)
    assert found["sharpness_share"] == pytest.approx(20 / 76) and found["sharpening"] == pytest.approx(1.5)
    assert found["collapse"] == pytest.approx(np.sqrt(0.1 * 0.11))
    assert found["one_step_noise"] == pytest.approx(8 * 0.05**2 / 2)
    assert found["toy_measure"] == pytest.approx(1)


def test_what_a_probe_did_not_find_is_not_a_number():
    few = PROBES[(PROBES["probe"] == "curvature") & (PROBES["seed"] == 0) & (PROBES["arm"] == "step")]
    found = mechanism.of_run(STUDY, "step", mechanism.Found(few))
    assert found["gradient_ratio"] == pytest.approx(0.4)
    assert all(np.isnan(found[name]) for name in ("fall", "collapse", "toy_ratio", "woken_share"))


def tables(**changes) -> dict[str, pd.DataFrame]:
    made = mechanism.mechanism(STUDY, PROBES.assign(seed=PROBES["seed"] + 11))
    return {"mechanism": made, "undying": UNDYING, "milestone_levels": LEVELS, "detections": QUIET} | changes


def outcomes(**changes) -> dict[str, str]:
    return {one["id"]: court.status(one) for one in court.court_claims(STUDY, tables(**changes))}


def test_in_a_world_of_noise_its_predictions_come_true_and_those_of_others_do_not():
    found = outcomes()
    for arm in ("step", "batch"):
        assert [found[f"noise.{arm}.{what}"] for what in ("excess", "collapse", "toy")] == ["as predicted"] * 3
        assert [found[f"saddle.{arm}.{what}"] for what in ("explained", "gradient")] == ["contradicted"] * 2
        assert found[f"units.{arm}.woken"] == "contradicted"
        assert found[f"valley.{arm}.explained"] == "as predicted"
    assert found["saddle.batch.no_drop"] == "contradicted"
    assert found["saddle.spontaneous"] == "undecided"  # no drop in three runs: up to 1.2 a run may be the truth
    assert found["units.gelu.no_drop"] == found["units.leaky-relu.no_drop"] == "contradicted"
    assert found["valley.sharpness"] == "contradicted" and found["valley.step.sharpening"] == "as predicted"
    assert "valley.batch.sharpening" not in found  # its limit stays what it was


def test_a_world_without_drops_in_undying_networks_speaks_for_the_units():
    still = UNDYING.assign(difference=[0.1, 0.0, -0.1] * 2)
    found = outcomes(undying=still)
    assert found["units.gelu.no_drop"] == found["units.leaky-relu.no_drop"] == "as predicted"


def test_a_wide_interval_decides_nothing():
    assert outcomes(undying=UNDYING.assign(difference=[-5.0, 0.0, 2.0] * 2))["units.gelu.no_drop"] == "undecided"
    one = claim("a", "s", "m", "u", Interval(0.4, np.nan, np.nan), low=0.5)
    assert court.status(one) == "undecided"


def made(id: str, value: float) -> dict:
    return claim(id, "s", "m", "u", Interval(value, value - 0.1, value + 0.1), low=0.5)


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [((0.9, 0.9), "supported"), ((0.9, 0.1), "contradicted"), ((0.9, 0.5), "undecided"), ((0.1, 0.5), "contradicted")],
)
def test_the_verdict_follows_from_the_core_predictions(shares, verdict):
    claims = [made("units.step.woken", shares[0]), made("units.gelu.no_drop", shares[1]), made("other", 0.1)]
    table = court.verdicts(STUDY, court.court(STUDY, claims)).set_index("explanation")
    assert table.loc["units", "verdict"] == verdict and table.loc["units", "predictions"] == 2
    assert table.loc["plateau", "verdict"] == "undecided"  # nothing tests it
    told = {one["id"]: one["holds"] for one in court.verdict_claims(table.reset_index())}
    assert told["verdict.units"] == {"supported": True, "contradicted": False}.get(verdict)
    assert told["verdict.plateau"] is None


def test_a_refinement_that_fails_does_not_sink_its_explanation():
    claims = [made("valley.sharpness", 0.9), made("valley.step.sharpening", 0.1)]
    table = court.verdicts(STUDY, court.court(STUDY, claims)).set_index("explanation")
    assert table.loc["edge", "verdict"] == "supported" and table.loc["edge", "contradicted"] == 1


def test_a_study_without_a_court_has_none():
    quick = studies.load("quick", studies.REPOSITORY / "config" / "studies")
    assert court.court_claims(quick, {}) == [] and court.court(quick, []).empty
    assert court.verdicts(quick, court.court(quick, [])).empty


def page_of(name, claims):
    """A study as the page reads it, with a court if `claims` are predictions of study mechanism."""
    outcomes = court.court(STUDY, claims) if name == "mechanism" else pd.DataFrame(columns=court.COLUMNS)
    tables = {"court": outcomes, "verdicts": court.judged(name, outcomes)} if len(outcomes) else {}
    tables["mechanism_summary"] = pd.DataFrame(columns=["arm", "quantity"])
    empty = [pd.DataFrame({"seed": []})] * 5
    return report_study.Study({"seeds": [0, 1]}, {"study": name}, claims, *empty, tables=tables)


TEXTS = {"intro": "Intro.", "separates": "Apart.", "toy": "Toy."}


def test_a_page_without_probes_shows_the_court_of_its_companion_and_adds_what_that_leaves_untested():
    follows = claim("plateau.follows", "Drops follow the rule.", "m", "epochs", Interval(0.1, 0, 0.2), -0.5, 0.5, n=3)
    page, companion = page_of("evidence", [follows]), page_of("mechanism", court.court_claims(STUDY, tables()))
    assert "no explanations" in court_page.court(page, None, TEXTS)
    alone, both = (court_page.court(one, companion, TEXTS) for one in (page_of("evidence", []), page))
    assert alone.count(court_page.UNTESTED) == both.count(court_page.UNTESTED) + 1
    assert "1 of 1 prediction came true" in both and "plateau.follows" in both and "of study evidence" in both
    assert "study of its own, *mechanism*" in both
    more = [claim("noise.step.excess", "Many runs.", "m", "share", Interval(2, 1.9, 2.1), 0.7, 1.3, n=8)]
    overruled = court_page.court(page_of("evidence", more), companion, TEXTS)
    assert "Many runs." in overruled and "Many runs." not in both
    fewer = court_page.court(page_of("evidence", [more[0] | {"n": 2}]), companion, TEXTS)
    assert "Many runs." not in fewer
    own = court_page.court(companion, page, TEXTS)  # a court of its own needs no other
    assert "plateau.follows" not in own and "study of its own" not in own


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


def test_the_table_of_probes_tells_shares_of_a_fall_only_where_there_was_one():
    numbers = [("none", "fall", -0.1, 0.1), ("none", "leading_share", 1, 3), ("step", "fall", 0.08, 0.1)]
    numbers += [("step", "leading_share", 0.5, 0.7), ("step", "distance_ratio", 0.1, 0.2)]
    rows = [(arm, name, (low + high) / 2, low, high) for arm, name, low, high in numbers]
    page = page_of("evidence", [])
    page.tables["mechanism_summary"] = pd.DataFrame(rows, columns="arm quantity value value_low value_high".split())
    text = table_of_probes.probes(page)
    shares = next(line for line in text.splitlines() if "leading directions alone" in line)
    assert "0.60 (0.50 to 0.70)" in shares and "2.00" not in shares
    assert "0.15 (0.10 to 0.20)" in text and "dead units" not in text
