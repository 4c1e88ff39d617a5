"""Recordings replayed on our server: what passes, what does not, and what is said of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from compat_tests.client import Client
from compat_tests.comparison.ids import Ids
from compat_tests.exchange import Answer, Event, Exchange, Recording, Request
from compat_tests.replay import replay
from compat_tests.result import Difference, Result
from compat_tests.scripted_upstream import Stream, text, tool_calls
from compat_tests.target import Target, foreign
from tests.compat.replay.builders import (
    ASSISTANT,
    RUN,
    RUNS,
    THREAD,
    USAGE,
    a_run,
    an_id,
    asked,
    page,
    recording,
    refusal,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")
AN_ID = re.compile(r"[a-z]+[_-][A-Za-z0-9]{24}")
MESSAGES = f"/v1/threads/{THREAD}/messages"


class Recorder:
    """Asks the live server, and writes down what it says with ids of its own, as if it were another one's."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.ids = Ids()
        self.exchanges: list[Exchange] = []
        self._letters = iter("abcdefghijklmnopqrstuvwxyz")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = Request(method=method, path=path, body=body)
        live = replace(request, path=self.ids.translate(path), body=self.ids.translate(body))
        answer = await self.target.client.ask(live)
        shown = [event.data for event in answer.events or ()] or [answer.body]
        for each in shown:
            self._name(each)
        events = None if answer.events is None else tuple(Event(e.event, self._told(e.data)) for e in answer.events)
        told = Answer(status=answer.status, headers=answer.headers, body=self._told(answer.body), events=events)
        self.exchanges.append(Exchange(request=request, answer=told))
        return told.body if events is None else events

    def _name(self, value: Any) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                if key in {"id", "message_id", "thread_id"} and isinstance(each, str) and not self.ids.recorded(each):
                    self.ids.meet(an_id(each.partition("_")[0], next(self._letters)), each)
                self._name(each)
        elif isinstance(value, list):
            for each in value:
                self._name(each)

    def _told(self, value: Any) -> Any:
        match value:
            case dict():
                return {key: self._told(each) for key, each in value.items()}
            case list():
                return [self._told(each) for each in value]
            case str():
                return AN_ID.sub(lambda found: self.ids.recorded(found[0]) or found[0], value)
            case _:
                return value

    async def until(self, path: str, status: str) -> Any:
        body = await self.ask("GET", path)
        while body["status"] != status:
            body = await self.ask("GET", path)
        return body

    def recording(self, **known: Any) -> Recording:
        return recording(*self.exchanges, **known)


@pytest_asyncio.fixture(loop_scope="session")
async def recorder(target: Target) -> AsyncIterator[Recorder]:
    yield Recorder(target)
    assert target.upstream is not None
    target.upstream.script([])


async def a_thread(recorder: Recorder) -> tuple[str, str]:
    assistant = await recorder.ask("POST", "/v1/assistants", {"model": "tiny", "instructions": "Be brief."})
    thread = await recorder.ask("POST", "/v1/threads", {"messages": [{"role": "user", "content": "When?"}]})
    return assistant["id"], thread["id"]


def script(recorder: Recorder, *replies: Stream) -> None:
    assert recorder.target.upstream is not None
    recorder.target.upstream.script(replies)


def found(result: Result) -> Sequence[tuple[str, str, str]]:
    return [(each.path, each.expected, each.got) for each in result.all_differences]


async def test_a_conversation_that_was_polled(recorder: Recorder) -> None:
    script(recorder, text("At 5:42.", usage=USAGE), text("At noon, too.", usage=USAGE))
    assistant, thread = await a_thread(recorder)
    for _ in range(2):
        run = await recorder.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
        await recorder.until(f"/v1/threads/{thread}/runs/{run['id']}", "completed")
        await recorder.ask("GET", f"/v1/threads/{thread}/messages")
        await recorder.ask("POST", f"/v1/threads/{thread}/messages", {"role": "user", "content": "And then?"})
    result = await replay(recorder.recording(), recorder.target)
    assert (result.outcome, found(result), result.reason, result.resource) == ("passed", [], "", "runs")


