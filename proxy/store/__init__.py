"""The only SQL. Questions are asked in the words of the API and answered with Structs, pages, or stored JSON.

A map, in reading order:

- `database.py` is the seam: the three verbs of a `Connection`, the two transactions of a `Database`, and what can fail.
- `sqlite.py` is the driver, and the home of the group commit.
- `migrations/` holds the schema in numbered steps; a database from a newer version is refused.
- `assistants.py threads.py messages.py runs.py steps.py files.py uploads.py keys.py` are the questions, each a function
  of a connection, so several make one transaction: `await store.write(work)`, where `work` is an `async def` with one
  parameter.
- `paging.py` is what all lists share; `documents.py` how an object and its row belong together.
- `blobs.py` is the seam to the contents of files; behind it is `blob_directory.py`, or `blob_bucket.py` with `bucket/`.
- `claims.py` knows which bucket is this database's.
- `lock.py` keeps a second server off the data directory.

Every question of a client names its project. A row's `doc` is the JSON its object is answered with, and lists are put
together from stored documents that nobody decodes. Rows are ordered by (created_at, seq): seconds, then insertion.
"""

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TypeVar

from proxy.clock import Clock
from proxy.store.database import Connection, StoreError, Work
from proxy.store.lock import DirectoryLock
from proxy.store.migrations import apply, migrations_for, pending
from proxy.store.sqlite import READERS, SQLiteDatabase

__all__ = ["Connection", "Store", "StoreError", "Work"]

T = TypeVar("T")

FILE_NAME = "understudy.sqlite"


class Store:
    """Everything a server keeps in its data directory, on the event loop that opened it."""

    def __init__(self, directory: Path, database: SQLiteDatabase, lock: DirectoryLock | None) -> None:
        self.directory = directory
        self._database = database
        self._lock = lock
        self._searches = asyncio.Semaphore(READERS - 1)

    @classmethod
    async def open(cls, directory: Path, clock: Clock, *, beside_server: bool = False) -> "Store":
        """Open the directory, made if it is missing, and bring its database to the newest version.

        One server holds a directory: a second gets `DirectoryInUse`. A short command that works `beside_server` may
        open it too, and holds it only while there is something to migrate.
        """
        lock = _prepare(directory, hold=not beside_server)
        try:
            database = SQLiteDatabase(directory / FILE_NAME)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        store = cls(directory, database, lock)
        try:
            await store._migrate(clock)
        except BaseException:
            await store.aclose()
            raise
        return store

    @property
    def exclusive(self) -> bool:
        """Whether no other server can have this directory open, so that older claims on runs belong to the dead."""
        return self._lock is not None and self._lock.held

    @property
    def commits(self) -> int:
        """Commits so far; writes that waited together shared one."""
        return self._database.commits

    async def write(self, work: Work[T]) -> T:
        """Run `work(connection)` as one transaction, and return what it returns once that is on disk.

        If it raises, its own changes are undone and nobody else's. It may await its connection only.
        """
        return await self._database.write(work)

    async def read(self, work: Work[T]) -> T:
        """Run `work(connection)` on one snapshot, which shows every write that was answered before."""
        return await self._database.read(work)

    async def search(self, work: Work[T]) -> T:
        """Like `read`, for what takes long: a reader is left to all others, however many search."""
        async with self._searches:
            return await self.read(work)

    async def ping(self) -> float:
        """Seconds that a way through the writer and a reader takes; writes nothing."""
        started = time.perf_counter()
        await self._database.write(_nothing)
        await self._database.read(_one)
        return time.perf_counter() - started

    async def aclose(self) -> None:
        """Finish what was submitted, close, and let others have the directory."""
        try:
            await self._database.aclose()
        finally:
            if self._lock is not None:
                self._lock.release()

    async def _migrate(self, clock: Clock) -> None:
        """Each migration in a transaction of its own."""
        missing = await self.write(partial(pending, migrations=migrations_for("sqlite")))
        if not missing:
            return
        lock = DirectoryLock(self.directory) if self._lock is None else None  # never under a server that runs
        try:
            for migration in missing:
                await self.write(partial(apply, migration=migration, at=clock.now()))
        finally:
            if lock is not None:
                lock.release()


def _prepare(directory: Path, *, hold: bool) -> DirectoryLock | None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return DirectoryLock(directory) if hold else None


async def _nothing(db: Connection) -> None:
    """A write transaction that writes nothing, and so needs no fsync."""


async def _one(db: Connection) -> None:
    await db.one("SELECT version FROM schema_migrations LIMIT 1", {})
