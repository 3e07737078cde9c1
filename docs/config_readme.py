"""Writes the schema of study files from their typed fields, and the tables of config/README.md from the schemas: every
key, what it takes, what it means (make docs).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from errordrops.study import studyfile

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "config" / "README.md"
SCHEMAS = ROOT / "workflow" / "schemas"
STUDY, CONFIG = SCHEMAS / "study.schema.json", SCHEMAS / "config.schema.json"
KINDS = {"null": "empty", "integer": "whole number", "boolean": "`true` or `false`", "string": "text", "array": "list"}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def taken(schema: dict[str, Any]) -> str:
    """What a key takes, in a few words."""
    if "enum" in schema:
        return ", ".join("empty" if value is None else f"`{value}`" for value in schema["enum"])
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    words = " or ".join(KINDS.get(kind, kind) for kind in kinds if kind != "object") or "mapping"
    bounds = [f"{sign} {schema[key]}" for key, sign in SIGNS.items() if key in schema]
    return " ".join([words, ", ".join(bounds)]).strip()


def rows(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, str, str, bool]]:
    """(key, what it takes, meaning, whether it must be there) of a schema and all that is in it, in its order."""
    for name, part in schema.get("properties", {}).items():
        key, meaning, default = f"{path}{name}", part["description"], part.get("default")
        if default not in ({}, [], None) or default is False:
            meaning += f" Left out: {json.dumps(default)}."
        yield key, taken(part), meaning, name in schema.get("required", ())
        yield from rows(part, f"{key}.")
        entry = part.get("items", {})
        yield from rows(entry.get("anyOf", [entry])[-1], f"{key}[].")


def table(schema: dict[str, Any]) -> str:
    """The Markdown table of one schema."""
    lines = [
        f"| `{key}`{' (required)' if needed else ''} | {takes} | {meaning} |"
        for key, takes, meaning, needed in rows(schema)
    ]
    return "\n".join(["| key | takes | meaning |", "|---|---|---|", *lines])


def made(text: str) -> str:
    """The README with its tables as the schemas have them."""
    tables = {"config": table(json.loads(CONFIG.read_text())), "study": table(studyfile.schema())}
    for name, own in tables.items():
        pattern = rf"(<!-- {name}: made by make docs -->\n).*?(<!-- end -->)"
        text, places = re.subn(pattern, lambda m, own=own: m[1] + "\n" + own + "\n" + m[2], text, flags=re.DOTALL)
        if places != 1:
            raise ValueError(f"{README}: expected one place for the table {name}, but there are {places}")
    return text


def schema_text() -> str:
    """The schema of study files as the repository has it, for editors: what holds nothing further in one line."""
    text = json.dumps(studyfile.schema(), indent=2, ensure_ascii=False) + "\n"
    for innermost in (r"\[[^{}\[\]]*\]", r"\{[^{}]*\}"):
        text = re.sub(innermost, lambda match: " ".join(match[0].split()), text)
    return text


if __name__ == "__main__":
    STUDY.write_text(schema_text())
    README.write_text(made(README.read_text()))
