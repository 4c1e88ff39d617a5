"""JSON answers, and the one place where an error becomes a body."""

from typing import Any, Final

import msgspec
from aiohttp import web

from proxy.errors import APIError, OutOfSpace, ServerFault

_encode = msgspec.json.Encoder().encode


def answer_json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, content_type="application/json")


def answer_error(error: APIError, *, family: str = "") -> web.Response:
    """`family` is the first part of the path: on files, the real service said some of it twice."""
    return web.Response(
        body=error_body(error, with_detail=family == "files" and error.status in _DETAILED),
        status=error.status,
        headers={"x-should-retry": "false"} if isinstance(error, OutOfSpace) else None,
        content_type="application/json",
    )


_DETAILED: Final = frozenset({400, 404})


def error_body(error: APIError, *, with_detail: bool = False) -> bytes:
    # What a client sent, and is quoted, may hold bytes that are no UTF-8.
    message = error.message.encode("utf-8", "replace").decode()
    fields = {"message": message, "type": error.type, "param": error.param, "code": error.code}
    body: dict[str, object] = {"error": fields}
    if with_detail:
        body["detail"] = {"message": message, "code": error.code}
    return _encode(body)


def server_fault(request_id: str) -> ServerFault:
    """What is said of a failure that the client can do nothing about; the log has more, under the same id."""
    return ServerFault(
        "The server had an error processing your request. Sorry about that! You can retry your request, or contact us "
        "through our help center at help.openai.com if you keep seeing this error. "
        f"(Please include the request ID {request_id} in your email.)"
    )
