"""File contents in a directory: whole or not at all."""

import asyncio
import hashlib
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from proxy.errors import OutOfSpace
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.blobs import PIECE_BYTES, BlobMissing, Blobs, KeptBlob, is_name

NAME = "file-AbCdEfGhIjKlMnOpQrStUv"
LARGE = bytes(range(256)) * (3 * PIECE_BYTES // 256) + b"tail"


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[Blobs]:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    yield blobs
    await blobs.aclose()


def on_disk(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "blobs")) for path in tmp_path.rglob("*") if path.is_file())


async def keep(blobs: Blobs, name: str, content: bytes, *, piece: int = 70_000) -> KeptBlob:
    new = await blobs.new(name, with_md5=True)
    for start in range(0, len(content), piece):
        await new.write(content[start : start + piece])
    return await new.keep()


async def content_of(blobs: Blobs, name: str, **part: int) -> bytes:
    async with aclosing(blobs.read(name, **part)) as pieces:
        return b"".join([piece async for piece in pieces])


async def none_known(names: list[str]) -> set[str]:
    return set()


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=len)
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


async def test_nothing_is_there_before_it_is_kept(blobs: Blobs, tmp_path: Path) -> None:
    new = await blobs.new(NAME)
    await new.write(LARGE)
    assert on_disk(tmp_path) == [f"incoming/{NAME}"]
    with pytest.raises(BlobMissing):
        await content_of(blobs, NAME)
    await new.keep()
    assert on_disk(tmp_path) == [f"Uv/{NAME}"]


async def test_what_is_discarded_leaves_nothing_kept_or_not(blobs: Blobs, tmp_path: Path) -> None:
    new = await blobs.new(NAME)
    await new.write(LARGE)
    await new.discard()
    assert on_disk(tmp_path) == []
    new = await blobs.new(NAME)
    await new.keep()
    await new.discard()
    await new.discard()
    assert on_disk(tmp_path) == []


async def test_a_writer_that_is_cancelled_can_be_discarded_at_once(blobs: Blobs, tmp_path: Path) -> None:
    """Its thread may still be at work."""
    for _ in range(20):
        new = await blobs.new(NAME)
        writing = asyncio.ensure_future(new.write(LARGE))
        await asyncio.sleep(0)
        writing.cancel()
        await new.discard()
        await asyncio.gather(writing, return_exceptions=True)
        assert on_disk(tmp_path) == []


async def test_who_is_cancelled_before_it_has_anything_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    await keep(blobs, "file-there", b"x")
    for _ in range(20):
        for waiting in (blobs.new(NAME), anext(blobs.read("file-there"))):
            beginning = asyncio.ensure_future(waiting)
            await asyncio.sleep(0)
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
    await blobs.aclose()
    assert on_disk(tmp_path) == ["re/file-there"]


async def test_a_reader_that_is_cancelled_closes_its_file(blobs: Blobs) -> None:
    await keep(blobs, NAME, LARGE)
    pieces = blobs.read(NAME)
    assert await anext(pieces)
    await pieces.aclose()  # an unclosed file would be a warning, which is an error here


async def test_deleting(blobs: Blobs, tmp_path: Path) -> None:
    await keep(blobs, NAME, b"x")
    reading = blobs.read(NAME)
    await blobs.delete([NAME, "file-neverthere"])
    assert on_disk(tmp_path) == []
    with pytest.raises(BlobMissing):
        await anext(reading)
    with pytest.raises(BlobMissing):
        async with blobs.local(NAME):
            pass


async def test_one_that_is_being_read_is_read_to_its_end_although_it_is_deleted(blobs: Blobs) -> None:
    await keep(blobs, NAME, LARGE)
    async with aclosing(blobs.read(NAME)) as pieces:
        first = await anext(pieces)
        await blobs.delete([NAME])
        assert first + b"".join([piece async for piece in pieces]) == LARGE


