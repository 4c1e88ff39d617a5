"""YAML as cassettes are written in it: read safely, binary strings as bytes, tags of languages ignored."""

import base64
from pathlib import Path
from typing import Any, Final

import yaml

from compat_tests.reading.files import Unreadable

MOST_VALUES: Final = 2_000_000
"""Of a document with its aliases written out. A cassette has some fifty an exchange; a trap has billions."""
DEEPEST: Final = 200
TYPES: Final = ("map", "seq", "str", "null", "bool", "int", "float")
"""A day stays as it was written: nobody wants it otherwise, and some of them are none."""


def _tag(name: str) -> str:
    return f"tag:yaml.org,2002:{name}"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # whichever was built
    """Safe: it builds what JSON has, and bytes, and nothing else."""

    yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] in map(_tag, TYPES)]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {_tag(name): yaml.SafeLoader.yaml_constructors[_tag(name)] for name in TYPES}

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._depth = 0

    # Called around every node: the one place to stop before a C stack overflows, which nobody could catch.

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError("nested too deep")

    def ascend_resolver(self) -> None:
        self._depth -= 1


def _plain(loader: Any, node: yaml.Node) -> Any:
    match node:
        case yaml.MappingNode():
            return loader.construct_mapping(node, deep=True)
        case yaml.SequenceNode():
            return loader.construct_sequence(node, deep=True)
        case _:
            return loader.construct_scalar(node)


def _bytes(loader: Any, node: yaml.Node) -> Any:
    try:
        return base64.b64decode("".join(str(node.value).split()), validate=True)
    except ValueError as mistake:
        raise yaml.constructor.ConstructorError(None, None, "broken base64", node.start_mark) from mistake


_Loader.add_constructor(_tag("binary"), _bytes)
_Loader.add_constructor("!binary", _bytes)  # Ruby's
_Loader.add_constructor(None, _plain)  # `!ruby/…`, `!!python/…`: what stands there, and not what it says it is


def yaml_of(content: bytes, file: Path) -> Any:
    """Raises `Unreadable`, which says the line but not what stands there: it may be a key."""
    try:
        parsed = yaml.load(content, _Loader)
    except yaml.MarkedYAMLError as mistake:
        line = f"line {mistake.problem_mark.line + 1}: " if mistake.problem_mark else ""
        raise Unreadable(f"{file}: no YAML: {line}{mistake.problem or mistake.context}") from mistake
    except (yaml.YAMLError, RecursionError, ValueError, KeyError) as mistake:
        why = " ".join(str(mistake).split()) if isinstance(mistake, yaml.YAMLError) else type(mistake).__name__
        raise Unreadable(f"{file}: no YAML: {why}") from mistake
    _measure(parsed, file)
    return parsed


def _measure(parsed: Any, file: Path) -> None:
    waiting, seen = [parsed], 0
    while waiting:
        each = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            raise Unreadable(f"{file}: more than {MOST_VALUES} values, aliases written out")
        if isinstance(each, dict):
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
