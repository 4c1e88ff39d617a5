"""Vector stores as they are made, and files on their way into one: what can be refused is refused here."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from proxy.errors import InvalidRequest, not_found
from proxy.ids import new_hex_id
from proxy.operations.references import existing_files
from proxy.retrieval.formats import check_readable
from proxy.schema.chunking import ChunkingStrategy, ChunkingStrategyInput, StaticChunking, StaticStrategyInput
from proxy.schema.vector_stores import AttributeValue, ExpiresAfter, VectorStore, VectorStoreFile
from proxy.store import Connection, vector_store_files, vector_stores
from proxy.store.expiry import expire_stores

EXPIRY_OF_HELPERS: Final = ExpiresAfter(anchor="last_active_at", days=7)
"""Of the stores that are made for a thread on the way."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A file that is to be put into a store."""

    file_id: str
    attributes: dict[str, AttributeValue] = {}
    chunking_strategy: ChunkingStrategy = ChunkingStrategy()


def new_store(
    *,
    at: int,
    name: str | None = None,
    description: str | None = None,
    expires_after: ExpiresAfter | None = None,
    metadata: dict[str, str] | None = None,
) -> VectorStore:
    store = VectorStore(
        id=new_hex_id("vs"),
        created_at=at,
        last_active_at=at,
        name=name,
        description=description,
        expires_after=expires_after,
        metadata=metadata or {},
    )
    return vector_stores.active(store, at)


def strategy_of(given: ChunkingStrategyInput | None, param: str = "chunking_strategy") -> ChunkingStrategy:
    """As it is answered. Raises `InvalidRequest` for chunks that would hardly get anywhere."""
    if not isinstance(given, StaticStrategyInput):
        return ChunkingStrategy()
    most, overlap = given.static.max_chunk_size_tokens, given.static.chunk_overlap_tokens
    if overlap > most // 2:
        raise InvalidRequest(
            f"Invalid '{param}.static.chunk_overlap_tokens': integer above maximum value. "
            f"Expected a value <= {most // 2}, half of 'max_chunk_size_tokens', but got {overlap} instead.",
            param=param,
            code="invalid_value",
        )
    return ChunkingStrategy(static=StaticChunking(max_chunk_size_tokens=most, chunk_overlap_tokens=overlap))


async def open_store(db: Connection, project: str, store_id: str, *, at: int) -> VectorStore:
    """A store that may be used and changed, in a transaction that writes. Raises `NotFound` and `InvalidRequest`."""
    await expire_stores(db, at)
    store = await vector_stores.find_store(db, project, store_id)
    if store is None:
        raise not_found("vector store", store_id)
    if store.status == "expired":
        raise has_expired(store_id)
    return store


async def fill(
    db: Connection, project: str, store: VectorStore, wanted: Sequence[Wanted], *, at: int, batch_id: str | None = None
) -> list[VectorStoreFile]:
    """Put files into a store, to be read later. Raises where one cannot be taken."""
    await check_files(db, project, [each.file_id for each in wanted], at=at)
    await vector_stores.save_store(db, project, vector_stores.active(store, at))
    new = [
        VectorStoreFile(
            id=each.file_id,
            created_at=at,
            vector_store_id=store.id,
            chunking_strategy=each.chunking_strategy,
            attributes=each.attributes,
        )
        for each in wanted
    ]
    return await vector_store_files.attach_files(db, project, store.id, new, batch_id=batch_id)


async def check_files(db: Connection, project: str, ids: Sequence[str], *, at: int) -> None:
    """Raises `NotFound` for files that there are not, and `InvalidRequest` for those that cannot be read."""
    there = await existing_files(db, project, ids, at=at, param="file_ids")
    check_readable(file.filename for file in there.values())


def has_expired(store_id: str) -> InvalidRequest:
    return InvalidRequest(f"Vector store '{store_id}' has expired.")
