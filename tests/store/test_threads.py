"""Threads in the store: the lock, the window, the metadata filter, and what goes with a deleted one."""

import msgspec
import pytest
from msgspec import Raw

from proxy.schema.pages import ListThreadsParams
from proxy.schema.threads import Thread
from proxy.store import Connection, Store
from proxy.store.messages import insert_messages
from proxy.store.runs import insert_run
from proxy.store.steps import save_step
from proxy.store.threads import (
    ThreadState,
    delete_thread,
    find_thread,
    insert_thread,
    list_threads,
    lock_thread,
    move_window,
    save_thread,
    thread_json,
    thread_state,
    unlock_thread,
)
from tests.builders import a_message, a_run, a_step, a_thread, changed
from tests.store.conftest import HOME


async def state(store: Store, thread: Thread) -> ThreadState | None:
    return await store.read(lambda db: thread_state(db, HOME, thread.id))


async def test_what_was_inserted_is_found_and_answered(store: Store, thread: Thread) -> None:
    assert await store.read(lambda db: find_thread(db, HOME, thread.id)) == thread
    assert await store.read(lambda db: thread_json(db, HOME, thread.id)) == Raw(msgspec.json.encode(thread))


async def test_saving_changes_the_object_and_not_the_state(store: Store, thread: Thread) -> None:
    await store.write(lambda db: lock_thread(db, thread.id, "run_a"))
    await store.write(lambda db: move_window(db, thread.id, 7))
    later = changed(thread, metadata={"topic": "tea"})
    assert await store.write(lambda db: save_thread(db, HOME, later))
    assert await store.read(lambda db: find_thread(db, HOME, thread.id)) == later
    assert await state(store, thread) == ThreadState(active_run="run_a", window_start=7)
    assert not await store.write(lambda db: save_thread(db, HOME, a_thread()))


async def test_the_lock_is_taken_once_and_given_back_by_its_holder(store: Store, thread: Thread) -> None:
    assert await state(store, thread) == ThreadState(active_run=None, window_start=0)
    assert await store.write(lambda db: lock_thread(db, thread.id, "run_a"))
    assert not await store.write(lambda db: lock_thread(db, thread.id, "run_b"))
    assert not await store.write(lambda db: unlock_thread(db, thread.id, "run_b"))
    assert await state(store, thread) == ThreadState(active_run="run_a", window_start=0)
    assert await store.write(lambda db: unlock_thread(db, thread.id, "run_a"))
    assert await store.write(lambda db: lock_thread(db, thread.id, "run_b"))
    assert not await store.write(lambda db: lock_thread(db, "thread_never", "run_a"))


async def test_deleting_takes_messages_runs_and_steps_along(store: Store, thread: Thread) -> None:
    kept = a_thread()

    async def fill(db: Connection) -> None:
        await insert_thread(db, HOME, kept)
        for each in (thread, kept):
            run = a_run(thread_id=each.id)
            await insert_messages(db, HOME, [a_message(thread_id=each.id), a_message(thread_id=each.id)])
            await insert_run(db, HOME, run, progress=b"{}", owner="me", lease_until=1.0)
            await save_step(db, HOME, a_step(thread_id=each.id, run_id=run.id))

    async def owners(db: Connection) -> dict[str, list[str]]:
        tables = ("messages", "runs", "steps")
        return {name: [row["thread_id"] for row in await db.all(f"SELECT * FROM {name}", {})] for name in tables}

    await store.write(fill)
    assert await store.write(lambda db: delete_thread(db, HOME, thread.id))
    assert await store.read(owners) == {"messages": [kept.id] * 2, "runs": [kept.id], "steps": [kept.id]}
    assert await state(store, thread) is None
    assert not await store.write(lambda db: delete_thread(db, HOME, thread.id))


@pytest.mark.parametrize(
    "key", ["user", "a.b", 'quo"ted', "it's", "$", "[0]", "a b", "", "$.metadata.x", "umläut", "back\\slash", "%"]
)
async def test_threads_are_found_by_metadata_whatever_the_key(store: Store, key: str) -> None:
    wanted = a_thread(metadata={key: "1", "more": "x"})
    for thread in (wanted, a_thread(metadata={key: "2"}), a_thread(metadata={"other": "1"}), a_thread()):
        await store.write(lambda db, thread=thread: insert_thread(db, HOME, thread))
    page = await store.read(lambda db: list_threads(db, HOME, ListThreadsParams(metadata={key: "1"})))
    assert [msgspec.json.decode(raw, type=Thread) for raw in page.data] == [wanted]


async def test_a_listed_thread_shows_its_active_run(store: Store, thread: Thread) -> None:
    idle = a_thread(metadata={"brace": "}"})
    await store.write(lambda db: insert_thread(db, HOME, idle))
    await store.write(lambda db: lock_thread(db, thread.id, "run_a"))
    page = await store.read(lambda db: list_threads(db, HOME, ListThreadsParams(order="asc")))
    assert [bytes(raw) for raw in page.data] == [
        msgspec.json.encode(thread)[:-1] + b',"active_run_id":"run_a"}',
        msgspec.json.encode(idle)[:-1] + b',"active_run_id":null}',
    ]
    assert await store.read(lambda db: thread_json(db, HOME, thread.id)) == Raw(msgspec.json.encode(thread))


async def test_all_pairs_of_metadata_must_match_exactly(store: Store) -> None:
    both = a_thread(metadata={"a": "1", "b": "2"})
    for thread in (a_thread(metadata={"a": "1"}), both, a_thread(metadata={"a": "1", "b": "22"})):
        await store.write(lambda db, thread=thread: insert_thread(db, HOME, thread))

    async def found(**metadata: str) -> int:
        page = await store.read(lambda db: list_threads(db, HOME, ListThreadsParams(metadata=metadata)))
        return len(page.data)

    assert [await found(), await found(a="1"), await found(a="1", b="2"), await found(b="2", a="2")] == [3, 3, 1, 0]


async def test_a_filtered_list_pages_by_any_thread_of_the_project(store: Store) -> None:
    threads = [a_thread(metadata={"even": str(n % 2 == 0)}) for n in range(7)]
    for thread in threads:
        await store.write(lambda db, thread=thread: insert_thread(db, HOME, thread))
    params = ListThreadsParams(metadata={"even": "True"}, order="asc", limit=2, after=threads[1].id)
    page = await store.read(lambda db: list_threads(db, HOME, params))
    assert (page.first_id, page.last_id, page.has_more) == (threads[2].id, threads[4].id, True)
