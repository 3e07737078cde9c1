"""The report: what it says follows from the tables, and what cannot be said or rendered is an error or
a true sentence.
"""

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import planted
import test_forks
from errordrops import report
from errordrops.figures.embedding import cell
from errordrops.report import engines, text
from errordrops.report import material as study
from errordrops.study.study import REPOSITORY
from reading import words
from rendered import SETTINGS, cells, change, folder, made, page, page_of, visible

__all__ = ["folder", "made", "page"]  # fixtures
HOSTILE = "a|*b*`c`<script>alert(1)</script>{{< var x >}}@he2015"


@pytest.mark.parametrize(
    ("identifier", "file"), [("tbl-changes", "milestone_summary"), ("tbl-levels", "milestone_levels_summary")]
)
def test_changes_tables_are_the_csv(page, made, identifier, file):
    summary = pd.read_csv(made / f"analysis/{file}.csv", keep_default_na=False, na_values=[""])
    rows = cells(page, identifier)
    assert len(rows) == 3 * 2 * 2
    for arm, m, reading, *numbers, n in rows:
        metric = {"running": "error", "recomputed": "error_recomputed"}[reading]
        here = (summary["split"] == "test") & (summary["metric"] == metric)
        (want,) = summary[here & (summary["arm"] == arm) & (summary["milestone"] == int(m))].itertuples()
        for shown, key in zip(numbers, ("change", "change_control", "difference"), strict=True):
            written = [float(x) for x in re.findall(r"[+-][\d.]+", shown.replace("\u2212", "-"))]
            exact = [getattr(want, key + end) for end in ("", "_low", "_high")]
            assert written == pytest.approx(exact, abs=0.005 * max(map(abs, exact)) + 1e-9), shown
        assert n == "3"


def test_final_table_is_the_csv(page, made):
    final = pd.read_csv(made / "analysis/final.csv", keep_default_na=False, na_values=[""]).query("split == 'test'")
    rows = cells(page, "tbl-final")
    assert [row[0] for row in rows] == list(planted.SETTINGS)
    for arm, _, running, recomputed, updates, n in rows:
        for shown, metric in ((running, "error"), (recomputed, "error_recomputed")):
            (want,) = final[(final["arm"] == arm) & (final["metric"] == metric)].itertuples()
            assert float(shown.split()[0]) == pytest.approx(want.mean, rel=0.01)
        assert (updates, n) == (f"{want.updates:,}", "3")


def test_claims_are_told_as_they_came_out(page):
    holds, open_one, untested = cells(page, "tbl-secondary")
    assert [row[0].split()[0] for row in (holds, open_one, untested)] == ["holds", "not", "not"]
    assert open_one[0].startswith("not decided") and untested[0].startswith("not tested")
    assert open_one[2] == "−0.40 (−1.20 to +0.40) points" and open_one[3] == "below −0.5"
    assert "1 holds, 1 is not decided and 1 is not tested" in visible(page)


def test_primary_claims_come_first_and_open(folder):
    change(folder, "claims.json", lambda c: c[0].update(rank="primary", adjusted="not decided"))
    page = page_of(folder)
    (row,) = cells(page, "tbl-primary")
    assert row[0] == "holds" and len(cells(page, "tbl-secondary")) == 2
    assert "<details" not in page[: page.index('id="tbl-primary"')].rsplit("</details>", 1)[-1]
    assert re.search(r"Then the verdict changes for [\w. ]+", visible(page))


def test_effects_are_told_as_their_intervals_say(folder):
    path = folder / "analysis/milestone_levels_summary.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])

    def told(low, high):
        table[["difference", "difference_low", "difference_high"]] = [-3.0, low, high]
        table.to_csv(path, index=False)
        return report.document(study.read(folder), "pandoc 3").split("{#sec-changes}")[1].split("{#sec-curves}")[0]

    assert told(-4.0, -2.0).count("<td>fell</td>") >= 5
    assert "no clear difference" in told(-7.0, 1.0) and "<td>fell</td>" not in told(-7.0, 1.0)
    assert "one seed, no interval" in told(None, None)


def test_page_is_complete_and_fetches_nothing(page):
    assert len(page) < 3e6
    told = visible(page)
    for said in ("Caption of error", "He et al. 2015", "Page rendered by Pandoc", "Beside the reference"):
        assert said.lower() in told.lower()
    assert 'aria-label="Alt "text" of closeup & more."' in html.unescape(page)
    bare = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|<link[^>]+href)=[\"']?(https?:)?//", bare)
    assert "{{<" not in bare and "?@" not in bare and ":::" not in bare
    contents = page[page.index('id="TOC"') :]
    assert page.index('id="sec-appendix"') > page.index('id="sec-provenance"') and "#sec-appendix" in contents


