"""Studies drawn at random: a valid one plans, an invalid one is refused with one line that names the key."""

import json
import time
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from drawn_studies import ANYTHING, changed, paths, valid, without
from errordrops import cli
from errordrops.results.costs import cost
from errordrops.study import plan, study
from errordrops.study.plainyaml import parse
from errordrops.study.study import StudyError

QUICK = study.REPOSITORY / "config/studies/quick.yaml"
PLANTED = study.REPOSITORY / "tests/studies/planted.yaml"
FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("studies")


def load(place: Path, content) -> study.Study:
    """A study by its content: JSON is YAML, and says what text it holds without a doubt."""
    path = place / "drawn.yaml"
    text = content if isinstance(content, str | bytes) else json.dumps(content, ensure_ascii=False)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return study.load(str(path))


def planned(loaded: study.Study) -> None:
    """Everything that `errordrops plan` and the workflow ask before anything trains."""
    runs = plan.runs(loaded)
    assert len(runs) == sum(len(arm.seeds) for arm in loaded.arms)
    assert {run.arm for run in runs} == {arm.name for arm in loaded.arms}
    for run in runs:
        parent = next((r for r in runs if (r.arm, r.seed) == (run.parent, run.seed)), None)
        assert (parent is None) == (run.parent is None)
        assert not parent or run.settings[: run.fork_epoch] == parent.settings[: run.fork_epoch]
        assert len(plan.recipe_key(loaded, run)) == 32
        assert 0 <= run.epochs_trained <= len(run.settings)
    assert cost(loaded, 2)["seconds"] >= 0


def refusal(place: Path, content) -> str:
    with pytest.raises(StudyError) as caught:
        planned(load(place, content))
    message = str(caught.value)
    assert message.startswith(f"{place}/drawn.yaml: ")
    assert "\n" not in message and message.isprintable() and len(message) < 1000, message
    return message.removeprefix(f"{place}/drawn.yaml: ")


@FUZZ
@given(content=valid())
def test_every_valid_study_plans(place, content):
    planned(load(place, content))


@FUZZ
@given(content=valid(), data=st.data())
def test_whatever_stands_at_a_key_it_plans_or_is_refused(place, content, data):
    for _ in range(data.draw(st.integers(1, 2))):
        content = changed(content, data.draw(st.sampled_from(paths(content))), data.draw(ANYTHING))
    # JSON has no keys that are not text, so this one is written by PyYAML
    text = yaml.safe_dump(content)
    try:
        loaded = load(place, text)
    except StudyError:
        refusal(place, text)
    else:
        assume(sum(len(arm.seeds) for arm in loaded.arms) < 200)
        planned(loaded)


