"""Patterns: JSON that an answer must be equal to, with operators where it may vary. And templates, which are filled in.

Strings have `${name}` replaced by what was captured; a string that is nothing else becomes the value itself. Operators
are objects with keys that begin with `$`:

    {"$any": true}                          anything, null too
    {"$type": "integer"}                    string, integer, number, boolean, object, array or null; or a list of them
    {"$id": "thread"}                       an id of that kind, in the form that the real service gave it
    {"$time": true}                         Unix seconds, an integer, within five minutes of now
    {"$time": {"not_before": "${start}"}}   and no earlier than that
    {"$sum": ["${start}", 600]}             the sum of these integers
    {"$capture": "name", "$is": pattern}    remember the value, which must fit (anything, without `$is`)
    {"$same": "name", "$is": pattern}       as `$capture` while nothing has been captured under that name; then equal
    {"$matches": "regular expression"}      a string, from its beginning to its end
    {"$includes": {...}}                    an object that has these keys, and maybe more
    {"$contains": [pattern, ...]}           a list in which each of these fits some element
    {"$each": pattern, "$count": 3}         a list, each of its elements; `$count` also {"min": 1, "max": 9}, or none
    {"$one_of": [pattern, ...]}             any of these
    {"$not": pattern}                       anything else
    {"$optional": pattern}                  as a value in an object: the key may be absent
    {"$absent": true}                       as a value in an object: the key must be absent
    {"$shape": "run", "status": "queued"}   the shape of that name in `shapes.json`, with these keys instead
    {"$repeat": ["ab", 500]}                this text, or this list, so many times over; in templates, too

A shape may begin with another shape in the same way.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from compat_tests.result import Difference

SHAPES: Final = Path(__file__).parent / "cases" / "shapes.json"
VARIABLE: Final = re.compile(r"\$\{([a-z][a-z0-9_]*)\}")
SHORTENED: Final = 400
LONGEST_CLOCK_SKEW: Final = 300

UNFIT: Final = object()

LETTERS: Final = "[A-Za-z0-9]{24}"
HEX: Final = "[0-9a-f]{32}"
IDS: Final = {
    "assistant": f"asst_{LETTERS}",
    "thread": f"thread_{LETTERS}",
    "message": f"msg_{LETTERS}",
    "run": f"run_{LETTERS}",
    "step": f"step_{LETTERS}",
    "call": f"call_{LETTERS}",
    "file": "file-[A-Za-z0-9]{22,24}",
    "vector_store": f"vs_(?:{HEX}|{LETTERS})",
    "file_batch": f"vsfb_(?:{HEX}|{LETTERS})",
    "upload": f"upload_{HEX}",
    "part": f"part_{HEX}",
    "request": f"req_{HEX}",
}
OPERATORS: Final = {
    "$any", "$type", "$id", "$time", "$capture", "$matches", "$includes", "$contains", "$each", "$one_of", "$not",
    "$optional", "$absent", "$shape", "$sum", "$same", "$repeat",
}  # fmt: skip
WITH: Final = {"$capture": {"$is"}, "$same": {"$is"}, "$each": {"$count"}}
"""Keys that an operator may have beside its own; `$shape` takes any."""


class BadPattern(ValueError):
    """A pattern or template that cannot be meant."""


class NotCaptured(BadPattern):
    """A variable whose value has not come: what it should have been captured from was another than expected."""


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """The template with its variables replaced and its repetitions written out. Raises `BadPattern`."""
    match template:
        case str():
            return _filled_text(template, values)
        case {"$repeat": [str() | list() as repeated, int(times)]} if len(template) == 1:
            return filled(repeated, values) * times
        case dict():
            return {key: filled(value, values) for key, value in template.items()}
        case list():
            return [filled(each, values) for each in template]
        case _:
            return template


def _filled_text(template: str, values: Mapping[str, Any]) -> Any:
    if whole := VARIABLE.fullmatch(template):
        return _value(whole[1], values)
    return VARIABLE.sub(lambda found: str(_value(found[1], values)), template)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise NotCaptured(f"nothing has captured ${{{name}}}")
    return values[name]


def differences(pattern: Any, value: Any, values: dict[str, Any], path: str = "body") -> Iterator[Difference]:
    """Where the value does not fit. What is captured goes into `values`, whether or not it fits."""
    try:
        yield from _differences(pattern, value, values, path)
    except NotCaptured as missing:
        yield Difference(path=path, expected=f"{shown(pattern)} ({missing})", got=shown(value))


def _differences(pattern: Any, value: Any, values: dict[str, Any], path: str) -> Iterator[Difference]:
    match pattern:
        case dict() if operator := operator_of(pattern):
            yield from _operated(operator, pattern, value, values, path)
        case dict():
            if not isinstance(value, dict):
                yield _no(path, pattern, value)
                return
            yield from _in_object(pattern, value, values, path)
        case list():
            if not isinstance(value, list):
                yield _no(path, pattern, value)
                return
            if len(value) != len(pattern):
                yield Difference(path=f"{path} (length)", expected=str(len(pattern)), got=str(len(value)))
            for place, (each, other) in enumerate(zip(pattern, value, strict=False)):
                yield from differences(each, other, values, f"{path}[{place}]")
        case _:
            expected = filled(pattern, values)
            if not _same(expected, value):
                yield _no(path, expected, value)


def _in_object(
    pattern: dict[str, Any], value: dict[str, Any], values: dict[str, Any], path: str, *, more: bool = False
) -> Iterator[Difference]:
    for key, expected in pattern.items():
        operator = operator_of(expected) if isinstance(expected, dict) else None
        if key not in value:
            if operator not in {"$optional", "$absent"}:
                yield Difference(path=f"{path}.{key}", expected=shown(expected), got="absent")
        elif operator == "$absent":
            yield Difference(path=f"{path}.{key}", expected="absent", got=shown(value[key]))
        else:
            inner = expected["$optional"] if operator == "$optional" else expected
            yield from differences(inner, value[key], values, f"{path}.{key}")
    if not more:
        for key in value.keys() - pattern.keys():
            yield Difference(path=f"{path}.{key}", expected="absent", got=shown(value[key]))


def _operated(
    operator: str, pattern: dict[str, Any], value: Any, values: dict[str, Any], path: str
) -> Iterator[Difference]:
    given = pattern[operator]
    match operator:
        case "$any":
            pass
        case "$same" if given in values:
            if not _same(values[given], value):
                yield _no(path, values[given], value)
        case "$capture" | "$same":
            values[given] = value
            yield from differences(pattern.get("$is", {"$any": True}), value, values, path)
        case "$includes" if isinstance(value, dict):
            yield from _in_object(given, value, values, path, more=True)
        case "$contains" if isinstance(value, list):
            for each in given:
                fitting = next((other for other in value if _fits(each, other, dict(values))), UNFIT)
                if fitting is UNFIT:
                    yield Difference(path=path, expected=f"a list with {shown(each)}", got=shown(value))
                else:
                    list(differences(each, fitting, values, path))  # captures
        case "$each" if isinstance(value, list):
            yield from _counted(pattern.get("$count"), value, values, path)
            for place, other in enumerate(value):
                yield from differences(given, other, values, f"{path}[{place}]")
        case "$shape":
            changed = {key: each for key, each in pattern.items() if key != "$shape"}
            yield from differences({**shape(given), **changed}, value, values, path)
        case "$one_of":
            fitting = next((each for each in given if _fits(each, value, dict(values))), UNFIT)
            if fitting is UNFIT:
                yield _no(path, pattern, value)
            else:
                list(differences(fitting, value, values, path))  # captures
        case _:
            if not _holds(operator, given, value, values):
                yield _no(path, filled(pattern, values) if operator in {"$time", "$sum"} else pattern, value)


def _holds(operator: str, given: Any, value: Any, values: dict[str, Any]) -> bool:
    match operator:
        case "$type":
            return any(_is(each, value) for each in ([given] if isinstance(given, str) else given))
        case "$id":
            return isinstance(value, str) and re.fullmatch(IDS[given], value) is not None
        case "$matches":
            return isinstance(value, str) and re.fullmatch(given, value, re.DOTALL) is not None
        case "$not":
            return not _fits(given, value, dict(values))
        case "$repeat":
            return _same(filled({"$repeat": given}, values), value)
        case "$sum":
            parts = filled(given, values)
            return all(_is("integer", each) for each in (value, *parts)) and bool(value == sum(parts))
        case "$time":
            if not _is("integer", value) or abs(value - time.time()) > LONGEST_CLOCK_SKEW:
                return False
            first = filled(given["not_before"], values) if isinstance(given, dict) else value
            return _is("integer", first) and bool(value >= first)
        case _:
            return False  # of a list or an object, and this is none


def _counted(count: Any, value: list[Any], values: dict[str, Any], path: str) -> Iterator[Difference]:
    limits = count if isinstance(count, dict) else {} if count is None else {"min": count, "max": count}
    limits = filled(limits, values)
    if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
        yield Difference(path=f"{path} (length)", expected=shown(count), got=str(len(value)))


def _fits(pattern: Any, value: Any, values: dict[str, Any]) -> bool:
    return next(differences(pattern, value, values), None) is None


def operator_of(pattern: dict[str, Any]) -> str | None:
    """The operator that an object is, if it is one. Raises `BadPattern` for one that cannot be meant."""
    marked = {key for key in pattern if key.startswith("$")}
    if not marked:
        return None
    found = marked & OPERATORS
    if len(found) != 1:
        raise BadPattern(f"no operator, or several: {shown(pattern)}")
    operator = found.pop()
    beside = pattern.keys() - {operator}
    if operator != "$shape" and beside - WITH.get(operator, set()):
        raise BadPattern(f"{operator} does not take {sorted(beside)}")
    return operator


@cache
def shapes() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(SHAPES.read_bytes())
    return found


def shape(name: str) -> dict[str, Any]:
    """All its keys, those of the shape that it begins with too."""
    if name not in shapes():
        raise BadPattern(f"no shape is called {name}")
    found = shapes()[name]
    if "$shape" not in found:
        return found
    return {**shape(found["$shape"]), **{key: value for key, value in found.items() if key != "$shape"}}


def _is(name: str, value: Any) -> bool:
    match name:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "null":
            return value is None
        case _:
            raise BadPattern(f"no type is called {name}")


def _same(expected: Any, value: Any) -> bool:
    # 1 and True are equal to Python, 1 and 1.0 are equal to JSON.
    return isinstance(expected, bool) == isinstance(value, bool) and bool(expected == value)


def shown(value: Any) -> str:
    """As JSON, shortened for a reader."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHORTENED else text[: SHORTENED - 1] + "…"


def _no(path: str, expected: Any, value: Any) -> Difference:
    return Difference(path=path, expected=shown(expected), got=shown(value))
