"""File contents in a directory: written beside their place, made durable, then renamed into it.

`<data>/blobs/<the last two characters of the name>/<name>`; what is on its way in is in `<data>/blobs/incoming`.
All of it happens in threads, a piece at a time, so neither memory nor the event loop notices how large a file is. The
threads are its own: a disk that is slow to sync must not keep others from looking up a model server's address.
"""

import asyncio
import errno
import hashlib
import logging
import os
import shutil
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, TypeVar

from proxy.errors import OutOfSpace
from proxy.store.blobs import PIECE_BYTES, BlobMissing, KeptBlob, NewBlob, is_name

if sys.platform == "darwin":
    import fcntl

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS: Final = 8
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DirectoryBlobs:
    """`Blobs` in a directory, which is made if it is missing. So many bytes of its disk are left free."""

    def __init__(self, directory: Path, *, keep_free_bytes: int = 0) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        self._keep_free_bytes = keep_free_bytes
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="blobs")
        self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def new(self, name: str, *, expected_bytes: int = 0, with_md5: bool = False) -> NewBlob:
        def begin() -> _Arriving:
            self.check_room(expected_bytes)
            try:
                return _Arriving(self, name, self._incoming / name, self._path(name), with_md5=with_md5)
            except OSError as error:
                raise _translated(error) from error

        return await self._begun(begin, _Arriving.discard_now)

    async def read(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        file = await self._begun(lambda: self._open(name, start), lambda file: file.close())
        try:
            left = length
            while left is None or left > 0:
                wanted = PIECE_BYTES if left is None else min(left, PIECE_BYTES)
                piece = await self.in_thread(partial(file.read, wanted))
                if not piece:
                    return
                left = None if left is None else left - len(piece)
                yield piece
        finally:
            file.close()  # it has a lock of its own: a thread that still reads is waited for

    @asynccontextmanager
    async def local(self, name: str) -> AsyncIterator[Path]:
        path = self._path(name)
        if not await self.in_thread(path.is_file):
            raise BlobMissing(f"The content of {name} is not there.")
        yield path

    async def delete(self, names: Iterable[str]) -> None:
        listed = list(names)
        await self.in_thread(lambda: self._delete(listed))

    async def sweep(self, known: Callable[[list[str]], Awaitable[set[str]]]) -> int:
        half_written = await self.in_thread(lambda: self._listed(self._incoming))
        for name in half_written:
            await self.in_thread((self._incoming / name).unlink)
        swept = len(half_written)
        for shard in await self.in_thread(self._shards):
            names = await self.in_thread(partial(self._listed, shard))
            litter = set(names) - await known(names)
            await self.delete(litter)
            swept += len(litter)
        return swept

    async def aclose(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)

    def in_thread(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begins at once, and goes on to its end although nobody waits for it any more."""
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _begun(self, begin: Callable[[], T], end: Callable[[T], None]) -> T:
        """What a thread opens; closed again where the caller was cancelled before it could have it."""
        beginning = self.in_thread(begin)

        def undo(begun: asyncio.Future[T]) -> None:
            if begun.exception() is None:
                end(begun.result())

        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(undo)
            raise

    def check_room(self, bytes: int) -> None:
        """Raises `OutOfSpace` where so many more would not leave enough of the disk free."""
        free = shutil.disk_usage(self._directory).free
        if bytes + self._keep_free_bytes > free:
            log.error(
                "no room for a file: %d bytes of the disk are free, %d are kept free", free, self._keep_free_bytes
            )
            raise no_room()

    def _path(self, name: str) -> Path:
        if not is_name(name):
            raise ValueError(f"{name!r} is no name for a blob")
        return self._directory / name[-2:] / name

    def _open(self, name: str, start: int) -> IO[bytes]:
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(f"The content of {name} is not there.") from error
        file.seek(start)
        return file

    def _delete(self, names: list[str]) -> None:
        for name in names:
            try:
                self._path(name).unlink(missing_ok=True)
            except OSError:  # its row is gone, and the next start sweeps
                log.exception("the content of %s could not be deleted", name)

    def _shards(self) -> list[Path]:
        return sorted(path for path in self._directory.iterdir() if path.is_dir() and len(path.name) == 2)

    def _listed(self, directory: Path) -> list[str]:
        """The blobs in it; whatever else somebody put there is left alone."""
        return [entry.name for entry in os.scandir(directory) if is_name(entry.name)]


class _Arriving:
    """`NewBlob`. Each method that ends in `now` blocks, and is called in a thread.

    A caller that is cancelled leaves its thread at work. So they take turns, and what comes after `discard` does
    nothing.
    """

    def __init__(self, home: DirectoryBlobs, name: str, path: Path, place: Path, *, with_md5: bool) -> None:
        self.name = name
        self.received = 0
        self._home = home
        self._path = path
        self._place = place
        self._pieces: list[bytes] = []
        self._held = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._turn = threading.Lock()
        self._discarded = False
        self._file: IO[bytes] = path.open("xb")

    async def write(self, piece: bytes) -> None:
        self.received += len(piece)
        self._held += len(piece)
        self._pieces.append(piece)
        if self._held >= PIECE_BYTES:  # a change of threads for each packet would cost more than the writing
            await self._home.in_thread(partial(self._write_now, self._taken()))

    async def keep(self) -> KeptBlob:
        await self._home.in_thread(partial(self._keep_now, self._taken()))
        return KeptBlob(
            bytes=self.received,
            sha256=self._sha256.hexdigest(),
            md5=None if self._md5 is None else self._md5.hexdigest(),
        )

    async def discard(self) -> None:
        self._discarded = True
        # Also for a caller that is cancelled meanwhile.
        await asyncio.shield(self._home.in_thread(self.discard_now))

    def _taken(self) -> list[bytes]:
        pieces, self._pieces, self._held = self._pieces, [], 0
        return pieces

    def _write_now(self, pieces: list[bytes]) -> None:
        with self._turn:
            if self._discarded:
                return
            self._home.check_room(sum(map(len, pieces)))
            try:
                for piece in pieces:
                    self._sha256.update(piece)
                    if self._md5 is not None:
                        self._md5.update(piece)
                self._file.writelines(pieces)
            except OSError as error:
                raise _translated(error) from error

    def _keep_now(self, pieces: list[bytes]) -> None:
        self._write_now(pieces)
        with self._turn:
            if self._discarded:
                return
            try:
                self._file.flush()
                _to_disk(self._file.fileno())
                self._file.close()
                _make_directory(self._place.parent)
                self._path.rename(self._place)
                _sync_directory(self._place.parent)
            except OSError as error:
                raise _translated(error) from error

    def discard_now(self) -> None:
        with self._turn:
            with suppress(OSError):  # what was not written yet: the disk is still full
                self._file.close()
            for path in (self._path, self._place):
                try:
                    path.unlink(missing_ok=True)
                except OSError:
                    log.exception("%s could not be discarded; the next start sweeps", self.name)


def no_room() -> OutOfSpace:
    return OutOfSpace("The server has no room for this file: its disk is full. Nothing of it was kept.")


def _translated(error: OSError) -> Exception:
    if error.errno in _FULL:
        log.error("no room for a file: %s", error)
        return no_room()
    return error


def _make_directory(directory: Path) -> None:
    if not directory.is_dir():
        directory.mkdir(mode=0o700, exist_ok=True)
        _sync_directory(directory.parent)


def _to_disk(descriptor: int) -> None:
    if sys.platform == "darwin":  # there, fsync alone does not reach the disk
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    """Make the names in it durable."""
    if sys.platform == "win32":
        return  # its directories cannot be opened, and need not be
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
