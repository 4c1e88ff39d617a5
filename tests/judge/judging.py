"""Requests sent by the official client instead of the suite's own, and what it saw of each answer."""

import asyncio
import base64
import io
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from msgspec import Struct

from compat_tests.client import Client
from compat_tests.event_stream import events_in
from compat_tests.exchange import Answer, Event, Request
from compat_tests.reading.forms import parts_of
from compat_tests.reading.headers import media_type
from compat_tests.reading.wire import answer_body
from compat_tests.replay.paths import ids_in, template_of
from tests.processes import ROOT

SECONDS = 60
NOT_PASSED_ON = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding"}
Seen = dict[str, Any]
"""What the client saw of one answer, as the player prints it."""


class Player:
    """The program that plays requests, in the environment of one generation of the client."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def play(self, request: Request, answer: Answer | None = None) -> Seen:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = {
            "template": f"{request.method} {template_of(request.path)}",
            "ids": ids_in(request.path),
            "request": _told(request),
            "answer": None if answer is None else _answered(answer),
        }
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        async with asyncio.timeout(SECONDS):
            said = await self._process.stdout.readline()
        assert said, "the player has ended; see its errors above"
        seen: Seen = json.loads(said)
        return seen


@asynccontextmanager
async def player(python: Path | str, *server: str) -> AsyncIterator[Player]:
    process = await asyncio.create_subprocess_exec(
        python, "-m", "tests.judge.player", *server,
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**28,
    )  # fmt: skip
    try:
        yield Player(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _told(request: Request) -> dict[str, Any]:
    form = None
    if isinstance(request.body, tuple):
        form = [
            {
                "name": part.name,
                "filename": part.filename,
                "content_type": part.content_type,
                "base64": base64.b64encode(part.data).decode(),
            }
            for part in request.body
        ]
    return {"query": request.query, "headers": request.headers, "body": None if form else request.body, "form": form}


def _answered(answer: Answer) -> dict[str, Any]:
    events = content = None
    if answer.events is not None:
        events = [
            [each.event, each.data if isinstance(each.data, str) else json.dumps(each.data)] for each in answer.events
        ]
    elif isinstance(answer.body, bytes | str):
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        content = body.decode("latin-1")
    else:
        content = "" if answer.body is None else json.dumps(answer.body)
    return {"status": answer.status, "headers": answer.headers, "events": events, "content": content}


class Passed(Struct):
    """One request as it came to the tap, and its answer."""

    request: Request
    answer: Answer


Tamper = Callable[[list[bytes]], list[bytes]]
"""Given the frames of a live stream, those that are passed on."""


class Tap:
    """A small proxy before a live server: it notes what passes."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self.passed: list[Passed] = []
        self.tamper: Tamper | None = None
        self._server = server
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        sent = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in NOT_PASSED_ON}
        asking = self._session.request(
            request.method, self._server + request.path_qs, data=io.BytesIO(sent) if sent else None, headers=headers
        )
        async with asking as response:
            came = await response.read()
        told = {name.lower(): value for name, value in response.headers.items()}
        asked = _request(request, sent)
        if response.content_type == "text/event-stream":
            if self.tamper is not None:
                came = b"".join(self.tamper([each + b"\n\n" for each in came.split(b"\n\n")[:-1]]))
            answer = Answer(status=response.status, headers=told, events=events_in(came))
        else:
            answer = Answer(status=response.status, headers=told, body=answer_body(came, told.get("content-type")))
        self.passed.append(Passed(asked, answer))
        passed_on = {name: value for name, value in response.headers.items() if name.lower() not in NOT_PASSED_ON}
        return web.Response(status=response.status, headers=passed_on, body=came)


def _request(request: web.Request, sent: bytes) -> Request:
    body: Any = None
    if sent:
        kind = request.headers.get("Content-Type", "")
        body = parts_of(sent, kind) if media_type(kind) == "multipart/form-data" else json.loads(sent)
    return Request(method=request.method, path=request.rel_url.raw_path, query=tuple(request.query.items()), body=body)


@asynccontextmanager
async def tapped(server: str) -> AsyncIterator[tuple[Tap, str]]:
    """The tap, and the URL at which it listens."""
    async with aiohttp.ClientSession() as session:
        tap = Tap(server, session)
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", tap.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield tap, f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class JudgedClient(Client):
    """Asks as the suite does, but through the official client wherever that has a call for it."""

    def __init__(self, server: Client, player: Player, tap: Tap) -> None:
        super().__init__(server.base_url, server.api_key)
        self._player = player
        self._tap = tap
        self._seen: dict[int, tuple[Answer, Seen]] = {}  # by identity of the answers, which are kept with it
        self.sent_otherwise: list[tuple[Request, Request]] = []
        """What the client was to send, and what it sent."""

    def forget(self) -> None:
        self._seen = {}
        self.sent_otherwise = []

    def seen_of(self, answer: Answer) -> Seen:
        """What the client saw of an answer that this has returned; `why` where the client was not asked."""
        return self._seen[id(answer)][1]

    async def ask(self, request: Request, on_event: Callable[[Event], Awaitable[None]] | None = None) -> Answer:
        self._tap.passed.clear()
        seen = await self._player.play(request)
        if not self._tap.passed:
            answer = await super().ask(request, on_event)
            self._seen[id(answer)] = (answer, seen if "why" in seen else {"why": f"it refuses that itself: {seen}"})
            return answer
        (passed,) = self._tap.passed
        if said_by(passed.request) != said_by(request):
            self.sent_otherwise.append((request, passed.request))
        self._seen[id(passed.answer)] = (passed.answer, seen)
        return passed.answer


def said_by(request: Request) -> tuple[Any, ...]:
    """A request, as far as it means something: nothing and an empty object are the same."""
    body = request.body or None
    if isinstance(body, tuple):
        body = sorted((part.name, part.data, part.filename or "") for part in body)
    return request.method, request.path, sorted(request.query), body
