"""What to ask a server first for what it may not do by itself: one table in code, over its dialect's facts. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from adapters import asking
from adapters.chat import ChatRequest, NamedTool, ResponseFormat
from adapters.dialect import Dialect


class Attempt(Struct, frozen=True, kw_only=True):
    """One question, and what its answer must be."""

    request: ChatRequest
    forced: frozenset[str] = frozenset()
    """The answer must call one of these functions; what it says or calls besides is dropped."""
    text: ResponseFormat = "text"
    """A text must be this."""
    strict: Mapping[str, dict[str, Any]] = {}
    """Functions whose arguments must fit their parameters."""
    holds_text: bool = False
    holds_calls: bool = False
    """Whether they may still be wrong, and so wait until the answer is whole."""

    @property
    def is_plain(self) -> bool:
        """Whether nothing of its answer has to be looked at."""
        return not (self.forced or self.strict or self.holds_text)


def first_attempt(dialect: Dialect, request: ChatRequest, *, takes_format: bool = True) -> Attempt | None:
    """None for a request that every server answers as it should. `takes_format`: its `response_format` may be sent."""
    offered = () if request.tool_choice == "none" else request.tools
    if not offered and request.response_format == "text":
        return None
    strict = {tool.name: tool.parameters for tool in offered if tool.strict}
    holds_calls = bool(strict) and not dialect.honours_strict
    if offered and request.tool_choice != "auto":
        named = request.tool_choice.name if isinstance(request.tool_choice, NamedTool) else None
        forced = frozenset(tool.name for tool in offered if named in (None, tool.name))
        if not dialect.honours_required:
            request = replace(request, messages=asking.told(request.messages, asking.to_call(forced)))
        return Attempt(
            request=request,
            forced=forced,
            strict={name: strict[name] for name in strict if name in forced},
            holds_text=True,
            holds_calls=holds_calls,
        )
    if request.response_format == "text":
        return Attempt(request=request, strict=strict, holds_calls=holds_calls) if strict else None
    honoured = dialect.honours_json_schema and takes_format
    if honoured and not (offered and dialect.schema_beats_tools):
        return Attempt(request=request, strict=strict, holds_calls=holds_calls)
    sent = takes_format and not offered
    return Attempt(
        request=replace(
            request,
            messages=asking.with_format(request.messages, request.response_format, has_tools=bool(offered)),
            response_format=request.response_format if sent else "text",
        ),
        text=request.response_format,
        strict=strict,
        holds_text=True,
        holds_calls=holds_calls,
    )
