"""Model servers that fail: the run says so, keeps what was said, and leaves its thread usable at once."""

import asyncio
import json
from pathlib import Path

import pytest

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
    tool_calls,
)
from proxy.engine.driver import pause_seconds
from proxy.schema.runs import RunStatus
from tests.engine.conftest import StandingClock, World, a_process, frames_in, names, read, text_of

SORRY = "Sorry, something went wrong."
UNREACHED = f"{SORRY} The model server could not be reached."
SILENT = f"{SORRY} The model server did not answer in time."
CUT = f"{SORRY} The model server's answer was cut off or could not be understood."
LATER = "Rate limit reached for tiny: the model server asks to try again later."
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)


@pytest.fixture
async def hasty(tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock) -> object:
    """A world that gives a silent model server up soon."""
    patience = {"first_token_timeout_seconds": 1.0, "idle_timeout_seconds": 0.3}
    async with a_process(tmp_path / "data", upstream, clock, **patience) as world:
        yield world


def no_quota() -> dict[str, object]:
    return {
        "error": {"message": "Pay first.", "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}
    }


def said(status: int) -> dict[str, object]:
    return {"error": {"message": f"No to {status}.", "type": "some_error", "code": status}}


BEFORE_A_WORD: dict[str, tuple[list[Reply], str, str]] = {
    "400": ([error(400, said(400))], "server_error", f"{SORRY} The model server refused the request: No to 400."),
    "404": (
        [error(404, "nothing here")],
        "server_error",
        f"{SORRY} The model server refused the request: nothing here",
    ),
    "429 for want of money": ([error(429, no_quota())], "rate_limit_exceeded", QUOTA),
    "500": ([error(500, said(500))], "server_error", f"{SORRY} The model server failed: No to 500."),
    "closes before the head": ([refuse()] * 3, "server_error", UNREACHED),
    "never answers": ([never_answers()], "server_error", SILENT),
    "speaks HTML": ([nonsense(b"<html>It works!</html>")], "server_error", CUT),
    "speaks no JSON": ([Stream((Raw(b"data: {nonsense}\n\n"),))], "server_error", CUT),
    "closes after the head": ([close_mid_stream(after=0)], "server_error", CUT),
    "falls silent after the head": ([hang(after=0)], "server_error", SILENT),
}


@pytest.mark.parametrize("case", BEFORE_A_WORD)
async def test_before_a_word(hasty: World, case: str) -> None:
    replies, code, message = BEFORE_A_WORD[case]
    hasty.upstream.reply(*replies)
    run_id, follower = await hasty.stream()
    assert names(await read(follower)) == ["run.created", "run.queued", "run.in_progress", "run.failed"]
    run = await hasty.stored(run_id)
    assert run.last_error is not None
    assert (run.status, run.last_error.code, run.last_error.message) == (RunStatus.FAILED, code, message)
    assert run.failed_at is not None
    assert run.expires_at is None
    assert (await hasty.steps(run_id), await hasty.messages(run)) == ([], [])
    await hasty.is_usable(run.thread_id)


async def test_nobody_there(hasty: World) -> None:
    await hasty.upstream.stop()
    run_id, follower = await hasty.stream()
    assert names(await read(follower))[-1] == "run.failed"
    run = await hasty.stored(run_id)
    assert run.last_error is not None
    assert (run.last_error.code, run.last_error.message) == ("server_error", UNREACHED)
    assert await hasty.active_run(run.thread_id) is None
    await hasty.upstream.start()
    await hasty.is_usable(run.thread_id)


MIDDLE: dict[str, tuple[list[Raw | Cut | Hang], str]] = {
    "closes": ([Cut()], CUT),
    "falls silent": ([Hang()], SILENT),
    "speaks nonsense": ([Raw(b"data: {nonsense}\n\n")], CUT),
    "ends without an end": ([], CUT),
    "sends an error": (
        [Raw(b'data: {"error": {"message": "Out of memory", "code": 500}}\n\n')],
        f"{SORRY} The model server failed: Out of memory",
    ),
    "is suddenly too busy": ([Raw(b'data: {"error": {"message": "Overloaded", "code": 503}}\n\n')], LATER),
}


@pytest.mark.parametrize("case", MIDDLE)
async def test_in_the_middle(hasty: World, case: str) -> None:
    last, expected = MIDDLE[case]
    gate = asyncio.Event()
    hasty.upstream.reply(Stream((Say("one"), Say(" two"), Wait(gate), *last), finish=None, done=False))
    run_id, follower = await hasty.stream()
    frames = []
    async for ready in follower:
        frames += frames_in(ready)
        if '" two"' in json.dumps(frames):
            gate.set()
    assert names(frames)[3:] == [
        "run.step.created",
        "run.step.in_progress",
        "message.created",
        "message.in_progress",
        "message.delta",
        "message.incomplete",
        "run.step.failed",
        "run.failed",
    ]
    run = await hasty.stored(run_id)
    (message,), (step,) = await hasty.messages(run), await hasty.steps(run_id)
    assert run.last_error is not None
    assert step.last_error is not None
    assert run.last_error.message == step.last_error.message == expected
    assert (message.status, text_of(message)) == ("incomplete", "one two")
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_failed"
    assert (step.status, step.failed_at) == ("failed", run.failed_at)
    await hasty.is_usable(run.thread_id)


async def test_in_the_middle_of_a_call(hasty: World) -> None:
    broken = tool_calls([("get_weather", {"city": "Constantinople"})], finish=None, done=False)
    hasty.upstream.reply(broken)
    run_id, follower = await hasty.stream()
    assert names(await read(follower))[-2:] == ["run.step.failed", "run.failed"]
    run = await hasty.stored(run_id)
    assert (run.status, run.required_action) == (RunStatus.FAILED, None)
    await hasty.is_usable(run.thread_id)


async def test_in_the_second_round(hasty: World) -> None:
    """What the first round brought is kept: its step, and its tokens."""
    hasty.upstream.reply(tool_calls([("get_weather", {"city": "Paris"})]), error(500, said(500)))
    run = await hasty.until_rest(await hasty.run())
    follower = await hasty.submit(run)
    frames = await read(follower)  # type: ignore[arg-type]
    assert names(frames) == ["run.step.completed", "run.queued", "run.in_progress", "run.failed"]
    failed = await hasty.stored(run.id)
    (step,) = await hasty.steps(run.id)
    assert step.status == "completed"
    assert failed.usage == step.usage
    assert failed.usage is not None
    await hasty.is_usable(run.thread_id)


async def test_a_thread_that_no_model_can_read(hasty: World) -> None:
    hasty.upstream.context = 5
    too_long = await hasty.thread("more words than the model server takes")
    hasty.upstream.reply(error(400, {"error": {"message": "maximum context length is 5 tokens", "code": 400}}))
    run = await hasty.until_rest(await hasty.run(too_long))
    assert run.last_error is not None
    assert run.last_error.code == "invalid_prompt"
    assert await hasty.active_run(run.thread_id) is None


async def test_the_connection_of_a_failed_answer_is_closed(hasty: World) -> None:
    hasty.upstream.reply(hang(after=2))
    await hasty.until_rest(await hasty.run())
    async with asyncio.timeout(1):
        await hasty.upstream.hung_up.wait()


def test_pauses_before_a_busy_server_is_asked_again() -> None:
    assert [pause_seconds(attempt, wanted=None) for attempt in (1, 2, 5, 900)] == [2, 4, 30, 30]
    assert [pause_seconds(attempt, wanted=0) for attempt in (1, 2, 12, 900)] == [0.1, 0.2, 30, 30]
    assert pause_seconds(1, wanted=3600) == 3600
