"""Files over HTTP: what comes in, in whatever form; what goes out; and that nothing is ever left half."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace

from config.settings import FileSettings, Settings
from proxy.api import forms, http_face
from proxy.operations.sweeping import sweep_expired
from proxy.services import Services
from proxy.store.blob_directory import DirectoryBlobs
from tests.api.conftest import Client
from tests.builders import AT
from tests.serving import StandingClock, give_key

EDGE = "--edge"
FORM = f'multipart/form-data; boundary="{EDGE}"'
MEGABYTE = 1 << 20


@pytest.fixture
def settings() -> Settings:
    return Settings(files=FileSettings(max_file_megabytes=1))


def form(*parts: tuple[str, str, bytes], end: bytes = b"--") -> bytes:
    """A body as it goes over the wire; each part is the rest of its disposition, its headers, and its content."""
    written = [
        f"--{EDGE}\r\nContent-Disposition: form-data; {named}\r\n{headers}\r\n".encode("utf-8", "surrogateescape")
        + content
        + b"\r\n"
        for named, headers, content in parts
    ]
    return b"".join(written) + f"--{EDGE}".encode() + end + b"\r\n"


def a_file(name: str = "notes.txt", content: bytes = b"Hello") -> tuple[str, str, bytes]:
    return f'name="file"; filename="{name}"', "Content-Type: text/plain\r\n", content


def a_field(name: str, value: str) -> tuple[str, str, bytes]:
    return f'name="{name}"', "", value.encode()


PURPOSE = a_field("purpose", "assistants")
ANCHOR = a_field("expires_after[anchor]", "created_at")
SECONDS = a_field("expires_after[seconds]", "3600")


async def post(client: Client, body: bytes, path: str = "/v1/files", **headers: str) -> tuple[int, Any]:
    kind = {"Content-Type": FORM}
    async with client.post(path, data=BytesIO(body), headers=kind | headers) as answer:
        return answer.status, await answer.json()


async def ask(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, f"/v1{path}", json=body) as answer:
        return answer.status, await answer.json()


async def created(client: Client, *parts: tuple[str, str, bytes]) -> dict[str, Any]:
    status, file = await post(client, form(*(parts or (PURPOSE, a_file()))))
    assert status == 200, file
    return dict(file)


async def content(client: Client, file_id: str, **headers: str) -> tuple[int, bytes, Any]:
    async with client.get(f"/v1/files/{file_id}/content", headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


def on_disk(services: Services) -> list[str]:
    return sorted(path.name for path in (Path(services.settings.data) / "blobs").rglob("*") if path.is_file())


def refusal(message: str, param: str | None = None) -> dict[str, Any]:
    """What is wrong on files is said twice."""
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return {"error": error, "detail": {"message": message, "code": None}}


# What comes in


async def test_a_file_is_answered_as_the_real_service_did(client: Client) -> None:
    file = await created(client, PURPOSE, a_file())
    assert list(file.items()) == [
        ("object", "file"),
        ("id", file["id"]),
        ("purpose", "assistants"),
        ("filename", "notes.txt"),
        ("bytes", 5),
        ("created_at", AT),
        ("expires_at", None),
        ("status", "processed"),
        ("status_details", None),
    ]
    assert (len(file["id"]), file["id"][:5]) == (27, "file-")
    assert await ask(client, "GET", f"/files/{file['id']}") == (200, file)
    status, listed = await ask(client, "GET", "/files")
    assert (status, list(listed)) == (200, ["object", "data", "has_more", "first_id", "last_id"])
    assert listed["data"] == [file]
    status, deleted = await ask(client, "DELETE", f"/files/{file['id']}")
    assert (status, list(deleted.items())) == (200, [("object", "file"), ("deleted", True), ("id", file["id"])])


@pytest.mark.parametrize("content_", [b"x", b"\r\n", b"--edge", b"\r\n--edg", bytes(range(256)) * 3000])
async def test_fields_may_stand_before_the_file_and_after_it(client: Client, content_: bytes) -> None:
    file = a_file(content=content_)
    unknown = a_field("unknown", "is passed over")
    for parts in [
        (PURPOSE, ANCHOR, SECONDS, file),
        (file, ANCHOR, SECONDS, PURPOSE, unknown),
        (ANCHOR, unknown, file, PURPOSE, SECONDS),
    ]:
        made = await created(client, *parts)
        assert (made["bytes"], made["expires_at"]) == (len(content_), AT + 3600)
        assert (await content(client, made["id"]))[:2] == (200, content_)


@pytest.mark.parametrize(
    ("named", "filename"),
    [
        ('filename="plain.txt"', "plain.txt"),
        ("filename=plain.txt", "plain.txt"),
        ('filename="你好.txt"', "你好.txt"),
        ("filename*=utf-8''%E4%BD%A0%E5%A5%BD.txt", "你好.txt"),
        ("filename=\"=?utf-8?B?5L2g5aW9LnR4dA==?=\"; filename*=utf-8''%E4%BD%A0%E5%A5%BD.txt", "你好.txt"),
        ('filename="a;b;c.txt"', "a;b;c.txt"),
        (r'filename="the \"best\".txt"', 'the "best".txt'),
        ('filename="the %22best%22.txt"', 'the "best".txt'),
        (r'filename="C:\new\notes.txt"', r"C:\new\notes.txt"),
        (r'filename="C:\\new\\notes.txt"', r"C:\new\notes.txt"),
        ('filename="../../../etc/passwd"', "../../../etc/passwd"),
        ('filename="/etc/passwd"', "/etc/passwd"),
        ("filename*=utf-8''..%2F..%2Fx%0D%0Ay", "../../x\r\ny"),
        ('filename="100%.txt"', "100%.txt"),
        ('filename="caf\udce9.txt"', "café.txt"),  # a byte that is Latin-1 and no UTF-8
        ('filename="..."', "..."),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionParam")
async def test_the_name_is_what_the_client_says_and_no_path(
    client: Client, services: Services, named: str, filename: str
) -> None:
    file = await created(client, (f'name="file"; {named}', "", b"Hello"), PURPOSE)
    assert file["filename"] == filename
    assert on_disk(services) == [file["id"]]
    status, read, headers = await content(client, file["id"])
    assert (status, read) == (200, b"Hello")
    disposition = headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename=")
    assert not any(mark in disposition for mark in ("/", "\\", "\r", "\n", "..txt"))


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        (form(PURPOSE), (400, "'file' is a required property", None)),
        (form(a_field("file", "no name, so no file"), PURPOSE), (400, "'file' is a required property", None)),
        (form(a_file(name=""), PURPOSE), (400, "'file' is a required property", None)),
        (form(a_file()), (400, "'purpose' is a required property", None)),
        (form(), (400, "'file' is a required property", None)),
        (form(PURPOSE, a_file(content=b"")), (400, "File is empty.", "file")),
        (form(PURPOSE, a_file(), a_file()), (400, "'file' was sent more than once.", "file")),
        (
            form(a_file(), a_field("purpose", "world_domination")),
            (
                400,
                "'world_domination' is not one of ['fine-tune', 'assistants', 'batch', 'user_data', 'vision', 'evals'] "
                "- 'purpose'",
                "purpose",
            ),
        ),
        (form(a_file(), a_field("purpose", "x" * 70_000)), (400, "The field 'purpose' is too long.", "purpose")),
        (
            form(a_file(), PURPOSE, SECONDS),
            (
                400,
                "Missing required parameter: 'expires_after.anchor'.",
                "expires_after.anchor",
            ),
        ),
        (
            form(a_file(), PURPOSE, ANCHOR, a_field("expires_after[seconds]", "x")),
            (
                400,
                "Invalid type for 'expires_after.seconds': expected an integer, but got a string instead.",
                "expires_after.seconds",
            ),
        ),
        (
            form(a_file(), PURPOSE, a_field("expires_after[anchor]", "now"), SECONDS),
            (
                400,
                "Invalid value: 'now'. Supported values are: 'created_at'.",
                "expires_after.anchor",
            ),
        ),
        (
            form(a_file(), PURPOSE, a_field("expires_after[x]", "y")),
            (
                400,
                "Missing required parameter: 'expires_after.anchor'.",
                "expires_after.anchor",
            ),
        ),
        (
            form(PURPOSE, a_file(content=bytes(MEGABYTE + 1))),
            (
                413,
                f"Maximum content size limit ({MEGABYTE}) exceeded ({MEGABYTE + 1} bytes read)",
                None,
            ),
        ),
    ],
)
async def test_what_is_refused_leaves_nothing(
    client: Client, services: Services, body: bytes, refused: tuple[int, str, str | None]
) -> None:
    status, error = await post(client, body)
    assert (status, error["error"]["message"], error["error"]["param"]) == refused
    if status == 400 and error["error"]["code"] is None:
        assert error == refusal(*refused[1:])
    assert on_disk(services) == []
    assert (await ask(client, "GET", "/files"))[1]["data"] == []
    await created(client)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"purpose": "assistants"}', "application/json"),
        (b"", "application/octet-stream"),
        (form(PURPOSE, a_file()), "multipart/form-data"),
        (form(PURPOSE, a_file()), "multipart/form-data; boundary=another"),
        (form(PURPOSE, a_file())[:-20], FORM),
        (form(PURPOSE, a_file(), end=b""), FORM),
        (b"nonsense", FORM),
        (b"", FORM),
        (form(("name=file; x" * 5000, "", b"x")), FORM),
        (form((a_file()[0], "no header\r\n", b"x")), FORM),
        (form((a_file()[0], "Content-Type: multipart/mixed; boundary=x\r\n", b"x")), FORM),
    ],
)
@pytest.mark.filterwarnings("ignore::aiohttp.multipart.BadContentDispositionHeader")
async def test_a_body_that_is_no_form(client: Client, services: Services, body: bytes, kind: str) -> None:
    async with client.post("/v1/files", data=body, headers={"Content-Type": kind}) as answer:
        error = await answer.json()
        assert (answer.status, error["error"]["type"]) == (400, "invalid_request_error"), error
    assert on_disk(services) == []


def say(client: Client, head: str, *body: bytes) -> socket.socket:
    """A request as a client writes it that does not care about the rest."""
    assert client.port is not None
    said = socket.create_connection((client.host, client.port))
    said.sendall(f"POST {head}\r\nHost: x\r\nContent-Type: {FORM}\r\n\r\n".encode())
    for piece in body:
        said.sendall(piece)
    return said


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(client: Client, services: Services) -> None:
    half = form(PURPOSE, a_file(content=bytes(900_000)))[:-100]
    with closing(say(client, f"/v1/files HTTP/1.1\r\nContent-Length: {len(half) + 1000}", half)):
        await until(lambda: len(on_disk(services)) == 1)
    await until(lambda: on_disk(services) == [])
    assert (await ask(client, "GET", "/files"))[1]["data"] == []


async def test_a_file_that_is_too_large_is_refused_before_it_is_sent(client: Client, services: Services) -> None:
    with closing(say(client, f"/v1/files HTTP/1.1\r\nContent-Length: {513 << 20}")) as said:
        answered = (await asyncio.to_thread(said.recv, 65_536)).decode()
    assert answered.startswith("HTTP/1.1 413 ")
    assert f"exceeded ({513 << 20} bytes read)" in answered
    assert on_disk(services) == []


async def test_without_a_length_it_is_stopped_at_the_limit(client: Client, services: Services) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield form(PURPOSE, a_file(content=b""), end=b"")[: -len(f"\r\n--{EDGE}\r\n")]
        for _ in range(40):
            yield bytes(100_000)

    kind = {"Content-Type": FORM}
    async with client.post("/v1/files", data=body(), headers=kind) as answer:
        assert answer.status == 413
        assert "Maximum content size limit (1048576) exceeded" in await answer.text()
    assert on_disk(services) == []


async def test_the_largest_file_that_may_be(client: Client) -> None:
    assert (await created(client, PURPOSE, a_file(content=bytes(MEGABYTE))))["bytes"] == MEGABYTE


async def test_a_client_that_falls_silent_is_not_waited_for_for_ever(
    client: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "SILENCE_SECONDS", 0.2)
    half = form(PURPOSE, a_file(content=bytes(1000)))[:-100]
    with closing(say(client, f"/v1/files HTTP/1.1\r\nContent-Length: {len(half) + 1000}", half)) as said:
        answered = (await asyncio.to_thread(said.recv, 65_536)).decode()
    assert answered.startswith("HTTP/1.1 400 ")
    assert "nothing came for 0.2 s" in answered
    assert on_disk(services) == []


async def test_many_at_once(client: Client, services: Services) -> None:
    bodies = [bytes([n]) * (n * 9000 + 1) for n in range(40)]
    files = await asyncio.gather(*(created(client, PURPOSE, a_file(f"{n}.txt", body)) for n, body in enumerate(bodies)))
    read = await asyncio.gather(*(content(client, file["id"]) for file in files))
    assert [body for _, body, _ in read] == bodies
    assert len(on_disk(services)) == len({file["id"] for file in files}) == len(bodies)


# A disk that is full


@pytest.fixture
async def full(tmp_path: Path, services: Services) -> AsyncIterator[Client]:
    """Of whose disk nothing may be used."""
    blobs = DirectoryBlobs(tmp_path / "data/blobs", keep_free_bytes=1 << 60)
    async with TestClient(TestServer(http_face(replace(services, blobs=blobs)))) as client:
        yield client


async def test_a_full_disk_is_said_and_nothing_is_left(
    full: Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    kind = {"Content-Type": FORM}
    async with full.post("/v1/files", data=form(PURPOSE, a_file()), headers=kind) as answer:
        assert (answer.status, answer.headers["x-should-retry"]) == (507, "false")
        error = (await answer.json())["error"]
    assert error == {
        "message": "The server has no room for this file: its disk is full. Nothing of it was kept.",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert "no room for a file" in caplog.text
    assert on_disk(services) == []


async def test_a_row_that_cannot_be_written_leaves_no_bytes(
    client: Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    await services.store.write(lambda db: db.run("ALTER TABLE files RENAME TO hidden", {}))
    status, error = await post(client, form(PURPOSE, a_file()))
    assert (status, error["error"]["type"]) == (500, "server_error")
    assert on_disk(services) == []
    await services.store.write(lambda db: db.run("ALTER TABLE hidden RENAME TO files", {}))
    caplog.clear()
    await created(client)


# What goes out


@pytest.mark.parametrize(
    ("name", "kind", "disposition"),
    [
        ("a.txt", "text/plain; charset=utf-8", 'attachment; filename="a.txt"'),
        ("a.png", "image/png", 'attachment; filename="a.png"'),
        ("a.PDF", "application/pdf", 'attachment; filename="a.PDF"'),
        ("a.csv", "text/csv; charset=utf-8", 'attachment; filename="a.csv"'),
        ("a.json", "application/octet-stream", 'attachment; filename="a.json"'),
        ("a.html", "application/octet-stream", 'attachment; filename="a.html"'),
        ("a.tar.gz", "application/octet-stream", 'attachment; filename="a.tar.gz"'),
        ("unknown", "application/octet-stream", 'attachment; filename="unknown"'),
        ("你 a.png", "image/png", "attachment; filename=\"? a.png\"; filename*=UTF-8''%E4%BD%A0%20a.png"),
        ('a"b.txt', "text/plain; charset=utf-8", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("../../x.txt", "text/plain; charset=utf-8", 'attachment; filename="x.txt"'),
        ("..\\x.txt", "text/plain; charset=utf-8", 'attachment; filename="x.txt"'),
        ("/..", "application/octet-stream", 'attachment; filename="file"'),
    ],
)  # fmt: skip
async def test_the_content_is_named_and_typed(client: Client, name: str, kind: str, disposition: str) -> None:
    file = await created(client, (f"name=\"file\"; filename*=utf-8''{quoted(name)}", "", b"Hello"), PURPOSE)
    status, read, headers = await content(client, file["id"])
    assert (status, read) == (200, b"Hello")
    assert (headers["Content-Type"], headers["Content-Disposition"]) == (kind, disposition)
    assert (headers["X-Content-Type-Options"], headers["Accept-Ranges"]) == ("nosniff", "bytes")
    assert headers["Content-Length"] == "5"


def quoted(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())


DIGITS = b"0123456789"


@pytest.mark.parametrize(
    ("asked", "status", "read", "said"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, DIGITS, "bytes 0-9/10"),
        ("bytes=9-99", 206, b"9", "bytes 9-9/10"),
        ("BYTES = 1 - 1", 206, b"1", "bytes 1-1/10"),
        ("bytes=0-0,2-2", 200, DIGITS, None),
        ("bytes=3-1", 200, DIGITS, None),
        ("bytes=-", 200, DIGITS, None),
        ("lines=1-2", 200, DIGITS, None),
        ("bytes=a-b", 200, DIGITS, None),
        ("bytes=" + "9" * 80 + "-", 200, DIGITS, None),
    ],
)
async def test_a_range(client: Client, asked: str, status: int, read: bytes, said: str | None) -> None:
    file = await created(client, PURPOSE, a_file(content=DIGITS))
    answered, body, headers = await content(client, file["id"], Range=asked)
    assert (answered, body, headers.get("Content-Range")) == (status, read, said)
    assert headers["Content-Length"] == str(len(read))


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_a_range_that_is_not_there(client: Client, asked: str) -> None:
    file = await created(client, PURPOSE, a_file(content=DIGITS))
    status, body, _ = await content(client, file["id"], Range=asked)
    message = json.loads(body)["error"]["message"]
    assert (status, message) == (416, f"The range '{asked}' is not in the file, which holds 10 bytes.")


async def test_one_who_has_it_already_is_told_so(client: Client) -> None:
    file = await created(client, PURPOSE, a_file(content=DIGITS))
    _, _, headers = await content(client, file["id"])
    etag = headers["ETag"]
    assert (await content(client, file["id"], **{"If-None-Match": f'"x", {etag}'}))[:2] == (304, b"")
    assert (await content(client, file["id"], Range="bytes=0-0", **{"If-Range": etag}))[:2] == (206, b"0")
    assert (await content(client, file["id"], Range="bytes=0-0", **{"If-Range": '"x"'}))[:2] == (200, DIGITS)
    async with client.head(f"/v1/files/{file['id']}/content") as answer:
        assert (answer.status, answer.headers["Content-Length"], await answer.read()) == (200, "10", b"")


async def test_bytes_that_somebody_took_away_are_a_fault_of_the_server(
    client: Client, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    file = await created(client, PURPOSE, a_file(content=DIGITS))
    (path,) = (Path(services.settings.data) / "blobs").rglob(file["id"])
    path.write_bytes(DIGITS[:5])
    with caplog.at_level(logging.ERROR):
        with pytest.raises(ClientError):
            await content(client, file["id"])
        path.unlink()
        assert (await content(client, file["id"]))[0] == 500
    assert "5 bytes shorter than it was" in caplog.text


class TestRefusedDownloads:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(files=FileSettings(refuse_downloads=True))

    @pytest.mark.parametrize(
        ("purpose", "status"),
        [("assistants", 400), ("user_data", 400), ("vision", 200), ("batch", 200), ("fine-tune", 200), ("evals", 200)],
    )
    async def test_as_the_real_service_did(self, client: Client, purpose: str, status: int) -> None:
        file = await created(client, a_field("purpose", purpose), a_file())
        answered, body, _ = await content(client, file["id"])
        assert answered == status
        if status == 400:
            assert json.loads(body) == refusal(f"Not allowed to download files of purpose: {purpose}")


# What is not there


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("GET", "/content")])
async def test_a_file_that_is_not_there(client: Client, method: str, tail: str) -> None:
    assert await ask(client, method, f"/files/fake_id{tail}") == (404, refusal("No such File object: fake_id", "id"))


async def test_a_file_is_of_one_project(client: Client, services: Services) -> None:
    mine, theirs = [{"Authorization": f"Bearer {await give_key(services, name)}"} for name in ("mine", "theirs")]
    status, file = await post(client, form(PURPOSE, a_file()), **mine)
    assert status == 200
    for method, tail in [("GET", ""), ("GET", "/content"), ("DELETE", "")]:
        async with client.request(method, f"/v1/files/{file['id']}{tail}", headers=theirs) as answer:
            assert answer.status == 404
    async with client.get("/v1/files", headers=theirs) as answer:
        assert (await answer.json())["data"] == []
    status, _ = await post(client, form(PURPOSE, a_file()))
    assert status == 401
    async with client.get(f"/v1/files/{file['id']}", headers=mine) as answer:
        assert answer.status == 200


async def test_a_query_that_does_not_fit(client: Client) -> None:
    status, error = await ask(client, "GET", "/files?limit=10001")
    assert (status, error["error"]["param"], error["error"]["code"]) == (400, "limit", "integer_above_max_value")
    assert (await ask(client, "GET", "/files?purpose=nothing&limit=10000"))[0] == 200


async def test_an_expired_file_is_gone_at_once_and_then_swept(client: Client, services: Services) -> None:
    file, kept = await created(client, PURPOSE, ANCHOR, SECONDS, a_file()), await created(client)
    assert isinstance(services.clock, StandingClock)
    services.clock.time = AT + 3600
    assert (await ask(client, "GET", f"/files/{file['id']}"))[0] == 404
    assert (await ask(client, "DELETE", f"/files/{file['id']}"))[0] == 404
    assert (await content(client, file["id"]))[0] == 404
    assert [each["id"] for each in (await ask(client, "GET", "/files"))[1]["data"]] == [kept["id"]]
    assert file["id"] in on_disk(services)
    await sweep_expired(services)
    assert on_disk(services) == [kept["id"]]


async def test_a_deleted_file_is_taken_out_of_what_names_it(client: Client, services: Services) -> None:
    one, other = await created(client), await created(client)
    resources = {"code_interpreter": {"file_ids": [one["id"], other["id"]]}}
    tools = [{"type": "code_interpreter"}]
    _, assistant = await ask(
        client, "POST", "/assistants", {"model": "tiny", "tools": tools, "tool_resources": resources}
    )
    _, thread = await ask(client, "POST", "/threads", {"tool_resources": resources, "metadata": {"see": one["id"]}})
    assert (await ask(client, "DELETE", f"/files/{one['id']}"))[0] == 200
    left = {"code_interpreter": {"file_ids": [other["id"]]}}
    assert (await ask(client, "GET", f"/assistants/{assistant['id']}"))[1]["tool_resources"] == left
    now = (await ask(client, "GET", f"/threads/{thread['id']}"))[1]
    assert (now["tool_resources"], now["metadata"]) == (left, {"see": one["id"]})
    assert on_disk(services) == [other["id"]]


IMAGE = {"type": "image_file", "image_file": {"file_id": "file-gone"}}
SHOWN = {"role": "user", "content": [IMAGE]}
HANDED = {
    "role": "user",
    "content": "x",
    "attachments": [{"file_id": "file-gone", "tools": [{"type": "code_interpreter"}]}],
}
READ = HANDED | {"attachments": [{"file_id": "file-gone", "tools": [{"type": "file_search"}]}]}
CODE = {"tool_resources": {"code_interpreter": {"file_ids": ["file-gone"]}}}
RUN = {"assistant_id": "{assistant}"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *[("/threads/{thread}/messages", message) for message in (SHOWN, HANDED, READ)],
        *[("/threads", {"messages": [message]}) for message in (SHOWN, HANDED, READ)],
        ("/threads/{thread}/runs", RUN | {"additional_messages": [SHOWN]}),
        ("/threads/runs", RUN | {"thread": {"messages": [HANDED]}}),
        ("/threads/runs", RUN | CODE),
        ("/assistants", {"model": "tiny"} | CODE),
        ("/assistants/{assistant}", CODE),
        ("/threads", CODE),
        ("/threads/{thread}", CODE),
    ],
)
async def test_what_names_a_file_that_is_not_there_is_refused_and_changes_nothing(
    client: Client, path: str, body: dict[str, Any]
) -> None:
    _, assistant = await ask(client, "POST", "/assistants", {"model": "tiny"})
    _, thread = await ask(client, "POST", "/threads", {"messages": [{"role": "user", "content": "Hi"}]})
    ids = {"assistant": assistant["id"], "thread": thread["id"]}
    body = json.loads(json.dumps(body).replace("{assistant}", assistant["id"]))
    status, error = await ask(client, "POST", path.format(**ids), body)
    assert (status, error["error"]["message"]) == (404, "File(s) with id(s) 'file-gone' were not found.")
    assert len((await ask(client, "GET", f"/threads/{thread['id']}/messages"))[1]["data"]) == 1
    assert len((await ask(client, "GET", "/threads"))[1]["data"]) == 1
    assert len((await ask(client, "GET", "/assistants"))[1]["data"]) == 1
    assert (await ask(client, "GET", f"/assistants/{assistant['id']}"))[1] == assistant


async def test_a_file_of_another_project_cannot_be_named(client: Client, services: Services) -> None:
    mine, theirs = [{"Authorization": f"Bearer {await give_key(services, name)}"} for name in ("mine", "theirs")]
    _, file = await post(client, form(PURPOSE, a_file()), **mine)
    body = {"messages": [{"role": "user", "content": [IMAGE | {"image_file": {"file_id": file["id"]}}]}]}
    for headers, status in [(theirs, 404), (mine, 200)]:
        async with client.post("/v1/threads", json=body, headers=headers) as answer:
            assert answer.status == status
