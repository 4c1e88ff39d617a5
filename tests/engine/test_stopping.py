"""Ends that the model does not bring about: cancelled, expired, left without a thread."""

import asyncio
from pathlib import Path

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, hang, never_answers, text, tool_calls
from proxy.engine import Follower
from proxy.errors import InvalidRequest, NotFound
from proxy.operations import threads as thread_operations
from proxy.schema.runs import Run, RunStatus
from tests.engine.conftest import HOME, Frame, StandingClock, World, a_process, frames_in, names, read, text_of

CALL = [("get_weather", {"city": "Paris"})]


async def reading(world: World) -> tuple[str, Follower]:
    """A run whose model server has said two words, which were announced, and no more."""
    world.upstream.reply(hang(after=2))
    run_id, follower = await world.stream()
    frames: list[Frame] = []
    async for ready in follower:
        frames += frames_in(ready)
        if sum(name == "thread.message.delta" for name, _ in frames) == 2:
            break
    return run_id, world.engine.follow(run_id, since=0)


async def test_cancel_while_it_speaks(world: World) -> None:
    run_id, follower = await reading(world)
    run = await world.stored(run_id)
    answer = await world.cancel(run)
    assert (answer.status, answer.cancelled_at, answer.expires_at) == (RunStatus.CANCELLING, None, run.expires_at)
    assert names(await read(follower)) == [
        "run.created",
        "run.queued",
        "run.in_progress",
        "run.step.created",
        "run.step.in_progress",
        "message.created",
        "message.in_progress",
        "message.delta",
        "run.cancelling",
        "message.incomplete",
        "run.step.cancelled",
        "run.cancelled",
    ]
    cancelled = await world.stored(run_id)
    (message,), (step,) = await world.messages(cancelled), await world.steps(run_id)
    assert (cancelled.status, cancelled.expires_at) == (RunStatus.CANCELLED, None)
    assert cancelled.cancelled_at == step.cancelled_at == world.clock.now()
    assert (message.status, text_of(message)) == ("incomplete", "one two")
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_cancelled"
    assert step.status == "cancelled"
    await world.is_usable(run.thread_id)


async def test_a_cancel_hangs_up_within_a_tenth_of_a_second(world: World) -> None:
    run_id, _ = await reading(world)
    await world.cancel(await world.stored(run_id))
    async with asyncio.timeout(0.1):
        await world.upstream.hung_up.wait()


async def test_cancel_before_a_word(world: World) -> None:
    world.upstream.reply(never_answers())
    run_id, follower = await world.stream()
    await world.upstream.received()
    await world.cancel(await world.stored(run_id))
    async with asyncio.timeout(1):
        await world.upstream.hung_up.wait()
    assert names(await read(follower))[-2:] == ["run.cancelling", "run.cancelled"]
    run = await world.stored(run_id)
    assert (await world.steps(run_id), await world.messages(run)) == ([], [])
    await world.is_usable(run.thread_id)


