"""The SQLite driver: one writer thread with group commit, a few reader threads, one thread hop per transaction.

How writes share a commit. The writer takes the first waiting transaction, begins, and then takes whatever else waits,
one after the other, each in a savepoint of its own; when nobody waits any more (or `MOST_PER_COMMIT` are in) it
commits, once. So writers that arrive while a commit is under way wait for it to end and share the next one.
Every member is answered after that fsync, never before. A member that raises is rolled back to its savepoint, and the
others go on. When the commit itself fails, or SQLite gives the whole transaction up (disk full, I/O error), every
member of that batch gets `DatabaseFailed`, nothing of it is visible, and the next batch starts afresh.

Nothing may be checked at commit that one member could break for all: the schema has no deferred constraints.

A transaction is an `async def`, but no event loop runs here: it is driven to its end in the thread. Its only awaits are
the verbs of its connection, which never suspend, so one step takes it there; if it suspends, it awaited something else.

A caller that is cancelled stops waiting; its write takes place all the same.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from proxy.store.database import Connection, ConstraintBroken, DatabaseFailed, Params, Row, StoreError, Work

T = TypeVar("T")

READERS: Final = 3
MOST_PER_COMMIT: Final = 256
BUSY_SECONDS: Final = 5.0  # how long another process (a backup, `sqlite3`) may keep us from writing

_PRAGMAS: Final = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",  # NORMAL would lose acknowledged commits of the last moments on power loss
    "PRAGMA fullfsync = ON",  # macOS only: there, fsync alone does not reach the disk
    "PRAGMA cache_size = -8000",
    "PRAGMA journal_size_limit = 67108864",
)


class SQLiteDatabase:
    """A database file, on the event loop that opened it."""

    def __init__(self, path: Path, *, readers: int = READERS) -> None:
        self.commits = 0
        """Commits so far: one for each batch of writes."""
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._writes: _Jobs = queue.SimpleQueue()
        self._reads: _Jobs = queue.SimpleQueue()
        with ExitStack() as opened:
            writing = opened.enter_context(closing(_open(path)))
            reading = [opened.enter_context(closing(_open(path, reading=True))) for _ in range(readers)]
            opened.pop_all()  # all or none; from here on the threads close them
        self._writer = _thread("store-writer", self._write, writing)
        self._readers = [_thread(f"store-reader-{n}", self._read, raw) for n, raw in enumerate(reading)]

    async def write(self, work: Work[T]) -> T:
        return await self._submit(self._writes, work)

    async def read(self, work: Work[T]) -> T:
        return await self._submit(self._reads, work)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._stop)

    async def _submit(self, jobs: "_Jobs", work: Work[T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.")
        job = _Job(work, self._loop.create_future())
        jobs.put(job)
        answer: T = await job.answer
        return answer

    def _stop(self) -> None:
        for _ in self._readers:
            self._reads.put(None)
        for reader in self._readers:
            reader.join()
        # The writer last: the last connection to close folds the write-ahead log into the database.
        self._writes.put(None)
        self._writer.join()

    # In the reader threads

    def _read(self, raw: sqlite3.Connection) -> None:
        connection = _Connection(raw)
        for job in iter(self._reads.get, None):
            if job.answer.cancelled():
                continue
            try:
                raw.execute("BEGIN")
                job.play(connection)
            except Exception as error:  # whatever it is, the thread goes on serving
                job.error = _translated(error)
            finally:
                _roll_back(raw)
            self._deliver([job])
        raw.close()

    # In the writer thread

    def _write(self, raw: sqlite3.Connection) -> None:
        connection = _Connection(raw)
        for first in iter(self._writes.get, None):
            members: list[_Job] = []
            try:
                raw.execute("BEGIN IMMEDIATE")
                for job in self._arrivals(first):
                    members.append(job)
                    _play_member(job, raw, connection)
                if any(job.error is None for job in members):
                    raw.execute("COMMIT")
                    self.commits += 1
            except Exception as error:  # whatever it is, the thread goes on serving
                # If it did not even begin, those who wait would each wait `BUSY_SECONDS` to meet the same end.
                members = members or list(self._arrivals(first))
                for job in members:
                    job.error = job.error or _translated(error)
            finally:
                _roll_back(raw)
            self._deliver(members)
        raw.close()

    def _arrivals(self, first: "_Job") -> "Iterator[_Job]":
        """The first job and those that wait behind it, each taken as late as possible."""
        yield first
        for _ in range(MOST_PER_COMMIT - 1):
            try:
                job = self._writes.get_nowait()
            except queue.Empty:
                return
            if job is None:  # closing: for the outer loop to see, after this batch
                self._writes.put(None)
                return
            yield job

    def _deliver(self, jobs: "list[_Job]") -> None:
        """One wake-up of the loop for a whole batch."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(_settle, jobs)


