"""Everything at the worst moment: before each single access of the engine to the store, something else happens.

What must hold afterwards is always the same: the run has ended, its streams have, its thread is free or gone, and the
last thing that was announced is what is stored.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, error, text, tool_calls
from proxy.errors import InvalidRequest, NotFound
from proxy.operations import threads as thread_operations
from proxy.runs.lifecycle import is_terminal
from proxy.schema.runs import Run, RunStatus
from proxy.store import Store, runs
from proxy.store.database import DatabaseFailed
from tests.engine.conftest import HOME, Frame, StandingClock, World, a_process, names, read

MOMENTS = range(11)
"""The engine's accesses to the store in the two rounds of `play`."""


class Meddler:
    """The store as the engine has it; before its access number `moment`, and after it, something else happens."""

    def __init__(self) -> None:
        self.store: Store
        self.rest()

    def rest(self) -> None:
        self.accesses = 0
        self.moment: int | None = None
        self.before: Callable[[], Awaitable[None]] | None = None
        self.after: Callable[[], Awaitable[None]] | None = None
        self.broken = False

    def __call__(self, store: Store) -> "Meddler":
        self.store = store
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def read(self, work: Any) -> Any:
        return await self._access(self.store.read, work)

    async def search(self, work: Any) -> Any:
        return await self._access(self.store.search, work)

    async def write(self, work: Any) -> Any:
        return await self._access(self.store.write, work)

    async def _access(self, verb: Any, work: Any) -> Any:
        mine, self.accesses = self.accesses == self.moment, self.accesses + 1
        if mine and self.before is not None:
            await self.before()
        try:
            if self.broken and verb == self.store.write:
                raise DatabaseFailed("disk full")
            return await verb(work)
        finally:
            if mine and self.after is not None:
                await self.after()


@pytest.fixture
def meddler() -> Meddler:
    return Meddler()


@pytest.fixture
async def world(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, meddler: Meddler
) -> AsyncIterator[World]:
    async with a_process(tmp_path / "data", upstream, clock, meddled=meddler, retries=0) as world:
        yield world


async def play(world: World, meddler: Meddler) -> tuple[str, list[list[Frame]]]:
    """Two rounds as far as they go, the first of them put off: the id of the run, and what each stream said."""
    busy = error(429, {"error": {"message": "Too busy.", "code": 429}}, retry_after="0")
    calls = tool_calls([("get_weather", {"city": "Paris"})], content="Wait.")
    world.upstream.script([busy, calls, text("one two")])
    follower = await world.streamed()
    streams = []
    async with asyncio.timeout(30):
        streams.append(await read(follower))
        # What is stored of it may be gone by now, and its thread with it.
        name, created = streams[0][0]
        assert name == "thread.run.created"
        run_id = str(created["id"])
        waiting = await world.store.read(lambda db: runs.load_run(db, run_id))
        if waiting is not None and waiting.run.status is RunStatus.REQUIRES_ACTION:
            position = len(streams[0])
            with suppress(InvalidRequest, NotFound):
                await world.submit(waiting.run)
            streams.append(await read(world.engine.follow(run_id, since=position)))
    world.upstream.script([])
    meddler.moment = None
    return run_id, streams


async def check(world: World, run_id: str, streams: list[list[Frame]]) -> Run:
    run = await world.stored(run_id)
    assert is_terminal(run.status)
    assert (run.expires_at, run.required_action) == (None, None)
    assert await world.active_run(run.thread_id) is None
    assert {step.status for step in await world.steps(run.id)} <= {"completed", "cancelled", "expired", "failed"}
    assert {message.status for message in await world.messages(run)} <= {"completed", "incomplete"}

    frames = [frame for stream in streams for frame in stream]
    terminal = [data for name, data in frames if name.split(".")[-1] == run.status.value and "step" not in name]
    ends = [data for data in terminal if data["object"] == "thread.run"]
    assert ends == [json.loads(msgspec.json.encode(run))]
    assert frames[-1][1] == ends[0]
    opened = [data["id"] for name, data in frames if name in {"thread.message.created", "thread.run.step.created"}]
    assert len(opened) == len(set(opened)) == len(await world.steps(run.id)) + len(await world.messages(run))
    await world.is_usable(run.thread_id)
    return run


async def newest_run(world: World) -> Run:
    row = await world.store.read(lambda db: db.one("SELECT id FROM runs ORDER BY seq DESC LIMIT 1", {}))
    assert row is not None
    return await world.stored(row["id"])


