"""Whole runs on a model server that lacks something: what their streams show, what they cost, how they fail."""

import asyncio
from typing import Any

import pytest

from compat_tests.scripted_upstream import hang, text, tool_calls
from proxy.schema.runs import RunStatus
from proxy.schema.tools import JSONObjectFormat
from tests.engine.conftest import Frame, World, names, read, text_of

COUNTED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
FAILED = "Sorry, something went wrong. The model tiny did not answer as it was asked to: "


def deltas(frames: list[Frame]) -> list[Any]:
    return [body["delta"]["content"][0]["text"]["value"] for name, body in frames if name == "thread.message.delta"]


async def test_an_answer_in_the_format_is_all_that_is_seen(world: World) -> None:
    world.upstream.reply(text("Well, no.", usage=COUNTED), text("{}", usage=COUNTED))
    run_id, follower = await world.stream(response_format=JSONObjectFormat())
    frames = await read(follower)
    assert deltas(frames) == ["{}"]
    run = await world.stored(run_id)
    (message,), (step,) = await world.messages(run), await world.steps(run_id)
    assert (run.status, text_of(message)) == (RunStatus.COMPLETED, "{}")
    assert run.usage == step.usage
    assert run.usage is not None
    assert (run.usage.prompt_tokens, run.usage.completion_tokens, run.usage.total_tokens) == (20, 10, 30)
    assert "tools" not in world.upstream.requests[1]


async def test_a_call_may_come_beside_a_format(world: World) -> None:
    world.upstream.reply(tool_calls([("get_weather", {"city": "Oslo"})], content="Let me look."), text('{"cold":true}'))
    run = await world.until_rest(await world.run(response_format=JSONObjectFormat()))
    assert run.status is RunStatus.REQUIRES_ACTION
    assert await world.messages(run) == []
    run = await world.until_rest_again(run)
    (message,) = await world.messages(run)
    assert (run.status, text_of(message)) == (RunStatus.COMPLETED, '{"cold":true}')
    assert world.upstream.unanswered == 0


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (
            {"response_format": JSONObjectFormat()},
            "its answer does not fit the response_format: it is not JSON (JSON is malformed: invalid character "
            "(byte 0)).",
        ),
        ({"tool_choice": "required"}, "tool_choice requires a call of get_weather, and what came was no call."),
    ],
    ids=["format", "forced call"],
)
async def test_a_run_fails_with_what_was_not_done(world: World, wish: dict[str, Any], why: str) -> None:
    world.upstream.reply(text("Well, no."), text("No."))
    run_id, follower = await world.stream(**wish)
    assert names(await read(follower)) == ["run.created", "run.queued", "run.in_progress", "run.failed"]
    run = await world.stored(run_id)
    assert run.last_error is not None
    assert (run.last_error.code, run.last_error.message) == ("server_error", FAILED + why)
    await world.is_usable(run.thread_id)


@pytest.mark.parametrize("before", [0, 1])
async def test_a_cancel_while_all_is_held_back(world: World, before: int) -> None:
    world.upstream.reply(*[text("Well, no.")] * before, hang(after=2))
    run = await world.run(response_format=JSONObjectFormat())
    await world.upstream.received(before + 1)
    await world.cancel(run)
    cancelled = await world.until_rest(run)
    assert cancelled.status is RunStatus.CANCELLED
    async with asyncio.timeout(5):
        await world.upstream.hung_up.wait()
    assert await world.messages(cancelled) == []
    await world.is_usable(run.thread_id)


async def test_a_budget_holds_for_all_answers_together(world: World) -> None:
    world.upstream.reply(text("Well, no.", usage=COUNTED), text('{"cut":', finish="length", usage=COUNTED))
    run = await world.until_rest(await world.run(response_format=JSONObjectFormat(), max_completion_tokens=256))
    assert [body["max_tokens"] for body in world.upstream.requests] == [256, 251]
    (message,) = await world.messages(run)
    assert (run.status, text_of(message)) == (RunStatus.INCOMPLETE, '{"cut":')
