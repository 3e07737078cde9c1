"""Reading a study file: YAML without surprises, checked against a schema, mistakes told with the path of the key."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema

from ..errors import UserError
from .plainyaml import YamlError, parse, plain, shown

REPOSITORY = Path(__file__).resolve().parents[3]
KINDS = {"object": "a mapping of keys", "integer": "a whole number", "array": "a list", "string": "text"}
LENGTHS = {
    "minItems": "must list at least {wanted}, but is {given}",
    "maxItems": "must list at most {wanted}, but is {given}",
    "minLength": "must not be empty",
    "maxLength": "must not be longer than {wanted} characters, but is {given}",
}
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class StudyError(UserError):
    """A study file that cannot be used; the message names the file, the key and what to do."""


def schema() -> dict:
    """The JSON schema of a study file."""
    inside = Path(__file__).parents[1] / "schemas" / "study.schema.json"
    path = inside if inside.exists() else REPOSITORY / "workflow" / "schemas" / "study.schema.json"
    return json.loads(path.read_text())


def find(name: str, folder: str | Path = "config/studies") -> Path:
    """The file of a study given by name, or by the path of its file. Raises StudyError if there is none."""
    path = Path(name) if str(name).endswith((".yaml", ".yml")) else Path(folder) / f"{name}.yaml"
    if not path.is_file() and path.parent == Path(folder) and not path.parent.is_dir():
        raise StudyError(f"there is no folder {folder} here: go to the project's folder, or name that of the studies")
    if not path.is_file():
        known = sorted(p.stem for p in Path(folder).glob("*.yaml"))
        asked = str(path) if str(path).isprintable() else ascii(str(path))
        raise StudyError(f"no study file {asked}; {folder} holds: {', '.join(known) or 'none'}")
    return path


def read(path: Path) -> dict[str, Any]:
    """The content of a study file, arms given by name alone written out. Raises StudyError."""
    try:
        content = parse(path.read_bytes())
    except YamlError as error:
        raise StudyError(f"{path}: not readable as YAML: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("arms"), list):
        content["arms"] = [{"name": arm} if isinstance(arm, str) else arm for arm in content["arms"]]
    content = plain(content, partial(wrong, path))
    _check_schema(path, content)
    if content["study"] != path.stem:
        raise wrong(path, "study", f"is {content['study']!r}, but the file is called {path.name}")
    return content


def wrong(path: Path, key: str, what: str) -> StudyError:
    """The error for a key of a study file."""
    return StudyError(f"{path}: {key}: {what}")


def _check_schema(path: Path, content: Any) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    errors = sorted(validator.iter_errors(content), key=lambda e: [str(p) for p in e.absolute_path])
    if not errors:
        return
    error = errors[0]
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path).lstrip(".") or "(top level)"
    raise wrong(path, key, _in_words(error))


def _in_words(error: jsonschema.ValidationError) -> str:
    """What is wrong, for people who have not read the schema."""
    kind, wanted, given = error.validator, error.validator_value, shown(error.instance)
    if kind == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return f"must be {' or '.join(KINDS.get(kind, f'a {kind}') for kind in kinds)}, but is {given}"
    if kind == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(key if len(key) <= 100 else f"{key[:97]}..." for key in set(error.instance) - set(known))
        return f"unknown key {', '.join(unknown[:5])}; known here: {', '.join(known)}"
    if kind == "required":
        return f"the key {next(key for key in wanted if key not in error.instance)} is missing"
    if kind == "dependentRequired":
        key, missing = next(
            (k, m) for k, ms in wanted.items() if k in error.instance for m in ms if m not in error.instance
        )
        return f"{key} needs {missing} beside it"
    if kind in BOUNDS:
        return f"must be {BOUNDS[kind]} {wanted:g}, but is {given}"
    if kind == "enum":
        return f"must be one of {', '.join(wanted)}, but is {given}"
    if kind == "pattern":
        return f"must be {error.schema.get('$comment', f'of the form {wanted}')}, but is {given}"
    if kind == "uniqueItems":
        return f"must not list anything twice: {given}"
    if kind in LENGTHS:
        return LENGTHS[kind].format(wanted=wanted, given=given)
    if kind == "oneOf":
        return f"needs {' or '.join(choice['required'][0] for choice in wanted)}, one of them and not both"
    return error.message
