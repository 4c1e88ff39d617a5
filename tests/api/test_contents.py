"""What messages may hold: how it reaches the model, how it comes back, and images that no model sees."""

import base64
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from compat_tests.scripted_upstream import Raw, ScriptedUpstream, Stream, error, scripted_upstream, text
from proxy.api.authorization import ANONYMOUS_PROJECT
from proxy.services import Services
from tests.adapters.recordings import errors
from tests.api.conftest import Client
from tests.engine.conftest import Frame, frames_in
from tests.serving import furnished

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
DATA_URL = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with scripted_upstream(context=32_768) as upstream:  # an image may take thousands of tokens
        yield upstream


async def ask(client: Client, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with client.request(method, f"/v1{path}", json=body) as answer:
        answered = await answer.json()
        assert answer.status == status, answered
        return answered


async def assistant(client: Client, **given: Any) -> str:
    return str((await ask(client, "POST", "/assistants", {"model": "tiny"} | given))["id"])


async def thread_with(client: Client, *messages: Any) -> str:
    """The path of a thread with these messages; text stands for a user's."""
    said = [{"role": "user", "content": message} if isinstance(message, str) else message for message in messages]
    return f"/threads/{(await ask(client, 'POST', '/threads', {'messages': said}))['id']}"


async def run(client: Client, thread: str, **given: Any) -> list[Frame]:
    """Everything that a streamed run says."""
    body = {"assistant_id": await assistant(client), "stream": True} | given
    async with client.post(f"/v1{thread}/runs", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return frames_in((await answer.read()).removesuffix(b"event: done\ndata: [DONE]\n\n"))


async def listed(client: Client, thread: str) -> list[Any]:
    return list((await ask(client, "GET", f"{thread}/messages?order=asc"))["data"])


def user(content: Any, **given: Any) -> dict[str, Any]:
    return {"role": "user", "content": content} | given


# Images


async def test_images_reach_a_model_that_sees(client: Client, upstream: ScriptedUpstream):
    parts = [
        {"type": "text", "text": "Compare"},
        IMAGE,
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "auto"}},
    ]
    thread = await thread_with(client, user(parts))
    assert (await run(client, thread))[-1][0] == "thread.run.completed"
    assert upstream.requests[0]["messages"] == [
        user(
            [
                {"type": "text", "text": "Compare"},
                IMAGE,
                {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}},
                {"type": "image_url", "image_url": {"url": DATA_URL}},
            ]
        )
    ]
    (message, _) = await listed(client, thread)
    assert message["content"] == [
        {"type": "text", "text": {"value": "Compare", "annotations": []}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "auto"}},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": DATA_URL, "detail": "auto"}},
    ]


BLIND = [recorded for recorded in errors() if recorded.case == "msg_image_on_text_model"]


def test_there_is_a_recording_of_each_server_that_refuses() -> None:
    assert [(recorded.server, recorded.status) for recorded in BLIND] == [
        ("vllm", 400),
        ("sglang", 400),
        ("llama-server", 500),
    ]


@pytest.mark.parametrize("recorded", BLIND, ids=lambda recorded: recorded.server)
async def test_a_model_that_cannot_see(client: Client, upstream: ScriptedUpstream, recorded: Any):
    upstream.reply(error(recorded.status, json.loads(recorded.body)))
    thread = await thread_with(client, "Hi", user([IMAGE, {"type": "text", "text": "What is it?"}]))
    frames = await run(client, thread)
    _, message = await listed(client, thread)
    assert [name for name, _ in frames][-2:] == ["thread.run.in_progress", "thread.run.failed"]
    failed = frames[-1][1]
    assert failed["last_error"] == {
        "code": "invalid_prompt",
        "message": f"The model tiny cannot see images, and there is one in message {message['id']}. Choose a model "
        "that sees, or delete the message and say in words what the image shows.",
    }
    assert len(upstream.requests) == 1  # it is of no use to try again
    await ask(client, "DELETE", f"{thread}/messages/{message['id']}")
    assert (await run(client, thread))[-1][0] == "thread.run.completed"
    assert upstream.requests[-1]["messages"] == [user("Hi")]


