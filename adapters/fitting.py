"""Whether a text is the JSON that was asked for. Pure.

Regular expressions of a schema are not tried (`pattern`, `patternProperties`, and what depends on them): they come from
clients, one can be written so that it never ends, and Python's cannot be interrupted. Nothing is fetched either.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import Any, Final

import msgspec

from adapters.chat import JSONSchemaFormat, ResponseFormat

log = logging.getLogger(__name__)

REFERENCES: Final = 5_000
"""References that are followed for one answer: a few lines of a schema can ask for more than there is time for."""
FENCED: Final = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
LONGEST_FAULT: Final = 300

_left: ContextVar[list[int]] = ContextVar("_left")


class TooMuch(Exception):
    """The schema would take too long."""


def schema_of(wanted: ResponseFormat) -> dict[str, Any]:
    """What a JSON answer of this format is valid for."""
    if isinstance(wanted, JSONSchemaFormat):
        return wanted.schema.get("schema") or {}
    return {"type": "object"}


def unfenced(text: str) -> str:
    """A JSON text without the code block that models like to put around it."""
    found = FENCED.fullmatch(text)
    return (found[1] if found else text).strip()


def misfit(text: str, schema: dict[str, Any]) -> str | None:
    """Why this text is no JSON that is valid for the schema; None if it is, or if the schema cannot be tried."""
    if not text:
        return "it is empty"
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"it is not JSON ({error})"
    return _fault(value, msgspec.json.encode(schema))


def is_object(text: str) -> bool:
    return misfit(text, {"type": "object"}) is None


def is_schema(schema: dict[str, Any]) -> bool:
    """Whether answers can be tried against it at all."""
    return _validator(msgspec.json.encode(schema)) is not None


def _fault(value: Any, schema: bytes) -> str | None:
    validator = _validator(schema)
    if validator is None:
        return None
    from jsonschema.exceptions import UnknownType, best_match
    from referencing.exceptions import Unresolvable

    _left.set([REFERENCES])
    try:
        error = best_match(validator.iter_errors(value))
    except (TooMuch, RecursionError, ArithmeticError, Unresolvable, UnknownType) as why:
        log.info("an answer could not be checked against its schema: %r", why)
        return None
    if error is None:
        return None
    words = error.message if len(error.message) <= LONGEST_FAULT else f"{error.message[:LONGEST_FAULT]}…"
    return f"{words} (at {error.json_path})" if error.absolute_path else words


@lru_cache(maxsize=128)  # making one takes half a millisecond, and clients send the same few schemas again and again
def _validator(schema: bytes) -> Any:
    """None for what is no JSON Schema."""
    # Imported here because it takes longer than the rest of a start.
    from jsonschema import Draft202012Validator, FormatChecker, SchemaError
    from referencing import Registry

    decoded = msgspec.json.decode(schema)
    try:
        Draft202012Validator.check_schema(decoded, format_checker=FormatChecker(()))
    except SchemaError:
        return None
    registry: Registry[Any] = Registry()  # an empty one: the default one would fetch what a schema refers to
    return _kind()(decoded, registry=registry)


@cache
def _kind() -> Any:
    """A validator that leaves out what may not end."""
    from jsonschema import Draft202012Validator, validators

    known: Any = Draft202012Validator.VALIDATORS
    extend: Any = validators.extend

    def untried(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        return iter(())

    def counted(keyword: str) -> Callable[..., Iterator[Any]]:
        def follow(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            left = _left.get()
            left[0] -= 1
            if left[0] < 0:
                raise TooMuch(f"more than {REFERENCES} references")
            yield from known[keyword](validator, reference, instance, schema) or ()

        return follow

    def additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if "patternProperties" not in schema:
            yield from known["additionalProperties"](validator, value, instance, schema) or ()

    return extend(
        Draft202012Validator,
        {
            "pattern": untried,
            "patternProperties": untried,
            "unevaluatedProperties": untried,
            "additionalProperties": additional_properties,
            "$ref": counted("$ref"),
            "$dynamicRef": counted("$dynamicRef"),
        },
    )
