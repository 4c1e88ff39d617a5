"""Chunks: found when their set is complete, and not before; swept away to the last word of the index."""

import pytest

from proxy.schema.vector_stores import VectorStore, VectorStoreFile
from proxy.store import Connection, Store
from proxy.store.chunks import (
    PLACES,
    NewChunk,
    begin_set,
    best_chunks,
    complete_set,
    count_chunks,
    count_terms,
    drop_incomplete_sets,
    drop_set,
    litter,
    pieces_of_file,
    remove_chunks,
    remove_empty_sets,
    store_key,
    write_chunks,
)
from proxy.store.vector_store_files import attach_files, cancel_entries, detach_file, end_entry, find_entry
from proxy.store.vector_stores import delete_store, insert_store
from tests.builders import a_store, an_entry
from tests.store.conftest import AWAY, HOME


@pytest.fixture
async def vectors(store: Store) -> VectorStore:
    vectors = a_store()
    await store.write(lambda db: insert_store(db, HOME, vectors))
    return vectors


async def attached(store: Store, vectors: VectorStore) -> tuple[int, VectorStoreFile]:
    """A new file in a store, and its seq in it."""
    file = an_entry(vectors.id)

    async def attach(db: Connection) -> int:
        await attach_files(db, HOME, vectors.id, [file])
        entry = await find_entry(db, HOME, vectors.id, file.id)
        assert entry is not None
        return entry.seq

    return await store.write(attach), file


def chunk(text: str, repeated: int = 0) -> NewChunk:
    """With its words as terms, in store 1."""
    return NewChunk(text=text, repeated=repeated, terms=" ".join(f"1x{word}" for word in dict.fromkeys(text.split())))


async def written(store: Store, entry: int, *texts: str, complete: bool = True) -> int:
    """A set with these chunks; its id."""

    async def write(db: Connection) -> int:
        set_id = await begin_set(db, entry)
        assert set_id is not None
        assert await write_chunks(db, set_id, [chunk(text) for text in texts], place=0)
        if complete:
            await complete_set(db, set_id)
            await end_entry(db, entry, status="completed")
        return set_id

    return await store.write(write)


async def found(store: Store, weights: dict[str, float], files: list[int] | None = None, limit: int = 10) -> list[str]:
    asked = {f"1x{term}": weight for term, weight in weights.items()}
    hits = await store.read(lambda db: best_chunks(db, 1, asked, files=files, limit=limit))
    return [hit.text for hit in hits]


async def test_the_heaviest_come_first(store: Store, vectors: VectorStore) -> None:
    entry, _ = await attached(store, vectors)
    await written(store, entry, "a b", "a", "b c", "a b c", "d")
    assert await found(store, {"a": 1, "b": 2, "c": 4}) == ["a b c", "b c", "a b", "a"]
    assert await found(store, {"a": 1, "b": 2, "c": 4}, limit=2) == ["a b c", "b c"]
    assert await found(store, {"z": 1}) == []
    assert await found(store, {}) == []
    hits = await store.read(lambda db: best_chunks(db, 1, {"1xa": 0.5, "1xb": 0.25}, files=None, limit=1))
    assert [(hit.score, hit.file, hit.id % PLACES) for hit in hits] == [(0.75, entry, 0)]


async def test_only_in_the_files_that_were_chosen(store: Store, vectors: VectorStore) -> None:
    one, _ = await attached(store, vectors)
    two, _ = await attached(store, vectors)
    await written(store, one, "a one")
    await written(store, two, "a two")
    assert await found(store, {"a": 1}, files=[two]) == ["a two"]
    assert await found(store, {"a": 1}, files=[]) == []


async def test_only_in_its_own_store(store: Store, vectors: VectorStore) -> None:
    others = a_store()
    await store.write(lambda db: insert_store(db, AWAY, others))
    entry, _ = await attached(store, vectors)
    await written(store, entry, "a")
    key = await store.read(lambda db: store_key(db, AWAY, others.id))
    assert key is not None
    assert await store.read(lambda db: best_chunks(db, key, {"1xa": 1.0}, files=None, limit=5)) == []
    assert await store.read(lambda db: count_chunks(db, key)) == 0
    assert await store.read(lambda db: count_chunks(db, 1)) == 1


