"""Readers of logs under inputs drawn at random and damage: read or refused, nothing else."""

import json
import os
import struct

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import written_consoles  # adds its formats to the list
import written_logs
from errordrops.errors import UserError
from errordrops.explain.readers import read_log
from errordrops.explain.readers.reshape import reshaped

assert written_consoles.sacred in written_logs.WRITERS
RUN = written_logs.run()
# ERRORDROPS_FUZZ=5000 tries more inputs of each kind
EXAMPLES = int(os.environ.get("ERRORDROPS_FUZZ", "60"))
FUZZ = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def read_anything(path):
    """Curves or a reason; no other exception."""
    try:
        log = read_log(path)
    except UserError:
        return
    assert log.judged and all(np.isfinite(c.values).all() and len(c.values) == len(c.rows) for c in log.curves)
    assert all((np.diff(c.rows) > 0).all() for c in log.judged)


NAMES = st.sampled_from(
    ["epoch", "step", "train_loss", "val_acc", "loss", "lr", "batch size", "<script>", "=1+1", "", "é", "x y"]
)
CELLS = st.one_of(
    st.floats(),
    st.integers(-3, 200),
    st.sampled_from(["", "nan", "inf", "1e400", "50%", "=A1", "-", "None", "\x00", "1,5"]),
)


@FUZZ
@given(st.lists(NAMES, min_size=1, max_size=5), st.data(), st.sampled_from(",;\t| "))
def test_any_table_is_read_or_refused(tmp_path, names, data, mark):
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names) + 1), max_size=15))
    text = "\n".join(mark.join(map(str, row)) for row in [names, *rows])
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    read_anything(path)


@FUZZ
@given(
    st.recursive(
        st.one_of(CELLS, st.none(), st.booleans()), lambda x: st.lists(x) | st.dictionaries(NAMES, x), max_leaves=30
    )
)
def test_any_json_is_read_or_refused(tmp_path, value):
    path = tmp_path / "log.json"
    path.write_text(json.dumps(value) + "\n" + json.dumps(value), encoding="utf-8")
    read_anything(path)
    path.write_text(json.dumps({"loss": value, "val_acc": [value] * 3}), encoding="utf-8")
    read_anything(path)


@FUZZ
@given(st.sampled_from(written_logs.WRITERS), st.data())
def test_any_damage_to_a_log_is_survived(tmp_path_factory, write, data):
    path = write(tmp_path_factory.mktemp("log"))
    if path.is_dir():
        path = next(p for p in sorted(path.rglob("*")) if p.is_file())
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 300))] = data.draw(st.binary(max_size=40))
    path.write_bytes(bytes(content))
    read_anything(path)


@FUZZ
@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(tmp_path, content):
    for name in ("log", "log.csv", "events.out.tfevents.1"):
        path = tmp_path / name
        path.write_bytes(content)
        read_anything(path)
        head = struct.pack("<QI", 20, 0) + b"\x1a\rbrain.Event:2     " + b"\0" * 4
        path.write_bytes(head + content)
        read_anything(path)


def test_a_table_whose_column_of_names_is_empty_stays_as_it_was():
    table = pd.DataFrame({"key": [None, None], "value": [1.0, 2.0]}, dtype=object)
    assert reshaped(table, "log") is table
