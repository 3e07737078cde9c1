"""The page in a browser without network: every chart is drawn and answers, its data can be saved, a keyboard reaches
everything, on wide and narrow screens, light and dark, and on paper.
"""

import io
import json
import os
import shutil

import pandas as pd
import pytest

import planted
import planted_controls
import planted_evidence
import test_figures_papers
import test_figures_probes_a
import test_figures_probes_b
import test_forks
from errordrops import figures, report
from errordrops.study.study import REPOSITORY
from reading import WORDS_PER_MINUTE, words
from rendered import SETTINGS

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FITTED = """() => [...document.querySelectorAll('.chart')].every(
    box => box.dataset.width === String(box.querySelector('.canvas').clientWidth))"""
OPEN = "document.querySelectorAll('details').forEach(d => d.open = true)"
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
    ours, theirs = test_figures_probes_a.tables(), test_figures_probes_b.all_tables()
    both = {name: pd.concat([ours[name], theirs[name]], ignore_index=True) for name in ("probes", "mechanism_summary")}
    more |= {"mechanism": ours["mechanism"], "undying": theirs["undying"], **both}
    quoted = test_figures_papers.all_tables(test_figures_papers.load(tmp_path_factory.mktemp("study")))
    more |= {"published": quoted["published"]}
    more |= {name: quoted[name].iloc[:0] for name in ("optimizers", "optimizer_summary")}  # this study has one
    for name in more.keys() - {"probes"} - planted.tables().keys() - {"curves"}:
        more[name].to_csv(folder / "analysis" / f"{name}.csv", index=False)
    for name, table in test_forks.TABLES.items():
        table.to_csv(folder / "analysis" / f"{name}.csv", index=False)
    more |= test_forks.TABLES
    claims = json.loads((folder / "claims.json").read_text())
    (folder / "claims.json").write_text(json.dumps(claims + list(test_forks.CLAIMS.values())))
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

    def visited(width=1280, height=900, scheme="light", **options):
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **options)
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
    # not in the planted curves: the page leaves them out
    empty = {"controls", "reversal", "weight_norm", "slider", "optimizers", "sharpness"}
    assert {name for _, name in marks} == set(figures.FIGURES) - empty
    assert not [name for drawn, name in marks if drawn <= 20]
    assert page.locator(".chart svg[role=img][aria-label]").count() == len(figures.FIGURES) - len(empty)


def test_first_screen_holds_title_picture_and_the_claims_begin(visit):
    page = visit()
    assert page.locator("h1").bounding_box()["y"] < 100
    picture, claims = (page.locator(where).first.bounding_box() for where in (".chart", "#sec-claims"))
    assert picture["y"] + picture["height"] <= claims["y"] < 900


@pytest.mark.parametrize("width", [390, 768, 1024, 1100, 1920])
def test_no_chart_is_cut(visit, width):
    """What is open fits its box; nothing is scaled to less than nine tenths of the size that it was drawn in."""
    page = visit(width)
    page.evaluate(OPEN)
    page.wait_for_function(FITTED, timeout=120_000)
    page.wait_for_timeout(2000)  # the last of them is still being fitted
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.chart')].map(box => {
            const drawn = box.querySelector('svg.marks');
            const scale = drawn.getBoundingClientRect().width / drawn.viewBox.baseVal.width;
            return [box.dataset.chart, box.scrollWidth - box.clientWidth, scale];
        }).filter(([name, over, scale]) => over > 1 || scale < 0.85)"""
    )
    assert not cut


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_hold_also_where_a_theme_sets_its_own(visit, scheme):
    """Quarto's cosmo and darkly colour code, captions and summaries; ours must win, with a contrast of 4.5 or more."""
    page = visit(scheme=scheme)
    ground = {"light": "#fff", "dark": "#222"}[scheme]
    theirs = "code:not(.sourceCode) { color: #fff; background-color: #fff; } summary, figcaption { color: #6c757d; }"
    page.add_style_tag(
        content=f"body {{ background: {ground} !important; }} {theirs} .quarto-dark p > code {{ color: #fff; }}"
    )
    page.evaluate(OPEN)
    contrast = """elements => elements.map(element => {
        const light = (text) => {
            const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
                .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        let ground = element;
        while (/, 0\\)|transparent/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
        const pair = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor].map(light);
        return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    })"""
    for kind in (".tools code", "main summary", "main figcaption", "pre code", ".verdict"):
        assert min(page.eval_on_selector_all(kind, contrast)) >= 4.5, kind
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == scheme


