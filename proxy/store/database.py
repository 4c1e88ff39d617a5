"""The seam between the questions of the store and a database: three verbs on a connection, two kinds of transaction.

StoreError
 ├─ DirectoryInUse     another process keeps this data directory
 ├─ NewerDatabase      written by a newer version of this program
 ├─ ConstraintBroken   a row that the schema forbids
 └─ DatabaseFailed     disk full, I/O error, locked out: nothing was acknowledged

Drivers translate their database's errors into these, so nobody above the store names a driver.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Value = str | int | float | bytes | None
Params = Mapping[str, Value]


class StoreError(Exception):
    """The store cannot do what it was asked, for a reason outside of the question."""


class DirectoryInUse(StoreError):
    pass


class NewerDatabase(StoreError):
    pass


class ConstraintBroken(StoreError):
    pass


class DatabaseFailed(StoreError):
    pass


class Row(Protocol):
    def __getitem__(self, column: str, /) -> Any: ...


class Connection(Protocol):
    """A connection inside a transaction. SQL names its parameters `:so`; it is valid until its transaction ends."""

    async def one(self, sql: str, params: Params) -> Row | None:
        """The first row, or None."""
        ...

    async def all(self, sql: str, params: Params) -> list[Row]: ...

    async def run(self, sql: str, params: Params) -> int:
        """Run a statement; the number of rows it changed."""
        ...


Work = Callable[[Connection], Awaitable[T]]


class Database(Protocol):
    async def write(self, work: Work[T]) -> T:
        """Run `work` as one transaction and return what it returns once that is on disk.

        What `work` raises undoes its own changes only, and is raised here.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work` on one snapshot of everything that was committed before."""
        ...

    async def aclose(self) -> None:
        """Finish what was submitted, then close."""
        ...
