"""What is written for people is true: numbers of the FAQ, keys in config/README.md, files that the texts name."""

import importlib.util
import json
import re

import pytest
import yaml

from errordrops.study.study import REPOSITORY
from errordrops.study.studyfile import schema

# 2.25 [1.96, 2.55] points (`step.m1.drop`): number, %, interval, up to a line of words, claim
QUOTED = re.compile(
    r"(?P<value>-?\d+(?:\.\d+)?)(?P<percent> %)?(?: \[(?P<low>-?[\d.]+), (?P<high>-?[\d.]+)\])?"
    r"(?:(?!\d)[^()`])*\(`(?P<id>[a-z0-9_.-]+)`"
)
FAQ = " ".join((REPOSITORY / "docs/faq.md").read_text().split())
CITED = re.findall(r"\(`([a-z0-9_.-]+\.[a-z0-9_.-]+)`", FAQ)
TEXTS = ["CONTRIBUTING.md", "config/README.md", "docs/faq.md"]


def claims():
    path = REPOSITORY / "results/reference/evidence/claims.json"
    return {claim["id"]: claim for claim in json.loads(path.read_text())}


def rounded(number, like, percent):
    """A number of claims.json with as many decimals as the quotation has."""
    decimals = len(like.partition(".")[2])
    return f"{number * (100 if percent else 1):.{decimals}f}"


def test_the_faq_quotes_the_reference():
    quoted = list(QUOTED.finditer(FAQ))
    assert [match["id"] for match in quoted] == CITED and len(CITED) >= 12
    known = claims()
    for match in quoted:
        claim, percent = known[match["id"]], bool(match["percent"])
        value, ends = claim["value"], (claim["ci_low"], claim["ci_high"])
        if value < 0:  # falls are told as "lower by"
            value, ends = -value, tuple(-end for end in reversed(ends))
        assert match["value"] == rounded(value, match["value"], percent), match[0]
        if match["low"]:
            told = tuple(rounded(end, match["low"], percent) for end in ends)
            assert (match["low"], match["high"]) == told, match[0]


def test_what_the_faq_says_in_words_follows_from_verdicts():
    known = claims()
    for id in set(CITED) - {"step.m2.drop"}:
        assert known[id]["holds"], id
    assert not known["step.m2.drop"]["holds"] and known["step.m2.drop"]["n"] == 3
    assert known["detector.quiet.error"]["n"] == 17 and known["batch.equivalent.error"]["threshold_high"] == 0.3


def maker():
    spec = importlib.util.spec_from_file_location("config_readme", REPOSITORY / "docs/config_readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_config_readme_has_every_key_of_the_schemas():
    text = (REPOSITORY / "config/README.md").read_text()
    assert maker().made(text) == text, "run: make docs"
    for key in ("`dataset.pad`", "`arms[].phases[].learning_rate`", "`claims.mechanisms.excess`", "`from`"):
        assert f"| {key}" in text


def test_the_committed_schema_is_that_of_the_typed_fields():
    written = maker().STUDY.read_text()
    assert written == maker().schema_text(), "run: make docs"
    assert json.loads(written) == schema()


def test_every_study_is_known_by_its_schema_to_editors():
    folder = REPOSITORY / "config/studies"
    for path in [*folder.glob("*.yaml"), REPOSITORY / "config/config.yaml"]:
        first = path.read_text().splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert named and (path.parent / named[1]).is_file(), path
        content = json.loads((path.parent / named[1]).read_text())
        assert content["$id"] == named[1].rsplit("/", 1)[1]


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_a_text_names_exist(name):
    text = (REPOSITORY / name).read_text()
    named = re.findall(r"`((?:src|tests|report|workflow|config|docs|results/reference|profiles)/[\w./-]+)`", text)
    assert named or name == "docs/faq.md"
    for path in (path for path in named if "NAME" not in path):
        assert (REPOSITORY / path).exists(), path


def test_actions_are_pinned_and_get_no_more_rights_than_they_need():
    for path in (REPOSITORY / ".github/workflows").glob("*.yml"):
        text = path.read_text()
        uses = re.findall(r"uses: (\S+)(.*)", text)
        assert uses
        for action, comment in uses:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {}
        for job in workflow["jobs"].values():
            written = {name for name, right in job["permissions"].items() if right == "write"}
            assert written <= ({"pages", "id-token"} if path.stem == "pages" else set())
    page = REPOSITORY / "results/reference/evidence/report/index.html"
    assert f"path: {page.parent.relative_to(REPOSITORY)}" in (REPOSITORY / ".github/workflows/pages.yml").read_text()
    assert page.is_file()
