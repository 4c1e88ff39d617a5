"""Files read into a vector store, by words only, and searches in one that is large; both in process, on real files."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Row, row
from bench.language import Language
from bench.setting import Setting
from bench.shelves import an_open_shelf, fill
from proxy.store import Store
from proxy.tasks import TaskGroup

MEGABYTES_A_MINUTE = 100.0
SEARCH_MS = 50.0
PROBE_SECONDS = 0.02


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


async def _ingest(directory: Path, count: int, times: int) -> tuple[list[float], list[float]]:
    """Megabytes a minute, and milliseconds of small writes that had to share the writer."""
    language = Language(1)
    rates: list[float] = []
    writes: list[float] = []
    async with an_open_shelf(directory) as shelf:
        await shelf.ingested([await shelf.uploaded(language.text(1000))])  # starts the readers
        for _ in range(times):
            file_ids = [await shelf.uploaded(language.text(1_000_000)) for _ in range(count)]
            tasks = TaskGroup()
            tasks.start(_probe(shelf.store, writes), name="probe")
            began = time.perf_counter()
            await shelf.ingested(file_ids)
            rates.append(count / (time.perf_counter() - began) * 60)
            await tasks.cancel()
        return rates, writes


async def _probe(store: Store, taken: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await store.write(lambda db: db.run("UPDATE threads SET window_start = 1 WHERE id = :id", {"id": "none"}))
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PROBE_SECONDS)


async def _search(directory: Path, count: int, times: int) -> dict[int, list[float]]:
    """Milliseconds of searches, by the words of their queries."""
    language = Language(2)
    taken: dict[int, list[float]] = {}
    async with an_open_shelf(directory, reads=False) as shelf:
        await fill(shelf, count, language)
        for words in (3, 6, 12):
            for number in range(times + 1):
                query = " ".join(language.words(words))
                began = time.perf_counter()
                await shelf.search(query, limit=20)
                if number:  # the first one fills the caches
                    taken.setdefault(words, []).append((time.perf_counter() - began) * 1000)
    return taken
