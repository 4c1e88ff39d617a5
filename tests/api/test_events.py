"""Following a run by frame number, for clients whose stream broke."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from compat_tests.scripted_upstream import Hang, Say, ScriptedUpstream, Stream, Wait, hang, text, tool_calls
from config.settings import RunSettings, Settings, UpstreamSettings
from proxy.api import http_face
from proxy.services import Services
from tests.api.conftest import Client
from tests.engine.conftest import Frame, frames_in
from tests.serving import serving

CALL = [("get_weather", {"city": "Paris"})]
WEATHER = {"type": "function", "function": {"name": "get_weather"}}
DONE = b"event: done\ndata: [DONE]\n\n"


async def begun(client: Client, **given: Any) -> tuple[str, dict[str, Any]]:
    """The path of the runs of a thread with a question, and a body that starts one as a stream."""
    async with client.post("/v1/assistants", json={"model": "tiny", "tools": [WEATHER]}) as answer:
        assistant = await answer.json()
    async with client.post("/v1/threads", json={"messages": [{"role": "user", "content": "Hi"}]}) as answer:
        thread = await answer.json()
    return f"/v1/threads/{thread['id']}/runs", {"assistant_id": assistant["id"], "stream": True} | given


async def streamed(client: Client, path: str, body: Any) -> bytes:
    async with client.post(path, json=body) as answer:
        assert answer.status == 200
        return whole(await answer.read())


async def events(client: Client, path: str, after: int | None = None) -> bytes:
    query = {} if after is None else {"starting_after": str(after)}
    async with asyncio.timeout(10), client.get(f"{path}/events", params=query) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        return whole(await answer.read())


async def asked(client: Client, path: str) -> Any:
    async with client.get(path) as answer:
        return await answer.json()


def whole(stream: bytes) -> bytes:
    """The frames of a stream that has come to its end."""
    assert stream.endswith(DONE)
    assert b"\nid:" not in stream
    return stream.removesuffix(DONE)


def after(number: int, *streams: bytes) -> bytes:
    frames = [frame + b"\n\n" for frame in b"".join(streams).split(b"\n\n")[:-1]]
    return b"".join(frames[number:])


def count(*streams: bytes) -> int:
    return b"".join(streams).count(b"\n\n")


def run_of(stream: bytes) -> str:
    return next(str(data["id"]) for name, data in frames_in(stream) if name == "thread.run.created")


def statuses(frames: list[Frame]) -> list[tuple[str, str]]:
    return [(name, data["status"]) for name, data in frames]


async def test_every_frame_can_be_the_next(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text("one two three"))
    path, body = await begun(client)
    stream = await streamed(client, path, body)
    run = f"{path}/{run_of(stream)}"
    assert await events(client, run) == stream
    for number in range(count(stream) + 1):
        assert await events(client, run, number) == after(number, stream)


async def test_a_stream_that_broke_is_taken_up_where_it_was(client: Client, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(Stream((Say("Hel"), Wait(gate), Say("lo"))))
    path, body = await begun(client)
    broken = await client.post(path, json=body)
    said = b""
    while b"Hel" not in said:
        said += await broken.content.readany()
    broken.close()
    received = said[: said.rindex(b"\n\n") + 2]
    run_path = f"{path}/{run_of(received)}"
    rest = asyncio.gather(events(client, run_path, count(received)), events(client, run_path, 2))
    gate.set()
    stream, longer = await rest
    everything = received + stream
    assert longer == after(2, everything)
    assert await events(client, run_path, 0) == everything
    deltas = [
        data["delta"]["content"][0]["text"]["value"]
        for name, data in frames_in(everything)
        if name == "thread.message.delta"
    ]
    assert "".join(deltas) == "Hello"
    assert frames_in(everything)[-1] == ("thread.run.completed", await asked(client, run_path))


async def test_numbers_go_on_over_the_streams_of_a_run(client: Client, upstream: ScriptedUpstream):
    upstream.reply(tool_calls(CALL, content="Wait."), text("Sunny."))
    path, body = await begun(client)
    first = await streamed(client, path, body)
    run_path = f"{path}/{run_of(first)}"
    assert await events(client, run_path, 3) == after(3, first)
    assert await events(client, run_path, count(first)) == b""  # it rests, and has said all
    run = await asked(client, run_path)
    outputs = [{"tool_call_id": run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"], "output": "21"}]
    second = await streamed(client, f"{run_path}/submit_tool_outputs", {"tool_outputs": outputs, "stream": True})
    total = count(first, second)
    assert await events(client, run_path, 0) == first  # up to where it rested first
    for number in range(count(first), total + 1):
        assert await events(client, run_path, number) == after(number, first, second)
    assert frames_in(second)[0][0] == "thread.run.step.completed"


async def test_the_thread_of_a_thread_and_run_is_the_first_frame(client: Client):
    _, body = await begun(client)
    thread = {"messages": [{"role": "user", "content": "Hi"}]}
    stream = await streamed(client, "/v1/threads/runs", body | {"thread": thread})
    ((name, thread),) = frames_in(stream)[:1]
    assert name == "thread.created"
    assert await events(client, f"/v1/threads/{thread['id']}/runs/{run_of(stream)}", 1) == after(1, stream)


async def test_following_a_run_that_was_not_streamed(client: Client, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(text("Hello").waiting(gate, after=0))
    path, body = await begun(client, stream=False)
    async with client.post(path, json=body) as answer:
        run = await answer.json()
    following = asyncio.gather(*(events(client, f"{path}/{run['id']}") for _ in range(3)))
    gate.set()
    one, *others = await following
    assert others == [one, one]
    assert frames_in(one)[0] == ("thread.run.created", run)
    assert frames_in(one)[-1][0] == "thread.run.completed"


async def test_a_follower_that_leaves_takes_nothing_with_it(client: Client, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(text("Hello").waiting(gate, after=0))
    path, body = await begun(client, stream=False)
    async with client.post(path, json=body) as answer:
        run_path = f"{path}/{(await answer.json())['id']}"
    async with client.get(f"{run_path}/events") as left:
        await left.content.readany()
        left.close()
    gate.set()
    assert frames_in(await events(client, run_path))[-1][0] == "thread.run.completed"


@pytest.mark.parametrize(
    ("query", "message", "code"),
    [
        (
            "5",
            "Invalid 'starting_after': integer above maximum value. Expected a value <= 3, but got 5 instead.",
            "above",
        ),
        (
            "-1",
            "Invalid 'starting_after': integer below minimum value. Expected a value >= 0, but got -1 instead.",
            "below",
        ),
    ],
)
async def test_numbers_that_no_frame_has(
    client: Client, upstream: ScriptedUpstream, query: str, message: str, code: str
):
    upstream.reply(hang(after=0))
    path, body = await begun(client)
    async with client.post(path, json=body) as answer:
        said = b""
        while b"event: thread.run.in_progress" not in said:
            said += await answer.content.readany()
        async with client.get(f"{path}/{run_of(said)}/events?starting_after={query}") as refused:
            assert refused.status == 400
            assert (await refused.json())["error"] == {
                "message": message,
                "type": "invalid_request_error",
                "param": "starting_after",
                "code": f"integer_{code}_{'max' if code == 'above' else 'min'}_value",
            }


async def test_what_is_not_there(client: Client):
    path, body = await begun(client)
    run_id = run_of(await streamed(client, path, body))
    other, _ = await begun(client)
    for wrong, message in (
        (f"{path}/run_1", "No run found with id 'run_1'."),
        (f"{other}/{run_id}", f"No run found with id '{run_id}'."),
        (f"/v1/threads/thread_1/runs/{run_id}", "No thread found with id 'thread_1'."),
    ):
        async with client.get(f"{wrong}/events") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["message"] == message
    async with client.post(f"{path}/{run_id}/events") as answer:
        assert answer.status == 405


async def test_head_gives_headers_only(client: Client, upstream: ScriptedUpstream):
    upstream.reply(hang())
    path, body = await begun(client, stream=False)
    async with client.post(path, json=body) as answer:
        run = await answer.json()
    async with asyncio.timeout(5), client.head(f"{path}/{run['id']}/events") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


class TestForgetful:
    @pytest.fixture
    def settings(self) -> Settings:
        return replace(Settings(), runs=RunSettings(frames_kept_seconds=0.001))

    async def test_a_run_that_is_over_is_told_in_one_event(self, client: Client, services: Services):
        path, body = await begun(client)
        stream = await streamed(client, path, body)
        await forgotten(services, run_of(stream))
        for number in (0, 3, count(stream), 1000):
            told = await events(client, f"{path}/{run_of(stream)}", number)
            assert frames_in(told) == frames_in(stream)[-1:]

    async def test_numbers_go_on_while_the_run_waits(
        self, client: Client, services: Services, upstream: ScriptedUpstream
    ):
        upstream.reply(tool_calls(CALL), Stream((Say("Sun"), Hang())))
        path, body = await begun(client)
        first = await streamed(client, path, body)
        run_path = f"{path}/{run_of(first)}"
        await forgotten(services, run_of(first))
        assert frames_in(await events(client, run_path, 2)) == frames_in(first)[-1:]
        run = await asked(client, run_path)
        (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
        outputs = {"tool_outputs": [{"tool_call_id": call["id"], "output": "21"}], "stream": True}
        async with client.post(f"{run_path}/submit_tool_outputs", json=outputs) as answer:
            said = b""
            while b"Sun" not in said:
                said += await answer.content.readany()
        async with client.post(f"{run_path}/cancel") as answer:
            assert answer.status == 200
        received = said[: said.rindex(b"\n\n") + 2]
        rest = await events(client, run_path, count(first, received))
        assert [name for name, _ in frames_in(rest)] == [
            "thread.run.cancelling",
            "thread.message.incomplete",
            "thread.run.step.cancelled",
            "thread.run.cancelled",
        ]


async def forgotten(services: Services, run_id: str) -> None:
    async with asyncio.timeout(5):
        while (channel := services.engine._broadcast._channels.get(run_id)) is not None and channel.frames:
            await services.store.ping()


class TestRestart:
    """The frames of the last process are gone with it."""

    @pytest.fixture
    def server(self, upstream: ScriptedUpstream) -> UpstreamSettings:
        return UpstreamSettings(url=upstream.url, dialect="generic")

    async def test_runs_that_rest(self, tmp_path: Path, upstream: ScriptedUpstream, server: UpstreamSettings):
        upstream.reply(text("Hello"), tool_calls(CALL))
        paths = []
        async with serving(tmp_path, server) as services, TestClient(TestServer(http_face(services))) as client:
            for _ in range(2):
                path, body = await begun(client)
                paths.append(f"{path}/{run_of(await streamed(client, path, body))}")
        async with serving(tmp_path, server) as services, TestClient(TestServer(http_face(services))) as client:
            for path, status in zip(paths, ("completed", "requires_action"), strict=True):
                told = frames_in(await events(client, path, 9))
                assert told == [(f"thread.run.{status}", await asked(client, path))]

    async def test_a_run_that_goes_on(self, tmp_path: Path, upstream: ScriptedUpstream, server: UpstreamSettings):
        gate = asyncio.Event()
        upstream.reply(hang(after=2), text("Hello").waiting(gate, after=1))
        async with serving(tmp_path, server) as services, TestClient(TestServer(http_face(services))) as client:
            path, body = await begun(client)
            answer = await client.post(path, json=body)
            said = b""
            while b"two" not in said:
                said += await answer.content.readany()
            run_path = f"{path}/{run_of(said)}"
            answer.close()
        async with serving(tmp_path, server) as services, TestClient(TestServer(http_face(services))) as client:
            before = await asked(client, run_path)
            assert frames_in(await events(client, run_path, 8)) == [("thread.run.in_progress", before)]
            await services.engine.look_after()
            following = asyncio.gather(*(events(client, run_path, number) for number in (0, 8, 100)))
            gate.set()
            one, *others = await following
            assert others == [one, one]
            frames = frames_in(one)
            assert [name for name, _ in frames][:2] == ["thread.run.in_progress", "thread.run.step.created"]
            assert frames[-1] == ("thread.run.completed", await asked(client, run_path))
