"""Searches a vector store: queries, the files to look into, and how many of the best chunks are wanted."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from adapters.embedding import Vector
from proxy.retrieval.analysis import terms_of
from proxy.retrieval.filters import Filter
from proxy.retrieval.fusion import DEPTH, fused
from proxy.retrieval.lexical import MOST_TERMS, query_of, words_of
from proxy.retrieval.meaning import Meanings
from proxy.retrieval.vectors import MOST_CHUNKS, nearest
from proxy.schema.vector_stores import AttributeValue
from proxy.store import Connection, chunk_vectors, chunks, files, vector_store_files

_MOST_WORDS: Final = 4 * MOST_TERMS
"""Of a query, that are looked up at all: a whole document is no query."""


class Found(Struct, frozen=True, kw_only=True):
    """A chunk that was found."""

    file_id: str
    filename: str
    score: float
    """Between 0 and 1, and the same whatever else is in other stores."""
    attributes: dict[str, AttributeValue]
    text: str


async def search(
    db: Connection,
    project: str,
    store_id: str,
    queries: Sequence[str],
    *,
    limit: int,
    threshold: float = 0.0,
    filter: Filter | None = None,
    now: int,
    meanings: Meanings | None = None,
) -> list[Found]:
    """The best chunks for any of the queries, best first, with at least this score. Reads only.

    With `meanings`, chunks are found by their vectors as well, and ranked by both.
    """
    store = await chunks.store_key(db, project, store_id)
    if store is None:
        return []
    chosen = None if filter is None else await _chosen(db, project, store_id, filter)
    signs = None
    if meanings is not None:
        signs = await chunk_vectors.signs_of_store(db, store, model=meanings.model, files=chosen, limit=MOST_CHUNKS)
    # Each query ranks by itself, and a chunk counts with the best of its scores; among equal ones, with its rank.
    best: dict[int, tuple[int, chunks.FoundChunk]] = {}
    for query in queries:
        found = await _by_words(db, store, query, files=chosen, limit=DEPTH if signs else limit)
        if signs and meanings is not None:
            found = fused(found, await _by_meaning(db, signs, meanings.vectors[query]))[:limit]
        for rank, hit in enumerate(found):
            if hit.id not in best or best[hit.id][1].score < hit.score:
                best[hit.id] = (rank, hit)
    ranked = sorted(best.values(), key=lambda ranked: (-ranked[1].score, ranked[0], ranked[1].id))[:limit]
    return await _named(db, project, store_id, [hit for _, hit in ranked if hit.score >= threshold], now=now)


async def _by_words(
    db: Connection, store: int, query: str, *, files: Sequence[int] | None, limit: int
) -> list[chunks.FoundChunk]:
    terms = list(dict.fromkeys(terms_of(query)))[:_MOST_WORDS]
    counts = await chunks.count_terms(db, [word for term in terms for word in words_of(store, term)])
    asked = query_of(store, terms, chunks=await chunks.count_chunks(db, store), counts=counts)
    if asked is None:
        return []
    hits = await chunks.best_chunks(db, store, asked.weights, files=files, limit=limit)
    return [chunks.FoundChunk(id=hit.id, file=hit.file, score=asked.score(hit.score), text=hit.text) for hit in hits]


async def _by_meaning(db: Connection, signs: Sequence[chunk_vectors.Signs], query: Vector) -> list[chunks.FoundChunk]:
    near = {id: cosine for id, cosine in (await nearest(db, signs, query, limit=DEPTH)).items() if cosine > 0}
    found = await chunk_vectors.chunks_by_id(db, near)
    return sorted(found, key=lambda hit: (-hit.score, hit.id))


async def _chosen(db: Connection, project: str, store_id: str, filter: Filter) -> list[int]:
    described = await vector_store_files.attributes_of(db, project, store_id)
    return [file.seq for file in described if filter.matches(file.attributes)]


async def _named(
    db: Connection, project: str, store_id: str, hits: Sequence[chunks.FoundChunk], *, now: int
) -> list[Found]:
    entries = {
        entry.seq: entry.file for entry in await vector_store_files.entries_by_seq(db, [hit.file for hit in hits])
    }
    there = await files.find_files(db, project, [entry.id for entry in entries.values()], now=now)
    return [
        Found(
            file_id=entry.id,
            filename=there[entry.id].filename,
            score=hit.score,
            attributes=entry.attributes,
            text=hit.text.strip(),
        )
        for hit in hits
        if (entry := entries[hit.file]).id in there
    ]
