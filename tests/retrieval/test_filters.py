"""Filters: every operator on every kind of value, nested, and what is no filter."""

from typing import Any

import pytest

from proxy.errors import InvalidRequest
from proxy.retrieval.filters import _COMPARE, DEEPEST, filter_of

FILE = {"year": 2024, "share": 0.5, "author": "Ann", "final": True}


def compare(type: str, key: str, value: Any) -> dict[str, Any]:
    return {"type": type, "key": key, "value": value}


TRUE = [
    ("eq", "year", 2024), ("eq", "year", 2024.0), ("eq", "author", "Ann"), ("eq", "final", True),
    ("ne", "year", 2023), ("ne", "author", "ann"), ("ne", "final", False), ("ne", "final", 1), ("ne", "missing", 1),
    ("gt", "year", 2023), ("gt", "share", 0.4), ("gt", "author", "Amy"), ("gte", "year", 2024),
    ("gte", "author", "Ann"),
    ("lt", "year", 2025), ("lt", "share", 1), ("lte", "share", 0.5), ("lte", "author", "Bob"),
    ("in", "year", [2023, 2024]), ("in", "author", ["Ann"]), ("in", "final", [True]),
    ("nin", "year", [2023]), ("nin", "author", []), ("nin", "missing", ["x"]), ("nin", "final", [1]),
]  # fmt: skip
FALSE = [
    ("eq", "year", "2024"), ("eq", "final", 1), ("eq", "missing", 1), ("ne", "year", 2024), ("gt", "year", 2024),
    ("gt", "year", "1"), ("gt", "author", 1), ("gt", "final", False), ("gt", "missing", 0), ("gte", "year", 2025),
    ("lt", "year", 2024), ("lt", "missing", 0), ("lte", "year", 2023), ("lte", "final", True), ("in", "year", []),
    ("in", "missing", [1]), ("nin", "year", [2024]),
]  # fmt: skip


@pytest.mark.parametrize(("type", "key", "value"), TRUE)
def test_a_comparison_that_holds(type: str, key: str, value: Any) -> None:
    assert filter_of(compare(type, key, value)).matches(FILE)


@pytest.mark.parametrize(("type", "key", "value"), FALSE)
def test_a_comparison_that_does_not(type: str, key: str, value: Any) -> None:
    assert not filter_of(compare(type, key, value)).matches(FILE)


def test_every_operator_is_tried() -> None:
    assert {type for type, _, _ in TRUE} == {type for type, _, _ in FALSE} == set(_COMPARE)


def test_compounds_nest() -> None:
    yes, no = compare("eq", "year", 2024), compare("eq", "year", 1)
    for type, inner, expected in [
        ("and", [yes, yes], True),
        ("and", [yes, no], False),
        ("or", [no, yes], True),
        ("or", [no, no], False),
        ("and", [yes, {"type": "or", "filters": [no, {"type": "and", "filters": [yes]}]}], True),
        ("or", [no, {"type": "and", "filters": [yes, no]}], False),
        ("and", [], True),
        ("or", [], False),
    ]:
        assert filter_of({"type": type, "filters": inner}).matches(FILE) is expected


def nested(depth: int) -> dict[str, Any]:
    return compare("eq", "a", 1) if depth == 1 else {"type": "and", "filters": [nested(depth - 1)]}


def test_they_nest_only_so_deep() -> None:
    filter_of(nested(DEEPEST))
    with pytest.raises(InvalidRequest, match=f"{DEEPEST} deep"):
        filter_of(nested(DEEPEST + 1))


@pytest.mark.parametrize(
    ("given", "param", "code"),
    [
        ([], "filters", "invalid_type"),
        ({}, "filters.type", "missing_required_parameter"),
        ({"type": "like"}, "filters.type", "invalid_value"),
        ({"type": ["eq"]}, "filters.type", "invalid_value"),
        ({"type": "eq", "key": "a"}, "filters.value", "missing_required_parameter"),
        ({"type": "eq", "value": 1}, "filters.key", "missing_required_parameter"),
        (compare("eq", "a", None), "filters.value", "invalid_type"),
        (compare("eq", "a", [1]), "filters.value", "invalid_type"),
        (compare("in", "a", 1), "filters.value", "invalid_type"),
        (compare("in", "a", [[1]]), "filters.value", "invalid_type"),
        ({"type": "eq", "key": 1, "value": 1}, "filters.key", "invalid_type"),
        (compare("eq", "a", 1) | {"zz": 1}, "filters.zz", "unknown_parameter"),
        ({"type": "and"}, "filters.filters", "missing_required_parameter"),
        ({"type": "and", "filters": {}}, "filters.filters", "invalid_type"),
        ({"type": "or", "filters": [compare("eq", "a", 1), {"type": "x"}]}, "filters.filters[1].type", "invalid_value"),
    ],
)
def test_what_is_no_filter_is_refused(given: Any, param: str, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        filter_of(given)
    assert (refused.value.param, refused.value.code) == (param, code)
    assert f"'{param}'" in refused.value.message or code == "invalid_value"
