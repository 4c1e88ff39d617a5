"""Questions and their answers: threads, parameters, attachments, images, streams; and time that is up."""

import asyncio
import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from keep.exceptions.provider_exception import ProviderException

from compat_tests.scripted_upstream import close_mid_stream, error, hang, never_answers, text
from tests.keep.models import Model
from tests.keep.seeding import new_assistant, wait_for_run

GREY = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
Make = Callable[..., Any]


def test_an_answer_has_what_workflows_read(provider: Make, says: Model, assistant: str) -> None:
    result = provider().query(prompt="Disk full on db-1")
    assert result["response"] == result["raw_response"] == result["cited_response"] == "Disk full on db-1"
    assert result["thread_id"].startswith("thread_")
    assert result["run_id"].startswith("run_")
    assert [(each["role"], each["content"]) for each in result["messages"]] == [
        ("user", "Disk full on db-1"),
        ("assistant", "Disk full on db-1"),
    ]
    assert {"id", "created_at", "images", "attachments"} < result["messages"][0].keys()
    assert result["status"] == "completed"
    assert result["usage"]["total_tokens"] > 0
    assert (result["model"], result["assistant_id"]) == ("tiny", assistant)
    assert result["message_id"] == result["messages"][-1]["id"]
    assert (result["tool_calls"], result["called"], result["citations"], result["sources"]) == ([], [], [], [])


def test_a_thread_is_gone_on_with(provider: Make, says: Model) -> None:
    mine = provider()
    first = mine.query(prompt="Disk full on db-1")
    second = mine.query(prompt="And now?", thread_id=first["thread_id"], additional_instructions="Be brief.")
    assert second["thread_id"] == first["thread_id"]
    assert second["response"] == "And now?"
    assert [message["content"] for message in says.requests[1]["messages"]] == [
        "Be brief.",
        "Disk full on db-1",
        "Disk full on db-1",
        "And now?",
    ]


def test_the_newest_answer_of_a_long_thread(provider: Make, says: Model, api: httpx.Client) -> None:
    messages = [{"role": role, "content": f"{role} {at}"} for at in range(20) for role in ("user", "assistant")]
    thread = api.post("/threads", json={"messages": messages}).json()["id"]
    mine = provider()
    result = mine.query(prompt="What now?", thread_id=thread)
    assert result["response"] == "What now?"
    assert len(result["messages"]) == 20
    assert result["messages"][0]["content"] == "user 11"
    assert len(mine.query(prompt="More", thread_id=thread, history=200)["messages"]) == 44
    assert mine.query(prompt="None", thread_id=thread, history="0")["messages"] == []