async def test_a_function_that_was_called_in_a_stream(recorder: Recorder) -> None:
    script(recorder, tool_calls([("look_up", {"day": "Monday"})], usage=USAGE), text("At noon.", usage=USAGE))
    assistant, thread = await a_thread(recorder)
    function = {"type": "function", "function": {"name": "look_up"}}
    body = {"assistant_id": assistant, "stream": True, "tools": [function]}
    events = await recorder.ask("POST", f"/v1/threads/{thread}/runs", body)
    run = events[-2].data
    (call,) = run["required_action"]["submit_tool_outputs"]["tool_calls"]
    outputs = {"tool_outputs": [{"tool_call_id": call["id"], "output": "noon"}], "stream": True}
    await recorder.ask("POST", f"/v1/threads/{thread}/runs/{run['id']}/submit_tool_outputs", outputs)
    await recorder.ask("GET", f"/v1/threads/{thread}/runs/{run['id']}/steps")
    result = await replay(recorder.recording(), recorder.target)
    assert (result.outcome, found(result)) == ("passed", [])


async def test_what_depends_on_a_race_is_brought_about(recorder: Recorder) -> None:
    """The run is where it was when each answer was given, although the model would have answered long before."""
    assistant, thread = await a_thread(recorder)
    gate = asyncio.Event()
    script(recorder, text("At 5:42.", usage=USAGE).waiting(gate, after=0))
    run = await recorder.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
    path = f"/v1/threads/{thread}/runs/{run['id']}"
    await recorder.until(path, "in_progress")
    refused = await recorder.ask("POST", f"/v1/threads/{thread}/messages", {"role": "user", "content": "Well?"})
    assert "while a run" in refused["error"]["message"]
    outputs = {"tool_outputs": [{"tool_call_id": an_id("call", "z"), "output": "noon"}]}
    refused = await recorder.ask("POST", f"{path}/submit_tool_outputs", outputs)
    assert "in_progress" in refused["error"]["message"]
    gate.set()
    await recorder.until(path, "completed")
    refused = await recorder.ask("POST", f"{path}/cancel")
    assert "completed" in refused["error"]["message"]
    result = await replay(recorder.recording(), recorder.target)
    assert (result.outcome, found(result)) == ("passed", [])


async def test_a_run_that_was_cancelled(recorder: Recorder) -> None:
    assistant, thread = await a_thread(recorder)
    gate = asyncio.Event()
    script(recorder, text("At 5:42.").waiting(gate, after=0))
    run = await recorder.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
    path = f"/v1/threads/{thread}/runs/{run['id']}"
    await recorder.until(path, "in_progress")
    cancelled = await recorder.ask("POST", f"{path}/cancel")
    place = len(recorder.exchanges) - 1
    assert cancelled["status"] == "cancelling"
    await recorder.until(path, "cancelled")
    gate.set()
    # Whether a poll meets the run on its way is a matter of luck; here one did.
    cancelling = replace(recorder.exchanges[-1], answer=recorder.exchanges[place].answer)
    exchanges = [*recorder.exchanges[:-1], cancelling, recorder.exchanges[-1]]
    result = await replay(recording(*exchanges), recorder.target)
    assert (result.outcome, found(result)) == ("passed", [])


async def test_what_a_recording_found_is_made_before(recorder: Recorder) -> None:
    script(recorder, text("At 5:42.", usage=USAGE))
    assistant, thread = await a_thread(recorder)
    run = await recorder.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
    await recorder.until(f"/v1/threads/{thread}/runs/{run['id']}", "completed")
    begun = len(recorder.exchanges)
    await recorder.ask("GET", f"/v1/threads/{thread}/runs/{run['id']}")
    await recorder.ask("GET", f"/v1/threads/{thread}/messages")
    await recorder.ask("GET", f"/v1/assistants/{assistant}")
    rest = recording(*recorder.exchanges[begun:], preexisting_ids=(assistant, thread, run["id"]))
    result = await replay(rest, recorder.target)
    assert (result.outcome, found(result), len(result.asked)) == ("passed", [], 3)


async def test_a_value_that_differs_is_told_with_its_place(recorder: Recorder) -> None:
    await a_thread(recorder)
    (first, second) = recorder.exchanges
    changed = replace(first, answer=replace(first.answer, body=first.answer.body | {"temperature": 0.5}))
    result = await replay(recording(changed, second), recorder.target)
    assert (result.outcome, found(result)) == ("failed", [("body.temperature", "0.5", "1.0")])
    assert result.asked[0].title == "1. POST /v1/assistants"
    assert result.asked[0].differences == (Difference(path="body.temperature", expected="0.5", got="1.0"),)


