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
from errordrops import report
from errordrops.report import engines, parts, text
from errordrops.report import material as study
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
    names = [row[0] for row in rows]
    for i, row in enumerate(rows):
        arm, m = re.match(r"(\w+), after (\d+)", names[i - i % 2]).groups()
        metric = {"running": "error", "recomputed": "error_recomputed"}[row[1]]
        here = (summary["split"] == "test") & (summary["metric"] == metric)
        (want,) = summary[here & (summary["arm"] == arm) & (summary["milestone"] == int(m))].itertuples()
        for j, key in ((2, "change"), (3, "change_control"), (4, "difference")):
            mean, low, high = (getattr(want, key + end) for end in ("", "_low", "_high"))
            assert row[j] == f"{mean:+.2f} ({low:+.2f} to {high:+.2f})".replace("-", "\u2212")
        assert row[5] == "3"


def test_final_table_is_the_csv(page, made):
    final = pd.read_csv(made / "analysis/final.csv", keep_default_na=False, na_values=[""]).query("split == 'test'")
    rows = cells(page, "tbl-final")
    assert [row[0] for row in rows] == list(planted.SETTINGS)
    for arm, _, running, recomputed, updates, nominal, n in rows:
        for shown, metric in ((running, "error"), (recomputed, "error_recomputed")):
            (want,) = final[(final["arm"] == arm) & (final["metric"] == metric)].itertuples()
            assert shown == f"{want.mean:.2f} ({want.low:.2f} to {want.high:.2f})"
        assert (updates, nominal, n) == (f"{want.updates:,}", f"{want.updates_nominal:,.1f}", "3")


def test_claims_are_told_as_they_came_out(page):
    holds, open_one, untested = cells(page, "tbl-claims")
    assert [holds[0], open_one[0], untested[0]] == ["holds", "not decided", "not tested"]
    assert open_one[2] == "−0.40 (−1.20 to +0.40) points" and open_one[3] == "below −0.5"
    told = visible(page)
    assert "Of 3 claims 1 holds , 1 is not decided and 1 is not tested." in told
    assert "Not decided means that the interval reaches over the threshold" in told
    assert "Why claims do not hold" not in told


def test_answer_follows_from_the_numbers(folder):
    """The first paragraph says what the intervals say: larger falls, no clear difference, or no interval."""
    path = folder / "analysis/milestone_levels_summary.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])

    def told(low, high):
        table[["difference", "difference_low", "difference_high"]] = [-3.0, low, high]
        table.to_csv(path, index=False)
        return parts.measured(study.read(folder))

    sure = told(-4.0, -2.0)
    assert "after epoch 10 in **both** arms" in sure, "hybrid is batch until epoch 20, so it does not count again"
    assert "after epoch 20 in **all 3** arms" in sure
    assert sure.count("−3.00 points (95\u00a0% interval −4.00 to −2.00)") == 2
    unsure = told(-7.0, 1.0)
    assert "no clear difference" in unsure
    assert "after epoch 10 in **none of 2** arms" in unsure and "after epoch 20 in **none of 3** arms" in unsure
    assert "One seed gives no interval" in told(None, None) and ",." not in told(None, None)


def test_page_is_complete_and_fetches_nothing(page):
    assert len(page) < 3e6
    told = visible(page)
    for words in (
        "Figure 7: Caption of error",
        "ghost",
        "He et al. 2015",
        "page rendered by Pandoc",
        "3,200",
    ):
        assert words.lower() in told.lower()
    assert page.count('class="chart"') == 7 and 'aria-label="Alt &quot;text&quot; of closeup &amp; more."' in page
    bare = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(src|<link[^>]+href)=[\"']?(https?:)?//", bare)
    assert "{{<" not in bare and "?@" not in bare
    assert page.index('id="sec-provenance"') > page.index('id="sec-again"')  # the appendix is last


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


def test_plain_and_cell_show_the_text():
    assert text.plain("1. a* b") == "1&#46; a&#42; b"
    assert text.cell('{{< x >}} "') == "&#123;&#123;&lt; x &gt;&#125;&#125; &quot;"


def test_without_control_the_page_says_so(folder):
    for name in study.TABLES:
        path = folder / f"analysis/{name}.csv"
        table = pd.read_csv(path, keep_default_na=False, na_values=[""]).query("arm != 'none'")
        for column in table.columns:
            if "none" in column or "difference" in column:
                table[column] = None
        table.to_csv(path, index=False)
    told = visible(page_of(folder))
    assert "no arm in which nothing changes, so it cannot say what would have happened" in told
    assert "This study has no arm none , in which nothing changes." in told


def test_diverged_runs_are_told_first(folder):
    change(folder, "provenance.json", lambda p: p["runs"][4].update(status="diverged"))
    page = page_of(folder)
    assert "1 of 9 runs diverged" in page and "step (seed 1)" in visible(page)
    assert page.index("runs diverged") < page.index('id="sec-milestone"')


@pytest.mark.parametrize("empty", [True, False])
def test_without_closeups(folder, empty):
    if empty:
        planted.closeups().head(0).to_parquet(folder / "closeups.parquet")
    else:
        (folder / "figures/closeup.json").unlink()
    assert "there is nothing to show here" in visible(page_of(folder))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("See @fig-nowhere.", "fig-nowhere"),
        ("{{< var study.nothing >}}", "study.nothing"),
        ("{{< include _parts/nothing.md >}}", "nothing.md"),
        ("{{< meta title >}}", "shortcode"),
        ("As @nobody2020 says.", "nobody2020"),
        ("![x](missing.png)", "missing.png"),
    ],
)
def test_what_cannot_be_resolved_fails(folder, monkeypatch, tmp_path, line, told):
    sources = shutil.copytree(report.report_sources(), tmp_path / "sources")
    (sources / "index.qmd").write_text((sources / "index.qmd").read_text() + f"\n{line}\n")
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
    report.stage(study.read(made), "pandoc 3", tmp_path / "stage")
    config = tmp_path / "panache.toml"  # the project's own overlooks what is not there before the parts are made
    config.write_text('[lint]\nignore = ["citation-nonbreaking-space"]\n')
    command = [panache, "lint", "--config", config, "--no-cache", "--message-format", "short", "index.qmd"]
    done = subprocess.run(command, cwd=tmp_path / "stage", text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_begins_with_the_picture_of_another_study_where_it_names_one(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "other")
    change(other, "provenance.json", lambda p: p.update(study="other"))
    change(other, "figures/cliffs.json", lambda f: f["usermeta"].update(caption="Caption of the other."))
    mine, its = study.read(folder), study.read(other, committed=True)
    shown = report.generated(mine, "pandoc 3", opening=its)["fig-cliffs.md"]
    shown = html.unescape(shown)
    assert "Caption of the other." in shown and "is of study other: ResNet-8 on Fashion-MNIST" in shown
    assert "snakemake results/other/figures/cliffs.svg --config from=reference" in shown
    own = html.unescape(report.generated(mine, "pandoc 3")["fig-cliffs.md"])
    assert "Caption of cliffs." in own and "is of study" not in own
