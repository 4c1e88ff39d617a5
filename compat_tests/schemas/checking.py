"""Check a value against a schema, and say what is wrong as differences with their path."""

from collections.abc import Iterator
from typing import Any, Final

from compat_tests.pattern import shown
from compat_tests.result import Difference
from compat_tests.schemas.facts import JsonSchema

KEYWORDS: Final = (
    "type", "required", "properties", "additionalProperties", "items", "enum", "const", "pattern", "if", "allOf",
    "anyOf",
)  # fmt: skip


def compiled(schema: JsonSchema) -> Any:
    """A validator of jsonschema's. Raises `ImportError` where that is not installed."""
    from jsonschema import Draft202012Validator, validators

    keywords = Draft202012Validator.VALIDATORS
    # `1.0` is no integer, whatever JSON Schema says: a client's decoder that is told of an integer refuses it.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    kind = validators.create(
        meta_schema=Draft202012Validator.META_SCHEMA,
        validators={name: keywords[name] for name in KEYWORDS}
        | {"required": _required, "additionalProperties": _additional, "properties": _properties},
        type_checker=types,
    )
    return kind(schema)


def differences(validator: Any, value: Any, path: str) -> Iterator[Difference]:
    """One for each place that is wrong."""
    seen = set()
    for error in validator.iter_errors(value):
        for each in _leaves(error):
            place = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each.absolute_path)
            found = Difference(path=place, expected=_expected(each), got=_got(each))
            if (found.path, found.expected) not in seen:
                seen.add((found.path, found.expected))
                yield found


def _leaves(error: Any) -> list[Any]:
    """Of an `anyOf`, the member that comes nearest."""
    if not error.context:
        return [error]
    from jsonschema.exceptions import best_match

    return [best_match([error])]


def _expected(error: Any) -> str:
    wanted = error.validator_value
    match error.validator:
        case "required":
            return described(error.schema.get("properties", {}).get(error.path[-1], {}))
        case "additionalProperties":
            return "absent"
        case "type":
            return " or ".join([wanted] if isinstance(wanted, str) else wanted)
        case "enum":
            return " or ".join(map(shown, wanted))
        case "const":
            return shown(wanted)
        case "pattern":
            return f"a string like {wanted}"
        case _:
            return described(error.schema)


def _got(error: Any) -> str:
    return "absent" if error.validator == "required" else shown(error.instance)


def described(schema: JsonSchema) -> str:
    """A schema in a few words."""
    match schema:
        case {"const": value}:
            return shown(value)
        case {"enum": [*values]}:
            return " or ".join(map(shown, values))
        case {"type": str(name)}:
            return name
        case {"type": [*names]}:
            return " or ".join(names)
        case {"if": {"type": str(name)}, "else": other}:
            return f"{name} or {described(other)}"
        case {"anyOf": [*members]}:
            return " or ".join(map(described, members))
    return "present"


# Three keywords of our own, so that the path of an error ends in the key it is about; `properties` looks at scalars
# itself, which takes a third of the time that descending into each takes.


def _required(validator: Any, required: list[str], instance: Any, schema: JsonSchema) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, dict):
        for key in required:
            if key not in instance:
                yield ValidationError(f"{key!r} is missing", path=[key], validator="required", schema=schema)


def _additional(validator: Any, allowed: Any, instance: Any, schema: JsonSchema) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(instance, dict):
        known = schema.get("properties", {})
        for key, value in instance.items():
            if key in known:
                continue
            if allowed is False:
                yield ValidationError(f"{key!r} is unknown", path=[key], instance=value)
            else:
                yield from validator.descend(value, allowed, path=key)


def _properties(validator: Any, properties: dict[str, JsonSchema], instance: Any, schema: JsonSchema) -> Iterator[Any]:
    if isinstance(instance, dict):
        for key, inner in properties.items():
            if key in instance and not (len(inner) <= 1 and _plainly_right(inner, instance[key])):
                yield from validator.descend(instance[key], inner, path=key, schema_path=key)


PLAIN: Final = {"string": (str,), "integer": (int,), "boolean": (bool,), "null": (type(None),), "object": (dict,)}


def _plainly_right(schema: JsonSchema, value: Any) -> bool:
    """Whether a schema of one keyword holds, as far as that is seen without a validator."""
    if not schema:
        return True
    match schema.get("type"):
        case str(name):
            return type(value) in PLAIN.get(name, ())
        case [*names]:
            return any(type(value) in PLAIN.get(name, ()) for name in names)
    return False