class _Job:
    """A transaction, the future that its caller awaits, and what came of it."""

    __slots__ = ("answer", "error", "value", "work")

    def __init__(self, work: Work[Any], answer: asyncio.Future[Any]) -> None:
        self.work = work
        self.answer = answer
        self.value: Any = None
        self.error: BaseException | None = None

    def play(self, connection: Connection) -> None:
        """Drive it to its end; what it raises is its own affair and becomes its outcome."""
        try:
            steps = self.work(connection).__await__()
            next(steps)
            steps.close()
            self.error = RuntimeError("A transaction awaited something other than its own connection.")
        except StopIteration as end:
            self.value = end.value
        except BaseException as error:
            self.error = error


_Jobs = queue.SimpleQueue[_Job | None]


def _settle(jobs: list[_Job]) -> None:
    """On the loop: answer those who still wait."""
    for job in jobs:
        if job.answer.done():  # its caller was cancelled
            continue
        if job.error is None:
            job.answer.set_result(job.value)
        else:
            job.answer.set_exception(job.error)
            job.error = None  # or the traceback and the job would keep each other alive


def _play_member(job: _Job, raw: sqlite3.Connection, connection: Connection) -> None:
    raw.execute("SAVEPOINT member")
    job.play(connection)
    if not raw.in_transaction:
        raise DatabaseFailed(f"SQLite gave up the transaction: {job.error}") from job.error
    if job.error is not None:
        raw.execute("ROLLBACK TO member")
    raw.execute("RELEASE member")


def _roll_back(raw: sqlite3.Connection) -> None:
    """Leave the connection outside of any transaction; SQLite has ended it already after most failures."""
    if raw.in_transaction:
        with suppress(sqlite3.Error):
            raw.execute("ROLLBACK")


class _Connection:
    """`Connection` over the standard library's: its verbs are coroutines that never suspend."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def one(self, sql: str, params: Params) -> Row | None:
        # To the end, also for one row: a statement that is still open would keep its transaction from ending.
        rows = self._execute(sql, params).fetchall()
        return rows[0] if rows else None

    async def all(self, sql: str, params: Params) -> list[Row]:
        return self._execute(sql, params).fetchall()

    async def run(self, sql: str, params: Params) -> int:
        return max(self._execute(sql, params).rowcount, 0)

    def _execute(self, sql: str, params: Params) -> sqlite3.Cursor:
        if not self._raw.in_transaction:
            # SQLite gave it up under a caller that went on regardless: what follows would commit by itself.
            raise DatabaseFailed("The transaction has ended.")
        try:
            return self._raw.execute(sql, params)
        except sqlite3.Error as error:
            raise _translated(error) from error


def _translated(error: Exception) -> Exception:
    """The one place where errors of SQLite become errors of the store."""
    match error:
        case sqlite3.IntegrityError():
            translated: StoreError = ConstraintBroken(str(error))
        case sqlite3.Error() | DatabaseFailed():
            translated = DatabaseFailed(str(error))
        case _:
            return error
    translated.__cause__ = error
    return translated


def _open(path: Path, *, reading: bool = False) -> sqlite3.Connection:
    # Opened here, so that a failure is the caller's; used in one thread only.
    raw = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        raw.row_factory = sqlite3.Row
        (mode,) = raw.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DatabaseFailed(f"{path} is on a file system that cannot hold SQLite's write-ahead log.")
        for pragma in _PRAGMAS:
            raw.execute(pragma)
        if reading:
            raw.execute("PRAGMA query_only = ON")
    except Exception as error:
        raw.close()
        raise _translated(error) from error
    return raw


def _thread(name: str, target: Callable[[sqlite3.Connection], None], raw: sqlite3.Connection) -> threading.Thread:
    thread = threading.Thread(target=target, args=(raw,), name=name, daemon=True)
    thread.start()
    return thread
