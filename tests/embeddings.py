"""An embeddings server whose vectors say of what a text speaks: words for the same thing point the same way."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

THINGS = [
    {"car", "cars", "automobile", "vehicle"},
    {"cake", "pastry", "dessert"},
    {"river", "stream", "water"},
    {"doctor", "physician"},
]


class Embeddings:
    def __init__(self) -> None:
        self.url = ""
        self.asked: list[list[str]] = []
        self.answer: tuple[int, Any] | None = None
        """What to answer instead."""
        self.hold: asyncio.Event | None = None
        """What to wait for before answering."""
        self.most_characters = 10**9
        """Longer texts are refused, as by a server whose model does not take them."""
        self.refusal = 400
        """The status of that."""
        self.breaks_of = ""
        """A word that it cannot take."""
        self.lengths: Iterator[int] | None = None
        """By how much each vector is longer than usual."""
        self._was_asked = asyncio.Event()

    def vector(self, text: str) -> list[float]:
        words = [word.strip(".,?!").lower() for word in text.split()]
        padding = [] if self.lengths is None else [0.0] * next(self.lengths)
        return [0.1, *(float(sum(word in thing for word in words)) for thing in THINGS), *padding]

    async def asked_again(self) -> None:
        """Wait until the next request."""
        self._was_asked.clear()
        await self._was_asked.wait()

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.asked.append(body["input"])
        self._was_asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if any(len(text) > self.most_characters for text in body["input"]):
            return web.json_response(
                {"error": {"message": "input is too large", "code": self.refusal}}, status=self.refusal
            )
        if self.breaks_of and any(self.breaks_of in text for text in body["input"]):
            return web.json_response({"error": {"message": "NaN", "code": 500}}, status=500)
        if self.answer is not None:
            status, given = self.answer
            return web.json_response(given, status=status)
        data = [
            {"object": "embedding", "index": place, "embedding": self.vector(text)}
            for place, text in enumerate(body["input"])
        ]
        return web.json_response({"object": "list", "model": body["model"], "data": data[::-1]})


@asynccontextmanager
async def embeddings() -> AsyncIterator[Embeddings]:
    server = Embeddings()
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/v1/embeddings", server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()
