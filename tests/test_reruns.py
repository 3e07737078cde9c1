"""What an edit makes again: a step rests on what it imports, and on nothing that is kept in a list."""

import ast
import re
from functools import cache

import pytest

from errordrops import cli, workflow
from errordrops.figures import FIGURES
from errordrops.results import code
from errordrops.results.layout import Layout
from errordrops.study.study import REPOSITORY

RULES = "\n".join(path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk")))
BODIES = dict(re.findall(r"^ *rule (\w+):(.*?)(?=^ *rule |^if |\Z)", RULES, flags=re.DOTALL | re.MULTILINE))
COMMANDS = {rule: re.search(r"-m errordrops (\w+)", body)[1] for rule, body in BODIES.items() if rule != "gallery"}
# What `train` imports for one of its steps; a run that is taken from the reference is a step of its own.
ONLY = {"probes/probe_run.py": {"probe"}, "results/reference.py": {"collect", "analyse", "report"}}


@cache
def imported_by(command):
    """The modules that a command imports, with what it looks its study up by."""
    text = (code.PACKAGE / "cli.py").read_text()
    defined = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    name = "train" if command in ("closeups", "audit", "probe") else command
    source = ast.get_source_segment(text, defined[name])
    if "_study(" in source:
        source += "\n" + ast.get_source_segment(text, defined["_study"])
    return code.imports(source, "cli.py")


def test_each_rule_says_its_code():
    assert set(BODIES) == set(workflow.ENTRIES) - {"take"}
    for rule, body in BODIES.items():
        assert re.search(rf'code=.*(code_of|flow\.code)\(\s*"{rule}"', body), rule


@pytest.mark.parametrize("rule", COMMANDS)
def test_a_rule_rests_on_what_its_command_imports(rule):
    entries = {module for module in imported_by(COMMANDS[rule]) if rule in ONLY.get(module, {rule})}
    if rule in workflow.KEYED:  # as the study's file resolves, it is in the rule's parameters
        entries = {module for module in entries if not module.startswith("study/")}
    if rule == "figure":  # loaded by its name
        entries.add("figures/theme.py")
    assert code.modules(*sorted(entries), keyed=rule in workflow.KEYED) == workflow.rests_on(rule)


def test_the_gallery_rests_on_what_explains_logs():
    programme = (REPOSITORY / "benchmarks/logs.py").read_text()
    assert set(code.modules(*code.imports(programme, "cli.py"))) <= set(workflow.rests_on("gallery"))


@pytest.mark.parametrize(
    ("module", "again"),
    [
        ("results/verify.py", {"report", "article"}),
        ("training/batchnorm.py", {"train", "closeups", "audit", "probe"}),
        ("probes/units.py", {"probe"}),
        ("analysis/noisy_quadratic.py", {"analyse"}),
        ("detector/drops.py", {"analyse", "gallery"}),
        ("data/imagenet.py", {"data"}),
        ("study/arms.py", {"foretell", "collect", "analyse", "report", "article"}),
        (
            "study/plateau.py",
            {"train", "foretell", "closeups", "audit", "probe", "take", "collect", "analyse", "report", "article"},
        ),
    ],
)
def test_an_edit_makes_again(module, again):
    assert (code.PACKAGE / module).is_file()
    assert {step for step in workflow.ENTRIES if module in workflow.rests_on(step)} == again


def test_a_figure_rests_on_what_it_shares():
    both = {name for name in FIGURES if "figures/error_by_update.py" in workflow.rests_on("figure", name)}
    assert both == {"error_by_epoch", "error_by_update"}
    assert all("figures/theme.py" in workflow.rests_on("figure", name) for name in FIGURES)


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function from the content of a module to its digest."""

    def digest(content):
        (tmp_path / "module.py").write_text(content)
        code.digest.cache_clear()
        code._tree_digest.cache_clear()
        return code.digest("module.py")

    with monkeypatch.context() as patched:
        patched.setattr(code, "PACKAGE", tmp_path)
        yield digest
    code.digest.cache_clear()
    code._tree_digest.cache_clear()


def test_words_about_code_make_nothing_again(edited):
    before = edited('"""A module."""\n\n\ndef f(x):\n    """Twice."""\n    return 2 * x\n')
    assert edited('"""Another word."""\n# a comment\ndef f(x):\n    return (\n        2 * x\n    )\n') == before
    assert edited("def f(x):\n    return 3 * x\n") != before
    assert edited('def f(x):\n    return "3" * x\n') != edited('def f(x):\n    return "2" * x\n')


def test_what_is_trained_is_known_by_what_trains_it():
    assert re.fullmatch("[0-9a-f]{12}", code.training_digest())
    rests_on = code.modules("training/loop.py", "data/stored.py", keyed=True)
    assert {"training/trainer.py", "data/epoch.py", "study/batching.py", "training/optimizer.py"} <= set(rests_on)
    assert "training/closeups.py" not in rests_on and "training/runs.py" not in rests_on


def test_checkpoints_of_other_code_are_freed_and_those_of_this_code_stay(tmp_path, capsys):
    layout = Layout.of("smoke", tmp_path)
    now, old = layout.store(code.training_digest()), layout.store("0" * 12)
    folder = layout.run("step", 0) / "checkpoints"
    folder.mkdir(parents=True)
    for store in (now, old):
        store.mkdir(parents=True)
        (store / "key.safetensors").write_bytes(b"x" * 1500)
        (folder / f"{store.name}.safetensors").symlink_to(store / "key.safetensors")
    assert cli.main(["prune", "smoke", "--results", str(tmp_path), "--dry-run"]) == 0
    assert "would free 2 kB" in capsys.readouterr().out and old.exists()
    assert cli.main(["prune", "smoke", "--results", str(tmp_path)]) == 0
    assert f"{old}: 2 kB\nfreed 2 kB" in capsys.readouterr().out
    assert not old.exists() and [path.name for path in folder.iterdir()] == [f"{now.name}.safetensors"]
    assert cli.main(["prune", "smoke", "--results", str(tmp_path)]) == 0
    assert "nothing to free" in capsys.readouterr().out
