"""And nowhere else: falls of level at every epoch, what the detector misses, and predictions that share no reading."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from errordrops.analysis import changes, detection, detector_claims, elsewhere, sweep
from errordrops.study import study as studies
from planted_study import curves

STUDY = studies.load(str(Path(__file__).parent / "studies" / "planted.yaml"))


@pytest.fixture(scope="module")
def table():
    return curves(STUDY, jitter=1.0)


def test_the_fall_of_level_after_an_epoch_is_mean_before_less_mean_after():
    values = np.array([99.0, *[10.0] * 6, *[7.0] * 6])  # epochs 0 to 12, the level falls by 3 after epoch 6
    found = elsewhere.falls(values, 5)
    assert list(found) == [5, 6, 7], "five whole epochs on either side"
    assert found[6] == 3 and found[5] == pytest.approx(3 - 3 / 5) and found[7] == pytest.approx(3 - 3 / 5)


def flat(level: dict[str, list[float]]) -> pd.DataFrame:
    """Curves of test error, the same for every seed: {arm: values of epochs 0, 1, ...}."""
    rows = [
        (arm, seed, epoch, "test", "error_recomputed", value)
        for arm, values in level.items()
        for seed in (0, 1)
        for epoch, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns="arm seed epoch split metric value".split())


def test_a_fall_elsewhere_as_large_as_that_at_the_change_is_found_and_the_claim_fails():
    high = [12.0] * 11
    step = [*high, *[8.0] * 20]
    still, falling = [12.0] * 31, [*[12.0] * 19, *[7.0] * 12]  # the second falls by 5 after epoch 18, unprovoked
    for none, beyond, largest, at in ((still, 4, 0, 10), (falling, -1, 5, 18)):
        found = elsewhere.elsewhere(STUDY, flat({"none": none, "step": step}))
        assert set(found["arm"]) == {"step"} and len(found) == 2
        assert (found["fall"] == 4).all() and (found["beyond"] == beyond).all()
        assert (found["largest_elsewhere"] == largest).all() and (found["after"] == at).all()
        claims = {c["id"]: c for c in elsewhere.elsewhere_claims(STUDY, found)}
        assert claims["step.m1.elsewhere"]["holds"] is (beyond > 0)
        assert claims["batch.m1.elsewhere"]["holds"] is None, "no curve, no claim"


def test_a_run_that_ended_before_the_windows_are_whole_is_left_out():
    short = flat({"none": [12.0] * 31, "step": [*[12.0] * 11, *[8.0] * 3]})
    assert elsewhere.elsewhere(STUDY, short).empty


def test_planted_drops_are_seen_in_calm_curves_and_not_in_noisy_ones(table):
    levels = changes.of_study(STUDY, table, changes.LEVEL_EPOCHS)
    calm, rng = np.full(31, 12.0), np.random.default_rng(0)
    calm[1:] += 0.05 * rng.standard_normal(30)
    noisy = calm + 4 * np.r_[0, rng.standard_normal(30)]
    for values, least, most in ((calm, 0.9, 1), (noisy, 0, 0.2)):
        found = elsewhere.planted(STUDY, flat({"none": list(values)}), levels).set_index("metric")
        row = found.loc["error_recomputed"]
        assert row["size"] > 1 and row["planted"] == 2 * (25 - 10 + 1)
        assert least <= row["found"] / row["planted"] <= most


def test_recall_counts_changes_with_a_drop_to_expect_and_a_common_past_once(table):
    found = detection.detections(STUDY, table)
    at = detection.milestone_detections(STUDY, table, found)
    row = detector_claims.recall(STUDY, at).set_index("metric").loc["error_recomputed"]
    expected = at[(at["metric"] == "error_recomputed") & at["expected"]]
    twice = expected["arm"].isin(["hybrid", "reversal"]) & (expected["index"] == 1)  # batch and step until then
    assert row["expected"] == len(expected) - twice.sum() and row["first"] < row["expected"]
    assert row["first_found"] <= row["found"] <= expected[~twice]["exact"].sum()


def test_a_drop_before_its_change_counts_whatever_the_updates():
    drops = [("step", 0, 11, 10, 0.0, True), ("bold", 0, 10, 10, -1.0, False), ("bold", 1, 13, 10, 2.0, False)]
    rows = [(a, s, "test", "error_recomputed", "drop", e, m, d, p) for a, s, e, m, d, p in drops]
    seen = pd.DataFrame(rows, columns="arm seed split metric kind epoch milestone deviation prompt".split())
    evidence = studies.load("evidence", studies.REPOSITORY / "config" / "studies")
    seen = detection.with_counted(evidence, seen)
    columns = "arm seed split metric index milestone exact near expected counted".split()
    runs = pd.DataFrame([(a, s) for a, s, *_ in drops], columns=["arm", "seed"])
    tables = {"detections": seen, "milestone_detections": pd.DataFrame(columns=columns), "runs_seen": runs}
    exact = next(c for c in detector_claims.detected(evidence, tables) if c["id"] == "detector.exact.error")
    assert exact["n"] == 2 and exact["value"] == 0.5, "the late drop has its excuse, the early one has none"


def stubs(lands: float, rng) -> pd.DataFrame:
    """A sweep whose stubs land at the average of before, in the share `lands`, else anywhere."""
    rows = []
    for cut in ("rate", "batch", "placebo"):
        for seed in range(4):
            for at in range(10, 28, 2):
                average, noise = rng.normal(0.3, 0.02), rng.normal(0.3, 0.02)
                before = average + abs(rng.normal(0.07, 0.02))
                after = lands * average + (1 - lands) * noise if cut != "placebo" else noise
                rows.append(("s", at, cut, seed, "train_eval", "loss_recomputed", before, after, before - average))
    return pd.DataFrame(rows, columns="study at cut seed split metric before after foretold".split())


def test_landings_are_foretold_only_where_they_are():
    rng = np.random.default_rng(1)
    r = sweep.landings(stubs(0.9, rng), 10).set_index("cut")["r_average"]
    assert min(r["rate"], r["batch"]) > 0.9 and abs(r["placebo"]) < 0.5
    assert sweep.landings(stubs(0.0, rng), 10)["r_average"].abs().max() < 0.5
