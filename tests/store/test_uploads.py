"""Uploads and their parts in the store."""

import pytest
from msgspec import UNSET

from proxy.schema.files import Upload
from proxy.store import Store
from proxy.store.database import ConstraintBroken
from proxy.store.uploads import (
    ExpiredUpload,
    StoredPart,
    StoredUpload,
    close_upload,
    expired_uploads,
    find_upload,
    insert_part,
    insert_upload,
    parts_of,
)
from tests.builders import AT, a_file, a_part, an_upload, changed
from tests.store.conftest import HOME


@pytest.fixture
async def upload(store: Store) -> Upload:
    upload = an_upload()
    await store.write(lambda db: insert_upload(db, HOME, upload, file_seconds=7200))
    return upload


async def add(store: Store, upload: Upload, *, now: int = AT) -> str | None:
    part = a_part(upload.id)
    added = await store.write(lambda db: insert_part(db, HOME, part, bytes=3, now=now))
    return part.id if added else None


async def test_what_was_inserted_is_found(store: Store, upload: Upload) -> None:
    found = await store.read(lambda db: find_upload(db, HOME, upload.id))
    assert found == StoredUpload(upload=upload, file_seconds=7200, part_ids=None)
    assert await store.read(lambda db: find_upload(db, HOME, "upload_gone")) is None


async def test_parts_are_those_of_their_upload_in_the_order_of_their_arrival(store: Store, upload: Upload) -> None:
    other = an_upload()
    await store.write(lambda db: insert_upload(db, HOME, other, file_seconds=None))
    first, _, second = await add(store, upload), await add(store, other), await add(store, upload)
    parts = await store.read(lambda db: parts_of(db, HOME, upload.id))
    assert first is not None
    assert second is not None
    assert parts == [StoredPart(id=first, bytes=3), StoredPart(id=second, bytes=3)]


async def test_completing_takes_the_parts_out_and_happens_once(store: Store, upload: Upload) -> None:
    ids = [await add(store, upload), await add(store, upload)]
    done = changed(upload, status="completed", file=a_file())
    assert await store.write(lambda db: close_upload(db, HOME, done, part_ids=["part_1"])) == ids
    found = await store.read(lambda db: find_upload(db, HOME, upload.id))
    assert found == StoredUpload(upload=done, file_seconds=7200, part_ids=["part_1"])
    assert await store.read(lambda db: parts_of(db, HOME, upload.id)) == []
    cancelled = changed(upload, status="cancelled", file=UNSET)
    assert await store.write(lambda db: close_upload(db, HOME, cancelled)) is None
    assert await store.read(lambda db: find_upload(db, HOME, upload.id)) == found


async def test_one_that_is_completed_says_with_what(store: Store, upload: Upload) -> None:
    with pytest.raises(ConstraintBroken, match="CHECK"):
        await store.write(lambda db: close_upload(db, HOME, changed(upload, status="completed")))


@pytest.mark.parametrize("status", ["cancelled", "expired"])
async def test_no_part_comes_after_the_end(store: Store, upload: Upload, status: str) -> None:
    assert await store.write(lambda db: close_upload(db, HOME, changed(upload, status=status))) == []
    assert await add(store, upload) is None


async def test_no_part_comes_too_late_or_to_nothing(store: Store, upload: Upload) -> None:
    assert await add(store, upload, now=upload.expires_at - 1)
    assert await add(store, upload, now=upload.expires_at) is None
    assert await add(store, an_upload()) is None


async def test_those_whose_time_is_over(store: Store, upload: Upload) -> None:
    cancelled = an_upload(status="cancelled")
    await store.write(lambda db: insert_upload(db, HOME, cancelled, file_seconds=None))
    assert await store.read(lambda db: expired_uploads(db, upload.expires_at - 1, 5)) == []
    due = await store.read(lambda db: expired_uploads(db, upload.expires_at, 5))
    assert due == [ExpiredUpload(project=HOME, upload=upload)]
