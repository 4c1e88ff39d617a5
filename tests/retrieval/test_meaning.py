"""Passages found by what they mean: read with vectors, searched with them, and without where the model fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.embedding import Embedder, Served
from config.settings import RetrievalSettings, UpstreamSettings
from proxy.retrieval import ingestion, meaning
from proxy.retrieval.filters import filter_of
from proxy.retrieval.ingestion import Ingestion
from proxy.retrieval.meaning import meanings_of
from proxy.retrieval.search import Found
from proxy.store import Store
from proxy.store.vector_store_files import detach_file
from tests.embeddings import Embeddings, embeddings
from tests.retrieval.conftest import HOME, Library, PipedBlobs
from tests.serving import StandingClock

TEXTS = {
    "garage.txt": "An automobile needs oil.",
    "kitchen.txt": "A pastry needs butter.",
    "clinic.txt": "The physician is in on Mondays.",
}


@pytest.fixture
async def server() -> AsyncIterator[Embeddings]:
    async with embeddings() as server:
        yield server


@pytest.fixture
async def embedder(server: Embeddings) -> AsyncIterator[Embedder]:
    embedder = Served("words", UpstreamSettings(url=server.url, retries=0))
    yield embedder
    await embedder.aclose()


@pytest.fixture
async def library(tmp_path: Path, settings: RetrievalSettings, embedder: Embedder) -> AsyncIterator[Library]:
    store = await Store.open(tmp_path / "data", StandingClock())
    blobs = PipedBlobs(tmp_path / "data" / "blobs")
    ingestion = Ingestion(store=store, blobs=blobs, clock=StandingClock(), settings=settings, embedder=embedder)
    library = Library(store, blobs, tmp_path, ingestion)
    await library.furnish()
    yield library
    await ingestion.aclose()
    await store.aclose()


async def furnished(library: Library) -> dict[str, str]:
    ids = {name: await library.add(text, name) for name, text in TEXTS.items()}
    await library.ingestion.start()
    assert {file.status for file in await library.ended(*ids.values())} == {"completed"}
    return ids


async def found(library: Library, embedder: Embedder | None, *queries: str) -> list[Found]:
    return await library.search(*queries, meanings=await meanings_of(embedder, queries))


async def test_words_that_are_not_there(library: Library, embedder: Embedder) -> None:
    await furnished(library)
    assert await found(library, None, "dessert") == []
    hits = await found(library, embedder, "dessert")
    assert hits[0].filename == "kitchen.txt"
    assert hits[0].score > 0.8
    hits = await found(library, embedder, "car", "doctor")
    assert {hit.filename for hit in hits[:2]} == {"garage.txt", "clinic.txt"}


async def test_both_are_better_than_one(library: Library, embedder: Embedder) -> None:
    await furnished(library)
    await library.ended(await library.add("A vehicle is sold on Mondays.", "other.txt"))
    hits = await found(library, embedder, "car sold Mondays")
    assert hits[0].filename == "other.txt"


async def test_filters_and_what_has_left(library: Library, embedder: Embedder) -> None:
    ids = await furnished(library)
    await library.ended(await library.add("Pastry again.", "b.txt", attributes={"kind": "b"}))
    given = {"meanings": await meanings_of(embedder, ["dessert"])}
    chosen = await library.search("dessert", filter=filter_of({"type": "eq", "key": "kind", "value": "b"}), **given)
    assert [hit.filename for hit in chosen] == ["b.txt"]
    await library.store.write(lambda db: detach_file(db, HOME, library.id, ids["kitchen.txt"]))
    assert "kitchen.txt" not in [hit.filename for hit in await library.search("dessert", **given)]
    await library.swept()
    assert await library.count("chunk_vectors") == 3


async def test_a_model_that_fails_leaves_words(library: Library, embedder: Embedder, server: Embeddings) -> None:
    server.answer = (500, {"error": {"message": "out of memory", "code": 500}})
    await furnished(library)
    assert await library.count("chunk_vectors") == 0
    (hit,) = await found(library, embedder, "pastry")
    assert hit.filename == "kitchen.txt"
    server.answer = None
    (hit,) = await found(library, embedder, "pastry")
    assert hit.filename == "kitchen.txt"


async def test_a_model_that_does_not_answer_is_not_waited_for(
    library: Library, embedder: Embedder, server: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "_PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(meaning, "PATIENCE_SECONDS", 0.05)
    server.hold = asyncio.Event()
    await furnished(library)
    assert await library.count("chunk_vectors") == 0
    (hit,) = await found(library, embedder, "pastry")
    assert hit.filename == "kitchen.txt"
    server.hold.set()


async def test_vectors_of_another_model_are_not_compared(library: Library, server: Embeddings) -> None:
    await furnished(library)
    other = Served("others", UpstreamSettings(url=server.url))
    assert await found(library, other, "dessert") == []
    await other.aclose()
