"""From what went wrong with a model server to `UpstreamError`: one table for exceptions, one function for answers.

Errors come in four shapes: an `error` object (vLLM, llama-server, sglang-router), a flat object with `object: "error"`
(SGLang), `detail` (FastAPI: transformers serve, unknown paths of vLLM and SGLang), and plain text.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import msgspec

from adapters.errors import (
    Broken,
    CannotCall,
    CannotSee,
    ContextTooLong,
    QuotaExhausted,
    RateLimited,
    Refused,
    SpokeNonsense,
    TimedOut,
    UnknownModel,
    Unreachable,
    UpstreamError,
)

BEFORE_THE_ANSWER: Final[Mapping[type[BaseException], type[UpstreamError]]] = {
    aiohttp.SocketTimeoutError: TimedOut,
    aiohttp.ServerTimeoutError: Unreachable,  # what is left of it: ConnectionTimeoutError
    aiohttp.ClientConnectionError: Unreachable,  # refused, reset, no such name, no TLS, gone before a head
    aiohttp.InvalidURL: Unreachable,
    aiohttp.ClientPayloadError: SpokeNonsense,
    aiohttp.ClientResponseError: SpokeNonsense,  # a head that is not HTTP, redirects without end
    aiohttp.ClientError: Unreachable,
    aiohttp.http_exceptions.HttpProcessingError: SpokeNonsense,
    TimeoutError: TimedOut,
    OSError: Unreachable,
}
"""Looked up along the exception's bases. After the head, what is no timeout is an answer cut off: SpokeNonsense."""

TOO_LONG: Final = re.compile(
    r"maximum context length"  # vLLM 0.32, OpenAI; SGLang 0.5.23 for prompt and answer together
    r"|longer than the model's context length"  # SGLang 0.5.23
    r"|exceeds? the available context size"  # llama-server
    r"|exceeds? (?:the )?(?:model's )?(?:maximum )?context (?:length|window|size)"
    r"|prompt is too long|input is too long|context_length_exceeded",
    re.IGNORECASE,
)
TOO_LONG_TYPES: Final = frozenset({"exceed_context_size_error", "context_length_exceeded"})
NO_EYES: Final = re.compile(
    r"is not a multimodal model|at most 0 image"  # vLLM 0.32; the second where images are switched off
    r"|only supports text input"  # SGLang 0.5.23
    r"|image input is not supported"  # llama-server
    r"|unsupported content part type: ?\W*image"  # llama-server until spring 2025 (ggml-org/llama.cpp issue 12947)
    r"|does not support image"  # Ollama 0.30 (ollama/ollama issue 17301)
    r"|image_url is only supported by certain models",  # OpenAI
    re.IGNORECASE,
)
"""With any status: llama-server says 500."""
NO_TOOLS: Final = re.compile(
    r"--enable-auto-tool-choice|--tool-call-parser"  # vLLM 0.32 without these flags
    r"|does not support tools"  # Ollama
    r"|requires? --jinja",  # llama-server without it
    re.IGNORECASE,
)
"""With any status, too."""
NO_MODEL: Final = re.compile(
    r"model [`'\"]?.*?[`'\"]? (?:does not exist|not found|is not found)|pinned to", re.IGNORECASE
)


@contextmanager
def translated(url: str, *, answering: bool = False) -> Iterator[None]:
    """Turn aiohttp's exceptions into ours. `answering`: the head has come, so a break is an answer cut off."""
    try:
        yield
    except (
        aiohttp.ClientError,
        aiohttp.http_exceptions.HttpProcessingError,
        OSError,
        asyncio.IncompleteReadError,
    ) as error:
        raise failure_of(error, url, answering=answering) from error


def failure_of(error: BaseException, url: str, *, answering: bool = False) -> UpstreamError:
    kind = next((BEFORE_THE_ANSWER[base] for base in type(error).__mro__ if base in BEFORE_THE_ANSWER), Unreachable)
    if kind is TimedOut:
        return TimedOut(f"the model server at {url} fell silent")
    if answering:
        return SpokeNonsense("the model server closed the connection in mid-stream")
    if kind is Unreachable:
        return Unreachable(f"cannot reach the model server at {url}: {_reason(error)}")
    return kind(f"the model server at {url} does not speak HTTP as it should: {_reason(error)}")


class _Body(msgspec.Struct):
    """The four shapes in one: whichever keys are there."""

    error: Any = None
    object: str | None = None
    message: Any = None
    type: Any = None
    code: Any = None
    detail: Any = None


_decode = msgspec.json.Decoder(_Body).decode


def failure_of_body(
    status: int | None, body: bytes, *, content_type: str = "", retry_after_seconds: float | None = None
) -> UpstreamError:
    """The error that an answer tells. `status` None: it came inside a stream, where only the body has a code."""
    message, kind, code = _read(body)
    if not message:
        message = "the server gave no reason" if not body or "html" in content_type else _plain(body)
    if status is None:
        status = code if isinstance(code, int) and 400 <= code < 600 else 500

    if kind in TOO_LONG_TYPES or code in TOO_LONG_TYPES or (status < 500 and TOO_LONG.search(message)):
        return ContextTooLong(message, status=status)
    if status >= 400 and NO_EYES.search(message):
        return CannotSee(message, status=status)
    if status >= 400 and NO_TOOLS.search(message):
        return CannotCall(message, status=status)
    if "insufficient_quota" in {kind, code}:
        return QuotaExhausted(message, status=status)
    if status in {429, 503} or code == "rate_limit_exceeded":
        return RateLimited(message, status=status, retry_after_seconds=retry_after_seconds)
    if status >= 500:
        return Broken(message, status=status)
    if status < 400:
        return SpokeNonsense(message, status=status)
    if kind == "NotFoundError" or code == "model_not_found" or (status in {400, 404} and NO_MODEL.search(message)):
        return UnknownModel(message, status=status)
    return Refused(message, status=status)


def retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header; its form as a date is not used by model servers and counts as absent."""
    try:
        seconds = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def _read(body: bytes) -> tuple[str, str | None, int | str | None]:
    """Message, type and code, where the body has them."""
    try:
        read = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", None, None
    message, kind, code = read.message, read.type, read.code
    if isinstance(read.error, str):
        message = read.error
    elif isinstance(read.error, dict):
        message, kind, code = (read.error.get(key) for key in ("message", "type", "code"))
    elif read.detail is not None:
        message = read.detail if isinstance(read.detail, str) else msgspec.json.encode(read.detail).decode()
    text = message if isinstance(message, str) else "" if message is None else msgspec.json.encode(message).decode()
    return (
        text.strip(),
        kind if isinstance(kind, str) else None,
        int(code) if isinstance(code, str) and code.isdecimal() else code if isinstance(code, int | str) else None,
    )


def _plain(body: bytes) -> str:
    return " ".join(body[:500].decode(errors="replace").split())


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.os_error.strerror or str(error.os_error)
    return str(error) or type(error).__name__
