"""Every other path below `/v1`: handed to a model server and streamed both ways, untouched but for the model's name.

Clients have one base URL for all they do, so whoever moves assistants here moves chat completions and embeddings too.
"""

import logging
from collections.abc import AsyncIterable
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Raw

from proxy.api.answers import error_body
from proxy.api.middleware import request_id_of
from proxy.errors import APIError
from proxy.operations.passthrough import forward, served_name
from proxy.services import Services

log = logging.getLogger(__name__)

OURS: Final = frozenset({"assistants", "threads", "files", "uploads", "vector_stores", "models"})
"""Families of paths that no model server is asked for."""
WITHOUT_BASE: Final = frozenset(
    {"chat", "completions", "responses", "embeddings", "audio", "images", "moderations", "rerank", "score"}
)
"""Families that are also known without `/v1` in front, for clients whose base URL lacks it."""

# Few go on, by name: whatever identifies a client to us, above all its key, must not reach a model server.
_SENT_ON: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent", "traceparent", "tracestate")


def is_for_model_servers(path: str, parts: tuple[str, ...]) -> bool:
    if not parts or parts[0] in OURS:
        return False
    return parts[0] in WITHOUT_BASE or path.lstrip("/").startswith("v1/")


async def pass_through(
    request: web.Request, services: Services, parts: tuple[str, ...], deployment: str | None = None
) -> web.StreamResponse:
    body, model = await _body_and_model(request, services, deployment)
    response: web.StreamResponse | None = None
    try:
        async with forward(
            services,
            method=request.method,
            path="/v1/" + "/".join(parts),
            query=request.rel_url.raw_query_string,
            headers={name: request.headers[name] for name in _SENT_ON if name in request.headers},
            body=body,
            model=model,
        ) as answer:
            response = web.StreamResponse(status=answer.status, headers=answer.headers)
            await response.prepare(request)
            async for piece in answer.body:
                await response.write(piece)
    except APIError as error:
        if response is None or not response.prepared:
            raise
        log.warning("request %s: the model server failed while it answered: %s", request_id_of(request), error)
        await _break_off(request, response, error)
    except ConnectionResetError:
        log.debug("request %s: the client left", request_id_of(request))
    else:
        await response.write_eof()
    assert response is not None
    return response


async def _body_and_model(
    request: web.Request, services: Services, deployment: str | None
) -> tuple[bytes | AsyncIterable[bytes] | None, str | None]:
    """What to send on, and the served model it names. Forms with files are not read at all, only passed along.

    A deployment is a model that the path names, whatever the body says.
    """
    if not request.body_exists:
        return None, None
    if request.content_type not in ("application/json", "application/octet-stream"):
        return request.content.iter_any(), None
    body = await request.read()
    try:
        # Only the top level is decoded: the rest goes on byte by byte as it came.
        fields = msgspec.json.decode(body, type=dict[str, Raw])
        named = msgspec.json.decode(fields.get("model", Raw(b"null")), type=str | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body, None  # for the model server to complain about
    model = deployment or named
    if model is None:
        return body, None
    served = await served_name(services, model)
    if served != named:
        fields["model"] = Raw(msgspec.json.encode(served))
        body = msgspec.json.encode(fields)
    return body, served


async def _break_off(request: web.Request, response: web.StreamResponse, error: APIError) -> None:
    """There is no status any more: a stream ends with an error, anything else with a broken connection."""
    if response.content_type == "text/event-stream":
        await response.write(b"data: %b\n\n" % error_body(error))
        await response.write_eof()
    elif request.transport is not None:
        request.transport.abort()
