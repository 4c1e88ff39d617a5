"""Finds what is wrong with a body that msgspec has refused, by JSON Schema; `phrasing` says it.

The schema is msgspec's own for the same Struct, so the two agree about what fits.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from proxy.api.phrasing import Fault, Schema, kind_of, refusal, tags_of
from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from jsonschema import ValidationError


class Explainer:
    """What a Struct expects, as a schema. Building one costs milliseconds: do it on first need."""

    def __init__(self, expected: type[msgspec.Struct]) -> None:
        # Imported here because it takes longer than the rest of a start, and many servers never need it.
        from jsonschema import Draft202012Validator, validators

        # To JSON Schema 1.0 is an integer; to msgspec, and to the real service, it is not.
        types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: kind_of(value) == "integer")
        extend: Any = validators.extend  # untyped
        strict = extend(Draft202012Validator, type_checker=types)
        root = msgspec.json.schema(expected)
        self.schema: Schema = _flat(root, root.pop("$defs", {}), _literals(expected))
        self._validator = strict(self.schema)

    def explain(self, body: Any) -> InvalidRequest | None:
        """The refusal for the fault that matters most; None when the schema finds none.

        A missing parameter goes before an unknown one, and both before anything further inside.
        """
        faults = [fault for error in self._validator.iter_errors(body) for fault in _decisive(error)]
        return refusal(min(faults, key=_weight)) if faults else None


def _weight(fault: Fault) -> tuple[int, int]:
    return len(fault.path), _RANKS.get(fault.keyword, len(_RANKS))


_RANKS: Final = {"required": 0, "additionalProperties": 1}


# From msgspec's schema to a flat one

_ANNOTATIONS: Final = frozenset({"title", "description", "default", "discriminator"})


def _flat(schema: Any, definitions: Mapping[str, Schema], literals: Mapping[frozenset[Any], list[Any]]) -> Any:
    """The schema without references, its unions flattened, its enums in the order in which they were declared."""

    def walk(schema: Any) -> Any:
        match schema:
            case {"$ref": str(reference)}:
                return walk(definitions[reference.removeprefix("#/$defs/")])
            case {"enum": list(values)}:
                return {"enum": literals.get(frozenset(values), values)}
            case {"anyOf": list(branches)}:
                walked = [walk(branch) for branch in branches]
                return {"anyOf": [inner for branch in walked for inner in branch.get("anyOf", [branch])]}
            case dict():
                flat = {keyword: walk(value) for keyword, value in schema.items() if keyword not in _ANNOTATIONS}
                if "properties" in schema:  # its keys are names of parameters, not keywords
                    flat["properties"] = {name: walk(value) for name, value in schema["properties"].items()}
                return flat
            case _:
                return schema

    return walk(schema)


def _literals(annotation: Any) -> dict[frozenset[Any], list[Any]]:
    """Every `Literal` within a type, by its set of values: msgspec's schema sorts them, the real service did not."""
    if get_origin(annotation) is Literal:
        values = get_args(annotation)
        return {frozenset(values): list(values)}
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        inner: Sequence[Any] = list(get_type_hints(annotation, include_extras=True).values())
    else:
        inner = get_args(annotation)
    return {values: order for part in inner for values, order in _literals(part).items()}


# From the validator's errors to the faults they stand for


def _decisive(error: "ValidationError") -> Iterator[Fault]:
    """The error, or what is wrong within the branch of a union that the client must have meant."""
    schema: Any = error.schema
    if error.validator == "anyOf" and (meant := _branch_meant(error.instance, schema["anyOf"])) is not None:
        for inner in error.context or ():
            if inner.relative_schema_path[0] == meant:
                yield from _decisive(inner)
        return
    keyword = "propertyNames" if "propertyNames" in error.relative_schema_path else str(error.validator)
    yield Fault(
        keyword=keyword,
        expected=error.validator_value,
        schema=schema,
        instance=error.instance,
        path=tuple(error.absolute_path),
    )


def _branch_meant(instance: Any, branches: Sequence[Schema]) -> int | None:
    """The branch with the type of the instance and, among several objects, with its tag."""
    kind = kind_of(instance)
    fitting = [place for place, branch in enumerate(branches) if kind in _kinds(branch)]
    if len(fitting) <= 1 or kind != "object":
        return fitting[0] if fitting else None
    return next((place for place in fitting if instance.get("type") in tags_of(branches[place])), None)


def _kinds(schema: Schema) -> set[str]:
    """The types of what could satisfy a schema."""
    if "enum" in schema:
        return {kind_of(value) for value in schema["enum"]}
    kind = schema["type"]
    return {"integer", "number"} if kind == "number" else {kind}
