"""Files: create, list, look at, hand out, delete."""

from collections.abc import AsyncGenerator, Callable
from typing import Final, TypeVar

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from proxy.errors import InvalidRequest, NotFound
from proxy.ids import new_file_id
from proxy.schema.assistants import Assistant
from proxy.schema.files import FileDeleted, FileExpiry, FileObject, FilePage, ListFilesParams, Purpose
from proxy.schema.threads import Thread
from proxy.schema.tools import CodeInterpreterResources
from proxy.services import Services
from proxy.store import Connection, assistants, files, threads
from proxy.store.blobs import NewBlob

Owner = TypeVar("Owner", Assistant, Thread)

KEPT_TO_THE_SERVER: Final = frozenset({"assistants", "user_data"})
"""The purposes whose contents the real service did not hand out."""


class NewFile(Struct, frozen=True, kw_only=True):
    """A file as it was received: its bytes are there, and become the operation's to keep or to discard."""

    content: NewBlob
    filename: str
    purpose: Purpose
    expires_after: FileExpiry | None = None


class FileContent(Struct, frozen=True, kw_only=True):
    """What a file holds, to be read in the pieces that the client wants."""

    file: FileObject
    sha256: str
    read: Callable[[int, int], AsyncGenerator[bytes, None]]
    """Bytes from a start, of a length."""


def most_bytes(services: Services) -> int:
    return services.settings.files.max_file_megabytes << 20


async def begin_file(services: Services, expected_bytes: int) -> NewBlob:
    """Where the bytes of a file go that is on its way in; the file's id is its name. Raises `OutOfSpace`."""
    return await services.blobs.new(new_file_id(), expected_bytes=expected_bytes)


async def create_file(services: Services, *, project: str, body: NewFile) -> FileObject:
    content = body.content
    try:
        if not content.received:
            raise InvalidRequest("File is empty.", param="file")
        kept = await content.keep()
        now = services.clock.now()
        file = FileObject(
            id=content.name,
            purpose=body.purpose,
            filename=body.filename,
            bytes=kept.bytes,
            created_at=now,
            expires_at=None if body.expires_after is None else now + body.expires_after.seconds,
        )
        await services.store.write(lambda db: files.insert_file(db, project, file, sha256=kept.sha256))
    except Exception:
        # Not when cancelled: then the row may be there yet, and if it is not, the next start sweeps.
        await content.discard()
        raise
    return file


async def list_files(services: Services, *, project: str, params: ListFilesParams) -> FilePage:
    now = services.clock.now()
    page = await services.store.read(lambda db: files.list_files(db, project, params, now=now))
    return FilePage(data=page.data, has_more=page.has_more, first_id=page.first_id, last_id=page.last_id)


async def get_file(services: Services, *, project: str, file_id: str) -> Raw:
    now = services.clock.now()
    file = await services.store.read(lambda db: files.file_json(db, project, file_id, now=now))
    if file is None:
        raise no_such_file(file_id)
    return file


async def download_file(services: Services, *, project: str, file_id: str) -> FileContent:
    now = services.clock.now()
    stored = await services.store.read(lambda db: files.find_file(db, project, file_id, now=now))
    if stored is None:
        raise no_such_file(file_id)
    if services.settings.files.refuse_downloads and stored.file.purpose in KEPT_TO_THE_SERVER:
        raise InvalidRequest(f"Not allowed to download files of purpose: {stored.file.purpose}")
    return FileContent(
        file=stored.file,
        sha256=stored.sha256,
        read=lambda start, length: services.blobs.read(file_id, start=start, length=length),
    )


async def delete_file(services: Services, *, project: str, file_id: str) -> FileDeleted:
    now = services.clock.now()

    async def delete(db: Connection) -> None:
        if await files.find_file(db, project, file_id, now=now) is None:
            raise no_such_file(file_id)
        await files.delete_file(db, project, file_id)

    await services.store.write(delete)
    await clear_up(services, project, file_id)
    return FileDeleted(id=file_id)


async def clear_up(services: Services, project: str, file_id: str) -> None:
    """After its row is gone, so that nothing can name it again: take it out of what names it, and delete its bytes."""

    async def naming(db: Connection) -> tuple[list[str], list[str]]:
        return (
            await assistants.assistants_naming(db, project, file_id),
            await threads.threads_naming(db, project, file_id),
        )

    async def take_out(db: Connection) -> None:
        for id in assistant_ids:
            assistant = await assistants.find_assistant(db, project, id)
            if assistant is not None:
                await assistants.save_assistant(db, project, _without(file_id, assistant))
        for id in thread_ids:
            thread = await threads.find_thread(db, project, id)
            if thread is not None:
                await threads.save_thread(db, project, _without(file_id, thread))

    # Looked for beside the writer, because it takes a look at everything that the project has.
    assistant_ids, thread_ids = await services.store.read(naming)
    if assistant_ids or thread_ids:
        await services.store.write(take_out)
    await services.blobs.delete([file_id])


def no_such_file(file_id: str) -> NotFound:
    return NotFound(f"No such File object: {file_id}", param="id")


def _without(file_id: str, owner: Owner) -> Owner:
    code = owner.tool_resources.code_interpreter
    if code is UNSET or file_id not in code.file_ids:
        return owner
    left = CodeInterpreterResources(file_ids=[id for id in code.file_ids if id != file_id])
    return replace(owner, tool_resources=replace(owner.tool_resources, code_interpreter=left))
