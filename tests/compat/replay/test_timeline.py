"""What each run did, and between which exchanges."""

from typing import Any

import pytest

from compat_tests.exchange import Exchange
from compat_tests.replay.timeline import BEFORE, legs_of
from tests.compat.replay.builders import (
    RUN,
    RUNS,
    THREAD,
    a_message,
    a_run,
    a_step,
    action,
    an_id,
    asked,
    begun,
    calls,
    page,
    polled,
    refusal,
    says,
)

MESSAGE = an_id("msg", "M")
MESSAGES = f"/v1/threads/{THREAD}/messages"
SUBMITTED = asked("POST", f"{RUNS}/{RUN}/submit_tool_outputs", a_run("queued"), body={"tool_outputs": []})


def legs(*exchanges: Exchange) -> list[tuple[int, int | None, str]]:
    return [(leg.starts, leg.ends, leg.ended_as) for leg in legs_of(exchanges)]


def test_a_run_ends_where_a_poll_shows_it() -> None:
    assert legs(begun(), polled("in_progress"), polled("completed"), polled("completed")) == [(0, 2, "completed")]


def test_a_run_that_is_never_seen_to_end() -> None:
    assert legs(begun(), polled("in_progress")) == [(0, None, "")]


def test_outputs_start_another_leg() -> None:
    waiting = polled("requires_action", required_action=action("look_up"))
    assert legs(begun(), waiting, SUBMITTED, polled("completed")) == [(0, 1, "requires_action"), (2, 3, "completed")]


def test_who_submits_outputs_knows_that_the_run_waited() -> None:
    assert legs(begun(), SUBMITTED) == [(0, 1, "requires_action"), (1, None, "")]


def test_outputs_that_nobody_recorded() -> None:
    waiting = polled("requires_action", required_action=action("look_up"))
    found = legs_of([waiting, polled("completed")])
    assert [(leg.starts, leg.ends, leg.is_resumed_unseen) for leg in found] == [(BEFORE, 0, False), (1, 1, True)]


def test_a_stream_ends_with_its_run() -> None:
    events = [("thread.run.created", a_run("queued")), ("thread.run.completed", a_run("completed")), ("done", "[DONE]")]
    (leg,) = legs_of([asked("POST", RUNS, events)])
    assert (leg.starts, leg.ends, leg.ended_as, leg.is_streamed) == (0, 0, "completed", True)


@pytest.mark.parametrize(
    ("shown", "ended_as"),
    [
        (asked("GET", MESSAGES, page(a_message(MESSAGE, "At 5:42."))), "completed"),
        (asked("GET", f"{RUNS}/{RUN}/steps", page(a_step(an_id("step", "S"), says(MESSAGE)))), "completed"),
        (
            asked("GET", f"{RUNS}/{RUN}/steps", page(a_step(an_id("step", "S"), calls("f"), status="in_progress"))),
            "requires_action",
        ),
        (asked("POST", MESSAGES, a_message(MESSAGE, "And then?", run_id=None, role="user")), "completed"),
        (asked("POST", RUNS, a_run("queued", id=an_id("run", "Q"))), "completed"),
        (asked("GET", RUNS, page(a_run("failed"))), "failed"),
        (
            asked("POST", f"{RUNS}/{RUN}/cancel", refusal("Cannot cancel run with status 'completed'."), status=400),
            "completed",
        ),
        (asked("POST", f"{RUNS}/{RUN}/cancel", a_run("cancelling")), "cancelled"),
    ],
)
def test_what_shows_that_a_run_has_ended(shown: Exchange, ended_as: str) -> None:
    assert legs(begun(), polled("in_progress"), shown)[0] == (0, 2, ended_as)


@pytest.mark.parametrize(
    "shown",
    [
        asked("GET", MESSAGES, page(a_message(MESSAGE, "When?", run_id=None, role="user"))),
        asked("GET", f"{RUNS}/{RUN}/steps", page()),
        asked("POST", MESSAGES, refusal(f"Can't add messages to {THREAD} while a run {RUN} is active."), status=400),
        asked(
            "POST",
            f"{RUNS}/{RUN}/submit_tool_outputs",
            refusal('Runs in status "in_progress" do not accept tool outputs.'),
            status=400,
        ),
    ],
)
def test_what_shows_nothing_of_the_kind(shown: Exchange) -> None:
    assert legs(begun(), shown) == [(0, None, "")]


def test_a_run_in_its_queue() -> None:
    (leg,) = legs_of([begun(), polled("queued"), asked("GET", RUNS, page(a_run("queued"))), polled("in_progress")])
    assert leg.queued_until == 2


def test_what_had_begun_before() -> None:
    found = legs_of([polled("completed"), asked("GET", MESSAGES, page(a_message(MESSAGE, "Yes.", run_id="run_old")))])
    assert [(leg.run, leg.starts, leg.ends) for leg in found] == [(RUN, BEFORE, 0), ("run_old", BEFORE, 1)]


def test_an_answer_that_is_no_object_shows_nothing() -> None:
    odd: list[Any] = ["text", None, {"data": "x"}, {"data": [1, None]}]
    assert legs(*(asked("GET", "/v1/assistants", each) for each in odd)) == []
