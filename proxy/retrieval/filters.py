"""Chooses files by their attributes: comparisons, and any nesting of `and` and `or` of them."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from proxy.errors import InvalidRequest
from proxy.schema.vector_stores import AttributeValue

Attributes = Mapping[str, AttributeValue]

DEEPEST: Final = 20


class Comparison(Struct, frozen=True, kw_only=True):
    """False for a file without the attribute, unless it asks what that is not."""

    type: str
    key: str
    value: Any

    def matches(self, attributes: Attributes) -> bool:
        if self.key not in attributes:
            return self.type in _NEGATIVE
        return _COMPARE[self.type](attributes[self.key], self.value)


class Compound(Struct, frozen=True, kw_only=True):
    type: str
    filters: Sequence["Filter"]

    def matches(self, attributes: Attributes) -> bool:
        each = (inner.matches(attributes) for inner in self.filters)
        return all(each) if self.type == "and" else any(each)


Filter = Comparison | Compound


def filter_of(given: Any, path: str = "filters", depth: int = 1) -> Filter:
    """Raises `InvalidRequest` for what is no filter."""
    if not isinstance(given, dict):
        raise _refusal(f"Invalid type for '{path}': expected an object, but got something else instead.", path, "type")
    if depth > DEEPEST:
        raise _refusal(f"Invalid '{path}': filters may be nested {DEEPEST} deep at most.", path, "value")
    kind = _needed(given, "type", path)
    if kind in _COMPOUNDS:
        _check_keys(given, {"type", "filters"}, path)
        inner = _needed(given, "filters", path)
        if not isinstance(inner, list):
            raise _refusal(
                f"Invalid type for '{path}.filters': expected an array, but got something else instead.",
                f"{path}.filters",
                "type",
            )
        filters = [filter_of(each, f"{path}.filters[{place}]", depth + 1) for place, each in enumerate(inner)]
        return Compound(type=kind, filters=filters)
    if not isinstance(kind, str) or kind not in _COMPARE:
        *most, last = (f"'{name}'" for name in (*_COMPARE, *_COMPOUNDS))
        message = f"Invalid value: '{kind}'. Supported values are: {', '.join(most)}, and {last}."
        raise _refusal(message, f"{path}.type", "value")
    _check_keys(given, {"type", "key", "value"}, path)
    key, value = _needed(given, "key", path), _needed(given, "value", path)
    if not isinstance(key, str):
        message = f"Invalid type for '{path}.key': expected a string, but got something else instead."
        raise _refusal(message, f"{path}.key", "type")
    fits = isinstance(value, list) and all(map(_is_simple, value)) if kind in _OF_LISTS else _is_simple(value)
    if not fits:
        expected = "an array of strings, numbers or booleans" if kind in _OF_LISTS else "a string, number or boolean"
        message = f"Invalid type for '{path}.value': expected {expected}, but got something else instead."
        raise _refusal(message, f"{path}.value", "type")
    return Comparison(type=kind, key=key, value=value)


def _needed(given: Mapping[str, Any], name: str, path: str) -> Any:
    if name not in given:
        param = f"{path}.{name}"
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return given[name]


def _check_keys(given: Mapping[str, Any], known: set[str], path: str) -> None:
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        param = f"{path}.{unknown}"
        raise InvalidRequest(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def _refusal(message: str, param: str, of: str) -> InvalidRequest:
    return InvalidRequest(message, param=param, code=f"invalid_{of}")


def _is_simple(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _same(one: Any, other: Any) -> bool:
    """True is not 1, as it is in Python."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Numbers with numbers, and strings with strings; everything else is in no order."""

    def fits(one: Any, other: Any) -> bool:
        if isinstance(one, bool) or isinstance(other, bool) or isinstance(one, str) is not isinstance(other, str):
            return False
        return compare(one, other)

    return fits


def _within(one: Any, others: Sequence[Any]) -> bool:
    return any(_same(one, other) for other in others)


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": _same,
    "ne": lambda one, other: not _same(one, other),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "in": _within,
    "nin": lambda one, others: not _within(one, others),
}
_COMPOUNDS: Final = ("and", "or")
_OF_LISTS: Final = frozenset({"in", "nin"})
_NEGATIVE: Final = frozenset({"ne", "nin"})
