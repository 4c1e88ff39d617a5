"""One who sends a real server process what it should not be sent, and looks whether it is unharmed."""

import http.client
import json
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.processes import Server

EDGE = "edge-of-the-form"
FORM = {"Content-Type": f"multipart/form-data; boundary={EDGE}"}
READING_SECONDS = 180
"""Readers let all others go first, so on a machine that is busy they take many times as long."""
GOOD = b"The otter swims in the Danube."


class Visitor:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.slowest = 0.0
        """Seconds that any answer took, of those that wait for no file."""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        began = time.monotonic()
        status, content, _ = self.say(method, f"/v1{path}", data, {"Content-Type": "application/json"})
        self.slowest = max(self.slowest, time.monotonic() - began)
        return status, json.loads(content)

    def did(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = self.ask(method, path, body)
        assert status == 200, answer
        return answer

    def say(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: dict[str, str]
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Whatever is answered, also before all of the body is sent."""
        address = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=READING_SECONDS)
        try:
            chunked = not isinstance(body, bytes | None) and "Content-Length" not in headers
            with suppress(BrokenPipeError, ConnectionResetError):  # it had heard enough; its answer is there
                connection.request(method, path, body, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def upload(self, name: str, content: bytes) -> str:
        """A file with a name that can stand between quotes; its id."""
        status, answer, _ = self.say("POST", "/v1/files", form(f'filename="{name}"'.encode(), content), FORM)
        assert status == 200, answer
        return str(json.loads(answer)["id"])

    def store(self, *file_ids: str) -> str:
        """Its path."""
        return f"/vector_stores/{self.did('POST', '/vector_stores', {'file_ids': list(file_ids)})['id']}"

    def read(self, store: str) -> dict[str, Any]:
        """The files of a store by id, as soon as all of them have ended; others are answered meanwhile."""
        deadline = time.monotonic() + READING_SECONDS
        while self.did("GET", store)["status"] == "in_progress":
            assert time.monotonic() < deadline, self.did("GET", f"{store}/files")
            assert self.say("GET", "/health", None, {})[0] == 200
            threading.Event().wait(0.02)
        return {file["id"]: file for file in self.did("GET", f"{store}/files?limit=100")["data"]}

    def found(self, store: str, query: str) -> list[tuple[str, str]]:
        """Ids and names of files."""
        page = self.did("POST", f"{store}/search", {"query": query})
        return [(hit["file_id"], hit["filename"]) for hit in page["data"]]

    def on_disk(self) -> set[str]:
        """The names of all contents, also of half ones."""
        return {path.name for path in (self.server.data / "blobs").rglob("*") if path.is_file()}

    def megabytes(self, line: str = "VmRSS") -> int:
        """Of memory that the server has, or with `VmHWM` has ever had; its readers are others."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.split(f"{line}:")[1].split()[0]) >> 10


def form(named: bytes, content: bytes) -> bytes:
    """`named` is what the file's part says of its name."""
    head, tail = form_around(named)
    return head + content + tail


def form_around(named: bytes) -> tuple[bytes, bytes]:
    head = f'--{EDGE}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--{EDGE}\r\n'.encode()
    return head + b'Content-Disposition: form-data; name="file"; ' + named + b"\r\n\r\n", f"\r\n--{EDGE}--\r\n".encode()
