"""What must hold between answers is noticed where it does not, and holds in everything that was recorded."""

from typing import Any

import pytest

from compat_tests.comparison.relations import LASTING, Relations
from compat_tests.comparison.rules import RULES
from compat_tests.exchange import Answer
from compat_tests.reading import read
from tests.compat.comparison.builders import (
    DONE,
    a_message,
    a_page,
    a_run,
    a_step,
    a_thread,
    an_id,
    streamed,
    told,
    when,
)
from tests.recordings import DIRECTORY, cases

RUNS = "/v1/threads/{thread_id}/runs"
DONE_RUN = a_run(
    status="completed",
    started_at=1_700_000_003,
    completed_at=1_700_000_009,
    expires_at=None,
    usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
)
STORE = {
    "id": an_id("vs", "a"),
    "object": "vector_store",
    "created_at": 100,
    "last_active_at": 100,
    "status": "completed",
    "usage_bytes": 20,
    "file_counts": {"in_progress": 0, "completed": 2, "failed": 1, "cancelled": 0, "total": 3},
    "expires_after": {"anchor": "last_active_at", "days": 2},
    "expires_at": 100 + 2 * 86_400,
}


def broken(*answers: Answer | dict[str, Any]) -> list[tuple[str, str, str]]:
    relations = Relations()
    found = []
    for each in answers:
        answer = each if isinstance(each, Answer) else told(each)
        found += relations.look(answer, when("GET", RUNS))
    return [(each.path.removesuffix(" (relation)"), each.expected, each.got) for each in found]


@pytest.mark.parametrize("whole", [a_thread(), a_message(), a_run(), a_step(), DONE_RUN, STORE, a_page(a_run())])
def test_what_is_right(whole: dict[str, Any]) -> None:
    assert broken(whole, whole) == []


@pytest.mark.parametrize(
    ("whole", "expected", "got"),
    [
        (DONE_RUN | {"completed_at": 1_700_000_001}, "started_at <= completed_at", "completed_at 2 seconds before"),
        (DONE_RUN | {"started_at": 1_700_000_001}, "created_at <= started_at", "started_at 1 seconds before"),
        (a_run(expires_at=1_700_000_601), "expires_at = created_at + 600", "created_at + 599"),
        (a_run(expires_at=None), "expires_at just when", "null when queued"),
        (DONE_RUN | {"expires_at": 1_700_000_602}, "expires_at just when", "a value when completed"),
        (DONE_RUN | {"usage": None}, "usage just when", "null when completed"),
        (DONE_RUN | {"completed_at": None}, "completed_at just when", "null when completed"),
        (DONE_RUN | {"started_at": None}, "started_at just when", "null when completed"),
        (a_run(required_action={}), "required_action just when", "a value when queued"),
        (a_run(last_error={}), "last_error just when failed", "a value when queued"),
        (
            DONE_RUN | {"usage": DONE_RUN["usage"] | {"total_tokens": 8}},
            "total_tokens = prompt_tok",
            "5 + 2, and 8",
        ),
        (a_step(completed_at=None), "completed_at just when", "null when completed"),
        (a_step(status="in_progress", usage=None), "completed_at just when", "a value when in_progress"),
        (a_message(status="completed", incomplete_at=5), "incomplete_at just when", "a value when completed"),
        (STORE | {"last_active_at": 99}, "created_at <= last_active_at", "last_active_at 1 seconds before"),
        (STORE | {"expires_at": 100}, "expires_at = last_active_at + days", "last_active_at + 0"),
        (STORE | {"expires_at": None}, "expires_at just when expires_after", "null"),
        (STORE | {"usage_bytes": 0}, "usage_bytes just of what is indexed", "0 bytes"),
        (STORE | {"file_counts": STORE["file_counts"] | {"total": 4}}, "total is the sum", "3, and 4"),
        (STORE | {"status": "in_progress"}, "in progress as long as a file is", "in_progress with 0"),
        ({"object": "upload", "created_at": 5, "expires_at": 9}, "expires_at = created_at + 3600", "created_at + 4"),
        ({"object": "vector_store.file", "status": "completed", "usage_bytes": 0}, "usage_bytes just of", "0 bytes"),
    ],
)
def test_what_is_wrong_in_an_object(whole: dict[str, Any], expected: str, got: str) -> None:
    found = broken(whole)
    assert [path for path, *_ in found] == ["body"] * len(found)
    assert any(one.startswith(expected) and other.startswith(got) for _, one, other in found)


