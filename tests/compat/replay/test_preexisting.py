"""What a recording found and did not make."""

from typing import Any

import pytest

from compat_tests.exchange import Exchange
from compat_tests.replay.lagging import late, with_room, without
from compat_tests.replay.preexisting import Preexisting, preexisting
from tests.compat.replay.builders import (
    ASSISTANT,
    RUN,
    RUNS,
    THREAD,
    a_message,
    a_run,
    an_id,
    asked,
    page,
    polled,
    refusal,
)

MESSAGES = f"/v1/threads/{THREAD}/messages"


def an_assistant(letter: str, at: int = 0) -> dict[str, Any]:
    return {"id": an_id("asst", letter), "object": "assistant", "created_at": at, "model": "tiny"}


def made(letter: str, at: int = 0) -> Exchange:
    return asked("POST", "/v1/assistants", an_assistant(letter, at), body={"model": "tiny"})


def listed(*letters: str, has_more: bool = False, **query: Any) -> Exchange:
    items = [an_assistant(letter) for letter in letters]
    return asked("GET", "/v1/assistants", page(*items, has_more=has_more), **query)


def found(*exchanges: Exchange, with_lists: bool = True) -> Preexisting:
    return preexisting(exchanges, with_lists=with_lists)


def test_what_a_recording_makes_it_does_not_find() -> None:
    run = asked("POST", RUNS, a_run("queued"), body={"assistant_id": an_id("asst", "X")})
    thread = asked("POST", "/v1/threads", {"id": THREAD, "object": "thread"}, body={})
    assert found(made("X"), thread, run, polled("completed")).ids == {}


def test_ids_that_requests_use() -> None:
    run = asked("POST", RUNS, a_run("queued"), body={"assistant_id": ASSISTANT})
    assert found(run).ids == {"thread": [THREAD], "asst": [ASSISTANT]}
    assert found(polled("completed")).ids == {"thread": [THREAD], "run": [RUN]}
    older = asked("GET", MESSAGES, page(), after=an_id("msg", "M"))
    assert found(older).ids == {"thread": [THREAD], "msg": [an_id("msg", "M")]}


@pytest.mark.parametrize(
    ("exchange", "kinds"),
    [
        (asked("GET", f"/v1/threads/{THREAD}", refusal(f"No thread found with id '{THREAD}'."), status=404), []),
        (
            asked("GET", f"{RUNS}/{RUN}/steps/123", refusal("No run step found with id '123'."), status=404),
            ["run", "thread"],
        ),
        (
            asked("GET", "/v1/threads/undefined", refusal("Invalid 'undefined'.", code="invalid_value"), status=400),
            [],
        ),
        (
            asked("POST", f"{RUNS}/{RUN}/cancel", refusal("Cannot cancel run with status 'completed'."), status=400),
            ["run", "thread"],
        ),
        (asked("GET", f"/v1/threads/{THREAD}", refusal("Incorrect API key provided: x."), status=401), []),
    ],
)
def test_of_what_was_refused_there_is_what_the_refusal_shows(exchange: Exchange, kinds: list[str]) -> None:
    assert sorted(found(exchange).ids) == kinds


def test_items_of_lists_are_made_oldest_first() -> None:
    names = [an_id("asst", letter) for letter in "CBA"]
    assert found(listed("A", "B", "C")).ids == {"asst": names}
    assert found(listed("C", "B", "A", order="asc")).ids == {"asst": names}
    assert found(listed("A", "B", "C"), with_lists=False).ids == {}


def test_a_page_that_says_there_is_more() -> None:
    assert found(listed("A", "B", has_more=True)).has_older == {"asst"}
    pages = [listed("A", "B", has_more=True), listed("C", after=an_id("asst", "B"))]
    assert found(*pages).has_older == frozenset()


def test_what_others_made_in_between_is_made_in_between() -> None:
    there = found(made("A"), made("B"), listed("Z", "B", "Y", "A", "X"))
    assert there.ids == {"asst": [an_id("asst", "X")]}
    assert there.later == {1: [("asst", an_id("asst", "Y"))], 2: [("asst", an_id("asst", "Z"))]}


def test_messages_that_the_recording_posts() -> None:
    message = a_message(an_id("msg", "M"), "When?", run_id=None, role="user")
    there = found(asked("POST", MESSAGES, message, body={"role": "user", "content": "When?"}))
    assert there.posted == {an_id("msg", "M")}


def test_a_list_that_lags() -> None:
    exchanges = [made("A", 5), made("B", 5), asked("GET", "/v1/assistants", page(an_assistant("A", 5)))]
    assert late(exchanges, 2) == [an_id("asst", "B")]
    assert late([*exchanges[:2], listed("B", "A")], 2) == []
    assert late([*exchanges[:2], asked("GET", "/v1/assistants", page(an_assistant("B", 5)), limit="1")], 2) == []
    assert late([made("B", 5), asked("GET", "/v1/assistants", page(an_assistant("Z", 4)))], 1) == [an_id("asst", "B")]
    gone = asked("DELETE", f"/v1/assistants/{an_id('asst', 'B')}", {"deleted": True})
    assert late([*exchanges[:2], gone, exchanges[2]], 3) == []
    older = asked("GET", "/v1/assistants", page(an_assistant("A", 5)), after=an_id("asst", "B"))
    assert late([*exchanges[:2], older], 2) == []


def test_a_live_list_is_compared_without_what_the_recorded_one_lacks() -> None:
    (asking,) = [listed("A", "B").request]
    assert with_room(asking, 2, 20).query == (("limit", "22"),)
    assert with_room(asking, 2, 99).query == (("limit", "100"),)
    answer = without(listed("A", "B", "C").answer, {an_id("asst", "A")})
    assert answer.body == page(an_assistant("B"), an_assistant("C"))
    assert without(listed("A").answer, {an_id("asst", "A")}).body == page()
    assert without(answer, ()).body == answer.body
