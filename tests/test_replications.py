"""Another training of a study, kept beside its reference: what may be kept, and what the page says of it."""

import html
import json

import pytest

from errordrops import cli, report
from errordrops.errors import UserError
from errordrops.files import write_json
from errordrops.report import material as study
from errordrops.results import reference as kept_results
from errordrops.results.intervals import Interval
from errordrops.results.layout import Layout
from errordrops.results.verdicts import claim
from rendered import SETTINGS, change, folder, made

__all__ = ["folder", "made"]  # fixtures
PROVENANCE = {
    "study": "planted", "errordrops": "0", "finished": "2026-02-02", "settings": SETTINGS, "data": [], "numerics": [],
    "code": ["b"], "runs": [{"arm": "step", "from_reference": False}] * 4,
}  # fmt: skip


def fall(id, value, half):
    """A claim that something falls by more than a point."""
    return claim(id, "It falls.", "test error", "points", Interval(value, value - half, value + half), high=-1.0, n=3)


REFERENCE = [fall("a", -3.0, 0.5), fall("b", -3.0, 0.5), fall("c", -3.0, 0.5), fall("d", float("nan"), 0.0)]
AGAIN = [fall("a", -2.9, 0.5), fall("b", -2.0, 1.5), fall("c", 0.0, 0.5), fall("d", float("nan"), 0.0)]


def write(layout, claims, **facts):
    write_json(layout.claims, claims)
    write_json(layout.provenance, PROVENANCE | facts)
    return layout


@pytest.fixture
def places(tmp_path):
    """Results trained anew, and a reference."""
    return write(Layout(tmp_path / "p"), AGAIN), write(
        Layout(tmp_path / "reference/p"), REFERENCE, finished="2026-01-01"
    )


def test_what_is_kept_is_read_again_and_the_reference_stays(places):
    results, reference = places
    before = reference.claims.read_bytes()
    kept = kept_results.keep_again(results, reference, "2026-02")
    assert [path.parent for path in kept_results.replication_files(reference)] == [kept, kept]
    assert kept_results.replications(reference) == [kept_results.Replication("2026-02", AGAIN, PROVENANCE)]
    assert reference.claims.read_bytes() == before


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "-x", "<b>"])
def test_a_name_that_is_no_folder_is_refused(places, name):
    with pytest.raises(UserError, match="letters, digits"):
        kept_results.keep_again(*places, name)
    assert kept_results.replications(places[1]) == []


def test_runs_of_the_reference_are_no_replication_of_it(places):
    results, reference = places
    write(results, AGAIN, runs=[*PROVENANCE["runs"][:3], {"arm": "none", "from_reference": True}])
    with pytest.raises(UserError, match="1 of 4 runs were taken from the reference"):
        kept_results.keep_again(results, reference, "again")


def test_claims_are_needed_on_both_sides(places):
    results, reference = places
    reference.claims.unlink()
    with pytest.raises(UserError, match=r"errordrops keep p$"):
        kept_results.keep_again(results, reference, "again")
    write(reference, REFERENCE)
    results.provenance.unlink()
    with pytest.raises(UserError, match=r"make report STUDY=p$"):
        kept_results.keep_again(results, reference, "again")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.unlink(), r"no file .*claims\.json; what makes it: .* --again NAME"),
        (lambda p: p.write_text("{"), "JSON"),
    ],
)
def test_a_damaged_replication_is_named(places, spoil, message):
    kept = kept_results.keep_again(*places, "again")
    spoil(kept / "claims.json")
    with pytest.raises(UserError, match=message):
        kept_results.replications(places[1])


def told(folder) -> str:
    """The section of the page on reference and replications."""
    text = html.unescape(report.document(study.read(folder), "pandoc 3"))
    return text.split("{#sec-reference}")[1].split("{#sec-provenance}")[0]


def test_the_page_tells_what_came_out_otherwise(folder):
    (folder / "claims.json").write_text(json.dumps(REFERENCE))
    change(folder, "provenance.json", lambda p: p.update(PROVENANCE, finished="2026-01-01", code=["a"]))
    reference = write(Layout(folder.parent / "reference" / folder.name), REFERENCE)
    kept_results.keep_again(write(Layout(folder.parent / "other"), AGAIN), reference, "2026-02")
    first, again = told(folder).split("Training 2026-02")
    assert "3 of 3 claims came out the same, and none reversed." in first and "they agree." in first
    assert "1 of 3 claims came out the same, and 1 reversed." in again and "they do **not** agree" in again
    assert sorted(row.split("</code>")[0] for row in again.split("<code>")[1:]) == ["b", "c"]
    assert "- Code of training: a here, b in 2026-02. Training may have changed." in again


def test_a_claim_that_was_stated_since_is_no_disagreement(folder):
    (folder / "claims.json").write_text(json.dumps([*REFERENCE[:1], fall("e", -3.0, 0.5)]))
    change(folder, "provenance.json", lambda p: p.update(PROVENANCE, finished="2026-01-01"))
    write(Layout(folder.parent / "reference" / folder.name), REFERENCE[:1])
    assert "1 of 1 claim came out the same, and none reversed." in told(folder)


def test_a_page_of_that_very_training_does_not_compare_it_with_itself(folder):
    change(folder, "provenance.json", lambda p: p.update(PROVENANCE))
    reference = write(Layout(folder.parent / "reference" / folder.name), REFERENCE)
    kept_results.keep_again(write(Layout(folder.parent / "other"), AGAIN), reference, "2026-02")
    assert len(study.read(folder).replications) == 1
    assert "Training 2026-02" not in told(folder)


def test_without_a_reference_the_page_says_so(folder):
    assert "nothing can be compared" in told(folder)


def test_the_command_keeps_beside_the_reference(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    studies = ["--studies", str(cli.Path(__file__).parents[1] / "config/studies")]
    write(Layout.reference("smoke"), REFERENCE)
    write(Layout.of("smoke"), AGAIN)
    assert cli.main(["keep", "smoke", *studies, "--again", "first"]) == 0
    assert "kept in results/reference/smoke/replications/first; the reference is as it was" in capsys.readouterr().out
    assert cli.main(["keep", "smoke", *studies, "--again", "../first"]) == 1
    assert "--again '../first'" in capsys.readouterr().err
