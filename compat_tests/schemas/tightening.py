"""From the SDK's types to schemas as strict as the service was: no unknown keys, no left out ones, one type a union.

What is left in them are the keywords in `checking.KEYWORDS`, without references, so that checking is quick and what is
wrong is said of the member of a union that was meant.
"""

from collections.abc import Iterable
from typing import Any, Final

from compat_tests.schemas import facts
from compat_tests.schemas.facts import JsonSchema

SCALARS: Final = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}
ANYTHING: Final[JsonSchema] = {}


def definitions(types: dict[str, Any], events: dict[str, Any]) -> tuple[JsonSchema, dict[str, JsonSchema]]:
    """What pydantic makes of the types: all definitions, and by event the schema of its data."""
    from pydantic import TypeAdapter
    from pydantic.json_schema import models_json_schema

    # By one call, so that two types of one name get names that tell them apart.
    _, made = models_json_schema([(each, "validation") for each in types.values()])
    held = {getattr(kind, "__name__", ""): name for name, kind in types.items()}
    data = {}
    for event, kind in events.items():
        name = held.get(kind.__name__)
        data[event] = {"$ref": f"#/$defs/{name}"} if name else TypeAdapter(kind).json_schema()
    return made["$defs"], data


class Tightener:
    def __init__(self, definitions: JsonSchema, *, as_recorded: bool) -> None:
        """`as_recorded` allows what earlier versions of the service left out, or sent by mistake."""
        self._definitions = definitions
        self._as_recorded = as_recorded

    def named(self, name: str) -> JsonSchema:
        """The schema of one of the SDK's types, or of a second form of it that `facts.VARIANTS` names."""
        return self._object(self._definitions[facts.VARIANTS.get(name, name)], name)

    def tight(self, schema: JsonSchema) -> JsonSchema:
        if "$ref" in schema:
            key = schema["$ref"].rpartition("/")[2]
            return self._object(self._definitions[key], name_of(key))
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self._union([self.tight(each) for each in schema[union]])
        match schema.get("type"):
            case "array":
                return {"type": "array", "items": self.tight(schema.get("items", {}))}
            case "object" if "properties" in schema:
                return self._object(schema, schema.get("title", ""))
            case "object":
                values = schema.get("additionalProperties", True)
                return {"type": "object"} | (
                    {"additionalProperties": self.tight(values)} if isinstance(values, dict) and values else {}
                )
            case None if "const" not in schema and "enum" not in schema:
                return dict(ANYTHING)
        return {key: schema[key] for key in ("type", "const", "enum") if key in schema}

    def _object(self, schema: JsonSchema, name: str) -> JsonSchema:
        if "properties" not in schema:
            return self.tight(schema)
        base = facts.VARIANTS.get(name, name)
        properties = {key: self._property(name, key, each) for key, each in schema["properties"].items()}
        optional = {key for key in properties if _told(facts.MAY_BE_ABSENT, name, key) is not None}
        for (_, key), (beside, _) in _of(facts.BESIDE, name):
            properties.setdefault(key, beside)
            if _told(facts.MAY_BE_ABSENT, name, key) is not None:
                optional.add(key)
        if is_delta(name):
            always = {key for key in properties if _told_in(facts.IN_DELTAS, name, key)}
            optional = properties.keys() - set(schema.get("required", ())) - always
        if self._as_recorded:
            optional |= {key for key in properties if _told(facts.OLDER, name, key) is not None}
            properties |= {key: mistake for (_, key), (mistake, _) in _of(facts.MISTAKES, name)}
            optional |= {key for (_, key), _ in _of(facts.MISTAKES, name)}
        if "id" in properties and base in facts.ID_FORMS:
            properties["id"] = {"type": "string", "pattern": facts.pattern_of(facts.ID_FORMS[base])}
        tight: JsonSchema = {
            "type": "object",
            "properties": properties,
            "required": [key for key in properties if key not in optional],
        }
        if base not in facts.OPEN:
            tight["additionalProperties"] = False
        if base in facts.BY_STATUS:
            tight["allOf"] = [*facts.BY_STATUS[base]]
        return tight

    def _property(self, name: str, key: str, schema: JsonSchema) -> JsonSchema:
        constant: JsonSchema | None = _told(facts.CONSTANTS, name, key)
        if constant is not None:
            return constant
        if self._as_recorded and (spelling := _told(facts.SPELLINGS, name, key)) is not None:
            values: JsonSchema = spelling[0]
            return values
        tight = self.tight(schema)
        if key in facts.REFERENCES and not is_delta(name):
            tight = {**tight, "pattern": facts.pattern_of(facts.REFERENCES[key])}
        if _told(facts.NULLABLE, name, key) is not None:
            return {**tight, "type": [tight["type"], "null"]}
        return without_null(tight) if key in facts.NEVER_NULL else tight

    def _union(self, members: list[JsonSchema]) -> JsonSchema:
        objects = [each for each in members if "properties" in each]
        rest = [each for each in members if "properties" not in each]
        other = _either(rest)
        if not objects:
            return other
        chosen = objects[0] if len(objects) == 1 else by_type(objects)
        return {"if": {"type": "object"}, "then": chosen, "else": other} if rest else chosen