def test_the_chosen_theme_is_remembered(visit):
    page = visit()
    page.locator("#toggle").click()
    page.wait_for_function(DRAWN, arg="dark")
    page.reload()
    page.wait_for_function(DRAWN, arg="dark", timeout=20_000)
    assert page.evaluate("document.body.className") == "quarto-dark"


def changes(page, box, act) -> None:
    """What is drawn in the box is another picture after `act`."""
    before = box.locator("svg.marks").inner_html()
    act()
    name = box.get_attribute("data-chart")
    now = "([name, old]) => document.querySelector(`[data-chart=${name}] svg.marks`).innerHTML !== old"
    page.wait_for_function(now, arg=[name, before])


def test_charts_answer_to_switches_legend_sliders_and_the_pointer(visit):
    page = visit()
    page.evaluate(OPEN)
    page.wait_for_function(FITTED, timeout=120_000)
    box = page.locator(".chart[data-chart=error_by_epoch]")
    for label in ("recomputed", "parameter updates"):
        changes(page, box, box.get_by_role("radio", name=label, exact=True).check)
    lines = "() => document.querySelectorAll('[data-chart=error_by_epoch] .mark-line path[d]').length"
    assert box.get_by_role("checkbox").count() == 4
    before = page.evaluate(lines)
    changes(page, box, box.get_by_role("checkbox", name="batch").uncheck)
    assert page.evaluate(lines) == before - 2  # in both panels
    changes(page, box, lambda: box.locator("svg.marks .role-legend-label").nth(1).click(force=True))
    toy = page.locator(".chart[data-chart=toy]")
    slider = toy.locator("input[type=range]").first
    changes(page, toy, lambda: (slider.focus(), page.keyboard.press("ArrowRight")))
    points = page.locator(".chart[data-chart=cliffs] svg.marks .mark-symbol path")
    points.nth(12).hover(force=True)
    page.wait_for_selector("#vg-tooltip-element.visible")
    assert "epochs completed" in page.locator("#vg-tooltip-element").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1920])
