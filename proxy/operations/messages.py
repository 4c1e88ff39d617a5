"""Messages: create, list, look at, modify, delete."""

import asyncio
from collections.abc import Sequence
from typing import Any, assert_never

from msgspec import UNSET, Raw, to_builtins
from msgspec.structs import replace

from proxy.errors import InvalidRequest, ThreadIsBusy, not_found
from proxy.ids import new_id
from proxy.operations.active import when_free
from proxy.operations.attachments import attach, attached_files
from proxy.operations.references import check_files_of
from proxy.schema.fields import Deleted
from proxy.schema.messages import (
    Attachment,
    Content,
    ContentInput,
    CreateMessage,
    ImageFile,
    ImageFileContent,
    ImageFileInput,
    ImageURL,
    ImageURLContent,
    ImageURLInput,
    Message,
    ModifyMessage,
    Text,
    TextContent,
    TextInput,
)
from proxy.schema.pages import ListMessagesParams, Page
from proxy.services import Services
from proxy.store import Connection, messages, threads


async def create_message(
    services: Services,
    *,
    project: str,
    thread_id: str,
    body: CreateMessage,
    gone: asyncio.Future[None] | None = None,
) -> Message:
    given = new_message(body, thread_id=thread_id, at=0)

    async def save(db: Connection) -> Message:
        # In the transaction that inserts: a run that begins meanwhile either sees the message or refuses it.
        state = await threads.thread_state(db, project, thread_id)
        if state is None:
            raise not_found("thread", thread_id)
        if state.active_run is not None:
            refusal = f"Can't add messages to {thread_id} while a run {state.active_run} is active."
            raise ThreadIsBusy(refusal, run_id=state.active_run)
        # The time of its insertion: lists are in the order of time, and it may have waited for another's message.
        message = replace(given, created_at=services.clock.now())
        await add_messages(db, project, thread_id, [message])
        return message

    message = await when_free(services, project, thread_id, lambda: services.store.write(save), gone=gone)
    services.ingestion.wake()
    return message


async def list_messages(services: Services, *, project: str, thread_id: str, params: ListMessagesParams) -> Page:
    async def read(db: Connection) -> Page:
        await _check_thread(db, project, thread_id)
        return await messages.list_messages(db, project, thread_id, params)

    return await services.store.read(read)


async def get_message(services: Services, *, project: str, thread_id: str, message_id: str) -> Raw:
    async def read(db: Connection) -> Raw:
        message = await messages.message_json(db, project, thread_id, message_id)
        if message is None:
            await _check_thread(db, project, thread_id)
            raise not_found("message", message_id)
        return message

    return await services.store.read(read)


async def modify_message(
    services: Services, *, project: str, thread_id: str, message_id: str, body: ModifyMessage
) -> Message:
    async def save(db: Connection) -> Message:
        message = await messages.find_message(db, project, thread_id, message_id)
        if message is None:
            await _check_thread(db, project, thread_id)
            raise not_found("message", message_id)
        if body.metadata is UNSET:
            return message
        modified = replace(message, metadata=body.metadata or {})
        await messages.save_message(db, project, modified)
        return modified

    return await services.store.write(save)


async def delete_message(services: Services, *, project: str, thread_id: str, message_id: str) -> Deleted:
    async def delete(db: Connection) -> None:
        if not await messages.delete_message(db, project, thread_id, message_id):
            await _check_thread(db, project, thread_id)
            raise not_found("message", message_id)

    await services.store.write(delete)
    return Deleted(id=message_id, object="thread.message.deleted")


async def add_messages(db: Connection, project: str, thread_id: str, new: Sequence[Message]) -> None:
    """To a thread that there is, with the files that they bring into its vector store."""
    if new:
        await check_files_of(db, project, new, at=new[0].created_at)
    if attached_files(new):
        thread = await threads.find_thread(db, project, thread_id)
        if thread is None:
            raise not_found("thread", thread_id)
        await threads.save_thread(db, project, await attach(db, project, thread, new, at=new[0].created_at))
    await messages.insert_messages(db, project, new)


def new_message(body: CreateMessage, *, thread_id: str, at: int, param: str = "") -> Message:
    """A message as it is answered, not saved yet. `param` is where the body stands in the request."""
    if not body.content:
        raise InvalidRequest("Message content must be non-empty.", param=f"{param}.content" if param else "content")
    parts = [TextInput(text=body.content)] if isinstance(body.content, str) else body.content
    return Message(
        id=new_id("msg"),
        created_at=at,
        thread_id=thread_id,
        role=body.role,
        content=[_answered(part) for part in parts],
        attachments=[_echoed(attachment) for attachment in body.attachments or ()],
        metadata=body.metadata or {},
    )


def _answered(part: ContentInput) -> Content:
    match part:
        case TextInput(text=text):
            return TextContent(text=Text(value=text))
        case ImageFileInput(image_file=file):
            return ImageFileContent(image_file=ImageFile(file_id=file.file_id, detail=file.detail or "auto"))
        case ImageURLInput(image_url=image):
            return ImageURLContent(image_url=ImageURL(url=image.url, detail=image.detail or "auto"))
        case _:
            assert_never(part)


def _echoed(attachment: Attachment) -> dict[str, Any]:
    given: dict[str, Any] = to_builtins(attachment)
    return {name: value for name, value in given.items() if value is not None}


async def _check_thread(db: Connection, project: str, thread_id: str) -> None:
    if await threads.thread_state(db, project, thread_id) is None:
        raise not_found("thread", thread_id)
