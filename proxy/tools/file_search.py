"""Searching the files of a run: in the vector stores of its assistant and its thread together."""

import asyncio
from collections.abc import Sequence
from typing import Final

from adapters.embedding import Embedder
from proxy.retrieval.meaning import meanings_of
from proxy.retrieval.search import Found, search
from proxy.schema.steps import FileSearchResult
from proxy.schema.vector_stores import TextPart
from proxy.store import Connection, Store, vector_stores

WAITING_SECONDS: Final = 60.0
"""For files of the thread that are still being read, from the start of the run; the assistant's are not waited for."""
_LOOK_SECONDS: Final = 0.1


class StoreExpired(Exception):
    """A store's time was over when it was to be searched. The text is that of the real service."""

    def __init__(self, store_id: str) -> None:
        super().__init__(f"Vector store '{store_id}' has expired.")


async def find(
    store: Store,
    project: str,
    store_ids: Sequence[str],
    queries: Sequence[str],
    *,
    limit: int,
    threshold: float,
    now: int,
    embedder: Embedder | None = None,
) -> list[FileSearchResult]:
    """The best of what all stores have, best first. Stores that are gone have nothing. Raises `StoreExpired`.

    A file that is in two of the stores is found twice, as on the real service.
    """

    meanings = await meanings_of(embedder, queries)

    async def read(db: Connection) -> list[Found]:
        found: list[Found] = []
        for store_id in dict.fromkeys(store_ids):
            there = await vector_stores.find_store(db, project, store_id)
            if there is None:
                continue
            if there.status == "expired" or (there.expires_at is not None and there.expires_at <= now):
                raise StoreExpired(store_id)
            found += await search(
                db, project, store_id, queries, limit=limit, threshold=threshold, now=now, meanings=meanings
            )
        return sorted(found, key=lambda hit: -hit.score)[:limit]

    return [
        FileSearchResult(
            file_id=hit.file_id,
            file_name=hit.filename,
            score=hit.score,
            attributes=hit.attributes,
            content=[TextPart(text=hit.text)],
        )
        for hit in await store.search(read)
    ]


async def until_read(store: Store, project: str, store_ids: Sequence[str], *, seconds: float) -> bool:
    """Wait for the files that are being read for these stores; False if some still are after so many seconds.

    It looks again and again, because another process may be the one that reads them.
    """

    async def is_reading(db: Connection) -> bool:
        for store_id in store_ids:
            there = await vector_stores.find_store(db, project, store_id)
            if there is not None and there.status != "expired" and there.file_counts.in_progress:
                return True
        return False

    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            while await store.read(is_reading):  # noqa: ASYNC110 - the reader may be another process
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        return False
    return True
