"""The parts of the page on cause: there where a study has their tables, with claims, verdicts and reasons."""

import html
import json
import re
from pathlib import Path

import pandas as pd

from errordrops import report
from errordrops.analysis.simulation import simulated_rates
from errordrops.report import evidence
from errordrops.report import material as study
from rendered import folder, made

__all__ = ["folder", "made"]  # fixtures


def evidence_of(folder, *names):
    """The section on cause of the planted study, with rows in these tables."""
    for name in names:
        pd.DataFrame({"arm": ["step"], "n": [3]}).to_csv(folder / f"analysis/{name}.csv", index=False)
    return evidence.evidence(study.read(folder), report.texts("cause"))


def test_parts_on_cause_appear_only_where_the_study_has_their_tables(folder):
    assert evidence_of(folder).startswith("<!--")
    text = evidence_of(folder, "sweep_fits")
    assert "{#sec-foretold}" in text and "{#fig-predicted" in text and "@fig-cut-sweep" in text
    assert "{#sec-lag}" not in text and "fig-lag" not in text


def test_every_failed_claim_of_the_references_is_explained():
    for path in Path("results/reference").glob("*/claims.json"):
        failed = [claim["id"] for claim in json.loads(path.read_text()) if claim["holds"] is False]
        for id in failed:
            assert any(re.fullmatch(reason["claims"], id) for reason in report.unmet()), (path, id)


def test_every_topic_has_its_text_and_its_figures():
    texts = report.texts("cause")
    assert set(texts) == {topic.name for topic in evidence.TOPICS} | {"intro"}
    assert {name for topic in evidence.TOPICS for name in topic.figures} <= set(study.FIGURES)
    assert len({topic.name for topic in evidence.TOPICS}) == len(evidence.TOPICS)


def test_a_part_tells_its_claims_with_their_verdicts(folder):
    numbers = {"value": 0.93, "ci_low": 0.85, "ci_high": 1.01, "unit": "nats per nat", "n": 4}
    numbers |= {"threshold_low": 1.1, "threshold_high": None}  # beyond the whole interval
    claims = [
        numbers | {"id": "predicted.rate.slope", "statement": "a", "threshold_low": 0.8},
        numbers | {"id": "predicted.batch.slope", "statement": "b", "holds": False},
        numbers | {"id": "predicted.rate.gain", "statement": "c", "holds": None, "value": None},
        numbers | {"id": "step.m1.drop", "statement": "elsewhere", "threshold_low": 0.8},
    ]
    (folder / "claims.json").write_text(json.dumps(claims))
    text = evidence_of(folder, "sweep_fits")
    assert "Of 3 claims about it **1 holds**, **1 does not hold** and 1 is not tested" in text
    assert "`predicted.rate.slope`: 0.930 (0.850 to 1.010) nats per nat; holds" in text
    assert "`predicted.batch.slope`" in text and "**does not hold**" in text and "not tested" in text
    assert "step.m1.drop" not in text and "(#sec-failed)" in text
    unmet = [{"claims": r"predicted\..*\.slope", "why": "Because."}, {"claims": "step.*", "why": "Elsewhere."}]
    why = evidence.failed(study.read(folder), unmet)
    assert "- predicted.batch.slope: Because." in html.unescape(why) and "Elsewhere" not in why
    assert evidence.UNKNOWN in evidence.failed(study.read(folder), unmet[1:])


def test_the_simulation_is_told_with_its_rates(folder):
    assert evidence.simulated(study.read(folder)).startswith("<!--")
    simulated_rates(rounds=50).to_csv(folder / "analysis/simulated_rates.csv", index=False)
    text = evidence.simulated(study.read(folder))
    assert "3 seeds:" in text and "8 seeds:" in text and "exponential" in text
