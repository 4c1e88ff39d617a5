"""Files in the store."""

import msgspec
import pytest

from proxy.errors import NotFound
from proxy.schema.files import FileObject, ListFilesParams
from proxy.store import Store
from proxy.store.database import ConstraintBroken
from proxy.store.files import (
    ExpiredFile,
    StoredFile,
    delete_file,
    expired_files,
    file_json,
    find_file,
    find_files,
    insert_file,
    known_blobs,
    list_files,
)
from proxy.store.uploads import insert_part, insert_upload
from tests.builders import AT, a_file, a_part, an_upload
from tests.store.conftest import HOME

SHA = "a" * 64


async def insert(store: Store, *files: FileObject) -> None:
    for file in files:
        await store.write(lambda db, file=file: insert_file(db, HOME, file, sha256=SHA))


async def listed(store: Store, params: ListFilesParams, now: int = AT) -> list[str]:
    page = await store.read(lambda db: list_files(db, HOME, params, now=now))
    return [msgspec.json.decode(raw)["id"] for raw in page.data]


async def test_what_was_inserted_is_found_and_answered(store: Store) -> None:
    file = a_file(filename="Überblick.txt")
    await insert(store, file)
    assert await store.read(lambda db: find_file(db, HOME, file.id, now=AT)) == StoredFile(file=file, sha256=SHA)
    raw = await store.read(lambda db: file_json(db, HOME, file.id, now=AT))
    assert raw is not None
    assert bytes(raw) == msgspec.json.encode(file)


async def test_deleting_and_what_was_never_there(store: Store) -> None:
    file = a_file()
    await insert(store, file)
    assert await store.write(lambda db: delete_file(db, HOME, file.id))
    assert not await store.write(lambda db: delete_file(db, HOME, file.id))
    assert await store.read(lambda db: find_file(db, HOME, file.id, now=AT)) is None
    assert await store.read(lambda db: file_json(db, HOME, file.id, now=AT)) is None


async def test_an_id_is_given_once(store: Store) -> None:
    file = a_file()
    await insert(store, file)
    with pytest.raises(ConstraintBroken, match="UNIQUE"):
        await insert(store, file)


async def test_many_at_once_are_those_that_there_are(store: Store) -> None:
    files = [a_file() for _ in range(3)]
    await insert(store, *files)
    ids = [*(file.id for file in files), *(f"file-{n}" for n in range(1200)), files[0].id]
    found = await store.read(lambda db: find_files(db, HOME, ids, now=AT))
    assert found == {file.id: file for file in files}
    assert await store.read(lambda db: find_files(db, HOME, [], now=AT)) == {}


async def test_a_list_has_the_newest_first_and_can_be_of_one_purpose(store: Store) -> None:
    first, picture, last = a_file(), a_file(purpose="vision"), a_file()
    await insert(store, first, picture, last)
    assert await listed(store, ListFilesParams()) == [last.id, picture.id, first.id]
    assert await listed(store, ListFilesParams(purpose="assistants")) == [last.id, first.id]
    assert await listed(store, ListFilesParams(purpose="assistants", order="asc", after=first.id)) == [last.id]
    # The cursor is of another purpose than those asked for.
    assert await listed(store, ListFilesParams(purpose="assistants", after=picture.id)) == [first.id]
    assert await listed(store, ListFilesParams(purpose="batch")) == []
    with pytest.raises(NotFound):
        await listed(store, ListFilesParams(after="file-gone"))


async def test_a_file_whose_time_is_over_is_nobodys(store: Store) -> None:
    kept, short = a_file(), a_file(expires_at=AT + 10)
    await insert(store, kept, short)
    ids = [kept.id, short.id]
    assert set(await store.read(lambda db: find_files(db, HOME, ids, now=AT + 9))) == set(ids)
    assert await store.read(lambda db: expired_files(db, AT + 9, 5)) == []
    later = AT + 10
    assert await store.read(lambda db: find_file(db, HOME, short.id, now=later)) is None
    assert await store.read(lambda db: file_json(db, HOME, short.id, now=later)) is None
    assert set(await store.read(lambda db: find_files(db, HOME, ids, now=later))) == {kept.id}
    assert await listed(store, ListFilesParams(), later) == [kept.id]
    assert await store.read(lambda db: expired_files(db, later, 5)) == [ExpiredFile(id=short.id, project=HOME)]


async def test_the_blobs_that_rows_stand_for_are_those_of_files_and_of_parts(store: Store) -> None:
    file, upload = a_file(expires_at=AT - 1), an_upload()
    part = a_part(upload.id)
    await insert(store, file)
    await store.write(lambda db: insert_upload(db, HOME, upload, file_seconds=None))
    assert await store.write(lambda db: insert_part(db, HOME, part, bytes=1, now=AT))
    names = [file.id, part.id, upload.id, "file-gone"]
    assert await store.read(lambda db: known_blobs(db, names)) == {file.id, part.id}
    assert await store.read(lambda db: known_blobs(db, [])) == set()