def test_it_is_noticed_wherever_it_stands() -> None:
    wrong = a_run(expires_at=None)
    assert [path for path, *_ in broken(a_page(wrong))] == ["body.data[0]"]
    assert [path for path, *_ in broken(streamed(("thread.run.created", wrong), DONE))] == ["events[0].data"]
    assert broken(a_thread(metadata=wrong)) == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"first_id": an_id("msg", "c")}, "first_id"),
        ({"last_id": None}, "last_id"),
        ({"data": [a_message("a"), a_message("a")], "last_id": an_id("msg", "a")}, "data"),
    ],
)
def test_what_is_wrong_in_a_page(changes: dict[str, Any], key: str) -> None:
    page = a_page(a_message("a"), a_message("b")) | changes
    assert [path for path, *_ in broken(page)] == [f"body.{key}"]


def test_an_empty_page() -> None:
    assert broken(a_page()) == []
    assert [path for path, *_ in broken(a_page(has_more=True))] == ["body.has_more"]
    assert [path for path, *_ in broken(a_page(first_id="x"))] == ["body.first_id"]


def test_a_page_is_ordered_by_time() -> None:
    times = [a_message(letter, created_at=at) for letter, at in (("a", 3), ("b", 3), ("c", 2))]
    assert broken(a_page(*times)) == []
    assert broken(a_page(*reversed(times))) == []
    assert [path for path, *_ in broken(a_page(times[0], times[2], times[1]))] == ["body.data"]


def test_an_object_stays_what_it_was() -> None:
    assert broken(a_run(), a_run(created_at=1_700_000_001, expires_at=1_700_000_601)) == [
        ("body.created_at", "as it was before", "something else")
    ]
    assert [path for path, *_ in broken(a_message(), a_page(a_message(role="assistant")))] == ["body.data[0].role"]
    assert broken(a_thread(), a_thread(metadata={"a": "b"})) == []


def test_an_id_names_one_object() -> None:
    assert broken(a_thread(), a_message() | {"id": a_thread()["id"]}) == [
        ("body.id", "the id of one object, a thread", "a thread.message of that id")
    ]


def test_a_file_of_two_stores_is_two_objects() -> None:
    first = {"id": an_id("file", "a"), "object": "vector_store.file", "vector_store_id": "vs_1"}
    file = {"id": an_id("file", "a"), "object": "file", "created_at": 1}
    assert broken(file, first, first | {"vector_store_id": "vs_2"}, file) == []


def test_what_belongs_to_a_run() -> None:
    run = a_run()
    assert broken(run, a_step(thread_id=an_id("thread", "b")))[0][:2] == ("body.thread_id", "the one of its run")
    assert broken(run, a_step(created_at=1_700_000_001))[0] == (
        "body.created_at",
        "no earlier than its run's",
        "1 seconds earlier",
    )
    message = a_message("b", run_id=an_id("run", "b"))
    assert [path for path, *_ in broken(message, a_step())] == ["body.step_details"]


def test_steps_took_what_their_run_took() -> None:
    steps = a_page(a_step("a"), a_step("b"))
    twice = DONE_RUN["usage"] | {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    assert broken(DONE_RUN | {"usage": twice}, steps) == []
    assert broken(DONE_RUN, steps) == [("body.data", "steps of 7 tokens, as their run", "14")]
    assert broken(DONE_RUN, a_page(a_step("a"), has_more=True)) == []


def test_what_is_made_later_is_not_older() -> None:
    making, reading = when("POST", "/v1/threads"), when("GET", "/v1/threads/{thread_id}")
    relations = Relations()
    assert relations.look(told(a_thread("a", created_at=100)), making) == []
    assert relations.look(told(a_thread("b", created_at=99)), making) == []
    assert relations.look(told(a_thread("d", created_at=90)), reading) == []
    (found,) = relations.look(told(a_thread("c", created_at=98)), making)
    assert (found.path, found.got) == ("body.created_at (relation)", "2 seconds earlier")


def test_every_object_that_has_rules_is_watched() -> None:
    assert RULES.keys() <= LASTING.keys()


RECORDED = read(DIRECTORY) if DIRECTORY.is_dir() else []


@pytest.mark.parametrize("everything", cases([RECORDED] if RECORDED else []))
def test_all_of_it_holds_in_all_that_was_recorded(everything: Any) -> None:
    found = []
    looked = 0
    for recording in everything:
        if recording.api_version == "v2":
            relations = Relations()
            for exchange in recording.exchanges:
                looked += 1
                path = exchange.request.path
                found += relations.look(exchange.answer, when(exchange.request.method, path))
    assert found == []
    assert looked > 1000