async def test_what_the_inspection_finds_is_told(recorder: Recorder) -> None:
    await a_thread(recorder)
    odd = Difference(path="body", expected="nothing", got="something")
    result = await replay(recorder.recording(), recorder.target, lambda request, answer: [odd])
    assert [asked.differences for asked in result.asked] == [(odd,), (odd,)]


async def test_it_stops_where_something_could_not_be_made(recorder: Recorder) -> None:
    made = asked("POST", "/v1/threads", {"id": THREAD, "object": "thread"}, body={"unheard": "of"})
    result = await replay(recording(made, asked("GET", MESSAGES, page())), recorder.target)
    assert (result.outcome, len(result.asked)) == ("failed", 1)
    assert result.reason == "stopped at exchange 1 of 2: answered with 400"


async def test_what_the_server_refuses_to_make_before_is_said(recorder: Recorder) -> None:
    odd = {"id": ASSISTANT, "object": "assistant", "created_at": 1, "model": "tiny", "temperature": 9}
    result = await replay(recording(asked("GET", f"/v1/assistants/{ASSISTANT}", odd)), recorder.target)
    assert result.outcome == "failed"
    assert result.reason.startswith("what it found could not be made: POST /v1/assistants was answered with 400: ")


async def test_what_nobody_can_make_is_said(recorder: Recorder) -> None:
    made = {"id": an_id("file", "F"), "object": "file", "purpose": "batch_output", "filename": "a", "bytes": 1}
    result = await replay(recording(asked("GET", "/v1/files", page(made))), recorder.target)
    assert (result.outcome, result.asked) == ("skipped", ())
    assert "batch_output" in result.reason


@pytest.mark.parametrize(
    ("exchanges", "known", "reason"),
    [
        ([], {"api_version": "v1"}, "v1 of the API"),
        ([asked("POST", "/v1/chat/completions", {})], {}, "nothing in it is about this API"),
        ([asked("GET", f"{RUNS}/{RUN}", a_run("expired"))], {}, "a run in it expired"),
        ([asked("GET", f"{RUNS}/{RUN}", a_run("queued", required_action="masked"))], {}, "not those of this API"),
    ],
)
async def test_what_is_not_replayed(target: Target, exchanges: Any, known: Any, reason: str) -> None:
    assert target.upstream is not None
    target.upstream.script([])
    result = await replay(recording(*exchanges, **known), target)
    assert (result.outcome, result.asked) == ("skipped", ())
    assert reason in result.reason
    assert target.upstream.unanswered == 0


async def test_other_paths_and_faults_of_that_day_are_left_out(recorder: Recorder) -> None:
    await a_thread(recorder)
    exchanges = [asked("POST", "/v1/chat/completions", {}), *recorder.exchanges, asked("GET", MESSAGES, {}, status=503)]
    result = await replay(recording(*exchanges), recorder.target)
    assert (result.outcome, len(result.asked)) == ("passed", 2)
    assert "1 requests to other paths" in result.reason
    assert "1 faults" in result.reason


async def test_a_wrong_key_is_wrong_again(target: Target) -> None:
    message = "Incorrect API key provided: tea-for-two. You can find your API key at https://platform.openai.com/account/api-keys."
    wrong = asked("GET", "/v1/assistants", refusal(message, code="invalid_api_key"), status=401)
    result = await replay(recording(wrong), target)
    assert (result.outcome, found(result)) == ("passed", [])


async def test_nobody_answers() -> None:
    async with foreign("http://127.0.0.1:9", None) as target:
        result = await replay(recording(asked("POST", "/v1/threads", {"id": THREAD}, body={})), target)
    assert (result.outcome, result.reason.partition(": ")[2].startswith("no answer")) == ("failed", True)
    assert result.asked[0].answer is None


async def test_a_server_with_a_model_of_its_own(recorder: Recorder) -> None:
    """What it says is its own business, and lists may hold what others made."""
    script(recorder, text("At 5:42.", usage=USAGE))
    assistant, thread = await a_thread(recorder)
    run = await recorder.ask("POST", f"/v1/threads/{thread}/runs", {"assistant_id": assistant})
    await recorder.until(f"/v1/threads/{thread}/runs/{run['id']}", "completed")
    await recorder.ask("GET", f"/v1/threads/{thread}/messages")
    client = recorder.target.client
    async with Client(client.base_url, None) as other:
        other._authorization = client._authorization
        result = await replay(recorder.recording(), Target(client=other, upstream=None, is_ours=False))
    assert (result.outcome, found(result)) == ("passed", [])
