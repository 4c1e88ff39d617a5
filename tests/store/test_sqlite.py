"""The driver: who shares a commit, what a failing member costs the others, and what a failing disk costs."""

import asyncio
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from proxy.schema.threads import Thread
from proxy.store import Connection, Store, StoreError
from proxy.store.database import ConstraintBroken, DatabaseFailed
from proxy.store.sqlite import MOST_PER_COMMIT, READERS
from proxy.store.threads import find_thread, insert_thread, save_thread, thread_json
from tests.builders import a_thread, changed
from tests.store.conftest import HOME

SOON = 10


async def write_thread(store: Store, thread: Thread) -> str:
    await store.write(lambda db: insert_thread(db, HOME, thread))
    return thread.id


async def stored_ids(store: Store) -> set[str]:
    async def ids(db: Connection) -> set[str]:
        return {row["id"] for row in await db.all("SELECT id FROM threads", {})}

    return await store.read(ids)


@contextmanager
def busy_writer(store: Store) -> Iterator[asyncio.Task[None]]:
    """The writer inside of a transaction, for as long as the block lasts: what is written meanwhile has to wait."""
    leave = threading.Event()

    async def hold(db: Connection) -> None:
        leave.wait()

    task = asyncio.get_running_loop().create_task(store.write(hold))
    try:
        yield task
    finally:
        leave.set()


async def submitted(*waiting: asyncio.Task[str]) -> None:
    """Every task has run up to its first wait, which is for the writer."""
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)


async def write_together(store: Store, *threads: Thread) -> list[str | BaseException]:
    """Writes that all arrive while the writer is busy, so that they share what comes next."""
    loop = asyncio.get_running_loop()
    with busy_writer(store) as busy:
        await asyncio.sleep(0)
        tasks = [loop.create_task(write_thread(store, thread)) for thread in threads]
        await submitted(*tasks)
    _, *outcomes = await asyncio.gather(busy, *tasks, return_exceptions=True)
    return outcomes


async def test_a_write_returns_what_it_returns_and_can_be_read(store: Store) -> None:
    thread = a_thread()

    async def work(db: Connection) -> str:
        await insert_thread(db, HOME, thread)
        return thread.id

    assert await store.write(work) == thread.id
    assert await store.read(lambda db: find_thread(db, HOME, thread.id)) == thread


async def test_writes_that_wait_share_one_commit(store: Store) -> None:
    threads = [a_thread() for _ in range(20)]
    before = store.commits
    assert await write_together(store, *threads) == [thread.id for thread in threads]
    assert store.commits == before + 1
    assert await stored_ids(store) == {thread.id for thread in threads}


async def test_more_than_fit_in_one_commit_take_two(store: Store) -> None:
    threads = [a_thread() for _ in range(MOST_PER_COMMIT)]  # and the one that kept the writer busy
    before = store.commits
    assert await write_together(store, *threads) == [thread.id for thread in threads]
    assert store.commits == before + 2


async def test_writes_one_after_the_other_have_a_commit_each(store: Store) -> None:
    before = store.commits
    for _ in range(3):
        await write_thread(store, a_thread())
    assert store.commits == before + 3


async def test_a_failing_member_fails_alone(store: Store) -> None:
    first, last = a_thread(), a_thread()
    before = store.commits
    outcomes = await write_together(store, first, first, last)
    assert outcomes[0] == first.id
    assert isinstance(outcomes[1], ConstraintBroken)
    assert outcomes[2] == last.id
    assert store.commits == before + 1
    assert await stored_ids(store) == {first.id, last.id}


async def test_what_a_transaction_raises_undoes_all_it_did(store: Store) -> None:
    async def work(db: Connection) -> None:
        await insert_thread(db, HOME, a_thread())
        raise LookupError("changed my mind")

    before = store.commits
    with pytest.raises(LookupError, match="changed my mind"):
        await store.write(work)
    assert await stored_ids(store) == set()
    assert store.commits == before


