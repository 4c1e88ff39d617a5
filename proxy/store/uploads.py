"""Uploads and their parts: questions and answers. What changes an upload is a compare-and-set on its being pending."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from proxy.schema.files import Upload, UploadPart
from proxy.store.database import Connection
from proxy.store.documents import to_doc

_decode = msgspec.json.Decoder(Upload).decode
_decode_ids = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class StoredUpload(Struct, frozen=True, kw_only=True):
    upload: Upload
    file_seconds: int | None
    """How long the file that comes of it is kept; None for ever."""
    part_ids: list[str] | None
    """What it was completed with; None until it is."""


class StoredPart(Struct, frozen=True, kw_only=True):
    id: str
    bytes: int


class ExpiredUpload(Struct, frozen=True, kw_only=True):
    project: str
    upload: Upload


async def insert_upload(db: Connection, project: str, upload: Upload, *, file_seconds: int | None) -> None:
    await db.run(
        """
        INSERT INTO uploads (id, project, created_at, status, expires_at, file_seconds, doc)
        VALUES (:id, :project, :created_at, :status, :expires_at, :file_seconds, :doc)
        """,
        {
            "id": upload.id,
            "project": project,
            "created_at": upload.created_at,
            "status": upload.status,
            "expires_at": upload.expires_at,
            "file_seconds": file_seconds,
            "doc": to_doc(upload),
        },
    )


async def find_upload(db: Connection, project: str, id: str) -> StoredUpload | None:
    row = await db.one(
        "SELECT doc, file_seconds, part_ids FROM uploads WHERE id = :id AND project = :project",
        {"id": id, "project": project},
    )
    if row is None:
        return None
    return StoredUpload(
        upload=_decode(row["doc"]),
        file_seconds=row["file_seconds"],
        part_ids=None if row["part_ids"] is None else _decode_ids(row["part_ids"]),
    )


async def close_upload(
    db: Connection, project: str, upload: Upload, *, part_ids: Sequence[str] | None = None
) -> list[str] | None:
    """Save an upload that is pending no longer; None if it was not pending any more.

    Its parts are taken out, and their ids returned, so that their bytes can go when this is committed.
    `part_ids` are given when it was completed.
    """
    changed = await db.run(
        """
        UPDATE uploads SET status = :status, part_ids = :part_ids, doc = :doc
         WHERE id = :id AND project = :project AND status = 'pending'
        """,
        {
            "id": upload.id,
            "project": project,
            "status": upload.status,
            "part_ids": None if part_ids is None else _encode(part_ids).decode(),
            "doc": to_doc(upload),
        },
    )
    if not changed:
        return None
    parts = await parts_of(db, project, upload.id)
    await db.run("DELETE FROM upload_parts WHERE upload_id = :upload_id", {"upload_id": upload.id})
    return [part.id for part in parts]


async def insert_part(db: Connection, project: str, part: UploadPart, *, bytes: int, now: int) -> bool:
    """False if its upload is gone, or pending no longer."""
    # Selecting from the upload, and not VALUES, keeps a part out of one that was closed meanwhile.
    changed = await db.run(
        """
        INSERT INTO upload_parts (id, project, upload_id, created_at, bytes, doc)
        SELECT :id, project, id, :created_at, :bytes, :doc
          FROM uploads
         WHERE id = :upload_id AND project = :project AND status = 'pending' AND expires_at > :now
        """,
        {
            "id": part.id,
            "project": project,
            "upload_id": part.upload_id,
            "created_at": part.created_at,
            "bytes": bytes,
            "now": now,
            "doc": to_doc(part),
        },
    )
    return changed > 0


async def parts_of(db: Connection, project: str, upload_id: str) -> list[StoredPart]:
    """In the order of their arrival, which need not be that of the file."""
    rows = await db.all(
        "SELECT id, bytes FROM upload_parts WHERE upload_id = :upload_id AND project = :project ORDER BY seq",
        {"upload_id": upload_id, "project": project},
    )
    return [StoredPart(id=row["id"], bytes=row["bytes"]) for row in rows]


async def expired_uploads(db: Connection, now: int, limit: int) -> list[ExpiredUpload]:
    """Of all projects, those that are pending although their time is over."""
    rows = await db.all(
        """
        SELECT project, doc FROM uploads
         WHERE status = 'pending' AND expires_at <= :now
         ORDER BY expires_at LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [ExpiredUpload(project=row["project"], upload=_decode(row["doc"])) for row in rows]
