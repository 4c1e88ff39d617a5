"""Files in vector stores and the batches they come in: questions and answers, and every change of a file's status.

Whatever changes how many files have which status changes the counts of their store and batch with it, here, in the
caller's transaction.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from proxy.errors import not_found
from proxy.schema.pages import Page
from proxy.schema.vector_stores import (
    AttributeValue,
    FileBatch,
    FileError,
    FileStatus,
    ListVectorStoreFilesParams,
    VectorStoreFile,
)
from proxy.store.database import Connection, Row, Value
from proxy.store.documents import stored_json, to_doc
from proxy.store.file_batches import find_batch, save_batch
from proxy.store.file_counts import CountChanges
from proxy.store.paging import page

_decode = msgspec.json.Decoder(VectorStoreFile).decode

_ONE = "SELECT doc FROM vector_store_files WHERE id = :id AND store_id = :store_id AND project = :project"
_STORED = "SELECT seq, project, batch_id, doc FROM vector_store_files"


class StoredEntry(Struct, frozen=True, kw_only=True):
    """A file in a store, and what the server knows of it beside what it answers."""

    seq: int
    project: str
    batch_id: str | None
    file: VectorStoreFile


class DescribedFile(Struct, frozen=True, kw_only=True):
    """No more of a file in a store than filters look at."""

    attributes: dict[str, AttributeValue]
    seq: int = 0


_decode_attributes = msgspec.json.Decoder(DescribedFile).decode


# Into a store, and out of it


async def attach_files(
    db: Connection, project: str, store_id: str, files: Sequence[VectorStoreFile], *, batch_id: str | None = None
) -> list[VectorStoreFile]:
    """Put files into a store, in this order; they are returned as they are in it.

    One that is in it, cut in the same way, and has not failed, is not read again: it takes on the new attributes and
    moves to the new batch. Any other is put in anew.
    """
    there = {entry.file.id: entry for entry in await entries_of(db, project, store_id, [file.id for file in files])}
    changes = CountChanges()
    attached = []
    for file in files:
        entry = there.get(file.id)
        if entry is not None and _is_as_wanted(entry.file, file):
            kept = replace(entry.file, attributes=file.attributes)
            await _keep(db, entry, kept, batch_id or entry.batch_id)
            if batch_id is not None:
                changes.left_batch(entry.file, entry.batch_id)
                changes.joined_batch(kept, batch_id)
            attached.append(kept)
            there[file.id] = replace(entry, file=kept, batch_id=batch_id or entry.batch_id)
            continue
        if entry is not None:
            await _remove(db, entry)
            changes.left(entry.file, entry.batch_id)
        seq = await _insert(db, project, file, batch_id)
        there[file.id] = StoredEntry(seq=seq, project=project, batch_id=batch_id, file=file)
        changes.joined(file, batch_id)
        attached.append(file)
    await changes.save(db, project)
    return attached


async def detach_file(db: Connection, project: str, store_id: str, id: str) -> bool:
    """Take a file out of a store; False if it is not in it."""
    return await _detach(db, project, await entries_of(db, project, store_id, [id]))


async def detach_everywhere(db: Connection, project: str, id: str) -> bool:
    """Take a file out of every store of its project, as it is about to go; False if it is in none."""
    rows = await db.all(f"{_STORED} WHERE id = :id AND project = :project", {"id": id, "project": project})
    return await _detach(db, project, [_entry(row) for row in rows])


# Questions


async def entries_of(db: Connection, project: str, store_id: str, ids: Iterable[str]) -> list[StoredEntry]:
    """Those of the files that are in the store. A few thousand ids at the most."""
    binds: dict[str, Value] = {f"id_{n}": id for n, id in enumerate(dict.fromkeys(ids))}
    places = ", ".join(f":{name}" for name in binds)
    rows = await db.all(
        f"{_STORED} WHERE store_id = :store_id AND id IN ({places}) AND project = :project",
        {**binds, "store_id": store_id, "project": project},
    )
    return [_entry(row) for row in rows]


async def find_entry(db: Connection, project: str, store_id: str, id: str) -> StoredEntry | None:
    return next(iter(await entries_of(db, project, store_id, [id])), None)


async def entry_json(db: Connection, project: str, store_id: str, id: str) -> Raw | None:
    return await stored_json(db, _ONE, {"id": id, "store_id": store_id, "project": project})


async def entries_by_seq(db: Connection, seqs: Iterable[int]) -> list[StoredEntry]:
    """Of whatever project: for those who were given the seqs."""
    rows = await db.all(f"{_STORED} WHERE seq IN ({', '.join(str(int(seq)) for seq in seqs)})", {})
    return [_entry(row) for row in rows]


async def attributes_of(db: Connection, project: str, store_id: str) -> list[DescribedFile]:
    """Of every file in a store that can be found."""
    rows = await db.all(
        """
        SELECT seq, doc FROM vector_store_files
         WHERE store_id = :store_id AND status = 'completed' AND project = :project
        """,
        {"store_id": store_id, "project": project},
    )
    return [DescribedFile(seq=row["seq"], attributes=_decode_attributes(row["doc"]).attributes) for row in rows]


async def list_entries(
    db: Connection, project: str, store_id: str, params: ListVectorStoreFilesParams, *, batch_id: str | None = None
) -> Page:
    """Of the store, or of one of its batches. A cursor may be any of them, of whatever status."""
    binds: dict[str, Value] = {"project": project, "store_id": store_id}
    scope = "store_id = :store_id AND project = :project"
    if batch_id is not None:
        scope = f"batch_id = :batch_id AND +{scope}"  # the plus keeps the store's own index out of it
        binds["batch_id"] = batch_id
    if params.filter is not None:
        binds["status"] = params.filter
    return await page(
        db,
        params,
        table="vector_store_files",
        noun="file",
        scope=scope,
        binds=binds,
        condition="" if params.filter is None else "status = :status",
    )


async def save_entry(db: Connection, entry: StoredEntry, file: VectorStoreFile) -> None:
    """Save what changed of a file beside its status, as it was read in this transaction."""
    await _keep(db, entry, file, entry.batch_id)


# Reading them


async def waiting_entries(db: Connection, *, limit: int, without: Iterable[int]) -> list[StoredEntry]:
    """Files that are to be read, but for those with these seqs: the oldest of each project before any's second."""
    taken = ", ".join(str(int(seq)) for seq in without)
    rows = await db.all(
        f"""
        {_STORED}
         WHERE seq IN (
            SELECT seq FROM (
                SELECT seq, row_number() OVER (PARTITION BY project ORDER BY seq) AS turn
                  FROM vector_store_files
                 WHERE status = 'in_progress' AND seq NOT IN ({taken})
            )
             ORDER BY turn, seq LIMIT :limit
        )
         ORDER BY seq
        """,
        {"limit": limit},
    )
    return [_entry(row) for row in rows]