def test_the_open_page_has_at_most_1500_words_and_one_fold_a_section(page):
    assert 300 < words(page).total() < 1500
    main = page[page.index("<main") : page.index("</main>")]
    for section in re.split(r"<h[23]", main):
        assert section.count('<details class="fold"') <= 1, section[:80]


@pytest.mark.parametrize("name", ["quick", "photographs-forks"])
def test_pages_of_committed_results_are_short_and_small(tmp_path, monkeypatch, name):
    kept = REPOSITORY / "results/reference" / name
    monkeypatch.setattr(report, "read", lambda folder: study.read(kept, committed=True))
    report.render(tmp_path, tmp_path / "index.html", engine="pandoc")
    page = (tmp_path / "index.html").read_text()
    assert 300 < words(page).total() <= 1500 and len(page.encode()) < 5e6
    assert ("sec-forks" in page) == (name == "photographs-forks") and ("sec-changes" in page) == (name == "quick")


def test_shares_of_a_fall_are_told_only_where_there_was_one(folder):
    numbers = [("none", "fall", -0.1, 0.1), ("none", "leading_share", 1, 3), ("step", "fall", 0.08, 0.1)]
    numbers += [("step", "leading_share", 0.5, 0.7), ("step", "distance_ratio", 0.1, 0.2)]
    rows = [(arm, name, (low + high) / 2, low, high, 2) for arm, name, low, high in numbers]
    columns = "arm quantity value value_low value_high n".split()
    pd.DataFrame(rows, columns=columns).to_csv(folder / "analysis/mechanism_summary.csv", index=False)
    shown = cells(page_of(folder), "tbl-probes")
    assert ["step", "leading share", "0.600 (0.500 to 0.700)", "2"] in shown
    assert not [row for row in shown if row[:2] == ["none", "leading share"]]


def test_forks_have_their_tables(folder):
    for name in ("causes", "mechanisms", "mechanism_verdicts"):
        test_forks.TABLES[name].to_csv(folder / f"analysis/{name}.csv", index=False)
    page = page_of(folder)
    row = next(row for row in cells(page, "tbl-causes") if row[0] == "rate-noise")
    assert row[1] == "rate × 0.25, noise × 4" and row[-1] == "stays"
    assert len(cells(page, "tbl-mechanisms")) == len(test_forks.TABLES["mechanisms"])
    assert "The edge: contradicted." in visible(page)


def test_same_bytes_twice(made, page):
    assert page_of(made) == page
    assert not (made / "report/.build").exists()


def test_hostile_names_stay_text(folder):
    for name in study.TABLES:
        path = folder / f"analysis/{name}.csv"
        table = pd.read_csv(path, keep_default_na=False, na_values=[""])
        table["arm"] = table["arm"].replace("step", HOSTILE)
        table.to_csv(path, index=False)

    def spoil(p):
        p["settings"] = SETTINGS | {"title": HOSTILE, "model": HOSTILE, "dataset_label": HOSTILE}
        p["settings"]["arms"] = [{"name": HOSTILE, "description": HOSTILE}]
        p["study"] = HOSTILE
        p["runs"][0] |= {"arm": HOSTILE, "status": "diverged"}

    change(folder, "provenance.json", spoil)
    change(folder, "claims.json", lambda c: c[1].update(id=HOSTILE, statement=HOSTILE))
    change(folder, "figures/closeup.json", lambda f: f["usermeta"].update(caption=HOSTILE, alt=HOSTILE))
    page = page_of(folder)
    assert "<script>alert" not in page and "<em>b</em>" not in page
    assert visible(page).replace("&#123;", "{").replace("&#125;", "}").count(HOSTILE) > 10


def test_text_and_numbers_are_written_as_they_are():
    assert text.plain("1. a* b") == "1&#46; a&#42; b"
    assert cell('{{< x >}} "') == "&#123;&#123;&lt; x &gt;&#125;&#125; &quot;"
    assert text.interval(-6.09, -9.99, -2.19, sign=True) == "−6.09 (−9.99 to −2.19)"
    assert text.interval(0.0213, 0.0201, 0.0225) == "0.0213 (0.0201 to 0.0225)"
    assert text.interval(1.0, float("nan"), float("nan")) == "1.00"


def test_no_interval_looks_like_a_point_or_like_its_threshold():
    assert text.interval(0.0012, 0.0009, 0.0015, sign=True) == "+0.00120 (+0.00090 to +0.00150)"
    assert text.interval(85.2, 85.198, 85.202) == "85.200 (85.198 to 85.202)"
    assert text.interval(-2.0, -3.0, -0.9996, thresholds=[None, -1.0]) == "−2.0000 (−3.0000 to −0.9996)"


