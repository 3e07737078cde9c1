"""YAML without surprises: a key stands once, nothing refers to anything, 1e-4 is a number, too much is refused."""

import math
import re
from typing import Any

import yaml

MOST_BYTES = 1_000_000  # of a file; the largest study here has 10,000
DEEPEST = 20  # levels; a study has five
LARGEST = 2**53  # up to here floats and whole numbers are the same
SMALLEST = 1e-30  # what is left of it after the greatest cut is still a number
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class YamlError(ValueError):
    """What is wrong with a text, and where, in one line."""


class _Loader(yaml.SafeLoader):
    """A few lines with aliases can stand for more than fits into memory, so there are none."""

    depth = 0

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(f"*{event.anchor}: write out what it stands for{event.start_mark}")
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.YAMLError(f"more than {DEEPEST} levels{self.peek_event().start_mark}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # dates that are none, !!int ten
            raise yaml.YAMLError(f"{shown(node.value)} cannot be read ({error}){node.start_mark}") from None

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.YAMLError(f"a key must be text{key_node.start_mark}")
            if key_node.value in seen:
                raise yaml.YAMLError(f"the key {key_node.value!r} is given twice{key_node.start_mark}")
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse(content: bytes) -> Any:
    """What a YAML text in UTF-8 says. Raises YamlError."""
    if len(content) > MOST_BYTES:
        raise YamlError(f"more than {MOST_BYTES} bytes; no study is as long")
    try:
        return yaml.load(content.decode(), Loader=_Loader)
    # PyYAML itself fails with the last three on dates that are none and on tags that do not fit their text
    except (yaml.YAMLError, ValueError, AttributeError, TypeError) as error:
        raise YamlError(" ".join(str(error).split())) from None


def plain(content: Any, fail, key: str = "") -> Any:
    """The content with 32.0 and 3e1 as whole numbers. What no study can use, such as NaN, a number beyond 2^53 or
    a control character, raises what `fail` makes of its key and of what is wrong.
    """
    if isinstance(content, dict):
        for name in content:
            if not isinstance(name, str) or not name.isprintable():
                raise fail(key or "(top level)", f"the key {shown(name)} is not plain text")
        return {name: plain(value, fail, f"{key}.{name}".lstrip(".")) for name, value in content.items()}
    if isinstance(content, list):
        return [plain(value, fail, f"{key}[{i}]") for i, value in enumerate(content)]
    if isinstance(content, str):
        if UNPRINTABLE.search(content):
            raise fail(key, f"holds a character that cannot be printed: {shown(content)}")
        return content
    if isinstance(content, int | float) and not math.isfinite(_float(content)):
        raise fail(key, f"must be a finite number, but is {shown(content)}")
    if isinstance(content, int | float) and abs(content) > LARGEST:
        raise fail(key, f"must not be beyond {LARGEST}, but is {shown(content)}")
    if isinstance(content, float) and 0 < abs(content) < SMALLEST:
        raise fail(key, f"must not be closer to 0 than {SMALLEST:g}, but is {shown(content)}")
    return int(content) if isinstance(content, float) and content.is_integer() else content


def _float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def shown(value: Any) -> str:
    """A value for a message: in one line, cut short, whatever it is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**100:
        return "a number of more than 100 digits"
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
