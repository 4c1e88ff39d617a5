"""Reader processes: whatever a file does to one, the next file is read."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from proxy.retrieval.protocol import MakeWords, ReadFile
from proxy.retrieval.reader import CHUNKS_AT_ONCE
from proxy.retrieval.readers import Readers
from proxy.retrieval.unreadable import Unreadable
from proxy.store.chunks import NewChunk

SOON = 20


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    readers = Readers(1)
    yield readers
    await readers.aclose()


def a_task(path: Path, **given: Any) -> ReadFile:
    defaults: dict[str, Any] = {
        "filename": "a.txt",
        "store": 3,
        "most_tokens": 800,
        "overlap_tokens": 400,
        "most_in_all": 10_000,
        "seconds": SOON,
    }
    return ReadFile(path=str(path), **defaults | given)


async def chunks_in(readers: Readers, task: ReadFile) -> list[NewChunk]:
    chunks: list[NewChunk] = []
    async for piece in readers.read(task):
        assert len(piece.chunks) <= CHUNKS_AT_ONCE
        chunks += piece.chunks
    return chunks


async def check_alive(readers: Readers, directory: Path) -> None:
    good = directory / "good"
    good.write_text("Rivers")
    assert [chunk.text for chunk in await chunks_in(readers, a_task(good))] == ["Rivers"]


async def test_a_file_becomes_chunks_with_their_words(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("".join(f"Line number {n} of the file.\n" for n in range(3000)))
    chunks = await chunks_in(readers, a_task(file, most_tokens=100, overlap_tokens=20, most_in_all=10**6))
    assert len(chunks) > 3 * CHUNKS_AT_ONCE
    assert "".join(chunk.text[chunk.repeated :] for chunk in chunks) == file.read_text()
    texts = [(3, chunk.text) for chunk in chunks]
    assert await readers.words(MakeWords(chunks=texts, seconds=SOON)) == [chunk.terms for chunk in chunks]


async def test_one_process_reads_file_after_file(readers: Readers, tmp_path: Path) -> None:
    for _ in range(3):
        await check_alive(readers, tmp_path)
        bad = tmp_path / "bad"
        bad.write_bytes(b"\0" * 100)
        with pytest.raises(Unreadable, match="not a text file"):
            await chunks_in(readers, a_task(bad))
    assert len(readers.processes.alive) == 1


async def test_a_file_with_too_many_tokens(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("word " * 20)
    with pytest.raises(Unreadable, match="at most 10 are read"):
        await chunks_in(readers, a_task(file, most_in_all=10))


async def test_a_file_that_takes_for_ever(readers: Readers, tmp_path: Path) -> None:
    """A pipe that nobody writes to keeps whoever reads it waiting."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Unreadable, match="within 1 seconds"):
        await chunks_in(readers, a_task(tmp_path / "pipe", seconds=1))
    await check_alive(readers, tmp_path)
    assert len(readers.processes.alive) == 1


async def test_a_file_that_its_reader_dies_of(readers: Readers, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = asyncio.ensure_future(chunks_in(readers, a_task(tmp_path / "pipe")))
    writing = await asyncio.to_thread(os.open, tmp_path / "pipe", os.O_WRONLY)  # now it reads
    (process,) = readers.processes.alive
    process.kill()
    with pytest.raises(Unreadable) as error:
        await reading
    os.close(writing)
    assert error.value.code == "server_error"
    await check_alive(readers, tmp_path)


async def test_a_reader_that_somebody_ended_meanwhile(readers: Readers, tmp_path: Path) -> None:
    await check_alive(readers, tmp_path)
    (process,) = readers.processes.alive
    process.kill()
    await process.wait()
    await check_alive(readers, tmp_path)


async def test_who_stops_listening_ends_the_reader(readers: Readers, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("word " * 50_000)
    pieces = readers.read(a_task(file, most_tokens=100, overlap_tokens=0, most_in_all=10**6))
    await anext(pieces)
    (process,) = readers.processes.alive
    await pieces.aclose()
    assert process.returncode is not None
    await check_alive(readers, tmp_path)


async def test_who_stops_listening_to_one_that_has_much_to_say_is_not_kept(readers: Readers, tmp_path: Path) -> None:
    """As when its file is deleted meanwhile: what it said last fills its pipe, and nobody takes it out."""
    path = tmp_path / "long"
    path.write_text("".join(f"Sentence {n} is about rivers and stones. " for n in range(40_000)))
    pieces = readers.read(a_task(path, most_in_all=10**6))
    await anext(pieces)
    (process,) = readers.processes.alive
    assert process.stdout is not None
    async with asyncio.timeout(SOON):
        while not process.stdout._paused:  # type: ignore[attr-defined]  # noqa: ASYNC110 - asyncio tells nobody
            await asyncio.sleep(0.005)
        await pieces.aclose()
        await check_alive(readers, tmp_path)


async def test_they_rest_when_there_is_nothing_to_read(readers: Readers, tmp_path: Path) -> None:
    await check_alive(readers, tmp_path)
    await readers.rest()
    assert not readers.processes.alive
    await check_alive(readers, tmp_path)


async def test_a_reader_ends_with_the_server(readers: Readers, tmp_path: Path) -> None:
    await check_alive(readers, tmp_path)
    (process,) = readers.processes.alive
    assert process.stdin is not None
    process.stdin.close()
    async with asyncio.timeout(SOON):
        assert await process.wait() == 0


async def test_it_knows_no_settings(readers: Readers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UNDERSTUDY_UPSTREAM_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    await check_alive(readers, tmp_path)
    (process,) = readers.processes.alive
    environment = environment_of(process.pid)
    if environment is None:
        pytest.skip("there is no /proc on this system to see what a process was given")
    assert b"secret" not in environment


def environment_of(process_id: int) -> bytes | None:
    try:
        return Path(f"/proc/{process_id}/environ").read_bytes()
    except OSError:
        return None
