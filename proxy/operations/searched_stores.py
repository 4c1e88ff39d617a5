"""The vector stores that a run searches: found when it is created, and used by that."""

from typing import Final

from msgspec import UNSET, Struct

from proxy.operations.filling import has_expired
from proxy.schema.assistants import Assistant
from proxy.schema.runs import Run
from proxy.schema.tools import FileSearchTool, ToolResources
from proxy.store import Connection, threads, vector_stores
from proxy.store.expiry import expire_stores

ACTIVE_SECONDS: Final = 60
"""So long after it was noted that a store is used, it is not noted again."""


class SearchedStores(Struct, frozen=True, kw_only=True):
    of_assistant: tuple[str, ...] = ()
    of_thread: tuple[str, ...] = ()


async def searched_stores(db: Connection, project: str, run: Run, assistant: Assistant) -> SearchedStores:
    """Those of the assistant and of the thread that there are, in the transaction that saves the run.

    Raises `InvalidRequest` for one that has expired.
    """
    if not any(isinstance(tool, FileSearchTool) for tool in run.tools):
        return SearchedStores()
    thread = await threads.find_thread(db, project, run.thread_id)
    await expire_stores(db, run.created_at)
    return SearchedStores(
        of_assistant=await _used(db, project, assistant.tool_resources, run.created_at),
        of_thread=() if thread is None else await _used(db, project, thread.tool_resources, run.created_at),
    )


async def _used(db: Connection, project: str, resources: ToolResources, at: int) -> tuple[str, ...]:
    """One that was deleted is passed over, as the real service did."""
    used = []
    for store_id in () if resources.file_search is UNSET else resources.file_search.vector_store_ids:
        store = await vector_stores.find_store(db, project, store_id)
        if store is None:
            continue
        if store.status == "expired":
            raise has_expired(store_id)
        if at - store.last_active_at >= ACTIVE_SECONDS:
            await vector_stores.save_store(db, project, vector_stores.active(store, at))
        used.append(store_id)
    return tuple(used)
