"""A server to play streams on: ours, over a socket, with a scripted model server behind it and a clock that stands."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from compat_tests.scripted_upstream import Cut, Reply, Stream, Wait, scripted_upstream
from compat_tests.scripted_upstream.replies import Rule
from proxy.api import http_face
from proxy.api.authorization import ANONYMOUS_PROJECT
from proxy.store import Store
from proxy.store.database import DatabaseFailed
from tests.engine.conftest import StandingClock, World, a_process, read
from tests.shelves import a_shelf
from tests.streams.cases import SUBMITTED_AFTER, Case, Stop
from tests.streams.expected import LIFETIME, WEATHER, Frame

DONE = b"event: done\ndata: [DONE]\n\n"
Seen = Callable[[], Awaitable[None]]


class FullDisk:
    """The store as the engine has it, while there is room on its disk."""

    def __init__(self) -> None:
        self.store: Store
        self.is_full = False

    def __call__(self, store: Store) -> "FullDisk":
        self.store = store
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def write(self, work: Any) -> Any:
        if self.is_full:
            raise DatabaseFailed("database or disk is full")
        return await self.store.write(work)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a client needs to know in order to play a case."""

    assistant_id: str
    thread_id: str | None
    """None: it is created with the run."""
    body: dict[str, Any]
    thread: dict[str, Any]
    outputs: list[list[str]]
    stop: Stop | None


