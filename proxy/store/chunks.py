"""Chunks: what was read from files, written, found and swept away. A set of them belongs to one file in one store.

A large file's chunks are written in several transactions, so that nobody waits for all of them. Until its set is
complete no search sees it, and if it never is, it is litter.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from proxy.store.database import Connection, Value

PLACES: Final = 1 << 20
"""How many chunks a set may have, at most: the id of a chunk is its set's, times this, and its place."""


class NewChunk(Struct, frozen=True, array_like=True):
    text: str
    repeated: int
    """How many characters at its beginning the chunk before it has, too."""
    terms: str
    """For the index: each term once, with spaces between."""


class FoundChunk(Struct, frozen=True, kw_only=True):
    id: int
    file: int
    """The seq of its file in the store."""
    score: float
    text: str


class StoredChunk(Struct, frozen=True, kw_only=True):
    id: int
    store: int
    text: str


async def store_key(db: Connection, project: str, store_id: str) -> int | None:
    """The number that stands for a store in its terms."""
    row = await db.one(
        "SELECT seq FROM vector_stores WHERE id = :id AND project = :project", {"id": store_id, "project": project}
    )
    return None if row is None else int(row["seq"])


# Writing


async def begin_set(db: Connection, entry: int) -> int | None:
    """A new set for a file in a store, by its seq, in place of any that was not completed; None if it does not wait."""
    await drop_sets_of_entry(db, entry)
    row = await db.one(
        """
        INSERT INTO chunk_sets (project, store, file)
        SELECT vector_store_files.project, vector_stores.seq, vector_store_files.seq
          FROM vector_store_files JOIN vector_stores ON vector_stores.id = store_id
         WHERE vector_store_files.seq = :entry AND status = 'in_progress'
        RETURNING id
        """,
        {"entry": entry},
    )
    return None if row is None else int(row["id"])


async def write_chunks(db: Connection, set_id: int, chunks: Sequence[NewChunk], *, place: int) -> bool:
    """Add to a set, from this place in it; False, and nothing is added, if nobody waits for its file any more."""
    changed = await db.run(
        """
        UPDATE chunk_sets SET chunks = :chunks
         WHERE id = :id AND file IN (SELECT seq FROM vector_store_files WHERE seq = file AND status = 'in_progress')
        """,
        {"id": set_id, "chunks": place + len(chunks)},
    )
    if not changed:
        return False
    for id, chunk in enumerate(chunks, start=set_id * PLACES + place):
        await db.run(
            "INSERT INTO chunks (id, repeated, text) VALUES (:id, :repeated, :text)",
            {"id": id, "repeated": chunk.repeated, "text": chunk.text},
        )
        await db.run("INSERT INTO chunk_terms (rowid, terms) VALUES (:id, :terms)", {"id": id, "terms": chunk.terms})
    return True


async def complete_set(db: Connection, set_id: int) -> None:
    """From here on searches find it."""
    await db.run("UPDATE chunk_sets SET complete = 1 WHERE id = :id", {"id": set_id})


# Giving up, and sweeping


async def drop_set(db: Connection, set_id: int) -> None:
    await db.run("UPDATE chunk_sets SET file = NULL WHERE id = :id", {"id": set_id})


async def drop_sets_of_entry(db: Connection, entry: int) -> None:
    """Of a file in a store, by its seq."""
    await db.run("UPDATE chunk_sets SET file = NULL WHERE file = :entry", {"entry": entry})


async def drop_incomplete_sets(db: Connection) -> int:
    """Those of a process that is no more; how many there were."""
    return await db.run("UPDATE chunk_sets SET file = NULL WHERE complete = 0 AND file IS NOT NULL", {})


async def drop_sets_of_store(db: Connection, project: str, store_id: str) -> None:
    await db.run(
        """
        UPDATE chunk_sets SET file = NULL
         WHERE store = (SELECT seq FROM vector_stores WHERE id = :id AND project = :project)
        """,
        {"id": store_id, "project": project},
    )


async def litter(db: Connection, limit: int) -> list[StoredChunk]:
    """Chunks of some set that is nobody's, and has not been swept yet."""
    rows = await db.all(
        """
        SELECT chunks.id AS id, store, text
          FROM chunk_sets
          CROSS JOIN chunks ON chunks.id >= chunk_sets.id * :places AND chunks.id < (chunk_sets.id + 1) * :places
         WHERE file IS NULL LIMIT :limit
        """,
        {"places": PLACES, "limit": limit},
    )
    return [StoredChunk(id=row["id"], store=row["store"], text=row["text"]) for row in rows]


