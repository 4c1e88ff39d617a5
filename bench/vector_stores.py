"""Files read into a vector store, by words only, and searches in one that is large; both in process, on real files.

The text is made up: words of two to four syllables, as often as words of a language are (Zipf's law), in sentences. It
has more tokens in a megabyte than English, so more is cut, counted and indexed of it.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

from bench.figures import Row, row
from bench.setting import Setting
from config.settings import RetrievalSettings
from proxy.clock import SystemClock
from proxy.ids import new_file_id, new_hex_id
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.ingestion import Ingestion
from proxy.retrieval.lexical import index_words
from proxy.retrieval.search import search
from proxy.schema.files import FileObject
from proxy.schema.vector_stores import VectorStore, VectorStoreFile
from proxy.store import Connection, Store, chunks, files, vector_store_files, vector_stores
from proxy.store.blob_directory import DirectoryBlobs
from proxy.tasks import TaskGroup

PROJECT = "bench"
MEGABYTES_A_MINUTE = 100.0
SEARCH_MS = 50.0
PROBE_SECONDS = 0.02
VOCABULARY = 50_000
WORDS_OF_A_CHUNK = 300
CHUNKS_AT_ONCE = 100
CHUNKS_OF_A_FILE = 1_000


def measure(setting: Setting) -> Iterator[Row]:
    sizes = setting.sizes
    rates, writes = asyncio.run(_ingest(setting.directory / "ingest", sizes.ingested_files, sizes.ingests))
    what = f"files of 1 MB, {sizes.ingested_files} at once"
    yield row("ingest", f"{what}: read, cut and indexed", rates, "MB/min", at_least=MEGABYTES_A_MINUTE)
    yield row("ingest", f"{what}: another's write meanwhile", writes, "ms")


def searches(setting: Setting) -> Iterator[Row]:
    sizes = setting.sizes
    by_length = asyncio.run(_search(setting.directory / "search", sizes.searched_chunks, sizes.searches))
    for words, taken in by_length.items():
        name = f"{sizes.searched_chunks:,} chunks, a query of {words} words"
        yield row("search", name, taken, "ms", below=SEARCH_MS)


class Language:
    """Words and how often they are used; the same at every start."""

    def __init__(self, seed: int) -> None:
        self._lot = random.Random(seed)
        syllables = [consonant + vowel for consonant in "bcdfghklmnprstvw" for vowel in ("a", "e", "i", "o", "u", "an")]
        words = {"".join(self._lot.choices(syllables, k=self._lot.randint(2, 4))) for _ in range(VOCABULARY)}
        self._words = sorted(words)
        self._lot.shuffle(self._words)
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(self._words))))

    def words(self, count: int) -> list[str]:
        return self._lot.choices(self._words, cum_weights=self._weights, k=count)

    def text(self, characters: int) -> str:
        sentences: list[str] = []
        length = 0
        while length < characters:
            sentences.append(" ".join(self.words(14)).capitalize() + (".\n\n" if len(sentences) % 5 == 4 else ". "))
            length += len(sentences[-1])
        return "".join(sentences)[:characters]


async def _ingest(directory: Path, count: int, times: int) -> tuple[list[float], list[float]]:
    """Megabytes a minute, and milliseconds of small writes that had to share the writer."""
    clock = SystemClock()
    store = await Store.open(directory, clock)
    blobs = DirectoryBlobs(directory / "blobs")
    ingestion = Ingestion(store=store, blobs=blobs, clock=clock, settings=RetrievalSettings())
    language = Language(1)
    rates: list[float] = []
    writes: list[float] = []
    await ingestion.start()
    try:
        await _ingested(store, ingestion, [await _uploaded(store, blobs, language.text(1000))])  # starts the readers
        for _ in range(times):
            file_ids = [await _uploaded(store, blobs, language.text(1_000_000)) for _ in range(count)]
            tasks = TaskGroup()
            tasks.start(_probe(store, writes), name="probe")
            began = time.perf_counter()
            await _ingested(store, ingestion, file_ids)
            rates.append(count / (time.perf_counter() - began) * 60)
            await tasks.cancel()
        return rates, writes
    finally:
        await ingestion.aclose()
        await store.aclose()


async def _uploaded(store: Store, blobs: DirectoryBlobs, text: str) -> str:
    blob = await blobs.new(new_file_id())
    await blob.write(text.encode())
    kept = await blob.keep()
    file = FileObject(id=blob.name, purpose="assistants", filename="a.txt", bytes=kept.bytes, created_at=0)
    await store.write(lambda db: files.insert_file(db, PROJECT, file, sha256=kept.sha256))
    return file.id


async def _ingested(store: Store, ingestion: Ingestion, file_ids: Sequence[str]) -> None:
    """Put files into a store of their own, and wait until all of them are read."""
    vectors = await _a_store(store)
    new = [VectorStoreFile(id=id, created_at=0, vector_store_id=vectors.id) for id in file_ids]
    await store.write(partial(vector_store_files.attach_files, project=PROJECT, store_id=vectors.id, files=new))
    ingestion.wake()
    while True:
        ended = ingestion.ended
        seen = await store.read(partial(vector_stores.find_store, project=PROJECT, id=vectors.id))
        assert seen is not None
        if not seen.file_counts.in_progress:
            assert seen.file_counts.completed == len(file_ids)
            return
        await ingestion.some_end(after=ended)


async def _probe(store: Store, taken: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await store.write(lambda db: db.run("UPDATE threads SET window_start = 1 WHERE id = :id", {"id": "none"}))
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PROBE_SECONDS)


async def _search(directory: Path, count: int, times: int) -> dict[int, list[float]]:
    """Milliseconds of searches, by the words of their queries."""
    store = await Store.open(directory, SystemClock())
    language = Language(2)
    try:
        vectors = await _a_store(store)
        key = await store.read(lambda db: chunks.store_key(db, PROJECT, vectors.id))
        assert key is not None
        for _ in range(0, count, CHUNKS_OF_A_FILE):
            await _filled(store, vectors, key, language, min(CHUNKS_OF_A_FILE, count))
        taken: dict[int, list[float]] = {}
        for words in (3, 6, 12):
            for number in range(times + 1):
                query = " ".join(language.words(words))
                began = time.perf_counter()
                await store.read(
                    partial(search, project=PROJECT, store_id=vectors.id, queries=[query], limit=20, now=0)
                )
                if number:  # the first one fills the caches
                    taken.setdefault(words, []).append((time.perf_counter() - began) * 1000)
        return taken
    finally:
        await store.aclose()


async def _filled(store: Store, vectors: VectorStore, key: int, language: Language, count: int) -> None:
    """A file of so many chunks in a store."""
    file = FileObject(id=new_file_id(), purpose="assistants", filename="a.txt", bytes=1, created_at=0)
    new = VectorStoreFile(id=file.id, created_at=0, vector_store_id=vectors.id)

    async def begin(db: Connection) -> tuple[int, int]:
        await files.insert_file(db, PROJECT, file, sha256="")
        await vector_store_files.attach_files(db, PROJECT, vectors.id, [new])
        entry = await vector_store_files.find_entry(db, PROJECT, vectors.id, file.id)
        assert entry is not None
        set_id = await chunks.begin_set(db, entry.seq)
        assert set_id is not None
        return entry.seq, set_id

    entry, set_id = await store.write(begin)
    for place in range(0, count, CHUNKS_AT_ONCE):
        texts = [" ".join(language.words(WORDS_OF_A_CHUNK)) for _ in range(min(CHUNKS_AT_ONCE, count - place))]
        made = [chunks.NewChunk(text=text, repeated=0, terms=index_words(key, terms_of(text))) for text in texts]
        await store.write(partial(chunks.write_chunks, set_id=set_id, chunks=made, place=place))

    async def end(db: Connection) -> None:
        await chunks.complete_set(db, set_id)
        await vector_store_files.end_entry(db, entry, status="completed", usage_bytes=1)

    await store.write(end)


async def _a_store(store: Store) -> VectorStore:
    vectors = VectorStore(id=new_hex_id("vs"), created_at=0, last_active_at=0)
    await store.write(lambda db: vector_stores.insert_store(db, PROJECT, vectors))
    return vectors
