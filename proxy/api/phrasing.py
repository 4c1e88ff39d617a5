"""Phrases a fault in a body as the real service's validator did: one table from schema keyword to sentence.

The sentences are literal: clients match on them. `param` is the path of the fault, `tools[0].function.name`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from proxy.errors import InvalidRequest

Schema = dict[str, Any]


class Fault(Struct, frozen=True, kw_only=True):
    """One thing wrong with a body: what a keyword of a schema expected, and the instance that is not so."""

    keyword: str
    expected: Any
    schema: Schema
    instance: Any
    path: tuple[str | int, ...]


class Refusal(Struct, frozen=True):
    message: str
    param: str
    code: str


def refusal(fault: Fault) -> InvalidRequest:
    said = PHRASES[fault.keyword](fault, path_of(fault.path))
    return InvalidRequest(said.message, param=said.param or None, code=said.code)


def path_of(steps: Sequence[str | int]) -> str:
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path


# Keys


def _missing(fault: Fault, path: str) -> Refusal:
    return _missing_key(fault, next(name for name in fault.expected if name not in fault.instance))


def _missing_key(fault: Fault, name: str) -> Refusal:
    param = path_of([*fault.path, name])
    return Refusal(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def _unknown(fault: Fault, path: str) -> Refusal:
    known = fault.schema["properties"]
    param = path_of([*fault.path, next(name for name in fault.instance if name not in known)])
    return Refusal(f"Unknown parameter: '{param}'.", param, "unknown_parameter")


def _long_key(fault: Fault, path: str) -> Refusal:
    name: str = fault.instance
    limit = fault.schema["maxLength"]
    message = (
        # Only the ends of a long name were shown; `param` has all of it.
        f"Invalid property name in '{path}': '{name[:3]}...{name[-3:]}' is too long. Expected a string with maximum "
        f"length {limit}, but got a string with length {len(name)} instead."
    )
    return Refusal(message, f"{path}.{name}", "property_name_above_max_length")


def _too_many_keys(fault: Fault, path: str) -> Refusal:
    message = (
        f"Invalid '{path}': too many properties. Expected an object with at most {fault.expected} properties, "
        f"but got an object with {len(fault.instance)} properties instead."
    )
    return Refusal(message, path, "object_above_max_properties")


# Types and values


def _type(fault: Fault, path: str) -> Refusal:
    return _wrong_type(fault, path, [fault.schema])


def _union(fault: Fault, path: str) -> Refusal:
    """No branch was meant: another type than any of them, or an object without a tag or with an unknown one."""
    branches: list[Schema] = [branch for branch in fault.expected if branch.get("type") != "null"]
    tags = [tag for branch in branches for tag in tags_of(branch)]
    if kind_of(fault.instance) != "object" or not tags:
        return _wrong_type(fault, path, branches)
    if "type" not in fault.instance:
        return _missing_key(fault, "type")
    return _not_among(fault.instance["type"], tags, path_of([*fault.path, "type"]))


def _wrong_type(fault: Fault, path: str, branches: Sequence[Schema]) -> Refusal:
    if path.rpartition(".")[2] == "metadata" and branches[0].get("type") == "object":
        expected = "a metadata object"
    else:
        first, *others = dict.fromkeys(_describe(branch) for branch in branches)
        expected = f"one of {_article(first)} or {' or '.join(others)}" if others else _article(first)
    return _invalid_type(path, expected, fault.instance)


def _invalid_type(path: str, expected: str, instance: Any) -> Refusal:
    got = "a decimal number" if kind_of(instance) == "number" else _article(kind_of(instance))
    message = f"Invalid type for '{path or 'body'}': expected {expected}, but got {got} instead."
    return Refusal(message, path, "invalid_type")


def _enum(fault: Fault, path: str) -> Refusal:
    return _not_among(fault.instance, fault.expected, path)


def _not_among(value: Any, supported: Sequence[str], path: str) -> Refusal:
    if not isinstance(value, str):
        return _invalid_type(path, _one_of(supported), value)
    message = f"Invalid value: '{value}'. Supported values are: {_listed(supported, 'and')}."
    return Refusal(message, path, "invalid_value")


def _pattern(fault: Fault, path: str) -> Refusal:
    message = (
        f"Invalid '{path}': string does not match pattern. "
        f"Expected a string that matches the pattern '{fault.expected}'."
    )
    return Refusal(message, path, "invalid_value")


# Bounds


def _above_maximum(fault: Fault, path: str) -> Refusal:
    return _out_of_range(fault, path, "above maximum", "<=", "above_max_value")


def _below_minimum(fault: Fault, path: str) -> Refusal:
    return _out_of_range(fault, path, "below minimum", ">=", "below_min_value")


def _out_of_range(fault: Fault, path: str, where: str, sign: str, code: str) -> Refusal:
    noun = "integer" if fault.schema["type"] == "integer" else "decimal"
    message = (
        f"Invalid '{path}': {noun} {where} value. "
        f"Expected a value {sign} {fault.expected}, but got {fault.instance} instead."
    )
    return Refusal(message, path, f"{noun}_{code}")


def _too_long(fault: Fault, path: str) -> Refusal:
    return _wrong_size(fault, path, "too long", "maximum", "above_max_length")


def _too_short(fault: Fault, path: str) -> Refusal:
    if fault.instance == []:
        return _wrong_size(fault, path, "empty array", "minimum", "empty_array")
    return _wrong_size(fault, path, "too short", "minimum", "below_min_length")


def _wrong_size(fault: Fault, path: str, what: str, extreme: str, code: str) -> Refusal:
    noun = kind_of(fault.instance)
    size = len(fault.instance)
    got = f"{_article(noun)} with length {size}" if size else f"an empty {noun}"
    message = (
        f"Invalid '{path}': {what if code == 'empty_array' else f'{noun} {what}'}. "
        f"Expected {_article(noun)} with {extreme} length {fault.expected}, but got {got} instead."
    )
    return Refusal(message, path, code if code == "empty_array" else f"{noun}_{code}")


PHRASES: Final[Mapping[str, Callable[[Fault, str], Refusal]]] = {
    "required": _missing,
    "additionalProperties": _unknown,
    "propertyNames": _long_key,
    "maxProperties": _too_many_keys,
    "type": _type,
    "anyOf": _union,
    "enum": _enum,
    "pattern": _pattern,
    "maximum": _above_maximum,
    "minimum": _below_minimum,
    "maxLength": _too_long,
    "minLength": _too_short,
    "maxItems": _too_long,
    "minItems": _too_short,
}


# Words


def kind_of(value: Any) -> str:
    """The JSON type of a decoded value; `number` is one with a fraction."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def tags_of(branch: Schema) -> list[str]:
    """The values of `type` by which an object says which branch of a union it is."""
    tags: list[str] = branch.get("properties", {}).get("type", {}).get("enum", [])
    return tags


def _describe(schema: Schema) -> str:
    """What a schema expects, without an article: `string`, `array of objects`, `one of 'a' or 'b'`."""
    match schema:
        case {"enum": values}:
            return _one_of(values)
        case {"type": "array", "items": {"anyOf": [{"type": kind}, *_]} | {"type": kind}}:
            return f"array of {kind}s"
        case {"type": "number"}:
            return "decimal"
        case _:
            return str(schema["type"])


def _article(words: str) -> str:
    if words == "null" or words.startswith(("one of", "'")):
        return words
    return f"an {words}" if words[0] in "aeio" else f"a {words}"


def _one_of(values: Sequence[str]) -> str:
    return f"one of {_listed(values, 'or')}" if len(values) > 1 else _listed(values, "or")


def _listed(values: Sequence[str], conjunction: str) -> str:
    """`'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:
        return f" {conjunction} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {conjunction} {quoted[-1]}"
