"""Writes the tables of config/README.md from the JSON schemas: every key, what it takes, what it means (make docs)."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from errordrops.study import study

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "config" / "README.md"
SCHEMAS = {"config": "config.schema.json", "study": "study.schema.json"}

# keys that say everything by their names in the schema, for readers who see only the table
PLAIN = {
    "learning_rate": "Learning rate until an arm changes it.",
    "momentum": "Momentum of stochastic gradient descent.",
    "nesterov": "Nesterov's form of momentum.",
    "weight_decay": "Weight decay, of all parameters.",
    "batch_size": "Batch size.",
    "max_batch": "What the batch size can't take is cut from the learning rate.",
    "epochs": "Epochs that are trained.",
    "milestones": "Numbers of completed epochs after which the noise is cut, rising.",
    "factor": "Noise is cut by this factor at each milestone.",
    "seeds": "The first so many seeds of the study; all if left out.",
    "name": "Its name.",
    "description": "One line for tables and legends.",
    "rule": "What changes at the milestones; the arm's name if left out.",
    "of": "The arm that it goes on from.",
    "milestone": "The number of epochs completed there.",
    "at": "The epochs after which stubs begin.",
    "copies": "How many, each with orders of the data of its own.",
    "closeups": "Whether the epochs around its milestones are looked at update by update.",
    "activation": "In place of ReLU.",
    "arms": "The arms that are meant.",
    "family": "The network.",
    "dataset": "What is trained on.",
    "model": "The network.",
    "evaluation": "Sizes of what is evaluated.",
    "from": "The learning rate at which it begins.",
    "arm": "Which arm it is about.",
    "source": "Where it is published.",
    "plateau": "He et al.'s rule: the rate is cut when validation error has stopped falling.",
}
OVERRIDES = {
    "forks[].list": "The forks.",
    "dataset.name": "Which data set.",
    "warmup.epochs": "Epochs over which it rises.",
}

# what the program takes for a key that is left out
DEFAULTS = study.DEFAULTS | {
    f"{group}.{key}": value
    for group, values in {"evaluation": study.EVALUATION, "probes": study.PROBES}.items()
    for key, value in values.items()
}


def taken(schema: dict[str, Any], root: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    schema = resolved(schema, root)
    if "enum" in schema:
        return ", ".join("empty" if value is None else f"`{value}`" for value in schema["enum"])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    names = {
        "null": "empty",
        "integer": "whole number",
        "boolean": "`true` or `false`",
        "string": "text",
        "array": "list",
    }
    words = " or ".join(names.get(kind, kind) for kind in kinds if kind != "object") or "mapping"
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema and kinds != ["array"]
    ]
    return " ".join([words, ", ".join(bounds)]).strip()


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """With what a reference to $defs points at; what stands beside the reference stays."""
    if "$ref" not in schema:
        return schema
    return root["$defs"][schema["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in schema.items() if k != "$ref"}


def rows(schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str, bool]]:
    """(key, what it takes, meaning, whether it must be there) of a schema and all that is in it, in its order."""
    for name, part in schema.get("properties", {}).items():
        part, key = resolved(part, root), f"{path}{name}"
        meaning = OVERRIDES.get(key) or part.get("description") or PLAIN.get(name)
        if meaning is None:
            raise KeyError(f"{key} has no description, neither in the schema nor in {Path(__file__).name}")
        if DEFAULTS.get(key) not in (None, [], {}) or DEFAULTS.get(key) is False:
            meaning += f" Left out: {json.dumps(DEFAULTS[key])}."
        yield key, taken(part, root), meaning, name in schema.get("required", ())
        yield from rows(part, root, f"{key}.")
        yield from rows(resolved(part.get("items", {}), root), root, f"{key}[].")


def table(name: str) -> str:
    """The Markdown table of one schema."""
    schema = json.loads((ROOT / "workflow" / "schemas" / SCHEMAS[name]).read_text())
    lines = [
        f"| `{key}`{' (required)' if needed else ''} | {takes} | {meaning} |"
        for key, takes, meaning, needed in rows(schema, schema)
    ]
    return "\n".join(["| key | takes | meaning |", "|---|---|---|", *lines])


def made(text: str) -> str:
    """The README with its tables as the schemas have them."""
    for name in SCHEMAS:
        pattern = rf"(<!-- {name}: made by make docs -->\n).*?(<!-- end -->)"
        text, found = re.subn(pattern, lambda m, n=name: m[1] + "\n" + table(n) + "\n" + m[2], text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"{README}: expected one place for the table {name}, found {found}")
    return text


if __name__ == "__main__":
    README.write_text(made(README.read_text()))
