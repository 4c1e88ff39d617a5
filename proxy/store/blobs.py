"""The seam to file contents, kept beside the database or in a bucket: bytes under the name of an object of ours.

What keeps the two in step: bytes are durable under their name before a row names them, and a row is gone before its
bytes go. So whoever dies between the two leaves bytes that no row names, and `sweep` takes those away at the next
start. A row whose bytes are missing is damage from outside.

Names are ids of ours, never anything that a client chose.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from proxy.errors import Overloaded
from proxy.store.database import StoreError

PIECE_BYTES: Final = 1 << 20
"""As much of a content as is in memory at one time."""

_NAME: Final = re.compile(r"(file-|part_)[A-Za-z0-9]{2,64}")


class BlobMissing(StoreError):
    """The bytes that a row stands for are not there."""


class ContentsUnreachable(StoreError, Overloaded):
    """What holds the bytes does not answer, or refuses us. It may be over in a while; the log says why."""

    def __init__(
        self,
        message: str = "The server cannot reach its store of file contents at the moment. Please try again later.",
    ) -> None:
        super().__init__(message)
        Overloaded.__init__(self, message)


class KeptBlob(Struct, frozen=True, kw_only=True):
    bytes: int
    sha256: str
    """As hexadecimal digits, as `md5` is."""
    md5: str | None
    """None where it was not asked for."""


class NewBlob(Protocol):
    """Bytes on their way in. Whoever has it either keeps it or discards it."""

    name: str
    received: int
    """How many bytes so far."""

    async def write(self, piece: bytes) -> None:
        """Raises `OutOfSpace` or `ContentsUnreachable`; then there is nothing to be done but to discard it."""
        ...

    async def keep(self) -> KeptBlob:
        """Make it durable under its name. Raises as `write` does."""
        ...

    async def discard(self) -> None:
        """Leave nothing of it, kept or not. May be called at any time, and again."""
        ...


class Blobs(Protocol):
    """Whatever reads or looks raises `ContentsUnreachable` as well, where the bytes are on another machine."""

    async def new(self, name: str, *, expected_bytes: int = 0, with_md5: bool = False) -> NewBlob:
        """Begin one. Raises `OutOfSpace` where there is no room for so many bytes."""
        ...

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """Its bytes from `start`, in pieces. Raises `BlobMissing` at the first."""
        ...

    def local(self, name: str) -> AbstractAsyncContextManager[Path]:
        """A file on this machine with its bytes, to be read only, while the context is open. Raises `BlobMissing`."""
        ...

    async def delete(self, names: Iterable[str]) -> None:
        """Those that are not there are passed over."""
        ...

    async def sweep(self, known: Callable[[list[str]], Awaitable[set[str]]]) -> int:
        """Take away what no row names, and what was half written; how many. To be called before anything is new.

        `known` says which of some names rows name.
        """
        ...

    async def aclose(self) -> None:
        """Finish what was begun, then close."""
        ...


def is_name(text: str) -> bool:
    """Whether it can be the name of a blob: nothing that means anything to a file system or a URL."""
    return _NAME.fullmatch(text) is not None
