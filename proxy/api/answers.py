"""JSON answers, and the one place where an error becomes a body."""

from typing import Any

import msgspec
from aiohttp import web

from proxy.errors import APIError, ServerFault

_encode = msgspec.json.Encoder().encode


def answer_json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, content_type="application/json")


def answer_error(error: APIError) -> web.Response:
    return web.Response(body=error_body(error), status=error.status, content_type="application/json")


def error_body(error: APIError) -> bytes:
    # What a client sent, and is quoted, may hold bytes that are no UTF-8.
    message = error.message.encode("utf-8", "replace").decode()
    fields = {"message": message, "type": error.type, "param": error.param, "code": error.code}
    return _encode({"error": fields})


def server_fault(request_id: str) -> ServerFault:
    """What is said of a failure that the client can do nothing about; the log has more, under the same id."""
    return ServerFault(
        "The server had an error processing your request. Sorry about that! You can retry your request, or contact us "
        "through our help center at help.openai.com if you keep seeing this error. "
        f"(Please include the request ID {request_id} in your email.)"
    )
