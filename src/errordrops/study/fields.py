"""Of what the typed fields of a study file are made, and what is wrong with a file in words that name the key."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WrapValidator, model_validator
from pydantic_core import ErrorDetails, core_schema

from .plainyaml import shown

KINDS = {
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
}
BOUNDS = {"greater_than": (">", "gt"), "greater_than_equal": (">=", "ge"), "less_than": ("<", "lt")}
BOUNDS["less_than_equal"] = ("<=", "le")
LENGTHS = {
    "too_short": "must list at least {min_length}, but is {given}",
    "too_long": "must list at most {max_length}, but is {given}",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters, but is {given}",
}


class Misfit(ValueError):
    """What is wrong with a key (its path from where the error is raised; empty: the whole of it)."""

    def __init__(self, key: str, what: str):
        super().__init__(what)
        self.key, self.what = key, what


class _Empty:
    """In place of null, which no key takes: a key is left out, or has a value of its kind."""

    def __repr__(self) -> str:
        return "None"


class Part(BaseModel):
    """A mapping of keys in a study file. A field that may be left out is None then, or has its default."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        known = sorted(field.alias or name for name, field in cls.model_fields.items())
        unknown = sorted(key if len(key) <= 100 else f"{key[:97]}..." for key in set(content) - set(known))
        if unknown:
            close = get_close_matches(unknown[0], known, 1)
            meant = f"; did you mean {close[0]}" if close else ""
            raise Misfit("", f"unknown key {', '.join(unknown[:5])}{meant}; known here: {', '.join(known)}")
        return {key: _Empty() if value is None else value for key, value in content.items()}

    def stated(self) -> dict[str, Any]:
        """By key, with defaults, without what is left out; whole numbers stay whole, as keys of runs have them."""
        return self.model_dump(by_alias=True, exclude_none=True, warnings=False)


@dataclass(frozen=True, eq=False)
class Checked:
    """A check of a value, which raises ValueError, and what a JSON schema can say of it."""

    check: Callable[[Any], None]
    said: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._passed, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable) -> dict[str, Any]:
        return handler(schema) | self.said

    def _passed(self, value: Any) -> Any:
        self.check(value)
        return value


@dataclass(frozen=True)
class OrNumber:
    """A list of whole numbers, or a number from 1 to `largest` that stands for one."""

    stands_for: Callable[[int], list[int]]
    largest: int

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self._written_out, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable) -> dict[str, Any]:
        return handler(schema["schema"]) | {"type": ["integer", "array"], "minimum": 1, "maximum": self.largest}

    def _written_out(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            raise Misfit("", f"must be a whole number or a list, but is {shown(value)}")
        if not 1 <= value <= self.largest:
            raise Misfit("", f"must be {'>= 1' if value < 1 else f'<= {self.largest}'}, but is {shown(value)}")
        return self.stands_for(value)


def spelled(pattern: str, words: str) -> Checked:
    """Text of a form, and that form for people."""

    def check(value: str) -> None:
        if not re.fullmatch(pattern, value):
            raise Misfit("", f"must be {words}, but is {shown(value)}")

    return Checked(check, {"pattern": rf"^{pattern}$(?!\n)", "$comment": words})


def _unlike(values: list) -> None:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise Misfit("", f"must not list anything twice: {shown(values)}")


def check_rising(key: str, values: Sequence[float], verb: str = "are") -> None:
    """Raises Misfit unless the values rise."""
    if list(values) != sorted(values):
        raise Misfit(key, f"must rise, but {verb} {list(values)}")


# 10 stays 10 and does not become 10.0, which would be another number in the key of a run
AS_WRITTEN = WrapValidator(lambda value, validated: (validated(value), value)[1])
UNLIKE = Checked(_unlike, {"uniqueItems": True})

Number = Annotated[float, AS_WRITTEN]
Positive = Annotated[float, Field(gt=0), AS_WRITTEN]
NotNegative = Annotated[float, Field(ge=0), AS_WRITTEN]
Share = Annotated[float, Field(ge=0, le=1), AS_WRITTEN]
PositiveShare = Annotated[float, Field(gt=0, le=1), AS_WRITTEN]
Factor = Annotated[float, Field(gt=1), AS_WRITTEN]
Momentum = Annotated[float, Field(ge=0, lt=1), AS_WRITTEN]
Count = Annotated[int, Field(ge=1)]
Size = Annotated[int, Field(ge=10)]
BatchSize = Annotated[int, Field(ge=2)]
Bounds = Annotated[list[Number], Field(min_length=2, max_length=2)]
Line = Annotated[str, spelled(r"[^\n]*[^\s][^\n]*", "one line of text")]
Words = Annotated[str, Field(min_length=1)]


def first_mistake(error: ValidationError) -> tuple[str, str]:
    """The path of the key that comes first of those at which something is wrong, and what is wrong there."""
    worst = min(error.errors(include_url=False), key=lambda e: [str(step) for step in _place(e)])
    path, what = _place(worst), _in_words(worst)
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    misfit = worst.get("ctx", {}).get("error")
    if isinstance(misfit, Misfit) and misfit.key:
        key = f"{key}.{misfit.key}".lstrip(".")
    return key or "(top level)", what


def _place(error: ErrorDetails) -> tuple[int | str, ...]:
    """A key that is missing is missing from the mapping around it."""
    return error["loc"][:-1] if error["type"] == "missing" else error["loc"]


def _in_words(error: ErrorDetails) -> str:
    """What is wrong, for people who know nothing of pydantic."""
    kind, context, given = error["type"], error.get("ctx", {}), shown(error["input"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return f"the key {error['loc'][-1]} is missing"
    if kind in KINDS:
        return f"must be {KINDS[kind]}, but is {given}"
    if kind in BOUNDS:
        sign, bound = BOUNDS[kind]
        return f"must be {sign} {context[bound]:g}, but is {given}"
    if kind in LENGTHS:
        return LENGTHS[kind].format(given=given, **context)
    if kind == "literal_error":
        wanted = context["expected"].replace(" or ", ", ").replace("'", "")
        return f"must be one of {wanted}, but is {given}"
    return f"{error['msg']}, but is {given}"
