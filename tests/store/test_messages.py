"""Messages in the store."""

import msgspec
import pytest

from proxy.errors import NotFound
from proxy.schema.messages import Message
from proxy.schema.pages import ListMessagesParams
from proxy.schema.threads import Thread
from proxy.store import Connection, Store
from proxy.store.messages import (
    delete_message,
    find_message,
    has_user_message,
    insert_messages,
    list_messages,
    message_json,
    newest_messages,
    save_message,
    save_token_counts,
)
from proxy.store.threads import insert_thread
from tests.builders import AT, a_message, a_thread, changed
from tests.store.conftest import AWAY, HOME


async def insert(store: Store, *messages: Message) -> None:
    await store.write(lambda db: insert_messages(db, HOME, messages))


async def listed(store: Store, thread: Thread, **given: object) -> list[str]:
    params = msgspec.convert({"order": "asc"} | given, ListMessagesParams)
    page = await store.read(lambda db: list_messages(db, HOME, thread.id, params))
    return [msgspec.json.decode(raw, type=Message).id for raw in page.data]


async def newest(
    store: Store,
    thread: Thread,
    *,
    from_seq: int = 0,
    below_seq: int | None = None,
    limit: int = 100,
    not_of_run: str | None = None,
) -> list[tuple[int, int | None, str]]:
    """(seq, tokens, id) of each."""
    stored = await store.read(
        lambda db: newest_messages(
            db, thread.id, from_seq=from_seq, below_seq=below_seq, limit=limit, not_of_run=not_of_run
        )
    )
    return [(one.seq, one.tokens, one.message.id) for one in stored]


async def test_messages_keep_the_order_they_were_given_in(store: Store, thread: Thread) -> None:
    messages = [a_message(str(n), thread_id=thread.id) for n in range(5)]
    await insert(store, *messages)
    assert await listed(store, thread) == [message.id for message in messages]
    assert await listed(store, thread, order="desc") == [message.id for message in messages[::-1]]


async def test_one_is_found_and_answered_only_in_its_thread(store: Store, thread: Thread) -> None:
    message = a_message(thread_id=thread.id, attachments=[{"file_id": "file_x", "tools": []}])
    await insert(store, message)
    assert await store.read(lambda db: find_message(db, HOME, thread.id, message.id)) == message
    raw = await store.read(lambda db: message_json(db, HOME, thread.id, message.id))
    assert raw is not None
    assert bytes(raw) == msgspec.json.encode(message)
    assert await store.read(lambda db: find_message(db, HOME, "thread_other", message.id)) is None
    assert await store.read(lambda db: message_json(db, HOME, "thread_other", message.id)) is None


async def test_none_comes_into_a_thread_that_is_not_there(store: Store, thread: Thread) -> None:
    lost = a_message(thread_id="thread_gone")
    with pytest.raises(NotFound, match=r"No thread found with id 'thread_gone'\."):
        await insert(store, a_message(thread_id=thread.id), lost)
    assert await listed(store, thread) == []
    assert not await store.write(lambda db: save_message(db, HOME, lost))
    assert not await store.write(lambda db: save_message(db, AWAY, a_message(thread_id=thread.id)))


async def test_saving_inserts_and_then_replaces_in_place(store: Store, thread: Thread) -> None:
    begun = a_message("", thread_id=thread.id, role="assistant", status="in_progress", run_id="run_a")
    later = a_message(thread_id=thread.id)
    assert await store.write(lambda db: save_message(db, HOME, begun))
    await insert(store, later)
    before = await newest(store, thread)
    done = changed(begun, status="completed", completed_at=AT, content=a_message("Hi").content)
    assert await store.write(lambda db: save_message(db, HOME, done))
    assert await store.read(lambda db: find_message(db, HOME, thread.id, begun.id)) == done
    assert await newest(store, thread) == before
    assert await listed(store, thread) == [begun.id, later.id]


async def test_a_count_lasts_until_the_message_moves_on(store: Store, thread: Thread) -> None:
    begun = a_message("", thread_id=thread.id, role="assistant", status="in_progress")
    await insert(store, begun)

    async def counted_then_saved(message: Message) -> int | None:
        async def work(db: Connection) -> None:
            await save_token_counts(db, {message.id: 17, "msg_gone": 3})
            await save_message(db, HOME, message)

        await store.write(work)
        ((_, tokens, _),) = await newest(store, thread)
        return tokens

    assert await counted_then_saved(changed(begun, metadata={"a": "b"})) == 17
    assert await counted_then_saved(changed(begun, status="completed", content=a_message("Long").content)) is None


async def test_a_list_may_be_of_one_run(store: Store, thread: Thread) -> None:
    of_none, of_a, of_b = (a_message(thread_id=thread.id, run_id=run) for run in (None, "run_a", "run_b"))
    await insert(store, of_none, of_a, of_b)
    assert await listed(store, thread, run_id="run_a") == [of_a.id]
    assert await listed(store, thread, run_id="run_b", after=of_none.id) == [of_b.id]
    assert await listed(store, thread, run_id="run_never") == []


async def test_a_cursor_of_another_thread_is_unknown(store: Store, thread: Thread) -> None:
    other = a_thread()
    await store.write(lambda db: insert_thread(db, HOME, other))
    foreign = a_message(thread_id=other.id)
    await insert(store, foreign)
    with pytest.raises(NotFound, match=f"No message found with id '{foreign.id}'"):
        await listed(store, thread, after=foreign.id)


async def test_deleting(store: Store, thread: Thread) -> None:
    gone, kept = a_message(thread_id=thread.id), a_message(thread_id=thread.id)
    await insert(store, gone, kept)
    assert not await store.write(lambda db: delete_message(db, HOME, "thread_other", gone.id))
    assert await store.write(lambda db: delete_message(db, HOME, thread.id, gone.id))
    assert not await store.write(lambda db: delete_message(db, HOME, thread.id, gone.id))
    assert await listed(store, thread) == [kept.id]


async def test_whether_the_user_said_anything(store: Store, thread: Thread) -> None:
    await insert(store, a_message(thread_id=thread.id, role="assistant"))
    assert not await store.read(lambda db: has_user_message(db, thread.id))
    await insert(store, a_message(thread_id=thread.id, role="user"))
    assert await store.read(lambda db: has_user_message(db, thread.id))


async def test_the_newest_within_a_window(store: Store, thread: Thread) -> None:
    messages = [a_message(thread_id=thread.id, run_id="run_a" if n % 2 else None) for n in range(6)]
    await insert(store, *messages)
    everything = await newest(store, thread)
    assert [id for _, _, id in everything] == [message.id for message in messages[::-1]]
    seqs = [seq for seq, _, _ in everything]
    assert seqs == sorted(seqs, reverse=True)
    assert await newest(store, thread, limit=2) == everything[:2]
    assert await newest(store, thread, below_seq=seqs[1], limit=2) == everything[2:4]
    assert await newest(store, thread, from_seq=seqs[3]) == everything[:4]
    # The even ones belong to no run, and stay.
    assert await newest(store, thread, not_of_run="run_a") == everything[1::2]
    assert await newest(store, thread, not_of_run="run_b") == everything


async def test_token_counts_come_with_the_newest(store: Store, thread: Thread) -> None:
    counted, uncounted = a_message(thread_id=thread.id), a_message(thread_id=thread.id)
    await insert(store, counted, uncounted)
    await store.write(lambda db: save_token_counts(db, {counted.id: 12}))
    assert [(tokens, id) for _, tokens, id in await newest(store, thread)] == [(None, uncounted.id), (12, counted.id)]
