"""Files in vector stores: put in, list, look at, change their attributes, take out, and see the text that was read."""

from msgspec import Raw
from msgspec.structs import replace

from proxy.errors import NotFound
from proxy.operations.filling import Wanted, fill, open_store, strategy_of
from proxy.operations.vector_stores import existing_store, up_to_date
from proxy.schema.fields import Deleted
from proxy.schema.pages import Page
from proxy.schema.vector_stores import (
    CreateVectorStoreFile,
    FileContentPage,
    ListVectorStoreFilesParams,
    TextPart,
    UpdateVectorStoreFile,
    VectorStoreFile,
)
from proxy.services import Services
from proxy.store import Connection, chunks, vector_store_files
from proxy.store.vector_store_files import StoredEntry


async def create_vector_store_file(
    services: Services, *, project: str, vector_store_id: str, body: CreateVectorStoreFile
) -> VectorStoreFile:
    now = services.clock.now()
    strategy = strategy_of(body.chunking_strategy)
    wanted = Wanted(file_id=body.file_id, attributes=body.attributes or {}, chunking_strategy=strategy)

    async def save(db: Connection) -> VectorStoreFile:
        store = await open_store(db, project, vector_store_id, at=now)
        return (await fill(db, project, store, [wanted], at=now))[0]

    file = await services.store.write(save)
    services.ingestion.wake()
    return file


async def list_vector_store_files(
    services: Services, *, project: str, vector_store_id: str, params: ListVectorStoreFilesParams
) -> Page:
    async def read(db: Connection) -> Page:
        await existing_store(db, project, vector_store_id)
        return await vector_store_files.list_entries(db, project, vector_store_id, params)

    return await up_to_date(services, read)


async def get_vector_store_file(services: Services, *, project: str, vector_store_id: str, file_id: str) -> Raw:
    async def read(db: Connection) -> Raw:
        file = await vector_store_files.entry_json(db, project, vector_store_id, file_id)
        if file is None:
            await existing_store(db, project, vector_store_id)
            raise _not_in(vector_store_id, file_id)
        return file

    return await up_to_date(services, read)


async def update_vector_store_file_attributes(
    services: Services, *, project: str, vector_store_id: str, file_id: str, body: UpdateVectorStoreFile
) -> VectorStoreFile:
    async def save(db: Connection) -> VectorStoreFile:
        entry = await _entry(db, project, vector_store_id, file_id)
        updated = replace(entry.file, attributes=body.attributes or {})
        await vector_store_files.save_entry(db, entry, updated)
        return updated

    return await services.store.write(save)


async def delete_vector_store_file(services: Services, *, project: str, vector_store_id: str, file_id: str) -> Deleted:
    """Out of the store; the file itself stays."""

    async def detach(db: Connection) -> None:
        await existing_store(db, project, vector_store_id)
        if not await vector_store_files.detach_file(db, project, vector_store_id, file_id):
            raise _not_in(vector_store_id, file_id)

    await services.store.write(detach)
    services.ingestion.wake()
    return Deleted(id=file_id, object="vector_store.file.deleted")


async def retrieve_vector_store_file_content(
    services: Services, *, project: str, vector_store_id: str, file_id: str
) -> FileContentPage:
    """In as many parts as it was cut into, without what they have in common; empty until it is read."""

    async def read(db: Connection) -> list[str]:
        entry = await _entry(db, project, vector_store_id, file_id)
        return await chunks.pieces_of_file(db, entry.seq)

    return FileContentPage(data=[TextPart(text=piece) for piece in await services.store.read(read)])


async def _entry(db: Connection, project: str, store_id: str, file_id: str) -> StoredEntry:
    entry = await vector_store_files.find_entry(db, project, store_id, file_id)
    if entry is None:
        await existing_store(db, project, store_id)
        raise _not_in(store_id, file_id)
    return entry


def _not_in(store_id: str, file_id: str) -> NotFound:
    return NotFound(f"No file found with id '{file_id}' in vector store '{store_id}'.")
