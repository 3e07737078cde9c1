"""Figures of forks: they draw without a warning, and their titles say what the tables say."""

import json

import numpy as np
import pandas as pd
import pytest

import test_forks
from errordrops.figures import FIGURES, forks_four, mechanisms, sharpness, theme
from errordrops.results.curves import PROBE_COLUMNS

TABLES = test_forks.TABLES
NAMES = ("forks_four", "forks_effects", "mechanisms", "foretold")


def drawn(name: str, tables=TABLES) -> dict:
    figure = FIGURES[name]
    return theme.specification(figure.draw({table: tables[table] for table in figure.tables}))


def said(chart: dict) -> str:
    title = chart["title"]["text"]
    return " ".join(title) if isinstance(title, list) else title


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_the_same_every_time_and_tells_what_it_shows(name):
    chart = drawn(name)
    assert json.dumps(chart) == json.dumps(drawn(name)) and "<svg" in theme.svg(chart)
    assert len(said(chart).split()) <= 12 and len(chart["usermeta"]["alt"]) > 80
    assert "nan" not in json.dumps(chart["usermeta"]) and "empty" not in chart["usermeta"]


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_forks_has_a_note_instead(name):
    empty = {table: TABLES[table].iloc[:0] for table in FIGURES[name].tables}
    assert drawn(name, empty)["usermeta"]["empty"] is True


def happening(**what) -> pd.DataFrame:
    rows = TABLES["causes"].copy()
    for fork, word in what.items():
        rows.loc[rows["fork"] == fork.replace("_", "-"), "happened"] = word
    return rows.set_index("fork")


def test_the_title_of_the_four_panels_claims_no_more_than_was_found():
    assert "nothing happens" in forks_four.title(happening())
    assert forks_four.title(happening(batch_noise="not decided")).startswith(
        "Cut the learning rate, put the noise back"
    )
    both = forks_four.title(happening(rate_noise="falls", batch_noise="falls"))
    assert both == "Cut the learning rate: loss falls, noise put back or not"
    assert "nothing" not in forks_four.title(happening(rate_noise="rises", batch_noise="not decided"))


def test_signs_are_those_of_the_predicted_bounds():
    sign = mechanisms.sign_of
    assert sign(0.5, 2.0, "share") == mechanisms.FALL and sign(-8.0, -1.0, "share") == mechanisms.RISE
    assert sign(-0.25, 0.25, "share") == sign(-0.5, 0.0, "share") == mechanisms.STAY
    assert sign(np.nan, 0.25, "share") == mechanisms.NOT_FALL and sign(np.nan, -0.01, "nats") == mechanisms.FALL
    assert sign(-0.01, np.nan, "nats") == mechanisms.NOT_FALL and sign(-0.25, 1.25, "share") == mechanisms.NOT_RISE


def test_batch_sharpness_stands_beside_its_limits():
    rows = [
        ("m", arm, seed, "sharpness", moment, quantity, index, np.nan, np.nan, value * (1 + 0.02 * seed))
        for arm, limit in (("none", 1.0), ("fork-rate", 4.0))
        for seed in range(3)
        for moment, index in (("before", 1.0), ("before", 0.0), ("after", 0.0), ("later", 0.0))
        for quantity, value in (("quotient", 1.1), ("limit_small", limit), ("limit_large", 19 * limit))
    ]
    probes = pd.DataFrame(rows, columns=PROBE_COLUMNS)
    chart = theme.specification(sharpness.draw({"probes": probes}))
    assert len(sharpness.table(probes)) == 2 * 3 * 3 and "1.12 before" in chart["usermeta"]["alt"]
    assert theme.specification(sharpness.draw({"probes": probes.iloc[:0]}))["usermeta"]["empty"] is True
