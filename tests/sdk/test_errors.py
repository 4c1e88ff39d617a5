"""Refusals as the official client tells them: class, status, code, param, body; and what it learns of every request."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.processes import PYTHON, ROOT, Server, model_server, serving
from tests.sdk.clients import Api, client, outputs_for


def body_of(error: Any) -> tuple[int, str, str | None, str | None]:
    """Status, message, param and code; the body is the `error` object and says the same."""
    assert set(error.body) == {"message", "type", "param", "code"}
    assert (error.body["type"], error.body["param"], error.body["code"]) == (error.type, error.param, error.code)
    return error.status_code, error.body["message"], error.param, error.code


async def refused(api: Api, answer: Any, kind: Any = openai.BadRequestError) -> tuple[int, str, str | None, str | None]:
    with pytest.raises(kind) as caught:
        await api(answer())
    assert type(caught.value) is kind
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id.startswith("req_")
    return body_of(caught.value)


async def test_what_is_not_there(api: Api) -> None:
    thread = await api.thread("Hi")
    nowhere = "thread_abcdefghijklmnopqrstuvwx"
    missing = {
        "No assistant found with id 'asst_a'.": lambda: api.beta.assistants.retrieve("asst_a"),
        f"No thread found with id '{nowhere}'.": lambda: api.threads.retrieve(nowhere),
        "No thread found with id 'thread_b'.": lambda: api.threads.messages.create(
            "thread_b", role="user", content="Hi"
        ),
        "No message found with id 'msg_a'.": lambda: api.threads.messages.retrieve("msg_a", thread_id=thread.id),
        "No run found with id 'run_a'.": lambda: api.runs.retrieve("run_a", thread_id=thread.id),
        "No assistant found with id 'asst_b'.": lambda: api.runs.create(thread.id, assistant_id="asst_b"),
    }
    for message, answer in missing.items():
        assert await refused(api, answer, openai.NotFoundError) == (404, message, None, None)


async def test_values_that_do_not_fit(api: Api) -> None:
    create: Any = api.beta.assistants.create
    status, message, param, code = await refused(api, lambda: create(model="tiny", temperature=3))
    assert (status, param) == (400, "temperature")
    assert "temperature" in message
    assert code is not None
    _, message, param, _ = await refused(api, lambda: api.threads.retrieve("asst_wrong"))
    assert (param, "thread" in message) == ("thread_id", True)
    thread = await api.thread()
    _, _, param, _ = await refused(api, lambda: api.threads.messages.create(thread.id, role="system", content="x"))
    assert param == "role"


async def test_a_thread_without_a_message(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread()
    status, message, _, code = await refused(api, lambda: api.runs.create(thread.id, assistant_id=assistant.id))
    assert (status, code) == (400, "invalid_thread")
    assert message == "Run creation requires a Thread with a user message or an assistant with instructions."


async def test_a_locked_thread(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("weather in Paris")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=10))
    expected = f"Thread {thread.id} already has an active run {run.id}."
    # An error before the first frame is an ordinary one, also where a stream was asked for.
    for stream in (False, True):
        answer = await refused(
            api,
            lambda stream=stream: api.runs.create(  # type: ignore[misc]
                thread.id, assistant_id=assistant.id, stream=stream
            ),
        )
        assert answer == (400, expected, None, None)
    answer = await refused(api, lambda: api.threads.messages.create(thread.id, role="user", content="Hi"))
    assert answer == (400, f"Can't add messages to {thread.id} while a run {run.id} is active.", None, None)
    answer = await refused(api, lambda: api.runs.update(run.id, thread_id=thread.id, metadata={"a": "b"}))
    assert answer[1] == "Cannot update run with status 'requires_action'."


async def test_outputs_that_do_not_fit(api: Api) -> None:
    assistant, thread = await api.assistant(), await api.thread("weather in Paris and Rome")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=10))
    outputs: Any = outputs_for(run, lambda _: "sun")
    waiting = [call.id for call in run.required_action.submit_tool_outputs.tool_calls]

    def submit(given: Any) -> Any:
        return lambda: api.runs.submit_tool_outputs(run.id, thread_id=thread.id, tool_outputs=given)

    for given in (outputs[:1], [*outputs, outputs[0]], [], [outputs[0], {"tool_call_id": "call_x", "output": ""}]):
        got = [output["tool_call_id"] for output in given]
        _, message, _, _ = await refused(api, submit(given))
        assert message == f"Expected tool outputs for call_ids {waiting}, got {got}"
    assert (await api(submit(outputs)())).status == "queued"
    run = await api(api.runs.poll(run.id, thread_id=thread.id, poll_interval_ms=10))
    _, message, _, _ = await refused(api, submit(outputs))
    assert message == 'Runs in status "completed" do not accept tool outputs.'


async def test_headers_of_an_answer(api: Api) -> None:
    raw = await api(api.beta.assistants.with_raw_response.create(model="tiny"))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["content-type"] == "application/json"
    assistant = raw.parse()
    assert assistant._request_id == raw.headers["x-request-id"]
    thread = await api.thread("Hi")
    raw = await api(api.runs.with_raw_response.create(thread_id=thread.id, assistant_id=assistant.id, stream=True))
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-request-id"].startswith("req_")
    assert "content-encoding" not in raw.headers
    names = [event.event async for event in api.events(raw.parse())]
    assert names[-1] == "thread.run.completed"


@pytest.mark.parametrize("path", ["/v1", "/v1/", "", "/"])
@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_base_addresses(server: Server, path: str, colour: str) -> None:
    api = client(colour, server.url + path)
    assistant, thread = await api.assistant(), await api.thread("Hi")
    run = await api(api.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=10))
    assert run.status == "completed"
    assert len(await api.every(api.threads.messages.list(thread.id))) == 2
    await api.aclose()


# Keys


def make_key(data: Path, project: str) -> str:
    command = [PYTHON, "run.py", "keys", "create", "--project", project, "--data", str(data)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """A server with keys: its address, and the keys of two projects."""
    data = tmp_path_factory.mktemp("keyed") / "data"
    blue, red = make_key(data, "blue"), make_key(data, "red")
    with model_server() as upstream, serving(data, upstream) as server:
        yield f"{server.url}/v1", blue, red


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_keys(keyed: tuple[str, str, str], colour: str) -> None:
    url, blue_key, red_key = keyed
    blue, red = client(colour, url, api_key=blue_key), client(colour, url, api_key=red_key)
    wrong = client(colour, url, api_key="sk-wrong-key-0123456789")
    thread = await blue.thread("Hi")
    assert (await blue(blue.threads.retrieve(thread.id))).id == thread.id
    with pytest.raises(openai.NotFoundError):
        await red(red.threads.retrieve(thread.id))
    with pytest.raises(openai.AuthenticationError) as caught:
        await wrong(wrong.threads.retrieve(thread.id))
    assert (caught.value.status_code, caught.value.code) == (401, "invalid_api_key")
    for api in (blue, red, wrong):
        await api.aclose()
