"""Migrations: each once, each whole, and never backwards."""

import sqlite3
from pathlib import Path

import pytest

from proxy.schema.steps import StepReasoning
from proxy.store import FILE_NAME, Connection, Store
from proxy.store.database import DatabaseFailed, DirectoryInUse, NewerDatabase
from proxy.store.migrations import Migration, apply, migrations_for, pending
from proxy.store.runs import insert_run
from proxy.store.steps import save_step, step_reasoning, steps_of_run
from proxy.store.threads import insert_thread
from tests.builders import AT, a_run, a_step, a_thread
from tests.store.conftest import HOME, FixedClock

FIRST_TABLES = {"assistants", "keys", "messages", "runs", "schema_migrations", "steps", "threads"}
"""Those of the first version."""
VECTOR_TABLES = {
    "chunk_signs",
    "chunk_vectors",
    "vector_stores",
    "vector_store_batches",
    "vector_store_files",
    "chunk_sets",
    "chunks",
} | {
    # The index, and what SQLite makes for it.
    "chunk_terms",
    "chunk_terms_config",
    "chunk_terms_data",
    "chunk_terms_idx",
    "chunk_term_counts",
}


async def seen(db: Connection) -> list[tuple[int, str, int]]:
    rows = await db.all("SELECT version, name, applied_at FROM schema_migrations ORDER BY version", {})
    return [(row["version"], row["name"], row["applied_at"]) for row in rows]


async def tables(db: Connection) -> set[str]:
    rows = await db.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", {})
    return {row["name"] for row in rows}


def pretend_newer(directory: Path) -> None:
    other = sqlite3.connect(directory / FILE_NAME)
    other.execute("INSERT INTO schema_migrations VALUES (9001, '9001_from_the_future', 0)")
    other.commit()
    other.close()


def test_their_numbers_have_no_gaps() -> None:
    migrations = migrations_for("sqlite")
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))


async def test_opening_applies_all_of_them_and_opening_again_none(store: Store, clock: FixedClock) -> None:
    all_of_them = [(migration.version, migration.name, AT) for migration in migrations_for("sqlite")]
    assert await store.read(seen) == all_of_them
    assert (
        await store.read(tables) == FIRST_TABLES | {"files", "upload_parts", "uploads", "bucket_claims"} | VECTOR_TABLES
    )
    await store.aclose()
    again = await Store.open(store.directory, clock)
    assert await again.read(seen) == all_of_them
    await again.aclose()


async def test_a_newer_database_is_refused_with_both_versions_and_left_alone(store: Store, clock: FixedClock) -> None:
    await store.aclose()
    pretend_newer(store.directory)
    before = (store.directory / FILE_NAME).read_bytes()
    newest = migrations_for("sqlite")[-1].version
    for beside_server in (False, True):
        with pytest.raises(NewerDatabase, match=rf"at version 9001, and this program knows versions up to {newest}\."):
            await Store.open(store.directory, clock, beside_server=beside_server)
    assert (store.directory / FILE_NAME).read_bytes() == before


async def test_one_that_fails_leaves_nothing_behind(store: Store) -> None:
    version = migrations_for("sqlite")[-1].version + 1
    script = "CREATE TABLE half (id TEXT);\nCREATE TABLE half (id TEXT);"
    broken = Migration(version=version, name=f"{version:04}_broken", script=script)
    before = await store.read(seen), await store.read(tables)
    with pytest.raises(DatabaseFailed, match="half already exists"):
        await store.write(lambda db: apply(db, migration=broken, at=AT))
    assert (await store.read(seen), await store.read(tables)) == before


async def test_one_that_somebody_else_applied_meanwhile_is_passed_over(store: Store) -> None:
    newest = migrations_for("sqlite")[-1]
    await store.write(lambda db: apply(db, migration=newest, at=AT))
    assert await store.write(lambda db: pending(db, migrations_for("sqlite"))) == []


async def test_what_an_older_version_wrote_is_kept(store: Store, clock: FixedClock) -> None:
    """A database of the first version, with a step in it."""
    thread = a_thread()
    run = a_run(thread_id=thread.id)
    step = a_step(thread_id=thread.id, run_id=run.id)

    async def furnish(db: Connection) -> None:
        await insert_thread(db, HOME, thread)
        await insert_run(db, HOME, run, progress=b"{}", owner=None, lease_until=None)
        await save_step(db, HOME, step, reasoning="Hm.")
        await db.run("ALTER TABLE steps DROP COLUMN reasoning", {})
        await db.run("ALTER TABLE steps DROP COLUMN full_doc", {})
        for table in sorted(await tables(db) - FIRST_TABLES):  # the index goes with the first of its tables
            await db.run(f"DROP TABLE IF EXISTS {table}", {})
        await db.run("DELETE FROM schema_migrations WHERE version > 1", {})

    await store.write(furnish)
    await store.aclose()
    again = await Store.open(store.directory, clock)
    assert await again.read(lambda db: steps_of_run(db, run.id)) == [step]
    reasoning = await again.read(lambda db: step_reasoning(db, HOME, thread.id, run.id, step.id))
    assert reasoning == StepReasoning(step_id=step.id, text=None)
    await again.aclose()


async def test_a_command_does_not_migrate_under_a_running_server(store: Store, clock: FixedClock) -> None:
    """The server's database looks old to a newer command."""
    await store.write(lambda db: db.run("DELETE FROM schema_migrations", {}))
    with pytest.raises(DirectoryInUse):
        await Store.open(store.directory, clock, beside_server=True)


async def test_the_schema_defers_no_constraint(store: Store) -> None:
    """At a shared commit, one transaction's mistake would fail the others'."""

    async def deferred(db: Connection) -> list[str]:
        rows = await db.all("SELECT name FROM sqlite_schema WHERE sql LIKE '%DEFERR%'", {})
        return [row["name"] for row in rows]

    assert await store.read(deferred) == []


def test_a_statement_ends_where_a_line_ends_in_a_semicolon() -> None:
    script = "-- a; b\nINSERT INTO t VALUES ('x; y');\n\nDELETE FROM t; \n"
    migration = Migration(version=1, name="0001_x", script=script)
    assert [statement.strip() for statement in migration.statements()] == [
        "-- a; b\nINSERT INTO t VALUES ('x; y')",
        "DELETE FROM t",
    ]
