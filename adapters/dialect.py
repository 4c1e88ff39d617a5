"""Dialect: the facts in which model servers differ, and how they apply to a request. The engine never sees one.

The rules that hold for every server are here, in `request_body`; a server's own file states facts, and at most two pure
functions: `adjust` for the finished body, `normalise` for a chunk.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.chat import (
    AssistantMessage,
    ChatMessage,
    ChatRequest,
    Chunk,
    JSONSchemaFormat,
    NamedTool,
    ResponseFormat,
    ToolCall,
)
from adapters.efforts import SCALE, nearest
from adapters.errors import Refused

Capability = Literal[
    "models",
    "context length",
    "streaming",
    "usage",
    "tools",
    "tool_choice required",
    "tool_choice named",
    "parallel calls",
    "json_schema",
    "token counting",
    "embeddings",
    "images",
]
"""What `doctor` looks at."""

SMALLEST_TOP_P: Final = 1e-6

ROOM: Final = (
    # SGLang, prompt and answer together
    re.compile(
        r"maximum context length of (?P<context>\d+) tokens.*?(?P<prompt>\d+) tokens from the input messages", re.DOTALL
    ),
    re.compile(r"supports at most (?P<context>\d+) completion tokens"),  # SGLang, max_tokens alone
    re.compile(r"cannot be greater than max_model_len=(?P<context>\d+)"),  # vLLM, max_tokens alone
)
"""How refusals say how many tokens would have fitted."""


class Dialect(Struct, frozen=True, kw_only=True):
    """What is known of one kind of server. The defaults are those of a server of which nothing is known."""

    name: Literal["generic", "sglang", "vllm", "llamacpp", "ollama", "demo"]
    title: str
    """Its name, for people."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    honours_parallel_tool_calls: bool = False
    """Whether `parallel_tool_calls: false` keeps it to one call. It is sent only then; otherwise runs trim the rest."""
    schema_beats_tools: bool = True
    """Whether a `response_format` keeps the model from calling the tools that it may call."""
    honours_json_schema: bool = False
    """Whether answers follow `response_format`."""
    honours_required: bool = False
    """Whether `tool_choice: required` leaves nothing but a call. Where not, the model is told in words as well."""
    honours_strict: bool = False
    """Whether the arguments of a function with `strict: true` follow its parameters when no call is forced."""
    efforts: tuple[str, ...] = SCALE
    """The values of `reasoning_effort` that are taken, if not ignored."""
    thinking_switch: bool = False
    """Whether `chat_template_kwargs.enable_thinking` is taken, which turns thinking off for the effort `none`."""
    parses_tool_calls: bool = False
    """Whether it takes calls out of the model's text itself, with the flags that it needs for that."""
    takes_zero_top_p: bool = False
    """Whether `top_p: 0` is taken; the API allows it. Where not, the smallest that is."""
    tokenize: Literal["prompt", "content"] | None = None
    """The field that `POST /tokenize` wants the text in; None where there is no such address."""
    tokenize_extras: Mapping[str, Any] = {}
    models_path: str = "/v1/models"
    context_path: str | None = None
    """Where the context length can be asked when the list of models does not tell it."""
    keeps_connections: bool = True
    """Whether a connection can be used for another request after a streamed answer."""
    launch_port: int | None = None
    """The port that it listens on if nobody says otherwise."""
    advice: Mapping[Capability, str] = {}
    """What to change at this server when it lacks something: a sentence with the flag in it."""
    adjust: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    normalise: Callable[[Chunk], Chunk] | None = None


