"""Batches of files that were put into a vector store together: questions and answers."""

import msgspec
from msgspec import Raw

from proxy.errors import not_found
from proxy.schema.vector_stores import FileBatch
from proxy.store.database import Connection
from proxy.store.documents import stored_json, to_doc

_decode = msgspec.json.Decoder(FileBatch).decode

_ONE = "SELECT doc FROM vector_store_batches WHERE id = :id AND store_id = :store_id AND project = :project"


async def insert_batch(db: Connection, project: str, batch: FileBatch) -> None:
    """Empty: whoever puts files into it counts them. Raises `NotFound` without its store."""
    inserted = await db.run(
        """
        INSERT INTO vector_store_batches (id, project, store_id, created_at, doc)
        SELECT :id, project, id, :created_at, :doc FROM vector_stores WHERE id = :store_id AND project = :project
        """,
        {
            "id": batch.id,
            "project": project,
            "store_id": batch.vector_store_id,
            "created_at": batch.created_at,
            "doc": to_doc(batch),
        },
    )
    if not inserted:
        raise not_found("vector store", batch.vector_store_id)


async def find_batch(db: Connection, project: str, store_id: str, id: str) -> FileBatch | None:
    row = await db.one(_ONE, {"id": id, "store_id": store_id, "project": project})
    return None if row is None else _decode(row["doc"])


async def batch_json(db: Connection, project: str, store_id: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "store_id": store_id, "project": project})


async def save_batch(db: Connection, project: str, batch: FileBatch) -> bool:
    """Replace a stored one, as it was read in this transaction; False if there is none."""
    changed = await db.run(
        "UPDATE vector_store_batches SET doc = :doc WHERE id = :id AND project = :project",
        {"id": batch.id, "project": project, "doc": to_doc(batch)},
    )
    return changed > 0
