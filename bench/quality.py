"""How well searches find: questions over passages, with what answers them (`bench/library`).

Each passage is a file of its own in one vector store, read as files are. A question is searched for by words, by
meaning, and by both, and judged by two measures: recall at 20, the share of what is relevant that is among the first
twenty, and nDCG at 10, which also asks whether what answers best comes first (a grade of 2 counts three times a 1).

The questions are of three kinds: `paraphrase` has hardly a word of what answers it, `mixed` some, and `exact` is what
people type who know what it is called: a code, a form, a phrase.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.figures import Row, row
from bench.setting import Setting
from bench.shelves import PROJECT, Shelf, an_open_shelf
from proxy.retrieval.built_in import BuiltIn
from proxy.retrieval.fusion import DEPTH
from proxy.retrieval.meaning import Meanings, meanings_of
from proxy.retrieval.vectors import nearest
from proxy.store import Connection, chunk_vectors, chunks, vector_store_files

LIBRARY: Final = Path(__file__).parent / "library"
KINDS: Final = ("paraphrase", "mixed", "exact")
WAYS: Final = ("words", "meaning", "both")


class Passage(Struct, frozen=True):
    id: str
    document: str
    text: str


class Question(Struct, frozen=True):
    question: str
    kind: str
    relevant: dict[str, int]
    """Grades by passage: 2 where it answers the question, 1 where it is a part of the answer."""


Ranking = Sequence[str]
"""Passages, best first."""


def passages() -> list[Passage]:
    return msgspec.json.Decoder(Passage).decode_lines((LIBRARY / "passages.jsonl").read_bytes())


def questions() -> list[Question]:
    return msgspec.json.Decoder(Question).decode_lines((LIBRARY / "questions.jsonl").read_bytes())


def measure(setting: Setting) -> Iterator[Row]:
    given, asked = passages()[: setting.sizes.passages], questions()
    there = {passage.id for passage in given}
    asked = [question for question in asked if question.relevant.keys() <= there]
    rankings = asyncio.run(_ranked(setting.directory / "quality", given, asked))
    whole = f"{len(asked)} questions, {len(given)} passages"
    for name, judge in (("recall at 20", recall), ("nDCG at 10", ndcg)):
        overall = {way: _mean(judge, asked, rankings[way]) for way in WAYS}
        for way in WAYS:
            yield row("quality", f"{whole}, by {way}: {name}", [overall[way]], "%")
            for kind in KINDS:
                of_kind = [(q, r) for q, r in zip(asked, rankings[way], strict=True) if q.kind == kind]
                if of_kind:
                    value = _mean(judge, [q for q, _ in of_kind], [r for _, r in of_kind])
                    yield row("quality", f"{len(of_kind)} {kind}, by {way}: {name}", [value], "%")
        gained = overall["both"] - max(overall["words"], overall["meaning"])
        yield row("quality", f"by both, above the better one: {name}", [gained], "%", at_least=0.0)


def recall(ranking: Ranking, relevant: Mapping[str, int], *, depth: int = 20) -> float:
    return len(relevant.keys() & set(ranking[:depth])) / len(relevant)


def ndcg(ranking: Ranking, relevant: Mapping[str, int], *, depth: int = 10) -> float:
    """As in Järvelin and Kekäläinen, Cumulated Gain-Based Evaluation of IR Techniques, 2002; gains are 2^grade - 1."""

    def gain(grades: Sequence[int]) -> float:
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:depth]))

    return gain([relevant.get(id, 0) for id in ranking]) / gain(sorted(relevant.values(), reverse=True))


def _mean(
    judge: Callable[[Ranking, Mapping[str, int]], float], asked: Sequence[Question], rankings: Sequence[Ranking]
) -> float:
    """In percent."""
    judged = [judge(ranking, question.relevant) for question, ranking in zip(asked, rankings, strict=True)]
    return 100 * sum(judged) / len(judged)


async def _ranked(directory: Path, given: Sequence[Passage], asked: Sequence[Question]) -> dict[str, list[Ranking]]:
    """What is found for each question, by each way."""
    embedder = BuiltIn(2)
    async with an_open_shelf(directory, embedder=embedder) as shelf:
        file_ids = [await shelf.uploaded(passage.text) for passage in given]
        await shelf.ingested(file_ids)
        names = dict(zip(file_ids, (passage.id for passage in given), strict=True))
        rankings: dict[str, list[Ranking]] = {way: [] for way in WAYS}
        for question in asked:
            meanings = await meanings_of(embedder, [question.question])
            assert meanings is not None
            for way, found in (
                ("words", await _searched(shelf, question, None)),
                (
                    "meaning",
                    await shelf.store.read(partial(_nearest, shelf=shelf, question=question, meanings=meanings)),
                ),
                ("both", await _searched(shelf, question, meanings)),
            ):
                rankings[way].append([names[file_id] for file_id in found])
    await embedder.aclose()
    return rankings


async def _searched(shelf: Shelf, question: Question, meanings: Meanings | None) -> list[str]:
    return [hit.file_id for hit in await shelf.search(question.question, limit=DEPTH // 2, meanings=meanings)]


async def _nearest(db: Connection, *, shelf: Shelf, question: Question, meanings: Meanings) -> list[str]:
    """By vectors alone, as no search is."""
    key = await chunks.store_key(db, PROJECT, shelf.id)
    assert key is not None
    signs = await chunk_vectors.signs_of_store(db, key, model=meanings.model, files=None, limit=10**6)
    near = await nearest(db, signs or [], meanings.vectors[question.question], limit=DEPTH // 2)
    hits = {hit.id: hit.file for hit in await chunk_vectors.chunks_by_id(db, near)}
    entries = {each.seq: each.file.id for each in await vector_store_files.entries_by_seq(db, list(hits.values()))}
    return [entries[hits[id]] for id in near]
