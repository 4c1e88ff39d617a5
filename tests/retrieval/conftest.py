"""An ingestion on a real store, with real contents of files and real reader processes."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from config.settings import RetrievalSettings
from proxy.retrieval.ingestion import Ingestion
from proxy.retrieval.search import Found, search
from proxy.schema.vector_stores import VectorStore, VectorStoreFile
from proxy.store import Connection, Store
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.files import insert_file
from proxy.store.vector_store_files import attach_files, find_entry
from proxy.store.vector_stores import find_store, insert_store
from tests.builders import AT, a_file, a_store, an_entry
from tests.serving import StandingClock

HOME = "home"
SOON = 30


class PipedBlobs(DirectoryBlobs):
    """Some of whose contents are pipes, so that their reading goes on until somebody writes to them."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.pipes: dict[str, Path] = {}

    @asynccontextmanager
    async def local(self, name: str) -> AsyncIterator[Path]:
        if name in self.pipes:
            yield self.pipes[name]
        else:
            async with super().local(name) as path:
                yield path


class Library:
    """A vector store, what it is made of, and the few things that tests do with it."""

    def __init__(self, store: Store, blobs: PipedBlobs, directory: Path, ingestion: Ingestion) -> None:
        self.store = store
        self.blobs = blobs
        self.ingestion = ingestion
        self.clock = StandingClock()
        self._directory = directory
        self.id = ""

    async def furnish(self, **given: Any) -> None:
        vectors = a_store(**given)
        self.id = vectors.id
        await self.store.write(lambda db: insert_store(db, HOME, vectors))

    async def upload(self, content: bytes | str, name: str = "a.txt") -> str:
        """A file; its id."""
        file = a_file(filename=name)
        blob = await self.blobs.new(file.id)
        await blob.write(content.encode() if isinstance(content, str) else content)
        kept = await blob.keep()
        await self.store.write(lambda db: insert_file(db, HOME, file, sha256=kept.sha256))
        return file.id

    async def attach(self, *file_ids: str, batch_id: str | None = None, **given: Any) -> None:
        new = [an_entry(self.id, id=id, **given) for id in file_ids]
        await self.store.write(lambda db: attach_files(db, HOME, self.id, new, batch_id=batch_id))
        self.ingestion.wake()

    async def add(self, content: bytes | str, name: str = "a.txt", **given: Any) -> str:
        file_id = await self.upload(content, name)
        await self.attach(file_id, **given)
        return file_id

    async def pipe(self) -> tuple[str, Path]:
        """A file whose content is this pipe; it is not attached yet."""
        file_id = await self.upload("x")
        path = self._directory / file_id
        os.mkfifo(path)
        self.blobs.pipes[file_id] = path
        return file_id, path

    async def file(self, file_id: str) -> VectorStoreFile:
        entry = await self.store.read(lambda db: find_entry(db, HOME, self.id, file_id))
        assert entry is not None
        return entry.file

    async def vectors(self) -> VectorStore:
        found = await self.store.read(lambda db: find_store(db, HOME, self.id))
        assert found is not None
        return found

    async def ended(self, *file_ids: str) -> list[VectorStoreFile]:
        """These, as soon as none of them is in progress any more."""

        async def look() -> list[VectorStoreFile] | None:
            files = [await self.file(id) for id in file_ids]
            return None if any(file.status == "in_progress" for file in files) else files

        return await self.until(look)

    async def until(self, look: Callable[[], Awaitable[Any]]) -> Any:
        """What `look` gives as soon as it is not None; asked whenever some file has been read."""
        async with asyncio.timeout(SOON):
            while True:
                ended = self.ingestion.ended
                if (seen := await look()) is not None:
                    return seen
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):  # the queue sweeps without saying so
                        await self.ingestion.some_end(after=ended)

    async def search(self, *queries: str, **given: Any) -> list[Found]:
        asked: dict[str, Any] = {"limit": 10, "now": AT, **given}
        return await self.store.read(lambda db: search(db, HOME, self.id, queries, **asked))

    async def swept(self) -> None:
        """Wait until nothing is left of chunks that are nobody's."""

        async def look() -> bool | None:
            return True if await self.count("chunk_sets WHERE file IS NULL") == 0 else None

        self.ingestion.wake()
        await self.until(look)

    async def count(self, rows: str) -> int:
        async def work(db: Connection) -> int:
            row = await db.one(f"SELECT count(*) AS n FROM {rows}", {})
            assert row is not None
            return int(row["n"])

        return await self.store.read(work)


@pytest.fixture
def settings() -> RetrievalSettings:
    return RetrievalSettings(readers=2, max_file_tokens=50_000)


@pytest.fixture
async def library(tmp_path: Path, settings: RetrievalSettings) -> AsyncIterator[Library]:
    """Not started."""
    clock = StandingClock()
    store = await Store.open(tmp_path / "data", clock)
    directory = tmp_path / "data" / "blobs"
    blobs = PipedBlobs(directory)
    ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=settings)
    library = Library(store, blobs, tmp_path, ingestion)
    library.clock = clock
    await library.furnish()
    yield library
    await ingestion.aclose()
    await store.aclose()