def test_parameters_of_the_run(provider: Make, says: Model, api: httpx.Client) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "triage", "schema": {"type": "object"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    named = {"type": "function", "function": {"name": "f"}}
    says.script(text('{"severity": "high"}'), text("{}"))
    mine = provider()
    first = mine.query(
        prompt="Disk full",
        temperature="0.2",
        top_p=0.5,
        max_completion_tokens="64",
        max_prompt_tokens=4096,
        response_format=schema,
        truncation_strategy="{'type': 'last_messages', 'last_messages': 1}",
        instructions="You are on call.",
        model="tiny",
        reasoning_effort="low",
    )
    assert first["response"] == {"severity": "high"}
    asked = says.requests[0]
    assert (asked["temperature"], asked["top_p"], asked["response_format"]) == (0.2, 0.5, schema)
    assert 64 in {asked.get("max_tokens"), asked.get("max_completion_tokens")}
    assert asked["messages"][0]["content"].startswith("You are on call.")
    assert asked["reasoning_effort"] == "low"

    second = mine.query(prompt="Hello", tools=str([tool]), tool_choice=str(named), parallel_tool_calls="false")
    run = api.get(f"/threads/{first['thread_id']}/runs/{first['run_id']}").json()
    assert run["max_prompt_tokens"] == 4096
    assert run["truncation_strategy"] == {"type": "last_messages", "last_messages": 1}
    run = api.get(f"/threads/{second['thread_id']}/runs/{second['run_id']}").json()
    assert [each["function"]["name"] for each in run["tools"]] == ["f"]
    assert (run["tool_choice"], run["parallel_tool_calls"]) == (named, False)
    assert (second["status"], second["tool_calls"][0]["name"]) == ("requires_action", "f")


def test_what_is_empty_is_left_out(provider: Make, says: Model, api: httpx.Client) -> None:
    result = provider().query(prompt="Hello", thread_id="", temperature="", model="", attachments="", run_id="")
    run = api.get(f"/threads/{result['thread_id']}/runs/{result['run_id']}").json()
    assert (run["temperature"], run["model"]) == (1.0, "tiny")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"temperature": "warm"}, "temperature should be a number, not 'warm'"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens should be a whole number, not 1.5"),
        ({"stream": "perhaps"}, "stream should be true or false, not 'perhaps'"),
        ({"truncation_strategy": "last"}, "truncation_strategy should be a list or a mapping, not 'last'"),
        ({"functions": "[]"}, r"functions should be a mapping, not '\[\]'"),
        ({"when_busy": "shout"}, "when_busy should be one of wait, fail, cancel, not 'shout'"),
        ({"thread_id": "../assistants"}, "thread_id should be the id of a thread, not '../assistants'"),
        ({"assistant_id": "triage"}, "assistant_id should be like asst_abc123, not 'triage'"),
        ({"images": [{"path": "/nowhere.png"}]}, "/nowhere.png cannot be read: No such file or directory"),
        ({"images": "data:image/png;base64,???"}, "an image is not base64"),
        ({"images": [{"colour": "red"}]}, "an image should have url, file_id, path, or base64"),
        ({"attachments": [{"content": "x"}]}, "an attachment should have file_id, path, or content with name"),
        ({"prompt": ""}, "prompt is missing"),
        ({"run_id": "run_1", "tool_outputs": "{}"}, "tool outputs need run_id, thread_id and tool_outputs"),
        ({"tools": [{"type": "telepathy"}]}, "telepathy"),
        ({"thread_id": "thread_gone"}, "No thread found with id 'thread_gone'"),
        ({"assistant_id": "asst_gone"}, r"No assistant found with id 'asst_gone'. \(HTTP 404\)"),
    ],
)
def test_a_mistake_is_named(provider: Make, says: Model, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ProviderException, match=said):
        provider().query(**{"prompt": "Hello", **given})
    assert says.requests == []


def test_a_parameter_that_there_is_not_is_named(provider: Make) -> None:
    with pytest.raises(TypeError, match="temprature"):
        provider().query(prompt="Hello", temprature=1)


def test_what_was_made_for_a_question_that_was_refused_goes(provider: Make, api: httpx.Client, says: Model) -> None:
    def there() -> tuple[list[Any], list[Any]]:
        return tuple(api.get(path, params={"limit": 100}).json()["data"] for path in ("/threads", "/files"))  # type: ignore[return-value]

    before = there()
    with pytest.raises(ProviderException, match="assistant"):
        provider(assistant_id="asst_gone").query(prompt="Hello", attachments=[{"name": "log.txt", "content": "full"}])
    assert there() == before


def test_json_in_a_fence_is_json(provider: Make, says: Model) -> None:
    says.script(text("", pieces=['```json\n{"severity": "low"}\n```']))
    assert provider().query(prompt="?")["response"] == {"severity": "low"}


def test_what_is_not_json_says_where(provider: Make, says: Model) -> None:
    says.script(*[text('{"severity": high}')] * 3)
    mine = provider()
    result = mine.query(prompt="?")
    assert result["response"] == '{"severity": high}'
    assert (
        result["json_error"]
        == "the answer is not JSON: Expecting value at line 1, column 14, near '{\"severity\": high}'"
    )
    with pytest.raises(ProviderException, match=r"Expecting value at line 1, column 14.*response_format"):
        mine.query(prompt="?", parse_json="required")
    assert mine.query(prompt="?", parse_json="false")["json_error"] is None


def test_an_incomplete_answer_is_an_answer(provider: Make, says: Model) -> None:
    says.script(text("one two three", finish="length"), text('{"a": ', finish="length"))
    mine = provider()
    result = mine.query(prompt="Count", max_completion_tokens=3)
    assert (result["status"], result["incomplete_reason"]) == ("incomplete", "max_completion_tokens")
    assert result["response"] == "one two three"
    with pytest.raises(ProviderException, match="it was cut off by max_completion_tokens"):
        mine.query(prompt="Count", max_completion_tokens=3, parse_json="required")