async def test_sweeping_takes_what_no_row_names_and_what_is_half_written(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    known, unknown, part = "file-known11", "file-unknown11", "part_00ff"
    for name in (known, unknown, part):
        await keep(blobs, name, b"x")
    half = await blobs.new("file-half")
    await half.write(LARGE)
    (tmp_path / "blobs/11/README").write_text("not ours")

    async def known_names(names: list[str]) -> set[str]:
        assert set(names) <= {known, unknown, part}
        return {known, part} & set(names)

    assert await DirectoryBlobs(tmp_path / "blobs").sweep(known_names) == 2
    assert on_disk(tmp_path) == ["11/README", f"11/{known}", f"ff/{part}"]
    await half.discard()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "file-", "file-a/b", "file-a.b", "notes.txt", "", "file-" + "a" * 65]
)
async def test_a_name_is_one_of_ours(blobs: Blobs, name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValueError, match="no name for a blob"):
        await blobs.new(name)
    with pytest.raises(ValueError, match="no name for a blob"):
        await blobs.delete([name])


async def test_so_much_of_the_disk_is_left_free(tmp_path: Path) -> None:
    blobs = DirectoryBlobs(tmp_path / "blobs", keep_free_bytes=1 << 60)
    with pytest.raises(OutOfSpace, match="no room for this file"):
        await blobs.new(NAME)
    assert on_disk(tmp_path) == []


async def test_one_that_is_said_to_be_larger_than_the_disk_is_not_begun(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(OutOfSpace):
        await blobs.new(NAME, expected_bytes=1 << 60)
    assert on_disk(tmp_path) == []


@pytest.fixture
async def small_disk(tmp_path: Path) -> AsyncIterator[None]:
    """No file may be larger than two pieces and a half."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5 * PIECE_BYTES // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_disk")
async def test_a_disk_that_becomes_full_says_so_and_holds_nothing_half(blobs: Blobs, tmp_path: Path) -> None:
    new = await blobs.new(NAME)
    for start in range(0, 2 * PIECE_BYTES, PIECE_BYTES):
        await new.write(LARGE[start : start + PIECE_BYTES])
    with pytest.raises(OutOfSpace, match="disk is full"):
        await new.write(LARGE[:PIECE_BYTES])
    await new.discard()
    assert on_disk(tmp_path) == []
    # At the very end, when only the rest of a piece is missing.
    new = await blobs.new(NAME)
    await new.write(LARGE[: 2 * PIECE_BYTES])
    await new.write(LARGE[: PIECE_BYTES - 1])
    with pytest.raises(OutOfSpace):
        await new.keep()
    await new.discard()
    assert on_disk(tmp_path) == []


KEEPER = """
import asyncio, sys
from pathlib import Path
from proxy.store.blob_directory import DirectoryBlobs

async def main():
    blobs = DirectoryBlobs(Path(sys.argv[1]))
    for number in range(10_000):
        new = await blobs.new(f"file-{number:06d}")
        await new.write(bytes([number % 256]) * 300_000)
        await new.keep()
        print(number, flush=True)

asyncio.run(main())
"""


def kept_until_killed(directory: Path) -> set[str]:
    """The names of what a process had kept when it was killed."""
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(directory)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(12)]
        child.kill()
        lines += child.stdout
    assert child.returncode == -signal.SIGKILL
    return {f"file-{int(line):06d}" for line in lines if line.endswith("\n")}


async def test_what_was_kept_survives_kill_9_and_the_rest_is_swept(tmp_path: Path) -> None:
    kept = kept_until_killed(tmp_path / "blobs")
    blobs = DirectoryBlobs(tmp_path / "blobs")

    async def known(names: list[str]) -> set[str]:
        return kept & set(names)

    await blobs.sweep(known)
    assert {Path(path).name for path in on_disk(tmp_path)} == kept
    for name in kept:
        number = int(name.removeprefix("file-"))
        assert await content_of(blobs, name) == bytes([number % 256]) * 300_000
    assert await blobs.sweep(none_known) == len(kept)
