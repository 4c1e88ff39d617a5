"""The schemas made of the SDK's types: what the real service answered passes, and what it never did is caught."""

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest

from compat_tests.exchange import Answer, Event, Request
from compat_tests.result import Difference
from compat_tests.schemas import facts, open_schemas, places
from compat_tests.schemas.tightening import definitions, name_of
from tests.recordings import cases, scenarios

ID = "A" * 24
THREAD, RUN, MESSAGE, STEP, ASSISTANT = f"thread_{ID}", f"run_{ID}", f"msg_{ID}", f"step_{ID}", f"asst_{ID}"

A_RUN: dict[str, Any] = {
    "id": RUN,
    "object": "thread.run",
    "created_at": 100,
    "assistant_id": ASSISTANT,
    "thread_id": THREAD,
    "status": "completed",
    "started_at": 101,
    "expires_at": None,
    "cancelled_at": None,
    "failed_at": None,
    "completed_at": 102,
    "required_action": None,
    "last_error": None,
    "model": "tiny",
    "instructions": None,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": False}}],
    "tool_resources": {"code_interpreter": {"file_ids": []}},
    "metadata": {"a": "b"},
    "temperature": 1.0,
    "top_p": 1.0,
    "reasoning_effort": None,
    "max_completion_tokens": None,
    "max_prompt_tokens": None,
    "truncation_strategy": {"type": "auto", "last_messages": None},
    "incomplete_details": None,
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    "response_format": "auto",
    "tool_choice": "auto",
    "parallel_tool_calls": True,
}
A_MESSAGE: dict[str, Any] = {
    "id": MESSAGE,
    "object": "thread.message",
    "created_at": 100,
    "assistant_id": ASSISTANT,
    "thread_id": THREAD,
    "run_id": RUN,
    "status": "completed",
    "incomplete_details": None,
    "incomplete_at": None,
    "completed_at": 101,
    "role": "assistant",
    "content": [{"type": "text", "text": {"value": "Good day.", "annotations": []}}],
    "attachments": [],
    "metadata": {},
}
A_STEP: dict[str, Any] = {
    "id": STEP,
    "object": "thread.run.step",
    "created_at": 100,
    "run_id": RUN,
    "assistant_id": ASSISTANT,
    "thread_id": THREAD,
    "type": "tool_calls",
    "status": "completed",
    "cancelled_at": None,
    "completed_at": 101,
    "expires_at": None,
    "failed_at": None,
    "last_error": None,
    "step_details": {
        "type": "tool_calls",
        "tool_calls": [
            {"id": f"call_{ID}", "type": "function", "function": {"name": "f", "arguments": "{}", "output": "1"}}
        ],
    },
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
A_DELTA: dict[str, Any] = {
    "id": MESSAGE,
    "object": "thread.message.delta",
    "delta": {"content": [{"index": 0, "type": "text", "text": {"value": "Good"}}]},
}
AN_ERROR: dict[str, Any] = {"error": {"message": "No.", "type": "invalid_request_error", "param": None, "code": None}}

RUN_PATH = f"/v1/threads/{THREAD}/runs/{RUN}"
MESSAGE_PATH = f"/v1/threads/{THREAD}/messages/{MESSAGE}"
STEPS_PATH = f"{RUN_PATH}/steps"


def found(path: str, body: Any, *, method: str = "GET", status: int = 200) -> list[Difference]:
    return list(open_schemas()(Request(method=method, path=path), Answer(status=status, body=body)))


def in_stream(event: str, data: Any) -> list[Difference]:
    asked = Request(method="POST", path=f"/v1/threads/{THREAD}/runs")
    return list(open_schemas()(asked, Answer(status=200, events=(Event(event, data),))))


def places_of(differences: list[Difference]) -> list[tuple[str, str, str]]:
    return [(each.path, each.expected, each.got) for each in differences]


RECORDED = [pytest.param(scenario, id=name) for name, scenario in scenarios()]


@pytest.mark.parametrize("scenario", cases(RECORDED))
def test_what_the_service_answered_passes(scenario: dict[str, Any]) -> None:
    schemas = open_schemas(as_recorded=True)
    for number, exchange in enumerate(scenario["exchanges"]):
        asked, told = exchange["request"], exchange["response"]
        frames = tuple(Event(each["event"], each["data"]) for each in told["sse"]) if "sse" in told else None
        answer = Answer(status=told["status"], body=told.get("body"), events=frames)
        path = asked["path"] if asked["path"].startswith("/v1/") else f"/v1{asked['path']}"
        wrong = list(schemas(Request(method=asked["method"], path=path), answer))
        assert wrong == [], f"exchange {number}: {asked['method']} {path}"


def test_every_path_has_a_type_that_the_sdk_has() -> None:
    schemas = open_schemas()
    for _, _, shape in places.TABLE:
        schemas.validator(shape)
    for event in schemas.events:
        schemas.validator(f"event {event}")
    assert {"thread.run.completed", "thread.message.delta", "thread.created", "error"} < schemas.events
    assert len(schemas.events) == 24


def test_every_fact_is_about_a_type_of_the_sdk() -> None:
    made, events = definitions(places.sdk_types(), places.sdk_events())
    assert set(events) == open_schemas().events
    known = {name_of(key) for key in made} | {name_of(key).rpartition(".")[2] for key in made} | set(facts.VARIANTS)
    tables = (facts.BESIDE, facts.MAY_BE_ABSENT, facts.IN_DELTAS, facts.NULLABLE, facts.OLDER, facts.MISTAKES)
    named = {key[0] for table in (*tables, facts.SPELLINGS, facts.CONSTANTS) for key in table}
    assert sorted(named - known) == []


def test_what_is_right_passes() -> None:
    assert found(RUN_PATH, A_RUN) == []
    assert found(MESSAGE_PATH, A_MESSAGE) == []
    assert found(f"{STEPS_PATH}/{STEP}", A_STEP) == []
    listed = {"object": "list", "data": [A_STEP, A_STEP], "first_id": STEP, "last_id": STEP, "has_more": False}
    assert found(STEPS_PATH, listed) == []
    assert found(RUN_PATH, AN_ERROR, status=404) == []
    assert in_stream("thread.run.completed", A_RUN) == []
    assert in_stream("thread.message.delta", A_DELTA) == []
    assert in_stream("done", "[DONE]") == []


def test_only_answers_may_leave_out_how_far_a_message_is() -> None:
    slim = {key: value for key, value in A_MESSAGE.items() if key not in {"status", "completed_at"}}
    assert found(MESSAGE_PATH, slim) == []
    assert places_of(in_stream("thread.message.completed", slim)) == [
        ("events[0].data.completed_at", "integer or null", "absent"),
        ("events[0].data.status", '"in_progress" or "incomplete" or "completed"', "absent"),
    ]


Change = Callable[[dict[str, Any]], Any]


def without(*keys: str) -> Change:
    def change(value: dict[str, Any]) -> None:
        for key in keys:
            del value[key]

    return change


def having(**keys: Any) -> Change:
    def change(value: dict[str, Any]) -> None:
        value.update(keys)

    return change


LIES: list[tuple[str, dict[str, Any], Change, tuple[str, str, str]]] = [
    (RUN_PATH, A_RUN, without("usage"), ("body.usage", "object or null", "absent")),
    (RUN_PATH, A_RUN, without("reasoning_effort"), ("body.reasoning_effort", "", "absent")),
    (RUN_PATH, A_RUN, having(extra=1), ("body.extra", "absent", "1")),
    (RUN_PATH, A_RUN, having(object="run"), ("body.object", '"thread.run"', '"run"')),
    (RUN_PATH, A_RUN, having(id="run-1"), ("body.id", "", '"run-1"')),
    (RUN_PATH, A_RUN, having(thread_id=RUN), ("body.thread_id", "", f'"{RUN}"')),
    (RUN_PATH, A_RUN, having(status="done"), ("body.status", "", '"done"')),
    (RUN_PATH, A_RUN, having(created_at="100"), ("body.created_at", "integer", '"100"')),
    (RUN_PATH, A_RUN, having(created_at=100.0), ("body.created_at", "integer", "100.0")),
    (RUN_PATH, A_RUN, having(created_at=True), ("body.created_at", "integer", "true")),
    (RUN_PATH, A_RUN, having(completed_at=None), ("body.completed_at", "integer", "null")),
    (RUN_PATH, A_RUN, having(expires_at=700), ("body.expires_at", "null", "700")),
    (RUN_PATH, A_RUN, having(last_error={"code": "server_error", "message": ""}), ("body.last_error", "null", "")),
    (RUN_PATH, A_RUN, having(metadata=None), ("body.metadata", "object", "null")),
    (RUN_PATH, A_RUN, having(metadata={"a": 1}), ("body.metadata.a", "string", "1")),
    (RUN_PATH, A_RUN, having(tool_choice="any"), ("body.tool_choice", '"none" or "auto" or "required"', '"any"')),
    (RUN_PATH, A_RUN, having(tool_choice={"type": "f"}), ("body.tool_choice.type", "", '"f"')),
    (RUN_PATH, A_RUN, having(response_format={"type": "xml"}), ("body.response_format.type", "", '"xml"')),
    (RUN_PATH, A_RUN, having(temperature=None), ("body.temperature", "number", "null")),
    (
        RUN_PATH,
        A_RUN,
        lambda run: run["tools"][0]["function"].pop("name"),
        ("body.tools[0].function.name", "string", "absent"),
    ),
    (RUN_PATH, A_RUN, lambda run: run["tools"][0].update(type="retrieval"), ("body.tools[0].type", "", '"retrieval"')),
    (RUN_PATH, A_RUN, lambda run: run["usage"].pop("total_tokens"), ("body.usage.total_tokens", "integer", "absent")),
    (MESSAGE_PATH, A_MESSAGE, having(content="Good day."), ("body.content", "array", '"Good day."')),
    (MESSAGE_PATH, A_MESSAGE, having(role="system"), ("body.role", '"user" or "assistant"', '"system"')),
    (MESSAGE_PATH, A_MESSAGE, having(file_ids=[]), ("body.file_ids", "absent", "[]")),
    (
        MESSAGE_PATH,
        A_MESSAGE,
        lambda message: message["content"][0]["text"].pop("annotations"),
        ("body.content[0].text.annotations", "array", "absent"),
    ),
    (
        MESSAGE_PATH,
        A_MESSAGE,
        lambda message: message["content"][0].update(text="Good day."),
        ("body.content[0].text", "object", '"Good day."'),
    ),
    (f"{STEPS_PATH}/{STEP}", A_STEP, without("expires_at"), ("body.expires_at", "integer or null", "absent")),
    (f"{STEPS_PATH}/{STEP}", A_STEP, having(status="done"), ("body.status", "", '"done"')),
    (
        f"{STEPS_PATH}/{STEP}",
        A_STEP,
        lambda step: step["step_details"]["tool_calls"][0]["function"].pop("output"),
        ("body.step_details.tool_calls[0].function.output", "string or null", "absent"),
    ),
]


@pytest.mark.parametrize(("path", "right", "change", "expected"), LIES, ids=[each[3][0] for each in LIES])
def test_a_lie_is_caught_where_it_is(
    path: str, right: dict[str, Any], change: Change, expected: tuple[str, str, str]
) -> None:
    """An empty text in what is expected stands for any: a long list of words, a pattern."""
    wrong = copy.deepcopy(right)
    change(wrong)
    differences = found(path, wrong)
    assert [each.path for each in differences] == [expected[0]]
    assert expected[1] in {"", differences[0].expected}
    assert expected[2] in {"", differences[0].got}


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("thread.run.done", A_RUN, ("events[0].event", "the name of an event", "thread.run.done")),
        ("done", {"done": True}, ("events[0].data", "[DONE]", '{"done": true}')),
        ("thread.run.step.completed", A_MESSAGE, None),
        (
            "thread.message.delta",
            {**A_DELTA, "delta": {"content": [{"type": "text", "text": {"value": "Good"}}]}},
            ("events[0].data.delta.content[0].index", "integer", "absent"),
        ),
        ("error", {"message": "No."}, ("events[0].data.error", "object", "absent")),
    ],
)
def test_a_lie_in_a_stream(event: str, data: Any, expected: tuple[str, str, str] | None) -> None:
    differences = places_of(in_stream(event, data))
    assert differences
    if expected is not None:
        assert differences[0] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": "No."}, ("body.error", "object", '"No."')),
        (
            {"error": {"message": "No.", "type": "server_error", "code": None}},
            ("body.error.param", "string or null", "absent"),
        ),
        ({"detail": "Not Found"}, ("body.error", "object", "absent")),
        ("<html>", ("body", "an error, as JSON", '"<html>"')),
        (None, ("body", "an error, as JSON", "null")),
    ],
)
def test_an_error_in_another_form(body: Any, expected: tuple[str, str, str]) -> None:
    assert expected in places_of(found(RUN_PATH, body, status=404))


