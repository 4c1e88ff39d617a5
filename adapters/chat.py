"""The one vocabulary of chat completions: what is asked of a model server, and what it says while it streams.

Pure Structs. A dialect turns a `ChatRequest` into the body its server wants, and the server's chunks into `Chunk`.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class TextPart(Struct, frozen=True, tag="text"):
    text: str


class ImageURL(Struct, frozen=True, omit_defaults=True):
    url: str
    detail: str | None = None


class ImagePart(Struct, frozen=True, tag="image_url"):
    image_url: ImageURL


ContentPart = TextPart | ImagePart


class FunctionCall(Struct, frozen=True):
    name: str
    arguments: str
    """Always valid JSON: some servers refuse a history in which it is not."""


class ToolCall(Struct, frozen=True, kw_only=True):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class SystemMessage(Struct, frozen=True, tag_field="role", tag="system"):
    content: str


class UserMessage(Struct, frozen=True, tag_field="role", tag="user"):
    content: str | tuple[ContentPart, ...]


class AssistantMessage(Struct, frozen=True, tag_field="role", tag="assistant", omit_defaults=True):
    content: str | None
    tool_calls: tuple[ToolCall, ...] = ()


class ToolMessage(Struct, frozen=True, tag_field="role", tag="tool"):
    tool_call_id: str
    content: str


ChatMessage = SystemMessage | UserMessage | AssistantMessage | ToolMessage


class FunctionSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any]
    strict: bool = False


class NamedTool(Struct, frozen=True):
    """A forced choice of one function."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


class JSONSchemaFormat(Struct, frozen=True, kw_only=True):
    """`response_format` json_schema. `schema` is the body of `json_schema`, as the client sent it."""

    schema: dict[str, Any]


ResponseFormat = Literal["text", "json_object"] | JSONSchemaFormat


class ChatRequest(Struct, frozen=True, kw_only=True):
    """One request to a model. Fields left at their defaults are not sent at all."""

    model: str
    """The model's name as its server knows it."""
    messages: tuple[ChatMessage, ...]
    tools: tuple[FunctionSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    response_format: ResponseFormat = "text"
    reasoning_effort: str | None = None


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one model request."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class ToolCallFragment(Struct, frozen=True, kw_only=True, gc=False):
    """A piece of a tool call. `id` and `name` come at most once for an index, `arguments` in any number of pieces."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Chunk(Struct, frozen=True, kw_only=True, gc=False):
    """What one chunk of a stream said, in the same terms whichever server sent it.

    It cannot be part of a cycle, so the garbage collector is spared the thousands that may arrive together.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCallFragment, ...] = ()
    finish: FinishReason | None = None
    usage: Usage | None = None


def encode_messages(messages: tuple[ChatMessage, ...]) -> bytes:
    return msgspec.json.encode(messages)
