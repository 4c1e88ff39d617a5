"""Every way in which an answer can differ from the recorded one is reported, at its place."""

import hashlib
from copy import deepcopy
from typing import Any

import pytest

from compat_tests.comparison.compare import compare
from compat_tests.comparison.ids import Ids
from compat_tests.exchange import UNRECORDED, Answer
from tests.compat.comparison.builders import (
    DONE,
    JSON,
    a_message,
    a_run,
    a_step,
    a_thread,
    an_error,
    an_id,
    differences,
    paths,
    renamed,
    streamed,
    told,
    when,
)


def test_the_same_answer_of_another_server_has_no_differences() -> None:
    run = a_run(status="completed", started_at=1_700_000_003, usage={"prompt_tokens": 1})
    ours = renamed(run) | {"created_at": 1_800_000_000, "expires_at": 1_800_000_600, "started_at": 1_800_000_000}
    assert differences(told(run), told(ours)) == []


ABSENT = object()


@pytest.mark.parametrize(
    ("key", "ours", "expected"),
    [
        ("expires_at", ABSENT, ("body.expires_at", "1700000602", "absent")),
        ("started_at", ABSENT, ("body.started_at", "null", "absent")),
        ("started_at", 1_800_000_000, ("body.started_at", "null", "1800000000")),
        ("expires_at", None, ("body.expires_at", "1700000602", "null")),
        ("expires_at", "1700000602", ("body.expires_at", "1700000602", "string of 10")),
        ("created_at", True, ("body.created_at", "1700000002", "true")),
        ("created_at", 1_700_000_002.5, ("body.created_at", "1700000002", "1700000002.5")),
        ("temperature", True, ("body.temperature", "1.0", "true")),
        ("temperature", 0.5, ("body.temperature", "1.0", "0.5")),
        ("status", "in_progress", ("body.status", '"queued"', '"in_progress"')),
        ("object", "run", ("body.object", '"thread.run"', '"run"')),
        ("last_error", {}, ("body.last_error", "null", "{}")),
        ("colour", "red", ("body.colour", "absent", "string of 3")),
        ("usage", [], ("body.usage", "null", "[]")),
    ],
)
def test_one_key_is_otherwise(key: str, ours: Any, expected: tuple[str, str, str]) -> None:
    other = renamed(a_run())
    if ours is ABSENT:
        del other[key]
    else:
        other[key] = ours
    assert differences(told(a_run()), told(other)) == [expected]


def test_numbers_are_equal_as_json_has_them() -> None:
    assert differences(told(a_run()), told(a_run(temperature=1))) == []


@pytest.mark.parametrize(("ours", "found"), [(0.41, []), (1, []), (1.5, ["body.score"]), (None, ["body.score"])])
def test_how_well_a_result_fits_is_a_matter_of_the_search_engine(ours: Any, found: list[str]) -> None:
    assert paths(told({"score": 0.75}), told({"score": ours})) == found


def test_deep_inside() -> None:
    other = a_message()
    other["content"][0]["text"]["value"] = "Count the goats."
    del other["content"][0]["text"]["annotations"]
    assert differences(told(a_message()), told(other)) == [
        ("body.content[0].text.value", "string of 16", "another string of 16"),
        ("body.content[0].text.annotations", "[]", "absent"),
    ]


def test_a_list_is_longer() -> None:
    other = a_message()
    other["content"] *= 2
    assert differences(told(a_message()), told(other)) == [("body.content (length)", "1", "2")]


def test_no_recorded_text_is_told() -> None:
    recorded, ours = a_message(text="A secret that nobody tells."), a_message(text="Something else.")
    found = str(compare(told(recorded), told(ours), Ids(), when()))
    assert "secret" not in found
    assert "Something" not in found


def test_what_the_client_named_is_no_id_and_no_time() -> None:
    recorded = a_thread(metadata={"thread_id": "x", "made_at": "1", "id": "7"})
    assert differences(told(recorded), told(a_thread(metadata={"thread_id": "x", "made_at": "1", "id": "7"}))) == []
    ours = a_thread(metadata={"thread_id": "y", "made_at": "2", "more": "z"})
    assert paths(told(recorded), told(ours)) == [
        "body.metadata.thread_id",
        "body.metadata.made_at",
        "body.metadata.id",
        "body.metadata.more",
    ]


def test_ids_in_the_clients_own_objects_are_translated() -> None:
    ids = Ids()
    ids.meet(an_id("file", "a"), an_id("file", "A"))
    recorded = told(a_thread(metadata={"source": an_id("file", "a")}))
    assert differences(recorded, told(a_thread(metadata={"source": an_id("file", "A")})), ids) == []


def test_one_object_becomes_two() -> None:
    ids = Ids()
    assert differences(told(a_thread()), told(a_thread("A")), ids) == []
    assert differences(told(a_thread()), told(a_thread("B")), ids) == [
        ("body.id", "the same object as in the recording", "another object than before")
    ]


def test_two_objects_become_one() -> None:
    ids = Ids()
    assert differences(told(a_thread("a")), told(a_thread("A")), ids) == []
    assert differences(told(a_thread("b")), told(a_thread("A")), ids) == [
        ("body.id", "the same object as in the recording", "the same object as another one before")
    ]


