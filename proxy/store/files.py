"""Files: questions and answers. A file whose time is over is nobody's, from that second on, swept away or not."""

from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct

from proxy.schema.files import FileObject, ListFilesParams
from proxy.schema.pages import Page
from proxy.store.database import Connection, Value
from proxy.store.documents import stored_json, to_doc
from proxy.store.paging import page
from proxy.store.vector_store_files import detach_everywhere

_decode = msgspec.json.Decoder(FileObject).decode

_ALIVE = "(expires_at IS NULL OR expires_at > :now)"
_ONE = f"SELECT doc, sha256 FROM files WHERE id = :id AND project = :project AND {_ALIVE}"


class StoredFile(Struct, frozen=True, kw_only=True):
    file: FileObject
    sha256: str
    """Of its bytes, as hexadecimal digits."""


class ExpiredFile(Struct, frozen=True, kw_only=True):
    id: str
    project: str


async def insert_file(db: Connection, project: str, file: FileObject, *, sha256: str) -> None:
    """To be called when its bytes are durable, and not before."""
    await db.run(
        """
        INSERT INTO files (id, project, created_at, purpose, expires_at, sha256, doc)
        VALUES (:id, :project, :created_at, :purpose, :expires_at, :sha256, :doc)
        """,
        {
            "id": file.id,
            "project": project,
            "created_at": file.created_at,
            "purpose": file.purpose,
            "expires_at": file.expires_at,
            "sha256": sha256,
            "doc": to_doc(file),
        },
    )


async def find_file(db: Connection, project: str, id: str, *, now: int) -> StoredFile | None:
    row = await db.one(_ONE, {"id": id, "project": project, "now": now})
    return None if row is None else StoredFile(file=_decode(row["doc"]), sha256=row["sha256"])


async def find_files(db: Connection, project: str, ids: Iterable[str], *, now: int) -> dict[str, FileObject]:
    """Those of the ids that there are, by id. A few thousand ids at the most."""
    binds: dict[str, Value] = {f"id_{n}": id for n, id in enumerate(dict.fromkeys(ids))}
    places = ", ".join(f":{name}" for name in binds)
    rows = await db.all(
        f"SELECT id, doc FROM files WHERE id IN ({places}) AND project = :project AND {_ALIVE}",
        {**binds, "project": project, "now": now},
    )
    return {row["id"]: _decode(row["doc"]) for row in rows}


async def file_json(db: Connection, project: str, id: str, *, now: int) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "project": project, "now": now})


async def list_files(db: Connection, project: str, params: ListFilesParams, *, now: int) -> Page:
    """A cursor may be any file of the project, of whatever purpose."""
    binds: dict[str, Value] = {"project": project, "now": now}
    if params.purpose is not None:
        binds["purpose"] = params.purpose
    return await page(
        db,
        params,
        table="files",
        noun="file",
        scope="project = :project",
        binds=binds,
        condition=_ALIVE if params.purpose is None else f"purpose = :purpose AND {_ALIVE}",
    )


async def delete_file(db: Connection, project: str, id: str) -> bool:
    """Also from the vector stores it is in. The row first, then its bytes: what dies between leaves litter, and never a
    file without bytes.
    """
    await detach_everywhere(db, project, id)
    return await db.run("DELETE FROM files WHERE id = :id AND project = :project", {"id": id, "project": project}) > 0


async def expired_files(db: Connection, now: int, limit: int) -> list[ExpiredFile]:
    """Of all projects, those whose time was over first."""
    rows = await db.all(
        """
        SELECT id, project FROM files
         WHERE expires_at IS NOT NULL AND expires_at <= :now
         ORDER BY expires_at LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [ExpiredFile(id=row["id"], project=row["project"]) for row in rows]


async def known_blobs(db: Connection, names: Iterable[str]) -> set[str]:
    """Those of the names whose bytes a row stands for: of a file, or of a part of an upload. Any project's."""
    binds: dict[str, Value] = {f"name_{n}": name for n, name in enumerate(names)}
    places = ", ".join(f":{name}" for name in binds)
    rows = await db.all(
        f"SELECT id FROM files WHERE id IN ({places}) UNION ALL SELECT id FROM upload_parts WHERE id IN ({places})",
        binds,
    )
    return {row["id"] for row in rows}
