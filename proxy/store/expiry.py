"""Vector stores whose time is over: noted, no longer read for, and no longer found in."""

from typing import Final

from msgspec.structs import replace

from proxy.store.chunks import drop_sets_of_store
from proxy.store.database import Connection
from proxy.store.vector_store_files import cancel_entries
from proxy.store.vector_stores import find_store, overdue_stores, save_store

_AT_ONCE: Final = 100


async def expire_stores(db: Connection, now: int) -> int:
    """The most overdue of all projects; how many those were. Their files stay listed, and their chunks are nobody's."""
    overdue = await overdue_stores(db, now, _AT_ONCE)
    for each in overdue:
        store = await find_store(db, each.project, each.id)
        if store is not None:
            await save_store(db, each.project, replace(store, status="expired"))
            await cancel_entries(db, each.project, each.id)
            await drop_sets_of_store(db, each.project, each.id)
    return len(overdue)
