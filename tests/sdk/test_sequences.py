"""The streams byte by byte, as no client would see them: framing, names and order of events, empty bodies."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.processes import Server

Frame = tuple[str, dict[str, Any]]
DONE = b"event: done\ndata: [DONE]\n\n"

BEGUN = ["thread.run.created", "thread.run.queued", "thread.run.in_progress"]
STEP = ["thread.run.step.created", "thread.run.step.in_progress"]
MESSAGE = [*STEP, "thread.message.created", "thread.message.in_progress"]
ANSWER = [*MESSAGE, "thread.message.delta", "thread.message.completed", "thread.run.step.completed"]
CALLS = [*STEP, "thread.run.step.delta", "thread.run.requires_action"]
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"properties": {"city": {}}}}}


class Wire:
    """One connection, and JSON in both directions."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)

    def answer(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        self.connection.request(method, f"/v1{path}", data, {"OpenAI-Beta": "assistants=v2", **headers})
        return self.connection.getresponse()

    def ask(self, method: str, path: str, body: Any = None, *, status: int = 200, **headers: str) -> Any:
        response = self.answer(method, path, body, **headers)
        assert response.status == status
        assert response.headers["Content-Type"] == "application/json"
        return json.loads(response.read())

    def stream(self, path: str, body: Any) -> list[Frame]:
        response = self.answer("POST", path, {**body, "stream": True})
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        return frames_in(response.read())


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


def names(frames: list[Frame]) -> list[str]:
    """In order; deltas in a row count as one."""
    found: list[str] = []
    for name, _ in frames:
        if not (name.endswith(".delta") and found and found[-1] == name):
            found.append(name)
    return found


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.url)
    yield wire
    wire.connection.close()


def a_run(wire: Wire, said: str, *, model: str = "tiny", **given: Any) -> tuple[str, dict[str, Any]]:
    """The path of the runs of a thread, and a body that creates one."""
    assistant = wire.ask("POST", "/assistants", {"model": model, "tools": [TOOL]})
    thread = wire.ask("POST", "/threads", {"messages": [{"role": "user", "content": said}]})
    return f"/threads/{thread['id']}/runs", {"assistant_id": assistant["id"], **given}


def outputs(run: dict[str, Any], output: str) -> dict[str, Any]:
    calls = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    return {"tool_outputs": [{"tool_call_id": call["id"], "output": output} for call in calls]}


def test_a_text(wire: Wire) -> None:
    frames = wire.stream(*a_run(wire, "one two three"))
    assert names(frames) == [*BEGUN, *ANSWER, "thread.run.completed"]
    deltas = [data for name, data in frames if name == "thread.message.delta"]
    message_id = deltas[0]["id"]
    assert deltas == [
        {
            "id": message_id,
            "object": "thread.message.delta",
            "delta": {"content": [{"index": 0, "type": "text", "text": text}]},
        }
        for text in ({"value": "one", "annotations": []}, {"value": " two"}, {"value": " three"})
    ]
    objects = {name: data["object"] for name, data in frames}
    assert objects["thread.run.step.completed"] == "thread.run.step"
    assert objects["thread.message.completed"] == "thread.message"
    assert objects["thread.run.completed"] == "thread.run"
    created = next(data for name, data in frames if name == "thread.message.created")
    assert (created["content"], created["status"]) == ([], "in_progress")
    (queued, begun, ended) = (frames[1][1], frames[2][1], frames[-1][1])
    assert (queued["started_at"], queued["usage"], queued["expires_at"]) == (None, None, queued["created_at"] + 600)
    assert (begun["started_at"] is None, ended["expires_at"], ended["usage"] is None) == (False, None, False)


def test_function_calls_and_their_outputs(wire: Wire) -> None:
    path, body = a_run(wire, "weather in Paris and Rome")
    frames = wire.stream(path, body)
    assert names(frames) == [*BEGUN, *CALLS]
    created = next(data for name, data in frames if name == "thread.run.step.created")
    assert created["step_details"] == {"type": "tool_calls", "tool_calls": []}
    deltas = [data["delta"]["step_details"] for name, data in frames if name == "thread.run.step.delta"]
    assert {details["type"] for details in deltas} == {"tool_calls"}
    calls = [call for details in deltas for call in details["tool_calls"]]
    run = frames[-1][1]
    waiting = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    for index, call in enumerate(waiting):
        first, *rest = [each for each in calls if each["index"] == index]
        assert first == {
            "index": index,
            "id": call["id"],
            "type": "function",
            "function": {"name": "get_weather", "arguments": "", "output": None},
        }
        for each in rest:
            assert each == {
                "index": index,
                "type": "function",
                "function": {"arguments": each["function"]["arguments"]},
            }
        assert "".join(each["function"]["arguments"] for each in rest) == call["function"]["arguments"]
    assert (run["usage"], run["status"]) == (None, "requires_action")

    submit = f"{path}/{run['id']}/submit_tool_outputs"
    again = ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    frames = wire.stream(submit, outputs(run, "weather in Oslo"))
    assert names(frames) == [*again, *CALLS]
    step, queued = frames[0][1], frames[1][1]
    assert step["status"] == "completed"
    assert step["usage"] is not None
    assert [call["function"]["output"] for call in step["step_details"]["tool_calls"]] == ["weather in Oslo"] * 2
    assert (queued["required_action"], queued["started_at"]) == (None, run["started_at"])
    frames = wire.stream(submit, outputs(frames[-1][1], "sun"))
    assert names(frames) == [*again, *ANSWER, "thread.run.completed"]


