"""Vector stores: files come and go, and the counts of stores and batches are right after every one of them."""

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from proxy.errors import NotFound
from proxy.schema.chunking import ChunkingStrategy, StaticChunking
from proxy.schema.vector_stores import (
    ExpiresAfter,
    FileBatch,
    FileCounts,
    FileError,
    FileStatus,
    ListVectorStoreFilesParams,
    VectorStore,
    VectorStoreFile,
)
from proxy.store import Connection, Store
from proxy.store.file_batches import find_batch, insert_batch
from proxy.store.vector_store_files import (
    attach_files,
    cancel_entries,
    detach_everywhere,
    detach_file,
    end_entry,
    entries_of,
    find_entry,
    list_entries,
    save_entry,
    waiting_entries,
)
from proxy.store.vector_stores import (
    active,
    delete_store,
    find_store,
    insert_store,
    overdue_stores,
    save_store,
    store_expires,
)
from tests.builders import AT, a_batch, a_store, an_entry, changed
from tests.store.conftest import AWAY, HOME


@pytest.fixture
async def vectors(store: Store) -> VectorStore:
    """A vector store at home."""
    vectors = a_store()
    await store.write(lambda db: insert_store(db, HOME, vectors))
    return vectors


async def batch_in(store: Store, vectors: VectorStore) -> FileBatch:
    batch = a_batch(vectors.id)
    await store.write(lambda db: insert_batch(db, HOME, batch))
    return batch


async def attached(store: Store, *files: VectorStoreFile, batch_id: str | None = None) -> list[VectorStoreFile]:
    store_id = files[0].vector_store_id
    return await store.write(lambda db: attach_files(db, HOME, store_id, files, batch_id=batch_id))


async def ended(store: Store, file: VectorStoreFile, status: FileStatus, usage_bytes: int = 0) -> bool:
    async def end(db: Connection) -> bool:
        entry = await find_entry(db, HOME, file.vector_store_id, file.id)
        assert entry is not None
        return await end_entry(db, entry.seq, status=status, usage_bytes=usage_bytes)

    return await store.write(end)


async def now_is(store: Store, vectors: VectorStore) -> VectorStore:
    found = await store.read(lambda db: find_store(db, HOME, vectors.id))
    assert found is not None
    return found


def counts(**given: int) -> FileCounts:
    return FileCounts(**given, total=sum(given.values()))


async def test_a_store_is_in_progress_while_some_file_is(store: Store, vectors: VectorStore) -> None:
    one, two = await attached(store, an_entry(vectors.id), an_entry(vectors.id))
    found = await now_is(store, vectors)
    assert (found.status, found.file_counts) == ("in_progress", counts(in_progress=2))
    assert await ended(store, one, "completed", 40)
    assert await ended(store, two, "failed")
    found = await now_is(store, vectors)
    assert (found.status, found.file_counts, found.usage_bytes) == ("completed", counts(completed=1, failed=1), 40)


async def test_a_file_ends_once(store: Store, vectors: VectorStore) -> None:
    (file,) = await attached(store, an_entry(vectors.id))
    assert await ended(store, file, "completed", 5)
    assert not await ended(store, file, "failed", 7)
    found = await now_is(store, vectors)
    assert (found.file_counts, found.usage_bytes) == (counts(completed=1), 5)


async def test_why_it_failed_is_kept(store: Store, vectors: VectorStore) -> None:
    (file,) = await attached(store, an_entry(vectors.id))
    error = FileError(code="invalid_file", message="It is no PDF.")
    entry = (await store.read(lambda db: waiting_entries(db, limit=9, without=[])))[0]
    await store.write(lambda db: end_entry(db, entry.seq, status="failed", error=error))
    found = await store.read(lambda db: find_entry(db, HOME, vectors.id, file.id))
    assert found is not None
    assert (found.file.status, found.file.last_error) == ("failed", error)


async def test_a_file_that_is_there_is_not_read_again(store: Store, vectors: VectorStore) -> None:
    (file,) = await attached(store, an_entry(vectors.id))
    await ended(store, file, "completed", 5)
    (again,) = await attached(store, changed(file, status="in_progress", attributes={"a": 1}))
    assert (again.status, again.usage_bytes, again.attributes) == ("completed", 5, {"a": 1})
    assert (await now_is(store, vectors)).file_counts == counts(completed=1)


@pytest.mark.parametrize("why", ["failed", "cancelled", "cut otherwise"])
async def test_a_file_that_is_there_and_not_as_wanted_is_read_again(
    store: Store, vectors: VectorStore, why: str
) -> None:
    (file,) = await attached(store, an_entry(vectors.id))
    await ended(store, file, {"failed": "failed", "cancelled": "cancelled"}.get(why, "completed"), 0)  # type: ignore[arg-type]
    wanted = an_entry(vectors.id, id=file.id)
    if why == "cut otherwise":
        small = ChunkingStrategy(static=StaticChunking(max_chunk_size_tokens=100, chunk_overlap_tokens=0))
        wanted = changed(wanted, chunking_strategy=small)
    assert await attached(store, wanted) == [wanted]
    found = await now_is(store, vectors)
    assert (found.status, found.file_counts, found.usage_bytes) == ("in_progress", counts(in_progress=1), 0)