def request_body(dialect: Dialect, request: ChatRequest, *, efforts: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The body of `POST /v1/chat/completions`. Always a stream, so that hanging up stops the model.

    `efforts` are those that the server turned out to take, if not the dialect's.

    Only what was set is sent: vLLM 0.32 refuses `tools: []`, SGLang 0.5.23 refuses null fields, transformers serve
    5.19 refuses fields it does not know (recordings err_tools_empty, err_no_model, ext_continue_final).
    """
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [message_body(message) for message in request.messages],
        **_tools(dialect, request),
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p if dialect.takes_zero_top_p else max(request.top_p, SMALLEST_TOP_P)
    if request.max_tokens is not None:
        body[dialect.max_tokens_field] = request.max_tokens
    # A forced call is the whole answer, so its form is settled; SGLang 0.5.23 refuses both together (source).
    if request.response_format != "text" and body.get("tool_choice") != "required":
        body["response_format"] = _response_format(request.response_format)
    if request.reasoning_effort is not None:
        effort = nearest(request.reasoning_effort, dialect.efforts if efforts is None else efforts)
        if effort is not None:
            body["reasoning_effort"] = effort
        if request.reasoning_effort == "none" and dialect.thinking_switch:
            body["chat_template_kwargs"] = {"enable_thinking": False}
    body["stream"] = True
    body["stream_options"] = {"include_usage": True}
    return body if dialect.adjust is None else dialect.adjust(body)


def message_body(message: ChatMessage) -> ChatMessage:
    """The message as every server takes it.

    A null content is written as "None" by some chat templates, an empty one by none. Arguments in the history that are
    not JSON make SGLang answer 400, llama-server and transformers serve 500 (recordings msg_tool_args_not_json and
    msg_tool_args_empty).
    """
    if not isinstance(message, AssistantMessage):
        return message
    calls = tuple(_with_valid_arguments(call) for call in message.tool_calls)
    return AssistantMessage(content=message.content or "", tool_calls=calls)


def _with_valid_arguments(call: ToolCall) -> ToolCall:
    try:
        valid = isinstance(msgspec.json.decode(call.function.arguments), dict)
    except (msgspec.DecodeError, UnicodeError):
        valid = False
    # Templates walk through the arguments as an object, so `true` is as bad there as half a string.
    return call if valid else replace(call, function=replace(call.function, arguments="{}"))


def _tools(dialect: Dialect, request: ChatRequest) -> dict[str, Any]:
    choice, offered = request.tool_choice, request.tools
    # With `none`, vLLM and llama-server leave the tools in the prompt, and a model that calls one all the same puts its
    # markup into the text (recordings tools_none); SGLang takes them out itself. Taken out here, none does.
    if not offered or choice == "none":
        return {}
    if isinstance(choice, NamedTool):
        # llama-server treats a named choice as `auto`; SGLang called another tool than the named one, and vLLM ends
        # it with `stop` (recordings stream_tools_named). The only tool, required, is the same wish in words all know.
        offered = tuple(tool for tool in offered if tool.name == choice.name)
        if not offered:
            raise Refused(f"tool_choice names the function {choice.name}, which is not among the tools")
        choice = "required"
    # Without `strict` a forced call may have any JSON for arguments, or broken JSON (vLLM, SGLang: tools_required).
    forced = choice == "required"
    tools = [{"type": "function", "function": replace(tool, strict=True) if forced else tool} for tool in offered]
    body: dict[str, Any] = {"tools": tools}
    if forced:
        body["tool_choice"] = "required"
    if dialect.honours_parallel_tool_calls and not request.parallel_tool_calls:
        body["parallel_tool_calls"] = False
    return body


def _response_format(wanted: ResponseFormat) -> dict[str, Any]:
    if isinstance(wanted, JSONSchemaFormat):
        return {"type": "json_schema", "json_schema": wanted.schema}
    return {"type": wanted}


def room_for_answer(refusal: str, asked: int | None) -> int | None:
    """The `max_tokens` that a refusal would have let pass, where it says so and some room is left.

    vLLM 0.32 cuts an answer to what fits and SGLang 0.5.23 refuses to, both refuse more than the whole context
    (recordings err_prompt_plus_max_over_context, err_max_tokens_too_big); the API promises neither, so we cut.
    """
    if asked is None:
        return None
    for pattern in ROOM:
        if found := pattern.search(refusal):
            room = int(found["context"]) - int(found.groupdict().get("prompt") or 0)
            return room if 0 < room < asked else None
    return None
