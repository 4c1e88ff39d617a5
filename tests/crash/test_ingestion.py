"""`kill -9` while two hundred files are read: after the restart each of them ends, once, and is found once."""

import asyncio
import os
import random
import sqlite3
from array import array
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp

from tests.crash.clients import LOST, POLL_SECONDS, Client
from tests.processes import Server

FILES = 200
KILLS = 3
READING_SECONDS = 120
BROKEN_EVERY = 10
LONG_EVERY = 40


def content_of(number: int) -> bytes:
    """Each with a word of its own; some are long, and some are no text."""
    if number % BROKEN_EVERY == 9:
        return bytes(range(32)) * 10
    sentences = 2500 if number % LONG_EVERY == 0 else 3
    return "".join(f"Sentence {n} of the file called unique{number}. " for n in range(sentences)).encode()


async def upload(session: aiohttp.ClientSession, url: str, number: int) -> str:
    form = aiohttp.FormData({"purpose": "assistants"})
    form.add_field("file", content_of(number), filename=f"file{number}.txt")
    async with session.post(f"{url}/v1/files", data=form) as response:
        assert response.status == 200, await response.text()
        return str((await response.json())["id"])


async def filled(server: Server) -> tuple[dict[str, int], str, str]:
    """Numbers of the files by id, the path of a store with all of them in one batch, and that of the batch."""
    async with aiohttp.ClientSession() as session:
        numbers = {await upload(session, server.url, number): number for number in range(FILES)}
        client = Client(session, server.url, lambda: None)
        store = await client.ask("POST", "/vector_stores", {"name": "crash"})
        path = f"/vector_stores/{store['id']}"
        batch = await client.ask("POST", f"{path}/file_batches", {"file_ids": list(numbers)})
        return numbers, path, f"{path}/file_batches/{batch['id']}"


async def killed_at(server: Server, path: str, ended: int) -> None:
    """Kill the server when so many files have ended."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url, lambda: None)
        while FILES - (await client.ask("GET", path))["file_counts"]["in_progress"] < ended:  # noqa: ASYNC110 - as below
            await asyncio.sleep(POLL_SECONDS)
    await asyncio.to_thread(server.kill)


async def counts_at_the_end(client: Client, path: str) -> dict[str, int]:
    async with asyncio.timeout(READING_SECONDS):
        while (store := await client.ask("GET", path))["status"] == "in_progress":  # noqa: ASYNC110 - another process's
            await asyncio.sleep(POLL_SECONDS)
    counts: dict[str, int] = store["file_counts"]
    return counts


async def all_files(client: Client, path: str) -> list[Any]:
    files: list[Any] = []
    after = ""
    while True:
        page = await client.ask("GET", f"{path}/files?limit=100&order=asc{after}")
        files += page["data"]
        if not page["has_more"]:
            return files
        after = f"&after={page['last_id']}"


def sets_in(data: Path) -> list[tuple[int | None, int, int, int]]:
    """The file, whether it is complete, and the chunks that it should have and has, of every set of chunks."""
    with closing(sqlite3.connect(data / "understudy.sqlite")) as database:
        return database.execute(
            """
            SELECT file, complete, chunks,
                   (SELECT count(*) FROM chunks WHERE id >= chunk_sets.id << 20 AND id < (chunk_sets.id + 1) << 20)
              FROM chunk_sets
            """
        ).fetchall()


async def swept(data: Path) -> list[tuple[int | None, int, int, int]]:
    """The sets of chunks, as soon as none of them is nobody's."""
    async with asyncio.timeout(READING_SECONDS):
        while True:
            sets = await asyncio.to_thread(sets_in, data)
            if all(file is not None for file, *_ in sets):
                return sets
            await asyncio.sleep(POLL_SECONDS)


def without_vectors(data: Path) -> int:
    """Chunks that can be found, but not by their meaning yet."""
    with closing(sqlite3.connect(data / "understudy.sqlite")) as database:
        (behind,) = database.execute(
            "SELECT coalesce(sum(chunks - embedded), 0) FROM chunk_sets WHERE complete AND file IS NOT NULL"
        ).fetchone()
        return int(behind)


async def caught_up(data: Path) -> None:
    async with asyncio.timeout(READING_SECONDS):
        while await asyncio.to_thread(without_vectors, data):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(POLL_SECONDS)


def owners_in(data: Path) -> list[tuple[int, int, int]]:
    """The id of each set that has vectors, how many chunks have some, and how many there are."""
    with closing(sqlite3.connect(data / "understudy.sqlite")) as database:
        rows = database.execute("SELECT set_id, place, owners FROM chunk_signs").fetchall()
        chunks = dict(database.execute("SELECT id, chunks FROM chunk_sets").fetchall())
    having: dict[int, set[int]] = {}
    for set_id, place, owners in rows:
        having.setdefault(set_id, set()).update(place + owner for owner in array("H", owners))
    return [(set_id, len(places), chunks[set_id]) for set_id, places in having.items()]


async def test_two_hundred_files_killed_in_the_middle(tmp_path: Path) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")
    lot = random.Random(seed)
    broken = {number for number in range(FILES) if number % BROKEN_EVERY == 9}
    server = Server(tmp_path / "data")
    try:
        await asyncio.to_thread(server.start)
        numbers, path, batch_path = await filled(server)
        for at in sorted(lot.sample(range(FILES - 40), KILLS)):
            await killed_at(server, path, at)
            before = {row[0] for row in sets_in(server.data) if row[1]}
            await asyncio.to_thread(server.start)
            print(f"killed when {at} had ended, {len(before)} of them well")

        async with aiohttp.ClientSession() as session:
            client = Client(session, server.url, lambda: None)
            expected = {
                "in_progress": 0,
                "completed": FILES - len(broken),
                "failed": len(broken),
                "cancelled": 0,
                "total": FILES,
            }
            assert await counts_at_the_end(client, path) == expected
            batch = await client.ask("GET", batch_path)
            assert (batch["status"], batch["file_counts"]) == ("completed", expected)
            files = await all_files(client, path)
            assert [file["id"] for file in files] == list(numbers)
            for file in files:
                number = numbers[file["id"]]
                assert file["status"] == ("failed" if number in broken else "completed")
                assert (file["last_error"] is not None) == (number in broken)
            store = await client.ask("GET", path)
            assert store["usage_bytes"] == sum(len(content_of(n)) for n in range(FILES) if n not in broken)

            sets = await swept(server.data)
            assert len({file for file, *_ in sets}) == len(sets) == FILES - len(broken)
            assert all(complete and chunks == there for _, complete, chunks, there in sets)

            for number in lot.sample(sorted(set(range(FILES)) - broken), 20):
                asked = {"query": f"unique{number}", "max_num_results": 50}
                page = await client.ask("POST", f"{path}/search", asked)
                found = [(hit["file_id"], hit["content"][0]["text"]) for hit in page["data"]]
                assert numbers[found[0][0]] == number
                assert len(set(found)) == len(found)

            await caught_up(server.data)
            vectors = owners_in(server.data)
            assert len(vectors) == FILES - len(broken)
            assert [row for row in vectors if row[1] != row[2]] == []
    except LOST:
        raise AssertionError("the server died by itself:\n" + "".join(server.said)) from None
    finally:
        await asyncio.to_thread(server.end)
    assert not [line for line in server.said if "ERROR" in line or "Traceback" in line]