async def test_a_file_named_twice_at_once_is_in_it_once(store: Store, vectors: VectorStore) -> None:
    file = an_entry(vectors.id)
    await attached(store, file, file)
    assert (await now_is(store, vectors)).file_counts == counts(in_progress=1)


async def test_a_batch_counts_its_own(store: Store, vectors: VectorStore) -> None:
    await attached(store, an_entry(vectors.id))
    batch = await batch_in(store, vectors)
    files = await attached(store, an_entry(vectors.id), an_entry(vectors.id), batch_id=batch.id)
    await ended(store, files[0], "completed")
    found = await store.read(lambda db: find_batch(db, HOME, vectors.id, batch.id))
    assert found == changed(batch, file_counts=counts(in_progress=1, completed=1))
    await ended(store, files[1], "failed")
    found = await store.read(lambda db: find_batch(db, HOME, vectors.id, batch.id))
    assert found == changed(batch, file_counts=counts(failed=1, completed=1), status="completed")
    assert (await now_is(store, vectors)).status == "in_progress"


async def test_the_files_of_a_batch_by_status(store: Store, vectors: VectorStore) -> None:
    await attached(store, an_entry(vectors.id))
    batch = await batch_in(store, vectors)
    one, two = await attached(store, an_entry(vectors.id), an_entry(vectors.id), batch_id=batch.id)
    await ended(store, one, "completed")

    async def ids(filter: FileStatus | None, batch_id: str | None) -> tuple[int, list[str | None]]:
        params = ListVectorStoreFilesParams(order="asc", filter=filter)
        page = await store.read(lambda db: list_entries(db, HOME, vectors.id, params, batch_id=batch_id))
        return len(page.data), [page.first_id, page.last_id]

    assert await ids(None, batch.id) == (2, [one.id, two.id])
    assert await ids("completed", batch.id) == (1, [one.id, one.id])
    assert await ids("in_progress", batch.id) == (1, [two.id, two.id])
    assert (await ids(None, None))[0] == 3
    assert (await ids("in_progress", None))[0] == 2


async def test_of_each_project_the_oldest_goes_first(store: Store, vectors: VectorStore) -> None:
    others = a_store()
    await store.write(lambda db: insert_store(db, AWAY, others))
    first, second, _ = await attached(store, *(an_entry(vectors.id) for _ in range(3)))
    theirs = an_entry(others.id)
    await store.write(lambda db: attach_files(db, AWAY, others.id, [theirs]))
    waiting = await store.read(lambda db: waiting_entries(db, limit=2, without=[]))
    assert [entry.file.id for entry in waiting] == [first.id, theirs.id]
    seqs = [entry.seq for entry in waiting]
    waiting = await store.read(lambda db: waiting_entries(db, limit=1, without=seqs))
    assert [entry.file.id for entry in waiting] == [second.id]


async def test_a_file_leaves_every_store_of_its_project(store: Store, vectors: VectorStore) -> None:
    other, theirs = a_store(), a_store()
    await store.write(lambda db: insert_store(db, HOME, other))
    await store.write(lambda db: insert_store(db, AWAY, theirs))
    file = an_entry(vectors.id)
    await attached(store, file, an_entry(vectors.id))
    await attached(store, changed(file, vector_store_id=other.id))
    await store.write(lambda db: attach_files(db, AWAY, theirs.id, [changed(file, vector_store_id=theirs.id)]))
    assert await store.write(lambda db: detach_everywhere(db, HOME, file.id))
    assert not await store.write(lambda db: detach_everywhere(db, HOME, file.id))
    assert (await now_is(store, vectors)).file_counts == counts(in_progress=1)
    assert (await now_is(store, other)).file_counts == counts()
    left = await store.read(lambda db: find_store(db, AWAY, theirs.id))
    assert left is not None
    assert left.file_counts == counts(in_progress=1)


async def test_a_deleted_store_leaves_nothing_to_read(store: Store, vectors: VectorStore) -> None:
    batch = await batch_in(store, vectors)
    await attached(store, an_entry(vectors.id), batch_id=batch.id)
    assert await store.write(lambda db: delete_store(db, HOME, vectors.id))
    assert await store.read(lambda db: waiting_entries(db, limit=9, without=[])) == []
    assert await store.read(lambda db: find_batch(db, HOME, vectors.id, batch.id)) is None
    with pytest.raises(NotFound, match=vectors.id):
        await attached(store, an_entry(vectors.id))


