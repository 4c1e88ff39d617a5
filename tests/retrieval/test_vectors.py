"""Vectors in one byte a component, and the nearest of them."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from proxy.retrieval.vectors import ALL_COMPARED, CANDIDATES, nearest, packed
from proxy.store import Connection, Store, chunk_vectors, chunks
from proxy.store.chunks import PLACES
from tests import shelves
from tests.serving import StandingClock

MODEL = "m"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path, StandingClock())
    await shelves.a_shelf(store, "home", {}, id="vs_1")
    yield store
    await store.aclose()


async def written(store: Store, name: str, made: Sequence[Sequence[Sequence[float]]]) -> int:
    """A file with a chunk for each of these, with its vectors; the id of its first chunk."""
    await shelves.put(store, "home", "vs_1", name)
    await shelves.read(store, "home", "vs_1", name, [f"{name} {n}" for n in range(len(made))])

    async def write(db: Connection) -> int:
        row = await db.one("SELECT max(id) AS id FROM chunk_sets", {})
        assert row is not None
        for place in range(0, len(made), 32):
            some = packed(made[place : place + 32], place=place)
            assert await chunk_vectors.write_vectors(db, row["id"], some, model=MODEL)
        return int(row["id"]) * PLACES

    return await store.write(write)


async def found(store: Store, query: Sequence[float], *, limit: int) -> dict[int, float]:
    async def read(db: Connection) -> dict[int, float]:
        signs = await chunk_vectors.signs_of_store(db, 1, model=MODEL, files=None, limit=10**6)
        assert signs is not None
        return await nearest(db, signs, query, limit=limit)

    return await store.read(read)


def unit(
    vectors: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def test_the_nearest_are_those_that_a_plain_product_finds(store: Store) -> None:
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(500, 60))  # not a whole number of bytes of signs
    query = chance.normal(size=(1, 60))
    first = await written(store, "one", [[vector] for vector in vectors[:300].tolist()])
    # Those of the second file have two vectors for each chunk, and none for the last.
    pairs = [[vectors[n].tolist(), vectors[n + 1].tolist()] for n in range(300, 500, 2)]
    second = await written(store, "two", [*pairs, []])
    cosines = (unit(vectors) @ unit(query).T)[:, 0]
    exact = {first + n: cosines[n] for n in range(300)}
    exact |= {second + n: max(cosines[300 + 2 * n], cosines[301 + 2 * n]) for n in range(100)}
    hits = await found(store, query[0].tolist(), limit=10)
    assert list(hits) == sorted(exact, key=lambda id: -exact[id])[:10]
    assert all(abs(hits[id] - exact[id]) < 0.01 for id in hits)
    assert await found(store, query[0].tolist(), limit=1000) == pytest.approx(exact, abs=0.01)


async def test_among_many_the_nearest_are_found_by_their_signs(store: Store) -> None:
    chance = np.random.default_rng(4)
    # As texts are: about one of a few hundred subjects, and each in its own way.
    subjects = chance.normal(size=(300, 384))
    count = ALL_COMPARED + CANDIDATES
    vectors = subjects[chance.integers(300, size=count)] + chance.normal(size=(count, 384))
    first = await written(store, "many", [[vector] for vector in vectors.tolist()])
    for subject in (0, 1, 2):
        query = subjects[subject : subject + 1] + chance.normal(size=(1, 384))
        cosines = (unit(vectors) @ unit(query).T)[:, 0]
        best = [first + int(n) for n in np.argsort(-cosines)[:20]]
        hits = await found(store, query[0].tolist(), limit=20)
        assert len(set(hits) & set(best)) >= 19
        assert next(iter(hits)) == best[0]


async def test_what_has_no_vectors_or_some_of_another_length(store: Store) -> None:
    assert await found(store, [1.0], limit=5) == {}
    nothing = await written(store, "nothing", [[[0.0, 0.0, 0.0]]])
    await written(store, "long", [[[1.0] * 64]])
    await written(store, "empty", [[], []])
    assert await found(store, [1.0, 0.0, 0.0], limit=5) == {nothing: 0.0}


async def test_lengths_that_have_as_many_bytes_of_signs(store: Store) -> None:
    five = await written(store, "five", [[[1.0] * 5]] * 10)
    eight = await written(store, "eight", [[[1.0] * 8]] * 10)
    assert list(await found(store, [1.0] * 5, limit=50)) == [five + n for n in range(10)]
    assert list(await found(store, [1.0] * 8, limit=50)) == [eight + n for n in range(10)]
    assert await found(store, [1.0] * 6, limit=50) == {}


async def test_no_cosine_is_more_than_one(store: Store) -> None:
    chance = np.random.default_rng(5)
    # Whole components up to 127 are kept without a loss, so each points exactly where its query does.
    queries = [[127.0, *rest] for rest in chance.integers(-126, 127, size=(50, 383)).astype(float).tolist()]
    await written(store, "same", [[query] for query in queries])
    best = [next(iter((await found(store, query, limit=1)).values())) for query in queries]
    assert max(best) <= 1.0
    assert best == pytest.approx([1.0] * 50)


async def test_what_is_nobodys_is_swept_in_pieces(store: Store) -> None:
    await written(store, "gone", [[[1.0] * 8]] * 96)
    kept = await written(store, "kept", [[[1.0] * 8]] * 32)
    await store.write(lambda db: chunks.drop_set(db, 1))
    removed = [await store.write(lambda db: chunk_vectors.remove_litter(db, limit=2)) for _ in range(3)]
    assert removed == [2, 1, 0]
    assert len(await found(store, [1.0] * 8, limit=99)) == 32
    rows = await store.read(lambda db: db.all("SELECT id FROM chunk_vectors", {}))
    assert len(rows) == 4
    assert kept == 2 * PLACES


async def test_vectors_follow_one_another(store: Store) -> None:
    await shelves.put(store, "home", "vs_1", "a")
    await shelves.read(store, "home", "vs_1", "a", ["x"] * 40)

    async def write(db: Connection, place: int, count: int, model: str) -> bool:
        some = packed([[[1.0, 2.0]]] * count, place=place)
        return await chunk_vectors.write_vectors(db, 1, some, model=model)

    async def behind(db: Connection) -> tuple[int, int] | None:
        found = await chunk_vectors.next_behind(db, limit=30)
        return None if found is None else (found.place, len(found.texts))

    assert await store.read(behind) == (0, 30)
    assert not await store.write(lambda db: write(db, 8, 8, MODEL))
    assert await store.write(lambda db: write(db, 0, 20, MODEL))
    assert not await store.write(lambda db: write(db, 0, 20, MODEL))
    assert not await store.write(lambda db: write(db, 20, 20, "other"))
    assert await store.read(behind) == (20, 20)
    assert await store.write(lambda db: write(db, 20, 20, MODEL))
    assert await store.read(behind) is None
    assert await store.read(lambda db: chunk_vectors.set_of_other_model(db, MODEL)) is None
    assert await store.read(lambda db: chunk_vectors.set_of_other_model(db, "other")) == 1
    await store.write(lambda db: chunk_vectors.forget_vectors(db, 1))
    assert await store.read(behind) == (0, 30)
    assert await store.read(lambda db: chunk_vectors.signs_of_store(db, 1, model=MODEL, files=None, limit=99)) == []