# (path, value): one change to any drawn study that makes it invalid, and the key that the refusal must name
WRONG = [
    (("learning_rate",), 0),
    (("learning_rate",), 10**400),
    (("batch_size",), 1.5),
    (("batch_size",), True),
    (("batch_size",), 1e300),
    (("momentum",), 1),
    (("factor",), 1),
    (("factor",), "ten"),
    (("factor",), [2]),
    (("epochs",), 0),
    (("epochs",), 10_001),
    (("epochs",), "2001-99-99"),
    (("milestones",), [99]),
    (("milestones",), [1, 1]),
    (("milestones",), [0]),
    (("milestones",), {"first": 1}),
    (("max_batch",), 1),
    (("seeds",), []),
    (("seeds",), [1, 1]),
    (("seeds",), -1),
    (("seeds",), 1001),
    (("averages",), [3, 1]),
    (("averages",), [1, 2, 3]),
    (("title",), "two\nlines"),
    (("title",), " "),
    (("title",), b"bytes"),
    (("title",), date(2001, 1, 1)),
    (("title",), {"a set"}),
    (("title",), "\0"),
    (("title",), "half of a pair: \ud83d"),
    (("study",), "../drawn"),
    (("study",), "/etc/passwd"),
    (("study",), "drawn\n"),
    (("dataset", "name"), "../mnist"),
    (("dataset", "name"), "cifar10\n"),
    (("dataset", "train_size"), 10**9),
    (("dataset", "train_size"), 9),
    (("dataset", "validation_size"), 70_000),
    (("dataset", "data_dir"), "/nowhere/../nowhere"),
    (("dataset", "data_dir"), "a\0b"),
    (("dataset", "pad"), 65),
    (("dataset", "flip"), "yes"),
    (("dataset", "image_size"), 32),
    (("dataset", "colour"), 1),
    (("model", "depth"), 9),
    (("model", "family"), ["cifar-resnet"]),
    (("arms",), []),
    (("arms",), {"none": None}),
    (("arms",), ["none", "none"]),
    (("arms", 0), "../up"),
    (("arms", 0), "/abs"),
    (("arms", 0), "step\n"),
    (("arms", 0), "nul\0"),
    (("arms", 0), "größer"),
    (("arms", 0), "a" * 61),
    (("arms", 0), 7),
    (("arms", 0), {"name": "none", "rule": "step"}),
    (("arms", 0), {"rule": "step"}),
    (("arms", 0), {"name": "x", "phases": [{"epochs": 1}, {"epochs": 10_000}]}),
    (("arms", 0), {"name": "x", "rule": "step", "seeds": 5000}),
    (("placebos",), [{"of": "nobody", "milestone": 1, "copies": 1, "epochs": 1}]),
    (("placebos",), [{"of": "none", "milestone": 1, "copies": 1, "epochs": 9_999}]),
    (("cut_sweep",), {"of": "none", "at": [41], "epochs": 1}),
    (("cut_sweep",), {"of": "none", "at": [1]}),
    (("probes",), {"milestone": 2, "arms": ["nobody"]}),
    (("published",), [{"arm": "none", "source": "a paper"}]),
    (("published",), [{"arm": "nobody", "source": "a paper", "error": 1}]),
    (("unchanged_fork",), 5000),
    (("claims",), {"drop": [1] * 50}),
    (("claims",), {"predicted_slope": [0, 1]}),
    (("leraning_rate",), 0.1),
    (("arms", 0), {"name": "aux", "rule": "none"}),  # no folder on Windows
    (("warmup",), {"epochs": 99, "from": 0.01}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{p[-1]}={str(v)[:20]!a}" for p, v in WRONG])
def test_a_mistake_in_any_study_is_one_line_that_names_its_key(place, path, value):
    @settings(FUZZ, max_examples=2)
    @given(content=valid())
    def refused(content):
        named = str(path[0] if path[0] != "arms" else "arm")
        message = refusal(place, yaml.safe_dump(changed(content, path, value)))
        assert named in message and "readable as YAML" not in message

    refused()


@pytest.mark.parametrize(
    "key", ["study", "title", "dataset", "model", "learning_rate", "batch_size", "epochs", "seeds"]
)
def test_a_missing_key_is_named(place, key):
    content = parse(QUICK.read_bytes()) | {"study": "drawn"}
    assert f"the key {key} is missing" in refusal(place, without(content, (key,)))


def test_every_key_of_a_study_with_everything_is_guarded(place):
    """Whatever key of the planted study is put in a list of mappings, deleted or renamed: planned, or refused."""
    content = parse(PLANTED.read_bytes()) | {"study": "drawn"}
    for path in paths(content):
        message = refusal(place, changed(content, path, [{"x": 1}]))
        named = [key for key in path if isinstance(key, str)][-1]
        assert named in message or path[0] in message, message
        if isinstance(path[-1], str):
            renamed = changed(without(content, path), (*path[:-1], "zzz"), 1)
            assert "unknown key zzz" in refusal(place, renamed) or path[-1] in refusal(place, renamed)


def bomb(levels: int) -> str:
    """Nine to the power of `levels` entries in a few lines."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (bomb(9), "write out what it stands for"),
        ("study: drawn\narms: &a [*a]", "write out what it stands for"),
        ("base: &b {epochs: 3}\n<<: *b", "write out what it stands for"),
        ("arms: " + "[" * 50_000, "more than 20 levels"),
        ("arms: " + "[" * 400 + "]" * 400, "more than 20 levels"),
        ("\n".join(" " * i + "a:" for i in range(500)), "more than 20 levels"),
        ("epochs: 1\nepochs: 2", "the key 'epochs' is given twice"),
        ("dataset: {name: cifar10, name: cifar10}", "the key 'name' is given twice"),
        ("? [a, b]\n: 1", "a key must be text"),
        ("1: a\nstudy: b", "the key 1 is not plain text"),
        ("null: a", "the key None is not plain text"),
        ('"a\\nb": 1', "is not plain text"),
        ("title: 2001-99-99", "not readable as YAML"),
        ("title: !!timestamp never", "not readable as YAML"),
        ("epochs: !!int many", "not readable as YAML"),
        ("epochs: 0b_", "not readable as YAML"),
        ("epochs: " + "9" * 5000, "not readable as YAML"),
        ("epochs: 0x" + "f" * 5000, "epochs: must be a finite number"),
        ("title: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("--- {}\n--- {}", "expected a single document"),
        ("", "must be a mapping of keys"),
        ("# nothing", "must be a mapping of keys"),
        ("\ttitle: x", "not readable as YAML"),
        (b"title: caf\xe9", "not readable as YAML"),
        (b"\xff\xfet\0i\0t\0l\0e\0", "not readable as YAML"),
        (b"\0" * 100, "not readable as YAML"),
        (b"\x89PNG\r\n\x1a\n", "not readable as YAML"),
    ],
)
def test_what_is_no_study_at_all_is_refused_at_once(place, text, expected):
    began = time.process_time()
    assert expected in refusal(place, text)
    assert time.process_time() - began < 2


def test_names_that_leave_the_folder_are_no_studies(place, tmp_path):
    for name in ("../quick", "/etc/passwd", "a\0b", "", "..", "quick/../../quick"):
        with pytest.raises(StudyError, match=r"no study file|is called") as caught:
            study.load(name, tmp_path)
        assert str(caught.value).isprintable()


def test_a_factor_beyond_all_numbers_is_refused(place):
    content = parse(QUICK.read_bytes()) | {
        "study": "drawn",
        "factor": 9e15,
        "milestones": list(range(1, 25)),
        "holds": [],
    }
    for rule in ("step", "batch", "hybrid", "cosine", "ramp"):
        assert "factor" in refusal(place, content | {"arms": ["none", rule]})
    assert "factor" in refusal(place, content | {"arms": ["none", "step"], "max_batch": 9600})


def test_text_in_any_script_and_keys_written_over_lines(place):
    content = parse(QUICK.read_bytes()) | {"study": "drawn", "title": "Fälle 学習率 🙂 «Δη» — עברית"}
    assert load(place, yaml.safe_dump(content, allow_unicode=True)).title == content["title"]
    text = yaml.safe_dump(content | {"notes": ["x"]}) + "\n"
    folded = text.replace("- x\n", "- >\n  two\n  lines\n")
    assert load(place, folded).notes == ("two lines\n",)


def test_five_hundred_arms_plan_in_time(place):
    arms = ["none", *({"name": f"a{i}", "rule": "step", "milestones": [1 + i % 23, 24]} for i in range(499))]
    content = parse(QUICK.read_bytes()) | {"study": "drawn", "arms": arms, "seeds": 2, "holds": []}
    began = time.process_time()
    loaded = load(place, content)
    assert len(plan.runs(loaded)) == 1000
    assert cost(loaded, 2)["runs"] == 1000
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "content",
    ["epochs: [1", b"\xff\xfe\0", bomb(9), "arms: " + "[" * 9000, "study: drawn", "title: 2001-99-99"],
    ids=["unclosed", "bytes", "bomb", "deep", "empty", "date"],
)
def test_the_command_says_one_line_and_fails(place, capsys, content):
    path = place / "drawn.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert cli.main(["plan", str(path)]) == 1
    told = capsys.readouterr()
    assert not told.out and told.err.count("\n") == 1
    assert told.err.startswith(f"errordrops plan: {path}: ")


def test_the_command_for_a_folder_and_a_name_that_is_none(place, capsys):
    (place / "folder.yaml").mkdir(exist_ok=True)
    for name in (str(place / "folder.yaml"), "../../etc/passwd", "\ud800"):
        assert cli.main(["plan", name]) == 1
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and "no study file" in told


def test_the_folder_of_committed_results_is_no_study(tmp_path):
    content = parse(QUICK.read_bytes()) | {"study": "reference"}
    (tmp_path / "reference.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(StudyError, match="study: 'reference' is the name of the committed results"):
        study.load("reference", tmp_path)


@pytest.mark.parametrize("value", ["2026-02-30", "!!bool maybe", "!!int ten", "0x_", "!!timestamp x", "9" * 5000])
def test_a_value_that_cannot_be_read_is_told_with_its_line(place, value):
    told = refusal(place, f"study: drawn\nseeds: {value}\n")
    assert "cannot be read" in told and "line 2" in told


def test_a_warm_up_beyond_the_last_epoch_is_refused(place):
    content = parse(QUICK.read_bytes()) | {"study": "drawn", "arms": ["none"], "claims": {}, "holds": []}
    content = {key: value for key, value in content.items() if key not in ("published", "probes")}
    assert load(place, content | {"warmup": {"epochs": 25, "from": 0.1}}).warmup
    told = refusal(place, content | {"warmup": {"epochs": 26, "from": 0.1}})
    assert "warmup.epochs: 26 is beyond the last epoch (25)" in told


def test_a_long_folder_is_shown_cut_short(place):
    content = parse(QUICK.read_bytes()) | {"study": "drawn"}
    content["dataset"]["data_dir"] = "x" * 5000
    assert len(refusal(place, content)) < 500