async def test_a_transaction_that_awaits_something_else_is_refused_and_undone(store: Store) -> None:
    loop = asyncio.get_running_loop()

    async def wait(db: Connection) -> None:
        await insert_thread(db, HOME, a_thread())
        await loop.create_future()

    async def wait_only(db: Connection) -> None:
        await loop.create_future()

    async def nest(db: Connection) -> None:
        await insert_thread(db, HOME, a_thread())
        await store.read(lambda inner: find_thread(inner, HOME, "thread_x"))

    with pytest.raises(RuntimeError, match="something other than its own connection"):
        await store.write(wait)
    with pytest.raises(RuntimeError, match="something other than its own connection"):
        await store.read(wait_only)
    with pytest.raises(RuntimeError, match="something other than its own connection"):
        await store.write(nest)
    assert await stored_ids(store) == set()


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(DatabaseFailed, match="readonly"):
        await store.read(lambda db: insert_thread(db, HOME, a_thread()))
    assert await stored_ids(store) == set()


async def test_a_read_sees_one_snapshot(store: Store) -> None:
    thread = a_thread(metadata={"at": "first"})
    await write_thread(store, thread)
    looked, wrote = threading.Event(), threading.Event()

    async def look_twice(db: Connection) -> tuple[Thread | None, Thread | None]:
        once = await find_thread(db, HOME, thread.id)
        looked.set()
        wrote.wait()
        return once, await find_thread(db, HOME, thread.id)

    looking = asyncio.get_running_loop().create_task(store.read(look_twice))
    await asyncio.to_thread(looked.wait)
    later = changed(thread, metadata={"at": "second"})
    assert await store.write(lambda db: save_thread(db, HOME, later))
    wrote.set()
    assert await looking == (thread, thread)
    assert await store.read(lambda db: find_thread(db, HOME, thread.id)) == later


async def test_reads_go_on_beside_each_other(store: Store) -> None:
    together = threading.Barrier(READERS)

    async def meet(db: Connection) -> int:
        return together.wait(timeout=30)

    assert sorted(await asyncio.gather(*(store.read(meet) for _ in range(READERS)))) == list(range(READERS))


async def test_a_cancelled_caller_stops_waiting_and_its_write_takes_place(store: Store) -> None:
    loop = asyncio.get_running_loop()
    left, stayed = a_thread(), a_thread()
    with busy_writer(store) as busy:
        await asyncio.sleep(0)
        leaving = loop.create_task(write_thread(store, left))
        staying = loop.create_task(write_thread(store, stayed))
        await submitted(leaving, staying)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    await busy
    assert await staying == stayed.id
    assert await stored_ids(store) == {left.id, stayed.id}


async def test_a_caller_cancelled_in_the_middle_of_its_transaction_leaves_it_whole(store: Store) -> None:
    inside, leave = threading.Event(), threading.Event()
    both = a_thread(), a_thread()

    async def work(db: Connection) -> None:
        await insert_thread(db, HOME, both[0])
        inside.set()
        leave.wait()
        await insert_thread(db, HOME, both[1])

    writing = asyncio.get_running_loop().create_task(store.write(work))
    await asyncio.to_thread(inside.wait)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    leave.set()
    after = a_thread()
    await write_thread(store, after)
    assert await stored_ids(store) == {both[0].id, both[1].id, after.id}


async def test_a_cancelled_read_leaves_the_reader_usable(store: Store) -> None:
    never_wanted = [
        asyncio.get_running_loop().create_task(store.read(lambda db: find_thread(db, HOME, "thread_x")))
        for _ in range(20)
    ]
    await asyncio.sleep(0)
    for task in never_wanted:
        task.cancel()
    await asyncio.gather(*never_wanted, return_exceptions=True)
    assert await stored_ids(store) == set()


