"""Transcripts of turns: the inputs, the event names a stream shows, and the fields that matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat import Chunk
from proxy.api.sse import frame
from proxy.runs.inputs import Cancelled, Deferred, Ended, Failed, OutOfTokens, Received, Started, TimedOut, TokenBudget
from proxy.runs.lifecycle import IllegalTransition
from proxy.runs.progress import RunProgress
from proxy.runs.turn import Turn
from proxy.schema.events import StepChanged, StepDelta
from proxy.schema.messages import RefusalContent, TextContent
from proxy.schema.runs import LastError, RunStatus, Usage
from proxy.schema.steps import FunctionCallDetails, MessageCreationDetails, ToolCallsDetails
from tests.runs.conftest import Play, Played, counting_ids, finish, fragment, names, new_run, said

STEP_AND_MESSAGE = ["run.step.created", "run.step.in_progress", "message.created", "message.in_progress"]
TOOL_STEP = ["run.step.created", "run.step.in_progress"]


def text_of(content: list[object]) -> str:
    (part,) = content
    assert isinstance(part, TextContent)
    return part.text.value


def test_an_answer(play: Play) -> None:
    played = play(Started(10), said("Hel"), said("lo"), finish("stop", 7, 2), Ended(12))
    assert played.names == [
        "run.in_progress",
        *STEP_AND_MESSAGE,
        "message.delta",
        "message.delta",
        "message.completed",
        "run.step.completed",
        "run.completed",
    ]
    assert text_of(list(played.messages["msg_1"].content)) == played.streamed_text == "Hello"
    message = played.messages["msg_1"]
    assert (message.status, message.completed_at, message.run_id) == ("completed", 12, "run_1")
    step = played.steps["step_1"]
    assert isinstance(step.step_details, MessageCreationDetails)
    assert step.step_details.message_creation.message_id == "msg_1"
    assert (step.status, step.completed_at, step.expires_at) == ("completed", 12, 605)
    assert step.usage == played.run.usage == Usage(prompt_tokens=7, completion_tokens=2, total_tokens=9)
    assert (played.run.status, played.run.started_at, played.run.completed_at) == (RunStatus.COMPLETED, 10, 12)
    assert played.run.expires_at is None
    assert played.last_run_event == played.run


def test_the_first_delta_of_a_text_carries_annotations_and_the_others_do_not(play: Play) -> None:
    played = play(Started(10), said("a"), said("b"))
    first, second = (frame(event) for event in played.events[-2:])
    assert first == (
        b'event: thread.message.delta\ndata: {"id":"msg_1","object":"thread.message.delta","delta":{"content":'
        b'[{"index":0,"type":"text","text":{"value":"a","annotations":[]}}]}}\n\n'
    )
    assert second.endswith(b'"text":{"value":"b"}}]}}\n\n')


def test_a_message_is_created_empty(play: Play) -> None:
    created = play(Started(10), said("a")).events[3]
    assert b'"content":[]' in frame(created)


def test_parallel_calls_share_one_step_and_end_the_turn(play: Play) -> None:
    played = play(
        Started(10),
        fragment(0, "get_weather", id="upstream-1"),
        fragment(0, arguments='{"city":'),
        fragment(0, arguments=' "Paris"}'),
        fragment(1, "get_weather", '{"city": "Rome"}'),
        finish("tool_calls", 30, 20),
        Ended(12),
    )
    assert played.names == [
        "run.in_progress",
        *TOOL_STEP,
        *["run.step.delta"] * 5,
        "run.requires_action",
    ]
    assert played.streamed_calls == [
        {"id": "call_1", "name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"id": "call_2", "name": "get_weather", "arguments": '{"city": "Rome"}'},
    ]
    action = played.run.required_action
    assert action is not None
    assert [(c.id, c.function.arguments) for c in action.submit_tool_outputs.tool_calls] == [
        ("call_1", '{"city": "Paris"}'),
        ("call_2", '{"city": "Rome"}'),
    ]
    step = played.steps["step_1"]
    assert isinstance(step.step_details, ToolCallsDetails)
    functions = [c.function for c in step.step_details.tool_calls if isinstance(c.function, FunctionCallDetails)]
    assert [function.output for function in functions] == [None, None]
    assert (step.status, step.usage, played.run.usage) == ("in_progress", None, None)
    assert played.turn.progress.open_step_usage == Usage(prompt_tokens=30, completion_tokens=20, total_tokens=50)
    assert played.run.expires_at == 605


def test_the_frames_of_a_call(play: Play) -> None:
    """The first names it, with empty arguments and a null output; the next carry arguments only."""
    played = play(Started(10), fragment(0, "f"), fragment(0, arguments="{}"))
    deltas = [frame(event) for event in played.events if isinstance(event, StepDelta)]
    assert deltas == [
        b'event: thread.run.step.delta\ndata: {"id":"step_1","object":"thread.run.step.delta","delta":{"step_details":'
        b'{"type":"tool_calls","tool_calls":[{"index":0,"id":"call_1","type":"function","function":'
        b'{"name":"f","arguments":"","output":null}}]}}}\n\n',
        b'event: thread.run.step.delta\ndata: {"id":"step_1","object":"thread.run.step.delta","delta":{"step_details":'
        b'{"type":"tool_calls","tool_calls":[{"index":0,"type":"function","function":{"arguments":"{}"}}]}}}\n\n',
    ]


def test_text_before_a_call_is_a_finished_message(play: Play) -> None:
    played = play(Started(10), said("Let me look."), fragment(0, "f", "{}"), finish("tool_calls", 9, 3), Ended(12))
    assert played.names == [
        "run.in_progress",
        *STEP_AND_MESSAGE,
        "message.delta",
        "message.completed",
        "run.step.completed",
        *TOOL_STEP,
        "run.step.delta",
        "run.step.delta",
        "run.requires_action",
    ]
    assert played.steps["step_1"].usage == Usage()
    assert played.turn.progress.open_step_usage == Usage(prompt_tokens=9, completion_tokens=3, total_tokens=12)


def test_white_space_before_a_call_is_no_message(play: Play) -> None:
    played = play(Started(10), said("\n"), said("\n"), fragment(0, "f", "{}"), finish("stop"), Ended(12))
    assert played.names[:3] == ["run.in_progress", *TOOL_STEP]
    assert not played.messages


def test_white_space_before_words_is_kept(play: Play) -> None:
    assert play(Started(10), said("\n "), said("Hi"), Ended(12)).streamed_text == "\n Hi"


def test_reasoning_is_not_the_answer(play: Play) -> None:
    played = play(Started(10), Received(Chunk(reasoning="hm"), 11), said("\n\n"), said("42"), finish("stop"), Ended(12))
    assert played.streamed_text == "42"


def thought(text: str) -> Received:
    return Received(Chunk(reasoning=text), 11)


def reasoning_of(played: Played) -> dict[str, list[str]]:
    """By step, what it is saved with, in order."""
    saved: dict[str, list[str]] = {}
    for event in played.events:
        if isinstance(event, StepChanged) and event.reasoning is not None:
            saved.setdefault(event.step.id, []).append(event.reasoning)
    return saved


def test_reasoning_is_saved_with_the_step_that_follows_it(play: Play) -> None:
    played = play(
        Started(10), thought("\nI "), thought("think.\n"), said("42"), thought(" Yes."), finish("stop"), Ended(12)
    )
    assert reasoning_of(played) == {"step_1": ["I think.\n Yes."]}
    assert played.steps["step_1"].status == "completed"
    assert not any(b"think" in frame(event) for event in played.events)


def test_each_step_has_its_own_reasoning(play: Play) -> None:
    played = play(
        *(Started(10), thought("First."), said("Let me see."), thought("Then."), fragment(0, "get_weather")),
        *(thought("More."), fragment(0, arguments="{}"), finish("tool_calls"), Ended(12)),
    )
    assert reasoning_of(played) == {"step_1": ["First.Then."], "step_2": ["More."]}
    assert played.steps["step_2"].status == "in_progress"


@pytest.mark.parametrize("end", [Cancelled(12), TimedOut(12), Failed(LastError(code="server_error", message="x"), 12)])
def test_reasoning_of_an_answer_that_was_broken_off(play: Play, end: Cancelled | TimedOut | Failed) -> None:
    assert reasoning_of(play(Started(10), thought("Hm."), said("4"), end)) == {"step_1": ["Hm."]}
    assert reasoning_of(play(Started(10), thought("Hm."), end)) == {}  # no step came of it


def test_reasoning_that_is_only_space_is_none(play: Play) -> None:
    assert reasoning_of(play(Started(10), thought("\n\n"), said("42"), finish("stop"), Ended(12))) == {}


def test_a_reply_that_is_all_reasoning_is_an_empty_message(play: Play) -> None:
    """vLLM says `tool_calls` here when a call was required, though it made none."""
    played = play(Started(10), Received(Chunk(reasoning="hm"), 11), finish("tool_calls"), Ended(12))
    assert played.run.status is RunStatus.COMPLETED
    assert text_of(list(played.messages["msg_1"].content)) == ""
    assert "message.delta" in played.names


def test_stop_beside_calls_is_still_a_call(play: Play) -> None:
    played = play(Started(10), fragment(0, "f", "{}"), finish("stop"), Ended(12))
    assert played.run.status is RunStatus.REQUIRES_ACTION


def test_a_call_without_arguments_gets_an_empty_object(play: Play) -> None:
    played = play(Started(10), fragment(0, "f"), finish("tool_calls"), Ended(12))
    assert played.streamed_calls == [{"id": "call_1", "name": "f", "arguments": "{}"}]


def test_arguments_before_the_name_wait_for_it(play: Play) -> None:
    played = play(Started(10), fragment(0, arguments='{"a"'), fragment(0, "f", ":1}"), finish("tool_calls"), Ended(12))
    assert played.streamed_calls == [{"id": "call_1", "name": "f", "arguments": '{"a":1}'}]


def test_a_repeated_name_is_announced_once(play: Play) -> None:
    played = play(Started(10), fragment(0, "f", "{"), fragment(0, "f", "}"), finish("tool_calls"), Ended(12))
    assert played.streamed_calls == [{"id": "call_1", "name": "f", "arguments": "{}"}]


def test_without_parallel_calls_the_first_is_kept(play: Play) -> None:
    """SGLang and llama-server ignore `parallel_tool_calls: false`."""
    played = play(
        Started(10),
        fragment(0, "f", "{}"),
        fragment(1, "g", "{}"),
        finish("tool_calls"),
        Ended(12),
        run=new_run(parallel_tool_calls=False),
    )
    assert [call["name"] for call in played.streamed_calls] == ["f"]


def test_an_answer_cut_short(play: Play) -> None:
    played = play(Started(10), said("Hel"), finish("length", 4, 1), Ended(12))
    assert played.names == [
        "run.in_progress",
        *STEP_AND_MESSAGE,
        "message.delta",
        "message.incomplete",
        "run.step.completed",
        "run.incomplete",
    ]
    message = played.messages["msg_1"]
    assert message.incomplete_details is not None
    assert (message.incomplete_details.reason, message.incomplete_at) == ("max_tokens", 12)
    assert text_of(list(message.content)) == "Hel"
    assert played.run.incomplete_details is not None
    assert played.run.incomplete_details.reason == "max_completion_tokens"
    assert (played.run.completed_at, played.run.expires_at) == (12, None)
    assert played.run.usage == played.steps["step_1"].usage


def test_a_call_cut_short_is_not_acted_on(play: Play) -> None:
    """However complete it looks: SGLang closes the JSON of a call that was cut."""
    played = play(Started(10), fragment(0, "f", '{"city": "P"}'), finish("length"), Ended(12))
    assert played.names[-2:] == ["run.step.cancelled", "run.incomplete"]
    assert played.run.required_action is None


def test_filtered_content(play: Play) -> None:
    played = play(Started(10), said("x"), finish("content_filter"), Ended(12))
    details = played.messages["msg_1"].incomplete_details
    assert details is not None
    assert details.reason == "content_filter"
    assert played.run.status is RunStatus.COMPLETED


def test_a_refusal_is_a_part_of_its_own(play: Play) -> None:
    played = play(
        Started(10), Received(Chunk(refusal="I "), 11), Received(Chunk(refusal="can't"), 11), finish("stop"), Ended(12)
    )
    assert played.messages["msg_1"].content == [RefusalContent(refusal="I can't")]


def test_a_failure_in_mid_answer_keeps_what_was_said(play: Play) -> None:
    error = LastError(code="rate_limit_exceeded", message="later")
    played = play(Started(10), said("Hel"), Failed(error, 12))
    assert played.names[-3:] == ["message.incomplete", "run.step.failed", "run.failed"]
    message, step = played.messages["msg_1"], played.steps["step_1"]
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_failed"
    assert text_of(list(message.content)) == "Hel"
    assert (step.status, step.failed_at, step.last_error) == ("failed", 12, error)
    assert (played.run.failed_at, played.run.completed_at, played.run.expires_at) == (12, None, None)
    assert played.run.last_error == error


def test_a_step_knows_two_error_codes_only(play: Play) -> None:
    played = play(Started(10), said("x"), Failed(LastError(code="invalid_prompt", message="long"), 12))
    step = played.steps["step_1"]
    assert step.last_error == LastError(code="server_error", message="long")
    assert played.run.last_error == LastError(code="invalid_prompt", message="long")


def test_a_failure_before_the_first_word(play: Play) -> None:
    played = play(Started(10), Failed(LastError(code="server_error", message="gone"), 12))
    assert played.names == ["run.in_progress", "run.failed"]
    assert played.run.usage is None


def test_a_cancel_in_mid_answer(play: Play) -> None:
    played = play(Started(10), said("Hel"), Cancelled(12))
    assert played.names[-3:] == ["message.incomplete", "run.step.cancelled", "run.cancelled"]
    details = played.messages["msg_1"].incomplete_details
    assert details is not None
    assert details.reason == "run_cancelled"
    assert (played.run.cancelled_at, played.run.expires_at, played.run.usage) == (12, None, Usage())


def test_a_cancel_while_calls_wait_for_outputs(play: Play) -> None:
    played = play(Started(10), fragment(0, "f", "{}"), finish("tool_calls", 5, 5), Ended(12), Cancelled(13))
    assert played.names[-2:] == ["run.step.cancelled", "run.cancelled"]
    assert played.run.required_action is None
    assert played.run.usage == Usage(prompt_tokens=5, completion_tokens=5, total_tokens=10)


def test_an_expiry_in_mid_answer(play: Play) -> None:
    played = play(Started(10), said("Hel"), TimedOut(605))
    assert played.names[-3:] == ["message.incomplete", "run.step.expired", "run.expired"]
    assert (played.run.completed_at, played.run.expires_at) == (None, None)


def test_usage_adds_up_over_turns(play: Play) -> None:
    before = RunProgress(turns=1, usage=Usage(prompt_tokens=30, completion_tokens=20, total_tokens=50))
    played = play(Started(10), said("x"), finish("stop", 7, 2), Ended(12), progress=before)
    assert played.run.usage == Usage(prompt_tokens=37, completion_tokens=22, total_tokens=59)
    assert played.steps["step_1"].usage == Usage(prompt_tokens=7, completion_tokens=2, total_tokens=9)


def test_usage_that_never_comes_is_zero(play: Play) -> None:
    assert play(Started(10), said("x"), finish("stop"), Ended(12)).run.usage == Usage()


@pytest.mark.parametrize("reason", ["max_prompt_tokens", "max_completion_tokens"])
def test_a_run_whose_budget_is_used_up_ends_without_a_word(play: Play, reason: TokenBudget) -> None:
    spent = Usage(prompt_tokens=30, completion_tokens=20, total_tokens=50)
    played = play(Started(10), OutOfTokens(reason, 12), progress=RunProgress(turns=1, usage=spent))
    assert played.names == ["run.in_progress", "run.incomplete"]
    assert played.run.incomplete_details is not None
    assert played.run.incomplete_details.reason == reason
    assert (played.run.usage, played.run.completed_at, played.run.expires_at) == (spent, 12, None)


def test_a_run_that_a_busy_server_did_not_take_waits_again(play: Play) -> None:
    played = play(Started(10), Deferred(), Started(20), said("x"), Ended(21))
    assert played.names[:3] == ["run.in_progress", "run.queued", "run.in_progress"]
    assert (played.run.status, played.run.started_at) == (RunStatus.COMPLETED, 20)


def test_a_run_that_waits_again_has_not_started(play: Play) -> None:
    assert play(Started(10), Deferred()).run.started_at is None


def test_nothing_follows_a_terminal_status(play: Play) -> None:
    played = play(Started(10), said("x"), Ended(12))
    with pytest.raises(IllegalTransition):
        played.turn.feed(Cancelled(13))


@given(st.lists(st.text(min_size=1, max_size=4), max_size=20))
def test_any_chunking_streams_what_is_stored(pieces: list[str]) -> None:
    turn = Turn(new_run(), RunProgress(), new_id=counting_ids())
    events = [e for i in [Started(1), *map(said, pieces), finish("stop"), Ended(2)] for e in turn.feed(i)]
    shown = names(events)
    assert shown[-3:] == ["message.completed", "run.step.completed", "run.completed"]
    assert shown.count("message.created") == 1
    assert shown.index("message.created") < shown.index("message.delta")
    completed = next(e for e in events if e.name == "thread.message.completed")
    assert text_of(list(completed.message.content)) == Played(turn, events).streamed_text == "".join(pieces)  # type: ignore[union-attr]
