"""Vectors that are made later: of long files, after the model has failed, and again with another model."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from adapters.embedding import Embedder, Served
from config.settings import RetrievalSettings, UpstreamSettings
from proxy.retrieval import catching_up
from proxy.retrieval.ingestion import Ingestion
from proxy.retrieval.meaning import meanings_of
from proxy.retrieval.vectors import packed
from proxy.store import Connection, Store, Work, chunk_vectors
from proxy.store.database import DatabaseFailed
from proxy.store.vector_store_files import detach_file
from tests.builders import AT
from tests.embeddings import Embeddings, embeddings
from tests.retrieval.conftest import HOME, SOON, Library, PipedBlobs
from tests.serving import StandingClock

LONG_AGO = AT - 3600
Opened = Callable[..., Awaitable[Library]]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "PATROL_SECONDS", 0.05)


@pytest.fixture
async def server() -> AsyncIterator[Embeddings]:
    async with embeddings() as server:
        yield server


@pytest.fixture
async def opened(tmp_path: Path, server: Embeddings) -> AsyncIterator[Opened]:
    """Opens the same directory again and again, each time with a model of this name; what was open before is closed."""
    closing: list[Ingestion | Embedder | Store] = []
    shelf = ""

    async def close() -> None:
        for each in closing:
            await each.aclose()
        closing.clear()

    async def open(model: str | None = "words") -> Library:
        nonlocal shelf
        await close()
        clock = StandingClock()
        store = await Store.open(tmp_path / "data", clock)
        embedder = None if model is None else Served(model, UpstreamSettings(url=server.url, retries=0))
        blobs = PipedBlobs(tmp_path / "data" / "blobs")
        ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=RetrievalSettings(), embedder=embedder)
        closing.extend([ingestion, *([] if embedder is None else [embedder]), store])
        library = Library(store, blobs, tmp_path, ingestion)
        if shelf:
            library.id = shelf
        else:
            await library.furnish()
            shelf = library.id
        await ingestion.start()
        return library

    yield open
    await close()


async def caught_up(library: Library, model: str = "words") -> None:
    async def look() -> bool | None:
        async def read(db: Connection) -> bool:
            behind = await chunk_vectors.next_behind(db, limit=1)
            return behind is None and await chunk_vectors.set_of_other_model(db, model) is None

        return True if await library.store.read(read) else None

    await library.until(look)


async def meant(library: Library, server: Embeddings, query: str, model: str = "words") -> list[str]:
    """Names of the files that are found by what this means."""
    embedder = Served(model, UpstreamSettings(url=server.url, retries=0))
    try:
        hits = await library.search(query, meanings=await meanings_of(embedder, [query]))
        return [hit.filename for hit in hits if hit.score > 0.5]
    finally:
        await embedder.aclose()


async def test_a_file_that_has_waited_is_complete_with_its_words_and_vectors_follow(
    opened: Opened, server: Embeddings
) -> None:
    library = await opened()
    server.hold = asyncio.Event()
    late = await library.add("A pastry needs butter.", "late.txt", created_at=LONG_AGO)
    assert (await library.ended(late))[0].status == "completed"
    assert await library.count("chunk_vectors") == 0
    assert [hit.filename for hit in await library.search("pastry")] == ["late.txt"]
    server.hold.set()
    await caught_up(library)
    assert await meant(library, server, "dessert") == ["late.txt"]


async def test_a_model_that_fails_is_asked_again(
    opened: Opened, server: Embeddings, caplog: pytest.LogCaptureFixture
) -> None:
    library = await opened()
    server.answer = (500, {"error": {"message": "out of memory", "code": 500}})
    await library.ended(await library.add("A pastry needs butter.", "kitchen.txt"))
    async with asyncio.timeout(SOON):
        while sum("words makes no vectors" in record.message for record in caplog.records) == 0:
            await server.asked_again()
        for _ in range(4):  # it goes on asking, and says it once
            await server.asked_again()
    assert sum("words makes no vectors" in record.message for record in caplog.records) == 1
    assert await library.count("chunk_vectors") == 0
    server.answer = None
    await caught_up(library)
    assert await meant(library, server, "dessert") == ["kitchen.txt"]


async def test_what_was_read_without_a_model_gets_vectors_after_the_next_start(
    opened: Opened, server: Embeddings
) -> None:
    library = await opened(None)
    passages = "".join(f"Line {n} is about nothing.\n" for n in range(2000)) + "A pastry needs butter."
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}
    await library.ended(await library.add(passages, "kitchen.txt", chunking_strategy=static))
    assert await library.count("chunks") > 100
    library = await opened()
    await caught_up(library)
    assert max(map(len, server.asked)) <= 32
    assert await meant(library, server, "dessert") == ["kitchen.txt"]
    asked = len(server.asked)
    library = await opened()
    await caught_up(library)
    assert len(server.asked) == asked


async def test_with_another_model_all_get_other_vectors(opened: Opened, server: Embeddings) -> None:
    library = await opened()
    ids = [await library.add(text, f"{n}.txt") for n, text in enumerate(["A pastry.", "A car.", "A river."])]
    await library.ended(*ids)
    await caught_up(library)
    library = await opened("others")
    await caught_up(library, "others")
    assert await library.count("chunk_signs WHERE model = 'words'") == 0
    assert await library.count("chunk_signs WHERE model = 'others'") == 3
    assert await library.count("chunk_vectors") == 3
    assert await meant(library, server, "dessert", "others") == ["0.txt"]
    assert await meant(library, server, "dessert", "words") == []


async def test_what_another_model_has_left_half_done_is_begun_anew(opened: Opened, server: Embeddings) -> None:
    library = await opened(None)
    text = "\n".join(f"Sentence {n} is about a river." for n in range(1000))
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    await library.ended(await library.add(text, "long.txt", chunking_strategy=static))
    chunks = await library.count("chunks")
    assert chunks > 64
    half = packed([[[1.0, 2.0]]] * 32, place=0)
    assert await library.store.write(lambda db: chunk_vectors.write_vectors(db, 1, half, model="others"))
    library = await opened()
    await caught_up(library)
    assert await library.count("chunk_signs WHERE model = 'others'") == 0
    assert await library.count("chunk_vectors") == (chunks + 7) // 8
    assert sum(map(len, server.asked)) == chunks


@pytest.mark.parametrize("refusal", [400, 413, 500])
async def test_of_a_passage_that_the_model_refuses_its_beginning_has_to_do(
    opened: Opened, server: Embeddings, caplog: pytest.LogCaptureFixture, refusal: int
) -> None:
    server.refusal = refusal
    library = await opened(None)
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    text = "A pastry needs butter. " + "And then there is more to say. " * 9
    ids = [
        await library.add(text, "long.txt", chunking_strategy=static),
        await library.add("car", "short.txt", chunking_strategy=static),
        await library.add("xyzzy", "bad.txt"),
    ]
    await library.ended(*ids)
    server.most_characters = len(text) // 3
    server.breaks_of = "x"
    library = await opened()
    await caught_up(library)
    assert await meant(library, server, "dessert") == ["long.txt"]
    assert await meant(library, server, "vehicle") == ["short.txt"]
    assert "a passage of 5 characters has no vectors" in caplog.text
    assert [hit.filename for hit in await library.search("xyzzy")] == ["bad.txt"]


async def test_it_goes_on_after_what_nobody_thought_of(
    opened: Opened, server: Embeddings, caplog: pytest.LogCaptureFixture
) -> None:
    library = await opened(None)
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}}
    text = "A pastry needs butter. " * 30
    await library.ended(await library.add(text, "a.txt", chunking_strategy=static))
    server.lengths = count(4)
    library = await opened()

    async def look() -> bool | None:
        return True if "catching up with vectors failed" in caplog.text else None

    await library.until(look)
    server.lengths = None
    await caught_up(library)
    assert set(await meant(library, server, "dessert")) == {"a.txt"}


async def test_a_file_that_is_gone_needs_none(opened: Opened, server: Embeddings) -> None:
    library = await opened()
    server.hold = asyncio.Event()
    file_id = await library.add("A pastry.", "late.txt", created_at=LONG_AGO)
    await library.ended(file_id)
    await server.asked_again()
    await library.store.write(lambda db: detach_file(db, HOME, library.id, file_id))
    server.hold.set()
    await library.swept()
    await caught_up(library)
    assert await library.count("chunk_vectors") == 0


async def test_a_full_disk_is_waited_for(
    opened: Opened, server: Embeddings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    library = await opened(None)
    await library.ended(await library.add("A pastry needs butter.", "kitchen.txt"))
    write = Store.write
    failures = 0

    async def failing(store: Store, work: Work[Any]) -> Any:
        nonlocal failures
        if failures < 3 and "CatchingUp" in repr(work):
            failures += 1
            raise DatabaseFailed("database or disk is full")
        return await write(store, work)

    monkeypatch.setattr(Store, "write", failing)
    library = await opened()
    await caught_up(library)
    assert failures == 3
    assert "cannot be read or saved" in caplog.text
    assert await meant(library, server, "dessert") == ["kitchen.txt"]