async def test_closing_finishes_what_was_submitted_and_takes_nothing_more(store: Store, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    threads = [a_thread() for _ in range(5)]
    writing = [loop.create_task(write_thread(store, thread)) for thread in threads]
    await asyncio.sleep(0)
    await store.aclose()
    assert await asyncio.gather(*writing) == [thread.id for thread in threads]
    with pytest.raises(StoreError, match="closed"):
        await write_thread(store, a_thread())
    with pytest.raises(StoreError, match="closed"):
        await store.read(lambda db: find_thread(db, HOME, "thread_x"))
    # The last connection folds the log into the database: one file to copy.
    assert {file.name for file in (tmp_path / "data").iterdir()} == {"lock", "understudy.sqlite"}


async def test_ping_takes_a_turn_of_the_writer(store: Store) -> None:
    with busy_writer(store) as busy:
        await asyncio.sleep(0)
        ping = asyncio.get_running_loop().create_task(store.ping())
        await store.read(lambda db: find_thread(db, HOME, "thread_x"))
        assert not ping.done()
    await busy
    assert await ping > 0


async def test_a_full_database_loses_nothing_that_was_acknowledged(store: Store) -> None:
    kept = [await write_thread(store, a_thread()) for _ in range(10)]
    big = a_thread(metadata={"filler": "x" * 100_000})

    async def limit_pages(db: Connection) -> None:
        pages = await db.one("PRAGMA page_count", {})
        assert pages is not None
        await db.all(f"PRAGMA max_page_count = {pages['page_count'] + 2}", {})

    await store.write(limit_pages)
    with pytest.raises(DatabaseFailed, match="full"):
        await write_thread(store, big)
    assert await stored_ids(store) == set(kept)

    await store.write(lambda db: db.all("PRAGMA max_page_count = 1000000", {}))
    await write_thread(store, big)
    assert await stored_ids(store) == {*kept, big.id}


async def test_going_on_after_the_transaction_was_given_up_writes_nothing(store: Store) -> None:
    async def stubborn(db: Connection) -> None:
        await insert_thread(db, HOME, a_thread())
        await db.run("ROLLBACK TO member", {})
        await db.run("ROLLBACK", {})  # stands for what SQLite does by itself after some failures
        await insert_thread(db, HOME, a_thread())

    with pytest.raises(DatabaseFailed):
        await store.write(stubborn)
    assert await stored_ids(store) == set()
    assert await write_thread(store, a_thread())


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """A disk that refuses: writes beyond `size` bytes of any file fail with an I/O error."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_commit_that_fails_is_told_to_every_member_and_undone(store: Store, tmp_path: Path) -> None:
    kept = [await write_thread(store, a_thread()) for _ in range(10)]
    log = tmp_path / "data" / "understudy.sqlite-wal"
    batch = [a_thread(metadata={"filler": "x" * 3_000}) for _ in range(8)]
    with no_file_may_grow_beyond(log.stat().st_size + 4096):
        outcomes = await write_together(store, *batch)
    assert [type(outcome) for outcome in outcomes] == [DatabaseFailed] * len(batch)
    assert await stored_ids(store) == set(kept)

    assert await write_together(store, *batch) == [thread.id for thread in batch]
    assert await stored_ids(store) == {*kept, *(thread.id for thread in batch)}


async def test_a_lasting_lock_of_another_process_is_told_to_all_who_wait(store: Store, tmp_path: Path) -> None:
    await store.write(lambda db: db.all("PRAGMA busy_timeout = 20", {}))
    other = sqlite3.connect(tmp_path / "data" / "understudy.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        outcomes = await asyncio.gather(*(write_thread(store, a_thread()) for _ in range(3)), return_exceptions=True)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert [type(outcome) for outcome in outcomes] == [DatabaseFailed] * 3
    assert await write_thread(store, a_thread())


async def test_stored_text_comes_back_to_the_byte(store: Store) -> None:
    thread = a_thread(metadata={"umlaut": "äß€𝄞", "control": '\u0000\n"\\'})
    await write_thread(store, thread)
    assert await store.read(lambda db: find_thread(db, HOME, thread.id)) == thread
    raw = await store.read(lambda db: thread_json(db, HOME, thread.id))
    assert raw is not None
    assert bytes(raw) == (
        b'{"id":"%s","object":"thread","created_at":1750000000,'
        b'"metadata":{"umlaut":"\xc3\xa4\xc3\x9f\xe2\x82\xac\xf0\x9d\x84\x9e","control":"\\u0000\\n\\"\\\\"},'
        b'"tool_resources":{}}' % thread.id.encode()
    )


async def test_searches_leave_a_reader_to_all_others(store: Store) -> None:
    """However many there are, and however long they take."""
    go_on = threading.Event()
    begun = [threading.Event() for _ in range(2 * READERS)]

    async def search(db: Connection, number: int) -> int:
        begun[number].set()
        assert go_on.wait(SOON)
        return number

    searching = [asyncio.ensure_future(store.search(partial(search, number=n))) for n in range(len(begun))]
    for event in begun[: READERS - 1]:
        assert await asyncio.to_thread(event.wait, SOON)
    async with asyncio.timeout(SOON):
        assert await store.read(_one) == 1
    assert [event.is_set() for event in begun] == [n < READERS - 1 for n in range(len(begun))]
    go_on.set()
    assert await asyncio.gather(*searching) == list(range(len(begun)))


async def _one(db: Connection) -> int:
    row = await db.one("SELECT 1 AS one", {})
    assert row is not None
    return int(row["one"])