def test_the_relation_within_one_answer() -> None:
    first, second = a_step(run_id=an_id("run", "a")), a_step("b", run_id=an_id("run", "b"))
    recorded, ours = {"one": first, "two": second}, {"one": renamed(first), "two": renamed(second)}
    assert differences(told(recorded), told(ours)) == []
    ours["two"] = ours["two"] | {"run_id": an_id("run", "A")}
    assert paths(told(recorded), told(ours)) == ["body.two.run_id"]


def test_the_status_is_another() -> None:
    assert differences(told(a_thread()), told(an_error("No."), status=404)) == [
        (
            "status",
            "200",
            '404: {"error": {"message": "No.", "type": "invalid_request_error", "param": null, "code": null}}',
        )
    ]


NOT_FOUND = "No thread found with id 'thread_aaaaaaaaaaaaaaaaaaaaaaaa'."


def test_an_error_with_an_id_of_ours() -> None:
    ids = Ids()
    ids.meet(an_id("thread", "a"), an_id("thread", "B"))
    ours = an_error(NOT_FOUND.replace("a" * 24, "B" * 24))
    assert differences(told(an_error(NOT_FOUND), 404), told(ours, 404), ids) == []
    assert paths(told(an_error(NOT_FOUND), 404), told(an_error(NOT_FOUND), 404), ids) == ["body.error.message"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("message", "No thread found with id."), ("type", "server_error"), ("param", "thread_id"), ("code", "not_found")],
)
def test_an_error_is_literal(key: str, value: str) -> None:
    recorded = an_error("No such thread.")
    ours = deepcopy(recorded)
    ours["error"][key] = value
    ((path, expected, got),) = differences(told(recorded, 404), told(ours, 404))
    assert path == f"body.error.{key}"
    assert value in got
    assert "No such thread." in expected or key != "message"


@pytest.mark.parametrize(
    ("recorded", "ours", "is_same"),
    [
        ("Incorrect API key provided: <TOKEN>. You can", "Incorrect API key provided: sk-wr***ng. You can", True),
        ("Incorrect API key provided: dummy. You can", "Incorrect API key provided: other. You can", True),
        ("Incorrect API key provided: <TOKEN>. You can", "Incorrect key provided: sk-wr***ng. You can", False),
        ("Include the request ID req_0123456789abcdef in it.", "Include the request ID req_ffff in it.", True),
        ("The request asks for an organisation.", "The demand asks for an organisation.", False),
        ("In organization org-abcdefgh1234 on tokens", "In organization org-x on tokens", True),
        ("A (very) special [character]?", "A (very) special [character]?", True),
        ("A (very) special [character]?", "A (very) special c?", False),
    ],
)
def test_what_is_masked_in_an_error(recorded: str, ours: str, is_same: bool) -> None:
    assert (differences(told(an_error(recorded), 401), told(an_error(ours), 401)) == []) is is_same


def test_the_content_type_is_another() -> None:
    ours = Answer(status=200, headers={"content-type": "text/html"}, body=a_thread())
    assert differences(told(a_thread()), ours) == [("headers.content-type", "application/json", "text/html")]
    assert differences(told(a_thread()), Answer(status=200, body=a_thread())) == [
        ("headers.content-type", "application/json", "absent")
    ]
    with_charset = Answer(status=200, headers={"content-type": "application/json; charset=utf-8"}, body=a_thread())
    assert differences(told(a_thread()), with_charset) == []
    assert differences(Answer(status=200, body=a_thread()), with_charset) == []


def test_a_stream_instead_of_an_answer() -> None:
    assert paths(told(a_run()), streamed(("thread.run.created", a_run()), DONE)) == ["headers.content-type", "body"]
    assert paths(streamed(("thread.run.created", a_run()), DONE), told(a_run())) == ["headers.content-type", "body"]


FILE = bytes(range(256))
HASHED = {"_binary": {"bytes": 256, "sha256": hashlib.sha256(FILE).hexdigest()}}


@pytest.mark.parametrize("recorded", [FILE, HASHED])
def test_files_are_equal_to_the_byte(recorded: Any) -> None:
    def as_answer(body: Any) -> Answer:
        return Answer(status=200, headers={"content-type": "application/octet-stream"}, body=body)

    assert differences(as_answer(recorded), as_answer(FILE)) == []
    assert paths(as_answer(recorded), as_answer(FILE[:-1] + b"x")) == ["body"]
    assert paths(as_answer(recorded), as_answer(None)) == ["body"]
    assert paths(as_answer(recorded), as_answer({"some": "thing"})) == ["body"]


def test_texts_and_nothing() -> None:
    def as_answer(body: Any) -> Answer:
        return Answer(status=200, headers={"content-type": "text/plain"}, body=body)

    assert differences(as_answer("one"), as_answer("one")) == []
    assert differences(as_answer("one"), as_answer("two")) == [("body", "string of 3", "another string of 3")]
    assert differences(as_answer(None), as_answer("")) == []
    assert differences(as_answer(""), as_answer("two")) == [("body", "nothing", "string of 3")]
    assert differences(as_answer("one"), as_answer(None)) == [("body", "string of 3", "null")]
    assert differences(as_answer(UNRECORDED), as_answer("anything")) == []