async def remove_chunks(db: Connection, terms: Mapping[int, str]) -> None:
    """By id, with the very terms that they were written with: the index keeps nothing by which to find them."""
    for id, written in terms.items():
        if await db.run("DELETE FROM chunks WHERE id = :id", {"id": id}):
            await db.run(
                "INSERT INTO chunk_terms (chunk_terms, rowid, terms) VALUES ('delete', :id, :terms)",
                {"id": id, "terms": written},
            )


async def remove_empty_sets(db: Connection) -> int:
    """Those that are nobody's and have been swept; how many there were."""
    return await db.run(
        """
        DELETE FROM chunk_sets
         WHERE file IS NULL AND NOT EXISTS (
            SELECT 1 FROM chunks
             WHERE chunks.id >= chunk_sets.id * :places AND chunks.id < (chunk_sets.id + 1) * :places
         )
        """,
        {"places": PLACES},
    )


# Finding


async def pieces_of_file(db: Connection, entry: int) -> list[str]:
    """The text of a file in a store, by its seq: pieces without what they repeat. Empty until it is read."""
    row = await db.one("SELECT id FROM chunk_sets WHERE file = :entry AND complete = 1", {"entry": entry})
    if row is None:
        return []
    rows = await db.all(
        "SELECT repeated, text FROM chunks WHERE id >= :first AND id < :end ORDER BY id",
        {"first": row["id"] * PLACES, "end": (row["id"] + 1) * PLACES},
    )
    return [each["text"][each["repeated"] :] for each in rows]


async def count_chunks(db: Connection, store: int) -> int:
    """How many of a store, by its key, can be found."""
    row = await db.one(
        "SELECT sum(chunks) AS chunks FROM chunk_sets WHERE store = :store AND file IS NOT NULL AND complete = 1",
        {"store": store},
    )
    return 0 if row is None or row["chunks"] is None else int(row["chunks"])


async def count_terms(db: Connection, terms: Iterable[str]) -> dict[str, int]:
    """In how many chunks each of these terms is; one that is in none is left out."""
    binds: dict[str, Value] = {f"term_{n}": term for n, term in enumerate(terms)}
    places = ", ".join(f":{name}" for name in binds)
    rows = await db.all(f"SELECT term, doc FROM chunk_term_counts WHERE term IN ({places})", binds)
    return {row["term"]: row["doc"] for row in rows}


async def best_chunks(
    db: Connection, store: int, weights: Mapping[str, float], *, files: Sequence[int] | None, limit: int
) -> list[FoundChunk]:
    """The chunks of a store whose terms weigh most, best first. `files`, by seq, are the only ones looked into.

    The weights are added up inside of SQLite, which lets other threads run meanwhile.
    """
    if not weights:
        return []
    binds: dict[str, Value] = {"store": store, "limit": limit, "places": PLACES}
    chosen = ""
    if files is not None:
        # As JSON, because there may be more of them than a statement may have parameters, or characters.
        chosen = "AND file IN (SELECT value FROM json_each(:files))"
        binds["files"] = f"[{','.join(str(int(file)) for file in files)}]"
    having_term = []
    for n, (term, weight) in enumerate(weights.items()):
        having_term.append(
            f"SELECT rowid AS id, :weight_{n} AS weight FROM chunk_terms WHERE chunk_terms MATCH :term_{n}"
        )
        binds |= {f"term_{n}": f'"{term}"', f"weight_{n}": weight}
    rows = await db.all(
        f"""
        WITH best AS MATERIALIZED (
            SELECT id, score
              FROM (SELECT id, sum(weight) AS score FROM ({" UNION ALL ".join(having_term)}) GROUP BY id)
             WHERE id / :places IN (
                SELECT id FROM chunk_sets WHERE store = :store AND file IS NOT NULL AND complete = 1 {chosen}
             )
             ORDER BY score DESC, id LIMIT :limit
        )
        SELECT best.id AS id, score, file, text
          FROM best
          JOIN chunks ON chunks.id = best.id
          JOIN chunk_sets ON chunk_sets.id = best.id / :places
         ORDER BY best.score DESC, best.id
        """,
        binds,
    )
    return [FoundChunk(id=row["id"], file=row["file"], score=row["score"], text=row["text"]) for row in rows]
