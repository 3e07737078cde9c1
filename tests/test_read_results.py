"""The example of docs/ that reads a study's results and draws a figure of them."""

import importlib.util
import json

import planted
from errordrops.study.study import REPOSITORY


def script():
    spec = importlib.util.spec_from_file_location("read_results", REPOSITORY / "docs/read_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_reads_a_study_and_draws_it(tmp_path, capsys):
    curves, claims = planted.curves(), planted.claims()
    curves.to_parquet(tmp_path / "curves.parquet")
    (tmp_path / "claims.json").write_text(json.dumps(claims))
    example = script()
    example.main(str(tmp_path), str(tmp_path / "drops.svg"))
    assert "step.m1.drop" in capsys.readouterr().out
    assert (tmp_path / "drops.svg").read_text().startswith("<svg")
    errors = example.test_error(curves)
    assert set(errors["arm"]) == {"none", "step", "batch"} and errors["epoch"].min() == 1
    own = curves.query("arm == 'step' and epoch == 3 and split == 'test' and metric == 'error_recomputed'")
    (shown,) = errors.query("arm == 'step' and epoch == 3")["error"]
    assert abs(shown - own["value"].mean()) < 1e-9
