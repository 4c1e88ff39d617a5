"""Answers made by hand, named by what they are about."""

from typing import Any

from compat_tests.comparison.compare import compare
from compat_tests.comparison.context import Context
from compat_tests.comparison.ids import Ids
from compat_tests.exchange import Answer, Event

Object = dict[str, Any]
JSON = {"content-type": "application/json"}
STREAM = {"content-type": "text/event-stream; charset=utf-8"}


def an_id(kind: str, letter: str) -> str:
    return f"{kind}{'-' if kind == 'file' else '_'}{letter * 24}"


def told(body: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status=status, headers=JSON | headers, body=body)


def streamed(*events: tuple[str, Any]) -> Answer:
    return Answer(status=200, headers=STREAM, events=tuple(Event(*each) for each in events))


def when(method: str = "GET", path: str = "/v1/threads/{thread_id}", **known: Any) -> Context:
    return Context(recording="made/by-hand", method=method, path=path, **known)


def differences(
    recorded: Answer, ours: Answer, ids: Ids | None = None, known: Context | None = None
) -> list[tuple[str, str, str]]:
    found = compare(recorded, ours, ids or Ids(), known or when())
    return [(each.path, each.expected, each.got) for each in found]


def paths(*args: Any) -> list[str]:
    return [path for path, *_ in differences(*args)]


def a_thread(letter: str = "a", **changes: Any) -> Object:
    return {
        "id": an_id("thread", letter),
        "object": "thread",
        "created_at": 1_700_000_000,
        "metadata": {},
        "tool_resources": {},
    } | changes


def a_message(letter: str = "a", text: str = "Count the sheep.", **changes: Any) -> Object:
    return {
        "id": an_id("msg", letter),
        "object": "thread.message",
        "created_at": 1_700_000_001,
        "assistant_id": None,
        "thread_id": an_id("thread", "a"),
        "run_id": None,
        "role": "user",
        "content": [{"type": "text", "text": {"value": text, "annotations": []}}],
        "attachments": [],
        "metadata": {},
    } | changes


def a_run(letter: str = "a", **changes: Any) -> Object:
    return {
        "id": an_id("run", letter),
        "object": "thread.run",
        "created_at": 1_700_000_002,
        "assistant_id": an_id("asst", "a"),
        "thread_id": an_id("thread", "a"),
        "status": "queued",
        "started_at": None,
        "expires_at": 1_700_000_602,
        "completed_at": None,
        "required_action": None,
        "last_error": None,
        "temperature": 1.0,
        "usage": None,
    } | changes


def a_step(letter: str = "a", **changes: Any) -> Object:
    return {
        "id": an_id("step", letter),
        "object": "thread.run.step",
        "created_at": 1_700_000_003,
        "run_id": an_id("run", "a"),
        "assistant_id": an_id("asst", "a"),
        "thread_id": an_id("thread", "a"),
        "type": "message_creation",
        "status": "completed",
        "completed_at": 1_700_000_004,
        "step_details": {"type": "message_creation", "message_creation": {"message_id": an_id("msg", "b")}},
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    } | changes


def a_page(*data: Object, has_more: bool = False, **changes: Any) -> Object:
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    page = {"object": "list", "data": list(data), "first_id": first, "last_id": last, "has_more": has_more}
    return page | changes


def an_error(message: str, **changes: Any) -> Object:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | changes}


def a_delta(text: str, letter: str = "a", **changes: Any) -> tuple[str, Object]:
    part = {"index": 0, "type": "text", "text": {"value": text} | changes}
    shown = {"id": an_id("msg", letter), "object": "thread.message.delta", "delta": {"content": [part]}}
    return "thread.message.delta", shown


DONE = ("done", "[DONE]")


def renamed(value: Any) -> Any:
    """The same with ids of another server: `asst_aaa…` becomes `asst_AAA…`."""
    match value:
        case dict():
            return {key: renamed(each) for key, each in value.items()}
        case list():
            return [renamed(each) for each in value]
        case str():
            for kind in ("thread_", "msg_", "run_", "asst_", "step_", "call_", "file-"):
                for letter in "abcdef":
                    value = value.replace(kind + letter * 24, kind + letter.upper() * 24)
            return value
        case _:
            return value
