"""Requests put together from their answers."""

from typing import Any

import pytest
from msgspec.structs import replace

from compat_tests.exchange import UNRECORDED, Exchange, Part, Recording
from compat_tests.replay.answers_only import message, reconstructed, store
from compat_tests.replay.uploads import file_form, filler
from tests.compat.replay.builders import (
    ASSISTANT,
    RUN,
    RUNS,
    THREAD,
    a_message,
    a_run,
    a_step,
    action,
    an_id,
    asked,
    calls,
    polled,
    recording,
    refusal,
)

ASSISTANT_SHOWN = {
    "id": ASSISTANT, "object": "assistant", "created_at": 100, "name": "Signal", "description": None, "model": "tiny",
    "instructions": "Be brief.", "tools": [], "top_p": 1.0, "temperature": 1.0, "metadata": {"line": "4"},
}  # fmt: skip
SETTINGS = ("model", "name", "instructions", "tools", "metadata", "temperature", "top_p")
FILE = {"id": an_id("file", "F"), "object": "file", "filename": "times.txt", "purpose": "assistants", "bytes": 90}
UPLOAD = {"id": an_id("upload", "U"), "object": "upload", "filename": "a.jsonl", "purpose": "fine-tune", "bytes": 7}
STORE = {"id": an_id("vs", "V"), "object": "vector_store", "name": "Times", "status": "completed"}


def unknown(method: str, path: str, answer: Any, **known: Any) -> Exchange:
    return asked(method, path, answer, body=UNRECORDED, **known)


def bodies(*exchanges: Exchange, **known: Any) -> list[Any]:
    found, unknown = reconstructed(recording(*exchanges, **known))
    assert unknown == []
    return [each.request.body for each in found.exchanges]


def test_an_object_tells_how_it_was_made() -> None:
    (body,) = bodies(unknown("POST", "/v1/assistants", ASSISTANT_SHOWN))
    assert body == {key: ASSISTANT_SHOWN[key] for key in SETTINGS}


def test_a_ranker_is_asked_for_in_the_form_that_is_taken() -> None:
    ranking = {"ranker": "default-2024-08-21", "score_threshold": 0.0}
    tools = [{"type": "file_search", "file_search": {"ranking_options": ranking}}]
    (body,) = bodies(unknown("POST", "/v1/assistants", ASSISTANT_SHOWN | {"tools": tools}))
    assert body["tools"][0]["file_search"]["ranking_options"]["ranker"] == "default_2024_08_21"


def test_a_message_tells_what_was_posted() -> None:
    shown = a_message(an_id("msg", "M"), "When?", role="user", metadata={"line": "4"})
    shown["content"].append({"type": "image_file", "image_file": {"file_id": FILE["id"], "detail": "low"}})
    assert message(shown) == {
        "role": "user",
        "content": [
            {"type": "text", "text": "When?"},
            {"type": "image_file", "image_file": {"file_id": FILE["id"], "detail": "low"}},
        ],
        "attachments": [],
        "metadata": {"line": "4"},
    }


def test_a_run_that_was_streamed() -> None:
    events = [("thread.run.created", a_run("queued", max_prompt_tokens=300)), ("done", "[DONE]")]
    (body,) = bodies(unknown("POST", RUNS, events))
    assert body == {"assistant_id": ASSISTANT, "max_prompt_tokens": 300, "stream": True}


def test_a_run_with_its_thread() -> None:
    thread = {"id": THREAD, "object": "thread", "metadata": {"line": "4"}}
    (body,) = bodies(unknown("POST", "/v1/threads/runs", [("thread.created", thread), ("x", a_run("queued"))]))
    assert body["thread"]["metadata"] == {"line": "4"}
    assert len(body["thread"]["messages"]) == 1


def test_outputs_that_the_stream_shows() -> None:
    events = [("thread.run.step.completed", a_step("step_1", calls("look_up", output="at noon")))]
    (body,) = bodies(unknown("POST", f"{RUNS}/{RUN}/submit_tool_outputs", events))
    assert body == {"tool_outputs": [{"tool_call_id": an_id("call", "l"), "output": "at noon"}], "stream": True}


def test_outputs_that_nothing_shows() -> None:
    waiting = polled("requires_action", required_action=action("look_up"))
    submit = unknown("POST", f"{RUNS}/{RUN}/submit_tool_outputs", a_run("queued"))
    body = bodies(waiting, submit)[1]
    assert [each["tool_call_id"] for each in body["tool_outputs"]] == [an_id("call", "l")]