async def entry_waits(db: Connection, seq: int) -> bool:
    """Whether a file is still to be read."""
    row = await db.one("SELECT status FROM vector_store_files WHERE seq = :seq", {"seq": seq})
    return row is not None and row["status"] == "in_progress"


async def end_entry(
    db: Connection, seq: int, *, status: FileStatus, usage_bytes: int = 0, error: FileError | None = None
) -> bool:
    """Say what came of reading a file; False if nobody waits for that: it has left the store, or is cancelled."""
    row = await db.one(f"{_STORED} WHERE seq = :seq AND status = 'in_progress'", {"seq": seq})
    if row is None:
        return False
    entry = _entry(row)
    await _end(db, entry.project, [entry], status=status, usage_bytes=usage_bytes, error=error)
    return True


async def cancel_entries(db: Connection, project: str, store_id: str, batch_id: str | None = None) -> None:
    """Let nothing of a store, or of one of its batches, be read any more."""
    of_batch = "" if batch_id is None else "AND batch_id = :batch_id"
    rows = await db.all(
        f"{_STORED} WHERE store_id = :store_id AND status = 'in_progress' AND project = :project {of_batch}",
        {"store_id": store_id, "project": project, "batch_id": batch_id},
    )
    await _end(db, project, [_entry(row) for row in rows], status="cancelled")


async def cancel_batch(db: Connection, project: str, store_id: str, batch_id: str) -> FileBatch | None:
    """The batch as it is then; one that has nothing left to read stays what it is. None if there is none."""
    batch = await find_batch(db, project, store_id, batch_id)
    if batch is not None and batch.status == "in_progress":
        await save_batch(db, project, replace(batch, status="cancelled"))
        await cancel_entries(db, project, store_id, batch_id)
        batch = await find_batch(db, project, store_id, batch_id)
    return batch


# Rows


def _is_as_wanted(there: VectorStoreFile, wanted: VectorStoreFile) -> bool:
    return there.status in ("in_progress", "completed") and there.chunking_strategy == wanted.chunking_strategy


async def _end(
    db: Connection,
    project: str,
    entries: Sequence[StoredEntry],
    *,
    status: FileStatus,
    usage_bytes: int = 0,
    error: FileError | None = None,
) -> None:
    changes = CountChanges()
    for entry in entries:
        ended = replace(entry.file, status=status, usage_bytes=usage_bytes, last_error=error)
        await _keep(db, entry, ended, entry.batch_id)
        changes.left(entry.file, entry.batch_id)
        changes.joined(ended, entry.batch_id)
    await changes.save(db, project)


async def _detach(db: Connection, project: str, entries: Sequence[StoredEntry]) -> bool:
    changes = CountChanges()
    for entry in entries:
        await _remove(db, entry)
        changes.left(entry.file, entry.batch_id)
    await changes.save(db, project)
    return bool(entries)


async def _insert(db: Connection, project: str, file: VectorStoreFile, batch_id: str | None) -> int:
    row = await db.one(
        """
        INSERT INTO vector_store_files (id, project, store_id, batch_id, created_at, status, doc)
        SELECT :id, project, id, :batch_id, :created_at, :status, :doc
          FROM vector_stores
         WHERE id = :store_id AND project = :project
        RETURNING seq
        """,
        {
            "id": file.id,
            "project": project,
            "store_id": file.vector_store_id,
            "batch_id": batch_id,
            "created_at": file.created_at,
            "status": file.status,
            "doc": to_doc(file),
        },
    )
    if row is None:
        raise not_found("vector store", file.vector_store_id)
    return int(row["seq"])


async def _keep(db: Connection, entry: StoredEntry, file: VectorStoreFile, batch_id: str | None) -> None:
    await db.run(
        "UPDATE vector_store_files SET batch_id = :batch_id, status = :status, doc = :doc WHERE seq = :seq",
        {"seq": entry.seq, "batch_id": batch_id, "status": file.status, "doc": to_doc(file)},
    )


async def _remove(db: Connection, entry: StoredEntry) -> None:
    """Its chunks are nobody's from here on."""
    await db.run("DELETE FROM vector_store_files WHERE seq = :seq", {"seq": entry.seq})


def _entry(row: Row) -> StoredEntry:
    return StoredEntry(seq=row["seq"], project=row["project"], batch_id=row["batch_id"], file=_decode(row["doc"]))
