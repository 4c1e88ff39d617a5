"""An Assistants server that somebody left half done: shapes of the first version, no steps, and streams that are none.

For seeing what the suite says of a server that is not ours. It runs in this process, on a real socket.
"""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Object = dict[str, Any]
KEYS = ("name", "description", "model", "instructions")


class IncompleteServer:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._kept: dict[str, Object] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/assistants", self.create_assistant),
            web.get("/v1/assistants", self.listing("assistant")),
            web.post("/v1/threads", self.create_thread),
            web.post("/v1/threads/{thread}/messages", self.create_message),
            web.get("/v1/threads/{thread}/messages", self.listing("thread.message")),
            web.post("/v1/threads/{thread}/runs", self.create_run),
            web.get("/v1/threads/{thread}/runs/{id}", self.get),
            web.get("/v1/assistants/{id}", self.get),
            web.post("/v1/assistants/{id}", self.get),
            web.delete("/v1/assistants/{id}", self.delete),
            web.get("/v1/threads/{id}", self.get),
            web.delete("/v1/threads/{id}", self.delete),
            web.get("/v1/models", self.crash),
        ]

    def keep(self, prefix: str, **fields: Any) -> web.Response:
        made = {"id": f"{prefix}_{next(self._numbers):024}", "created_at": int(time.time()), **fields}
        self._kept[made["id"]] = made
        return web.json_response(made)

    async def create_assistant(self, request: web.Request) -> web.Response:
        body = await request.json()
        given = {key: body.get(key) for key in KEYS}
        return self.keep("asst", object="assistant", **given, tools=body.get("tools", []), file_ids=[], metadata={})

    async def create_thread(self, request: web.Request) -> web.Response:
        return self.keep("thread", object="thread", metadata={})

    async def create_message(self, request: web.Request) -> web.Response:
        body, thread = await request.json(), request.match_info["thread"]
        content = [{"type": "text", "text": {"value": body["content"], "annotations": []}}]
        return self.keep(
            "msg", object="thread.message", thread_id=thread, role=body["role"], content=content, file_ids=[]
        )

    async def create_run(self, request: web.Request) -> web.Response:
        body, thread = await request.json(), request.match_info["thread"]
        return self.keep(
            "run",
            object="thread.run",
            thread_id=thread,
            assistant_id=body["assistant_id"],
            status="completed",
            file_ids=[],
        )

    def listing(self, kind: str) -> Any:
        async def listed(request: web.Request) -> web.Response:
            return web.json_response({"data": [each for each in self._kept.values() if each["object"] == kind]})

        return listed

    async def get(self, request: web.Request) -> web.Response:
        """What is not there is the one thing that it says as it should, of assistants."""
        wanted = request.match_info["id"]
        if (found := self._kept.get(wanted)) is not None:
            return web.json_response(found)
        return self.not_found(wanted)

    def not_found(self, wanted: str) -> web.Response:
        message = f"No assistant found with id '{wanted}'."
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        return web.json_response({"error": error}, status=404)

    async def delete(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        return web.Response(status=204) if self._kept.pop(wanted, None) else self.not_found(wanted)

    async def crash(self, request: web.Request) -> web.Response:
        """The connection ends without an answer."""
        assert request.transport is not None
        request.transport.close()
        return web.Response()


@asynccontextmanager
async def incomplete_server() -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.add_routes(IncompleteServer().routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
