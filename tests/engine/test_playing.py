"""A run from its claim to its rest: what is announced, in what order, and that it was saved before."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, text, tool_calls
from proxy.engine import Follower
from proxy.errors import InvalidRequest
from proxy.schema.runs import Run, RunStatus
from proxy.store import threads
from tests.engine.conftest import HOME, StandingClock, World, a_process, frames_in, names, read, text_of

ANSWER = [
    "run.step.created",
    "run.step.in_progress",
    "message.created",
    "message.in_progress",
    "message.delta",
    "message.completed",
    "run.step.completed",
]
CALLS = ["run.step.created", "run.step.in_progress", "run.step.delta", "run.requires_action"]


async def test_an_answer(world: World) -> None:
    run_id, follower = await world.stream()
    frames = await read(follower)
    assert names(frames) == ["run.created", "run.queued", "run.in_progress", *ANSWER, "run.completed"]
    run = await world.stored(run_id)
    (message,) = await world.messages(run)
    deltas = [frame["delta"]["content"][0]["text"]["value"] for name, frame in frames if name.endswith(".delta")]
    assert text_of(message) == "".join(deltas) == "Hello there"
    assert run.status is RunStatus.COMPLETED
    assert await world.active_run(run.thread_id) is None


async def test_rounds_of_parallel_calls(world: World) -> None:
    two = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    world.upstream.reply(tool_calls(two), tool_calls(two[:1], content="One more."), text("Done."))
    run_id, follower = await world.stream()
    assert names(await read(follower)) == ["run.created", "run.queued", "run.in_progress", *CALLS]
    follower = await submitted(world, run_id)
    again = ["run.step.completed", "run.queued", "run.in_progress"]
    assert names(await read(follower)) == [*again, *ANSWER, *CALLS]
    follower = await submitted(world, run_id)
    assert names(await read(follower)) == [*again, *ANSWER, "run.completed"]

    run, steps = await world.stored(run_id), await world.steps(run_id)
    assert [step.type for step in steps] == ["tool_calls", "message_creation", "tool_calls", "message_creation"]
    assert {step.status for step in steps} == {"completed"}
    assert run.usage is not None
    assert run.usage.total_tokens == sum(step.usage.total_tokens for step in steps if step.usage is not None)
    # The model server saw the calls and their outputs, in the order of the calls.
    last = world.upstream.requests[-1]["messages"]
    assert [message["role"] for message in last] == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    assert [message["content"] for message in last[2:4]] == ['for {"city": "Paris"}', 'for {"city": "Rome"}']


async def submitted(world: World, run_id: str) -> Follower:
    follower = await world.submit(await world.stored(run_id))
    assert isinstance(follower, Follower)
    return follower


async def test_what_is_announced_is_saved(world: World) -> None:
    """At each frame of a durable object, the store already has it in that state, or in a later one."""
    gate = asyncio.Event()
    world.upstream.reply(text("one two three").waiting(gate, after=2))
    run_id, follower = await world.stream()
    seen: list[tuple[str, str]] = []
    async for ready in follower:
        run = await world.stored(run_id)
        for name, frame in frames_in(ready):
            if name == "thread.message.delta":
                gate.set()
            if name.startswith("thread.run.") and "step" not in name:
                seen.append((frame["status"], run.status.value))
            if name.startswith("thread.message.") and not name.endswith(".delta"):
                (message,) = await world.messages(run)
                seen.append((f"message {frame['status']}", f"message {message.status}"))
    order = ["queued", "in_progress", "completed"]
    for announced, stored in seen:
        if announced.startswith("message"):
            assert stored in {announced, "message completed"}
        else:
            assert order.index(stored) >= order.index(announced)
    assert ("message in_progress", "message in_progress") in seen


async def test_a_client_that_sees_the_end_may_go_on_at_once(world: World) -> None:
    run_id, follower = await world.stream()
    thread_id = (await world.stored(run_id)).thread_id
    async for ready in follower:
        if b"event: thread.run.completed" in ready:
            await world.is_usable(thread_id)
    assert (await world.stored(run_id)).status is RunStatus.COMPLETED


async def test_nobody_needs_to_follow(world: World) -> None:
    run = await world.run()
    assert run.status is RunStatus.QUEUED
    assert (await world.until_rest(run)).status is RunStatus.COMPLETED


async def test_a_follower_that_leaves_does_not_end_the_run(world: World) -> None:
    gate = asyncio.Event()
    world.upstream.reply(text("one two three").waiting(gate, after=1))
    run_id, follower = await world.stream()
    reader = follower.__aiter__()
    await anext(reader)
    await reader.aclose()  # type: ignore[attr-defined]
    gate.set()
    run = await world.until_rest(run_id)
    assert run.status is RunStatus.COMPLETED
    assert not world.upstream.hung_up.is_set()


async def test_one_who_does_not_read_holds_nobody(world: World) -> None:
    run_id, slow = await world.stream()
    reader = slow.__aiter__()
    first = await anext(reader)
    assert (await world.until_rest(run_id)).status is RunStatus.COMPLETED
    rest = [ready async for ready in reader]
    assert frames_in(first + b"".join(rest)) == await read(world.engine.follow(run_id, since=0))


async def test_two_requests_for_one_thread(world: World) -> None:
    thread = await world.thread()
    gate = asyncio.Event()
    world.upstream.reply(text("one two").waiting(gate, after=0))
    answers = await asyncio.gather(*(world.run(thread) for _ in range(5)), return_exceptions=True)
    (run,) = [answer for answer in answers if isinstance(answer, Run)]
    refusals = [str(answer) for answer in answers if isinstance(answer, InvalidRequest)]
    assert refusals == [f"Thread {thread.id} already has an active run {run.id}."] * 4
    with pytest.raises(InvalidRequest, match=f"Can't add messages to {thread.id} while a run {run.id} is active."):
        await world.say(thread.id)
    gate.set()
    assert (await world.until_rest(run)).status is RunStatus.COMPLETED
    assert len(world.upstream.requests) == 1


async def test_two_hands_that_submit(world: World) -> None:
    world.upstream.reply(tool_calls([("get_weather", {"city": "Paris"})]), text("Done."))
    run = await world.until_rest(await world.run())
    answers = await asyncio.gather(*(world.submit(run) for _ in range(3)), return_exceptions=True)
    refusals = [str(answer) for answer in answers if isinstance(answer, InvalidRequest)]
    assert refusals == ['Runs in status "queued" do not accept tool outputs.'] * 2
    (follower,) = [answer for answer in answers if isinstance(answer, Follower)]
    await read(follower)
    assert (await world.stored(run.id)).status is RunStatus.COMPLETED
    assert len(world.upstream.requests) == 2


async def test_more_runs_than_places(tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock) -> None:
    gate = asyncio.Event()
    upstream.reply(*[text("one two").waiting(gate, after=1)] * 9)
    async with a_process(tmp_path / "data", upstream, clock, max_concurrent=3) as world:
        runs = [await world.run() for _ in range(9)]
        await upstream.received(3)
        statuses = [(await world.stored(run.id)).status for run in runs[3:]]
        assert statuses == [RunStatus.QUEUED] * 6
        assert len(upstream.requests) == 3
        gate.set()
        ended = [await world.until_rest(run) for run in runs]
        assert {run.status for run in ended} == {RunStatus.COMPLETED}
        assert len(upstream.requests) == 9


async def test_the_lock_is_given_back_in_the_transaction_that_ends_the_run(world: World) -> None:
    run = await world.run()
    lock: set[tuple[str, bool]] = set()
    while not lock or ("completed", False) not in lock:

        async def both(db: Any) -> tuple[str, bool]:
            stored = await db.one("SELECT status FROM runs WHERE id = :id", {"id": run.id})
            state = await threads.thread_state(db, HOME, run.thread_id)
            assert state is not None
            return stored["status"], state.active_run is not None

        lock.add(await world.store.read(both))
    assert {held for status, held in lock if status != "completed"} <= {True}
    assert ("completed", True) not in lock