async def test_cancel_while_it_waits_for_a_place(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    async with a_process(tmp_path / "data", upstream, clock, max_concurrent=1) as world:
        upstream.reply(never_answers())
        first = await world.run()
        await upstream.received()
        waiting_id, follower = await world.stream()
        await world.cancel(await world.stored(waiting_id))
        assert names(await read(follower)) == ["run.created", "run.queued", "run.cancelling", "run.cancelled"]
        await world.cancel(first)
        await world.until_rest(first)
        await world.is_usable(first.thread_id)
        await world.is_usable((await world.stored(waiting_id)).thread_id)


async def test_cancel_while_it_waits_for_outputs(world: World) -> None:
    world.upstream.reply(tool_calls(CALL))
    run = await world.until_rest(await world.run())
    position = len(await read(world.engine.follow(run.id, since=0)))
    answer = await world.cancel(run)
    assert (answer.status, answer.required_action) == (RunStatus.CANCELLING, None)
    frames = await read(world.engine.follow(run.id, since=position))
    assert names(frames) == ["run.cancelling", "run.step.cancelled", "run.cancelled"]
    cancelled = await world.stored(run.id)
    (step,) = await world.steps(run.id)
    assert (cancelled.status, cancelled.required_action, step.status) == (RunStatus.CANCELLED, None, "cancelled")
    assert cancelled.usage == step.usage
    assert cancelled.usage is not None
    assert cancelled.usage.total_tokens > 0
    await world.is_usable(run.thread_id)


async def test_cancel_in_the_second_round(world: World) -> None:
    world.upstream.reply(tool_calls(CALL), hang(after=1))
    run = await world.until_rest(await world.run())
    follower = await world.submit(run)
    assert isinstance(follower, Follower)
    async for ready in follower:
        if b"thread.message.delta" in ready:
            await world.cancel(run)
    steps = await world.steps(run.id)
    assert [(step.type, step.status) for step in steps] == [
        ("tool_calls", "completed"),
        ("message_creation", "cancelled"),
    ]
    assert (await world.stored(run.id)).status is RunStatus.CANCELLED
    await world.is_usable(run.thread_id)


async def test_what_cannot_be_cancelled(world: World) -> None:
    run = await world.until_rest(await world.run())
    with pytest.raises(InvalidRequest, match="Cannot cancel run with status 'completed'"):
        await world.cancel(run)


async def test_several_cancel_at_once(world: World) -> None:
    run_id, follower = await reading(world)
    run = await world.stored(run_id)
    answers = await asyncio.gather(*(world.cancel(run) for _ in range(3)), return_exceptions=True)
    (cancelling,) = [answer for answer in answers if isinstance(answer, Run)]
    refusals = {str(answer) for answer in answers if isinstance(answer, InvalidRequest)}
    assert refusals <= {f"Cannot cancel run with status '{status}'." for status in ("cancelling", "cancelled")}
    assert cancelling.status is RunStatus.CANCELLING
    assert names(await read(follower)).count("run.cancelled") == 1


# Expiry


async def test_a_run_that_takes_too_long_expires(world: World) -> None:
    run_id, follower = await reading(world)
    world.clock.pass_(599)
    await world.engine.look_after()
    assert (await world.stored(run_id)).status is RunStatus.IN_PROGRESS
    world.clock.pass_(1)
    await world.engine.look_after()
    assert names(await read(follower))[-3:] == ["message.incomplete", "run.step.expired", "run.expired"]
    run = await world.stored(run_id)
    (message,), (step,) = await world.messages(run), await world.steps(run_id)
    assert (run.status, run.expires_at) == (RunStatus.EXPIRED, None)
    assert (message.status, text_of(message)) == ("incomplete", "one two")
    assert message.incomplete_details is not None
    assert message.incomplete_details.reason == "run_expired"
    assert (step.status, step.expired_at) == ("expired", world.clock.now())
    async with asyncio.timeout(1):
        await world.upstream.hung_up.wait()
    await world.is_usable(run.thread_id)


async def test_a_run_whose_outputs_never_come_expires(world: World) -> None:
    world.upstream.reply(tool_calls(CALL))
    run = await world.until_rest(await world.run())
    waiting = world.engine.follow(run.id, since=len(await read(world.engine.follow(run.id, since=0))))
    world.clock.pass_(600)
    await world.engine.look_after()
    assert names(await read(waiting)) == ["run.step.expired", "run.expired"]
    expired = await world.stored(run.id)
    assert (expired.status, expired.required_action) == (RunStatus.EXPIRED, None)
    with pytest.raises(InvalidRequest, match='Runs in status "expired" do not accept tool outputs'):
        await world.submit(run)
    await world.is_usable(run.thread_id)


async def test_a_run_that_never_found_a_place_expires(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    async with a_process(tmp_path / "data", upstream, clock, max_concurrent=1) as world:
        upstream.reply(never_answers())
        first = await world.run()
        await upstream.received()
        second = await world.run()
        clock.pass_(600)
        await world.engine.look_after()
        for run in (first, second):
            assert (await world.until_rest(run)).status is RunStatus.EXPIRED


# A thread that goes


async def delete_thread(world: World, thread_id: str) -> None:
    await thread_operations.delete_thread(world.services, project=HOME, thread_id=thread_id)


async def test_a_thread_deleted_under_its_run(world: World) -> None:
    run_id, follower = await reading(world)
    run = await world.stored(run_id)
    await delete_thread(world, run.thread_id)
    async with asyncio.timeout(1):
        await world.upstream.hung_up.wait()
        assert names(await read(follower))[-1] == "message.delta"  # nothing more can be said of it
    with pytest.raises(NotFound):
        await world.cancel(run)
    assert (await world.until_rest(await world.run())).status is RunStatus.COMPLETED


async def test_a_thread_deleted_while_its_run_waits_for_outputs(world: World) -> None:
    world.upstream.reply(tool_calls(CALL))
    run = await world.until_rest(await world.run())
    await delete_thread(world, run.thread_id)
    with pytest.raises(NotFound):
        await world.submit(run)
    world.clock.pass_(600)
    await world.engine.look_after()
    assert (await world.until_rest(await world.run())).status is RunStatus.COMPLETED


async def test_a_thread_deleted_in_the_very_moment_of_saving(world: World) -> None:
    """Delete in the same batch of writes as the run's last one, before it and after it."""
    for _ in range(5):
        gate = asyncio.Event()
        world.upstream.reply(text("one two").waiting(gate, after=1))
        run_id, follower = await world.stream()
        run = await world.stored(run_id)
        await world.upstream.received()
        gate.set()
        _, frames = await asyncio.gather(delete_thread(world, run.thread_id), read(follower))
        assert names(frames)[0] == "run.created"
