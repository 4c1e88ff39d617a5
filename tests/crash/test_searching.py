"""`kill -9` in the middle of a file search: after the restart the run ends, searched once and cited right.

Files are found by words alone here, which is quicker; to a run it makes no difference what a search takes its time for.
"""

import asyncio
import json
import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from compat_tests.scripted_upstream import ScriptedUpstream
from tests.crash.clients import LOST, POLL_SECONDS, RESTS, Client
from tests.processes import Server
from tests.streams.place import as_read

MOST_INTERRUPTIONS = 3
RECOVERY_SECONDS = 20
SHORT = b"The beacon is lit at dusk."
LONG = "".join(f"Sentence {n} is about ships and harbours. " for n in range(700)).encode() + b"The beacon is red."
"""Takes a second or so until it is read, and runs wait for it: so long do they search."""

Event = tuple[str, Any]
MOMENTS: dict[str, tuple[str, float]] = {
    "the model is asked": ("thread.run.in_progress", 0.02),
    "it is searched": ("thread.run.step.delta", 0.5),
    "the results are saved": ("thread.run.step.delta", 0.15),
    "the results are announced": ("thread.run.step.completed", 0.0),
    "the model answers": ("thread.message.delta", 0.3),
}
"""The event that a moment begins with, and the most seconds until it is over. Saving begins when the file is read."""


class Stored(Struct, frozen=True):
    """A run as a dead process left it."""

    status: str
    interruptions: int
    finished: dict[str, Any]
    """The searches that were finished, by the id of their step."""


async def upload(client: Client, name: str, content: bytes) -> str:
    form = aiohttp.FormData({"purpose": "assistants"})
    form.add_field("file", content, filename=name)
    async with client.session.post(f"{client.url}/v1/files", data=form) as response:
        assert response.status == 200, await response.text()
        return str((await response.json())["id"])


