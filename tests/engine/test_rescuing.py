"""Runs whose process left or died at any moment go on in the next one; what they had finished stays as it was."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from compat_tests.scripted_upstream import ScriptedUpstream, hang, text, tool_calls
from proxy.api.sse import frame
from proxy.engine import Engine
from proxy.schema.runs import Run, RunStatus
from proxy.store import Connection, runs
from tests.engine.conftest import StandingClock, World, a_process, frames_in, names
from tests.engine.test_races import MOMENTS, Meddler, play, settled

FILE = "understudy.sqlite"
CALL = [("get_weather", {"city": "Paris"})]


async def goes_on(directory: Path, upstream: ScriptedUpstream, clock: StandingClock, run_id: str) -> None:
    """In a new process, the run comes to a good end, with one message for each time that the model spoke."""
    async with a_process(directory, upstream, clock) as world:
        await world.engine.start()
        run = await settled(world, run_id)
        if run.status is RunStatus.REQUIRES_ACTION:
            run = await world.until_rest_again(run)
        assert run.status is RunStatus.COMPLETED
        steps, messages = await world.steps(run_id), await world.messages(run)
        assert {step.status for step in steps} == {"completed"}
        assert {message.status for message in messages} == {"completed"}
        assert len(messages) == sum(step.type == "message_creation" for step in steps)
        assert await world.active_run(run.thread_id) is None
        await world.is_usable(run.thread_id)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_leaving_at_any_moment(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, moment: int
) -> None:
    meddler = Meddler()
    async with a_process(tmp_path / "data", upstream, clock, meddled=meddler, retries=0) as world:
        closing: list[asyncio.Task[None]] = []

        async def leave() -> None:
            closing.append(asyncio.get_running_loop().create_task(world.engine.aclose(patience_seconds=0)))
            await asyncio.sleep(0)

        meddler.moment, meddler.before = moment, leave
        run_id, _ = await play(world, meddler)  # every stream ends
        await closing[0]
    await goes_on(tmp_path / "data", upstream, clock, run_id)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_dying_at_any_moment(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, moment: int
) -> None:
    meddler = Meddler()
    async with a_process(tmp_path / "data", upstream, clock, meddled=meddler, retries=0) as world:

        async def die() -> None:
            copy(tmp_path / "data", tmp_path / "left")

        meddler.moment, meddler.before = moment, die
        run_id, _ = await play(world, meddler)
    await goes_on(tmp_path / "left", upstream, clock, run_id)


def copy(directory: Path, to: Path) -> None:
    """What a process would find that started after this one was killed here and now."""
    to.mkdir()
    source, target = sqlite3.connect(directory / FILE), sqlite3.connect(to / FILE)
    source.backup(target)
    source.close()
    target.close()


async def test_a_run_that_was_interrupted_too_often_fails(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    """It may be what kills the process."""
    upstream.reply(tool_calls(CALL))
    async with a_process(tmp_path / "data", upstream, clock) as world:
        run = await world.until_rest(await world.run())
        upstream.script([hang(after=1)])
        await world.submit(run)
        await upstream.received(2)
        await in_progress(world, run.id)
    for interruption in (1, 2, 3):
        upstream.script([hang(after=1)])
        async with a_process(tmp_path / "data", upstream, clock) as world:
            await world.engine.start()
            await upstream.received(2 + interruption)
            await in_progress(world, run.id)
    async with a_process(tmp_path / "data", upstream, clock) as world:
        await world.engine.start()
        failed = await world.stored(run.id)
        assert failed.last_error is not None
        assert (failed.status, failed.last_error.code, failed.expires_at) == (RunStatus.FAILED, "server_error", None)
        assert failed.failed_at == clock.now()
        (step,) = await world.steps(run.id)
        assert failed.usage == step.usage  # what the finished round used
        assert await world.messages(run) == []
        await world.is_usable(run.thread_id)


async def in_progress(world: World, run_id: str) -> None:
    async with asyncio.timeout(30):
        while (await world.stored(run_id)).status is not RunStatus.IN_PROGRESS:
            pass


async def test_a_run_that_waits_for_outputs_waits_in_the_next_process(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    upstream.reply(tool_calls(CALL), text("Done."))
    async with a_process(tmp_path / "data", upstream, clock) as world:
        run = await world.until_rest(await world.run())
    async with a_process(tmp_path / "data", upstream, clock) as world:
        await world.engine.start()
        assert await world.stored(run.id) == run
        assert (await world.until_rest_again(run)).status is RunStatus.COMPLETED


async def test_a_run_that_expired_while_nobody_was_there(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    upstream.reply(tool_calls(CALL), hang(after=1))
    async with a_process(tmp_path / "data", upstream, clock) as world:
        waiting = await world.until_rest(await world.run())
        playing = await world.run()
        await in_progress(world, playing.id)
    clock.pass_(700)
    async with a_process(tmp_path / "data", upstream, clock) as world:
        await world.engine.start()
        for run in (waiting, playing):
            assert (await settled_in(world, run, RunStatus.EXPIRED)).expires_at is None
            await world.is_usable(run.thread_id)


async def settled_in(world: World, run: Run, status: RunStatus) -> Run:
    async with asyncio.timeout(30):
        while (found := await world.stored(run.id)).status is not status:
            pass
    return found


async def test_a_cancel_that_the_process_did_not_live_to_obey(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock
) -> None:
    upstream.reply(hang(after=1))
    async with a_process(tmp_path / "data", upstream, clock) as world:
        run = await world.run()
        await in_progress(world, run.id)
        await world.cancel(run)
        copy(tmp_path / "data", tmp_path / "left")
    async with a_process(tmp_path / "left", upstream, clock) as world:
        await world.engine.start()
        await settled_in(world, run, RunStatus.CANCELLED)
        assert {message.status for message in await world.messages(run)} <= {"incomplete"}
        await world.is_usable(run.thread_id)


async def test_a_claim_holds_until_it_lapses(world: World) -> None:
    """As where several processes share a database."""
    world.upstream.reply(hang(after=1))
    run = await world.run()
    await in_progress(world, run.id)
    await world.engine.aclose(patience_seconds=0)
    await world.store.write(
        lambda db: runs.claim_run(
            db, run.id, owner="another", lease_until=world.clock.precise() + 30, now=world.clock.precise()
        )
    )
    claimed = await world.stored(run.id)
    other = Engine(
        store=world.store,
        blobs=world.services.blobs,
        upstreams=world.services.upstreams,
        clock=world.clock,
        settings=world.services.settings.runs,
        frame=frame,
    )
    await other.look_after()
    assert await world.stored(run.id) == claimed
    world.clock.pass_(31)
    await other.look_after()
    await settled_in(world, run, RunStatus.COMPLETED)
    await other.aclose(patience_seconds=1)


async def test_a_run_that_cannot_be_read_keeps_nobody_from_the_others(
    tmp_path: Path, upstream: ScriptedUpstream, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    upstream.reply(hang(after=1), hang(after=1))
    async with a_process(tmp_path / "data", upstream, clock) as world:
        broken, sound = await world.run(), await world.run()
        await in_progress(world, broken.id)
        await in_progress(world, sound.id)
    async with a_process(tmp_path / "data", upstream, clock) as world:

        async def spoil(db: Connection) -> None:
            await db.run("UPDATE runs SET doc = '{}' WHERE id = :id", {"id": broken.id})

        await world.store.write(spoil)
        await world.engine.start()
        await settled_in(world, sound, RunStatus.COMPLETED)
    assert f"run {broken.id} cannot be looked after" in caplog.messages


async def test_a_disk_that_is_full_in_the_middle_of_a_run(world: World) -> None:
    """SQLite's own limit: there is room for the failure, but not for the answer."""
    gate = asyncio.Event()
    world.upstream.reply(text("much " * 20_000).waiting(gate, after=1))
    run_id, follower = await world.stream()
    said = []
    async for ready in follower:
        said += frames_in(ready)
        if not gate.is_set() and names(said)[-1] == "message.delta":
            await world.store.write(limit_pages)
            gate.set()
    assert names(said)[-3:] == ["message.incomplete", "run.step.failed", "run.failed"]
    run = await world.stored(run_id)
    assert run.last_error is not None
    assert (run.status, run.last_error.message) == (RunStatus.FAILED, "Sorry, something went wrong.")
    assert await world.active_run(run.thread_id) is None
    await world.store.write(lambda db: db.all("PRAGMA max_page_count = 1000000", {}))
    await world.is_usable(run.thread_id)


async def limit_pages(db: Connection) -> None:
    pages = await db.one("PRAGMA page_count", {})
    assert pages is not None
    await db.all(f"PRAGMA max_page_count = {pages['page_count'] + 4}", {})
