"""Operations as requests reach them: what their signatures ask for, and streams to the last byte."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from proxy.api.endpoint import Endpoint
from proxy.api.middleware import add_headers, errors_to_json
from proxy.errors import InvalidRequest
from proxy.services import Services
from proxy.tasks import TaskGroup
from tests.api.conftest import Client


class Frames:
    """A follower of frames that a test hands out; it knows when it was left."""

    def __init__(self, *frames: bytes, fails: Exception | None = None) -> None:
        self.frames = list(frames)
        self.fails = fails
        self.more = asyncio.Event()
        self.more.set()
        self.left = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for frame in self.frames:
                yield frame
                await self.more.wait()
            if self.fails is not None:
                raise self.fails
        finally:
            self.left.set()


@asynccontextmanager
async def playing(services: Services, operation: Callable[..., Awaitable[Any]]) -> AsyncIterator[Client]:
    tasks = TaskGroup()
    endpoint = Endpoint(operation, tasks)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await endpoint(request, services, project="home", ids=dict(request.match_info))

    app = web.Application(middlewares=[errors_to_json])
    app.on_response_prepare.append(add_headers)
    app.router.add_route("*", "/{thread_id}", answer)
    async with TestClient(TestServer(app)) as client:
        yield client
    await tasks.wait(10)
    assert len(tasks) == 0


async def test_an_operation_gets_what_it_asks_for(services: Services):
    async def operation(services: Services, *, project: str, thread_id: str) -> dict[str, str]:
        return {"project": project, "thread_id": thread_id}

    async with playing(services, operation) as client, client.get("/thread_1") as answer:
        assert await answer.json() == {"project": "home", "thread_id": "thread_1"}
        assert answer.headers["Content-Type"] == "application/json"


async def test_a_stream_is_its_frames_and_done(services: Services):
    frames = Frames(b"event: a\ndata: {}\n\n", b"event: b\ndata: {}\n\nevent: c\ndata: {}\n\n")

    async def operation(services: Services, *, thread_id: str) -> Frames:
        return frames

    headers = {"Accept-Encoding": "gzip, deflate"}
    async with playing(services, operation) as client, client.post("/thread_1", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Encoding" not in answer.headers
        assert "Content-Length" not in answer.headers
        assert answer.headers["x-request-id"].startswith("req_")
        assert await answer.read() == b"".join(frames.frames) + b"event: done\ndata: [DONE]\n\n"
    assert frames.left.is_set()


async def test_a_stream_without_frames_is_done_at_once(services: Services):
    async def operation(services: Services, *, thread_id: str) -> Frames:
        return Frames()

    async with playing(services, operation) as client, client.post("/thread_1") as answer:
        assert (answer.status, await answer.read()) == (200, b"event: done\ndata: [DONE]\n\n")


async def test_what_fails_before_the_first_frame_has_a_status(services: Services):
    async def operation(services: Services, *, thread_id: str) -> Frames:
        return Frames(fails=InvalidRequest("No.", param="p", code="c"))

    async with playing(services, operation) as client, client.post("/thread_1") as answer:
        assert answer.status == 400
        assert await answer.json() == {
            "error": {"message": "No.", "type": "invalid_request_error", "param": "p", "code": "c"}
        }


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (InvalidRequest("No."), b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":null}}'),
        (RuntimeError("secret"), b'{"error":{"message":"The server had an error processing your request.'),
    ],
)
async def test_what_fails_later_is_an_event(
    services: Services, caplog: pytest.LogCaptureFixture, failure: Exception, told: bytes
):
    async def operation(services: Services, *, thread_id: str) -> Frames:
        return Frames(b"event: a\ndata: {}\n\n", fails=failure)

    with caplog.at_level(logging.ERROR):
        async with playing(services, operation) as client, client.post("/thread_1") as answer:
            assert answer.status == 200
            said = await answer.read()
    first, error, done, nothing = said.split(b"\n\n")
    assert (first, done, nothing) == (b"event: a\ndata: {}", b"event: done\ndata: [DONE]", b"")
    assert error.startswith(b"event: error\ndata: " + told)
    assert b"secret" not in said
    assert len(caplog.records) == 1


async def test_a_client_that_leaves_ends_its_follower_only(services: Services, caplog: pytest.LogCaptureFixture):
    frames = Frames(*[b"event: a\ndata: {}\n\n"] * 1000)
    frames.more.clear()

    async def operation(services: Services, *, thread_id: str) -> Frames:
        return frames

    with caplog.at_level(logging.INFO, logger="proxy"):
        async with playing(services, operation) as client:
            async with client.post("/thread_1") as answer:
                assert await answer.content.readany() == frames.frames[0]
                answer.close()
            frames.more.set()
            async with asyncio.timeout(10):
                await frames.left.wait()
    assert caplog.records == []


@pytest.mark.parametrize("failure", [None, RuntimeError("Nobody listens."), InvalidRequest("No.")])
async def test_a_client_that_leaves_does_not_cut_its_operation_short(
    services: Services, caplog: pytest.LogCaptureFixture, failure: Exception | None
):
    """Although test servers cancel the handlers of those who leave."""
    entered, left, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def operation(services: Services, *, thread_id: str) -> dict[str, str]:
        if thread_id == "thread_1":
            entered.set()
            await left.wait()
            finished.set()
            if failure is not None:
                raise failure
        return {}

    with caplog.at_level(logging.INFO, logger="proxy"):
        async with playing(services, operation) as client:
            _, writer = await asyncio.open_connection(client.host, client.port)
            writer.write(b"POST /thread_1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
            await entered.wait()
            writer.close()
            await writer.wait_closed()
            async with client.get("/thread_2") as answer:  # by then the server knows
                assert answer.status == 200
            left.set()
            async with asyncio.timeout(10):
                await finished.wait()
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == (
        [failure] if isinstance(failure, RuntimeError) else []
    )
