"""The queue: what waits is read, each file once, whatever becomes of files and stores meanwhile."""

import asyncio
import os
from typing import Any

import pytest

from proxy.retrieval import ingestion as module
from proxy.schema.chunking import ChunkingStrategy, StaticChunking
from proxy.schema.vector_stores import ExpiresAfter, FileCounts, FileError
from proxy.store import Connection
from proxy.store.blobs import ContentsUnreachable
from proxy.store.chunks import begin_set, write_chunks
from proxy.store.database import DatabaseFailed, Work
from proxy.store.file_batches import find_batch, insert_batch
from proxy.store.files import delete_file
from proxy.store.vector_store_files import cancel_batch, detach_file, find_entry
from proxy.store.vector_stores import delete_store, insert_store
from tests.builders import AT, a_batch, a_store
from tests.retrieval import files
from tests.retrieval.conftest import HOME, Library

SMALL = ChunkingStrategy(static=StaticChunking(max_chunk_size_tokens=100, chunk_overlap_tokens=20))
LONG = "".join(f"Sentence number {n} is about rivers and stones. " for n in range(3000))
"""Some 230 small chunks: many transactions."""


async def test_what_waits_is_read_and_found(library: Library) -> None:
    river = await library.add("The Danube flows through Vienna.", "river.txt")
    stone = await library.add(files.pdf(["Granite is a stone."]), "stone.pdf")
    await library.ingestion.start()
    first, second = await library.ended(river, stone)
    assert (first.status, first.usage_bytes, first.last_error) == ("completed", 5, None)
    assert second.status == "completed"
    (hit,) = await library.search("Which river flows in Vienna?")
    assert (hit.file_id, hit.filename, hit.text) == (river, "river.txt", "The Danube flows through Vienna.")
    assert 0.5 < hit.score < 1
    (hit,) = await library.search("stones")
    assert hit.file_id == stone
    vectors = await library.vectors()
    assert (vectors.status, vectors.file_counts) == ("completed", FileCounts(completed=2, total=2))


async def test_what_comes_later_is_read_too(library: Library) -> None:
    await library.ingestion.start()
    for n in range(3):
        file_id = await library.add(f"File number {n}")
        assert (await library.ended(file_id))[0].status == "completed"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.pdf", b"no pdf", "invalid_file"),
        ("a.txt", b"\0" * 50, "invalid_file"),
        ("a.doc", b"\xdb\xa5\x2d\0", "unsupported_file"),
        ("a.exe", b"MZ", "unsupported_file"),
        ("a.txt", b"word " * 60_000, "invalid_file"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_and_nothing_else_does(
    library: Library, name: str, content: bytes, code: str
) -> None:
    await library.ingestion.start()
    bad = await library.add(content, name)
    good = await library.add("Good")
    failed, completed = await library.ended(bad, good)
    assert failed.last_error is not None
    assert (failed.status, failed.last_error.code, failed.usage_bytes) == ("failed", code, 0)
    assert failed.last_error.message
    assert completed.status == "completed"
    assert (await library.vectors()).file_counts == FileCounts(completed=1, failed=1, total=2)
    await library.swept()
    assert await library.count("chunk_sets") == 1


async def test_a_long_file_is_saved_in_pieces_and_found_as_a_whole(library: Library) -> None:
    await library.ingestion.start()
    file_id = await library.add(LONG, chunking_strategy=SMALL)
    await library.ended(file_id)
    assert await library.count("chunk_sets WHERE complete = 1") == 1
    assert await library.count("chunks") > 100
    (best, *_) = await library.search("sentence number 2345", limit=1)
    assert "number 2345 is" in best.text


async def test_a_missing_content_fails_the_file(library: Library) -> None:
    file_id = await library.upload("x")
    await library.blobs.delete([file_id])
    await library.attach(file_id)
    await library.ingestion.start()
    (failed,) = await library.ended(file_id)
    assert failed.last_error == FileError(code="server_error", message="The content of the file is missing.")


@pytest.mark.parametrize("how", ["file detached", "file deleted", "store deleted", "batch cancelled"])
async def test_what_is_given_up_in_the_middle_leaves_nothing(library: Library, how: str) -> None:
    """The reading of a file hangs; then nobody waits for it any more; then it goes on."""
    batch = a_batch(library.id)
    await library.store.write(lambda db: insert_batch(db, HOME, batch))
    slow, pipe = await library.pipe()
    await library.attach(slow, batch_id=batch.id)
    await library.ingestion.start()
    writing = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)  # opens when the other end is opened

    async def give_up(db: Connection) -> None:
        match how:
            case "file detached":
                await detach_file(db, HOME, library.id, slow)
            case "file deleted":
                await delete_file(db, HOME, slow)
            case "store deleted":
                await delete_store(db, HOME, library.id)
            case "batch cancelled":
                await cancel_batch(db, HOME, library.id, batch.id)

    await library.store.write(give_up)
    os.write(writing, b"Late words")
    os.close(writing)
    other = a_store()
    await library.store.write(lambda db: insert_store(db, HOME, other))
    gone, library.id = library.id, other.id
    assert (await library.ended(await library.add("Good")))[0].status == "completed"
    await library.swept()
    assert await library.count("chunks") == 1
    if how == "batch cancelled":
        library.id = gone
        assert (await library.file(slow)).status == "cancelled"
        assert (await library.vectors()).file_counts == FileCounts(cancelled=1, total=1)
        found = await library.store.read(lambda db: find_batch(db, HOME, gone, batch.id))
        assert found is not None
        assert (found.status, found.file_counts) == ("cancelled", FileCounts(cancelled=1, total=1))


