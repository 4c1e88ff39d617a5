"""A small proxy before a server, that changes what it answers: for seeing whether the suite notices."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
from aiohttp import web

Frame = tuple[str, str]
"""The name of an event and its data, as they stand on the wire."""
HOP_BY_HOP = {"transfer-encoding", "connection", "keep-alive", "content-length", "content-encoding", "host"}


@dataclass
class Told:
    """An answer, which a lie may change in place."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: Any
    """Parsed JSON."""


@dataclass(frozen=True, kw_only=True)
class Lie:
    """What is changed. Each part answers whether it changed something, so that a lie nobody told is noticed."""

    name: str
    look: str
    """Whose cases are asked first; only the speed of the search depends on it."""
    of_answer: Callable[[Told], bool] = lambda _: False
    """Of every answer in JSON, errors too."""
    of_object: Callable[[dict[str, Any]], bool] = lambda _: False
    """Of every object of the API, in answers, lists, and streams: whatever has the key `object`."""
    of_event: Callable[[str, dict[str, Any]], bool] = lambda _, __: False
    """Of the data of an event."""
    of_frames: Callable[[Frame, list[Frame]], list[Frame]] | None = None
    """Of the stream: is given a frame and those held back, and says what to send; `held` may be changed. At the end,
    what is still held is sent."""


@dataclass
class Liar:
    """The proxy, and how often it has lied."""

    lie: Lie
    upstream: str
    url: str = ""
    told: int = 0
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        async with self._session.request(
            request.method,
            self.upstream + request.raw_path,
            data=BytesIO(body) if (body := await request.read()) else None,  # aiohttp warns of large bytes
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            told = Told(request.method, request.path, answer.status, kept, None)
            if answer.content_type == "text/event-stream":
                self.told += self.lie.of_answer(told)
                return await self._stream(request, told, answer)
            raw = await answer.read()
            if answer.content_type == "application/json":
                told.body = json.loads(raw)
                self.told += sum(map(self.lie.of_object, objects_in(told.body)))
                self.told += self.lie.of_answer(told)
                raw = json.dumps(told.body).encode()
            return web.Response(status=told.status, headers=told.headers, body=raw)

    async def _stream(self, request: web.Request, told: Told, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        response = web.StreamResponse(status=told.status, headers=told.headers)
        await response.prepare(request)
        held: list[Frame] = []
        async for frame in frames_of(answer.content):
            changed = self._changed(frame)
            out = [changed] if self.lie.of_frames is None else self.lie.of_frames(changed, held)
            self.told += out != [frame] and self.lie.of_frames is not None
            for event, data in out:
                await response.write(on_the_wire(event, data))
        for event, data in held:
            await response.write(on_the_wire(event, data))
        await response.write_eof()
        return response

    def _changed(self, frame: Frame) -> Frame:
        event, text = frame
        if text == "[DONE]":
            return frame
        data = json.loads(text)
        told = sum(map(self.lie.of_object, objects_in(data))) + self.lie.of_event(event, data)
        self.told += told
        return (event, json.dumps(data)) if told else frame


def objects_in(value: Any) -> list[dict[str, Any]]:
    """An object of the API, those of a list, or none."""
    if not isinstance(value, dict) or "object" not in value:
        return []
    return list(value["data"]) if value["object"] == "list" else [value]


async def frames_of(content: aiohttp.StreamReader) -> AsyncIterator[Frame]:
    event = ""
    async for line in content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            event = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield event, text.removeprefix("data: ")
            event = ""


def on_the_wire(event: str, data: str) -> bytes:
    """Chat completions give their events no names."""
    return (f"event: {event}\n" if event else "").encode() + f"data: {data}\n\n".encode()


@asynccontextmanager
async def lying(lie: Lie, upstream: str) -> AsyncIterator[Liar]:
    liar = Liar(lie, upstream)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        liar._session = session
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", liar.pass_on)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            liar.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield liar
        finally:
            await runner.cleanup()