def test_a_list_in_another_form() -> None:
    steps = {"object": "list", "data": [A_STEP, {**A_STEP, "id": 7}], "first_id": STEP, "last_id": STEP}
    differences = places_of(found(STEPS_PATH, steps))
    assert ("body.has_more", "boolean", "absent") in differences
    assert [each[0] for each in differences] == ["body.data[1].id", "body.has_more"]
    assert places_of(found(STEPS_PATH, [A_STEP])) == [
        ("body", "[RunStep], as JSON", f"{found(STEPS_PATH, [A_STEP])[0].got}")
    ]


def test_what_nobody_knows_is_not_judged() -> None:
    assert found(f"/v1/files/file-{ID}/content", b"\x00") == []
    assert found("/health", {"status": "ok"}) == []
    assert found("/v1/chat/completions", {"anything": 1}, method="POST") == []
    assert found(RUN_PATH, None, method="HEAD") == []
    assert found(RUN_PATH, "moved", status=307) == []
    chat = Answer(
        status=200, events=(Event("message", {"object": "chat.completion.chunk"}), Event("message", "[DONE]"))
    )
    assert list(open_schemas()(Request(method="POST", path="/v1/chat/completions"), chat)) == []


def test_an_answer_takes_less_than_a_millisecond() -> None:
    """Of the quickest of several, as a machine may be busy."""
    found(RUN_PATH, A_RUN)
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        found(RUN_PATH, A_RUN)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.001
