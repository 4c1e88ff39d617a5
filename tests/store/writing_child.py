"""A process that writes threads with messages, several at a time, and prints each id once its write is acknowledged."""

import asyncio
import sys
from pathlib import Path

from proxy.clock import SystemClock
from proxy.store import Connection, Store
from proxy.store.messages import insert_messages
from proxy.store.threads import insert_thread
from tests.builders import a_message, a_thread

WRITERS = 6


async def write_for_ever(store: Store) -> None:
    while True:
        thread = a_thread()
        message = a_message(thread_id=thread.id)

        async def work(db: Connection, thread=thread, message=message) -> None:  # type: ignore[no-untyped-def]
            await insert_thread(db, "home", thread)
            await insert_messages(db, "home", [message])

        await store.write(work)
        print(thread.id, message.id, flush=True)


async def main(directory: Path) -> None:
    store = await Store.open(directory, SystemClock())
    await asyncio.gather(*(write_for_ever(store) for _ in range(WRITERS)))


asyncio.run(main(Path(sys.argv[1])))
