"""Files and uploads through the official client: everything that it can do with them, as applications do it."""

import hashlib
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.processes import Server
from tests.sdk.clients import Api, client

TEXT = "Größe: 5 m²\n".encode()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
BOUNDS = bytes(range(256)) * 12_000  # about three megabytes, of everything that a byte can be


async def create(api: Api, file: Any = ("notes.txt", TEXT), purpose: str = "assistants", **given: Any) -> Any:
    return await api(api.client.files.create(file=file, purpose=purpose, **given))


async def test_a_file_from_its_creation_to_its_end(api: Api) -> None:
    files = api.client.files
    made = await create(api)
    assert made.id.startswith("file-")
    assert set(made.to_dict(exclude_unset=True)) == {
        "object", "id", "purpose", "filename", "bytes", "created_at", "expires_at", "status", "status_details",
    }  # fmt: skip
    assert (made.object, made.purpose, made.filename, made.bytes) == ("file", "assistants", "notes.txt", len(TEXT))
    assert (made.status, made.expires_at) == ("processed", None)
    assert (await api(files.retrieve(made.id))).to_dict() == made.to_dict()
    content = await api(files.content(made.id))
    assert content.read() == TEXT
    assert content.text == TEXT.decode()
    deleted = await api(files.delete(made.id))
    assert deleted.to_dict() == {"object": "file", "deleted": True, "id": made.id}
    with pytest.raises(openai.NotFoundError) as refused:
        await api(files.retrieve(made.id))
    assert refused.value.body["message"] == f"No such File object: {made.id}"
    assert refused.value.param == "id"
    with pytest.raises(openai.NotFoundError):
        await api(files.content(made.id))
    with pytest.raises(openai.NotFoundError):
        await api(files.delete(made.id))


@pytest.mark.parametrize(
    "name", ["你好.txt", "a b;c=d.txt", 'the "best".txt', "../../etc/passwd", "C:\\x\\y.txt", "%22.txt"]
)
async def test_names_stay_names(api: Api, name: str) -> None:
    made = await create(api, (name, TEXT))
    # What stands for a quote in a form cannot be told from the same characters in a name.
    assert made.filename == name.replace("%22", '"')
    content = await api(api.client.files.content(made.id))
    assert content.read() == TEXT


