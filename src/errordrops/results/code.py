"""Which code made what: the modules that a step rests on, found by their imports, and a digest of what they say.

No list is kept by hand. A digest is that of syntax trees without docstrings, so that a comment, a docstring or a line
that is broken elsewhere makes nothing again.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

# What a study's file resolves to is in the key of each run, so what resolves it is not asked again, but for these,
# which decide while a step is at work. Nor is the version, of which no number of a run comes.
RESOLVED, DECIDING = ("study/", "__init__.py"), {"study/batching.py", "study/forks.py", "study/plateau.py"}


@cache
def modules(*entries: str, keyed: bool = False) -> tuple[str, ...]:
    """The modules (paths in the package) that these rest on, themselves included; `keyed`: of a step that is known by
    the key of its run. The package's own `__init__.py`, which every import runs, counts only where it is named.
    """
    reached, left = set[str](), list(entries)
    while left:
        module = left.pop()
        if module not in reached:
            reached.add(module)
            left += _imported(module)
    return tuple(sorted(m for m in reached if not (keyed and m.startswith(RESOLVED) and m not in DECIDING)))


@cache
def digest(*names: str) -> str:
    """A digest of what modules do."""
    return hashlib.sha256("\n".join(map(_tree_digest, names)).encode()).hexdigest()[:12]


def training_digest() -> str:
    """A digest of what a run's numbers depend on, besides its key: what is trained with it is not taken for another."""
    rests_on = modules("training/loop.py", "data/stored.py", keyed=True)
    folders = ("data/", "training/", "study/batching.py", "randomness.py")
    return digest(*(module for module in rests_on if module.startswith(folders)))


def imports(source: str, module: str) -> set[str]:
    """The package's modules that a source imports, also inside functions, as if it stood at `module`'s place."""
    folder, imported = module.split("/")[:-1], set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:
            start = folder[: len(folder) - node.level + 1]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "errordrops":
            start = []
        else:
            continue
        steps = (node.module or "").split(".") if node.module else []
        place = "/".join([*start, *(steps if node.level else steps[1:])])
        for name in node.names:
            imported |= set(_files(place, name.name))
    return imported


@cache
def _imported(module: str) -> frozenset[str]:
    """What a module imports, and the folders' own modules that are run on the way to it."""
    around = {f"{folder}/__init__.py" for folder in map(str, Path(module).parents) if folder != "."}
    return frozenset(imports((PACKAGE / module).read_text(), module) | around)


def _files(place: str, name: str) -> Iterable[str]:
    """The module that `from place import name` reads: `name` itself where it is one, else the one that defines it."""
    options = (f"{place}/{name}.py", f"{place}/{name}/__init__.py", f"{place}.py", f"{place}/__init__.py")
    return [path for path in (option.removeprefix("/") for option in options) if (PACKAGE / path).is_file()][:1]


@cache
def _tree_digest(module: str) -> str:
    text = repr(_shape(ast.parse((PACKAGE / module).read_text())))
    return f"{module} {hashlib.sha256(text.encode()).hexdigest()}"


def _shape(node: object) -> object:
    """A syntax tree as plain values; what is empty is left out, since later Pythons have further such fields."""
    if isinstance(node, list):
        return [_shape(item) for item in node]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
        fields["body"] = fields["body"][1:]
    return [type(node).__name__, *((name, _shape(value)) for name, value in fields.items() if value not in (None, []))]
