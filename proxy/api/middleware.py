"""What every request goes through: an id, errors made into JSON, the headers of every answer; and the beta header."""

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
        return answer_error(error)
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


def check_beta(request: web.Request, *, required: bool) -> None:
    """The `OpenAI-Beta` header of requests to assistants and threads: a list in which `assistants=v2` is enough.

    Many clients leave it out, so it is only asked for where the operator wants the rigour of the real service.
    """
    values = request.headers.getall("OpenAI-Beta", [])
    tokens = [token.strip() for value in values for token in value.split(",") if token.strip()]
    if "assistants=v2" in tokens or (not tokens and not required):
        return
    if not tokens:
        message = (
            "You must provide the 'OpenAI-Beta' header to access the Assistants API. "
            "Please try again by setting the header 'OpenAI-Beta: assistants=v2'."
        )
    elif "assistants=v1" in tokens:
        message = (
            "The v1 Assistants API has been deprecated. See the migration guide for more information: "
            "https://platform.openai.com/docs/assistants/migration."
        )
    else:
        message = f"Unknown beta requested: '{tokens[0].removesuffix('=v1')}'."
    raise InvalidRequest(message, code="invalid_beta")
