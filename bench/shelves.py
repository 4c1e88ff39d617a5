"""Vector stores in process, on real files: one that files are read into, and one that has many chunks already."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from adapters.embedding import Embedder
from bench.language import Language
from config.settings import RetrievalSettings
from proxy.clock import SystemClock
from proxy.ids import new_file_id, new_hex_id
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.ingestion import Ingestion
from proxy.retrieval.lexical import index_words
from proxy.retrieval.meaning import Meanings
from proxy.retrieval.search import Found, search
from proxy.schema.files import FileObject
from proxy.schema.vector_stores import VectorStore, VectorStoreFile
from proxy.store import Connection, Store, chunk_vectors, chunks, files, vector_store_files, vector_stores
from proxy.store.blob_directory import DirectoryBlobs

PROJECT = "bench"
LOOK_SECONDS = 0.02
WORDS_OF_A_CHUNK = 300
CHUNKS_AT_ONCE = 100
CHUNKS_OF_A_FILE = 1_000
FILES_AT_ONCE = 500

Also = Callable[[Connection, int, int], Awaitable[None]]
"""Writes what else there is to a set, by its id, of so many chunks."""


class Shelf:
    """A store in process, and what reads files into its newest vector store."""

    def __init__(self, store: Store, blobs: DirectoryBlobs, ingestion: Ingestion) -> None:
        self.store = store
        self.id = ""
        """Of the vector store."""
        self._blobs = blobs
        self._ingestion = ingestion

    async def uploaded(self, text: str) -> str:
        blob = await self._blobs.new(new_file_id())
        await blob.write(text.encode())
        kept = await blob.keep()
        file = FileObject(id=blob.name, purpose="assistants", filename="a.txt", bytes=kept.bytes, created_at=0)
        await self.store.write(lambda db: files.insert_file(db, PROJECT, file, sha256=kept.sha256))
        return file.id

    async def ingested(self, file_ids: Sequence[str], *, created_at: int | None = None) -> None:
        """Put files into a vector store of their own, and wait until all of them are read.

        They wait for their vectors unless they seem to have been put there a while ago.
        """
        at = int(time.time()) if created_at is None else created_at
        vectors = await _a_vector_store(self.store)
        self.id = vectors.id
        new = [VectorStoreFile(id=id, created_at=at, vector_store_id=self.id) for id in file_ids]
        for start in range(0, len(new), FILES_AT_ONCE):
            some = new[start : start + FILES_AT_ONCE]
            await self.store.write(
                partial(vector_store_files.attach_files, project=PROJECT, store_id=self.id, files=some)
            )
        self._ingestion.wake()
        while True:
            ended = self._ingestion.ended
            seen = await self.store.read(partial(vector_stores.find_store, project=PROJECT, id=self.id))
            assert seen is not None
            if not seen.file_counts.in_progress:
                assert seen.file_counts.completed == len(file_ids)
                return
            await self._ingestion.some_end(after=ended)

    async def search(self, query: str, *, limit: int, meanings: Meanings | None = None) -> list[Found]:
        asked = partial(
            search, project=PROJECT, store_id=self.id, queries=[query], limit=limit, now=0, meanings=meanings
        )
        return await self.store.read(asked)

    async def all_have_vectors(self) -> None:
        while await self.store.read(partial(chunk_vectors.next_behind, limit=1)):  # noqa: ASYNC110 - nobody says so
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def an_open_shelf(
    directory: Path, *, embedder: Embedder | None = None, reads: bool = True
) -> AsyncIterator[Shelf]:
    clock = SystemClock()
    store = await Store.open(directory, clock)
    blobs = DirectoryBlobs(directory / "blobs")
    ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=RetrievalSettings(), embedder=embedder)
    if reads:
        await ingestion.start()
    try:
        yield Shelf(store, blobs, ingestion)
    finally:
        await ingestion.aclose()
        await blobs.aclose()
        await store.aclose()


async def fill(shelf: Shelf, count: int, language: Language, *, also: Also | None = None) -> None:
    """A vector store with so many chunks, in files of a thousand."""
    shelf.id = (await _a_vector_store(shelf.store)).id
    key = await shelf.store.read(lambda db: chunks.store_key(db, PROJECT, shelf.id))
    assert key is not None
    for _ in range(0, count, CHUNKS_OF_A_FILE):
        await _fill(shelf, key, language, min(CHUNKS_OF_A_FILE, count), also)


async def _fill(shelf: Shelf, key: int, language: Language, count: int, also: Also | None) -> None:
    """A file of so many chunks in a vector store."""
    file = FileObject(id=new_file_id(), purpose="assistants", filename="a.txt", bytes=1, created_at=0)
    new = VectorStoreFile(id=file.id, created_at=0, vector_store_id=shelf.id)

    async def begin(db: Connection) -> tuple[int, int]:
        await files.insert_file(db, PROJECT, file, sha256="")
        await vector_store_files.attach_files(db, PROJECT, shelf.id, [new])
        entry = await vector_store_files.find_entry(db, PROJECT, shelf.id, file.id)
        assert entry is not None
        set_id = await chunks.begin_set(db, entry.seq)
        assert set_id is not None
        return entry.seq, set_id

    entry, set_id = await shelf.store.write(begin)
    for place in range(0, count, CHUNKS_AT_ONCE):
        texts = [" ".join(language.words(WORDS_OF_A_CHUNK)) for _ in range(min(CHUNKS_AT_ONCE, count - place))]
        made = [chunks.NewChunk(text=text, repeated=0, terms=index_words(key, terms_of(text))) for text in texts]
        await shelf.store.write(partial(chunks.write_chunks, set_id=set_id, chunks=made, place=place))

    async def end(db: Connection) -> None:
        if also is not None:
            await also(db, set_id, count)
        await chunks.complete_set(db, set_id)
        await vector_store_files.end_entry(db, entry, status="completed", usage_bytes=1)

    await shelf.store.write(end)


async def _a_vector_store(store: Store) -> VectorStore:
    vectors = VectorStore(id=new_hex_id("vs"), created_at=0, last_active_at=0)
    await store.write(lambda db: vector_stores.insert_store(db, PROJECT, vectors))
    return vectors
