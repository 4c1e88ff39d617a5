"""Vectors of the built-in model: how fast files get them, and how long a search takes among many."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from bench.figures import Row, row
from bench.language import Language
from bench.quality import passages, questions
from bench.setting import Setting
from bench.shelves import an_open_shelf, fill
from bench.vector_stores import SEARCH_MS
from proxy.retrieval.built_in import BuiltIn
from proxy.retrieval.meaning import meanings_of
from proxy.retrieval.minilm import DIMENSIONS, NAME
from proxy.retrieval.vectors import packed
from proxy.store import Connection, chunk_vectors

MEGABYTES_A_MINUTE = 1.0
FILE_KILOBYTES = 100
VECTORS_OF_A_CHUNK = 2
"""Of one of the default size: it has 400 tokens that the one before has not."""
SUBJECTS = 1_000
CHUNKS_AT_ONCE = 32


def measure(setting: Setting) -> Iterator[Row]:
    sizes = setting.sizes
    rate, words_rate = asyncio.run(_embedded(setting.directory / "embedded", sizes.embedded_kilobytes))
    what = f"English, {sizes.embedded_kilobytes} kB in files of {FILE_KILOBYTES} kB"
    yield row("vectors", f"{what}: until all have vectors", [rate], "MB/min", at_least=MEGABYTES_A_MINUTE)
    yield row("vectors", f"{what}: until all are found by words", [words_rate], "MB/min")
    taken, asked = asyncio.run(_searches(setting.directory / "near", sizes.searched_chunks, sizes.searches))
    many = f"{sizes.searched_chunks:,} chunks, {VECTORS_OF_A_CHUNK * sizes.searched_chunks:,} vectors"
    yield row("vectors", f"{many}: a question, by words and meaning", taken, "ms", below=SEARCH_MS)
    yield row("vectors", "of that, the vector of the question", asked, "ms")


async def _embedded(directory: Path, kilobytes: int) -> tuple[float, float]:
    """Megabytes a minute of English, of files that have waited so long that their vectors follow."""
    text = "\n\n".join(islice(cycle(passage.text for passage in passages()), kilobytes * 4))[: kilobytes * 1000]
    size = FILE_KILOBYTES * 1000
    embedder = BuiltIn(2)
    async with an_open_shelf(directory, embedder=embedder) as shelf:
        await shelf.ingested([await shelf.uploaded("A word.")])  # starts the processes
        file_ids = [await shelf.uploaded(text[start : start + size]) for start in range(0, len(text), size)]
        began = time.perf_counter()
        await shelf.ingested(file_ids, created_at=0)
        by_words = time.perf_counter() - began
        await shelf.all_have_vectors()
        taken = time.perf_counter() - began
    await embedder.aclose()
    return len(text) / 1e6 / taken * 60, len(text) / 1e6 / by_words * 60


async def _searches(directory: Path, count: int, times: int) -> tuple[list[float], list[float]]:
    """Milliseconds of searches for questions that people ask, and of making their vectors alone."""
    embedder = BuiltIn(1)
    language = Language(3)
    taken: list[float] = []
    asked: list[float] = []
    async with an_open_shelf(directory, reads=False) as shelf:
        await fill(shelf, count, language, also=partial(_write_vectors, chance=np.random.default_rng(5)))
        for number, question in enumerate(islice(cycle(questions()), times + 1)):
            # With words that are there, too.
            query = f"{question.question} {' '.join(language.words(3))}"
            began = time.perf_counter()
            meanings = await meanings_of(embedder, [query])
            known = time.perf_counter()
            await shelf.search(query, limit=20, meanings=meanings)
            if number:  # the first one starts the process
                taken.append((time.perf_counter() - began) * 1000)
                asked.append((known - began) * 1000)
    await embedder.aclose()
    return taken, asked


async def _write_vectors(db: Connection, set_id: int, count: int, *, chance: np.random.Generator) -> None:
    """Made-up ones, each about one of many subjects in its own way."""
    subjects = np.random.default_rng(6).normal(size=(SUBJECTS, DIMENSIONS))
    vectors = subjects[chance.integers(SUBJECTS, size=(count, VECTORS_OF_A_CHUNK))]
    vectors += chance.normal(size=vectors.shape)
    for place in range(0, count, CHUNKS_AT_ONCE):
        some = packed(list(vectors[place : place + CHUNKS_AT_ONCE]), place=place)
        await chunk_vectors.write_vectors(db, set_id, some, model=NAME)
