"""The fault matrix: what model servers do wrong, and how the run ends; no thread stays locked, no task stays behind."""

import asyncio
from pathlib import Path

import pytest
from msgspec import Struct

from compat_tests.scripted_upstream import (
    Cut,
    Hang,
    Raw,
    Reply,
    Say,
    ScriptedUpstream,
    Stream,
    Wait,
    close_mid_stream,
    error,
    hang,
    never_answers,
    nonsense,
    refuse,
    text,
)
from proxy.schema.runs import RunStatus, Usage
from tests.engine.conftest import StandingClock, World, a_process, frames_in, names, text_of

TEN_MEGABYTES = 10_000_000


class Fault(Struct, frozen=True, kw_only=True):
    replies: list[Reply]
    ends: RunStatus = RunStatus.FAILED
    code: str | None = "server_error"
    said: str = ""
    """What the model's message keeps; no message where it is empty."""


def chunk(fields: str) -> Raw:
    return Raw(f"data: {{{fields}}}\n\n".encode())


def call(arguments: str, *, index: int) -> Raw:
    function = f'{{"name": "get_weather", "arguments": {arguments}}}'
    return chunk(
        f'"choices": [{{"index": 0, "delta": {{"tool_calls": [{{"index": {index}, "id": "same", "type": "function", '
        f'"function": {function}}}]}}}}]'
    )


def refusal(status: int) -> Reply:
    return error(status, {"error": {"message": f"No to {status}.", "type": "no", "code": status}})


def faults(heard: asyncio.Event) -> dict[str, Fault]:
    """`heard` is set once a word has come through: what is in flight when a connection is reset may be lost."""
    return {
        "reset before the head": Fault(replies=[refuse()]),
        "reset after the head": Fault(replies=[close_mid_stream(after=0)]),
        "reset after the first word": Fault(
            replies=[Stream((Say("one"), Wait(heard), Cut()), finish=None)], said="one"
        ),
        "hangs before the head": Fault(replies=[never_answers()]),
        "hangs after the head": Fault(replies=[hang(after=0)]),
        "hangs after the first word": Fault(replies=[hang(after=1)], said="one"),
        "an event cut in two": Fault(
            replies=[Stream((Say("one"), Wait(heard), Raw(b'data: {"choices": [{"ind'), Cut()), finish=None)],
            said="one",
        ),
        "no JSON in an event": Fault(
            replies=[Stream((Say("one"), Raw(b"data: {nonsense}\n\n")), finish=None)], said="one"
        ),
        "bytes that are no UTF-8": Fault(
            replies=[Stream((Raw(b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n'),), finish=None)]
        ),
        "an error in an event": Fault(
            replies=[Stream((Say("one"), chunk('"error": {"message": "out of memory", "code": 500}')), finish=None)],
            said="one",
        ),
        "400": Fault(replies=[refusal(400)]),
        "401": Fault(replies=[refusal(401)]),
        "404": Fault(replies=[refusal(404)]),
        "500": Fault(replies=[refusal(500)]),
        "502": Fault(replies=[refusal(502)]),
        "429, then room": Fault(
            replies=[error(429, "busy", retry_after="0"), text("made it")],
            ends=RunStatus.COMPLETED,
            code=None,
            said="made it",
        ),
        "503, then room": Fault(
            replies=[error(503, "busy", retry_after="0"), text("made it")],
            ends=RunStatus.COMPLETED,
            code=None,
            said="made it",
        ),
        "another content type": Fault(replies=[nonsense(b"<html>It works!</html>")]),
        "an empty answer": Fault(replies=[nonsense(b"", content_type="application/json")]),
        "an end without a finish_reason": Fault(replies=[text("one", finish=None, done=False)], said="one"),
        "no usage": Fault(
            replies=[
                Stream(
                    (chunk('"choices": [{"delta": {"content": "one"}, "finish_reason": "stop"}]'), Wait(heard), Cut()),
                    finish=None,
                )
            ],
            ends=RunStatus.COMPLETED,
            code=None,
            said="one",
        ),
        "an aborted finish": Fault(
            replies=[Stream((Say("one"), chunk('"choices": [{"delta": {}, "finish_reason": "abort"}]')), finish=None)],
            said="one",
        ),
        "one id for two calls": Fault(
            replies=[Stream((call('"{}"', index=0), call('"{}"', index=1)), finish="tool_calls")],
            ends=RunStatus.REQUIRES_ACTION,
            code=None,
        ),
        "ten megabytes in one token": Fault(
            replies=[text("x", pieces=["x" * TEN_MEGABYTES])],
            ends=RunStatus.COMPLETED,
            code=None,
            said="x" * TEN_MEGABYTES,
        ),
        "an endless event": Fault(replies=[Stream((Raw(b"data: " + b"x" * TEN_MEGABYTES), Hang()), finish=None)]),
    }


NAMES = list(faults(asyncio.Event()))


@pytest.fixture
async def hasty(tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock) -> object:
    patience = {"first_token_timeout_seconds": 2.0, "idle_timeout_seconds": 0.5, "retries": 0}
    async with a_process(tmp_path / "data", upstream, clock, **patience) as world:
        yield world


def ours() -> set[str]:
    """Names of the tasks that run, without those of the test's own server and client connections."""
    return {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(("run ", "start ", "close "))}


def test_there_are_enough() -> None:
    assert len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
async def test_a_fault_ends_as_its_row_says(hasty: World, name: str) -> None:
    heard = asyncio.Event()
    fault = faults(heard)[name]
    hasty.upstream.reply(*fault.replies)
    run_id, follower = await hasty.stream()
    frames = []
    async for ready in follower:
        frames += frames_in(ready)
        if b"thread.message.delta" in ready:
            heard.set()
    run = await hasty.stored(run_id)
    assert run.status is fault.ends
    assert names(frames)[-1] == f"run.{fault.ends.value}"
    assert (run.last_error.code if run.last_error else None) == fault.code
    messages = await hasty.messages(run)
    assert "".join(text_of(message) for message in messages) == fault.said
    whole = fault.ends is RunStatus.COMPLETED
    assert {message.status for message in messages} <= {"completed" if whole else "incomplete"}
    if fault.ends is RunStatus.REQUIRES_ACTION:
        assert run.required_action is not None
        first, second = run.required_action.submit_tool_outputs.tool_calls
        assert first.id != second.id
        assert [call.function.arguments for call in (first, second)] == ["{}", "{}"]
        run = await hasty.until_rest_again(run)
    if name == "no usage":
        assert run.usage == Usage()
    assert await hasty.active_run(run.thread_id) is None
    await hasty.is_usable(run.thread_id)
    for _ in range(5):
        await asyncio.sleep(0)
    assert ours() == set()
