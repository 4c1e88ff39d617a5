"""Uploads over HTTP: parts in any order and at once, put together once, and gone when their hour is over."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from config.settings import FileSettings, Settings
from proxy.api import uploads
from proxy.operations.sweeping import sweep_expired
from proxy.services import Services
from tests.api.conftest import Client
from tests.api.test_files import a_field, a_file, ask, content, form, on_disk, post
from tests.builders import AT
from tests.serving import StandingClock, give_key

ASKED = {"filename": "data.jsonl", "purpose": "fine-tune", "bytes": 8, "mime_type": "text/jsonl"}


@pytest.fixture
def settings() -> Settings:
    return Settings(files=FileSettings(max_upload_megabytes=1))


async def begun(client: Client, **given: Any) -> dict[str, Any]:
    status, upload = await ask(client, "POST", "/uploads", ASKED | given)
    assert status == 200, upload
    return dict(upload)


async def add(client: Client, upload: dict[str, Any], data: bytes, status: int = 200) -> Any:
    named = 'name="data"; filename="blob"'
    answered, part = await post(client, form((named, "", data)), f"/v1/uploads/{upload['id']}/parts")
    assert answered == status, part
    return part["id"] if status == 200 else part["error"]


async def complete(client: Client, upload: dict[str, Any], *part_ids: str, **given: Any) -> tuple[int, Any]:
    return await ask(client, "POST", f"/uploads/{upload['id']}/complete", {"part_ids": part_ids} | given)


async def cancel(client: Client, upload: dict[str, Any]) -> tuple[int, Any]:
    return await ask(client, "POST", f"/uploads/{upload['id']}/cancel")


async def test_an_upload_is_answered_as_the_real_service_did(client: Client, services: Services) -> None:
    upload = await begun(client)
    assert list(upload.items()) == [
        ("id", upload["id"]),
        ("object", "upload"),
        ("bytes", 8),
        ("created_at", AT),
        ("filename", "data.jsonl"),
        ("purpose", "fine-tune"),
        ("status", "pending"),
        ("expires_at", AT + 3600),
    ]
    path = f"/v1/uploads/{upload['id']}/parts"
    _, first = await post(client, form(('name="data"; filename="blob"', "", b"0123")), path)
    assert list(first.items()) == [
        ("id", first["id"]),
        ("object", "upload.part"),
        ("created_at", AT),
        ("upload_id", upload["id"]),
    ]
    assert [len(each["id"].partition("_")[2]) for each in (upload, first)] == [32, 32]
    second = await add(client, upload, b"4567")
    clock(services).time = AT + 60
    status, done = await complete(client, upload, second, first["id"])
    assert (status, list(done)) == (200, [*upload, "file"])
    assert done == upload | {"status": "completed", "file": done["file"]}
    assert list(done["file"].items()) == [
        ("object", "file"),
        ("id", done["file"]["id"]),
        ("purpose", "fine-tune"),
        ("filename", "data.jsonl"),
        ("bytes", 8),
        ("created_at", AT),
        ("expires_at", None),
        ("status", "processed"),
        ("status_details", None),
    ]
    assert (await content(client, done["file"]["id"]))[1] == b"45670123"
    assert on_disk(services) == [done["file"]["id"]]


def clock(services: Services) -> StandingClock:
    assert isinstance(services.clock, StandingClock)
    return services.clock


async def test_parts_at_once_and_in_another_order(client: Client, services: Services) -> None:
    pieces = [bytes([n]) * (5000 + n) for n in range(30)]
    upload = await begun(client, bytes=sum(map(len, pieces)), expires_after={"anchor": "created_at", "seconds": 7200})
    parts = await asyncio.gather(*(add(client, upload, piece) for piece in pieces))
    whole = b"".join(pieces)
    status, done = await complete(client, upload, *parts, md5=hashlib.md5(whole).hexdigest().upper())
    assert (status, done["file"]["expires_at"]) == (200, AT + 7200)
    assert (await content(client, done["file"]["id"]))[1] == whole
    assert on_disk(services) == [done["file"]["id"]]


async def test_parts_that_were_not_needed_go_too(client: Client, services: Services) -> None:
    """A client that sent a part again, because it did not hear the answer."""
    upload = await begun(client)
    first, again, rest = [await add(client, upload, data) for data in (b"0123", b"0123", b"4567")]
    assert len(on_disk(services)) == 3
    status, done = await complete(client, upload, again, rest)
    assert (status, on_disk(services)) == (200, [done["file"]["id"]])
    assert first not in on_disk(services)


@pytest.mark.parametrize(
    ("given", "message", "param"),
    [
        ({"part_ids": []}, "Invalid 'part_ids': empty array. Expected an array with", "part_ids"),
        ({}, "Missing required parameter: 'part_ids'.", "part_ids"),
        ({"part_ids": ["part_x"]}, "No part 'part_x' found in upload", "part_ids[0]"),
        ({"part_ids": ["A", "A"]}, "or it is named twice.", "part_ids[1]"),
        ({"part_ids": ["A"]}, "The parts hold 4 bytes together, but the upload was created for 8", "part_ids"),
        ({"part_ids": ["A", "B", "C"]}, "The parts hold 9 bytes together", "part_ids"),
        ({"part_ids": ["A", "B"], "md5": "x"}, "The MD5 checksum of the file is", "md5"),
    ],
)
async def test_what_cannot_be_completed_stays_as_it_is(
    client: Client, services: Services, given: dict[str, Any], message: str, param: str
) -> None:
    upload = await begun(client)
    parts = {name: await add(client, upload, data) for name, data in [("A", b"0123"), ("B", b"4567"), ("C", b"8")]}
    body = given | ({"part_ids": [parts.get(id, id) for id in given["part_ids"]]} if "part_ids" in given else {})
    status, error = await ask(client, "POST", f"/uploads/{upload['id']}/complete", body)
    assert (status, error["error"]["type"], error["error"]["param"]) == (400, "invalid_request_error", param)
    assert message in error["error"]["message"]
    assert sorted(parts.values()) == on_disk(services)
    assert (await complete(client, upload, parts["A"], parts["B"]))[0] == 200


async def test_the_parts_of_another_upload_are_not_its_own(client: Client) -> None:
    mine, other = await begun(client), await begun(client)
    part = await add(client, other, b"01234567")
    assert (await complete(client, mine, part))[0] == 400
    assert (await complete(client, other, part))[0] == 200


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "'data' is a required property"),
        ([a_field("data", "text is no file")], "'data' is a required property"),
        ([('name="data"; filename="blob"', "", b"")], "Part is empty."),
        ([('name="data"; filename="blob"', "", bytes(2000))], "Maximum content size limit (1000) exceeded (2000 "),
        ([a_file()], "'data' is a required property"),
    ],
)
async def test_a_part_that_is_refused_leaves_nothing(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch, parts: list[Any], message: str
) -> None:
    monkeypatch.setattr(uploads, "MOST_PART_BYTES", 1000)  # 64 MiB would take a while
    upload = await begun(client)
    answered, error = await post(client, form(*parts), f"/v1/uploads/{upload['id']}/parts")
    assert answered == (413 if message.startswith("Maximum") else 400)
    assert error["error"]["message"].startswith(message)
    assert "detail" not in error
    assert on_disk(services) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"bytes": (1 << 20) + 1}, "Invalid 'bytes': integer above maximum value. Expected a value <= 1048576"),
        ({"bytes": 0}, "Invalid 'bytes': integer below minimum value. Expected a value >= 1"),
        ({"bytes": "8"}, "Invalid type for 'bytes': expected an integer"),
        ({"purpose": "fun"}, "Invalid value: 'fun'. Supported values are: 'fine-tune', 'assistants', 'batch', "),
        ({"filename": ""}, "Invalid 'filename': string too short."),
        ({"x": 1}, "Unknown parameter: 'x'."),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "Invalid 'expires_after.seconds': integer below"),
    ],
)
async def test_an_upload_that_is_refused(client: Client, given: dict[str, Any], message: str) -> None:
    status, error = await ask(client, "POST", "/uploads", ASKED | given)
    assert status == 400
    assert error["error"]["message"].startswith(message)


async def test_an_upload_that_is_not_there(client: Client, services: Services) -> None:
    refused = {"message": "No upload found with id 'upload_x'.", "type": "invalid_request_error"}
    for verb, body in [("cancel", None), ("complete", {"part_ids": ["part_1"]})]:
        status, error = await ask(client, "POST", f"/uploads/upload_x/{verb}", body)
        assert (status, error["error"]) == (404, refused | {"param": None, "code": None})
    gone = {"id": "upload_x"}
    assert (await add(client, gone, b"x", status=404))["message"] == refused["message"]
    assert on_disk(services) == []


async def test_an_upload_is_of_one_project(client: Client, services: Services) -> None:
    mine, theirs = [{"Authorization": f"Bearer {await give_key(services, name)}"} for name in ("mine", "theirs")]
    async with client.post("/v1/uploads", json=ASKED, headers=mine) as answer:
        upload = await answer.json()
    for headers, status in [(theirs, 404), (mine, 200)]:
        async with client.post(f"/v1/uploads/{upload['id']}/cancel", headers=headers) as answer:
            assert answer.status == status


async def test_after_an_hour_it_is_expired(client: Client, services: Services) -> None:
    upload, later = await begun(client), None
    part = await add(client, upload, b"01234567")
    clock(services).time = AT + 1800
    later = await begun(client)
    kept = await add(client, later, b"01234567")
    clock(services).time = AT + 3600
    for status, error in [await complete(client, upload, part), await cancel(client, upload)]:
        assert (status, error["error"]["message"].partition(" upload ")[2]) == (400, "with status 'expired'.")
    refused = await add(client, upload, b"x", status=400)
    assert refused["message"] == "Cannot add a part to upload with status 'expired'."
    assert on_disk(services) == sorted([part, kept])
    await sweep_expired(services)
    assert on_disk(services) == [kept]
    assert (await cancel(client, upload))[1]["error"]["message"] == "Cannot cancel upload with status 'expired'."
    assert (await complete(client, later, kept))[0] == 200


async def test_cancelling_takes_the_parts_away(client: Client, services: Services) -> None:
    upload = await begun(client)
    await add(client, upload, b"0123")
    assert await cancel(client, upload) == (200, upload | {"status": "cancelled"})
    assert on_disk(services) == []
    assert (await cancel(client, upload))[0] == 400
    assert (await add(client, upload, b"4567", status=400))["message"].endswith("with status 'cancelled'.")
    assert on_disk(services) == []


async def test_asking_twice_gives_the_same_and_asking_for_another_is_refused(client: Client) -> None:
    upload = await begun(client)
    one, two = await add(client, upload, b"0123"), await add(client, upload, b"4567")
    first = await complete(client, upload, one, two)
    assert first[0] == 200
    assert await complete(client, upload, one, two) == first
    status, error = await complete(client, upload, two, one)
    assert (status, error["error"]["message"]) == (400, "Cannot complete upload with status 'completed'.")


@pytest.mark.parametrize("round_", range(8))
async def test_of_those_who_end_it_at_once_one_wins_and_nothing_is_left_half(
    client: Client, services: Services, round_: int
) -> None:
    upload = await begun(client)
    one, two = await add(client, upload, b"0123"), await add(client, upload, b"4567")
    asked = [complete(client, upload, one, two), complete(client, upload, two, one), cancel(client, upload)]
    asked = asked[round_ % 3 :] + asked[: round_ % 3]
    answers = await asyncio.gather(*asked, complete(client, upload, one, two), add_late(client, upload))
    won = [answer["status"] for status, answer in answers if status == 200]
    assert won
    assert len(set(won)) == 1, "completed or cancelled, never both"
    assert all(status in (200, 400) for status, _ in answers)
    files = {answer["file"]["id"] for status, answer in answers if status == 200 and "file" in answer}
    listed = {file["id"] for file in (await ask(client, "GET", "/files"))[1]["data"]}
    assert listed == files == set(on_disk(services))
    assert len(files) == (won[0] == "completed")


async def add_late(client: Client, upload: dict[str, Any]) -> tuple[int, Any]:
    """A part that nobody asked for; it is in time or it is not."""
    answered, part = await post(
        client, form(('name="data"; filename="blob"', "", b"late")), f"/v1/uploads/{upload['id']}/parts"
    )
    return (400 if answered == 200 else answered), part


async def test_bytes_of_a_part_that_somebody_took_away(
    client: Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    upload = await begun(client)
    part = await add(client, upload, b"01234567")
    (path,) = (Path(services.settings.data) / "blobs").rglob(part)
    path.unlink()
    status, error = await complete(client, upload, part)
    assert (status, error["error"]["type"]) == (500, "server_error")
    assert "The content of" in caplog.text
    assert on_disk(services) == []