def test_a_failed_run_says_why(provider: Make, says: Model) -> None:
    says.script(error(400, {"error": {"message": "the model is on fire", "type": "BadRequestError"}}))
    with pytest.raises(
        ProviderException, match=r"failed: server_error: .*the model is on fire.*\(run run_\w+ on thread"
    ):
        provider().query(prompt="Disk full")


def test_a_run_cancelled_by_somebody_else(provider: Make, says: Model, api: httpx.Client) -> None:
    says.script(cancelling(api))
    with pytest.raises(ProviderException, match="its run was cancelled"):
        provider().query(prompt="Disk full")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("silent", [never_answers(), hang(after=2)], ids=["silent", "stuck"])
def test_out_of_time_the_run_is_cancelled_and_the_thread_usable(
    provider: Make, says: Model, api: httpx.Client, silent: Any, stream: bool
) -> None:
    thread = api.post("/threads").json()["id"]
    mine = provider()
    says.script(silent)
    with pytest.raises(ProviderException, match=rf"within 0.3 seconds; run run_\w+ on thread {thread} is cancelled"):
        mine.query(prompt="Disk full", thread_id=thread, max_wait_time="0.3", stream=stream)
    says.script()
    assert mine.query(prompt="And now?", thread_id=thread)["response"] == "And now?"


def test_images_in_every_way(provider: Make, says: Model, api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "panel.png").write_bytes(base64.b64decode(GREY))
    file = api.post("/files", files={"file": ("grey.png", base64.b64decode(GREY))}, data={"purpose": "vision"}).json()[
        "id"
    ]
    says.script(text("Grey."))
    result = provider().query(
        prompt="What do you see?",
        images=[
            "https://grafana.example/panel.png",
            {"url": "https://grafana.example/other.png", "detail": "low"},
            f"data:image/png;base64,{GREY}",
            {"path": str(tmp_path / "panel.png")},
            {"base64": GREY, "name": "panel.png"},
            file,
        ],
    )
    assert result["response"] == "Grey."
    (asked,) = says.requests
    parts = asked["messages"][-1]["content"]
    assert [part["type"] for part in parts] == ["text", *["image_url"] * 6]
    assert [part["image_url"] for part in parts[1:3]] == [
        {"url": "https://grafana.example/panel.png"},
        {"url": "https://grafana.example/other.png", "detail": "low"},
    ]
    assert all(part["image_url"]["url"] == f"data:image/png;base64,{GREY}" for part in parts[3:])
    assert len(result["uploaded"]) == 3
    assert len(result["messages"][0]["images"]) == 6
    assert (
        provider().query(prompt="And?", thread_id=result["thread_id"])["messages"][0]["content"] == "What do you see?"
    )


def test_attachments_in_every_way(provider: Make, says: Model, api: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "db.log").write_text("no space left on device")
    file = api.post("/files", files={"file": ("old.txt", b"fine")}, data={"purpose": "assistants"}).json()["id"]
    result = provider().query(
        prompt="Why?",
        attachments=[
            {"path": str(tmp_path / "db.log")},
            {"name": "alert.json", "content": '{"severity": "high"}', "tools": ["code_interpreter", "file_search"]},
            file,
        ],
    )
    (message,) = [each for each in result["messages"] if each["role"] == "user"]
    assert [[tool["type"] for tool in each["tools"]] for each in message["attachments"]] == [
        ["file_search"],
        ["code_interpreter", "file_search"],
        ["file_search"],
    ]
    assert [each["file_id"] for each in message["attachments"]] == [*result["uploaded"], file]
    assert [api.get(f"/files/{id}").json()["filename"] for id in result["uploaded"]] == ["db.log.txt", "alert.json"]
    store = api.get(f"/threads/{result['thread_id']}").json()["tool_resources"]["file_search"]["vector_store_ids"][0]
    assert api.get(f"/vector_stores/{store}").json()["file_counts"]["total"] == 3


def test_a_stream_goes_to_the_log(provider: Make, says: Model, caplog: pytest.LogCaptureFixture) -> None:
    says.script(text("", pieces=["The disk", " is full.\nClean", " it", " up.\n\nBye"]))
    with caplog.at_level(logging.INFO):
        result = provider().query(prompt="?", stream=True)
    assert result["response"] == "The disk is full.\nClean it up.\n\nBye"
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("assistant: ")]
    assert lines == ["assistant: The disk is full.", "assistant: Clean it up.", "assistant: Bye"]