async def test_a_set_in_the_making_is_not_found(store: Store, vectors: VectorStore) -> None:
    entry, _ = await attached(store, vectors)
    set_id = await written(store, entry, "a b", complete=False)
    assert await found(store, {"a": 1}) == []
    assert await store.read(lambda db: count_chunks(db, 1)) == 0
    assert await store.read(lambda db: pieces_of_file(db, entry)) == []

    async def go_on(db: Connection) -> None:
        assert await write_chunks(db, set_id, [chunk("b c", repeated=1)], place=1)
        await complete_set(db, set_id)

    await store.write(go_on)
    assert await found(store, {"b": 1}) == ["a b", "b c"]
    assert await store.read(lambda db: pieces_of_file(db, entry)) == ["a b", " c"]
    assert await store.read(lambda db: count_chunks(db, 1)) == 2


@pytest.mark.parametrize("how", ["detached", "store deleted", "cancelled", "ended", "begun again", "dropped"])
async def test_nothing_is_added_to_what_nobody_waits_for(store: Store, vectors: VectorStore, how: str) -> None:
    entry, file = await attached(store, vectors)
    set_id = await written(store, entry, "a", complete=False)

    async def happen(db: Connection) -> None:
        match how:
            case "detached":
                assert await detach_file(db, HOME, vectors.id, file.id)
            case "store deleted":
                assert await delete_store(db, HOME, vectors.id)
            case "cancelled":
                await cancel_entries(db, HOME, vectors.id)
            case "ended":
                assert await end_entry(db, entry, status="failed")
            case "begun again":
                assert await begin_set(db, entry) is not None
            case "dropped":
                await drop_set(db, set_id)

    await store.write(happen)
    assert not await store.write(lambda db: write_chunks(db, set_id, [chunk("b")], place=1))
    await store.write(lambda db: drop_set(db, set_id))
    await sweep(store)
    assert await traces(store) == (0, 0)


async def sweep(store: Store) -> int:
    """Sweep everything, a chunk or two at a time; how often."""
    times = 0
    while left := await store.read(lambda db: litter(db, 2)):
        terms = {each.id: chunk(each.text).terms for each in left}
        await store.write(lambda db, terms=terms: remove_chunks(db, terms))  # type: ignore[misc]
        times += 1
    await store.write(remove_empty_sets)
    return times


async def traces(store: Store) -> tuple[int, int]:
    """How many chunks there are, and terms in the index."""

    async def count(db: Connection) -> tuple[int, int]:
        chunks = await db.one("SELECT count(*) AS n FROM chunks", {})
        terms = await db.one("SELECT count(*) AS n FROM chunk_term_counts", {})
        assert chunks is not None
        assert terms is not None
        return chunks["n"], terms["n"]

    return await store.read(count)


async def test_what_was_deleted_is_not_found_and_swept_in_pieces(store: Store, vectors: VectorStore) -> None:
    gone, file = await attached(store, vectors)
    stays, _ = await attached(store, vectors)
    await written(store, gone, *(f"a g{n}" for n in range(5)))
    await written(store, stays, "a s")
    await store.write(lambda db: detach_file(db, HOME, vectors.id, file.id))
    assert await found(store, {"a": 1}) == ["a s"]
    assert await store.read(lambda db: count_chunks(db, 1)) == 1
    assert await sweep(store) == 3
    assert await traces(store) == (1, 2)
    assert await store.read(lambda db: count_terms(db, ["1xa", "1xs", "1xg0"])) == {"1xa": 1, "1xs": 1}
    assert await found(store, {"a": 1}) == ["a s"]


async def test_sweeping_twice_what_was_swept_changes_nothing(store: Store, vectors: VectorStore) -> None:
    entry, _ = await attached(store, vectors)
    set_id = await written(store, entry, "a", complete=False)
    await written(store, (await attached(store, vectors))[0], "a")
    await store.write(lambda db: drop_set(db, set_id))
    for _ in range(2):
        await store.write(lambda db: remove_chunks(db, {set_id * PLACES: "1xa"}))
    assert await traces(store) == (1, 1)


async def test_after_a_crash_what_was_in_the_making_is_litter(store: Store, vectors: VectorStore) -> None:
    half, _ = await attached(store, vectors)
    whole, _ = await attached(store, vectors)
    await written(store, half, "a half", complete=False)
    await written(store, whole, "a whole")
    assert await store.write(drop_incomplete_sets) == 1
    assert await store.write(drop_incomplete_sets) == 0
    await sweep(store)
    assert await traces(store) == (1, 2)
    await written(store, half, "a again")
    assert sorted(await found(store, {"a": 1})) == ["a again", "a whole"]


async def test_terms_of_any_script_are_words_of_the_index(store: Store, vectors: VectorStore) -> None:
    entry, _ = await attached(store, vectors)
    terms = ["gr\u00f6\u00dfe", "\u6771\u4eac", "\u0440\u0435\u043a\u0430", "7x2", "x" * 40]
    await written(store, entry, *terms)
    for term in terms:
        assert await found(store, {term: 1}) == [term]
