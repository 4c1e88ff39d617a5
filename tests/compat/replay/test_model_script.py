"""What the recorded model said, as replies of the scripted one."""

from collections.abc import Sequence
from typing import Any

import pytest

from compat_tests.exchange import Exchange
from compat_tests.replay.model_script import FAILURES, UNKNOWN, Turn, turns_of
from compat_tests.replay.timeline import legs_of
from compat_tests.scripted_upstream import Call, Say, Stream
from compat_tests.scripted_upstream.replies import Body
from tests.compat.replay.builders import (
    RUN,
    RUNS,
    THREAD,
    USAGE,
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
    says,
)

MESSAGE, STEP = an_id("msg", "M"), an_id("step", "S")
MESSAGES = f"/v1/threads/{THREAD}/messages"
SUBMITTED = asked("POST", f"{RUNS}/{RUN}/submit_tool_outputs", a_run("queued"), body={"tool_outputs": []})


def turns(*exchanges: Exchange) -> list[list[Turn]]:
    """By leg."""
    legs = legs_of(exchanges)
    return [turns_of(leg, legs, exchanges) for leg in legs]


def text(piece: str) -> tuple[str, Any]:
    content = [{"index": 0, "type": "text", "text": {"value": piece}}]
    return "thread.message.delta", {"id": MESSAGE, "object": "thread.message.delta", "delta": {"content": content}}


def arguments(piece: str, index: int = 0) -> tuple[str, Any]:
    call = {"index": index, "type": "function", "function": {"arguments": piece}}
    delta = {"step_details": {"type": "tool_calls", "tool_calls": [call]}}
    return "thread.run.step.delta", {"id": STEP, "object": "thread.run.step.delta", "delta": delta}


def said(found: Sequence[Turn]) -> list[tuple[tuple[str, ...], str]]:
    return [(turn.pieces, turn.finish) for turn in found]


def test_a_text_that_was_streamed_is_said_in_the_same_pieces() -> None:
    events = [
        ("thread.run.created", a_run("queued")),
        text("At 5"),
        text(":42."),
        ("thread.message.completed", a_message(MESSAGE, "At 5:42.")),
        ("thread.run.step.completed", a_step(STEP, says(MESSAGE), usage=USAGE)),
        ("thread.run.completed", a_run("completed", usage=USAGE)),
    ]
    ((turn,),) = turns(asked("POST", RUNS, events))
    assert (turn.pieces, turn.finish, turn.usage) == (("At 5", ":42."), "stop", USAGE)
    assert turn.reply() == Stream((Say("At 5"), Say(":42.")), finish="stop", usage=USAGE)


def test_a_call_that_was_streamed_is_made_in_the_same_pieces() -> None:
    events = [
        ("thread.run.created", a_run("queued")),
        arguments('{"d'),
        arguments('ay": 1}'),
        ("thread.run.requires_action", a_run("requires_action", required_action=action("look_up"))),
    ]
    finished = a_step(STEP, calls("look_up", output="at noon"), usage=USAGE)
    again = [("thread.run.step.completed", finished), ("thread.run.completed", a_run("completed"))]
    submit = asked("POST", f"{RUNS}/{RUN}/submit_tool_outputs", again)
    (first,), (last,) = turns(asked("POST", RUNS, events), submit)
    assert first.reply() == Stream((Call(0, "look_up", ('{"d', 'ay": 1}')),), finish="tool_calls", usage=USAGE)
    assert last.pieces == (UNKNOWN,)


def test_a_text_that_was_listed() -> None:
    listed = asked("GET", MESSAGES, page(a_message(MESSAGE, "At 5:42, as ever.")))
    ((turn,),) = turns(begun(), polled("completed", usage=USAGE), listed)
    assert ("".join(turn.pieces), turn.usage) == ("At 5:42, as ever.", USAGE)


def test_calls_that_were_waited_for() -> None:
    waiting = polled("requires_action", required_action=action("look_up", "add", arguments='{"day": "Monday"}'))
    (first,), (last,) = turns(begun(), waiting, SUBMITTED, polled("completed", usage=USAGE))
    assert [(name, "".join(pieces)) for name, pieces in first.calls] == [
        ("look_up", '{"day": "Monday"}'),
        ("add", '{"day": "Monday"}'),
    ]
    assert first.usage
    assert last.usage
    assert {key: first.usage[key] + last.usage[key] for key in USAGE} == USAGE


def test_text_before_calls_is_one_answer() -> None:
    steps = page(
        a_step(STEP, calls("look_up"), status="in_progress", created_at=102),
        a_step(an_id("step", "W"), says(MESSAGE), usage=USAGE),
    )
    listed = asked("GET", MESSAGES, page(a_message(MESSAGE, "Let me see.")))
    ((turn,),) = turns(begun(), asked("GET", f"{RUNS}/{RUN}/steps", steps), listed)
    assert ("".join(turn.pieces), [name for name, _ in turn.calls]) == ("Let me see.", ["look_up"])


def test_what_the_service_ran_itself() -> None:
    code = {"id": an_id("call", "c"), "type": "code_interpreter", "code_interpreter": {"input": "1 + 1", "outputs": []}}
    steps = page(
        a_step(STEP, says(MESSAGE), created_at=102, usage=USAGE),
        a_step(an_id("step", "W"), {"type": "tool_calls", "tool_calls": [code]}, usage=USAGE),
    )
    (found,) = turns(begun(), polled("completed"), asked("GET", f"{RUNS}/{RUN}/steps", steps))
    assert [(turn.hosted, turn.calls) for turn in found] == [
        ("code_interpreter", (("code_interpreter", ("1 + 1",)),)),
        ("", ()),
    ]


@pytest.mark.parametrize(
    ("reason", "finish"), [("max_completion_tokens", "length"), ("content_filter", "content_filter")]
)
def test_an_answer_that_was_cut_short(reason: str, finish: str) -> None:
    ((turn,),) = turns(begun(), polled("incomplete", incomplete_details={"reason": reason}))
    assert turn.finish == finish


@pytest.mark.parametrize(("code", "status"), [("server_error", 500), ("rate_limit_exceeded", 429), ("unheard_of", 500)])
def test_a_failure(code: str, status: int) -> None:
    ((turn,),) = turns(begun(), polled("failed", last_error={"code": code, "message": "Sorry."}))
    reply = turn.reply()
    assert isinstance(reply, Body)
    assert (reply.status, reply in FAILURES.values()) == (status, True)


def test_what_was_never_shown_is_filled_in() -> None:
    assert [said(each) for each in turns(begun(), polled("in_progress"))] == [[((UNKNOWN,), "stop")]]


def test_tokens_are_told_as_model_servers_do() -> None:
    usage = USAGE | {"prompt_token_details": {"cached_tokens": 9}, "completion_tokens_details": {"reasoning_tokens": 4}}
    reply = Turn(pieces=("Yes.",), usage=usage).reply()
    assert isinstance(reply, Stream)
    assert reply.usage == USAGE | {
        "prompt_tokens_details": {"cached_tokens": 9},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
