"""File contents in a directory: where they are, a disk that is full, `kill -9`."""

import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import OutOfSpace
from proxy.store.blob_directory import DirectoryBlobs
from proxy.store.blobs import PIECE_BYTES, BlobMissing, Blobs
from tests.contents import LARGE, NAME, content_of, keep, only


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[Blobs]:
    blobs = DirectoryBlobs(tmp_path / "blobs")
    yield blobs
    await blobs.aclose()


def on_disk(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "blobs")) for path in tmp_path.rglob("*") if path.is_file())


async def test_nothing_is_there_before_it_is_kept(blobs: Blobs, tmp_path: Path) -> None:
    new = await blobs.new(NAME)
    await new.write(LARGE)
    assert on_disk(tmp_path) == [f"incoming/{NAME}"]
    with pytest.raises(BlobMissing):
        await content_of(blobs, NAME)
    await new.keep()
    assert on_disk(tmp_path) == [f"Uv/{NAME}"]


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

    await blobs.sweep(only(*kept))
    assert {Path(path).name for path in on_disk(tmp_path)} == kept
    for name in kept:
        number = int(name.removeprefix("file-"))
        assert await content_of(blobs, name) == bytes([number % 256]) * 300_000
    assert await blobs.sweep(only()) == len(kept)
