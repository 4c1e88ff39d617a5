"""File contents in a bucket: an object each, `<prefix>/<name>`, there as a whole or not at all.

What is small enough is put in one request when it is kept. What is larger goes up in parts as it comes in, so that one
part of it is in memory at a time, and is an object once the parts are completed. What a caller began with the bucket
goes on to its end although the caller is cancelled, so that nothing is begun that nobody knows of.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from proxy.errors import APIError, OutOfSpace
from proxy.ids import new_hex_id
from proxy.store import Store
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.blobs import ContentsUnreachable, KeptBlob, NewBlob, is_name
from proxy.store.bucket.claim import Claim
from proxy.store.bucket.place import BucketPlace
from proxy.store.bucket.requests import Bucket
from proxy.store.database import StoreError
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

T = TypeVar("T")

PART_BYTES: Final = 8 << 20
"""At least 5 MiB, by the rules of S3; all parts but the last have the same size, by those of some that are like it."""
_MOST_PARTS: Final = 10_000
_DELETED_AT_ONCE: Final = 8
_PATIENCE_SECONDS: Final = 10.0
"""For requests that are under way, when the server stops."""


class BucketBlobs:
    """`Blobs` in a bucket. Files that readers want are copied into a directory, where bytes are left free."""

    def __init__(self, bucket: Bucket, claim: Claim, copies: DirectoryBlobs) -> None:
        self.bucket = bucket
        self._claim = claim
        self._copies = copies
        self._tasks = TaskGroup()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="hashing")

    @classmethod
    async def open(cls, place: BucketPlace, store: Store, *, keep_free_bytes: int = 0) -> "BucketBlobs":
        """Raises `BucketTaken` and `ContentsUnreachable`."""
        async with AsyncExitStack() as opened:
            bucket = await Bucket.open(place)
            opened.push_async_callback(bucket.aclose)
            claim = Claim(store, bucket)
            await claim.take()
            copies = DirectoryBlobs(store.directory / "copies", keep_free_bytes=keep_free_bytes)
            opened.pop_all()
            return cls(bucket, claim, copies)

    async def new(self, name: str, *, expected_bytes: int = 0, with_md5: bool = False) -> NewBlob:
        part_bytes = max(PART_BYTES, -(-expected_bytes // _MOST_PARTS))
        return _Arriving(self, _checked(name), part_bytes=part_bytes, with_md5=with_md5)

    async def read(self, name: str, *, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        wanted = 1 if length == 0 else length  # of nothing, its first byte is looked for, so that a lack is noticed
        async with aclosing(self.bucket.read(_checked(name), start, wanted)) as pieces:
            async for piece in pieces:
                if length != 0:
                    yield piece

    @asynccontextmanager
    async def local(self, name: str) -> AsyncIterator[Path]:
        copy = None
        try:
            try:
                copy = await self._copies.new(new_hex_id("part"))
                async with aclosing(self.read(name)) as pieces:
                    async for piece in pieces:
                        await copy.write(piece)
                await copy.keep()
            except OutOfSpace as full:  # here, not in the bucket: it can be had when there is room
                raise ContentsUnreachable from full
            async with self._copies.local(copy.name) as path:
                yield path
        finally:
            if copy is not None:
                await copy.discard()

    async def delete(self, names: Iterable[str]) -> None:
        await self.see_through(self._delete([_checked(name) for name in names]))

    async def sweep(self, known: Callable[[list[str]], Awaitable[set[str]]]) -> int:
        await self._copies.sweep(_none)
        swept = 0
        async for uploads in self.bucket.uploads():
            for name, upload in uploads:
                if is_name(name):
                    await self.bucket.abort_parts(name, upload)
                    swept += 1
        async for page in self.bucket.pages():
            names = [name for name in page if is_name(name)]
            litter = set(names) - await known(names)
            await self._delete(sorted(litter))
            swept += len(litter)
        return swept

    async def aclose(self) -> None:
        await self._tasks.wait(_PATIENCE_SECONDS)
        await self._tasks.cancel()
        await self.bucket.aclose()
        await self._copies.aclose()
        await asyncio.to_thread(self._threads.shutdown)

    async def see_through(self, work: Coroutine[Any, Any, T]) -> T:
        """Begins at once, and goes on to its end although nobody waits for it any more."""
        outcome = await asyncio.shield(self._tasks.start(_outcome(work), name="bucket"))
        if isinstance(outcome, _Failed):
            raise outcome.failure
        return outcome

    async def in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def make_sure_it_is_ours(self) -> None:
        await self._claim.renew()

    async def _delete(self, names: list[str]) -> None:
        """What fails is logged. Its row is gone, and the next start sweeps."""
        try:
            await self._claim.renew()
        except StoreError:
            log.exception("%d contents of files could not be deleted", len(names))
            return
        for start in range(0, len(names), _DELETED_AT_ONCE):
            some = names[start : start + _DELETED_AT_ONCE]
            await asyncio.gather(*map(self.bucket.delete, some), return_exceptions=True)


class _Arriving:
    """`NewBlob`. Each method that ends in `now` talks to the bucket, and is seen through to its end.

    A caller that is cancelled leaves it at work. So they take turns, and what comes after `discard` does nothing.
    """

    def __init__(self, home: BucketBlobs, name: str, *, part_bytes: int, with_md5: bool) -> None:
        self.name = name
        self.received = 0
        self._home = home
        self._part_bytes = part_bytes
        self._rest = bytearray()
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._upload: str | None = None
        self._etags: list[str] = []
        self._may_be_there = False
        self._turn = asyncio.Lock()
        self._discarded = False

    async def write(self, piece: bytes) -> None:
        self.received += len(piece)
        self._rest += piece
        while len(self._rest) >= self._part_bytes:
            await self._home.see_through(self._put_part_now(self._taken()))

    async def keep(self) -> KeptBlob:
        await self._home.see_through(self._keep_now(self._taken()))
        return KeptBlob(
            bytes=self.received,
            sha256=self._sha256.hexdigest(),
            md5=None if self._md5 is None else self._md5.hexdigest(),
        )

    async def discard(self) -> None:
        self._discarded = True
        self._rest.clear()
        await self._home.see_through(self._discard_now())

    def _taken(self) -> bytes:
        with memoryview(self._rest) as rest:
            part = bytes(rest[: self._part_bytes])
        del self._rest[: self._part_bytes]
        return part

    async def _put_part_now(self, part: bytes) -> None:
        async with self._turn:
            if self._discarded:
                return
            md5 = await self._hashed(part)
            if self._upload is None:
                self._upload = await self._home.bucket.begin_parts(self.name)
            number = len(self._etags) + 1
            self._etags.append(await self._home.bucket.put_part(self.name, self._upload, number, part, md5))

    async def _keep_now(self, last: bytes) -> None:
        if self._upload is not None and last:
            await self._put_part_now(last)
        async with self._turn:
            if self._discarded:
                return
            await self._home.make_sure_it_is_ours()
            self._may_be_there = True
            if self._upload is None:
                await self._home.bucket.put(self.name, last, await self._hashed(last))
            else:
                await self._home.bucket.complete_parts(self.name, self._upload, self._etags)

    async def _hashed(self, part: bytes) -> bytes:
        """Adds it to the digests of the whole; its own MD5."""

        def work() -> bytes:
            self._sha256.update(part)
            if self._md5 is not None:
                self._md5.update(part)
            return hashlib.md5(part, usedforsecurity=False).digest()

        return await self._home.in_thread(work)

    async def _discard_now(self) -> None:
        async with self._turn:
            try:
                if self._upload is not None:
                    await self._home.bucket.abort_parts(self.name, self._upload)
                if self._may_be_there:
                    await self._home.bucket.delete(self.name)
            except APIError:
                log.error("%s could not be discarded; the next start sweeps", self.name)
            else:
                self._upload, self._may_be_there = None, False


class _Failed:
    def __init__(self, failure: Exception) -> None:
        self.failure = failure


async def _outcome(work: Coroutine[Any, Any, T]) -> T | _Failed:
    """A failure is for whoever waits for it, and not for the log of tasks as well."""
    try:
        return await work
    except Exception as failure:
        return _Failed(failure)


def _checked(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{name!r} is no name for a blob")
    return name


async def _none(names: list[str]) -> set[str]:
    return set()