async def test_a_file_of_every_kind_that_the_client_takes(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(PNG)
    with path.open("rb") as opened:
        assert (await create(api, opened, "vision")).filename == "picture.png"
    made = await create(api, path, "vision")
    assert (made.filename, made.bytes) == ("picture.png", len(PNG))
    content = await api(api.client.files.content(made.id))
    assert content.response.headers["content-type"] == "image/png"
    assert content.response.headers["content-disposition"] == 'attachment; filename="picture.png"'
    assert (await create(api, TEXT)).bytes == len(TEXT)


async def test_a_large_file_there_and_back_in_pieces(api: Api, tmp_path: Path) -> None:
    made = await create(api, ("data.bin", BOUNDS), "user_data")
    async with api.opened(api.client.files.with_streaming_response.content(made.id)) as response:
        digest = hashlib.sha256()
        pieces = response.iter_bytes(65_536)
        async for piece in api.events(pieces):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(BOUNDS).digest()
    raw = await api(api.client.files.with_raw_response.retrieve(made.id))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.parse().id == made.id


async def test_lists_by_purpose_and_in_pages(api: Api) -> None:
    files = api.client.files
    first, second, third = [await create(api, (f"{n}.jsonl", b"{}"), "evals") for n in "abc"]
    ids = [first.id, second.id, third.id]
    listed = [file.id for file in await api.every(files.list(purpose="evals")) if file.id in ids]
    assert listed == ids[::-1]
    assert ids[0] not in [file.id for file in await api.every(files.list(purpose="vision"))]
    paged = await api.every(files.list(purpose="evals", order="asc", limit=2))
    assert [file.id for file in paged if file.id in ids] == ids
    after = await api(files.list(purpose="evals", order="asc", after=first.id, limit=1))
    assert ([file.id for file in after.data], after.has_more) == ([second.id], True)
    for id in ids:
        await api(files.delete(id))


async def test_a_file_that_expires(api: Api) -> None:
    made = await create(api, expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.expires_at == made.created_at + 3600
    with pytest.raises(openai.BadRequestError, match="Expected a value >= 3600, but got 60 instead") as refused:
        await create(api, expires_after={"anchor": "created_at", "seconds": 60})
    assert refused.value.param == "expires_after.seconds"


async def test_files_that_are_refused(api: Api) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await create(api, purpose="world_domination")
    assert refused.value.body["message"] == (
        "'world_domination' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals'] "
        "- 'purpose'"
    )
    assert (refused.value.param, refused.value.code) == ("purpose", None)
    with pytest.raises(openai.BadRequestError, match="File is empty"):
        await create(api, ("empty.txt", b""))
    with pytest.raises(openai.NotFoundError, match="No such File object: fake_id"):
        await api(api.client.files.content("fake_id"))


async def test_a_file_that_is_too_large_is_refused_by_its_length(server: Server, tmp_path: Path) -> None:
    """Without sending half a gigabyte: the server answers when it has seen the length."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(513 << 20)
    api = client("sync", f"{server.url}/v1", timeout=60)
    with path.open("rb") as file, pytest.raises(openai.APIStatusError) as refused:
        api.client.files.create(file=file, purpose="assistants")
    assert refused.value.status_code == 413
    assert refused.value.body["message"].startswith("Maximum content size limit (536870912) exceeded (")
    await api.aclose()


# Uploads


async def begin(api: Api, size: int, **given: Any) -> Any:
    asked = {"filename": "data.bin", "purpose": "assistants", "mime_type": "application/octet-stream", "bytes": size}
    return await api(api.client.uploads.create(**asked | given))


async def test_an_upload_from_its_creation_to_its_file(api: Api) -> None:
    uploads = api.client.uploads
    upload = await begin(api, 12)
    assert upload.id.startswith("upload_")
    assert set(upload.to_dict(exclude_unset=True)) == {
        "id", "object", "bytes", "created_at", "filename", "purpose", "status", "expires_at",
    }  # fmt: skip
    assert (upload.status, upload.expires_at) == ("pending", upload.created_at + 3600)
    world = await api(uploads.parts.create(upload.id, data=b"world!"))
    hello = await api(uploads.parts.create(upload.id, data=b"Hello,"))
    assert (hello.object, hello.upload_id) == ("upload.part", upload.id)
    digest = hashlib.md5(b"Hello,world!").hexdigest()
    done = await api(uploads.complete(upload.id, part_ids=[hello.id, world.id], md5=digest))
    assert done.status == "completed"
    assert (done.file.filename, done.file.bytes, done.file.purpose) == ("data.bin", 12, "assistants")
    assert done.file.created_at == upload.created_at
    assert (await api(api.client.files.content(done.file.id))).read() == b"Hello,world!"
    assert (await api(api.client.files.retrieve(done.file.id))).to_dict() == done.file.to_dict()
    # A client that did not hear the answer, and asks again.
    again = await api(uploads.complete(upload.id, part_ids=[hello.id, world.id], md5=digest))
    assert again.to_dict() == done.to_dict()


# Older clients do not close a file that they opened themselves.
@pytest.mark.filterwarnings("ignore:.*notes.txt:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file .*notes.txt:ResourceWarning")
async def test_an_upload_in_chunks_of_the_client(api: Api, tmp_path: Path) -> None:
    done = await api(
        api.client.uploads.upload_file_chunked(
            file=BOUNDS, filename="data.bin", bytes=len(BOUNDS), mime_type="application/octet-stream",
            purpose="assistants", part_size=1_000_000,
        )
    )  # fmt: skip
    assert done.status == "completed"
    assert (await api(api.client.files.content(done.file.id))).read() == BOUNDS
    path = tmp_path / "notes.txt"
    path.write_bytes(TEXT)
    done = await api(
        api.client.uploads.upload_file_chunked(
            file=path, mime_type="text/plain", purpose="user_data", md5=hashlib.md5(TEXT).hexdigest()
        )
    )
    assert (done.file.filename, done.file.bytes) == ("notes.txt", len(TEXT))


async def test_an_upload_that_is_cancelled(api: Api) -> None:
    uploads = api.client.uploads
    upload = await begin(api, 4)
    part = await api(uploads.parts.create(upload.id, data=b"data"))
    cancelled = await api(uploads.cancel(upload.id))
    assert (cancelled.status, cancelled.file) == ("cancelled", None)
    for refused in (
        lambda: uploads.parts.create(upload.id, data=b"data"),
        lambda: uploads.complete(upload.id, part_ids=[part.id]),
        lambda: uploads.cancel(upload.id),
    ):
        with pytest.raises(openai.BadRequestError, match="upload with status 'cancelled'"):
            await api(refused())


async def test_an_upload_that_is_not_what_was_said(api: Api) -> None:
    uploads = api.client.uploads
    upload = await begin(api, 5)
    part = await api(uploads.parts.create(upload.id, data=b"data"))
    with pytest.raises(openai.BadRequestError, match="4 bytes together, but the upload was created for 5 bytes"):
        await api(uploads.complete(upload.id, part_ids=[part.id]))
    rest = await api(uploads.parts.create(upload.id, data=b"!"))
    with pytest.raises(openai.BadRequestError, match="MD5"):
        await api(uploads.complete(upload.id, part_ids=[part.id, rest.id], md5="0" * 32))
    with pytest.raises(openai.BadRequestError, match="No part 'part_gone' found"):
        await api(uploads.complete(upload.id, part_ids=[part.id, "part_gone"]))
    # It is still pending: the client may do better.
    done = await api(uploads.complete(upload.id, part_ids=[part.id, rest.id]))
    assert (await api(api.client.files.content(done.file.id))).read() == b"data!"
    with pytest.raises(openai.NotFoundError, match="No upload found with id 'upload_gone'"):
        await api(uploads.cancel("upload_gone"))
