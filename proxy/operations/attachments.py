"""Files attached to messages for file search: they go into the thread's vector store, which is made if absent."""

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from proxy.operations.filling import EXPIRY_OF_HELPERS, Wanted, fill, has_expired, new_store
from proxy.schema.messages import Message
from proxy.schema.threads import Thread
from proxy.schema.tools import FileSearchResources
from proxy.schema.vector_stores import VectorStore
from proxy.store import Connection, vector_stores
from proxy.store.expiry import expire_stores


def attached_files(messages: Iterable[Message]) -> list[str]:
    """The files that messages bring for file search, each once."""
    attachments = (attachment for message in messages for attachment in message.attachments)
    found = {
        attachment["file_id"]: None
        for attachment in attachments
        if "file_id" in attachment and {"type": "file_search"} in attachment.get("tools", ())
    }
    return list(found)


async def attach(db: Connection, project: str, thread: Thread, messages: Iterable[Message], *, at: int) -> Thread:
    """Put what messages bring into the thread's store; the thread as it is then, which is for the caller to save.

    In the transaction that saves the messages. Deleting a message later undoes none of it.
    """
    file_ids = attached_files(messages)
    if not file_ids:
        return thread
    store = await _store_of(db, project, thread, at=at)
    if store is None:
        store = new_store(at=at, expires_after=EXPIRY_OF_HELPERS)
        await vector_stores.insert_store(db, project, store)
        search = FileSearchResources(vector_store_ids=[store.id])
        thread = replace(thread, tool_resources=replace(thread.tool_resources, file_search=search))
    await fill(db, project, store, [Wanted(file_id=id) for id in file_ids], at=at)
    return thread


async def _store_of(db: Connection, project: str, thread: Thread, *, at: int) -> VectorStore | None:
    """None if the thread names none, or one that was deleted. Raises `InvalidRequest` for one that has expired."""
    search = thread.tool_resources.file_search
    if search is UNSET or not search.vector_store_ids:
        return None
    await expire_stores(db, at)
    store = await vector_stores.find_store(db, project, search.vector_store_ids[0])
    if store is not None and store.status == "expired":
        raise has_expired(store.id)
    return store
