"""The article: prose bound to the results. What they contradict is not rendered, and the sentence is named."""

import json
import re
import shutil

import pandas as pd
import pytest
from markupsafe import Markup

from errordrops import cli, report
from errordrops.report.bound import Results
from errordrops.report.material import ReportError
from errordrops.results.layout import Layout

REFERENCE = Layout.reference("quick").root.parent
CLAIM = "quick/step.m1.level"


@pytest.fixture(scope="module")
def results():
    return Results(REFERENCE)


@pytest.fixture(scope="module")
def recorded():
    claims = json.loads((REFERENCE / "quick/claims.json").read_text())
    return next(claim for claim in claims if claim["id"] == "step.m1.level")


@pytest.fixture(scope="module")
def text():
    """The article's document without its figures."""
    return re.sub(r"`{6}.*?`{6}", "", report.article(REFERENCE, "pandoc"), flags=re.DOTALL)


def test_a_number_is_the_claims_own(results, recorded):
    assert results.value(CLAIM, 2, times=-1) == f"{-recorded['value']:.2f}"
    low, high = -recorded["ci_high"], -recorded["ci_low"]
    assert results.span(CLAIM, 2, times=-1) == f"{low:.2f} to {high:.2f}" and low < high
    assert results.value(CLAIM, field="ci_low") == f"\u2212{-recorded['ci_low']:.1f}"


def test_a_number_of_a_table_is_that_of_one_row(results):
    table = pd.read_csv(REFERENCE / "quick/analysis/final.csv")
    row = table[(table["arm"] == "step") & (table["split"] == "test") & (table["metric"] == "error")].iloc[0]
    asked = {"arm": "step", "split": "test", "metric": "error"}
    assert results.cell("quick/final", "mean", 3, **asked) == f"{row['mean']:.3f}"
    with pytest.raises(ReportError, match=r"asks table quick/final for the row with .*step.*; \d+ rows are that"):
        results.cell("quick/final", "mean", arm="step")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda r: r.value("quick/step.m9.level"), "asks for claim step.m9.level, which study quick does not make"),
        (lambda r: r.value("nowhere/step.m1.level"), "asks for study nowhere, of which"),
        (lambda r: r.value(CLAIM, field="colour"), f"asks for a number of {CLAIM} that the results do not have"),
    ],
)
def test_what_is_not_there_is_said(results, ask, said):
    with pytest.raises(ReportError, match=said):
        ask(results)


def test_a_sentence_of_another_verdict_stops_the_render(results):
    sentence = Markup("Test error <b>falls</b>.")
    assert results.given(CLAIM, "holds", lambda: sentence) == sentence
    with pytest.raises(ReportError) as stopped:
        results.given([CLAIM, "quick/batch.m1.level"], "does not hold", lambda: sentence)
    assert str(stopped.value) == (
        f"The article assumes that claim {CLAIM} does not hold, but by the results it holds. "
        'Rewrite: "Test error falls."'
    )


def test_the_article_does_not_outlive_its_results(tmp_path, capsys):
    """One verdict of the committed results is turned round: no page, one message, exit code 1."""
    for study in ("quick", "photographs-forks"):
        ignored = shutil.ignore_patterns("runs", "report")
        shutil.copytree(REFERENCE / study, tmp_path / "kept" / study, ignore=ignored)
    kept = tmp_path / "kept/quick/claims.json"
    claims = json.loads(kept.read_text())
    for claim in claims:
        if claim["id"] == "step.m2.level":
            claim["verdict"] = "does not hold"
    kept.write_text(json.dumps(claims))
    asked = ["article", "--reference", str(tmp_path / "kept"), "--out", str(tmp_path / "article/index.html")]
    assert cli.main(asked) == 1
    said = capsys.readouterr().err
    assert "claim quick/step.m2.level holds, but by the results it does not hold. Rewrite:" in said
    assert "Traceback" not in said and not (tmp_path / "article/index.html").exists()


def test_the_article_can_be_read_in_ten_minutes(text):
    body = text.split("---", 2)[2].split("## References")[0]
    prose = [line for line in body.splitlines() if line and not line.startswith((":::", "#", "$", "|"))]
    words = " ".join(prose).split()
    assert 1400 <= len(words) <= 2500
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z*\[])", " ".join(prose))
    assert len(words) / len(sentences) <= 20


def test_every_sentence_with_a_number_takes_it_from_the_results():
    """Digits in the source are of setups (epochs, factors, sizes), not of outcomes: none has decimals or a unit."""
    source = (report.report_sources() / "article.qmd").read_text().split("---", 2)[2]
    written = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|<!--#.*?#-->|\$\$.*?\$\$|`{3}.*?`{3}", "", source, flags=re.DOTALL)
    outcomes = re.findall(r"\b\d+\.\d+\b|\b\d+ (?:points|nats)\b|\b(?!95 )\d+ %", written)
    assert outcomes == []


def test_the_article_renders_with_the_committed_results(tmp_path):
    engine = report.render_article(REFERENCE, tmp_path / "article/index.html", engine="pandoc")
    page = (tmp_path / "article/index.html").read_text()
    assert engine.startswith("pandoc") and page.count('class="chart"') >= 6
    assert "{{" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert len(page) < 5_000_000
