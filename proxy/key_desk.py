"""Makes, lists and revokes keys in a data directory, whether or not a server is running on it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from proxy.clock import SystemClock
from proxy.ids import new_id
from proxy.keys import new_key
from proxy.store import FILE_NAME, Store
from proxy.store.keys import KeyRow, insert_key, list_keys, revoke_key

T = TypeVar("T")

# Projects turn up in logs and listings, so their names are plain words.
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BadProjectName(Exception):
    """Says what a project may be called."""


def create(directory: Path, *, project: str, name: str) -> tuple[str, KeyRow]:
    """(secret, what is kept). Nobody can tell the secret again. Raises BadProjectName, StoreError, OSError."""
    if not _PROJECT.fullmatch(project):
        raise BadProjectName(
            f"'{project}' is no name for a project: letters, digits, '.', '_' and '-', at most 64, "
            "the first a letter or digit"
        )
    secret, hint, digest = new_key()
    row = KeyRow(id=new_id("key"), project=project, name=name, hint=hint, digest=digest, created_at=SystemClock().now())
    _with_store(directory, lambda store: store.write(lambda db: insert_key(db, row)))
    return secret, row


def existing(directory: Path) -> list[KeyRow]:
    """Oldest first, revoked ones too. Raises StoreError, OSError."""
    return _with_store(directory, lambda store: store.read(list_keys)) if _has_database(directory) else []


def revoke(directory: Path, id: str) -> bool:
    """False if there is no such key, or it was revoked before. Raises StoreError, OSError."""
    at = SystemClock().now()
    return _has_database(directory) and _with_store(
        directory, lambda store: store.write(lambda db: revoke_key(db, id, at=at))
    )


def table(rows: Sequence[KeyRow]) -> str:
    """One line a key, without what is secret."""
    cells = [("ID", "PROJECT", "KEY", "MADE", "STATE", "NAME")]
    for row in rows:
        state = "active" if row.revoked_at is None else f"revoked {_day(row.revoked_at)}"
        cells.append((row.id, row.project, f"{row.hint}...", _day(row.created_at), state, row.name))
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _has_database(directory: Path) -> bool:
    # A listing makes no database: its directory may be a slip of the keyboard.
    return (directory / FILE_NAME).exists()


def _with_store(directory: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    async def visit() -> T:
        store = await Store.open(directory, SystemClock(), beside_server=True)
        try:
            return await work(store)
        finally:
            await store.aclose()

    return asyncio.run(visit())