async def an_assistant(server: Server) -> str:
    """One that searches, and whose own file is read."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(RECOVERY_SECONDS):
        client = Client(session, server.url, lambda: None)
        store = await client.ask("POST", "/vector_stores", {"file_ids": [await upload(client, "short.txt", SHORT)]})
        await until_completed(client, store["id"])
        resources = {"file_search": {"vector_store_ids": [store["id"]]}}
        tool = {"type": "file_search", "file_search": {"max_num_results": 2}}
        body = {"model": "tiny", "tools": [tool], "tool_resources": resources}
        return str((await client.ask("POST", "/assistants", body))["id"])


async def until_completed(client: Client, store_id: str) -> None:
    while (await client.ask("GET", f"/vector_stores/{store_id}"))["status"] != "completed":  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)


class Searcher:
    """One thread with one run that searches, all that was heard of it, and what each death left of it."""

    def __init__(self, number: int, assistant_id: str) -> None:
        self.asked = f"Please search for beacon, number {number}."
        self.assistant_id = assistant_id
        self.run_id = self.run_path = ""
        self.heard: list[Event] = []
        """Of the stream that is being listened to."""
        self.left: list[Stored] = []
        self.requests: int | None = None
        """That made the model search, when the search was first seen to be finished."""

    def __repr__(self) -> str:
        return f"{self.asked} ({self.run_path}, {[each.status for each in self.left]})"

    async def run(self, client: Client) -> None:
        """With a file of the thread that is not read yet."""
        long = await upload(client, "long.txt", LONG)
        attachment = {"file_id": long, "tools": [{"type": "file_search"}]}
        message = {"role": "user", "content": self.asked, "attachments": [attachment]}
        thread = await client.ask("POST", "/threads", {"messages": [message]})
        await client.stream(f"/threads/{thread['id']}/runs", {"assistant_id": self.assistant_id}, self.hear)

    def hear(self, name: str, data: Any) -> None:
        self.heard.append((name, data))
        if data["object"] == "thread.run":
            self.run_id = data["id"]
            self.run_path = f"/threads/{data['thread_id']}/runs/{data['id']}"

    def has_heard(self, name: str) -> bool:
        return any(heard == name for heard, _ in self.heard)

    def asks(self, upstream: ScriptedUpstream) -> int:
        """How often the model was asked and had no results yet."""
        return sum(request["messages"][-1] == {"role": "user", "content": self.asked} for request in upstream.requests)

    def look(self, directory: Path, upstream: ScriptedUpstream) -> Stored:
        """See what a death left; nothing that was announced may be missing, and nothing that was there before."""
        with closing(sqlite3.connect(directory / "understudy.sqlite")) as database:
            asked = "SELECT status, interruptions FROM runs WHERE id = ?"
            (status, interruptions) = database.execute(asked, (self.run_id,)).fetchone()
            rows = database.execute("SELECT doc FROM steps WHERE run_id = ?", (self.run_id,)).fetchall()
        steps = [json.loads(doc) for (doc,) in rows]
        finished = {step["id"]: step for step in steps if step["type"] == "tool_calls" and step["completed_at"]}
        stored = Stored(status, interruptions, finished)
        announced = {data["id"] for name, data in self.heard if name == "thread.run.step.completed"}
        assert {step["id"] for step in steps if step["completed_at"]} >= announced, self
        for before in self.left:
            assert finished.items() >= before.finished.items(), self
        if finished and self.requests is None:
            self.requests = self.asks(upstream)
        self.left.append(stored)
        return stored


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    upstream = ScriptedUpstream(context=8192, delay_seconds=0.001)
    await upstream.start()
    yield upstream
    await upstream.stop()


@pytest.fixture
def server(tmp_path: Path, upstream: ScriptedUpstream) -> Iterator[Server]:
    server = Server(tmp_path / "data", upstream.url, environ={"UNDERSTUDY_RETRIEVAL__EMBEDDINGS_MODEL": "none"})
    yield server
    server.end()
    assert not [line for line in server.said if "ERROR" in line or "Traceback" in line]


@pytest.fixture
def lot() -> random.Random:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    return random.Random(seed)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(RECOVERY_SECONDS):
        while not condition():  # noqa: ASYNC110 - it is another process that brings it about
            await asyncio.sleep(POLL_SECONDS)


async def killed_at(server: Server, searcher: Searcher, moment: str, lot: random.Random) -> None:
    """Kill the server at some time in that moment, while the run is listened to."""
    name, most_seconds = MOMENTS[moment]
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url, lambda: None)
        running = asyncio.ensure_future(searcher.run(client))
        await until(lambda: running.done() or searcher.has_heard(name))
        if moment == "the results are saved":
            await until_read(client, searcher)
        await asyncio.wait([running], timeout=lot.uniform(0, most_seconds))
        await asyncio.to_thread(server.kill)
        with suppress(*LOST):
            await running


async def until_read(client: Client, searcher: Searcher) -> None:
    """Wait for the file of the thread; the run, which looks ten times a second, waits for it as well."""
    thread = await client.ask("GET", searcher.run_path.partition("/runs/")[0])
    (store_id,) = thread["tool_resources"]["file_search"]["vector_store_ids"]
    await until_completed(client, store_id)


def check_stream(searcher: Searcher) -> None:
    """Of what was heard: each delta comes after its object, and a message is what its deltas were."""
    begun: set[str] = set()
    said: dict[str, str] = {}
    for name, data in searcher.heard:
        if name.endswith(".created"):
            begun.add(data["id"])
        elif name == "thread.run.step.delta":
            assert data["id"] in begun, searcher
        elif name == "thread.message.delta":
            assert data["id"] in begun, searcher
            (part,) = data["delta"]["content"]
            said[data["id"]] = said.get(data["id"], "") + part["text"]["value"]
        elif name == "thread.message.completed":
            assert said[data["id"]] == data["content"][0]["text"]["value"], searcher
    ends = [name for name, data in searcher.heard if data["object"] == "thread.run" and data["status"] in RESTS]
    assert len(ends) <= 1, searcher


def check_answer(searcher: Searcher, results: list[Any], text: Any) -> None:
    """The scripted model repeats what it is shown: the mark of its instructions, then each passage after its own."""
    markers = [f"【4:{place}†{result['file_name']}】" for place, result in enumerate(results)]
    cited = [(markers[0], results[0]["file_id"])]
    cited += [(marker, result["file_id"]) for marker, result in zip(markers, results, strict=True)]
    assert [(each["text"], each["file_citation"]["file_id"]) for each in text["annotations"]] == cited, searcher
    for each in text["annotations"]:
        assert text["value"][each["start_index"] : each["end_index"]] == each["text"], searcher
    assert text["value"].count("【") == len(cited), searcher
    assert "[[" not in text["value"], searcher


async def check_recovered(client: Client, searcher: Searcher, upstream: ScriptedUpstream) -> None:
    """The run ends well, with the search that was finished before, if it was, and the thread goes on."""
    check_stream(searcher)
    while True:
        searcher.heard = []
        await client.follow(searcher.run_path, searcher.hear)
        if searcher.heard[-1][1]["status"] in RESTS:
            break
    check_stream(searcher)
    run = await client.ask("GET", searcher.run_path)
    assert run == searcher.heard[-1][1], searcher
    assert (run["status"], run["expires_at"], run["last_error"]) == ("completed", None, None), searcher

    steps = (await client.ask("GET", f"{searcher.run_path}/steps?order=asc"))["data"]
    assert [(step["type"], step["status"]) for step in steps] == [
        ("tool_calls", "completed"),
        ("message_creation", "completed"),
    ], searcher
    announced = {data["id"]: as_read(data) for name, data in searcher.heard if name == "thread.run.step.completed"}
    stored = {step["id"]: step for step in steps}
    assert {id: stored.get(id) for id in announced} == announced, searcher
    (call,) = steps[0]["step_details"]["tool_calls"]
    results = call["file_search"]["results"]
    assert {result["file_name"] for result in results} == {"short.txt", "long.txt"}, searcher
    for left in searcher.left:
        if left.finished:
            assert list(left.finished) == [steps[0]["id"]], searcher
    asks = searcher.asks(upstream)
    assert asks >= 1, searcher
    assert searcher.requests in {None, asks}, searcher

    messages = (await client.ask("GET", f"/threads/{run['thread_id']}/messages?order=asc"))["data"]
    assert [(each["role"], each["status"]) for each in messages] == [("user", "completed"), ("assistant", "completed")]
    check_answer(searcher, results, messages[1]["content"][0]["text"])
    assert messages[1]["id"] == steps[1]["step_details"]["message_creation"]["message_id"]
    await check_thread(client, searcher, run)


async def check_thread(client: Client, searcher: Searcher, run: Any) -> None:
    thread = f"/threads/{run['thread_id']}"
    await client.ask("POST", f"{thread}/messages", {"role": "user", "content": "Go on"})
    again = await client.ask("POST", f"{thread}/runs", {"assistant_id": searcher.assistant_id})
    assert (await client.poll(f"{thread}/runs/{again['id']}"))["status"] == "completed"


async def test_killed_at_any_moment_of_a_search(server: Server, upstream: ScriptedUpstream, lot: random.Random) -> None:
    await asyncio.to_thread(server.start)
    assistant_id = await an_assistant(server)
    for number, moment in enumerate(lot.sample(list(MOMENTS), len(MOMENTS))):
        searcher = Searcher(number, assistant_id)
        await killed_at(server, searcher, moment, lot)
        searcher.look(server.data, upstream)
        if lot.random() < 0.3:  # and again, some time after it is up
            await asyncio.to_thread(server.start)
            await asyncio.sleep(lot.uniform(0, 1))
            await asyncio.to_thread(server.kill)
            searcher.look(server.data, upstream)
        left = [f"{each.status}{', searched' if each.finished else ''}" for each in searcher.left]
        print(f"killed while {moment}: {'; '.join(left)}")
        await asyncio.to_thread(server.start)
        async with aiohttp.ClientSession() as session, asyncio.timeout(RECOVERY_SECONDS):
            await check_recovered(Client(session, server.url, lambda: None), searcher, upstream)


async def test_a_search_that_is_killed_again_and_again(
    server: Server, upstream: ScriptedUpstream, lot: random.Random
) -> None:
    """Its run fails in the end, as any other does, and what it had begun is gone."""
    await asyncio.to_thread(server.start)
    searcher = Searcher(0, await an_assistant(server))
    await killed_at(server, searcher, "the model is asked", lot)
    while searcher.look(server.data, upstream).interruptions < MOST_INTERRUPTIONS:
        await asyncio.to_thread(server.start)
        async with aiohttp.ClientSession() as session:
            client = Client(session, server.url, lambda: None)
            while (await client.ask("GET", f"{searcher.run_path}/steps"))["data"] == []:  # noqa: ASYNC110
                await asyncio.sleep(POLL_SECONDS)
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with aiohttp.ClientSession() as session, asyncio.timeout(RECOVERY_SECONDS):
        client = Client(session, server.url, lambda: None)
        run = await client.poll(searcher.run_path)
        assert (run["status"], run["last_error"]["code"], run["expires_at"]) == ("failed", "server_error", None)
        assert (await client.ask("GET", f"{searcher.run_path}/steps"))["data"] == []
        messages = (await client.ask("GET", f"/threads/{run['thread_id']}/messages"))["data"]
        assert [each["role"] for each in messages] == ["user"]
        await check_thread(client, searcher, run)
    assert [each.interruptions for each in searcher.left] == list(range(MOST_INTERRUPTIONS + 1))
