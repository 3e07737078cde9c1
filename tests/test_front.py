"""What a person meets first: the command alone, and the page in a browser."""

import pytest

from errordrops import front
from errordrops.cli import main
from errordrops.errors import UserError
from errordrops.results.layout import Layout
from errordrops.study.study import REPOSITORY, load


def test_the_command_alone_says_what_it_can_do_in_ten_lines(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 and max(map(len, lines)) <= 100
    for command in ("make report", "open", "explain", "plan", "verify", "snakemake results/"):
        assert any(command in line for line in lines), command


def test_a_page_is_opened_your_own_before_the_committed_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study, shown = load("smoke", REPOSITORY / "config/studies"), []
    with pytest.raises(UserError, match="make report STUDY=smoke makes it"):
        front.open_page(study, "results", shown.append)
    for place, whose in ((Layout.reference("smoke"), " (the committed page"), (Layout.of("smoke"), "")):
        place.report.parent.mkdir(parents=True)
        place.report.touch()
        said = front.open_page(study, "results", lambda address: not shown.append(address))
        assert said.startswith(f"Opened file://{tmp_path}/{place.report}{whose}") and shown[-1] in said
    said = front.open_page(study, "results", lambda address: False)
    assert said.startswith("No browser was found") and "file://" in said


def test_ctrl_c_is_one_line(capsys, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("errordrops.cli._study", stop)
    assert main(["plan", "smoke"]) == 130
    assert capsys.readouterr().err == "errordrops plan: stopped by the user; what was finished is kept\n"
