"""File contents, whole or not at all: the same tests for all that keeps them, a directory and a bucket."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest

from proxy.store import Store
from proxy.store.blob_bucket import PART_BYTES, BucketBlobs
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.blobs import PIECE_BYTES, BlobMissing, Blobs, KeptBlob, is_name
from proxy.store.bucket.claim import NAME as OWNER
from proxy.store.bucket.place import BucketPlace
from tests.buckets import BUCKET, KEY, SECRET, BucketServer
from tests.contents import LARGE, NAME, content_of, keep

# More than goes into a bucket with one request.
IN_PARTS = LARGE * (2 * PART_BYTES // len(LARGE) + 1)

SOON = 10


class Place(Protocol):
    """Where blobs are, and how to look there without them."""

    blobs: Blobs

    def kept(self) -> list[str]: ...

    def half(self) -> list[str]: ...

    def put_something_else(self) -> str:
        """Beside the contents; how `kept` shows it."""
        ...

    def copies(self) -> list[str]:
        """Files that were made for `local` alone."""
        ...

    async def opened_again(self) -> Blobs: ...


class InDirectory:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.blobs: Blobs = DirectoryBlobs(directory)

    def kept(self) -> list[str]:
        return sorted(set(self._files()) - set(self.half()))

    def half(self) -> list[str]:
        return sorted(path.name for path in (self._directory / "incoming").iterdir())

    def put_something_else(self) -> str:
        (self._directory / "11").mkdir(exist_ok=True)
        (self._directory / "11/README").write_text("not ours")
        return "README"

    def copies(self) -> list[str]:
        return []

    async def opened_again(self) -> Blobs:
        return DirectoryBlobs(self._directory)

    def _files(self) -> list[str]:
        return [path.name for path in self._directory.rglob("*") if path.is_file()]


class InBucket:
    blobs: Blobs

    def __init__(self, server: BucketServer, store: Store) -> None:
        self._server = server
        self._store = store
        self._prefix = f"{uuid4().hex}/"

    async def opened_again(self) -> Blobs:
        place = BucketPlace(
            bucket=BUCKET, prefix=self._prefix, endpoint=self._server.url, access_key_id=KEY, secret_access_key=SECRET
        )
        return await BucketBlobs.open(place, self._store)

    def kept(self) -> list[str]:
        return [key for key in self._server.keys(self._prefix) if key != OWNER]

    def half(self) -> list[str]:
        return self._server.half(self._prefix)

    def put_something_else(self) -> str:
        self._server.put(f"{self._prefix}notes.txt")
        return "notes.txt"

    def copies(self) -> list[str]:
        return [path.name for path in (self._store.directory / "copies").rglob("*") if path.is_file()]


@pytest.fixture(params=["directory", "bucket"])
async def place(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> AsyncIterator[Place]:
    if request.param == "directory":
        directory = InDirectory(tmp_path / "blobs")
        yield directory
        await directory.blobs.aclose()
    else:
        bucket = InBucket(request.getfixturevalue("buckets"), store)
        bucket.blobs = await bucket.opened_again()
        yield bucket
        await bucket.blobs.aclose()


@pytest.fixture
def blobs(place: Place) -> Blobs:
    return place.blobs


@pytest.mark.parametrize("content", [b"", b"x", LARGE, IN_PARTS, IN_PARTS[: 2 * PART_BYTES]], ids=len)
async def test_what_was_kept_is_read_back(blobs: Blobs, content: bytes) -> None:
    kept = await keep(blobs, NAME, content)
    assert kept == KeptBlob(
        bytes=len(content), sha256=hashlib.sha256(content).hexdigest(), md5=hashlib.md5(content).hexdigest()
    )
    assert await content_of(blobs, NAME) == content
    async with blobs.local(NAME) as path:
        assert path.read_bytes() == content


async def test_md5_is_only_computed_where_it_is_wanted(blobs: Blobs) -> None:
    new = await blobs.new(NAME)
    assert (await new.keep()).md5 is None


@pytest.mark.parametrize(
    ("start", "length"), [(0, 5), (7, None), (PIECE_BYTES - 1, 2), (5, 2 * PIECE_BYTES), (len(LARGE), None), (0, 0)]
)
async def test_a_part_of_it(blobs: Blobs, start: int, length: int | None) -> None:
    await keep(blobs, NAME, LARGE)
    wanted = LARGE[start:] if length is None else LARGE[start : start + length]
    async with aclosing(blobs.read(NAME, start=start, length=length)) as pieces:
        read = [piece async for piece in pieces]
    assert b"".join(read) == wanted
    assert all(len(piece) <= PIECE_BYTES for piece in read)


async def test_nothing_is_there_before_it_is_kept(place: Place) -> None:
    new = await place.blobs.new(NAME)
    await new.write(IN_PARTS)
    assert (place.kept(), place.half()) == ([], [NAME])
    with pytest.raises(BlobMissing):
        await content_of(place.blobs, NAME)
    with pytest.raises(BlobMissing):
        await content_of(place.blobs, NAME, length=0)
    await new.keep()
    assert (place.kept(), place.half()) == ([NAME], [])


@pytest.mark.parametrize("content", [LARGE, IN_PARTS], ids=len)
async def test_what_is_discarded_leaves_nothing_kept_or_not(place: Place, content: bytes) -> None:
    new = await place.blobs.new(NAME)
    await new.write(content)
    await new.discard()
    assert (place.kept(), place.half()) == ([], [])
    new = await place.blobs.new(NAME)
    await new.write(content)
    await new.keep()
    await new.discard()
    await new.discard()
    assert (place.kept(), place.half()) == ([], [])


@pytest.mark.parametrize("steps", range(0, 60, 6))
async def test_a_writer_that_is_cancelled_can_be_discarded_at_once(place: Place, steps: int) -> None:
    """What it began may still be going on, wherever it had come to."""
    for verb in ("write", "keep"):
        new = await place.blobs.new(NAME)
        if verb == "keep":
            await new.write(IN_PARTS[: PART_BYTES + 1])
        writing = asyncio.ensure_future(new.keep() if verb == "keep" else new.write(IN_PARTS))
        for _ in range(steps):
            await asyncio.sleep(0)
        writing.cancel()
        await new.discard()
        await asyncio.gather(writing, return_exceptions=True)
        assert (place.kept(), place.half()) == ([], [])


async def test_who_is_cancelled_before_it_has_anything_leaves_nothing(place: Place) -> None:
    await keep(place.blobs, "file-there", b"x")
    for _ in range(20):
        for waiting in (place.blobs.new(NAME), anext(place.blobs.read("file-there"))):
            beginning = asyncio.ensure_future(waiting)
            await asyncio.sleep(0)
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
    await place.blobs.aclose()
    assert (place.kept(), place.half()) == (["file-there"], [])


async def test_a_local_copy_goes_with_its_context_however_that_ends(place: Place) -> None:
    await keep(place.blobs, NAME, IN_PARTS)
    async with place.blobs.local(NAME) as path:
        assert path.stat().st_size == len(IN_PARTS)
    assert place.copies() == []

    async def use() -> None:
        async with place.blobs.local(NAME):
            await asyncio.Event().wait()

    for steps in range(0, 400, 40):
        using = asyncio.ensure_future(use())
        for _ in range(steps):
            await asyncio.sleep(0)
        using.cancel()
        await asyncio.gather(using, return_exceptions=True)
        # One that a thread was just making goes when the thread has made it, and nobody is told.
        async with asyncio.timeout(SOON):
            while place.copies():  # noqa: ASYNC110
                await asyncio.sleep(0)
    assert place.kept() == [NAME]


async def test_a_reader_that_is_cancelled_closes_its_file(blobs: Blobs) -> None:
    await keep(blobs, NAME, LARGE)
    pieces = blobs.read(NAME)
    assert await anext(pieces)
    await pieces.aclose()  # an unclosed file would be a warning, which is an error here


async def test_deleting(place: Place) -> None:
    for name in (NAME, "file-another", "file-left"):
        await keep(place.blobs, name, b"x")
    reading = place.blobs.read(NAME)
    await place.blobs.delete([NAME, "file-neverthere", "file-another"])
    assert place.kept() == ["file-left"]
    with pytest.raises(BlobMissing):
        await anext(reading)
    with pytest.raises(BlobMissing):
        async with place.blobs.local(NAME):
            pass


async def test_one_that_is_being_read_is_read_to_its_end_although_it_is_deleted(blobs: Blobs) -> None:
    await keep(blobs, NAME, LARGE)
    async with aclosing(blobs.read(NAME)) as pieces:
        first = await anext(pieces)
        await blobs.delete([NAME])
        assert first + b"".join([piece async for piece in pieces]) == LARGE


async def test_sweeping_takes_what_no_row_names_and_what_is_half_written(place: Place) -> None:
    known, unknown, part = "file-known11", "file-unknown11", "part_00ff"
    for name in (known, unknown, part):
        await keep(place.blobs, name, b"x")
    half = await place.blobs.new("file-half")
    await half.write(IN_PARTS)
    foreign = place.put_something_else()

    async def known_names(names: list[str]) -> set[str]:
        assert set(names) <= {known, unknown, part}
        return {known, part} & set(names)

    again = await place.opened_again()
    assert await again.sweep(known_names) == 2
    assert (place.kept(), place.half()) == (sorted([known, part, foreign]), [])
    await again.aclose()
    await half.discard()
    assert place.kept() == sorted([known, part, foreign])


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "file-", "file-a/b", "file-a.b", "notes.txt", "", "file-" + "a" * 65]
)
async def test_a_name_is_one_of_ours(blobs: Blobs, name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValueError, match="no name for a blob"):
        await blobs.new(name)
    with pytest.raises(ValueError, match="no name for a blob"):
        await blobs.delete([name])
