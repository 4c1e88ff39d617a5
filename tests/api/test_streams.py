"""Runs over a socket: streamed to the end, or left to themselves."""

import asyncio
from typing import Any

import msgspec

from compat_tests.scripted_upstream import Say, ScriptedUpstream, Stream, Wait, text
from proxy.services import Services
from tests.api.conftest import Client


async def begun(client: Client) -> tuple[str, dict[str, Any]]:
    """The path of the runs of a thread with a question, and a body that starts one."""
    async with client.post("/v1/assistants", json={"model": "tiny"}) as answer:
        assistant = await answer.json()
    async with client.post("/v1/threads", json={"messages": [{"role": "user", "content": "Hi"}]}) as answer:
        thread = await answer.json()
    return f"/v1/threads/{thread['id']}/runs", {"assistant_id": assistant["id"], "stream": True}


async def test_a_run_is_streamed_from_created_to_done(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text("Hello"))
    path, body = await begun(client)
    async with client.post(path, json=body) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        said = await answer.read()
    frames = [frame.split(b"\n", 1) for frame in said.removesuffix(b"\n\n").split(b"\n\n")]
    names = [name.removeprefix(b"event: ").decode() for name, _ in frames]
    assert names[:3] == ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]
    assert names[-2:] == ["thread.run.completed", "done"]
    assert frames[-1][1] == b"data: [DONE]"
    run = msgspec.json.decode(frames[-2][1].removeprefix(b"data: "))
    async with client.get(f"{path}/{run['id']}") as answer:
        assert await answer.json() == run


async def test_a_run_goes_on_when_its_reader_leaves(client: Client, services: Services, upstream: ScriptedUpstream):
    gate = asyncio.Event()
    upstream.reply(Stream([Say("Hel"), Wait(gate), Say("lo")]))
    path, body = await begun(client)
    answer = await client.post(path, json=body)
    said = b""
    while b"Hel" not in said:
        said += await answer.content.readany()
    answer.close()
    run_id = msgspec.json.decode(said.split(b"\n")[1].removeprefix(b"data: "))["id"]
    follower = services.engine.follow(run_id, since=0)
    gate.set()
    async with asyncio.timeout(10):
        frames = b"".join([frame async for frame in follower])
    assert b"event: thread.run.completed" in frames
    async with client.get(path.replace("runs", "messages")) as listed:
        newest = (await listed.json())["data"][0]
    assert newest["content"][0]["text"]["value"] == "Hello"


async def test_a_refused_stream_is_ordinary_json(client: Client):
    path, body = await begun(client)
    async with client.post(path, json=body | {"assistant_id": "asst_1"}) as answer:
        assert (answer.status, answer.content_type) == (404, "application/json")
        assert (await answer.json())["error"]["message"] == "No assistant found with id 'asst_1'."
