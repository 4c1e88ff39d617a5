"""Patterns and templates: each operator with what fits it and what does not, and what cannot be meant."""

import time
from typing import Any

import pytest

from compat_tests import pattern as patterns
from compat_tests.pattern import BadPattern, NotCaptured, differences, filled, operator_of, shape

NOW = int(time.time())
LETTERS = "abcdefghijklmnopqrstuvwX"
ERROR = {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}


def paths(pattern: Any, value: Any, values: dict[str, Any] | None = None) -> list[str]:
    return [each.path for each in differences(pattern, value, {} if values is None else values, "it")]


# Each operator: a pattern, values that fit, values that do not
OPERATORS: dict[str, list[tuple[Any, list[Any], list[Any]]]] = {
    "$any": [({"$any": True}, [None, 0, "", [], {}, {"a": 1}], [])],
    "$type": [
        ({"$type": "string"}, ["", "a"], [None, 1, [], {}]),
        ({"$type": "integer"}, [0, -1], [1.5, True, "1", None]),
        ({"$type": "number"}, [0, 1.5], [True, "1"]),
        ({"$type": "boolean"}, [True, False], [0, 1, "true", None]),
        ({"$type": "object"}, [{}, {"a": 1}], [[], None]),
        ({"$type": "array"}, [[], [1]], [{}, "a", None]),
        ({"$type": "null"}, [None], [0, "", False]),
        ({"$type": ["integer", "null"]}, [3, None], ["3", True]),
    ],
    "$id": [
        ({"$id": "thread"}, [f"thread_{LETTERS}"], [f"thread_{LETTERS[1:]}", f"thread_{LETTERS}a", "thread_1", None]),
        ({"$id": "call"}, [f"call_{LETTERS}"], [f"run_{LETTERS}", f"call-{LETTERS}"]),
        ({"$id": "file"}, [f"file-{LETTERS}", f"file-{LETTERS[2:]}"], [f"file_{LETTERS}"]),
        ({"$id": "vector_store"}, [f"vs_{'0f' * 16}", f"vs_{LETTERS}"], [f"vs_{'0F' * 16}"]),
    ],
    "$time": [
        ({"$time": True}, [NOW, NOW - 200, NOW + 200], [NOW - 4000, NOW + 4000, NOW + 0.5, str(NOW), True, None]),
        ({"$time": {"not_before": "${start}"}}, [NOW, NOW + 1], [NOW - 1, None]),
        ({"$time": {"not_before": "${word}"}}, [], [NOW]),
    ],
    "$sum": [
        ({"$sum": ["${start}", 600]}, [NOW + 600], [NOW, NOW + 601, float(NOW + 600), None, "600"]),
        ({"$sum": ["${word}", 1]}, [], [1, "word"]),
        ({"$sum": [1, 0]}, [1], [True]),
    ],
    "$capture": [({"$capture": "new"}, [None, 1], []), ({"$capture": "new", "$is": {"$type": "integer"}}, [1], ["1"])],
    "$same": [
        ({"$same": "start"}, [NOW], [NOW + 1, str(NOW), None]),
        ({"$same": "yes"}, [True], [1]),
        ({"$same": "new", "$is": {"$type": "integer"}}, [1], ["1"]),
    ],
    "$matches": [({"$matches": "a.+z"}, ["abz", "a\nz"], ["az", "xabz", "abzx", 1, None])],
    "$includes": [
        ({"$includes": {"a": 1}}, [{"a": 1}, {"a": 1, "b": 2}], [{}, {"a": 2}, {"b": 1}, [], None]),
        ({"$includes": {"a": {"$absent": True}}}, [{}, {"b": 1}], [{"a": None}]),
    ],
    "$contains": [
        ({"$contains": [1, {"$type": "string"}]}, [[1, "a"], ["a", 2, 1]], [[1], ["a"], [], {}, None]),
        ({"$contains": [1, 1]}, [[1]], [[]]),
    ],
    "$each": [
        ({"$each": {"$type": "integer"}}, [[], [1, 2]], [["1"], [1, None], {}, None]),
        ({"$each": 1, "$count": 2}, [[1, 1]], [[1], [1, 1, 1], [1, 2]]),
        ({"$each": 1, "$count": {"min": 1, "max": 2}}, [[1], [1, 1]], [[], [1, 1, 1]]),
        ({"$each": 1, "$count": {"min": 1}}, [[1] * 9], [[]]),
    ],
    "$one_of": [({"$one_of": [None, {"a": 1}]}, [None, {"a": 1}], [{"a": 2}, 0, False, {}])],
    "$not": [({"$not": None}, [0, "", False], [None]), ({"$not": {"$type": "integer"}}, ["1"], [1])],
    "$optional": [({"a": {"$optional": 1}}, [{}, {"a": 1}], [{"a": 2}, {"a": None}, {"b": 1}])],
    "$absent": [({"a": {"$absent": True}}, [{}], [{"a": None}, {"a": 1}])],
    "$shape": [
        ({"$shape": "error", "message": "No."}, [ERROR], [{**ERROR, "message": "Yes."}, {**ERROR, "more": 1}, {}]),
    ],
    "$repeat": [({"$repeat": ["ab", 2]}, ["abab"], ["ab", "ababab", None])],
}  # fmt: skip
ROWS = [row for rows in OPERATORS.values() for row in rows]
KNOWN = {"start": NOW, "word": "word", "yes": True}