def by_type(members: Iterable[JsonSchema]) -> JsonSchema:
    """An object that is one of these, by its `type`: said of that one only."""
    kinds = {member["properties"]["type"]["const"]: member for member in members}
    return {
        "type": "object",
        "properties": {"type": {"enum": [*kinds]}},
        "required": ["type"],
        "allOf": [
            {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": member}
            for kind, member in kinds.items()
        ],
    }


def _either(members: list[JsonSchema]) -> JsonSchema:
    """Of scalars, lists and maps, in one schema where that can be said in one."""
    if not members:
        return {}
    if len(members) == 1:
        return members[0]
    if dict(ANYTHING) in members:
        return dict(ANYTHING)
    if all(each.keys() <= {"const", "enum", "type"} for each in members):
        limited = [each for each in members if each.keys() & {"const", "enum"}]
        names = [each["type"] for each in members if each not in limited]
        if not limited:
            return {"type": names}
        if names == ["null"] or not names:
            values = [value for each in limited for value in each.get("enum", [each.get("const")])]
            return {"enum": values + [None] * len(names)}
        if "string" in names:  # an open enumeration: clients must accept other values
            return {"type": names}
    if len(members) == 2 and members[1] == {"type": "null"}:
        return {"if": {"type": "null"}, "then": {}, "else": members[0]}
    return {"anyOf": members}


def without_null(schema: JsonSchema) -> JsonSchema:
    match schema:
        case {"if": {"type": "null"}, "else": inner}:
            return dict(inner)
        case {"if": {"type": "object"}, "then": inner, "else": {"type": "null"}}:
            return dict(inner)
        case {"if": {"type": "object"}, "else": {"enum": [*values]}}:
            return {**schema, "else": {"enum": [each for each in values if each is not None]}}
        case {"type": [*names]}:
            left = [each for each in names if each != "null"]
            return {**schema, "type": left[0] if len(left) == 1 else left}
        case {"enum": [*values]}:
            return {**schema, "enum": [each for each in values if each is not None]}
    return schema


def name_of(key: str) -> str:
    """`run.Usage` of `openai__types__beta__threads__run__Usage`; a name that is nobody else's stays."""
    return ".".join(key.split("__")[-2:])


def is_delta(name: str) -> bool:
    return "Delta" in name or "_delta." in name


def _of(table: dict[facts.Key, Any], name: str) -> list[tuple[facts.Key, Any]]:
    names = {name, name.rpartition(".")[2], facts.VARIANTS.get(name, name)}
    return [(key, value) for key, value in table.items() if key[0] in names]


def _told(table: dict[facts.Key, Any], name: str, key: str) -> Any:
    return next((value for (_, each), value in _of(table, name) if each == key), None)


def _told_in(table: frozenset[facts.Key], name: str, key: str) -> bool:
    return (name, key) in table or (name.rpartition(".")[2], key) in table