def test_a_stream_that_fails(provider: Make, says: Model) -> None:
    says.script(close_mid_stream(after=2))
    with pytest.raises(ProviderException, match="failed: server_error"):
        provider().query(prompt="?", stream=True)


def test_threads_and_runs_say_whose_they_are(provider: Make, says: Model, api: httpx.Client) -> None:
    result = provider().query(
        prompt="Hello", thread_metadata={"service": "db"}, metadata='{"alert": 7}', max_wait_time=30
    )
    thread = api.get(f"/threads/{result['thread_id']}").json()["metadata"]
    owner = {"keep_tenant": "singletenant", "keep_workflow": "by-hand", "keep_provider": "mine"}
    assert thread == {**owner, "service": "db"}
    run = api.get(f"/threads/{result['thread_id']}/runs/{result['run_id']}").json()["metadata"]
    assert run.pop("keep_question")
    assert run == {**owner, "alert": "7"}


@pytest.mark.parametrize("when_busy", ["wait", "cancel", "fail"])
def test_a_thread_that_is_busy(provider: Make, says: Model, api: httpx.Client, assistant: str, when_busy: str) -> None:
    gate = asyncio.Event()
    thread = api.post("/threads").json()["id"]
    says.script(text("first answer").waiting(gate, after=1), text("second answer"))
    first = api.post(f"/threads/{thread}/runs", json=asking(assistant)).json()["id"]
    wait_for_run(api, thread, "in_progress")
    mine = provider()
    if when_busy == "fail":
        with pytest.raises(ProviderException, match=f"already has an active run {first}"):
            mine.query(prompt="Next", thread_id=thread, when_busy="fail")
        says.open(gate)
        return
    with telling(says.open, gate, when_it_says="waiting" if when_busy == "wait" else "never"):
        result = mine.query(prompt="Next", thread_id=thread, when_busy=when_busy)
    assert result["response"] == "second answer"
    statuses = {run["id"]: run["status"] for run in api.get(f"/threads/{thread}/runs").json()["data"]}
    assert statuses == {first: "completed" if when_busy == "wait" else "cancelled", result["run_id"]: "completed"}


def test_a_thread_that_stays_busy(provider: Make, says: Model, api: httpx.Client, assistant: str) -> None:
    says.script(never_answers())
    thread = api.post("/threads").json()["id"]
    first = api.post(f"/threads/{thread}/runs", json=asking(assistant)).json()["id"]
    with pytest.raises(ProviderException, match=f"thread {thread} was busy with run {first} for 0.3 seconds"):
        provider().query(prompt="Next", thread_id=thread, max_wait_time=0.3)
    assert wait_for_run(api, thread, "in_progress")["id"] == first  # it is somebody else's, and goes on
    api.post(f"/threads/{thread}/runs/{first}/cancel")


@contextmanager
def telling(tell: Callable[..., object], *what: Any, when_it_says: str) -> Iterator[None]:
    """Call `tell` as soon as the log has such a line."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if when_it_says in record.getMessage():
                tell(*what)

    root, listener = logging.getLogger(), Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.INFO)
    yield
    root.removeHandler(listener)
    root.setLevel(level)


def asking(assistant: str) -> dict[str, Any]:
    return {"assistant_id": assistant, "additional_messages": [{"role": "user", "content": "First"}]}


def cancelling(api: httpx.Client) -> Callable[[dict[str, Any]], Any]:
    """A model server that sees its run cancelled before it answers."""

    def rule(body: dict[str, Any]) -> Any:
        thread = api.get("/threads", params={"limit": 1}).json()["data"][0]
        api.post(f"/threads/{thread['id']}/runs/{thread['active_run_id']}/cancel")
        return never_answers()

    return rule


def test_another_assistant_for_one_step(provider: Make, says: Model, api: httpx.Client) -> None:
    other = new_assistant(api, instructions="You are the other one.")
    assert provider().query(prompt="Hello", assistant_id=other)["assistant_id"] == other
    assert says.requests[0]["messages"][0]["content"] == "You are the other one."
