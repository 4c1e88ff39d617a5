"""An embeddings server whose vectors say of what a text speaks: words for the same thing point the same way."""

import json
from collections.abc import AsyncIterator
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

    def vector(self, text: str) -> list[float]:
        words = [word.strip(".,?!").lower() for word in text.split()]
        return [0.1, *(float(sum(word in thing for word in words)) for thing in THINGS)]

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.asked.append(body["input"])
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
