"""Vectors of chunks: written with them or later, read for a search of their store.

They go with their set.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from proxy.store.chunks import PLACES, FoundChunk
from proxy.store.database import Connection, Value

PARTS: Final = 1 << 10
"""How many rows of vectors there may be for a row of signs: the id of the former is the latter's, times this, and which
of them it is."""


class Packed(Struct, frozen=True, kw_only=True):
    """The vectors of chunks that follow one another in a set, packed."""

    place: int
    """Of the first of these chunks."""
    chunks: int
    owners: bytes
    signs: bytes
    parts: list[bytes]
    """The vectors, a few in each."""


class Signs(Struct, frozen=True, kw_only=True):
    """What is looked at first, of vectors that were written together."""

    id: int
    first: int
    """The id of the first chunk."""
    owners: bytes
    signs: bytes


class Behind(Struct, frozen=True, kw_only=True):
    """Chunks without vectors, which follow one another in a set."""

    set_id: int
    place: int
    texts: list[str]
    repeated: list[int]


async def write_vectors(db: Connection, set_id: int, packed: Packed, *, model: str) -> bool:
    """Those of the next chunks of a set. False, and nothing is written, where these are not the next, or nobody's."""
    changed = await db.run(
        """
        UPDATE chunk_sets SET model = :model, embedded = :end
         WHERE id = :id AND file IS NOT NULL AND embedded = :place AND (model IS NULL OR model = :model)
        """,
        {"id": set_id, "model": model, "place": packed.place, "end": packed.place + packed.chunks},
    )
    if changed and packed.parts:
        row = await db.one(
            """
            INSERT INTO chunk_signs (set_id, place, model, owners, signs)
            VALUES (:set_id, :place, :model, :owners, :signs) RETURNING id
            """,
            {
                "set_id": set_id,
                "place": packed.place,
                "model": model,
                "owners": packed.owners,
                "signs": packed.signs,
            },
        )
        assert row is not None
        for id, vectors in enumerate(packed.parts, start=row["id"] * PARTS):
            await db.run(
                "INSERT INTO chunk_vectors (id, vectors) VALUES (:id, :vectors)", {"id": id, "vectors": vectors}
            )
    return bool(changed)


async def next_behind(db: Connection, *, limit: int) -> Behind | None:
    """The next chunks that want vectors, of the oldest set that has any."""
    row = await db.one(
        """
        SELECT id, embedded FROM chunk_sets
         WHERE complete = 1 AND file IS NOT NULL AND embedded < chunks ORDER BY id LIMIT 1
        """,
        {},
    )
    if row is None:
        return None
    first = row["id"] * PLACES + row["embedded"]
    rows = await db.all(
        "SELECT repeated, text FROM chunks WHERE id >= :first AND id < :end ORDER BY id LIMIT :limit",
        {"first": first, "end": (row["id"] + 1) * PLACES, "limit": limit},
    )
    return Behind(
        set_id=row["id"],
        place=row["embedded"],
        texts=[each["text"] for each in rows],
        repeated=[each["repeated"] for each in rows],
    )


async def set_of_other_model(db: Connection, model: str) -> int | None:
    """Some set that has vectors of another model than this one."""
    row = await db.one("SELECT id FROM chunk_sets WHERE model < :model OR model > :model LIMIT 1", {"model": model})
    return None if row is None else int(row["id"])


async def forget_vectors(db: Connection, set_id: int) -> None:
    """Take a set's vectors away, so that it wants new ones."""
    await db.run("DELETE FROM chunk_signs WHERE set_id = :id", {"id": set_id})
    await db.run("UPDATE chunk_sets SET model = NULL, embedded = 0 WHERE id = :id", {"id": set_id})


async def remove_litter(db: Connection, *, limit: int) -> int:
    """Vectors of sets that are nobody's, of so many rows of signs; how many those were."""
    return await db.run(
        """
        DELETE FROM chunk_signs
         WHERE id IN (
            SELECT chunk_signs.id
              FROM chunk_sets CROSS JOIN chunk_signs ON chunk_signs.set_id = chunk_sets.id
             WHERE file IS NULL LIMIT :limit
         )
        """,
        {"limit": limit},
    )


async def signs_of_store(
    db: Connection, store: int, *, model: str, files: Sequence[int] | None, limit: int
) -> list[Signs] | None:
    """Of all vectors of a store, by its key, that can be found; `files`, by seq, are the only ones looked into.

    None where the store has more than `limit` chunks.
    """
    binds: dict[str, Value] = {"store": store}
    chosen = ""
    if files is not None:
        chosen = "AND file IN (SELECT value FROM json_each(:files))"
        binds["files"] = f"[{','.join(str(int(file)) for file in files)}]"
    sets = f"FROM chunk_sets WHERE store = :store AND file IS NOT NULL AND complete = 1 {chosen}"
    row = await db.one(f"SELECT sum(chunks) AS chunks {sets}", binds)
    if row is not None and (row["chunks"] or 0) > limit:
        return None
    rows = await db.all(
        f"""
        SELECT id, set_id, place, owners, signs FROM chunk_signs
         WHERE set_id IN (SELECT id {sets}) AND model = :model ORDER BY set_id, place
        """,
        {**binds, "model": model},
    )
    return [
        Signs(id=row["id"], first=row["set_id"] * PLACES + row["place"], owners=row["owners"], signs=row["signs"])
        for row in rows
    ]


async def vectors_by_id(db: Connection, ids: Iterable[int]) -> list[bytes]:
    """The vectors in these rows, in the order of their ids. Those that are not there are left out."""
    wanted = f"[{','.join(str(int(id)) for id in ids)}]"
    rows = await db.all(
        "SELECT vectors FROM chunk_vectors WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
        {"ids": wanted},
    )
    return [row["vectors"] for row in rows]


async def chunks_by_id(db: Connection, scores: Mapping[int, float]) -> list[FoundChunk]:
    """The chunks with these ids, each with its score."""
    rows = await db.all(
        f"""
        SELECT chunks.id AS id, file, text
          FROM chunks JOIN chunk_sets ON chunk_sets.id = chunks.id / :places
         WHERE chunks.id IN ({", ".join(str(int(id)) for id in scores)}) AND file IS NOT NULL
        """,
        {"places": PLACES},
    )
    return [FoundChunk(id=row["id"], file=row["file"], score=scores[row["id"]], text=row["text"]) for row in rows]