@pytest.mark.parametrize(
    ("path", "shown", "body"),
    [
        (f"/v1/threads/{THREAD}", {"id": THREAD, "object": "thread", "metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        (f"{RUNS}/{RUN}", a_run("completed", metadata={"a": "b"}), {"metadata": {"a": "b"}}),
        (f"{RUNS}/{RUN}/cancel", a_run("cancelling"), None),
        ("/v1/vector_stores", STORE, {"name": "Times"}),
        (
            "/v1/vector_stores/vs_1/files",
            {"id": FILE["id"], "object": "vector_store.file", "attributes": {}},
            {"file_id": FILE["id"], "attributes": {}},
        ),
        ("/v1/uploads/upload_1/cancel", UPLOAD, None),
        (
            "/v1/uploads",
            UPLOAD,
            {"filename": "a.jsonl", "purpose": "fine-tune", "bytes": 7, "mime_type": "text/jsonl"},
        ),
    ],
)
def test_other_bodies(path: str, shown: Any, body: Any) -> None:
    assert bodies(unknown("POST", path, shown)) == [body]


def test_a_store_tells_how_many_files_it_had() -> None:
    counts = {"in_progress": 0, "completed": 2, "failed": 1, "cancelled": 0, "total": 3}
    ids = store(STORE | {"file_counts": counts})["file_ids"]
    assert [each.startswith("file-unreadable") for each in ids] == [True, False, False]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    "exchange",
    [
        unknown("POST", "/v1/assistants", refusal("Missing required parameter: 'model'."), status=400),
        unknown("POST", "/v1/vector_stores/vs_1/search", {"object": "vector_store.search_results.page", "data": []}),
        unknown("POST", RUNS, [("done", "[DONE]")]),
    ],
)
def test_what_cannot_be_told_is_said(exchange: Exchange) -> None:
    assert len(reconstructed(recording(exchange))[1]) == 1


def test_uploads_are_filled_up() -> None:
    (form,) = bodies(unknown("POST", "/v1/files", FILE))
    assert form == file_form(FILE)
    assert [(part.name, len(part.data), part.filename) for part in form] == [
        ("purpose", 10, None),
        ("file", 90, "times.txt"),
    ]
    assert filler(90).isascii()


def test_a_purpose_that_was_refused_is_in_the_refusal() -> None:
    message = "'tea' is not one of ['fine-tune', 'assistants'] - 'purpose'"
    (form,) = bodies(unknown("POST", "/v1/files", refusal(message, param="purpose"), status=400))
    assert form[0] == Part(name="purpose", data=b"tea")


def test_parts_of_an_upload_hold_what_it_was_to_hold() -> None:
    parts = [
        unknown("POST", f"/v1/uploads/{UPLOAD['id']}/parts", {"id": f"part_{each}", "object": "upload.part"})
        for each in range(3)
    ]
    complete = unknown("POST", f"/v1/uploads/{UPLOAD['id']}/complete", UPLOAD)
    _, *forms, ids = bodies(asked("POST", "/v1/uploads", UPLOAD, body={}), *parts, complete)
    assert [len(form[0].data) for form in forms] == [3, 2, 2]
    assert ids == {"part_ids": ["part_0", "part_1", "part_2"]}


def test_the_content_of_what_was_filled_up_is_not_compared() -> None:
    content = asked("GET", f"/v1/files/{FILE['id']}/content", "At 5:42.")
    found, _ = reconstructed(recording(unknown("POST", "/v1/files", FILE), content))
    assert found.exchanges[1].answer.body is UNRECORDED
    form = (Part(name="purpose", data=b"assistants"), Part(name="file", data=b"At 5:42.", filename="times.txt"))
    kept, _ = reconstructed(recording(asked("POST", "/v1/files", FILE, body=form), content))
    assert kept.exchanges[1].answer.body == "At 5:42."
    missing = asked("GET", "/v1/files/x/content", refusal("No such File object: x"), status=404)
    assert reconstructed(recording(missing))[0].exchanges[0] == missing


def a_capture(*exchanges: Exchange) -> Recording:
    found, _ = reconstructed(recording(*exchanges, answers_only=True))
    return found


def test_a_capture_of_a_stream_is_ended() -> None:
    runs = [("thread.run.created", a_run("queued", model="tin y")), ("thread.run.queued", a_run("queued"))]
    (exchange,) = a_capture(unknown("POST", RUNS, runs)).exchanges
    assert exchange.answer.events is not None
    assert [event.event for event in exchange.answer.events] == ["thread.run.created", "thread.run.queued", "done"]
    assert {event.data["model"] for event in exchange.answer.events[:2]} == {"tiny"}


def test_what_was_read_after_a_change_was_not_read_before() -> None:
    read = asked("GET", f"/v1/vector_stores/{STORE['id']}", STORE)
    changed = unknown("POST", f"/v1/vector_stores/{STORE['id']}", STORE)
    assert [each.request.method for each in a_capture(read, changed).exchanges] == ["POST", "GET"]
    before = replace(read, answer=replace(read.answer, body=STORE | {"name": "Old"}))
    assert [each.request.method for each in a_capture(before, changed).exchanges] == ["GET", "POST"]