def test_no_screen_is_too_narrow_or_too_wide(visit, width, scheme):
    page = visit(width, 844, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert len(page.screenshot()) > 10_000
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 14
    size = "elements => elements.map(e => parseFloat(getComputedStyle(e).fontSize))"
    assert min(page.eval_on_selector_all("main p, td, th", size)) >= 13


def test_the_page_may_not_use_the_network(browser, address):
    """By its own policy, also where there is one."""
    page = browser.new_page()
    page.goto(address)
    refused = page.evaluate(
        """() => new Promise(done => {
            addEventListener('securitypolicyviolation', e => done(e.effectiveDirective));
            setTimeout(() => done('nothing'), 3000);
            fetch('http://localhost:1/').catch(() => 0);
        })"""
    )
    page.close()
    assert refused == "connect-src"


def test_dark_mode_redraws_and_keeps_what_was_chosen(visit):
    page = visit()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    fill = "getComputedStyle(document.querySelector('.chart svg .role-axis-label text')).fill"
    before = page.evaluate(fill)
    choice = page.locator(".chart[data-chart=error_by_epoch]").get_by_role("checkbox", name="batch")
    choice.uncheck()
    page.locator("#toggle").click()
    page.wait_for_function(DRAWN, arg="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.evaluate(fill) != before and not choice.is_checked()
    page.locator("#toggle").click()
    page.wait_for_function(DRAWN, arg="light")
    assert page.evaluate(fill) == before


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390)])
def test_axe_finds_no_violation(visit, scheme, width):
    """All rules of axe-core, those of WCAG 2.2 AA and good practice, with everything unfolded."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(width, 900, scheme)
    page.evaluate(OPEN)
    found = axe.Axe().run(page).response["violations"]
    told = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for rule in found
        for node in rule["nodes"][:4]
    ]
    assert not found, "\n".join(told)


def test_data_picture_and_command_of_every_figure_can_be_taken(visit):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(OPEN)
    names = page.eval_on_selector_all(".chart", "boxes => boxes.map(box => box.dataset.chart)")

    def afresh():
        """A browser asks before an eleventh file from one page."""
        page.reload()
        page.wait_for_function(DRAWN, arg="light", timeout=20_000)
        page.evaluate(OPEN)

    for i, name in enumerate(names):
        if i % 10 == 9:
            afresh()
        with page.expect_download() as download:
            page.get_by_role(
                "button", name=f"Save the data of figure {name.replace('_', ' ')} as CSV", exact=True
            ).click()
        assert download.value.suggested_filename == f"{name}.csv", name
        table = pd.read_csv(io.BytesIO(download.value.path().read_bytes()))
        assert len(table) > 1 and table.shape[1] > 1, name
        if name == "cliffs":
            drawn = table[table["split"] == "test"].set_index("epoch")["mean"]
    curves = planted.curves().query("arm == 'step' and split == 'test' and metric == 'error'")
    assert drawn[11] == pytest.approx(curves.query("epoch == 11")["value"].mean(), abs=0.006)
    afresh()
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Save the picture of figure lag as {kind}").click()
        assert download.value.path().read_bytes().startswith(start)
    page.get_by_role("button", name="Copy the command of figure lag", exact=True).press("Enter")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tools button')].some(b => b.textContent === 'Copied')"
    )
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("snakemake results/") and "/figures/lag.svg" in copied


def test_every_anchor_leads_somewhere_also_into_what_is_folded(visit):
    page = visit()
    targets = page.eval_on_selector_all("a[href^='#']", "links => links.map(a => a.getAttribute('href').slice(1))")
    assert len(targets) > 15
    lost = page.evaluate("ids => ids.filter(id => !document.getElementById(decodeURIComponent(id)))", targets)
    assert not lost
    table = page.locator("#tbl-secondary")
    assert not table.is_visible()
    page.locator("a[href='#tbl-secondary']").first.click()
    table.wait_for(state="visible")


def test_a_keyboard_reaches_every_control(visit):
    page = visit()
    page.evaluate(OPEN)
    controls = (
        "const tags = 'button, input, select, summary, a[href]:not([tabindex=\"-1\"]), .chart, .table-box';"
        "const all = [...document.querySelectorAll(tags)];"
        # of a group of radio buttons the tab key stops at the checked one, from which arrows go on
        "const wanted = all.filter(e => e.offsetParent !== null && !(e.type === 'radio' && !e.checked));"
    )
    page.evaluate("() => { window.seen = new Set(); addEventListener('focusin', e => window.seen.add(e.target)); }")
    for _ in range(page.evaluate(f"() => {{ {controls} return wanted.length + 20; }}")):
        page.keyboard.press("Tab")
    missed = page.evaluate(
        f"() => {{ {controls} return wanted.filter(e => !window.seen.has(e)).map(e => e.outerHTML); }}"
    )
    assert not [html[:150] for html in missed]


def test_on_paper_all_is_unfolded_and_nothing_is_to_click(visit):
    page = visit(scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    closed = "[...document.querySelectorAll('main details:not(.tools)')].filter(d => !d.open).length"
    assert page.evaluate(closed) == 0
    shown = "elements => elements.filter(e => e.offsetParent !== null).length"
    assert page.eval_on_selector_all(".tools button, .vega-bind input, #toggle, #TOC", shown) == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    text = "getComputedStyle(document.querySelector('.chart svg .role-axis-label text')).fill"
    assert page.evaluate(text) == "rgb(34, 34, 34)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) > 5


def test_the_page_is_small_and_soon_interactive(browser, address):
    """The first chart with controls has them within 2 s; the best of some tries, as the machine may be busy."""
    waited = """() => new Promise(done => {
        const ready = () => document.querySelector('[data-chart=error_by_epoch][data-drawn] input[type=checkbox]');
        const look = () => ready() ? done(performance.now() / 1000) : setTimeout(look, 20);
        look();
    })"""
    seconds = []
    while len(seconds) < 6 and min(seconds, default=9) >= 2:
        page = browser.new_page()
        page.goto(address, wait_until="commit")
        seconds.append(page.evaluate(waited))
        page.close()
    assert min(seconds) < 2, seconds
    committed = [*(REPOSITORY / "results/reference").glob("*/report/index.html")]
    assert committed and all(path.stat().st_size < 5e6 for path in committed)


def test_the_page_of_the_evidence_is_read_in_twelve_minutes():
    page = (REPOSITORY / "results/reference/evidence/report/index.html").read_text()
    read = words(page)
    assert 1000 < read.total() < 12 * WORDS_PER_MINUTE, read
