"""Over a socket, in front of a server that leaves all in the text: no client sees a letter of markup or of thinking."""

import re
from typing import Any

import msgspec
import pytest

from compat_tests.scripted_upstream import Reply, ScriptedUpstream, text
from proxy.services import Services
from tests.api.conftest import Client
from tests.operations.conftest import AWAY, HOME
from tests.serving import give_key

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HERMES = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
THOUGHT = "The user wants the weather, so I call get_weather."


def pieces(content: str) -> Reply:
    """Two letters at a time."""
    return text(content, pieces=re.findall(r".{1,2}", content, re.DOTALL))


async def begun(client: Client, **fields: Any) -> str:
    """The path of the runs of a thread with a question."""
    async with client.post("/v1/assistants", json={"model": "tiny", "tools": [WEATHER]}) as answer:
        assistant = await answer.json()
    body = {"messages": [{"role": "user", "content": "Weather in Paris?"}]}
    async with client.post("/v1/threads", json=body) as answer:
        path = f"/v1/threads/{(await answer.json())['id']}/runs"
    return f"{path}?assistant={assistant['id']}"


async def streamed(client: Client, path: str, body: dict[str, Any]) -> tuple[bytes, list[tuple[str, Any]]]:
    async with client.post(path, json={**body, "stream": True}) as answer:
        assert answer.status == 200
        said = await answer.read()
    frames = [frame.split(b"\n", 1) for frame in said.removesuffix(b"\n\n").split(b"\n\n")]
    assert frames.pop() == [b"event: done", b"data: [DONE]"]
    return said, [
        (name.removeprefix(b"event: ").decode(), msgspec.json.decode(data.removeprefix(b"data: ")))
        for name, data in frames
    ]


async def got(client: Client, path: str, **headers: str) -> tuple[int, Any]:
    async with client.get(path, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    "markup",
    [
        HERMES,
        "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
        '{"name": "get_weather", "parameters": {"city": "Paris"}}',
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris"}}',
        '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}}]',
        '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}',
        '[get_weather(city="Paris")]',
    ],
)
async def test_a_run_through_markup(client: Client, upstream: ScriptedUpstream, markup: str):
    upstream.reply(pieces(f"<think>\n{THOUGHT}\n</think>\n\n{markup}"), pieces("It is < 21 [degrees]."))
    path, assistant_id = (await begun(client)).split("?assistant=")
    said, frames = await streamed(client, path, {"assistant_id": assistant_id})
    assert [name.removeprefix("thread.") for name, _ in frames] == [
        *("run.created", "run.queued", "run.in_progress", "run.step.created", "run.step.in_progress"),
        *("run.step.delta", "run.step.delta", "run.requires_action"),
    ]
    assert b"think" not in said
    assert b"<" not in said
    run = frames[-1][1]
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert msgspec.json.decode(call["function"]["arguments"]) == {"city": "Paris"}

    outputs = {"tool_outputs": [{"tool_call_id": call["id"], "output": "21"}]}
    said, frames = await streamed(client, f"{path}/{run['id']}/submit_tool_outputs", outputs)
    assert frames[-1][0] == "thread.run.completed"
    deltas = [frame["delta"]["content"][0]["text"]["value"] for name, frame in frames if name.endswith("message.delta")]
    assert "".join(deltas) == "It is < 21 [degrees]."
    # What the model server is told of it is a call like any other.
    assistant = upstream.requests[-1]["messages"][-2]
    assert (assistant["content"], assistant["tool_calls"][0]["function"]["name"]) == ("", "get_weather")

    _, listed = await got(client, f"{path}/{run['id']}/steps?order=asc")
    assert [step["type"] for step in listed["data"]] == ["tool_calls", "message_creation"]
    assert not any("reasoning" in step for step in listed["data"])
    for step, thought in zip(listed["data"], (THOUGHT, None), strict=True):
        _, reasoning = await got(client, f"{path}/{run['id']}/steps/{step['id']}/reasoning")
        assert reasoning == {"object": "thread.run.step.reasoning", "step_id": step["id"], "text": thought}


async def test_a_run_cut_off_in_the_middle_of_a_call(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text(HERMES, pieces=[HERMES[:30]], finish="length"))
    path, assistant_id = (await begun(client)).split("?assistant=")
    said, frames = await streamed(client, path, {"assistant_id": assistant_id})
    name, run = frames[-1]
    assert (name, run["incomplete_details"]) == ("thread.run.incomplete", {"reason": "max_completion_tokens"})
    assert b"get_weather" not in said.split(b"event: thread.message.created")[1].split(b"event: thread.run.")[0]
    _, listed = await got(client, path.replace("runs", "messages"))
    assert listed["data"][0]["content"][0]["text"]["value"] == ""


async def test_reasoning_that_the_server_tells_apart(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text("Yes.", thinking=THOUGHT))
    path, assistant_id = (await begun(client)).split("?assistant=")
    said, frames = await streamed(client, path, {"assistant_id": assistant_id})
    assert THOUGHT.encode() not in said
    run = frames[-1][1]
    _, listed = await got(client, f"{path}/{run['id']}/steps")
    (step,) = listed["data"]
    assert (await got(client, f"{path}/{run['id']}/steps/{step['id']}/reasoning"))[1]["text"] == THOUGHT


async def test_reasoning_is_for_the_keys_of_its_project(client: Client, services: Services, upstream: ScriptedUpstream):
    upstream.reply(text("Yes.", thinking=THOUGHT))
    client.session.headers["Authorization"] = f"Bearer {await give_key(services, HOME)}"
    path, assistant_id = (await begun(client)).split("?assistant=")
    _, frames = await streamed(client, path, {"assistant_id": assistant_id})
    run = frames[-1][1]
    step = next(frame for name, frame in frames if name == "thread.run.step.completed")
    place = f"{path}/{run['id']}/steps/{step['id']}/reasoning"
    assert (await got(client, place))[0] == 200
    stranger = await give_key(services, AWAY)
    assert (await got(client, place, Authorization=f"Bearer {stranger}"))[0] == 404
    assert (await got(client, place, Authorization="Bearer sk-nobody"))[0] == 401
    assert (await got(client, place.replace(step["id"], "step_1")))[0] == 404
