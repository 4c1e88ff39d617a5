"""Streams: the events in their order, what each says, and what the deltas come to."""

from typing import Any

import pytest

from compat_tests.comparison.ids import Ids
from compat_tests.comparison.streams import joined
from compat_tests.exchange import Answer, Event
from tests.compat.comparison.builders import (
    DONE,
    a_delta,
    a_message,
    a_run,
    a_step,
    an_id,
    differences,
    paths,
    renamed,
    when,
)
from tests.compat.comparison.builders import streamed as a_stream

CREATED = ("thread.run.created", a_run())
QUEUED = ("thread.run.queued", a_run())
STEP = ("thread.run.step.created", a_step(status="in_progress", usage=None))
BEGUN = ("thread.message.created", a_message(status="in_progress", content=[]))
ENDED = ("thread.message.completed", a_message(text="One two three"))
OVER = ("thread.run.completed", a_run(status="completed"))
DELTAS = (a_delta("One", annotations=[]), a_delta(" two"), a_delta(" three"))
WHOLE = (CREATED, QUEUED, STEP, BEGUN, *DELTAS, ENDED, OVER, DONE)


def ours(*events: tuple[str, Any]) -> Answer:
    return a_stream(*((name, renamed(data)) for name, data in events))


def test_the_same_stream() -> None:
    assert differences(a_stream(*WHOLE), ours(*WHOLE)) == []


def test_two_events_are_swapped() -> None:
    other = [QUEUED, CREATED, *WHOLE[2:]]
    ((path, expected, got),) = differences(a_stream(*WHOLE), ours(*other))
    assert path == "events"
    assert expected.startswith("from the 1. on: thread.run.created, thread.run.queued, thread.run.step.created")
    assert got.startswith("from the 1. on: thread.run.queued, thread.run.created, thread.run.step.created")


def test_what_came_before_is_compared_all_the_same() -> None:
    other = [("thread.run.created", a_run(status="odd")), *WHOLE[1:-3], OVER, ENDED, DONE]
    assert paths(a_stream(*WHOLE), ours(*other)) == ["events", "events[0].data.status"]


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_an_event_is_missing(place: int) -> None:
    assert paths(a_stream(*WHOLE), ours(*WHOLE[:place], *WHOLE[place + 1 :])) != []


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_an_event_comes_twice(place: int) -> None:
    assert paths(a_stream(*WHOLE), ours(*WHOLE[: place + 1], *WHOLE[place:])) != []


@pytest.mark.parametrize("place", range(len(WHOLE) - 1))
def test_an_event_has_another_object(place: int) -> None:
    name, data = WHOLE[place]
    other = [*WHOLE[:place], (name, {**data, "object": "odd"}), *WHOLE[place + 1 :]]
    assert paths(a_stream(*WHOLE), ours(*other)) == [f"events[{place}].data.object"]


def test_no_done() -> None:
    assert differences(a_stream(*WHOLE), ours(*WHOLE[:-1])) == [
        ("events", "from the 8. on: done", "from the 8. on: the end")
    ]
    assert paths(a_stream(*WHOLE), ours(*WHOLE[:-1], ("done", "done"))) == ["events[9].data"]


def test_the_first_delta_has_no_annotations() -> None:
    other = [*WHOLE[:4], a_delta("One"), *WHOLE[5:]]
    assert paths(a_stream(*WHOLE), ours(*other)) == ["events[4].data.delta.content[0].text.annotations"]


def test_a_delta_of_another_message() -> None:
    other = [*WHOLE[:4], DELTAS[0], a_delta(" two", "b"), *WHOLE[6:]]
    assert paths(a_stream(*WHOLE), ours(*other)) != []


def test_a_delta_says_something_else() -> None:
    other = [*WHOLE[:4], DELTAS[0], a_delta(" too"), *WHOLE[6:]]
    assert paths(a_stream(*WHOLE), ours(*other)) == ["events[5].data.delta.content[0].text.value"]


def test_the_same_text_in_other_pieces() -> None:
    for pieces in (
        (a_delta("One two", annotations=[]), a_delta(" three")),
        (a_delta("O", annotations=[]), *map(a_delta, ["n", "e two", " ", "three"])),
    ):
        assert differences(a_stream(*WHOLE), ours(*WHOLE[:4], *pieces, *WHOLE[7:])) == []


@pytest.mark.parametrize(
    "pieces",
    [
        (a_delta("One two three"),),
        (a_delta("One two", annotations=[]), a_delta(" four")),
        (a_delta("One two", annotations=[]), a_delta(" three", annotations=[])),
        (a_delta("One two", annotations=[]), a_delta(" three", "b")),
        (a_delta("One two", annotations=[]),),
    ],
)
def test_other_pieces_that_are_not_the_same(pieces: tuple[Any, ...]) -> None:
    assert paths(a_stream(*WHOLE), ours(*WHOLE[:4], *pieces, *WHOLE[7:])) != []


def test_another_model_says_something_else_in_the_same_form() -> None:
    text = a_message(text="Nothing at all", role="assistant", run_id=an_id("run", "a"))
    recorded = [*WHOLE[:7], ("thread.message.completed", text | {"content": ENDED[1]["content"]}), *WHOLE[8:]]
    other = [*WHOLE[:4], a_delta("Nothing", annotations=[]), a_delta(" at all"), ("thread.message.completed", text)]
    by_its_shape = when(scripted=False)
    assert differences(a_stream(*recorded), ours(*other, *WHOLE[8:]), Ids(), by_its_shape) == []
    worse = [*WHOLE[:4], a_delta("Nothing"), a_delta(" at all"), ("thread.message.completed", text), *WHOLE[8:]]
    assert paths(a_stream(*recorded), ours(*worse), Ids(), by_its_shape) != []


def test_a_final_object_is_not_what_was_said() -> None:
    other = [*WHOLE[:7], ("thread.message.completed", a_message(text="One two")), *WHOLE[8:]]
    assert paths(a_stream(*WHOLE), ours(*other)) == ["events[7].data.content[0].text.value"]


def test_ids_in_events_are_the_ids_of_the_answers() -> None:
    other = [*WHOLE[:3], ("thread.message.created", a_message("c", status="in_progress", content=[])), *WHOLE[4:]]
    assert "events[7].data.id" in paths(a_stream(*WHOLE), ours(*other))


def test_deltas_are_joined_by_index() -> None:
    def call(index: int, arguments: str, **first: Any) -> Any:
        return {"id": "step_1", "delta": {"calls": [{"index": index, "function": {"arguments": arguments} | first}]}}

    whole = joined([call(0, "", name="f"), call(0, '{"a"'), call(1, "", name="g"), call(0, ": 1}"), call(1, "{}")])
    assert whole == {
        "id": "step_1",
        "delta": {
            "calls": [
                {"index": 0, "function": {"arguments": '{"a": 1}', "name": "f"}},
                {"index": 1, "function": {"arguments": "{}", "name": "g"}},
            ]
        },
    }


def test_what_is_no_object_is_compared_as_well() -> None:
    recorded = Answer(status=200, headers={}, events=(Event("error", "text"),))
    assert differences(recorded, Answer(status=200, headers={}, events=(Event("error", "other"),))) == [
        ("events[0].data", "string of 4", "string of 5")
    ]
