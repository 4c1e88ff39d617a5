"""Texts against the formats that were asked for."""

from time import perf_counter
from typing import Any

import pytest

from adapters.chat import JSONSchemaFormat
from adapters.fitting import LONGEST_FAULT, is_object, is_schema, misfit, schema_of, unfenced

KIND = {
    "type": "object",
    "properties": {"kind": {"enum": ["a", "b"]}, "parts": {"type": "array", "items": {"type": "integer"}}},
    "required": ["kind"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("text", ['{"kind":"a"}', ' {"kind": "b", "parts": [1, 2]}\n'])
def test_what_fits(text: str) -> None:
    assert misfit(text, KIND) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("river", "it is not JSON (JSON is malformed: invalid character (byte 0))"),
        ('{"kind": "a"', "it is not JSON (Input data was truncated)"),
        ('{"kind": "a"} so', "it is not JSON (JSON is malformed: trailing characters (byte 15))"),
        ('{"kind": NaN}', "it is not JSON (JSON is malformed: invalid character (byte 9))"),
        ("[" * 100_000, "it is not JSON (maximum recursion depth exceeded while deserializing an object)"),
        (
            '"\ud800"',
            "it is not JSON ('utf-8' codec can't encode character '\\ud800' in position 1: surrogates not allowed)",
        ),
        ("[]", "[] is not of type 'object'"),
        ("{}", "'kind' is a required property"),
        ('{"kind":"c"}', "'c' is not one of ['a', 'b'] (at $.kind)"),
        ('{"kind":"a","parts":[1,"2"]}', "'2' is not of type 'integer' (at $.parts[1])"),
        ('{"kind":"a","x":1}', "Additional properties are not allowed ('x' was unexpected)"),
    ],
)
def test_what_does_not(text: str, why: str) -> None:
    assert misfit(text, KIND) == why


def test_a_long_fault_is_cut() -> None:
    fault = misfit(f'"{"x" * 10_000}"', {"type": "integer"})
    assert fault is not None
    assert len(fault) == LONGEST_FAULT + 1


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ('{"a":1}', '{"a":1}'),
        ('\n {"a":1}\n', '{"a":1}'),
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('```\n{"a":\n1}\n```\n', '{"a":\n1}'),
        ("```JSON\n```", ""),
        ('Here:\n```json\n{"a":1}\n```', 'Here:\n```json\n{"a":1}\n```'),
    ],
)
def test_code_blocks_are_taken_off(text: str, inner: str) -> None:
    assert unfenced(text) == inner


def test_the_schema_of_a_format() -> None:
    assert schema_of("json_object") == {"type": "object"}
    assert schema_of(JSONSchemaFormat(schema={"name": "x", "schema": KIND})) == KIND
    assert schema_of(JSONSchemaFormat(schema={"name": "x"})) == {}


@pytest.mark.parametrize(
    ("text", "is_one"), [("{}", True), ('{"a":1}', True), ("true", False), ("{", False), ("", False)]
)
def test_objects(text: str, is_one: bool) -> None:
    assert is_object(text) is is_one


def test_what_is_a_schema() -> None:
    assert is_schema(KIND)
    assert not is_schema({"type": "nonsense"})


def deep(levels: int) -> dict[str, Any]:
    """Two to the power of `levels` references."""
    definitions = {str(at): {"allOf": [{"$ref": f"#/$defs/{at + 1}"}] * 2} for at in range(levels)}
    return {"$ref": "#/$defs/0", "$defs": {**definitions, str(levels): {"type": "string"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#"},
        {"$ref": "#/$defs/missing"},
        {"$ref": "http://127.0.0.1:9/never-fetched"},
        {"pattern": "^(a+)+$"},
        {"pattern": "(?<broken"},
        deep(40),
    ],
    ids=["no schema", "endless", "dangling", "elsewhere", "never ends", "no pattern", "too much"],
)
def test_what_cannot_be_tried_is_let_through_at_once(schema: dict[str, Any]) -> None:
    start = perf_counter()
    assert misfit(f'"{"a" * 60}!"', schema) is None
    assert perf_counter() - start < 10


def test_references_are_followed() -> None:
    assert misfit("1", deep(3)) == "1 is not of type 'string'"


def test_patterns_of_names_are_not_tried_nor_what_depends_on_them() -> None:
    schema = {"patternProperties": {"^(x+)+$": {"type": "integer"}}, "additionalProperties": False}
    assert misfit('{"y": 1}', schema) is None
    assert (
        misfit('{"y": 1}', {"properties": {"z": {"additionalProperties": False}}, "unevaluatedProperties": False})
        is None
    )
