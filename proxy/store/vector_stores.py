"""Vector stores: questions and answers, the counts of their files, and their expiry."""

from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from proxy.schema.pages import ListParams, Page
from proxy.schema.vector_stores import VectorStore
from proxy.store.database import Connection
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page

SECONDS_OF_A_DAY: Final = 86_400

_decode = msgspec.json.Decoder(VectorStore).decode

_ONE = "SELECT doc FROM vector_stores WHERE id = :id AND project = :project"


class ExpiredStore(Struct, frozen=True, kw_only=True):
    id: str
    project: str


async def insert_store(db: Connection, project: str, store: VectorStore) -> None:
    await db.run(
        """
        INSERT INTO vector_stores (id, project, created_at, expires_at, doc)
        VALUES (:id, :project, :created_at, :expires_at, :doc)
        """,
        {
            "id": store.id,
            "project": project,
            "created_at": store.created_at,
            "expires_at": store.expires_at,
            "doc": to_doc(store),
        },
    )


async def find_store(db: Connection, project: str, id: str) -> VectorStore | None:
    row = await db.one(_ONE, {"id": id, "project": project})
    return None if row is None else _decode(row["doc"])


async def store_json(db: Connection, project: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "project": project})


async def list_stores(db: Connection, project: str, params: ListParams) -> Page:
    return await page(
        db,
        params,
        table="vector_stores",
        noun="vector store",
        scope="project = :project",
        binds={"project": project},
    )


async def save_store(db: Connection, project: str, store: VectorStore) -> bool:
    """Replace a stored one, as it was read in this transaction; False if there is none."""
    changed = await db.run(
        "UPDATE vector_stores SET expires_at = :expires_at, doc = :doc WHERE id = :id AND project = :project",
        {
            "id": store.id,
            "project": project,
            "expires_at": None if store.status == "expired" else store.expires_at,
            "doc": to_doc(store),
        },
    )
    return changed > 0


async def delete_store(db: Connection, project: str, id: str) -> bool:
    """With its batches and what it has of files; the files stay. Its chunks are nobody's from here on."""
    changed = await db.run(
        "DELETE FROM vector_stores WHERE id = :id AND project = :project", {"id": id, "project": project}
    )
    return changed > 0


async def store_expires(db: Connection, now: int) -> bool:
    """Whether the time of some store of any project is over and nobody has noted it."""
    row = await db.one(
        "SELECT 1 AS found FROM vector_stores WHERE expires_at IS NOT NULL AND expires_at <= :now LIMIT 1", {"now": now}
    )
    return row is not None


async def overdue_stores(db: Connection, now: int, limit: int) -> list[ExpiredStore]:
    rows = await db.all(
        """
        SELECT id, project FROM vector_stores
         WHERE expires_at IS NOT NULL AND expires_at <= :now
         ORDER BY expires_at LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [ExpiredStore(id=row["id"], project=row["project"]) for row in rows]


def active(store: VectorStore, at: int) -> VectorStore:
    """The store as it is when it was used at that second: its time begins anew. What has expired stays so."""
    if store.status == "expired":
        return store
    expires_at = None if store.expires_after is None else at + store.expires_after.days * SECONDS_OF_A_DAY
    return replace(store, last_active_at=at, expires_at=expires_at)
