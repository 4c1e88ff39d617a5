"""What chat-completions servers send, as lenient Structs: unknown fields are ignored, absent and null are the same."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from adapters.chat import FinishReason, Usage

FINISH: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",  # the name before tools
    "repetition": "stop",  # vLLM 0.32, source: it noticed that the model repeats itself
    "eos": "stop",  # others' words for the same two
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "model_length": "length",
}
"""A reason that is not here, and not in ABORTED, counts as `stop`."""

ABORTED: Final = frozenset({"abort", "aborted", "error"})
"""The server gave the request up (SGLang 0.5.23 and vLLM 0.32, source): no answer, whatever came before."""


class WireFunction(Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class WireToolCall(Struct):
    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None


class WireText(Struct):
    """A content part, where a server gives content as a list."""

    text: str | None = None


class WireMessage(Struct):
    """A delta, or the message of a whole completion."""

    content: str | list[WireText] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None


class WireChoice(Struct):
    index: int | None = None
    delta: WireMessage | None = None
    message: WireMessage | None = None
    finish_reason: str | None = None


class WireUsageDetails(Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    prompt_tokens_details: WireUsageDetails | None = None
    completion_tokens_details: WireUsageDetails | None = None


class WireChunk(Struct):
    """A chunk of a stream, a whole completion, or an error in the place of either."""

    choices: list[WireChoice] | None = None
    usage: WireUsage | None = None
    object: str | None = None
    error: Any = None  # whatever it is: `Raw | None` takes null only
    message: str | None = None
    code: int | str | None = None


class WireModelMeta(Struct):
    n_ctx: int | None = None


class WireModel(Struct):
    id: str
    created: int | None = None
    owned_by: str | None = None
    max_model_len: int | None = None
    context_length: int | None = None
    max_context_length: int | None = None
    loaded_context_length: int | None = None
    meta: WireModelMeta | None = None

    def context(self) -> int | None:
        """The tokens that fit, by whichever name this server tells them."""
        of_slot = self.meta.n_ctx if self.meta is not None else None
        return (
            self.max_model_len
            or of_slot
            or self.loaded_context_length
            or self.context_length
            or self.max_context_length
        )


class WireModels(Struct):
    data: list[WireModel] | None = None


class WireTokens(Struct):
    count: int | None = None
    tokens: list[Any] | None = None


class WireLoadedModel(Struct):
    model: str | None = None
    name: str | None = None
    context_length: int | None = None


class WireGeneration(Struct):
    n_ctx: int | None = None


class WireContext(Struct):
    """llama-server's /props, or Ollama's /api/ps."""

    default_generation_settings: WireGeneration | None = None
    models: list[WireLoadedModel] | None = None

    def of(self, model: str) -> int | None:
        if self.default_generation_settings is not None:
            return self.default_generation_settings.n_ctx
        return next(
            (loaded.context_length for loaded in self.models or [] if model in {loaded.model, loaded.name}), None
        )


decode_chunk: Final = msgspec.json.Decoder(WireChunk).decode
decode_models: Final = msgspec.json.Decoder(WireModels).decode
decode_context: Final = msgspec.json.Decoder(WireContext).decode
decode_tokens: Final = msgspec.json.Decoder(WireTokens).decode


def usage_of(wire: WireUsage) -> Usage:
    prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
    reasoning = completion.reasoning_tokens if completion is not None else None
    return Usage(
        prompt_tokens=wire.prompt_tokens or 0,
        completion_tokens=wire.completion_tokens or 0,
        cached_tokens=(prompt.cached_tokens or 0) if prompt is not None else 0,
        reasoning_tokens=reasoning or wire.reasoning_tokens or 0,
    )


def text_of(content: str | list[WireText] | None) -> str:
    if isinstance(content, list):
        return "".join(part.text or "" for part in content)
    return content or ""