async def test_every_message_with_an_image_is_named(client: Client, upstream: ScriptedUpstream):
    upstream.reply(error(400, json.loads(BLIND[0].body)))
    thread = await thread_with(client, user([IMAGE]), "And", user([IMAGE]))
    error_message = (await run(client, thread))[-1][1]["last_error"]["message"]
    first, _, last = [message["id"] for message in await listed(client, thread)]
    assert f"there is one in each of the messages {first} and {last}." in error_message


PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))


async def uploaded(client: Client, content: bytes, name: str = "picture.png") -> str:
    form = FormData({"purpose": "vision"})
    form.add_field("file", BytesIO(content), filename=name)
    async with client.post("/v1/files", data=form) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["id"])


async def test_an_image_file_reaches_the_model_as_what_its_bytes_say_it_is(client: Client, upstream: ScriptedUpstream):
    file_id = await uploaded(client, PNG, "picture.jpg")
    part = {"type": "image_file", "image_file": {"file_id": file_id, "detail": "low"}}
    thread = await thread_with(client, user([{"type": "text", "text": "What is this?"}, part]))
    assert (await run(client, thread))[-1][0] == "thread.run.completed"
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert upstream.requests[-1]["messages"][-1]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            b"no image",
            "is no image that a model can see: PNG, JPEG, GIF and WebP are. "
            "Delete the message, and send the image as one of these.",
        ),
        (None, "is not there any more: it was deleted, or has expired. Delete the message, and send the image again."),
        (PNG + bytes(20 << 20), "is larger than 20 MB. Delete the message, and send a smaller one."),
    ],
    ids=["no image", "gone", "too large"],
)
async def test_an_image_file_that_cannot_be_sent_fails_the_run_and_says_why(
    client: Client, upstream: ScriptedUpstream, content: bytes | None, why: str
):
    file_id = await uploaded(client, content or PNG)
    part = {"type": "image_file", "image_file": {"file_id": file_id}}
    thread = await thread_with(client, user([part]))
    if content is None:
        await ask(client, "DELETE", f"/files/{file_id}")
    (message,) = await listed(client, thread)
    assert message["content"] == [{"type": "image_file", "image_file": {"file_id": file_id, "detail": "auto"}}]
    failed = (await run(client, thread))[-1][1]
    assert failed["status"] == "failed"
    assert failed["last_error"]["code"] == "invalid_prompt"
    assert failed["last_error"]["message"].endswith(why)
    assert f"'{file_id}' in message {message['id']}" in failed["last_error"]["message"]
    assert upstream.requests == []
    await ask(client, "DELETE", f"{thread}/messages/{message['id']}")
    await ask(client, "POST", f"{thread}/messages", user("Hi"))
    assert (await run(client, thread))[-1][0] == "thread.run.completed"


# Answers


async def test_an_empty_answer_is_a_message(client: Client, upstream: ScriptedUpstream):
    upstream.reply(text(""), text("Hello"))
    thread = await thread_with(client, "Hi")
    frames = await run(client, thread)
    empty = [{"type": "text", "text": {"value": "", "annotations": []}}]
    (completed,) = [data for name, data in frames if name == "thread.message.completed"]
    _, message = await listed(client, thread)
    assert message == completed
    assert (message["status"], message["content"]) == ("completed", empty)
    await ask(client, "POST", f"{thread}/messages", user("Are you there?"))
    assert (await run(client, thread))[-1][0] == "thread.run.completed"
    assert upstream.requests[1]["messages"] == [
        user("Hi"),
        {"role": "assistant", "content": ""},
        user("Are you there?"),
    ]


async def test_a_refusal_is_a_part_of_its_own(client: Client, upstream: ScriptedUpstream):
    def chunk(delta: dict[str, Any]) -> Raw:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny"}
        return Raw(b"data: %b\n\n" % json.dumps(body | {"choices": [choice]}).encode())

    upstream.reply(Stream((chunk({"refusal": "I will "}), chunk({"refusal": "not."}))), text("Hello"))
    thread = await thread_with(client, "Do it")
    frames = await run(client, thread)
    deltas = [data["delta"]["content"] for name, data in frames if name == "thread.message.delta"]
    assert deltas == [
        [{"index": 0, "type": "refusal", "refusal": "I will "}],
        [{"index": 0, "type": "refusal", "refusal": "not."}],
    ]
    _, message = await listed(client, thread)
    assert message["content"] == [{"type": "refusal", "refusal": "I will not."}]
    assert frames[-1][1]["status"] == "completed"
    await ask(client, "POST", f"{thread}/messages", user("Please"))
    await run(client, thread)
    assert upstream.requests[1]["messages"][1] == {"role": "assistant", "content": "I will not."}


