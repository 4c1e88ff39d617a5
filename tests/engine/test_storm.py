"""Many runs, and for each of them several hands that do at random what clients may do; nothing may hang or be left."""

import asyncio
import os
import random
from contextlib import suppress

import pytest

from compat_tests.scripted_upstream import close_mid_stream, error, text, tool_calls
from proxy.engine import Follower
from proxy.errors import InvalidRequest, NotFound
from proxy.operations import threads as thread_operations
from proxy.runs.lifecycle import is_terminal
from proxy.schema.runs import RunStatus
from proxy.schema.threads import Thread
from proxy.store import runs
from tests.engine.conftest import HOME, World, frames_in

RUNS = 40
HANDS = 3


async def test_a_storm(world: World, caplog: pytest.LogCaptureFixture) -> None:
    seed = int(os.environ.get("STORM_SEED") or random.SystemRandom().randrange(10**6))
    print(f"STORM_SEED={seed}")
    lot = random.Random(seed)
    world.upstream.script([lambda _: reply(lot)] * 10_000)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(RUNS):
            group.create_task(one_thread(world, lot))
    world.upstream.script([])
    assert not [record for record in caplog.records if record.name.startswith("proxy") and record.levelname == "ERROR"]
    left = await world.store.read(lambda db: db.all("SELECT id, thread_id FROM runs", {}))
    for row in left:
        run = await world.stored(row["id"])
        assert is_terminal(run.status)
        assert await world.active_run(run.thread_id) is None
        assert {step.status for step in await world.steps(run.id)} <= {"completed", "cancelled", "failed"}
        assert {message.status for message in await world.messages(run)} <= {"completed", "incomplete"}
    for thread_id in lot.sample(sorted({row["thread_id"] for row in left}), k=5):
        await world.is_usable(thread_id)


def reply(lot: random.Random) -> object:
    match lot.randrange(9):
        case 0:
            return error(500, "no")
        case 8:
            return error(429, "later", retry_after="0")
        case 1:
            return close_mid_stream(after=1)
        case 2 | 3 | 4:
            return tool_calls([("get_weather", {"city": "Paris"})] * lot.randint(1, 2), content="Wait.")
        case _:
            return text("one two three")


async def one_thread(world: World, lot: random.Random) -> None:
    """A thread with three runs, one after the other."""
    thread = await world.thread()
    for _ in range(3):
        with suppress(NotFound):
            run_id, follower = await begin(world, thread, lot)
            async with asyncio.TaskGroup() as group:
                hands = [group.create_task(meddle(world, run_id, lot)) for _ in range(HANDS)]
                await listen(follower)
                for hand in hands:
                    await hand
                await finish(world, run_id)


async def begin(world: World, thread: Thread, lot: random.Random) -> tuple[str, Follower]:
    if lot.random() < 0.5:
        run = await world.run(thread)
        return run.id, world.engine.follow(run.id, since=0)
    return await world.stream(thread)


async def listen(follower: Follower) -> None:
    """The names of a stream make sense by themselves: it ends once, and says nothing after that."""
    frames = []
    async for ready in follower:
        frames += frames_in(ready)
    ends = {f"thread.run.{status}" for status in ("completed", "failed", "cancelled", "requires_action")}
    found = [name for name, _ in frames if name in ends]
    assert len(found) <= 1
    assert not found or frames[-1][0] == found[0]


async def meddle(world: World, run_id: str, lot: random.Random) -> None:
    for _ in range(lot.randrange(30)):
        await asyncio.sleep(0)
    with suppress(InvalidRequest, NotFound):
        stored = await world.store.read(lambda db: runs.load_run(db, run_id))
        if stored is None:
            return
        match lot.randrange(16):
            case 0 | 1:
                await world.cancel(stored.run)
            case 2:
                await thread_operations.delete_thread(world.services, project=HOME, thread_id=stored.run.thread_id)
            case 3 | 4 | 5 | 6 | 7 | 8 if stored.run.status is RunStatus.REQUIRES_ACTION:
                submitted = await world.submit(stored.run)
                if lot.random() < 0.7 and isinstance(submitted, Follower):
                    await listen(submitted)
            case 9 | 10:
                await world.engine.look_after()
            case _:
                reader = aiter(world.engine.follow(run_id, since=0))
                await anext(reader, None)
                await reader.aclose()  # type: ignore[attr-defined]


async def finish(world: World, run_id: str) -> None:
    """Submit, until the run has ended or is gone."""
    while (stored := await world.store.read(lambda db: runs.load_run(db, run_id))) is not None:
        if is_terminal(stored.run.status):
            return
        if stored.run.status is RunStatus.REQUIRES_ACTION:
            with suppress(InvalidRequest, NotFound):
                submitted = await world.submit(stored.run)
                assert isinstance(submitted, Follower)
                await listen(submitted)
