"""Reading a study file: YAML without surprises, checked against a schema, mistakes told with the path of the key."""

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from .errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
KINDS = {"object": "a mapping of keys", "integer": "a whole number", "array": "a list", "string": "text"}
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class StudyError(UserError):
    """A study file that cannot be used; the message names the file, the key and what to do."""


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice and reads 1e-4 as a number."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(str(key))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def schema() -> dict:
    """The JSON schema of a study file."""
    inside = Path(__file__).parent / "schemas" / "study.schema.json"
    path = inside if inside.exists() else REPOSITORY / "workflow" / "schemas" / "study.schema.json"
    return json.loads(path.read_text())


def read(path: Path) -> dict[str, Any]:
    """The content of a study file, arms given by name alone written out. Raises StudyError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and isinstance(content.get("arms"), list):
        content["arms"] = [{"name": arm} if isinstance(arm, str) else arm for arm in content["arms"]]
    content = _plain_numbers(path, "", content)
    _check_schema(path, content)
    if content["study"] != path.stem:
        raise wrong(path, "study", f"is {content['study']!r}, but the file is called {path.name}")
    return content


def _plain_numbers(path: Path, key: str, content: Any) -> Any:
    """32.0 and 3e1 are whole numbers; infinity and NaN are none."""
    if isinstance(content, dict):
        return {k: _plain_numbers(path, f"{key}.{k}".lstrip("."), v) for k, v in content.items()}
    if isinstance(content, list):
        return [_plain_numbers(path, f"{key}[{i}]", v) for i, v in enumerate(content)]
    if isinstance(content, float):
        if not math.isfinite(content):
            raise wrong(path, key, f"must be a finite number, but is {content}")
        return int(content) if content.is_integer() else content
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
    if error.validator == "type":
        kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        return f"must be {' or '.join(KINDS.get(kind, f'a {kind}') for kind in kinds)}, but is {error.instance!r}"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(str(key) for key in set(error.instance) - set(known))
        return f"unknown key {', '.join(unknown)}; known here: {', '.join(known)}"
    if error.validator in BOUNDS:
        return f"must be {BOUNDS[error.validator]} {error.validator_value:g}, but is {error.instance!r}"
    return error.message
