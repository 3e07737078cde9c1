"""The page in a browser without network: every chart is drawn and answers, on wide and narrow screens,
light and dark.
"""

import json
import os
import shutil

import pandas as pd
import pytest

import planted
import planted_controls
import planted_evidence
import test_court
import test_figures_mechanism_a
import test_figures_mechanism_b
import test_figures_papers
from errordrops import figures, report
from errordrops.analysis import court
from test_report import SETTINGS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRAWN = "mode => [...document.querySelectorAll('.chart')].every(b => b.dataset.drawn === mode)"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH (chromium, chromium-browser, google-chrome)"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page of the planted study with its real figures."""
    folder = tmp_path_factory.mktemp("page")
    planted.write(folder)
    provenance = planted.provenance() | {"settings": SETTINGS}
    (folder / "provenance.json").write_text(json.dumps(provenance))
    more = planted_controls.tables() | planted_evidence.evidence()
    ours, theirs = test_figures_mechanism_a.tables(), test_figures_mechanism_b.all_tables()
    both = {name: pd.concat([ours[name], theirs[name]], ignore_index=True) for name in ("probes", "mechanism_summary")}
    more |= {"mechanism": ours["mechanism"], "undying": theirs["undying"], **both}
    quoted = test_figures_papers.all_tables(test_figures_papers.load(tmp_path_factory.mktemp("study")))
    more |= {name: quoted[name] for name in ("published", "optimizers", "optimizer_summary")}
    for name in more.keys() - {"probes"} - planted.tables().keys() - {"curves"}:
        more[name].to_csv(folder / "analysis" / f"{name}.csv", index=False)
    predicted = court.court_claims(test_court.STUDY, test_court.tables())
    outcomes = court.court(test_court.STUDY, predicted)
    more |= {"court": outcomes, "verdicts": court.verdicts(test_court.STUDY, outcomes)}
    for name in ("court", "verdicts"):
        more[name].to_csv(folder / "analysis" / f"{name}.csv", index=False)
    claims = json.loads((folder / "claims.json").read_text())
    (folder / "claims.json").write_text(json.dumps(claims + predicted + court.verdict_claims(more["verdicts"])))
    tables = more | {"curves": planted.curves(), "closeups": planted.closeups(), **planted.tables()}
    for name, figure in figures.FIGURES.items():
        figures.save(figure.draw(tables), folder / "figures" / name)
    report.render(folder, folder / "report/index.html", engine="pandoc")
    return (folder / "report/index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        started = p.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture
def visit(browser, address):
    """Open the page offline at a width and colour scheme; whatever goes wrong on it fails the test."""
    contexts, wrong = [], []

    def visited(width=1280, height=900, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        contexts.append(context)
        context.set_offline(True)
        page = context.new_page()
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url[:200]))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(local) else wrong.append(r.url[:200]))
        page.goto(address)
        page.wait_for_function(DRAWN, arg=scheme, timeout=20_000)
        return page

    yield visited
    for context in contexts:
        context.close()
    assert not wrong, "\n".join(wrong)


def test_every_chart_is_drawn(visit):
    page = visit()
    marks = page.eval_on_selector_all(
        ".chart", "boxes => boxes.map(b => [b.querySelectorAll('svg path, svg text').length, b.dataset.chart])"
    )
    empty = {"controls", "reversal", "weight_norm", "slider"}  # not in the planted curves: the page leaves them out
    assert {name for _, name in marks} == set(figures.FIGURES) - empty
    assert not [name for drawn, name in marks if drawn <= 20]
    assert page.locator(".chart svg[role=img][aria-label]").count() == len(figures.FIGURES) - len(empty)


def test_first_screen_holds_question_answer_and_chart(visit):
    page = visit()
    assert page.locator("h1").bounding_box()["y"] < 100
    answer, chart = page.locator(".answer").bounding_box(), page.locator(".chart").first.bounding_box()
    assert answer["y"] + answer["height"] <= chart["y"] < 700


def test_chart_answers_to_its_switch_and_legend(visit):
    page = visit()
    box = page.locator(".chart[data-chart=error_by_epoch]")
    before = box.locator("svg.marks").inner_html()
    box.locator("input[type=radio]").nth(1).check()
    page.wait_for_function("old => document.querySelector('.chart svg.marks').innerHTML !== old", arg=before)
    before = box.locator("svg.marks").inner_html()
    box.locator("svg.marks .role-legend-label").nth(1).click(force=True)
    page.wait_for_function("old => document.querySelector('.chart svg.marks').innerHTML !== old", arg=before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screen(visit, scheme):
    page = visit(390, 844, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 14
    size = "elements => elements.map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(page.eval_on_selector_all("main p, td, th", size)) >= 13


def test_dark_mode_redraws(visit):
    page = visit()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    fill = "getComputedStyle(document.querySelector('.chart svg .role-axis-label text')).fill"
    before = page.evaluate(fill)
    page.locator("#toggle").click()
    page.wait_for_function(DRAWN, arg="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.evaluate(fill) != before
    page.locator("#toggle").click()
    page.wait_for_function(DRAWN, arg="light")
    assert page.evaluate(fill) == before


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_no_violation(visit, scheme, width):
    """All rules of axe-core, those of WCAG 2.2 AA and good practice, with everything unfolded."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(width, 900, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = axe.Axe().run(page).response["violations"]
    told = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for rule in found
        for node in rule["nodes"][:4]
    ]
    assert not found, "\n".join(told)