class Place:
    def __init__(self, client: TestClient[Any, Any], world: World, disk: FullDisk) -> None:
        self.client = client
        self.world = world
        self.disk = disk
        self.url = str(client.make_url("/v1"))
        self.cut = asyncio.Event()

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        async with self.client.request(method, f"/v1{path}", json=body) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()

    async def plan(self, case: Case) -> Plan:
        """Everything that a run of this case needs, created; the model server has its script."""
        tools = [{**WEATHER, "function": {k: v for k, v in WEATHER["function"].items() if k != "strict"}}]
        assistant = await self.ask("POST", "/assistants", {"model": "tiny", "tools": tools})
        thread: dict[str, Any] = {"messages": [{"role": "user", "content": "How is the weather?"}]}
        if case.files:
            shelf = await a_shelf(self.world.store, ANONYMOUS_PROJECT, case.files)
            thread["tool_resources"] = {"file_search": {"vector_store_ids": [shelf]}}
        thread_id = None if case.creates_thread else (await self.ask("POST", "/threads", thread))["id"]

        def asked(reply: Reply) -> Rule:
            def answer(body: dict[str, Any]) -> Reply:
                self.disk.is_full = case.full_disk
                return self._cut_when_told(reply)

            return answer

        self.world.upstream.script(map(asked, case.replies))
        return Plan(
            assistant_id=assistant["id"],
            thread_id=thread_id,
            body=case.body,
            thread=thread,
            outputs=case.outputs,
            stop=case.stop,
        )

    def _cut_when_told(self, reply: Reply) -> Reply:
        """What arrives together with the end of a connection may be lost with it, so nothing does."""
        if not isinstance(reply, Stream):
            return reply
        steps = ((Wait(self.cut), step) if isinstance(step, Cut) else (step,) for step in reply.steps)
        return replace(reply, steps=tuple(chain.from_iterable(steps)))

    async def stop(self, plan: Plan) -> None:
        assert plan.stop is not None
        (run,) = (await self.ask("GET", f"/threads/{plan.thread_id}/runs"))["data"]
        if plan.stop.by == "cut":
            self.cut.set()
            return
        if plan.stop.by == "expire":
            position = self.world.engine.published(run["id"])
            assert position is not None
            self.world.clock.pass_(LIFETIME)
            await self.world.engine.look_after()
            await read(self.world.engine.follow(run["id"], since=position))
            return
        answer = await self.ask("POST", f"/threads/{plan.thread_id}/runs/{run['id']}/cancel")
        assert (answer["status"], answer["expires_at"]) == ("cancelling", run["expires_at"])

    async def get(self, run: dict[str, Any]) -> "Stored":
        """The run, its steps and its messages, as they are there."""
        path = f"/threads/{run['thread_id']}/runs/{run['id']}"
        steps = (await self.ask("GET", f"{path}/steps?order=asc"))["data"]
        messages = await self.ask("GET", f"/threads/{run['thread_id']}/messages?order=asc&run_id={run['id']}")
        for step in steps:
            assert await self.ask("GET", f"{path}/steps/{step['id']}") == step
        for message in messages["data"]:
            assert await self.ask("GET", f"/threads/{run['thread_id']}/messages/{message['id']}") == message
        return Stored(run=await self.ask("GET", path), steps=steps, messages=messages["data"])

    async def is_free(self, thread_id: str) -> None:
        """The thread takes a message: its run has ended."""
        await self.ask("POST", f"/threads/{thread_id}/messages", {"role": "user", "content": "Thank you."})

    async def frames(self, plan: Plan) -> list[list[Frame]]:
        """The frames of each stream of a plan, read from the socket."""
        body = {"assistant_id": plan.assistant_id, "stream": True, **plan.body}
        if plan.thread_id is None:
            streams = [await self._read("POST", "/threads/runs", body | {"thread": plan.thread})]
        else:
            streams = [await self._read("POST", f"/threads/{plan.thread_id}/runs", body, plan)]
        run = streams[0][-1][1]
        for outputs in plan.outputs:
            self.world.clock.pass_(SUBMITTED_AFTER)
            calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
            given = [{"tool_call_id": c["id"], "output": o} for c, o in zip(calls, outputs, strict=True)]
            path = f"/threads/{run['thread_id']}/runs/{run['id']}/submit_tool_outputs"
            streams.append(await self._read("POST", path, {"tool_outputs": given, "stream": True}, plan))
            run = streams[-1][-1][1]
        if plan.stop is not None and plan.stop.at_rest:
            await self.stop(plan)
            received = sum(map(len, streams))
            path = f"/threads/{run['thread_id']}/runs/{run['id']}/events?starting_after={received}"
            streams.append(await self._read("GET", path))
        return streams

    async def stream(self, path: str, body: Any) -> list[Frame]:
        return await self._read("POST", path, body)

    async def _read(self, method: str, path: str, body: Any = None, plan: Plan | None = None) -> list[Frame]:
        async with self.client.request(method, f"/v1{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            return frames_in(await self._read_whole(answer, plan))

    async def _read_whole(self, answer: ClientResponse, plan: Plan | None) -> bytes:
        stop = None if plan is None else plan.stop
        if plan is None or stop is None or stop.at_rest:
            return await answer.content.read()
        said = b""
        while said.count(b"event: %b\n" % stop.after.encode()) < stop.times:
            read = await answer.content.readany()
            said += read
            if not read:  # this stream has ended before
                return said
        await self.stop(plan)
        return said + await answer.content.read()


@dataclass(frozen=True, kw_only=True)
class Stored:
    run: dict[str, Any]
    steps: list[dict[str, Any]]
    messages: list[dict[str, Any]]


def as_read(step: dict[str, Any]) -> dict[str, Any]:
    """A step of a stream, as whoever reads it later is shown it: without the time at which it would have expired."""
    return step | {"expires_at": None} if step["status"] == "completed" else step


def frames_in(data: bytes) -> list[Frame]:
    """The frames before `done`, each of an event line, a data line and a blank one, and nothing else."""
    assert data.endswith(DONE)
    blocks = data.removesuffix(DONE).split(b"\n\n")
    assert blocks.pop() == b""
    frames = []
    for block in blocks:
        event, body = block.split(b"\n")
        assert event.startswith(b"event: ")
        assert body.startswith(b"data: {")
        frames.append((event.removeprefix(b"event: ").decode(), json.loads(body.removeprefix(b"data: "))))
    return frames


def unindexed(value: Any) -> Any:
    """Without the indexes and quotes of deltas, which clients leave in what they put together."""
    match value:
        case dict():
            return {key: unindexed(each) for key, each in value.items() if key not in {"index", "quote"}}
        case list():
            return [unindexed(each) for each in value]
        case _:
            return value


def without_outputs(details: dict[str, Any]) -> Any:
    """Clients do not look at the outputs and results that complete a step."""
    calls = details.get("tool_calls", [])
    return {**details, "tool_calls": [_without_output(call) for call in calls]} if calls else details


def _without_output(call: dict[str, Any]) -> dict[str, Any]:
    key, nothing = ("results", []) if call["type"] == "file_search" else ("output", None)
    return {**call, call["type"]: {**call[call["type"]], key: nothing}}


@asynccontextmanager
async def a_place(directory: Path) -> AsyncIterator[Place]:
    disk = FullDisk()
    async with (
        scripted_upstream() as upstream,
        a_process(directory, upstream, StandingClock(), meddled=disk) as world,
        TestClient(TestServer(http_face(world.services))) as client,
    ):
        yield Place(client, world, disk)
