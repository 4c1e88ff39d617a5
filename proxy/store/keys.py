"""API keys: what is kept of them, which is never the key itself. A key opens one project."""

from msgspec import Struct

from proxy.store.database import Connection, Row


class KeyRow(Struct, frozen=True, kw_only=True):
    id: str
    project: str
    name: str
    hint: str
    """The first characters, to find it by and to recognise it in a list."""
    digest: str
    """SHA-256 of the key, in hex."""
    created_at: int
    revoked_at: int | None = None


async def insert_key(db: Connection, key: KeyRow) -> None:
    await db.run(
        """
        INSERT INTO keys (id, project, name, hint, digest, created_at, revoked_at)
        VALUES (:id, :project, :name, :hint, :digest, :created_at, :revoked_at)
        """,
        {
            "id": key.id,
            "project": key.project,
            "name": key.name,
            "hint": key.hint,
            "digest": key.digest,
            "created_at": key.created_at,
            "revoked_at": key.revoked_at,
        },
    )


async def find_keys_by_hint(db: Connection, hint: str) -> list[KeyRow]:
    """Those that still open their project."""
    rows = await db.all("SELECT * FROM keys WHERE hint = :hint AND revoked_at IS NULL", {"hint": hint})
    return [_key(row) for row in rows]


async def list_keys(db: Connection) -> list[KeyRow]:
    """Also the revoked ones, oldest first."""
    rows = await db.all("SELECT * FROM keys ORDER BY created_at, id", {})
    return [_key(row) for row in rows]


async def revoke_key(db: Connection, id: str, *, at: int) -> bool:
    """False if there is no such key, or it was revoked before."""
    changed = await db.run(
        "UPDATE keys SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL", {"id": id, "at": at}
    )
    return changed > 0


async def any_key(db: Connection) -> bool:
    """Whether a key was ever made. A revoked one counts: revoking the last key must not open the door to everyone."""
    return await db.one("SELECT 1 AS found FROM keys LIMIT 1", {}) is not None


def _key(row: Row) -> KeyRow:
    return KeyRow(
        id=row["id"],
        project=row["project"],
        name=row["name"],
        hint=row["hint"],
        digest=row["digest"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
