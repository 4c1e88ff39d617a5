"""The queue of files that are to be read for vector stores: in the store, as files that are `in_progress`.

A file is taken, read in a process of its own, and its chunks are saved; the transaction that saves the last of them is
the one that completes the file. So whoever dies on the way leaves a file that is `in_progress`, and chunks that nobody
finds; the next start sweeps those away and reads the file again. Whoever cancels or deletes meanwhile does so in the
store, and a reading that nobody waits for any more notices when it saves.
"""

import asyncio
import logging
from collections import deque
from contextlib import aclosing
from functools import partial
from typing import Final

from msgspec import Struct

from adapters.embedding import Embedder
from adapters.errors import UpstreamError
from config.settings import RetrievalSettings
from proxy.clock import Clock
from proxy.retrieval.catching_up import CatchingUp
from proxy.retrieval.protocol import MakeWords, Piece, ReadFile
from proxy.retrieval.readers import Readers
from proxy.retrieval.saving import PackedVectors, Saving
from proxy.retrieval.unreadable import Unreadable
from proxy.retrieval.vectors import packed
from proxy.schema.vector_stores import FileError
from proxy.store import Connection, Store, StoreError, chunk_vectors, chunks, files, vector_store_files, vector_stores
from proxy.store.blobs import BlobMissing, Blobs
from proxy.store.expiry import expire_stores
from proxy.store.vector_store_files import StoredEntry
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

PATROL_SECONDS: Final = 30.0
"""How often it looks for what nobody told it about: stores whose time is over, and files after a failure."""
_AHEAD: Final = 16
"""Files that are taken from the store at one time; another project's wait for as many, at the most."""
_SWEPT_AT_ONCE: Final = 24
"""Chunks, in one transaction."""
_SIGNS_SWEPT_AT_ONCE: Final = 64
"""Rows of signs, each with a hundred vectors or so: with those of a whole store, others would wait for seconds."""
_PATIENCE_SECONDS: Final = 20
"""For so long after it was put into its store a file is not complete without vectors; then it is, and they follow."""


