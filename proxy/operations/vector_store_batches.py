"""Batches of files for a vector store: create, look at, cancel, list their files."""

from msgspec import Raw

from proxy.errors import InvalidRequest, not_found
from proxy.ids import new_hex_id
from proxy.operations.filling import Wanted, fill, open_store, strategy_of
from proxy.operations.vector_stores import existing_store, up_to_date
from proxy.schema.pages import Page
from proxy.schema.vector_stores import CreateFileBatch, FileBatch, ListVectorStoreFilesParams
from proxy.services import Services
from proxy.store import Connection, file_batches, vector_store_files


async def create_vector_store_file_batch(
    services: Services, *, project: str, vector_store_id: str, body: CreateFileBatch
) -> FileBatch:
    now = services.clock.now()
    wanted = _wanted(body)
    batch = FileBatch(id=new_hex_id("vsfb"), created_at=now, vector_store_id=vector_store_id)

    async def save(db: Connection) -> FileBatch:
        store = await open_store(db, project, vector_store_id, at=now)
        await file_batches.insert_batch(db, project, batch)
        await fill(db, project, store, wanted, at=now, batch_id=batch.id)
        return await _batch(db, project, vector_store_id, batch.id)

    created = await services.store.write(save)
    services.ingestion.wake()
    return created


async def get_vector_store_file_batch(services: Services, *, project: str, vector_store_id: str, batch_id: str) -> Raw:
    async def read(db: Connection) -> Raw:
        batch = await file_batches.batch_json(db, project, vector_store_id, batch_id)
        if batch is None:
            await existing_store(db, project, vector_store_id)
            raise not_found("vector store file batch", batch_id)
        return batch

    return await up_to_date(services, read)


async def cancel_vector_store_file_batch(
    services: Services, *, project: str, vector_store_id: str, batch_id: str
) -> FileBatch:
    """What is read stays read; a batch that has nothing left to read stays what it is."""

    async def cancel(db: Connection) -> FileBatch:
        batch = await vector_store_files.cancel_batch(db, project, vector_store_id, batch_id)
        return batch or await _batch(db, project, vector_store_id, batch_id)

    batch = await services.store.write(cancel)
    services.ingestion.wake()
    return batch


async def list_files_in_vector_store_batch(
    services: Services, *, project: str, vector_store_id: str, batch_id: str, params: ListVectorStoreFilesParams
) -> Page:
    async def read(db: Connection) -> Page:
        await _batch(db, project, vector_store_id, batch_id)
        return await vector_store_files.list_entries(db, project, vector_store_id, params, batch_id=batch_id)

    return await up_to_date(services, read)


def _wanted(body: CreateFileBatch) -> list[Wanted]:
    """The files that a body names, in one way or the other."""
    if body.files is not None and body.file_ids is not None:
        raise InvalidRequest(
            "Mutually exclusive parameters: 'file_ids' and 'files'. Only one of them may be given.", param="files"
        )
    strategy = strategy_of(body.chunking_strategy)
    if body.files is not None:
        return [
            Wanted(
                file_id=each.file_id,
                attributes=each.attributes or {},
                chunking_strategy=strategy_of(each.chunking_strategy, f"files[{place}].chunking_strategy"),
            )
            for place, each in enumerate(body.files)
        ]
    if body.file_ids is None:
        raise InvalidRequest(
            "Missing required parameter: 'file_ids'.", param="file_ids", code="missing_required_parameter"
        )
    return [Wanted(file_id=id, attributes=body.attributes or {}, chunking_strategy=strategy) for id in body.file_ids]


async def _batch(db: Connection, project: str, store_id: str, batch_id: str) -> FileBatch:
    batch = await file_batches.find_batch(db, project, store_id, batch_id)
    if batch is None:
        await existing_store(db, project, store_id)
        raise not_found("vector store file batch", batch_id)
    return batch
