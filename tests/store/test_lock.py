"""One server holds a data directory."""

import os
from pathlib import Path

import pytest

from proxy.store import Store
from proxy.store.database import DirectoryInUse
from tests.store.conftest import FixedClock


async def test_a_second_server_is_refused_and_told_who_is_there(store: Store, clock: FixedClock) -> None:
    assert store.exclusive
    with pytest.raises(DirectoryInUse) as refused:
        await Store.open(store.directory, clock)
    assert str(refused.value) == (
        f"The data directory {store.directory} is in use by another server (process {os.getpid()}). "
        "Stop that one, or choose another directory."
    )


async def test_closing_gives_the_directory_free(store: Store, clock: FixedClock) -> None:
    await store.aclose()
    again = await Store.open(store.directory, clock)
    await again.aclose()


async def test_a_failed_opening_gives_the_directory_free(tmp_path: Path, clock: FixedClock) -> None:
    database = tmp_path / "understudy.sqlite"
    database.write_bytes(b"no database at all" * 1000)
    with pytest.raises(Exception, match="not a database"):
        await Store.open(tmp_path, clock)
    database.unlink()
    store = await Store.open(tmp_path, clock)
    await store.aclose()


async def test_a_command_may_work_beside_a_server(store: Store, clock: FixedClock) -> None:
    beside = await Store.open(store.directory, clock, beside_server=True)
    assert not beside.exclusive
    assert await beside.ping() > 0
    await beside.aclose()


async def test_a_command_that_came_first_does_not_keep_the_server_out(tmp_path: Path, clock: FixedClock) -> None:
    beside = await Store.open(tmp_path, clock, beside_server=True)
    server = await Store.open(tmp_path, clock)
    assert server.exclusive
    await server.aclose()
    await beside.aclose()