async def test_a_store_lives_on_from_when_it_was_last_used(store: Store) -> None:
    vectors = active(a_store(expires_after=ExpiresAfter(anchor="last_active_at", days=3)), AT)
    assert vectors.expires_at == AT + 3 * 86_400
    await store.write(lambda db: insert_store(db, HOME, vectors))
    assert not await store.read(lambda db: store_expires(db, AT + 3 * 86_400 - 1))
    assert await store.read(lambda db: store_expires(db, AT + 3 * 86_400))

    used = active(vectors, AT + 100)
    await store.write(lambda db: save_store(db, HOME, used))
    assert not await store.read(lambda db: store_expires(db, AT + 3 * 86_400))
    (overdue,) = await store.read(lambda db: overdue_stores(db, AT + 3 * 86_400 + 100, 5))
    assert (overdue.id, overdue.project) == (vectors.id, HOME)

    expired = changed(used, status="expired")
    await store.write(lambda db: save_store(db, HOME, expired))
    assert not await store.read(lambda db: store_expires(db, AT + 10**9))
    assert active(expired, AT + 10**9) == expired


async def test_an_expired_store_stays_expired_whatever_its_files_do(store: Store, vectors: VectorStore) -> None:
    await attached(store, an_entry(vectors.id), an_entry(vectors.id))
    await store.write(
        lambda db: save_store(db, HOME, changed(vectors, status="expired", file_counts=counts(in_progress=2)))
    )
    await store.write(lambda db: cancel_entries(db, HOME, vectors.id))
    found = await now_is(store, vectors)
    assert (found.status, found.file_counts) == ("expired", counts(cancelled=2))


async def really(db: Connection, store_id: str, batch_id: str | None = None) -> FileCounts:
    sql = "SELECT status, count(*) AS n FROM vector_store_files WHERE store_id = :store_id"
    rows = await db.all(
        f"{sql}{' AND batch_id = :batch_id' if batch_id else ''} GROUP BY status",
        {"store_id": store_id, "batch_id": batch_id},
    )
    return counts(**{row["status"]: row["n"] for row in rows})


def shuffled(lot: random.Random, names: Iterable[str]) -> list[str]:
    chosen = list(names)
    lot.shuffle(chosen)
    return chosen


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_the_counts_are_right(store: Store, seed: int) -> None:
    lot = random.Random(seed)
    stores = [a_store(), a_store()]
    batches = {each.id: [a_batch(each.id) for _ in range(2)] for each in stores}
    names = [f"file-{n:022d}" for n in range(6)]
    happened: Counter[str] = Counter()

    async def anything(db: Connection) -> None:
        vectors = lot.choice(stores)
        ids = shuffled(lot, names)[: lot.randint(1, 4)]
        what = lot.choice(["attach", "attach", "detach", "gone", "end", "end", "cancel", "attributes"])
        happened[what] += 1
        match what:
            case "attach":
                batch = lot.choice([None, *batches[vectors.id]])
                files = [an_entry(vectors.id, id=id) for id in ids]
                await attach_files(db, HOME, vectors.id, files, batch_id=batch and batch.id)
            case "detach":
                await detach_file(db, HOME, vectors.id, ids[0])
            case "gone":
                await detach_everywhere(db, HOME, ids[0])
            case "end":
                for entry in await entries_of(db, HOME, vectors.id, ids):
                    usage = lot.randint(0, 9)
                    await end_entry(db, entry.seq, status=lot.choice(["completed", "failed"]), usage_bytes=usage)
            case "cancel":
                await cancel_entries(db, HOME, vectors.id, lot.choice([None, batches[vectors.id][0].id]))
            case "attributes":
                for entry in await entries_of(db, HOME, vectors.id, ids):
                    await save_entry(db, entry, changed(entry.file, attributes={"n": lot.random()}))

    async def furnish(db: Connection) -> None:
        for vectors in stores:
            await insert_store(db, HOME, vectors)
            for batch in batches[vectors.id]:
                await insert_batch(db, HOME, batch)

    async def check(db: Connection) -> None:
        for each in stores:
            vectors = await find_store(db, HOME, each.id)
            assert vectors is not None
            assert vectors.file_counts == await really(db, each.id)
            assert vectors.status == ("in_progress" if vectors.file_counts.in_progress else "completed")
            there = await entries_of(db, HOME, each.id, names)
            assert vectors.usage_bytes == sum(entry.file.usage_bytes for entry in there)
            for one in batches[each.id]:
                batch = await find_batch(db, HOME, each.id, one.id)
                assert batch is not None
                assert batch.file_counts == await really(db, each.id, one.id)

    await store.write(furnish)
    for _ in range(40):
        await store.write(anything)
        await store.read(check)
    assert happened["attach"]