class Ingestion:
    """Reads what waits, several files at once, from `start` to `aclose`."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        clock: Clock,
        settings: RetrievalSettings,
        embedder: Embedder | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._settings = settings
        self._embedder = embedder
        self._catching_up = None if embedder is None else CatchingUp(store=store, embedder=embedder)
        self._readers = Readers(settings.readers)
        # One more than can be read at a time: while one is saved, the next is read.
        self._places = settings.readers + 1
        self._active: dict[int, asyncio.Task[None]] = {}
        self._tasks = TaskGroup()
        self._woken = asyncio.Event()
        self._news = asyncio.Event()
        self.ended = 0
        """How many readings have ended since the start, in whatever way."""

    async def start(self) -> None:
        if self._store.exclusive:
            await self._store.write(chunks.drop_incomplete_sets)
        self._tasks.start(self._work(), name="ingestion")
        if self._catching_up is not None:
            self._catching_up.start()

    def wake(self) -> None:
        """There may be something to read, or to sweep."""
        self._woken.set()

    async def some_end(self, *, after: int) -> None:
        """Wait until more readings have ended than so many.

        Whoever waits for a file takes note of `ended`, looks at the file, and waits: so no end is missed.
        """
        while self.ended <= after:
            await self._news.wait()

    async def aclose(self) -> None:
        """Stop at once: what is under way is read again after the next start."""
        await self._tasks.cancel()
        if self._catching_up is not None:
            await self._catching_up.aclose()
        await self._readers.aclose()

    async def _work(self) -> None:
        waiting: deque[StoredEntry] = deque()
        while True:
            self._woken.clear()
            try:
                busy = await self._step(waiting)
            except StoreError:
                log.exception("the queue of files cannot be read; trying again in %g s", PATROL_SECONDS)
                busy = False
            if not busy:
                try:
                    async with asyncio.timeout(PATROL_SECONDS):  # not `wait_for`, which may swallow a cancellation
                        await self._woken.wait()
                except TimeoutError:
                    await self._readers.rest()

    async def _step(self, waiting: deque[StoredEntry]) -> bool:
        """Begin what there is room for, or sweep; whether there is more of it to do at once."""
        now = self._clock.now()
        if await self._store.read(lambda db: vector_stores.store_expires(db, now)):
            await self._store.write(lambda db: expire_stores(db, now))
        if not waiting and len(self._active) < self._places:
            waiting.extend(
                await self._store.read(
                    partial(vector_store_files.waiting_entries, limit=_AHEAD, without=list(self._active))
                )
            )
        while waiting and len(self._active) < self._places:
            entry = waiting.popleft()
            if entry.seq not in self._active:
                task = self._tasks.start(self._ingest(entry), name=f"ingestion of {entry.file.id}")
                self._active[entry.seq] = task
        return not self._active and await self._sweep()

    # One file

    async def _ingest(self, entry: StoredEntry) -> None:
        try:
            await self._outcome(entry)
        except StoreError:
            # A full disk, most likely. It is still in progress, and taken again later.
            log.exception("%s in %s cannot be saved", entry.file.id, entry.file.vector_store_id)
            await asyncio.sleep(PATROL_SECONDS)
        finally:
            del self._active[entry.seq]
            self._woken.set()
            self.ended += 1
            self._news.set()
            self._news = asyncio.Event()

    async def _outcome(self, entry: StoredEntry) -> None:
        try:
            await self._read(entry)
        except Unreadable as error:
            log.info("%s cannot be read for %s: %s", entry.file.id, entry.file.vector_store_id, error.message)
            failure = FileError(code=error.code, message=error.message)
        except BlobMissing:
            log.error("the content of %s is missing", entry.file.id)
            failure = FileError(code="server_error", message="The content of the file is missing.")
        except StoreError:
            raise
        except Exception:
            log.exception("reading %s for %s failed", entry.file.id, entry.file.vector_store_id)
            failure = FileError(code="server_error", message="The file could not be processed.")
        else:
            return
        await self._store.write(lambda db: _fail(db, entry.seq, failure))

    async def _read(self, entry: StoredEntry) -> None:
        material = await self._store.read(lambda db: self._material(db, entry))
        if material is None:
            return
        strategy = entry.file.chunking_strategy.static
        async with self._blobs.local(entry.file.id) as path:
            task = ReadFile(
                path=str(path.resolve()),
                filename=material.filename,
                store=material.store,
                most_tokens=strategy.max_chunk_size_tokens,
                overlap_tokens=strategy.chunk_overlap_tokens,
                most_in_all=self._settings.max_file_tokens,
                seconds=self._settings.file_timeout_seconds,
            )
            saving = Saving(entry.seq, usage_bytes=material.bytes)
            embedder = self._embedder
            async with aclosing(self._readers.read(task)) as pieces:
                async for piece in pieces:
                    if embedder is not None:
                        vectors = await self._vectors(embedder, entry, piece, place=saving.place)
                        # Only of a beginning: what has none from here on is caught up with.
                        embedder = embedder if vectors is not None else None
                    else:
                        vectors = None
                    if not await self._store.write(partial(saving.save, piece=piece, vectors=vectors)):
                        return
        if embedder is None and self._catching_up is not None:
            self._catching_up.wake()

    async def _vectors(
        self, embedder: Embedder, entry: StoredEntry, piece: Piece, *, place: int
    ) -> PackedVectors | None:
        """Of the chunks of a piece. None where they have to follow: it takes too long, or the model fails."""
        seconds = entry.file.created_at + _PATIENCE_SECONDS - self._clock.now()
        if seconds <= 0 or not piece.chunks:
            return None
        try:
            async with asyncio.timeout(seconds):
                made = await embedder.passages(
                    [chunk.text for chunk in piece.chunks], [chunk.repeated for chunk in piece.chunks]
                )
        except TimeoutError:
            return None
        except UpstreamError as failure:
            log.warning("%s has no vectors yet: %s", entry.file.id, failure)
            return None
        return PackedVectors(model=embedder.model, packed=await asyncio.to_thread(packed, made, place=place))

    async def _material(self, db: Connection, entry: StoredEntry) -> "_Material | None":
        """None for a file that nobody waits for any more."""
        waits = await vector_store_files.entry_waits(db, entry.seq)
        store = await chunks.store_key(db, entry.project, entry.file.vector_store_id)
        if not waits or store is None:
            return None
        stored = await files.find_file(db, entry.project, entry.file.id, now=self._clock.now())
        if stored is None:
            raise Unreadable("The file was deleted, or has expired.")
        return _Material(store=store, filename=stored.file.filename, bytes=stored.file.bytes)

    # What nobody needs any more

    async def _sweep(self) -> bool:
        """A few chunks that are nobody's; whether there may be more."""
        litter = await self._store.read(partial(chunks.litter, limit=_SWEPT_AT_ONCE))
        if not litter:
            if await self._store.write(partial(chunk_vectors.remove_litter, limit=_SIGNS_SWEPT_AT_ONCE)):
                return True
            await self._store.write(chunks.remove_empty_sets)
            return False
        task = MakeWords(
            chunks=[(chunk.store, chunk.text) for chunk in litter], seconds=self._settings.file_timeout_seconds
        )
        try:
            words = await self._readers.words(task)
        except Unreadable:
            log.error("%d chunks that are nobody's could not be swept", len(litter))
            return False
        terms = {chunk.id: word for chunk, word in zip(litter, words, strict=True)}
        await self._store.write(partial(chunks.remove_chunks, terms=terms))
        return True


class _Material(Struct, frozen=True, kw_only=True):
    store: int
    filename: str
    bytes: int


async def _fail(db: Connection, entry: int, error: FileError) -> None:
    if await vector_store_files.end_entry(db, entry, status="failed", error=error):
        await chunks.drop_sets_of_entry(db, entry)
