"""Uploads: create, add parts, complete, cancel. A file that comes in pieces, and is one when all of them are there."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from proxy.errors import InvalidRequest, not_found
from proxy.ids import new_file_id, new_hex_id
from proxy.schema.files import CompleteUpload, CreateUpload, FileObject, Upload, UploadPart, UploadStatus
from proxy.services import Services
from proxy.store import Connection, files, uploads
from proxy.store.blobs import BlobMissing, KeptBlob, NewBlob
from proxy.store.uploads import StoredPart, StoredUpload

LIFETIME_SECONDS: Final = 3600
MOST_PART_BYTES: Final = 64 << 20


class NewPart(Struct, frozen=True, kw_only=True):
    """A part as it was received: its bytes are there, and become the operation's to keep or to discard."""

    content: NewBlob


class _Closed(Exception):
    """The upload is pending no longer: somebody was faster."""


async def create_upload(services: Services, *, project: str, body: CreateUpload) -> Upload:
    most = services.settings.files.max_upload_megabytes << 20
    if body.bytes > most:
        raise InvalidRequest(
            f"Invalid 'bytes': integer above maximum value. Expected a value <= {most}, but got {body.bytes} instead.",
            param="bytes",
            code="integer_above_max_value",
        )
    now = services.clock.now()
    upload = Upload(
        id=new_hex_id("upload"),
        bytes=body.bytes,
        created_at=now,
        filename=body.filename,
        purpose=body.purpose,
        status="pending",
        expires_at=now + LIFETIME_SECONDS,
    )
    kept_seconds = None if body.expires_after is None else body.expires_after.seconds
    await services.store.write(lambda db: uploads.insert_upload(db, project, upload, file_seconds=kept_seconds))
    return upload


async def begin_part(services: Services, expected_bytes: int) -> NewBlob:
    """Where the bytes of a part go that is on its way in; the part's id is its name. Raises `OutOfSpace`."""
    return await services.blobs.new(new_hex_id("part"), expected_bytes=expected_bytes)


async def add_upload_part(services: Services, *, project: str, upload_id: str, body: NewPart) -> UploadPart:
    content = body.content
    try:
        if not content.received:
            raise InvalidRequest("Part is empty.", param="data")
        kept = await content.keep()
        now = services.clock.now()
        part = UploadPart(id=content.name, created_at=now, upload_id=upload_id)
        added = await services.store.write(lambda db: uploads.insert_part(db, project, part, bytes=kept.bytes, now=now))
        if not added:
            raise _refused("add a part to", (await _find(services, project, upload_id)).upload, now)
    except Exception:
        await content.discard()  # as `create_file` does, and for its reasons
        raise
    return part


async def complete_upload(services: Services, *, project: str, upload_id: str, body: CompleteUpload) -> Upload:
    """Put the parts together in the order of the request. A client that asks for the same again gets the same."""
    stored = await _find(services, project, upload_id)
    now = services.clock.now()
    if _status(stored.upload, now) != "pending":
        return _completed_before(stored, body.part_ids, now)
    arrived = await services.store.read(lambda db: uploads.parts_of(db, project, upload_id))
    _check_parts(stored.upload, arrived, body.part_ids)
    content = await services.blobs.new(new_file_id(), expected_bytes=stored.upload.bytes, with_md5=body.md5 is not None)
    try:
        await _join(services, content, body.part_ids)
        kept = await content.keep()
        _check_md5(kept, body.md5)
        completed = _completed(stored, kept, content.name)
        part_ids = await services.store.write(lambda db: _save(db, project, completed, kept, body.part_ids))
    except (_Closed, BlobMissing) as lost:
        await content.discard()
        stored, now = await _find(services, project, upload_id), services.clock.now()
        if _status(stored.upload, now) == "pending":
            raise lost  # nobody was faster: the bytes are missing, which is a fault of the server
        return _completed_before(stored, body.part_ids, now)
    except Exception:
        await content.discard()
        raise
    await services.blobs.delete(part_ids)
    return completed


async def cancel_upload(services: Services, *, project: str, upload_id: str) -> Upload:
    stored = await _find(services, project, upload_id)
    now = services.clock.now()
    if _status(stored.upload, now) == "pending":
        cancelled = replace(stored.upload, status="cancelled")
        part_ids = await services.store.write(lambda db: uploads.close_upload(db, project, cancelled))
        if part_ids is not None:
            await services.blobs.delete(part_ids)
            return cancelled
        stored = await _find(services, project, upload_id)
    raise _refused("cancel", stored.upload, now)


async def _find(services: Services, project: str, upload_id: str) -> StoredUpload:
    stored = await services.store.read(lambda db: uploads.find_upload(db, project, upload_id))
    if stored is None:
        raise not_found("upload", upload_id)
    return stored


def _check_parts(upload: Upload, arrived: Sequence[StoredPart], part_ids: Sequence[str]) -> None:
    sizes = {part.id: part.bytes for part in arrived}
    together = 0
    for place, id in enumerate(part_ids):
        if id not in sizes:
            raise InvalidRequest(
                f"No part '{id}' found in upload '{upload.id}', or it is named twice.", param=f"part_ids[{place}]"
            )
        together += sizes.pop(id)
    if together != upload.bytes:
        raise InvalidRequest(
            f"The parts hold {together} bytes together, but the upload was created for {upload.bytes} bytes.",
            param="part_ids",
        )


def _check_md5(kept: KeptBlob, expected: str | None) -> None:
    if expected is not None and kept.md5 != expected.strip().lower():
        raise InvalidRequest(f"The MD5 checksum of the file is {kept.md5}, but {expected} was expected.", param="md5")


async def _join(services: Services, content: NewBlob, part_ids: Sequence[str]) -> None:
    for id in part_ids:
        async with aclosing(services.blobs.read(id)) as pieces:
            async for piece in pieces:
                await content.write(piece)


def _completed(stored: StoredUpload, kept: KeptBlob, file_id: str) -> Upload:
    upload = stored.upload
    file = FileObject(
        id=file_id,
        purpose=upload.purpose,
        filename=upload.filename,
        bytes=kept.bytes,
        created_at=upload.created_at,  # as the real service had it
        expires_at=None if stored.file_seconds is None else upload.created_at + stored.file_seconds,
    )
    return replace(upload, status="completed", file=file)


async def _save(db: Connection, project: str, completed: Upload, kept: KeptBlob, part_ids: Sequence[str]) -> list[str]:
    """The upload, and the file that came of it; the ids of the parts whose bytes can go."""
    parts = await uploads.close_upload(db, project, completed, part_ids=part_ids)
    if parts is None:
        raise _Closed
    assert isinstance(completed.file, FileObject)
    await files.insert_file(db, project, completed.file, sha256=kept.sha256)
    return parts


def _completed_before(stored: StoredUpload, part_ids: Sequence[str], now: int) -> Upload:
    """The answer to whoever asks a second time, because the first answer was lost on its way."""
    if stored.part_ids == list(part_ids):
        return stored.upload
    raise _refused("complete", stored.upload, now)


def _status(upload: Upload, now: int) -> UploadStatus:
    """As it is at that time, noted or not."""
    return "expired" if upload.status == "pending" and upload.expires_at <= now else upload.status


def _refused(what: str, upload: Upload, now: int) -> InvalidRequest:
    return InvalidRequest(f"Cannot {what} upload with status '{_status(upload, now)}'.")
