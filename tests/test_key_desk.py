"""Keys are made and revoked beside a server that holds the data directory."""

import asyncio
from pathlib import Path

import pytest

from proxy import key_desk
from proxy.clock import SystemClock
from proxy.keys import hint_of, matches
from proxy.store import Store
from proxy.store.keys import KeyRow, any_key, find_keys_by_hint


async def test_beside_a_running_server(tmp_path: Path) -> None:
    """What is written by the second connection is what the first one reads next."""
    server = await Store.open(tmp_path, SystemClock())
    try:
        assert not await server.read(any_key)
        secret, row = await asyncio.to_thread(key_desk.create, tmp_path, project="blue", name="")

        found = await server.read(lambda db: find_keys_by_hint(db, hint_of(secret)))
        assert found == [row]
        assert matches(secret, found[0].digest)

        assert await asyncio.to_thread(key_desk.revoke, tmp_path, row.id)
        assert await server.read(lambda db: find_keys_by_hint(db, hint_of(secret))) == []
        assert await server.read(any_key)
    finally:
        await server.aclose()


def test_without_a_server(tmp_path: Path) -> None:
    rows = [key_desk.create(tmp_path, project=project, name="")[1] for project in ("blue", "red")]
    assert sorted(key_desk.existing(tmp_path), key=lambda row: row.project) == rows
    assert key_desk.revoke(tmp_path, rows[0].id)
    assert not key_desk.revoke(tmp_path, rows[0].id)
    assert not key_desk.revoke(tmp_path, "key_none")


def test_a_bad_name_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(key_desk.BadProjectName):
        key_desk.create(tmp_path / "x", project="a/b", name="")
    assert list(tmp_path.iterdir()) == []


def test_table() -> None:
    row = KeyRow(id="key_1", project="blue", name="widget", hint="sk-0123456789", digest="d", created_at=0)
    assert key_desk.table([row]) == (
        "ID     PROJECT  KEY               MADE        STATE   NAME\n"
        "key_1  blue     sk-0123456789...  1970-01-01  active  widget"
    )