def test_without_control_the_page_says_so(folder):
    for name in study.TABLES:
        path = folder / f"analysis/{name}.csv"
        table = pd.read_csv(path, keep_default_na=False, na_values=[""]).query("arm != 'none'")
        for column in table.columns:
            if "none" in column or "difference" in column:
                table[column] = None
        table.to_csv(path, index=False)
    assert "This study has no arm that goes on without the change." in visible(page_of(folder))


def test_diverged_runs_are_told_first(folder):
    change(folder, "provenance.json", lambda p: p["runs"][4].update(status="diverged"))
    page = page_of(folder)
    assert "1 of 9 runs diverged" in visible(page) and "step, seed 1" in visible(page)
    assert page.index("runs diverged") < page.index('id="sec-claims"')


@pytest.mark.parametrize("empty", [True, False])
def test_without_closeups(folder, empty):
    if empty:
        planted.closeups().head(0).to_parquet(folder / "closeups.parquet")
    else:
        (folder / "figures/closeup.json").unlink()
    assert 'data-chart="closeup"' not in page_of(folder)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("See @fig-nowhere.", "fig-nowhere"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("As @nobody2020 says.", "nobody2020"),
        ("![x](missing.png)", "missing.png"),
    ],
)
def test_what_cannot_be_resolved_fails(folder, monkeypatch, tmp_path, line, told):
    sources = shutil.copytree(report.report_sources(), tmp_path / "sources")
    page = sources / "templates/study.qmd"
    page.write_text(page.read_text() + f"\n{line}\n")
    monkeypatch.setattr(report, "report_sources", lambda: sources)
    out, log = folder / "report/index.html", folder / "log"
    with pytest.raises(report.ReportError, match=re.escape(told)):
        report.render(folder, out, log, engine="pandoc")
    assert not out.exists() and "was not made" in log.read_text()


def test_missing_file_is_named(folder):
    (folder / "analysis/final.csv").unlink()
    with pytest.raises(report.ReportError, match=r"final\.csv"):
        report.render(folder, folder / "x.html", engine="pandoc")


def test_quarto_is_taken_where_it_is(folder, monkeypatch, tmp_path):
    """A program of that name on the PATH is used, and a warning stops the page."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "quarto"
    answers = '[ "$1" = --version ] && echo 1.9.38 && exit'
    program.write_text(f'#!/bin/sh\n{answers}\necho "$WHAT"\necho "<p>made</p>" > index.html\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:/usr/bin:/bin")
    monkeypatch.setenv("WHAT", "title: Why do training and test error drop suddenly\nOutput created: index.html")
    out = folder / "report/index.html"
    assert report.render(folder, out) == "quarto 1.9.38" and out.read_text() == "<p>made</p>\n"
    monkeypatch.setenv("WHAT", "WARNING: Unable to resolve crossref @fig-x")
    with pytest.raises(report.ReportError, match="fig-x"):
        report.render(folder, out)
    assert out.read_text() == "<p>made</p>\n"  # the old page stays


def test_page_that_fetches_is_refused(tmp_path):
    page = tmp_path / "index.html"
    page.write_text('<p><a href="https://x.org">x</a></p><script>"<img src=//x>"</script>')
    engines.check(page)
    page.write_text('<script src="https://x.org/a.js"></script>')
    with pytest.raises(report.ReportError, match="fetch"):
        engines.check(page)


def test_panache_finds_nothing_in_the_document_with_all_its_parts(made, tmp_path):
    """Undefined references, missing files, unknown citations, headings that skip a level: as Quarto will see it."""
    panache = shutil.which("panache", path=str(Path(sys.executable).parent)) or shutil.which("panache")
    if not panache:
        pytest.skip("panache is not installed (it comes with the extra dev)")
    report.stage(report.document(study.read(made), "pandoc 3"), tmp_path / "stage")
    config = tmp_path / "panache.toml"  # the project's own overlooks what is not there before the parts are made
    config.write_text('[lint]\nignore = ["citation-nonbreaking-space"]\n')
    command = [panache, "lint", "--config", config, "--no-cache", "--message-format", "short", "index.qmd"]
    done = subprocess.run(command, cwd=tmp_path / "stage", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{{< var study.nothing >}}", "study.nothing"),
        ("{{< include _parts/nothing.md >}}", "nothing.md"),
        ("{{< meta title >}}", "shortcode"),
    ],
)
def test_shortcodes_that_lead_nowhere_fail(tmp_path, line, told):
    with pytest.raises(report.ReportError, match=re.escape(told)):
        engines.resolve(line, tmp_path, {"study": {"name": "x"}})
