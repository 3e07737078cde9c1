"""Every clause about a curve is read back against that curve's own values, over all logs that the tests can make."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import written_consoles  # adds its formats to the list
import written_logs
from errordrops import explain
from errordrops.errors import UserError
from made_logs import log, step

assert written_consoles.sacred in written_logs.WRITERS
CASES = Path(__file__).parent / "data" / "cases"
WORDS = {"fell": -1, "rose": 1, "hardly moved": 0}


def sides(curve, point):
    """Medians of five values before and after a point."""
    return np.median(curve.values[max(0, point - 5) : point]), np.median(curve.values[point : point + 5])


def ways(curve, event):
    """Which ways a curve moves within one point of an event, from medians and from neighbouring values."""
    point = int(np.searchsorted(curve.rows, event.curve.rows[event.point]))
    found = set()
    for p in range(max(1, point - 1), min(len(curve.values) - 1, point + 1) + 1):
        before, after = sides(curve, p)
        found |= {int(np.sign(after - before)), int(np.sign(curve.values[p] - curve.values[p - 1]))}
    return found


def medians(curve, event):
    """Which ways the medians of five values on either side of a place within one point of an event differ."""
    point = int(np.searchsorted(curve.rows, event.curve.rows[event.point]))
    pairs = [sides(curve, p) for p in range(max(1, point - 1), min(len(curve.values) - 1, point + 1) + 1)]
    return {int(np.sign(after - before)) for before, after in pairs}


def contradictions(found):
    """Clauses about curves, in events and in the answer, that their values do not bear out."""
    wrong = []
    for event in found.events:
        if event.kind == "recovery":
            continue
        if (-1 if event.kind == "drop" else 1) not in ways(event.curve, event):
            wrong.append((event.curve.name, event.label, event.kind))
        for curve in found.log.judged:
            for word in re.findall(rf"(?<![\w(]){re.escape(curve.name)} (fell|rose|hardly moved)", event.why):
                if curve is not event.curve and WORDS[word] and WORDS[word] not in medians(curve, event):
                    wrong.append((curve.name, event.label, word))
        for word, names in re.findall(r"(?:training|held-out data) (fell|rose|hardly moved) \(([^)]*)\)", event.why):
            for curve in found.log.judged:
                if curve.name in re.split(r", | and ", names) and WORDS[word] not in (0, *medians(curve, event)):
                    wrong.append((curve.name, event.label, word))
        if "does not change here" in event.why:
            spans = [(c, *c.points(event.curve)) for c in found.schedule.changes]
            wrong += [(event.label, c.milestone) for c, low, high in spans if low - 1 <= event.point <= high + 1]
        if "does not explain a" in event.why:
            near = [c for c in found.schedule.changes if abs(c.points(event.curve)[1] - event.point) <= 2]
            wrong += [] if any(c.cut is (event.kind == "rise") for c in near) else [(event.label, event.why)]
    text = " ".join(str(found).split())
    head = str(found).splitlines()[0]
    if "drops are at a change" in head or "drop is at a change" in head:
        wrong += [(e.label, head) for e in found.events if e.kind == "drop" and e.cause != "schedule"] * (
            "; " not in head
        )
    if "No sudden, lasting drop" in head:
        wrong += [(e.label, head) for e in found.events if e.kind == "drop"]
    if not found.schedule.known and re.search("(?i)not at a change of the schedule|schedule does not change", text):
        wrong.append(("a schedule that is not known is denied", head))
    number = r"([\d.,]+(?:e[-+]\d+)?)"
    for verb, a, b in re.findall(rf"(fell|rose) (?:by|suddenly) [^;]*?,? from {number}(?: %)? to {number}", text):
        low, high = (float(x.replace(",", "").rstrip(".")) for x in (a, b))
        if low != high and (high < low) != (verb == "fell"):
            wrong.append((verb, a, b))
    return wrong


@pytest.mark.parametrize("path", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_clauses_of_the_cases(path):
    try:
        found = explain(path)
    except UserError:
        return
    assert contradictions(found) == []


@pytest.mark.parametrize("write", written_logs.WRITERS, ids=lambda f: f.__name__)
def test_clauses_of_every_format(write, tmp_path):
    assert contradictions(explain(write(tmp_path))) == []


@pytest.mark.parametrize("seed", range(25))
def test_clauses_of_curves_that_part_ways(seed):
    """Two to four steps of any size and direction, in train and test apart, at whatever places and rates."""
    rng = np.random.default_rng(seed)
    levels = {}
    for name in ("train", "test"):
        level = np.ones(100)
        for at in rng.choice(np.arange(8, 94), rng.integers(1, 4), replace=False):
            level = level * step(int(at), float(rng.choice([0.5, 0.7, 0.9, 1.2, 1.8])))
        levels[name] = level
    rate = 0.1 * step(int(rng.integers(10, 90)), float(rng.choice([0.1, 0.5, 4.0])))
    frame = log(**levels, lr=rate)
    for table in (frame, frame.drop(columns="lr"), frame.assign(val_loss=frame["train_loss"] * 1.1)):
        found = explain(table)
        assert contradictions(found) == []


RATES = {
    "cosine": lambda e, at: 0.05 * (1 + np.cos(np.pi * e / 100)),
    "warm restarts": lambda e, at: 0.05 * (1 + np.cos(np.pi * (e % at) / at)),
    "cycles": lambda e, at: 0.01 + 0.09 * np.abs(e % 20 - 10) / 10,
    "times 0.97": lambda e, at: 0.1 * 0.97**e,
    "a bump": lambda e, at: np.where(e == at, 0.8, 0.1),
    "cut": lambda e, at: np.where(e < at, 0.1, 0.01),
    "unknown": lambda e, at: np.full(100, np.nan),
}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(4))
def test_clauses_under_every_kind_of_rate(rate, seed):
    """Curves that follow the rate and step where they like, of epochs and of steps, the test curve every 1st or 5th."""
    rng = np.random.default_rng(seed)
    e, at = np.arange(100), int(rng.integers(15, 80))
    lr = RATES[rate](e, at)
    level = step(int(rng.integers(10, 90)), float(rng.choice([0.6, 0.85, 1.5]))) * (1 + 5 * np.nan_to_num(lr))
    for every, unit in ((1, 1), (5, 1), (1, 50)):
        frame = log(train=level, test=level, lr=lr)
        frame["test_error"] = frame["test_error"].where((e + 1) % every == 0)
        frame = frame if unit == 1 else frame.assign(step=unit * (e + 1)).drop(columns="epoch")
        assert contradictions(explain(frame)) == []


def test_that_training_rose_is_not_said_where_it_fell():
    """The held-out curve falls; training goes on falling, only less than its trend."""
    e = np.arange(100)
    train = np.where(e < 50, 3 - 0.04 * e, 1.0 - 0.004 * (e - 50)) + 0.002 * np.random.default_rng(0).normal(size=100)
    test = np.where(e < 50, 20.0, 14.0) + 0.1 * np.random.default_rng(1).normal(size=100)
    found = explain(pd.DataFrame({"epoch": e, "train_loss": train, "test_error": test, "lr": 0.1}))
    assert "training rose" not in str(found) and contradictions(found) == []
