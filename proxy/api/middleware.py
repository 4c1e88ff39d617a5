"""What every request goes through: an id, errors made into JSON, the headers of every answer."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import ClientPayloadError, web

from proxy.api.answers import answer_error, server_fault
from proxy.errors import APIError, InvalidRequest, TooLarge
from proxy.ids import new_request_id

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

POLL_AFTER_MS: Final = 250
"""How soon the official clients' poll helpers ask again. Untold, they take 1 s (Python) or 5 s (Node)."""

_REQUEST_ID: Final = web.RequestKey("request_id", str)
_STARTED: Final = web.RequestKey("started", float)


def request_id_of(request: web.Request) -> str:
    return request[_REQUEST_ID]


@web.middleware
async def errors_to_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Number the request, and answer whatever is raised before the answer has begun."""
    request[_REQUEST_ID] = new_request_id()
    request[_STARTED] = time.perf_counter()
    try:
        return await handler(request)
    except APIError as error:
        return answer_error(error, family=request.path.removeprefix("/v1").strip("/").partition("/")[0])
    except web.HTTPRequestEntityTooLarge:
        return answer_error(TooLarge(f"Maximum content size limit ({request.client_max_size}) exceeded."))
    except (ClientPayloadError, web.RequestPayloadError) as error:
        return answer_error(InvalidRequest(f"The body of your request broke off: {error}."))
    except ConnectionResetError:
        raise  # nobody is left to answer
    except Exception:
        log.exception("request %s failed: %s %s", request_id_of(request), request.method, request.path)
        return answer_error(server_fault(request_id_of(request)))


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The headers that the real service put on every answer, also on streams; for `on_response_prepare`."""
    response.headers["x-request-id"] = request_id_of(request)
    response.headers["openai-version"] = "2020-10-01"
    response.headers["openai-organization"] = "understudy"
    response.headers["openai-processing-ms"] = str(int((time.perf_counter() - request[_STARTED]) * 1000))
    if request.headers.get("X-Stainless-Poll-Helper") == "true":
        response.headers["openai-poll-after-ms"] = str(POLL_AFTER_MS)
