"""What goes wrong with a model server, by kind: every recorded error, every exception of aiohttp."""

import inspect

import aiohttp
import pytest

from adapters import errors
from adapters.errors import (
    Broken,
    CannotCall,
    CannotSee,
    ContextTooLong,
    RateLimited,
    Refused,
    SpokeNonsense,
    TimedOut,
    UnknownModel,
    Unreachable,
    UpstreamError,
)
from adapters.failures import BEFORE_THE_ANSWER, failure_of, failure_of_body, retry_after, translated

from .recordings import RecordedError
from .recordings import errors as recorded_errors

KINDS: dict[tuple[str, str], type[UpstreamError]] = {
    ("vllm", "err_context"): ContextTooLong,
    ("vllm", "err_model"): UnknownModel,
    ("vllm", "err_tools_auto_without_parser_flags"): CannotCall,
    ("vllm", "err_tools_required_without_parser_flags"): CannotCall,
    ("vllm", "msg_image_on_text_model"): CannotSee,
    ("sglang", "err_context"): ContextTooLong,
    ("sglang", "msg_image_on_text_model"): CannotSee,
    ("sglang", "err_prompt_plus_max_over_context"): ContextTooLong,
    ("sglang-router", "err_context"): ContextTooLong,
    ("sglang-router", "err_prompt_plus_max_over_context"): ContextTooLong,
    ("sglang-router", "worker_down"): Broken,
    ("llama-server", "err_context"): ContextTooLong,
    # llama-server says 500 where the request is to blame, and transformers serve where anything is.
    ("llama-server", "embeddings"): Broken,
    ("llama-server", "err_invalid_json"): Broken,
    ("llama-server", "msg_image_on_text_model"): CannotSee,
    ("llama-server", "msg_tool_args_empty"): Broken,
    ("llama-server", "msg_tool_args_not_json"): Broken,
    ("transformers-serve", "err_max_tokens_negative"): Broken,
    ("transformers-serve", "err_model"): UnknownModel,
}
"""Whatever is not here is Refused."""


@pytest.mark.parametrize("recorded", recorded_errors(), ids=lambda recorded: f"{recorded.server}-{recorded.case}")
def test_recorded_errors(recorded: RecordedError) -> None:
    failure = failure_of_body(recorded.status, recorded.body.encode(), content_type=recorded.content_type)
    assert type(failure) is KINDS.get((recorded.server, recorded.case), Refused)
    assert failure.status == recorded.status
    assert failure.message
    assert not failure.message.startswith("{")


def test_every_exceptional_recording_is_there() -> None:
    assert set(KINDS) <= {(recorded.server, recorded.case) for recorded in recorded_errors()}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (429, b'{"error":{"message":"slow down","code":"rate_limit_exceeded"}}', RateLimited, "slow down"),
        (
            503,
            b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
            RateLimited,
            "Loading model",
        ),
        (503, b"", RateLimited, "the server gave no reason"),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", Broken, "the server gave no reason"),
        (500, b"Internal Server Error", Broken, "Internal Server Error"),
        (401, b'{"error":"Unauthorized"}', Refused, "Unauthorized"),
        (
            404,
            b'{"error":{"message":"model \'x\' not found","type":"not_found_error"}}',
            UnknownModel,
            "model 'x' not found",
        ),
        (400, b'{"error":{"message":"too long","code":"context_length_exceeded"}}', ContextTooLong, "too long"),
        (422, b'{"detail":[{"msg":"no"}]}', Refused, '[{"msg":"no"}]'),
        (400, b'{"error":{"message":{"odd":1}}}', Refused, '{"odd":1}'),
        (400, b"[1]", Refused, "[1]"),
        (400, b'"no"', Refused, '"no"'),
        (400, b"\xff\xfe", Refused, "\ufffd\ufffd"),
        (302, b"go elsewhere", SpokeNonsense, "go elsewhere"),
    ],
)
def test_other_errors(status: int, body: bytes, kind: type[UpstreamError], message: str) -> None:
    failure = failure_of_body(status, body, content_type="text/html" if body.startswith(b"<") else "")
    assert (type(failure), failure.message, failure.status) == (kind, message, status)


def test_inside_a_stream_the_body_has_the_status() -> None:
    assert failure_of_body(None, b'{"error":{"message":"no","code":400}}').status == 400
    assert type(failure_of_body(None, b'{"error":{"message":"no","code":"429"}}')) is RateLimited
    assert type(failure_of_body(None, b'{"error":{"message":"no"}}')) is Broken


def aiohttp_exceptions() -> list[type[BaseException]]:
    """Every exception class that aiohttp's client has."""
    modules = (aiohttp, aiohttp.client_exceptions, aiohttp.http_exceptions, aiohttp.client)
    found = {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith("aiohttp")
    }
    servers_own = {value for value in found if value.__module__.startswith("aiohttp.web")}
    return sorted(found - servers_own, key=lambda kind: kind.__name__)


def test_there_are_as_many_as_we_think() -> None:
    names = {kind.__name__ for kind in aiohttp_exceptions()}
    assert {"ClientConnectorError", "ServerDisconnectedError", "ClientPayloadError", "InvalidURL"} <= names
    assert len(names) > 25


# Of WebSockets, of multipart answers, and of its own reader: no request of ours meets them.
NOT_OURS = {
    "WebSocketError",
    "WSHandshakeError",
    "WSMessageTypeError",
    "EofStream",
    "BadContentDispositionHeader",
    "BadContentDispositionParam",
}


@pytest.mark.parametrize("kind", [kind for kind in aiohttp_exceptions() if kind.__name__ not in NOT_OURS])
@pytest.mark.parametrize("answering", [False, True])
def test_every_exception_of_aiohttp_is_translated(kind: type[Exception], answering: bool) -> None:
    # Their constructors want sockets and requests, so one of them without.
    own = {"__init__": lambda self: None, "__str__": lambda self: "said", "os_error": OSError(111, "refused")}
    bare = type(kind.__name__, (kind,), own)
    with pytest.raises(UpstreamError) as raised, translated("http://there", answering=answering):
        raise bare()
    assert type(raised.value) in {Unreachable, TimedOut, SpokeNonsense}
    if answering:
        assert type(raised.value) in {TimedOut, SpokeNonsense}


@pytest.mark.parametrize(
    ("error", "before", "after"),
    [
        (aiohttp.ServerDisconnectedError(), Unreachable, SpokeNonsense),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), Unreachable, SpokeNonsense),
        (ConnectionResetError(104, "Connection reset by peer"), Unreachable, SpokeNonsense),
        (aiohttp.ConnectionTimeoutError("slow"), Unreachable, SpokeNonsense),
        (aiohttp.SocketTimeoutError("slow"), TimedOut, TimedOut),
        (TimeoutError(), TimedOut, TimedOut),
        (aiohttp.ClientPayloadError("half"), SpokeNonsense, SpokeNonsense),
        (aiohttp.http_exceptions.BadStatusLine("x"), SpokeNonsense, SpokeNonsense),
        (aiohttp.NonHttpUrlClientError("ftp://x"), Unreachable, SpokeNonsense),
    ],
)
def test_what_exceptions_mean(error: Exception, before: type[UpstreamError], after: type[UpstreamError]) -> None:
    assert type(failure_of(error, "http://there")) is before
    assert type(failure_of(error, "http://there", answering=True)) is after


def test_the_table_leads_to_our_tree_only() -> None:
    ours = {value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, UpstreamError)}
    assert set(BEFORE_THE_ANSWER.values()) <= ours - {UpstreamError}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.5", 0.5),
        ("0", 0.0),
        (None, None),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("tomorrow", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds
