"""Numbered migrations: which there are, which a database still lacks, and how one is applied.

One directory per dialect, with the same numbers; `0001_initial.sql` has number 1. A released one is never edited.
Within a file, a statement ends where a line ends in a semicolon.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from proxy.store.database import Connection, NewerDatabase

_STATEMENT_END = re.compile(r";[ \t]*$", re.MULTILINE)


class Migration(Struct, frozen=True, kw_only=True):
    version: int
    name: str
    script: str

    def statements(self) -> Iterator[str]:
        for statement in _STATEMENT_END.split(self.script):
            if statement.strip():
                yield statement


def migrations_for(dialect: str) -> list[Migration]:
    """Oldest first."""
    files = sorted((Path(__file__).parent / dialect).glob("[0-9]*_*.sql"))
    return [
        Migration(version=int(file.name.split("_")[0]), name=file.stem, script=file.read_text(encoding="utf-8"))
        for file in files
    ]


async def pending(db: Connection, migrations: list[Migration]) -> list[Migration]:
    """Those that the database has not seen. Raises `NewerDatabase` if it has seen one that we do not know."""
    version = await _version(db)
    newest = migrations[-1].version
    if version > newest:
        raise NewerDatabase(
            f"The database is at version {version}, and this program knows versions up to {newest}. "
            "Run the newer program that wrote it, or restore the backup that was made before the upgrade."
        )
    return [migration for migration in migrations if migration.version > version]


async def apply(db: Connection, *, migration: Migration, at: int) -> None:
    """One migration, in the caller's transaction; nothing if another process was faster."""
    if await _version(db) >= migration.version:
        return
    for statement in migration.statements():
        await db.run(statement, {})
    await db.run(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES (:version, :name, :at)",
        {"version": migration.version, "name": migration.name, "at": at},
    )


async def _version(db: Connection) -> int:
    """The newest migration that the database has seen; 0 for an empty one."""
    await db.run(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL)",
        {},
    )
    row = await db.one("SELECT max(version) AS version FROM schema_migrations", {})
    return 0 if row is None or row["version"] is None else int(row["version"])
