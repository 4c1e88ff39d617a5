"""The counts of files, by status, that stores and batches are answered with: what one transaction changes of them."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from msgspec.structs import replace

from proxy.errors import not_found
from proxy.schema.vector_stores import FileCounts, FileStatus, VectorStoreFile
from proxy.store.database import Connection
from proxy.store.file_batches import find_batch, save_batch
from proxy.store.vector_stores import find_store, save_store


class CountChanges:
    """Noted as they come and saved at the end, in the transaction of what they count."""

    def __init__(self) -> None:
        self._stores: defaultdict[str, Counter[FileStatus]] = defaultdict(Counter)
        self._batches: defaultdict[tuple[str, str], Counter[FileStatus]] = defaultdict(Counter)
        self._usage: Counter[str] = Counter()

    def joined(self, file: VectorStoreFile, batch_id: str | None) -> None:
        self._note(file, 1)
        self.joined_batch(file, batch_id)

    def left(self, file: VectorStoreFile, batch_id: str | None) -> None:
        self._note(file, -1)
        self.left_batch(file, batch_id)

    def joined_batch(self, file: VectorStoreFile, batch_id: str | None) -> None:
        if batch_id is not None:
            self._batches[file.vector_store_id, batch_id][file.status] += 1

    def left_batch(self, file: VectorStoreFile, batch_id: str | None) -> None:
        if batch_id is not None:
            self._batches[file.vector_store_id, batch_id][file.status] -= 1

    def _note(self, file: VectorStoreFile, change: int) -> None:
        self._stores[file.vector_store_id][file.status] += change
        self._usage[file.vector_store_id] += change * file.usage_bytes

    async def save(self, db: Connection, project: str) -> None:
        for store_id, changes in self._stores.items():
            store = await find_store(db, project, store_id)
            if store is None:
                raise not_found("vector store", store_id)
            counts = _added(store.file_counts, changes)
            resting = "in_progress" if counts.in_progress else "completed"
            counted = replace(
                store,
                file_counts=counts,
                status="expired" if store.status == "expired" else resting,
                usage_bytes=store.usage_bytes + self._usage[store_id],
            )
            await save_store(db, project, counted)
        for (store_id, batch_id), changes in self._batches.items():
            batch = await find_batch(db, project, store_id, batch_id)
            if batch is None:
                raise not_found("vector store file batch", batch_id)
            counts = _added(batch.file_counts, changes)
            ends = batch.status == "in_progress" and not counts.in_progress
            await save_batch(
                db, project, replace(batch, file_counts=counts, status="completed" if ends else batch.status)
            )


def _added(counts: FileCounts, changes: Mapping[FileStatus, int]) -> FileCounts:
    by_status = {status: getattr(counts, status) + change for status, change in changes.items()}
    return replace(counts, **by_status, total=counts.total + sum(changes.values()))
