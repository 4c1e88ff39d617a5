"""Saves what is read of a file, piece by piece."""

from msgspec import Struct

from proxy.retrieval.protocol import Piece
from proxy.store import Connection, chunk_vectors, chunks, vector_store_files
from proxy.store.chunk_vectors import Packed


class PackedVectors(Struct, frozen=True, kw_only=True):
    model: str
    packed: Packed


class Saving:
    """The pieces of one file, each saved in a transaction of its own, the last of which completes the file."""

    def __init__(self, entry: int, *, usage_bytes: int) -> None:
        self._entry = entry
        self._usage_bytes = usage_bytes
        self._set: int | None = None
        self.place = 0
        """Of the next chunk."""

    async def save(self, db: Connection, *, piece: Piece, vectors: PackedVectors | None = None) -> bool:
        """False when nobody waits for the file any more; what was saved of it is litter then."""
        set_id = self._set
        if set_id is None:
            set_id = await chunks.begin_set(db, self._entry)
            if set_id is None:
                return False
        if not await chunks.write_chunks(db, set_id, piece.chunks, place=self.place):
            await chunks.drop_set(db, set_id)
            return False
        if vectors is not None:
            await chunk_vectors.write_vectors(db, set_id, vectors.packed, model=vectors.model)
        if piece.is_last:
            await chunks.complete_set(db, set_id)
            await vector_store_files.end_entry(db, self._entry, status="completed", usage_bytes=self._usage_bytes)
        self._set = set_id
        self.place += len(piece.chunks)
        return True