def test_every_operator_is_tested() -> None:
    assert set(OPERATORS) == patterns.OPERATORS
    for operator, rows in OPERATORS.items():
        for pattern, fitting, others in rows:
            assert operator in str(pattern)
            assert fitting or others


def test_what_fits() -> None:
    """All in one: a time fits for some minutes only, and the whole run of the tests may take longer."""
    late = int(time.time()) - NOW
    for pattern, fitting, _ in ROWS:
        for value in fitting:
            known = {**KNOWN, "start": NOW + late}
            is_time = type(value) is int and abs(value - NOW) < 10_000
            assert paths(pattern, value + late if is_time else value, known) == [], pattern


@pytest.mark.parametrize(("pattern", "value"), [(pattern, value) for pattern, _, others in ROWS for value in others])
def test_what_does_not(pattern: Any, value: Any) -> None:
    assert paths(pattern, value, dict(KNOWN)) != []
    assert paths({"deep": [pattern]}, {"deep": [value]}, dict(KNOWN)) != []


@pytest.mark.parametrize(
    ("pattern", "value", "where"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["it.a"]),
        ({"a": 1}, {}, ["it.a"]),
        ({}, {"a": 1}, ["it.a"]),
        ({"a": None}, {}, ["it.a"]),
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, ["it.a[1].b"]),
        ([1, 2], [1], ["it (length)"]),
        ([1], [2, 2], ["it (length)", "it[0]"]),
        ({"a": 1}, [1], ["it"]),
        ([1], {"a": 1}, ["it"]),
        (1, 1.0, []),
        (True, 1, ["it"]),
        (0, False, ["it"]),
        ("é", "e\u0301", ["it"]),
        ({"$each": {"a": 1}}, [{"a": 1}, {"a": 2}, {}], ["it[1].a", "it[2].a"]),
        ({"$includes": {"a": {"b": 1}}}, {"a": {"b": 2}, "c": 3}, ["it.a.b"]),
    ],
)
def test_where_it_differs(pattern: Any, value: Any, where: list[str]) -> None:
    assert paths(pattern, value) == where


def test_what_is_shown_is_short() -> None:
    (found,) = differences("short", "é" * 10_000, {})
    assert (found.expected, len(found.got)) == ('"short"', patterns.SHORTENED)


# What is captured


def test_captured() -> None:
    values: dict[str, Any] = {}
    pattern = {"id": {"$capture": "run"}, "again": "${run}", "in a text": "It is ${run}.", "all": {"$same": "run"}}
    assert paths(pattern, {"id": 7, "again": 7, "in a text": "It is 7.", "all": 7}, values) == []
    assert values == {"run": 7}
    other = {"id": 8, "again": 7, "in a text": "It is 7.", "all": 7}
    assert paths(pattern, other, values) == ["it.again", "it.in a text", "it.all"]


