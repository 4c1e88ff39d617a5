"""Files and `kill -9`: what was acknowledged is there, whole; what was not leaves nothing behind."""

import hashlib
import http.client
import random
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.processes import Server, serving

EDGE = "edge"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    # An address where nobody is: no model is needed here.
    with serving(tmp_path / "data", "http://127.0.0.1:9") as server:
        yield server


def connected(server: Server) -> http.client.HTTPConnection:
    address = urlsplit(server.url)
    return http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)


def form(content: bytes) -> bytes:
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    head += f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    return head.encode() + content + f"\r\n--{EDGE}--\r\n".encode()


HEADERS = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}


def upload(connection: http.client.HTTPConnection, content: bytes) -> str:
    connection.request("POST", "/v1/files", form(content), HEADERS)
    return str(answered(connection)["id"])


def answered(connection: http.client.HTTPConnection) -> dict[str, object]:
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    return dict(msgspec.json.decode(body))


def blobs(server: Server) -> set[str]:
    return {path.name for path in (server.data / "blobs").rglob("*") if path.is_file()}


def content_of(server: Server, file_id: str) -> bytes:
    connection = connected(server)
    connection.request("GET", f"/v1/files/{file_id}/content")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
    return body


def restarted(server: Server) -> Server:
    server.kill()
    return server.start()


def test_an_upload_that_was_cut_leaves_nothing_and_the_others_stay(server: Server) -> None:
    connection = connected(server)
    kept = upload(connection, b"Hello")
    body = form(random.randbytes(3_000_000))
    connection.putrequest("POST", "/v1/files")
    for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:-1000])
    waiting = threading.Event()
    while len(list((server.data / "blobs/incoming").iterdir())) == 0:
        assert not waiting.wait(0.01)
    restarted(server)
    connection.close()
    assert blobs(server) == {kept}
    assert content_of(server, kept) == b"Hello"
    assert any(re.search(r"swept 1 contents", line) for line in server.said)


@pytest.mark.parametrize("round_", range(3))
def test_everything_that_was_acknowledged_is_there_and_nothing_else(server: Server, round_: int) -> None:
    sums: dict[str, str] = {}
    deleted: set[str] = set()

    def keep_uploading(number: int) -> None:
        chance = random.Random(number * 10 + round_)
        connection = connected(server)
        with suppress(OSError, http.client.HTTPException):
            while True:
                content = chance.randbytes(chance.choice([10, 50_000, 400_000]))
                id = upload(connection, content)
                if chance.random() < 0.3:
                    connection.request("DELETE", f"/v1/files/{id}")
                    answered(connection)
                    deleted.add(id)
                else:
                    sums[id] = hashlib.sha256(content).hexdigest()
        connection.close()

    clients = [threading.Thread(target=keep_uploading, args=(number,)) for number in range(6)]
    for client in clients:
        client.start()
    while len(sums) < 40:
        threading.Event().wait(0.01)
    server.send(signal.SIGKILL)
    for client in clients:
        client.join()
    restarted(server)
    connection = connected(server)
    connection.request("GET", "/v1/files")
    listed = {file["id"] for file in answered(connection)["data"]}  # type: ignore[attr-defined]
    connection.close()
    assert sums.keys() <= listed
    assert not deleted & listed
    assert listed == blobs(server), "a row for each content, and a content for each row"
    for id in listed:
        digest = hashlib.sha256(content_of(server, id)).hexdigest()
        assert sums.get(id, digest) == digest
