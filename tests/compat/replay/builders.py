"""Recordings made by hand, named by what they are about."""

from typing import Any

from compat_tests.exchange import Answer, Event, Exchange, Recording, Request

Object = dict[str, Any]
JSON = {"content-type": "application/json"}


def an_id(kind: str, letter: str) -> str:
    return f"{kind}{'-' if kind == 'file' else '_'}{letter * 24}"


THREAD, RUN, ASSISTANT = an_id("thread", "T"), an_id("run", "R"), an_id("asst", "A")
RUNS = f"/v1/threads/{THREAD}/runs"
USAGE = {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37}


def asked(method: str, path: str, answer: Any, *, body: Any = None, status: int = 200, **query: Any) -> Exchange:
    """`answer` is JSON, or the events of a stream: a list of pairs."""
    told = Answer(status=status, headers=JSON, body=answer)
    if isinstance(answer, list):
        events = tuple(Event(*each) for each in answer)
        told = Answer(status=status, headers={"content-type": "text/event-stream"}, events=events)
    return Exchange(request=Request(method=method, path=path, query=tuple(query.items()), body=body), answer=told)


def recording(*exchanges: Exchange, **known: Any) -> Recording:
    return Recording(name="made/by-hand", source="made by hand", exchanges=exchanges, **known)


def a_run(status: str, id: str = RUN, **keys: Any) -> Object:
    return {
        "id": id, "object": "thread.run", "thread_id": THREAD, "assistant_id": ASSISTANT, "status": status,
        "created_at": 100, "model": "tiny", "instructions": None, "tools": [], "required_action": None, "usage": None,
    } | keys  # fmt: skip


def a_message(id: str, text: str, **keys: Any) -> Object:
    content = [{"type": "text", "text": {"value": text, "annotations": []}}]
    return {
        "id": id, "object": "thread.message", "thread_id": THREAD, "created_at": 101, "role": "assistant",
        "assistant_id": ASSISTANT, "run_id": RUN, "content": content, "attachments": [], "metadata": {},
    } | keys  # fmt: skip


def a_step(id: str, details: Object, **keys: Any) -> Object:
    return {
        "id": id, "object": "thread.run.step", "thread_id": THREAD, "run_id": RUN, "assistant_id": ASSISTANT,
        "created_at": 101, "type": details["type"], "status": "completed", "step_details": details, "usage": None,
    } | keys  # fmt: skip


def says(message_id: str) -> Object:
    return {"type": "message_creation", "message_creation": {"message_id": message_id}}


def calls(*names: str, output: str | None = None) -> Object:
    made = [
        {"id": an_id("call", name[0]), "type": "function", "function": {"name": name, "arguments": "{}"}}
        for name in names
    ]
    for each in made:
        each["function"]["output"] = output  # type: ignore[index]
    return {"type": "tool_calls", "tool_calls": made}


def action(*names: str, arguments: str = "{}") -> Object:
    made = [
        {"id": an_id("call", name[0]), "type": "function", "function": {"name": name, "arguments": arguments}}
        for name in names
    ]
    return {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": made}}


def page(*items: Object, has_more: bool = False) -> Object:
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return {"object": "list", "data": list(items), "first_id": first, "last_id": last, "has_more": has_more}


def refusal(message: str, **keys: Any) -> Object:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None} | keys}


def begun(**body: Any) -> Exchange:
    return asked("POST", RUNS, a_run("queued"), body={"assistant_id": ASSISTANT, **body})


def polled(status: str, **keys: Any) -> Exchange:
    return asked("GET", f"{RUNS}/{RUN}", a_run(status, **keys))
