"""Token budgets, prompts that turn out too long, and model servers that have no room just now."""

from pathlib import Path
from typing import Any

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, error, text, tool_calls
from proxy.engine.history import PAGE
from proxy.schema.runs import RunStatus, TruncationStrategyInput, Usage
from tests.engine.conftest import StandingClock, World, a_process, names, read

CALL = [("get_weather", {"city": "Paris"})]
BUSY = {"error": {"message": "Come again.", "type": "busy", "code": 429}}


def used(prompt: int, completion: int) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def said(body: dict[str, Any]) -> list[str]:
    return [message["content"] for message in body["messages"]]


async def test_budgets_are_totals_over_the_run(world: World) -> None:
    world.upstream.reply(tool_calls(CALL, usage=used(200, 300)), text("Sunny.", usage=used(100, 3)))
    run = await world.until_rest(await world.run(max_prompt_tokens=500, max_completion_tokens=1000))
    run = await world.until_rest_again(run)
    assert [request["max_tokens"] for request in world.upstream.requests] == [1000, 700]
    assert (run.status, run.usage) == (
        RunStatus.COMPLETED,
        Usage(prompt_tokens=300, completion_tokens=303, total_tokens=603),
    )


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_completion_tokens": 300}, "max_completion_tokens"),
        ({"max_prompt_tokens": 256}, "max_prompt_tokens"),
    ],
)
async def test_a_budget_that_is_used_up_ends_the_run(world: World, limits: dict[str, int], reason: str) -> None:
    world.upstream.reply(tool_calls(CALL, usage=used(256, 300)))
    run = await world.until_rest_again(await world.until_rest(await world.run(**limits)))
    assert (run.status, run.expires_at) == (RunStatus.INCOMPLETE, None)
    assert run.incomplete_details is not None
    assert run.incomplete_details.reason == reason
    assert run.usage == Usage(prompt_tokens=256, completion_tokens=300, total_tokens=556)
    assert len(world.upstream.requests) == 1
    await world.is_usable(run.thread_id)


async def test_a_message_over_the_prompt_budget_ends_the_run_unsent(world: World) -> None:
    thread = await world.thread("word " * 2000)
    run = await world.until_rest(await world.run(thread, max_prompt_tokens=256))
    assert run.status is RunStatus.INCOMPLETE
    assert run.incomplete_details is not None
    assert run.incomplete_details.reason == "max_prompt_tokens"
    assert world.upstream.requests == []
    await world.is_usable(thread.id)


async def test_the_prompt_budget_drops_the_oldest(world: World) -> None:
    thread = await world.thread("oldest " * 400)
    await world.say(thread.id, "newest")
    assert (await world.until_rest(await world.run(thread, max_prompt_tokens=256))).status is RunStatus.COMPLETED
    assert said(world.upstream.requests[0]) == ["newest"]


async def test_last_messages_is_exact(world: World) -> None:
    thread = await world.thread("one")
    for word in ("two", "three"):
        await world.say(thread.id, word)
    strategy = TruncationStrategyInput(type="last_messages", last_messages=2)
    await world.until_rest(await world.run(thread, truncation_strategy=strategy))
    assert said(world.upstream.requests[0]) == ["two", "three"]


async def test_a_prompt_that_is_too_long_after_all_is_halved_once(world: World) -> None:
    """Tokens are counted without the chat template, and some servers say only then that it does not fit."""
    thread = await world.thread("one")
    for word in ("two", "three", "four"):
        await world.say(thread.id, word)
    too_long = {"error": {"message": "This model's maximum context length is 7 tokens.", "code": 400}}
    world.upstream.reply(error(400, too_long))
    run_id, follower = await world.stream(thread)
    assert names(await read(follower))[:3] == ["run.created", "run.queued", "run.in_progress"]
    assert [said(body) for body in world.upstream.requests] == [["one", "two", "three", "four"], ["three", "four"]]
    assert (await world.stored(run_id)).status is RunStatus.COMPLETED

    world.upstream.reply(error(400, too_long), error(400, too_long))
    again = await world.until_rest(await world.run(thread))
    assert again.last_error is not None
    assert (again.status, again.last_error.code) == (RunStatus.FAILED, "invalid_prompt")
    assert said(world.upstream.requests[2])[0] == "three", "the window stays where it was moved to"


async def test_a_window_over_many_pages_is_read_whole(world: World) -> None:
    thread = await world.thread("first")
    for n in range(PAGE + 20):
        await world.say(thread.id, f"w{n}")
    strategy = TruncationStrategyInput(type="last_messages", last_messages=PAGE + 10)
    await world.until_rest(await world.run(thread, truncation_strategy=strategy))
    assert said(world.upstream.requests[0]) == [f"w{n}" for n in range(10, PAGE + 20)]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_run_waits_for_a_busy_server(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, status: int
) -> None:
    upstream.reply(*[error(status, BUSY, retry_after="0")] * 2)
    async with a_process(tmp_path / "data", upstream, clock, retries=0) as world:
        run_id, follower = await world.stream()
        waits = ["run.in_progress", "run.queued"]
        assert names(await read(follower))[:6] == ["run.created", "run.queued", *waits, *waits][:6]
        assert (await world.stored(run_id)).status is RunStatus.COMPLETED
        assert len(upstream.requests) == 3


async def test_a_run_that_waits_for_a_busy_server_can_be_cancelled(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    upstream.reply(error(429, BUSY, retry_after="3600"))
    async with a_process(tmp_path / "data", upstream, clock, retries=0) as world:
        run_id, follower = await world.stream()
        frames = aiter(follower)
        seen = b""
        while seen.count(b"event: thread.run.queued") < 2:
            seen += await anext(frames)
        run = await world.stored(run_id)
        assert run.status is RunStatus.QUEUED
        await world.cancel(run)
        assert (await world.until_rest(run)).status is RunStatus.CANCELLED
        await world.is_usable(run.thread_id)


async def test_retries_are_a_setting(tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock) -> None:
    upstream.reply(*[error(502, BUSY, retry_after="0")] * 2)
    async with a_process(tmp_path / "data", upstream, clock, retries=1) as world:
        assert (await world.until_rest(await world.run())).status is RunStatus.FAILED
    assert len(upstream.requests) == 2
