"""Vector stores: create, list, look at, modify, delete, search."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from msgspec import UNSET, Raw
from msgspec.structs import replace

from proxy.errors import not_found
from proxy.operations.filling import Wanted, fill, has_expired, new_store, strategy_of
from proxy.retrieval.filters import filter_of
from proxy.retrieval.meaning import meanings_of
from proxy.retrieval.search import Found, search
from proxy.schema.fields import Deleted
from proxy.schema.pages import ListParams, Page
from proxy.schema.vector_stores import (
    DEFAULT_RESULTS,
    CreateVectorStore,
    ModifyVectorStore,
    SearchPage,
    SearchRankingInput,
    SearchResult,
    SearchVectorStore,
    TextPart,
    VectorStore,
)
from proxy.services import Services
from proxy.store import Connection, vector_stores
from proxy.store.expiry import expire_stores

T = TypeVar("T")


async def create_vector_store(services: Services, *, project: str, body: CreateVectorStore) -> VectorStore:
    now = services.clock.now()
    store = new_store(
        at=now,
        name=body.name,
        description=body.description,
        expires_after=body.expires_after,
        metadata=body.metadata,
    )
    strategy = strategy_of(body.chunking_strategy)
    wanted = [Wanted(file_id=id, chunking_strategy=strategy) for id in body.file_ids or ()]

    async def save(db: Connection) -> VectorStore:
        await vector_stores.insert_store(db, project, store)
        await fill(db, project, store, wanted, at=now)
        return await existing_store(db, project, store.id)

    created = await services.store.write(save)
    services.ingestion.wake()
    return created


async def list_vector_stores(services: Services, *, project: str, params: ListParams) -> Page:
    return await up_to_date(services, lambda db: vector_stores.list_stores(db, project, params))


async def get_vector_store(services: Services, *, project: str, vector_store_id: str) -> Raw:
    store = await up_to_date(services, lambda db: vector_stores.store_json(db, project, vector_store_id))
    if store is None:
        raise not_found("vector store", vector_store_id)
    return store


async def modify_vector_store(
    services: Services, *, project: str, vector_store_id: str, body: ModifyVectorStore
) -> VectorStore:
    """Absent keeps, null clears. It counts as being active, also where nothing changes."""
    now = services.clock.now()

    async def save(db: Connection) -> VectorStore:
        await expire_stores(db, now)
        store = await existing_store(db, project, vector_store_id)
        modified = replace(
            store,
            name=store.name if body.name is UNSET else body.name,
            description=store.description if body.description is UNSET else body.description,
            expires_after=store.expires_after if body.expires_after is UNSET else body.expires_after,
            metadata=store.metadata if body.metadata is UNSET else body.metadata or {},
        )
        modified = vector_stores.active(modified, now)
        await vector_stores.save_store(db, project, modified)
        return modified

    return await services.store.write(save)


async def delete_vector_store(services: Services, *, project: str, vector_store_id: str) -> Deleted:
    """Its files stay, and what is being read for it is given up."""
    if not await services.store.write(lambda db: vector_stores.delete_store(db, project, vector_store_id)):
        raise not_found("vector store", vector_store_id)
    services.ingestion.wake()
    return Deleted(id=vector_store_id, object="vector_store.deleted")


async def search_vector_store(
    services: Services, *, project: str, vector_store_id: str, body: SearchVectorStore
) -> SearchPage:
    """Counts as using the store. `rewrite_query` is accepted, and queries are searched for as they are."""
    now = services.clock.now()
    queries = [body.query] if isinstance(body.query, str) else body.query
    filter = None if body.filters is None else filter_of(body.filters)
    ranking = body.ranking_options or SearchRankingInput()
    meanings = await meanings_of(services.embedder, queries)

    async def read(db: Connection) -> tuple[VectorStore, list[Found]]:
        store = await existing_store(db, project, vector_store_id)
        if store.status == "expired":
            raise has_expired(vector_store_id)
        found = await search(
            db,
            project,
            vector_store_id,
            queries,
            limit=body.max_num_results or DEFAULT_RESULTS,
            threshold=ranking.score_threshold or 0.0,
            filter=filter,
            now=now,
            meanings=meanings,
        )
        return store, found

    store, found = await up_to_date(services, read, searches=True)
    if now - store.last_active_at >= _ACTIVE_SECONDS:
        await services.store.write(lambda db: _touch(db, project, vector_store_id, now))
    return SearchPage(
        search_query=queries,
        data=[
            SearchResult(
                file_id=hit.file_id,
                filename=hit.filename,
                score=hit.score,
                attributes=hit.attributes,
                content=[TextPart(text=hit.text)],
            )
            for hit in found
        ],
    )


_ACTIVE_SECONDS: Final = 60
"""So long after it was noted that a store is used, it is not noted again: every search would write."""


async def _touch(db: Connection, project: str, store_id: str, now: int) -> None:
    store = await vector_stores.find_store(db, project, store_id)
    if store is not None:
        await vector_stores.save_store(db, project, vector_stores.active(store, now))


async def existing_store(db: Connection, project: str, store_id: str) -> VectorStore:
    """Raises `NotFound`."""
    store = await vector_stores.find_store(db, project, store_id)
    if store is None:
        raise not_found("vector store", store_id)
    return store


async def up_to_date(services: Services, read: Callable[[Connection], Awaitable[T]], *, searches: bool = False) -> T:
    """What is read when every store whose time is over has been noted as expired."""
    now = services.clock.now()
    readers = services.store.search if searches else services.store.read

    async def look(db: Connection) -> tuple[bool, T]:
        return await vector_stores.store_expires(db, now), await read(db)

    while True:
        expires, answer = await readers(look)
        if not expires:
            return answer
        await services.store.write(lambda db: expire_stores(db, now))
