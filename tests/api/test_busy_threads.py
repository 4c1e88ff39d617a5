"""Messages and runs for a thread that has an active run: refused, kept waiting, or in its place."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientResponse
from msgspec.structs import replace

from compat_tests.scripted_upstream import ScriptedUpstream, hang, text, tool_calls
from config.settings import RunSettings, Settings
from proxy.services import Services
from proxy.tasks import TaskGroup
from tests.api.conftest import Client

CALL = [("get_weather", {"city": "Paris"})]
WEATHER = {"type": "function", "function": {"name": "get_weather"}}


class Talk:
    """A thread with an active run, as a client has them."""

    def __init__(self, client: Client, services: Services) -> None:
        self.client = client
        self.services = services
        self.tasks = TaskGroup()
        self.thread_id = ""
        self.assistant_id = ""
        self.run_id = ""

    @property
    def path(self) -> str:
        return f"/v1/threads/{self.thread_id}"

    async def begin(self) -> None:
        assistant = await self.ask("POST", "/v1/assistants", {"model": "tiny", "tools": [WEATHER]})
        thread = await self.ask("POST", "/v1/threads", {"messages": [{"role": "user", "content": "Hi"}]})
        self.assistant_id, self.thread_id = assistant["id"], thread["id"]
        self.run_id = (await self.ask("POST", f"{self.path}/runs", {"assistant_id": self.assistant_id}))["id"]

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        async with self.client.request(method, path, json=body) as answer:
            answered = await answer.json()
            assert answer.status == status, answered
            return answered

    async def refusal(self, path: str, body: Any) -> str:
        error = (await self.ask("POST", f"{self.path}/{path}", body, status=400))["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
        return str(error["message"])

    def say(self, text: str) -> "asyncio.Task[Any]":
        body = {"role": "user", "content": text}
        return self.tasks.start(self.ask("POST", f"{self.path}/messages", body), name=text)

    def start_run(self) -> "asyncio.Task[Any]":
        body = {"assistant_id": self.assistant_id}
        return self.tasks.start(self.ask("POST", f"{self.path}/runs", body), name="a run")

    async def run(self, run_id: str | None = None) -> Any:
        return await self.ask("GET", f"{self.path}/runs/{run_id or self.run_id}")

    async def until(self, status: str, run_id: str | None = None) -> Any:
        async with asyncio.timeout(10):
            while (run := await self.run(run_id))["status"] != status:
                pass
        return run

    async def said(self) -> list[str]:
        """What stands on the thread, oldest first."""
        listed = await self.ask("GET", f"{self.path}/messages?order=asc")
        return [message["content"][0]["text"]["value"] for message in listed["data"]]

    async def in_line(self, number: int) -> None:
        lines = self.services.engine.waiting._lines
        async with asyncio.timeout(10):
            while len(lines.get(self.thread_id, ())) != number:
                await self.run()


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    return replace(Settings(), runs=RunSettings(**request.param))


@pytest.fixture
def talk(client: Client, services: Services) -> Talk:
    return Talk(client, services)


def having(**given: Any) -> Any:
    """The server of a test has these settings of runs."""
    return pytest.mark.parametrize("settings", [given], indirect=True, ids=[given["when_thread_is_busy"]])


@having(when_thread_is_busy="reject", busy_wait_seconds=60.0)
async def test_refused(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(hang())
    await talk.begin()
    async with asyncio.timeout(5):
        assert await talk.refusal("messages", {"role": "user", "content": "?"}) == (
            f"Can't add messages to {talk.thread_id} while a run {talk.run_id} is active."
        )
        assert await talk.refusal("runs", {"assistant_id": talk.assistant_id}) == (
            f"Thread {talk.thread_id} already has an active run {talk.run_id}."
        )


@having(when_thread_is_busy="reject")
async def test_the_list_of_threads_shows_the_active_run(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(tool_calls(CALL))
    await talk.begin()
    thread = await talk.ask("GET", talk.path)
    assert "active_run_id" not in thread
    assert (await talk.ask("GET", "/v1/threads"))["data"] == [thread | {"active_run_id": talk.run_id}]
    await talk.until("requires_action")
    assert (await talk.ask("GET", "/v1/threads"))["data"] == [thread | {"active_run_id": talk.run_id}]
    await talk.ask("POST", f"{talk.path}/runs/{talk.run_id}/cancel")
    await talk.until("cancelled")
    assert (await talk.ask("GET", "/v1/threads"))["data"] == [thread | {"active_run_id": None}]


waiting = having(when_thread_is_busy="wait", busy_wait_seconds=60.0)


@waiting
async def test_a_message_waits_for_the_end_of_the_run(talk: Talk, upstream: ScriptedUpstream, services: Services):
    gate = asyncio.Event()
    upstream.reply(text("Hello").waiting(gate, after=0))
    await talk.begin()
    message = talk.say("And now?")
    await talk.in_line(1)
    services.clock.time += 30  # type: ignore[attr-defined]
    gate.set()
    assert (await message)["created_at"] == services.clock.now()
    assert await talk.said() == ["Hi", "Hello", "And now?"]
    assert (await talk.run())["status"] == "completed"


@waiting
async def test_a_run_waits_for_the_end_of_the_run(talk: Talk, upstream: ScriptedUpstream, services: Services):
    gate = asyncio.Event()
    upstream.reply(text("one").waiting(gate, after=0), text("two"))
    await talk.begin()
    run = talk.start_run()
    await talk.in_line(1)
    services.clock.time += 30  # type: ignore[attr-defined]
    gate.set()
    second = await run
    assert (second["status"], second["expires_at"]) == ("queued", services.clock.now() + 600)
    await talk.until("completed", second["id"])
    assert await talk.said() == ["Hi", "one", "two"]


@waiting
async def test_those_who_wait_go_in_the_order_in_which_they_came(talk: Talk, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(text("one").waiting(gate, after=0), text("two"))
    await talk.begin()
    waits: list[Callable[[], Any]] = [
        lambda: talk.say("first"),
        lambda: talk.say("second"),
        talk.start_run,
        lambda: talk.say("third"),
    ]
    for number, wait in enumerate(waits, 1):
        wait()
        await talk.in_line(number)
    gate.set()
    await talk.tasks.wait(10)
    assert await talk.said() == ["Hi", "one", "first", "second", "two", "third"]


@waiting
async def test_a_client_that_leaves_writes_nothing(talk: Talk, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(text("one").waiting(gate, after=0))
    await talk.begin()
    writers = []
    for path, body in (
        ("messages", b'{"role":"user","content":"left"}'),
        ("runs", b'{"assistant_id":"%b"}' % talk.assistant_id.encode()),
    ):
        _, writer = await asyncio.open_connection(talk.client.host, talk.client.port)
        head = f"POST {talk.path}/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        writers.append(writer)
        await talk.in_line(len(writers))
    last = talk.say("stayed")
    await talk.in_line(3)
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    await talk.in_line(1)
    gate.set()
    await last
    assert await talk.said() == ["Hi", "one", "stayed"]
    runs = await talk.ask("GET", f"{talk.path}/runs")
    assert [run["id"] for run in runs["data"]] == [talk.run_id]


@waiting
async def test_a_thread_that_is_deleted_meanwhile(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(hang())
    await talk.begin()
    body = {"role": "user", "content": "?"}
    asked = talk.tasks.start(talk.ask("POST", f"{talk.path}/messages", body, status=404), name="asked")
    await talk.in_line(1)
    await talk.ask("DELETE", talk.path)
    async with asyncio.timeout(0.5):
        assert (await asked)["error"]["message"] == f"No thread found with id '{talk.thread_id}'."


@waiting
async def test_who_waits_is_told_when_the_server_stops(talk: Talk, upstream: ScriptedUpstream, services: Services):
    upstream.reply(hang())
    await talk.begin()
    refused = talk.tasks.start(talk.refusal("messages", {"role": "user", "content": "?"}), name="refused")
    await talk.in_line(1)
    await services.engine.aclose(patience_seconds=0)
    assert (await refused).endswith(f"while a run {talk.run_id} is active.")


@having(when_thread_is_busy="wait", busy_wait_seconds=0.02)
@pytest.mark.parametrize("reply", [hang(), tool_calls(CALL)], ids=["in_progress", "requires_action"])
async def test_nobody_waits_longer_than_the_deadline(talk: Talk, upstream: ScriptedUpstream, reply: Any):
    upstream.reply(reply)
    await talk.begin()
    async with asyncio.timeout(5):
        assert await talk.refusal("messages", {"role": "user", "content": "?"}) == (
            f"Can't add messages to {talk.thread_id} while a run {talk.run_id} is active."
        )
        assert await talk.refusal("runs", {"assistant_id": talk.assistant_id, "stream": True}) == (
            f"Thread {talk.thread_id} already has an active run {talk.run_id}."
        )


@waiting
async def test_an_idle_thread_needs_no_waiting(talk: Talk):
    await talk.begin()
    await talk.until("completed")
    async with asyncio.timeout(0.5):
        await talk.say("at once")


cancelling = having(when_thread_is_busy="cancel", busy_wait_seconds=60.0)


@cancelling
@pytest.mark.parametrize(("reply", "status"), [(hang(after=2), "in_progress"), (tool_calls(CALL), "requires_action")])
async def test_a_message_in_the_place_of_the_run(talk: Talk, upstream: ScriptedUpstream, reply: Any, status: str):
    upstream.reply(reply)
    await talk.begin()
    await talk.until(status)
    async with asyncio.timeout(5):
        await talk.say("Stop!")
    run = await talk.run()
    assert (run["status"], run["required_action"], run["expires_at"]) == ("cancelled", None, None)
    assert (await talk.said())[-1] == "Stop!"


@cancelling
async def test_a_run_in_the_place_of_the_run(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(hang(), text("two"))
    await talk.begin()
    await upstream.received()
    body = {"assistant_id": talk.assistant_id, "stream": True}
    async with asyncio.timeout(5), talk.client.post(f"{talk.path}/runs", json=body) as answer:
        assert answer.status == 200
        assert b"event: thread.run.completed" in await answer.read()
    assert (await talk.run())["status"] == "cancelled"


@cancelling
async def test_the_last_one_wins(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(*[hang()] * 3, text("three"))
    await talk.begin()
    runs = []
    for number in range(1, 4):
        await upstream.received(number)
        runs.append((await talk.start_run())["id"])
    assert [(await talk.run(run_id))["status"] for run_id in [talk.run_id, *runs[:2]]] == ["cancelled"] * 3
    await talk.until("completed", runs[2])


@cancelling
async def test_a_run_that_is_being_cancelled_is_waited_for(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(hang())
    await talk.begin()
    async with asyncio.timeout(5):
        await asyncio.gather(talk.say("Stop!"), talk.say("Stop!"))
    assert (await talk.run())["status"] == "cancelled"
    assert (await talk.said())[-2:] == ["Stop!", "Stop!"]


@cancelling
async def test_nothing_is_cancelled_for_a_body_that_is_refused(talk: Talk, upstream: ScriptedUpstream):
    upstream.reply(hang())
    await talk.begin()
    assert await refused(talk, "messages", {"role": "user", "content": []}) == "Message content must be non-empty."
    assert await refused(talk, "runs", {"assistant_id": "x"}) == (
        "Invalid 'assistant_id': 'x'. Expected an ID that begins with 'asst'."
    )
    body = {"assistant_id": talk.assistant_id, "tool_choice": {"type": "code_interpreter"}}
    assert (await refused(talk, "runs", body)).startswith("'tool_choice' forces the tool 'code_interpreter'")
    body = {"assistant_id": talk.assistant_id, "tool_choice": "required", "tools": [{"type": "code_interpreter"}]}
    assert (await refused(talk, "runs", body)).startswith("'tool_choice' requires a tool")
    body = {"assistant_id": talk.assistant_id, "truncation_strategy": {"type": "last_messages"}}
    assert (await refused(talk, "runs", body)).startswith("Missing required parameter")
    await talk.ask("POST", f"{talk.path}/runs", {"assistant_id": "asst_1"}, status=404)
    assert (await talk.run())["status"] in {"queued", "in_progress"}


async def refused(talk: Talk, path: str, body: Any) -> str:
    answer: ClientResponse
    async with talk.client.post(f"{talk.path}/{path}", json=body) as answer:
        assert answer.status == 400
        return str((await answer.json())["error"]["message"])