async def test_the_moments(world: World, meddler: Meddler) -> None:
    """Nothing happens, and the moments are all there are."""
    world.upstream.script([])
    accesses: list[int] = []

    async def note() -> None:
        accesses.append(meddler.accesses)

    meddler.moment, meddler.before = MOMENTS[-1], note
    run = await check(world, *await play(world, meddler))
    assert run.status is RunStatus.COMPLETED
    assert accesses == [len(MOMENTS)]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancel(world: World, meddler: Meddler, moment: int) -> None:
    async def cancel() -> None:
        with suppress(InvalidRequest):
            await world.cancel(await newest_run(world))

    meddler.moment, meddler.before = moment, cancel
    run_id, streams = await play(world, meddler)
    run = await check(world, run_id, streams)
    assert run.status in {RunStatus.CANCELLED, RunStatus.COMPLETED}
    said = names([frame for stream in streams for frame in stream])
    assert said.count("run.cancelling") <= 1
    if run.status is RunStatus.CANCELLED:
        assert said.index("run.cancelling") < said.index("run.cancelled")


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancel_that_the_engine_hears_of_later(world: World, meddler: Meddler, moment: int) -> None:
    """It is committed before the engine's access, and told after it, as when both were answered together."""
    cancelling: list[Run] = []

    async def save() -> None:
        run = await newest_run(world)
        if not is_terminal(run.status):
            saved = msgspec.structs.replace(run, status=RunStatus.CANCELLING, required_action=None)
            await world.store.write(lambda db: runs.save_run(db, saved, was=run.status))
            cancelling.append(saved)

    async def tell() -> None:
        for run in cancelling:
            world.engine.cancel(run, HOME)

    meddler.moment, meddler.before, meddler.after = moment, save, tell
    run = await check(world, *await play(world, meddler))
    assert run.status in {RunStatus.CANCELLED, RunStatus.COMPLETED}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_expiry(world: World, meddler: Meddler, moment: int) -> None:
    async def expire() -> None:
        world.clock.pass_(600)
        await world.engine.look_after()

    meddler.moment, meddler.before = moment, expire
    run = await check(world, *await play(world, meddler))
    assert run.status in {RunStatus.EXPIRED, RunStatus.COMPLETED}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_thread_is_deleted(world: World, meddler: Meddler, moment: int) -> None:
    deleted: list[str] = []

    async def delete() -> None:
        run = await newest_run(world)
        await thread_operations.delete_thread(world.services, project=HOME, thread_id=run.thread_id)
        deleted.append(run.id)

    meddler.moment, meddler.before = moment, delete
    run_id, streams = await play(world, meddler)  # every stream has come to its end
    if deleted:
        assert await world.store.read(lambda db: runs.load_run(db, run_id)) is None
        assert not any(name == "error" for stream in streams for name, _ in stream)
    assert (await world.until_rest(await world.run())).status is RunStatus.COMPLETED


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_disk_is_full_for_a_moment(world: World, meddler: Meddler, moment: int) -> None:
    async def fill() -> None:
        meddler.broken = True

    async def empty() -> None:
        meddler.broken = False

    meddler.moment, meddler.before, meddler.after = moment, fill, empty
    run_id, streams = await play(world, meddler)
    run = await check(world, run_id, streams)
    assert run.status in {RunStatus.FAILED, RunStatus.COMPLETED}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_disk_is_full(world: World, meddler: Meddler, moment: int) -> None:
    """Followers are told; once there is room again the run goes on, and its thread is free in the end."""

    async def fill() -> None:
        meddler.broken = True

    meddler.moment, meddler.before = moment, fill
    run_id, streams = await play(world, meddler)
    run = await world.stored(run_id)
    if not is_terminal(run.status):
        name, data = streams[-1][-1]
        assert (name, data["error"]["message"]) == ("error", "Sorry, something went wrong.")
        for _ in range(2):
            with suppress(DatabaseFailed):
                await world.engine.look_after()  # in vain
        assert (await world.stored(run_id)) == run
    meddler.rest()
    await world.engine.look_after()
    run = await settled(world, run_id)
    if run.status is RunStatus.REQUIRES_ACTION:
        follower = await world.submit(run)
        await read(follower)  # type: ignore[arg-type]
        run = await world.stored(run_id)
    assert run.status is RunStatus.COMPLETED
    assert {message.status for message in await world.messages(run)} == {"completed"}
    assert len(await world.messages(run)) == sum(step.type == "message_creation" for step in await world.steps(run.id))
    await world.is_usable(run.thread_id)


async def settled(world: World, run_id: str) -> Run:
    """Wait until the stored run rests."""
    async with asyncio.timeout(30):
        while True:
            run = await world.stored(run_id)
            if run.status is RunStatus.REQUIRES_ACTION or is_terminal(run.status):
                return run
