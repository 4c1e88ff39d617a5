"""A built-in model that talks and calls tools by rule, for trying out and for CI. It knows nothing and says so.

Never a silent default: the start-up log and every answer of it name it.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from adapters import ranks
from adapters.chat import (
    AssistantMessage,
    ChatMessage,
    ChatRequest,
    Chunk,
    FunctionSpec,
    JSONSchemaFormat,
    NamedTool,
    SystemMessage,
    TextPart,
    ToolCallFragment,
    ToolMessage,
    Usage,
    UserMessage,
)
from adapters.upstream import Model

MODEL: Final = Model(id="demo", context_length=32_768, owned_by="understudy")


class DemoUpstream:
    """See `adapters.upstream.Upstream`."""

    def __init__(self, *, delay_seconds: float = 0.0) -> None:
        self._delay_seconds = delay_seconds

    @property
    def url(self) -> str:
        return "built-in demo model"

    @asynccontextmanager
    async def stream(self, request: ChatRequest) -> AsyncIterator[AsyncIterator[Sequence[Chunk]]]:
        chunks = self._chunks(request)
        try:
            yield chunks
        finally:
            await chunks.aclose()

    async def _chunks(self, request: ChatRequest) -> AsyncGenerator[Sequence[Chunk], None]:
        for chunk in answer(request):
            await asyncio.sleep(self._delay_seconds)  # at the least, others get their turn
            yield [chunk]

    async def models(self) -> Sequence[Model]:
        return [MODEL]

    async def count_tokens(self, model: str, texts: Sequence[str]) -> Sequence[int]:
        return [ranks.by_length(text) for text in texts]

    async def aclose(self) -> None:
        pass


def answer(request: ChatRequest) -> list[Chunk]:
    """The whole answer, chunk by chunk, with finish and usage at its end."""
    calls = _calls(request)
    if calls:
        chunks = [
            Chunk(tool_calls=(fragment,))
            for index, (name, arguments) in enumerate(calls)
            for fragment in (
                ToolCallFragment(index=index, id=f"call_demo_{index}", name=name),
                *(ToolCallFragment(index=index, arguments=piece) for piece in re.findall(r".{1,8}", arguments)),
            )
        ]
        finish = Chunk(finish="tool_calls")
    else:
        words = re.findall(r"\s*\S+", _text(request))
        limit = request.max_tokens if request.max_tokens is not None else len(words)
        chunks = [Chunk(text=word) for word in words[:limit]]
        finish = Chunk(finish="length" if limit < len(words) else "stop")
    prompt = sum(ranks.by_length(_said(message)) for message in request.messages)
    return [*chunks, finish, Chunk(usage=Usage(prompt_tokens=prompt, completion_tokens=len(chunks)))]


def _calls(request: ChatRequest) -> list[tuple[str, str]]:
    """Name and arguments of the calls that this request asks for."""
    choice, last = request.tool_choice, request.messages[-1] if request.messages else None
    if choice == "none" or not request.tools:
        return []
    asked = _said(last) if isinstance(last, UserMessage) else ""
    if isinstance(choice, NamedTool):
        tools = [tool for tool in request.tools if tool.name == choice.name]
        return [(tool.name, _arguments(tool, _values(asked)[:1])) for tool in tools]
    # After outputs it answers, unless it must call: it would call the same again for ever.
    if not isinstance(last, UserMessage) and choice == "auto":
        return []
    tool = next((tool for tool in request.tools if _mentions(asked, tool)), None)
    if tool is None:
        return (
            [(request.tools[0].name, _arguments(request.tools[0], _values(asked)[:1]))] if choice == "required" else []
        )
    values = _values(asked) or [""]
    if not request.parallel_tool_calls:
        values = values[:1]
    return [(tool.name, _arguments(tool, [value] if value else [])) for value in values]


def _mentions(asked: str, tool: FunctionSpec) -> bool:
    """Whether a word of the function's name is in what was asked: `weather` for `get_weather`."""
    words = {word for word in re.split(r"[^a-z]+", tool.name.lower()) if len(word) > 3}
    return any(word in asked.lower() for word in words)


def _values(asked: str) -> list[str]:
    """What follows `in`, `for` or `of`: `Paris` and `Rome` in `the weather in Paris and Rome?`; numbers else."""
    found = re.search(r"\b(?:in|for|of|at)\s+(.+?)[\s?.!]*$", asked, re.IGNORECASE)
    if found is None:
        return re.findall(r"\d+(?:\.\d+)?", asked)
    return [part.strip(" ,?.!") for part in re.split(r"\s+and\s+|,\s*", found[1]) if part.strip(" ,?.!")]


def _arguments(tool: FunctionSpec, values: Sequence[str]) -> str:
    """Every required parameter (the first, if none is required), filled from the values as long as there are some."""
    properties: dict[str, Any] = tool.parameters.get("properties") or {}
    names = list(tool.parameters.get("required") or list(properties)[:1])
    given = list(values)
    return msgspec.json.encode({name: _value(properties.get(name, {}), given) for name in names}).decode()


def _value(schema: dict[str, Any], given: list[str]) -> Any:
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return next((choice for choice in choices if str(choice).lower() in " ".join(given).lower()), choices[0])
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "string":
            return given.pop(0) if given else "demo"
        case "integer" | "number":
            number = re.search(r"\d+", given.pop(0)) if given else None
            return int(number[0]) if number else 1
        case "boolean":
            return True
        case "array":
            return [_value(schema.get("items") or {}, given)] if schema.get("items") else []
        case "object":
            inner = schema.get("properties") or {}
            return {name: _value(inner.get(name, {}), given) for name in schema.get("required") or list(inner)}
        case _:
            return None


def _text(request: ChatRequest) -> str:
    outputs: list[str] = []
    for message in reversed(request.messages):
        if not isinstance(message, ToolMessage):
            break
        outputs.insert(0, message.content)
    asked = next((_said(message) for message in reversed(request.messages) if isinstance(message, UserMessage)), "")
    if isinstance(request.response_format, JSONSchemaFormat):
        return msgspec.json.encode(_value(request.response_format.schema.get("schema") or {}, [asked])).decode()
    if request.response_format == "json_object":
        return msgspec.json.encode({"answer": outputs or asked}).decode()
    if outputs:
        return "The tools say: " + "; ".join(outputs)
    if not asked:
        return "Hello! I am the demo model built into Understudy. Ask me something."
    return f"I am the demo model built into Understudy and know nothing, but I heard you: {asked}"


def _said(message: ChatMessage) -> str:
    match message:
        case UserMessage(content) if not isinstance(content, str):
            return " ".join(part.text for part in content if isinstance(part, TextPart))
        case SystemMessage(content) | UserMessage(content) | ToolMessage(content=content) | AssistantMessage(content):
            return content if isinstance(content, str) else ""
