"""Vectors of chunks: written with them, read for a search of their store."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from proxy.store.chunks import PLACES, FoundChunk
from proxy.store.database import Connection, Value


class Block(Struct, frozen=True, kw_only=True):
    """The vectors of chunks that follow one another, packed."""

    first: int
    """The id of the first chunk."""
    vectors: bytes


async def write_vectors(db: Connection, set_id: int, vectors: bytes, *, place: int, model: str) -> None:
    """Those of the chunks from this place on in a set."""
    await db.run(
        "INSERT INTO chunk_vectors (set_id, place, model, vectors) VALUES (:set_id, :place, :model, :vectors)",
        {"set_id": set_id, "place": place, "model": model, "vectors": vectors},
    )


async def vectors_of_store(
    db: Connection, store: int, *, model: str, files: Sequence[int] | None, limit: int
) -> list[Block] | None:
    """All of a store, by its key, that can be found; `files`, by seq, are the only ones looked into.

    None where the store has more than `limit` chunks.
    """
    binds: dict[str, Value] = {"store": store, "model": model}
    chosen = ""
    if files is not None:
        chosen = "AND file IN (SELECT value FROM json_each(:files))"
        binds["files"] = f"[{','.join(str(int(file)) for file in files)}]"
    sets = f"FROM chunk_sets WHERE store = :store AND file IS NOT NULL AND complete = 1 {chosen}"
    row = await db.one(f"SELECT sum(chunks) AS chunks {sets}", {**binds, "model": None})
    if row is not None and (row["chunks"] or 0) > limit:
        return None
    rows = await db.all(
        f"""
        SELECT set_id, place, vectors FROM chunk_vectors
         WHERE set_id IN (SELECT id {sets}) AND model = :model ORDER BY set_id, place
        """,
        binds,
    )
    return [Block(first=row["set_id"] * PLACES + row["place"], vectors=row["vectors"]) for row in rows]


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
