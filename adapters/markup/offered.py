"""The functions that a model was offered: their names make markup a call, their schemas give its values their types."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.chat import ChatRequest, FunctionSpec, NamedTool
from adapters.markup.reader import NotMarkup

LITERALS: Final = {"true": True, "false": False, "null": None, "none": None}


class Call(Struct, frozen=True):
    name: str
    arguments: str
    """JSON text of an object."""


class Offered:
    def __init__(self, tools: Sequence[FunctionSpec]) -> None:
        self.names = frozenset(tool.name for tool in tools)
        self._parameters = {tool.name: tool.parameters for tool in tools}

    def typed(self, name: str, parameter: str, text: str) -> Any:
        """The value that stands between tags, by the type that its schema says; text where it says none."""
        types = _types(_property(self._parameters[name], parameter))
        if not types or "string" in types:
            return None if "null" in types and text.strip().lower() in {"null", "none"} else text
        word = text.strip()
        if word.lower() in LITERALS:  # models that write Python write its literals too
            return LITERALS[word.lower()]
        try:
            return msgspec.json.decode(word)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return text


def offered_by(request: ChatRequest) -> Offered | None:
    """What a model may call in its answer to this request; None for nothing."""
    tools, choice = request.tools, request.tool_choice
    if choice == "none":
        return None
    if isinstance(choice, NamedTool):
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    return Offered(tools) if tools else None


def encoded(arguments: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(arguments).decode()
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise NotMarkup from None


def _property(schema: dict[str, Any], name: str) -> Any:
    properties = schema.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _types(schema: Any) -> set[str]:
    """Every type that a schema mentions for a value itself."""
    if not isinstance(schema, dict):
        return set()
    given = schema.get("type")
    types = {given} if isinstance(given, str) else {each for each in given or () if isinstance(each, str)}
    for alternative in (*(schema.get("anyOf") or ()), *(schema.get("oneOf") or ())):
        types |= _types(alternative)
    if not types and any(isinstance(value, str) for value in schema.get("enum") or ()):
        types.add("string")
    return types