def test_a_redirect_leads_to_the_same_place() -> None:
    ids = Ids()
    ids.meet(an_id("thread", "a"), an_id("thread", "A"))

    def to(location: str) -> Answer:
        return Answer(status=307, headers={"location": location} if location else {})

    recorded = to(f"https://api.openai.com/v1/threads/{an_id('thread', 'a')}/runs")
    assert differences(recorded, to(f"http://127.0.0.1:1/v1/threads/{an_id('thread', 'A')}/runs"), ids) == []
    assert paths(recorded, to("/v1/threads"), ids) == ["headers.location"]
    assert paths(recorded, to(""), ids) == ["headers.location"]


def test_the_order_of_keys_is_looked_at_where_it_is_asked_for() -> None:
    ours = dict(reversed(a_thread().items()))
    assert differences(told(a_thread()), told(ours)) == []
    found = compare(told(a_thread()), told(ours), Ids(), when(key_order=True))
    assert [each.path for each in found] == ["body (order of keys)"]


def test_what_the_model_said_is_looked_at_by_its_shape_where_nobody_told_it() -> None:
    by_its_shape = when(scripted=False)
    run = {"run_id": an_id("run", "a"), "assistant_id": an_id("asst", "a"), "role": "assistant"}
    recorded = told({"message": a_message(text="A dozen.", **run), "step": a_step()})
    other = a_step(usage={"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18})
    ours = told({"message": a_message(text="Twelve of them.", **run), "step": other})
    assert differences(recorded, ours, Ids(), by_its_shape) == []
    assert len(paths(recorded, ours)) == 4
    worse = told({"message": a_message(text=12, **run), "step": a_step(usage={"prompt_tokens": "9"})})  # type: ignore[arg-type]
    assert paths(recorded, worse, Ids(), by_its_shape) == [
        "body.message.content[0].text.value",
        "body.step.usage.prompt_tokens",
        "body.step.usage.completion_tokens",
        "body.step.usage.total_tokens",
    ]


def test_what_a_user_said_is_literal_whoever_the_model_is() -> None:
    recorded, ours = told(a_message(text="One.")), told(a_message(text="Two."))
    assert paths(recorded, ours, Ids(), when(scripted=False)) == ["body.content[0].text.value"]


def test_a_run_may_have_come_further_where_it_is_said_so() -> None:
    recorded = told(a_run(status="in_progress", started_at=1_700_000_002))
    done = a_run(status="completed", started_at=1, completed_at=2, expires_at=None, usage={"total_tokens": 1})
    assert differences(recorded, told(done), Ids(), when(moving=True)) == []
    assert len(paths(recorded, told(done))) == 4
    assert paths(recorded, told(a_run(status="queued")), Ids(), when(moving=True)) == ["body.status", "body.started_at"]
    del done["usage"]
    assert paths(recorded, told(done), Ids(), when(moving=True)) == ["body.usage"]


def a_store(status: str, in_progress: int, completed: int, **changes: Any) -> dict[str, Any]:
    counts = {"in_progress": in_progress, "completed": completed, "failed": 0, "total": in_progress + completed}
    kept = {"id": an_id("vs", "a"), "object": "vector_store", "status": status, "usage_bytes": 100 * completed}
    return kept | {"file_counts": counts} | changes


@pytest.mark.parametrize(
    ("ours", "found"),
    [
        (a_store("in_progress", 2, 0), []),
        (a_store("in_progress", 1, 1, usage_bytes=0), []),
        (a_store("completed", 0, 2), []),
        (a_store("in_progress", 1, 1), []),
        (
            a_store("completed", 0, 3),
            ["body.file_counts.in_progress", "body.file_counts.completed", "body.file_counts.total"],
        ),
        (a_store("in_progress", 2, 1), ["body.file_counts.completed", "body.file_counts.total"]),
        (a_store("failed", 2, 0), ["body.status"]),
        (a_store("expired", 2, 0), ["body.status"]),
    ],
)
def test_a_store_that_is_read_may_be_further(ours: dict[str, Any], found: list[str]) -> None:
    assert paths(told(a_store("in_progress", 2, 0)), told(ours)) == found


def test_a_store_that_was_made_just_now_is_not() -> None:
    making = when("POST", "/v1/vector_stores")
    recorded, ours = told(a_store("in_progress", 2, 0)), told(a_store("completed", 0, 2))
    assert set(paths(recorded, ours, Ids(), making)) == {
        "body.status",
        "body.usage_bytes",
        "body.file_counts.in_progress",
        "body.file_counts.completed",
    }


def test_a_body_of_another_kind() -> None:
    assert differences(told(a_thread()), Answer(status=200, headers=JSON, body="<html>")) == [
        (
            "body",
            '{"id": string of 31, "object": "thread", "created_at": 1700000000, "metadata": {}, "tool_resources": {}}',
            "string of 6",
        )
    ]
