"""Searching several vector stores at once, and waiting for what is still being read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import UNSET

from proxy.schema.steps import FileSearchResult
from proxy.store import Store, vector_stores
from proxy.tools.file_search import StoreExpired, find, until_read
from tests.builders import AT
from tests.serving import StandingClock
from tests.shelves import FOODS, a_shelf, file_id, put, read

HOME = "home"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "data", StandingClock())
    yield store
    await store.aclose()


async def found(
    store: Store, *shelves: str, query: str = "cake", limit: int = 9, threshold: float = 0.0
) -> list[FileSearchResult]:
    return await find(store, HOME, shelves, [query], limit=limit, threshold=threshold, now=AT)


async def test_the_best_of_all_stores(store: Store) -> None:
    one = await a_shelf(store, HOME)
    other = await a_shelf(store, HOME, {"b.txt": ["cake", "cake and soup and bread and cheese and wine"]})
    results = await found(store, one, other)
    assert {result.file_name for result in results} == {"foods.txt", "b.txt"}
    assert [result.score for result in results] == sorted((result.score for result in results), reverse=True)
    assert await found(store, one, other, limit=2) == results[:2]
    assert await found(store, one, other, threshold=results[0].score) == [
        result for result in results if result.score == results[0].score
    ]
    (first, *_) = results
    assert first.content is not UNSET
    assert first.file_id in {file_id("foods.txt"), file_id("b.txt")}


async def test_a_file_in_two_stores_is_found_twice_and_a_store_named_twice_is_not(store: Store) -> None:
    one, other = await a_shelf(store, HOME, FOODS), await a_shelf(store, HOME, FOODS)
    assert [result.file_name for result in await found(store, one, other)] == ["foods.txt", "foods.txt"]
    assert len(await found(store, one, one)) == 1


async def test_stores_that_are_gone_or_anothers_have_nothing(store: Store) -> None:
    shelf, foreign = await a_shelf(store, HOME), await a_shelf(store, "away", {"theirs.txt": ["cake"]})
    await store.write(lambda db: vector_stores.delete_store(db, HOME, shelf))
    assert await found(store, shelf, foreign, "vs_none") == []


async def test_an_expired_one_says_so(store: Store) -> None:
    shelf = await a_shelf(store, HOME, expires_at=AT)
    with pytest.raises(StoreExpired, match=rf"^Vector store '{shelf}' has expired\.$"):
        await found(store, shelf)


async def test_waiting(store: Store) -> None:
    shelf = await a_shelf(store, HOME, {})
    assert await until_read(store, HOME, [shelf, "vs_none"], seconds=0.5)
    await put(store, HOME, shelf, "late.txt")
    assert not await until_read(store, HOME, [shelf], seconds=0.0)
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(until_read(store, HOME, [shelf], seconds=20))
        await read(store, HOME, shelf, "late.txt", ["cake"])
    assert waiting.result()