async def test_a_slow_file_does_not_hold_up_the_others(library: Library) -> None:
    slow, pipe = await library.pipe()
    await library.attach(slow)
    await library.ingestion.start()
    writing = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
    quick = [await library.add(f"Quick {n}") for n in range(5)]
    assert {file.status for file in await library.ended(*quick)} == {"completed"}
    assert (await library.file(slow)).status == "in_progress"
    os.write(writing, b"Slow")
    os.close(writing)
    assert (await library.ended(slow))[0].status == "completed"


async def test_what_a_dead_process_left_half_done_is_done_again(library: Library) -> None:
    file_id = await library.add(LONG, chunking_strategy=SMALL)

    async def half(db: Connection) -> None:
        entry = await find_entry(db, HOME, library.id, file_id)
        assert entry is not None
        set_id = await begin_set(db, entry.seq)
        assert set_id is not None
        await write_chunks(db, set_id, [module.chunks.NewChunk(text="half", repeated=0, terms="1x2half")], place=0)

    await library.store.write(half)
    await library.ingestion.start()
    await library.ended(file_id)
    await library.swept()
    assert await library.count("chunk_sets") == 1
    assert await library.search("half") == []


async def test_stopping_in_the_middle_loses_nothing(library: Library) -> None:
    slow, _ = await library.pipe()
    await library.attach(slow)
    await library.ingestion.start()

    async def reading() -> bool | None:
        return True if library.ingestion._readers.processes.alive else None

    await library.until(reading)
    await library.ingestion.aclose()
    assert (await library.file(slow)).status == "in_progress"


async def test_a_full_disk_is_waited_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATROL_SECONDS", 0.05)
    write = library.store.write
    failures = 0

    async def failing(work: Work[Any]) -> Any:
        nonlocal failures
        if failures < 3 and "Saving" in repr(work):
            failures += 1
            raise DatabaseFailed("database or disk is full")
        return await write(work)

    monkeypatch.setattr(library.store, "write", failing)
    await library.ingestion.start()
    file_id = await library.add("Words")
    assert (await library.ended(file_id))[0].status == "completed"
    assert failures == 3


async def test_a_bucket_that_cannot_be_reached_is_waited_for(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATROL_SECONDS", 0.05)
    local = library.blobs.local
    failures = 0

    def failing(name: str) -> Any:
        nonlocal failures
        if failures < 3:
            failures += 1
            raise ContentsUnreachable
        return local(name)

    monkeypatch.setattr(library.blobs, "local", failing)
    await library.ingestion.start()
    file_id = await library.add("Words")
    assert (await library.ended(file_id))[0].status == "completed"
    assert failures == 3


async def test_a_deleted_file_is_swept_from_the_index(library: Library) -> None:
    await library.ingestion.start()
    gone = await library.add(LONG, chunking_strategy=SMALL)
    stays = await library.add("Stays, with rivers")
    await library.ended(gone, stays)
    await library.store.write(lambda db: delete_file(db, HOME, gone))
    assert [hit.file_id for hit in await library.search("rivers")] == [stays]
    await library.swept()
    assert await library.count("chunks") == 1
    assert await library.count("chunk_term_counts") == len({"stay", "river"})


async def test_an_expired_store_is_emptied(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATROL_SECONDS", 0.05)
    expiry = ExpiresAfter(anchor="last_active_at", days=1)
    await library.furnish(expires_after=expiry, expires_at=AT + 86_400)
    await library.ingestion.start()
    file_id = await library.add("Words")
    await library.ended(file_id)
    library.clock.time = AT + 86_400

    async def expired() -> bool | None:
        return True if (await library.vectors()).status == "expired" else None

    await library.until(expired)
    await library.swept()
    assert await library.count("chunks") == 0
    assert (await library.file(file_id)).status == "completed"


async def test_a_filter_looks_into_the_files_it_chooses(library: Library) -> None:
    from proxy.retrieval.filters import filter_of

    await library.ingestion.start()
    old = await library.add("A river, long ago", attributes={"year": 1900})
    new = await library.add("A river, and now", attributes={"year": 2020})
    await library.ended(old, new)
    chosen = filter_of({"type": "gt", "key": "year", "value": 2000})
    assert [hit.file_id for hit in await library.search("river", filter=chosen)] == [new]
    assert await library.search("river", filter=filter_of({"type": "eq", "key": "year", "value": 1})) == []


async def test_several_queries_make_one_ranking(library: Library) -> None:
    await library.ingestion.start()
    ids = [await library.add(text) for text in ("Rivers flow", "Stones lie", "Rivers flow over stones", "Birds")]
    await library.ended(*ids)
    found = await library.search("rivers", "stones")
    assert {hit.file_id for hit in found} == set(ids[:3])
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert len(await library.search("rivers", "stones", limit=2)) == 2
    assert await library.search("rivers", threshold=0.99) == []


async def test_scores_do_not_depend_on_other_stores(library: Library) -> None:
    await library.ingestion.start()
    await library.ended(await library.add("Rivers and stones"), await library.add("Birds"))
    (before,) = await library.search("rivers")
    mine = library.id
    await library.furnish()
    others = [await library.add(f"Rivers, stones and number {n}") for n in range(20)]
    await library.ended(*others)
    library.id = mine
    assert await library.search("rivers") == [before]