def test_captured_although_it_does_not_fit() -> None:
    values: dict[str, Any] = {}
    assert paths({"$capture": "run", "$is": {"$type": "string"}}, 7, values) == ["it"]
    assert values == {"run": 7}


def test_only_what_fits_is_captured_of_several() -> None:
    values: dict[str, Any] = {}
    whose = [{"id": {"$same": "answer"}, "role": "assistant"}]
    both = [{"id": 1, "role": "user"}, {"id": 2, "role": "assistant"}]
    assert paths({"$contains": whose}, both, values) == []
    assert values == {"answer": 2}

    values = {}
    either = {"$one_of": [{"a": {"$capture": "x"}, "b": 1}, {"a": {"$capture": "y"}, "b": 2}]}
    assert paths(either, {"a": 3, "b": 3}, values) == ["it"]
    assert values == {}
    assert paths(either, {"a": 3, "b": 2}, values) == []
    assert values == {"y": 3}
    assert paths({"$not": {"$capture": "z", "$is": 1}}, 2, values) == []
    assert "z" not in values


@pytest.mark.parametrize(
    "pattern", ["${gone}", "It is ${gone}.", {"$sum": ["${gone}", 1]}, {"$time": {"not_before": "${gone}"}}]
)
def test_what_was_never_captured_is_a_difference(pattern: Any) -> None:
    """The server has not given it: the case is no worse for that."""
    (found,) = differences({"a": pattern}, {"a": NOW}, {}, "it")
    assert (found.path, "nothing has captured ${gone}" in found.expected) == ("it.a", True)


# Templates


@pytest.mark.parametrize(
    ("template", "meant"),
    [
        ("/v1/threads/${thread}/runs", "/v1/threads/thread_1/runs"),
        ("${count}", 3),
        ("${list}", [1]),
        ("${count} of ${count}", "3 of 3"),
        ({"${count}": ["${thread}", 1, None, True]}, {"${count}": ["thread_1", 1, None, True]}),
        ("$count {count} $${count}", "$count {count} $3"),
        (1.5, 1.5),
    ],
)
def test_filled(template: Any, meant: Any) -> None:
    assert filled(template, {"thread": "thread_1", "count": 3, "list": [1]}) == meant


def test_filled_with_nothing() -> None:
    with pytest.raises(NotCaptured, match=r"\$\{run\}"):
        filled({"deep": ["${run}"]}, {})


# Shapes


def test_a_shape_may_begin_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {
        "run": {"id": "run_1", "status": "queued", "usage": None},
        "ended": {"$shape": "run", "status": "completed", "usage": 3},
        "named": {"$shape": "ended", "name": {"$shape": "run"}},
    }
    monkeypatch.setattr(patterns, "shapes", lambda: made)
    assert shape("ended") == {"id": "run_1", "status": "completed", "usage": 3}
    assert shape("named") == {**shape("ended"), "name": {"$shape": "run"}}
    assert paths({"$shape": "named", "usage": 4}, {**shape("ended"), "usage": 4, "name": made["run"]}) == []
    assert paths({"$shape": "named"}, {**shape("ended"), "name": made["ended"]}) != []


# What cannot be meant


@pytest.mark.parametrize(
    "pattern",
    [
        {"$tpye": "string"},
        {"$type": "string", "$any": True},
        {"$any": True, "b": 1},
        {"$id": "thread", "$is": 1},
        {"$each": 1, "$is": 1},
        {"$is": 1},
        {"$count": 1},
    ],
)
def test_no_operator(pattern: dict[str, Any]) -> None:
    with pytest.raises(BadPattern):
        operator_of(pattern)
    with pytest.raises(BadPattern):
        paths({"deep": pattern}, {"deep": 1})


def test_names_that_are_none() -> None:
    with pytest.raises(BadPattern, match="no type is called decimal"):
        paths({"$type": "decimal"}, 1)
    with pytest.raises(BadPattern, match="no shape is called locomotive"):
        paths({"$shape": "locomotive"}, {})
    assert operator_of({"a": 1, "price in $": 2}) is None
