"""README.md and the pages of docs/: no number of a result is typed by hand, and the prose can be read."""

import importlib.util
import re

import pytest

from errordrops.study.study import REPOSITORY

PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted((REPOSITORY / "docs").glob("*.md")))]
PRIVATE = "told|laid|reckoned|foretold|doubtless|hitherto|whereof"  # words that only we used so
LONGEST, AVERAGE = 35, 20  # words of a sentence


def tables():
    spec = importlib.util.spec_from_file_location("tables", REPOSITORY / "docs/tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", tables().TEXTS)
def test_tables_are_those_of_the_committed_files(name):
    text = (REPOSITORY / name).read_text()
    maker = tables()
    assert maker.made(text) == text, "run: make docs"
    assert maker.BLOCK.search(text)


def test_every_committed_study_is_in_the_results():
    text = (REPOSITORY / "docs/results.md").read_text()
    maker = tables()
    assert re.findall(r"<!-- table claims-(\S+) -->", text) == maker.kept()


def by_hand(name: str) -> str:
    """A text without its generated tables, code and HTML."""
    text = tables().BLOCK.sub("", (REPOSITORY / name).read_text())
    text = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
    return re.sub(r"<!--.*?-->|`[^`]*`", "x", text, flags=re.S)


@pytest.mark.parametrize("name", [name for name in PAGES if name != "docs/faq.md"])  # test_docs.py reads those
def test_no_interval_is_typed_by_hand(name):
    assert not re.findall(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]", by_hand(name))


def test_the_readme_is_read_to_its_end():
    assert len((REPOSITORY / "README.md").read_text().splitlines()) <= 150


def sentences(name: str) -> list[str]:
    """What stands in paragraphs and lists, without tables, headings and pictures."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", by_hand(name))
    blocks = re.split(r"\n\s*\n|\n(?=\s*[-*] )", text)
    prose = [b for b in blocks if b.strip() and not re.match(r"\s*(\||#|!)", b)]
    return [s for block in prose for s in re.split(r"(?<=[.?!])\s+", " ".join(block.split())) if s.strip()]


@pytest.mark.parametrize("name", PAGES)
def test_sentences_are_short_and_words_are_those_of_the_field(name):
    found = sentences(name)
    lengths = [len(s.split()) for s in found]
    assert sum(lengths) / len(lengths) <= AVERAGE
    assert max(lengths) <= LONGEST, max(found, key=lambda s: len(s.split()))
    assert not re.findall(rf"\b(?:{PRIVATE})\b", by_hand(name))


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    path = REPOSITORY / name
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        base = (
            REPOSITORY
            if "<!-- table" in path.read_text() and target.startswith(("config/", "results/"))
            else path.parent
        )
        assert (base / target).exists(), target