# What clients write


async def test_what_clients_write_reaches_the_model_as_it_stands(client: Client, upstream: ScriptedUpstream):
    """In their order, neither merged nor left out, whoever is said to have said it."""
    given = [
        user("one"),
        user("two"),
        {"role": "assistant", "content": "three"},
        {"role": "assistant", "content": [{"type": "text", "text": "four"}, {"type": "text", "text": "five"}]},
        user([{"type": "text", "text": "six"}, {"type": "text", "text": "seven"}]),
        {"role": "assistant", "content": "eight"},
    ]
    thread = await thread_with(client, *given)
    assert (await run(client, thread, instructions="Count."))[-1][0] == "thread.run.completed"
    assert upstream.requests[0]["messages"] == [
        {"role": "system", "content": "Count."},
        user("one"),
        user("two"),
        {"role": "assistant", "content": "three"},
        {"role": "assistant", "content": "four\n\nfive"},
        user("six\n\nseven"),
        {"role": "assistant", "content": "eight"},
    ]
    *written, answer = await listed(client, thread)
    assert [message["role"] for message in written] == [message["role"] for message in given]
    assert {(message["assistant_id"], message["run_id"], message["status"]) for message in written} == {
        (None, None, "completed")
    }
    assert [[part["text"]["value"] for part in message["content"]] for message in written[3:5]] == [
        ["four", "five"],
        ["six", "seven"],
    ]
    assert answer["run_id"] is not None


async def test_additional_messages_come_before_the_answer_and_stay(
    client: Client, services: Services, upstream: ScriptedUpstream
):
    attachments = [
        {"file_id": "file-1", "tools": [{"type": "file_search"}]},
        {"file_id": "file-1", "tools": [{"type": "code_interpreter"}]},
    ]
    thread = await thread_with(client, "one")
    await furnished(services, ANONYMOUS_PROJECT, files=["file-1"])
    frames = await run(
        client,
        thread,
        instructions="Count.",
        additional_instructions="Slowly.",
        additional_messages=[
            user("two", attachments=attachments, metadata={"k": "v"}),
            {"role": "assistant", "content": "three"},
            user([{"type": "text", "text": "four"}, IMAGE]),
        ],
    )
    assert upstream.requests[0]["messages"] == [
        {"role": "system", "content": "Count.\nSlowly."},
        user("one"),
        user("two"),
        {"role": "assistant", "content": "three"},
        user([{"type": "text", "text": "four"}, IMAGE]),
    ]
    one, two, three, four, answer = await listed(client, thread)
    assert (two["attachments"], two["metadata"], two["run_id"]) == (attachments, {"k": "v"}, None)
    assert (one["attachments"], three["role"], three["run_id"]) == ([], "assistant", None)
    assert [part["type"] for part in four["content"]] == ["text", "image_url"]
    assert answer["run_id"] == frames[-1][1]["id"]
    assert not any(data["id"] == two["id"] for _, data in frames)
    assert (await ask(client, "GET", f"{thread}/messages/{two['id']}")) == two


async def test_no_additional_messages(client: Client, upstream: ScriptedUpstream):
    thread = await thread_with(client, "one")
    for none in ([], None):
        assert (await run(client, thread, additional_messages=none))[-1][0] == "thread.run.completed"
    assert [len(request["messages"]) for request in upstream.requests] == [1, 2]


async def test_nothing_is_kept_of_a_run_with_a_message_that_is_refused(client: Client):
    thread = await thread_with(client, "one")
    body = {"assistant_id": await assistant(client), "additional_messages": [user("two"), user("")]}
    refused = (await ask(client, "POST", f"{thread}/runs", body, status=400))["error"]
    assert (refused["message"], refused["param"]) == (
        "Message content must be non-empty.",
        "additional_messages[1].content",
    )
    assert len(await listed(client, thread)) == 1
