"""The one way to an operation: decode what its signature asks for, call it, encode or stream what it returns."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from inspect import signature
from typing import Any, Final

from aiohttp import web

from proxy.api.answers import answer_json, server_fault
from proxy.api.decoding import BodyDecoder, QueryDecoder
from proxy.api.downloads import send_content
from proxy.api.middleware import request_id_of
from proxy.api.sse import DONE, frame
from proxy.api.uploads import RECEIVERS
from proxy.api.versions import Version, translated
from proxy.errors import APIError
from proxy.ids import PREFIXES, check_id
from proxy.operations.files import FileContent
from proxy.schema.events import ErrorBody, StreamError
from proxy.services import Services
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

_STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # a proxy in front must not hold frames back
}


class Endpoint:
    """An operation, as requests reach it. Its signature is read once, here; so are its decoders made.

    `tasks` owns the operations that are under way: what was begun is done, also for a client that has left. One that
    waits before it begins asks for `gone`, a future that is done when the client has left.
    """

    def __init__(self, operation: Callable[..., Awaitable[Any]], tasks: TaskGroup) -> None:
        self._operation = operation
        self._tasks = tasks
        parameters = signature(operation, eval_str=True).parameters
        self._wants_project = "project" in parameters
        self._wants_gone = "gone" in parameters
        self._expected: type = parameters["body"].annotation if "body" in parameters else type(None)
        self._receive = RECEIVERS.get(self._expected)
        self._body = BodyDecoder(self._expected) if "body" in parameters and self._receive is None else None
        self._params = QueryDecoder(parameters["params"].annotation) if "params" in parameters else None

    async def __call__(
        self,
        request: web.Request,
        services: Services,
        *,
        project: str,
        ids: Mapping[str, str],
        version: Version = 2,
    ) -> web.StreamResponse:
        given: dict[str, Any] = {
            name: check_id(value, name) if name in PREFIXES else value for name, value in ids.items()
        }
        if self._wants_project:
            given["project"] = project
        if self._body is not None:
            body = await request.read()
            given["body"] = self._body(body if version == 2 else translated(body, self._expected))
        if self._params is not None:
            given["params"] = self._params(request.query.items())
        gone = asyncio.get_running_loop().create_future()
        if self._wants_gone:
            given["gone"] = gone
        if self._receive is not None:  # last: from here on the operation has it, or nobody
            given["body"] = await self._receive(request, services)
        result = await self._done(request, self._operation(services, **given), gone)
        if isinstance(result, FileContent):
            return await send_content(request, result)
        if hasattr(result, "__aiter__"):
            return await _stream(request, result.__aiter__())
        return answer_json(result)

    async def _done(self, request: web.Request, work: Awaitable[Any], gone: asyncio.Future[None]) -> Any:
        """Do it to the end. A run that was saved and then not begun would lock its thread until it expires."""
        if request.method in _READING:
            return await work
        task = self._tasks.start(_outcome(work), name=f"{self._operation.__name__} for {request_id_of(request)}")
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            gone.set_result(None)
            task.add_done_callback(_log_failure)  # nobody else asks any more
            raise
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


_READING: Final = frozenset({"GET", "HEAD"})


async def _outcome(work: Awaitable[Any]) -> Any:
    """What it returns or raises. As a value, because a refusal is no failure of the task."""
    try:
        return await work
    except Exception as error:
        return error


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and isinstance(failure := task.result(), Exception) and not isinstance(failure, APIError):
        log.error("%s failed after its client had left", task.get_name(), exc_info=failure)


async def _stream(request: web.Request, frames: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Write frames as they come, then `done`. A client that leaves ends the reading of them and nothing else.

    The answer begins with the first frame, so what fails before it is an ordinary error with a status.
    """
    if request.method == "HEAD":
        return web.Response(headers=_STREAM_HEADERS)
    response = web.StreamResponse(headers=_STREAM_HEADERS)
    try:
        try:
            async for ready in frames:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(ready)
        except ConnectionResetError:
            raise
        except Exception as error:
            if not response.prepared:
                raise
            log.exception("request %s: the stream failed", request_id_of(request))
            await response.write(_error_frame(request, error))
        if not response.prepared:
            await response.prepare(request)
        await response.write(DONE)
        await response.write_eof()
    except ConnectionResetError:
        log.debug("request %s: the client left its stream", request_id_of(request))
    finally:
        await frames.aclose()
    return response


def _error_frame(request: web.Request, error: Exception) -> bytes:
    fault = error if isinstance(error, APIError) else server_fault(request_id_of(request))
    return frame(StreamError(ErrorBody(message=fault.message, type=fault.type, param=fault.param, code=fault.code)))