def test_a_cancelled_run(wire: Wire, server: Server) -> None:
    path, body = a_run(wire, "many words " * 100, model="slow")
    response = wire.answer("POST", path, {**body, "stream": True})
    read = b""
    while b"event: thread.message.delta" not in read:
        read += response.read1()
    run = wire_again(server, "GET", path)["data"][0]
    answer = wire_again(server, "POST", f"{path}/{run['id']}/cancel")
    assert (answer["status"], answer["cancelled_at"], answer["expires_at"]) == ("cancelling", None, run["expires_at"])
    frames = frames_in(read + response.read())
    assert names([frame for frame in frames if frame[0] != "thread.message.delta"]) == [
        *BEGUN,
        *MESSAGE,
        "thread.run.cancelling",
        "thread.message.incomplete",
        "thread.run.step.cancelled",
        "thread.run.cancelled",
    ]
    last = [name for name, _ in frames][-4:]
    assert last[0] == "thread.run.cancelling"


def wire_again(server: Server, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """Over a connection of its own."""
    wire = Wire(server.url)
    try:
        return wire.ask(method, path, body, **headers)
    finally:
        wire.connection.close()


def test_a_failed_run(wire: Wire) -> None:
    frames = wire.stream(*a_run(wire, "break off"))
    ends = ["thread.message.incomplete", "thread.run.step.failed", "thread.run.failed"]
    with_words = [*BEGUN, *MESSAGE, "thread.message.delta", *ends]
    # What came together with the end of the connection may not have been read any more.
    assert names(frames) in (with_words, [*BEGUN, "thread.run.failed"])
    assert frames[-1][1]["last_error"]["code"] == "server_error"


def test_an_answer_cut_short(wire: Wire) -> None:
    frames = wire.stream(*a_run(wire, "one two three four", max_completion_tokens=2))
    ends = ["thread.message.incomplete", "thread.run.step.completed", "thread.run.incomplete"]
    assert names(frames) == [*BEGUN, *MESSAGE, "thread.message.delta", *ends]
    assert frames[-3][1]["incomplete_details"] == {"reason": "max_tokens"}
    assert frames[-1][1]["incomplete_details"] == {"reason": "max_completion_tokens"}


@pytest.mark.parametrize(("said", "rest"), [("Hi", [*ANSWER, "thread.run.completed"]), ("weather in Rome", CALLS)])
def test_a_thread_and_its_run(wire: Wire, said: str, rest: list[str]) -> None:
    assistant = wire.ask("POST", "/assistants", {"model": "tiny", "tools": [TOOL]})
    body = {"assistant_id": assistant["id"], "thread": {"messages": [{"role": "user", "content": said}]}}
    frames = wire.stream("/threads/runs", body)
    assert names(frames) == ["thread.created", *BEGUN, *rest]
    assert frames[0][1]["object"] == "thread"


def test_an_error_before_the_first_frame(wire: Wire) -> None:
    path, body = a_run(wire, "Hi")
    answer = wire.ask("POST", path, {**body, "assistant_id": "asst_nowhere", "stream": True}, status=404)
    assert answer["error"]["message"] == "No assistant found with id 'asst_nowhere'."


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(("body", "headers"), [(None, {}), (b"", JSON), (b"{}", JSON), (b"{}", {})])
def test_empty_bodies(wire: Wire, body: bytes | None, headers: dict[str, str]) -> None:
    path, created = a_run(wire, "weather in Rome")
    run = wire.stream(path, created)[-1][1]
    assert wire.ask("POST", f"{path}/{run['id']}/cancel", body, **headers)["status"] == "cancelling"
    thread_id = wire.ask("POST", "/threads", body, **headers)["id"]
    assert wire.ask("DELETE", f"/threads/{thread_id}", body, **headers)["deleted"] is True


def test_a_connection_that_is_used_again(wire: Wire) -> None:
    """A stream leaves its connection fit for the next request."""
    path, body = a_run(wire, "Hi")
    for _ in range(3):
        wire.stream(path, body)
        assert len(wire.ask("GET", f"{path}?limit=1")["data"]) == 1
