"""HTTP/1.1 on bare sockets: the one client of the benchmark, with as little of its own in the figures as can be.

It knows what our two servers send and no more: a `Content-Length`, or chunks without trailers.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

HEAD_END: Final = b"\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_STREAM_END: Final = b"\r\n" + _LAST_CHUNK  # the head of an answer may end in "0", too
_READ_BYTES: Final = 256 * 1024
TIMEOUT_SECONDS: Final = 120.0


class Head:
    """The first line of a message, and how long its body is."""

    def __init__(self, raw: bytes) -> None:
        self.first, *lines = raw.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.chunked = fields.get("transfer-encoding", "").lower() == "chunked"
        self.length = int(fields.get("content-length", "0"))


class Incoming:
    """A message as it comes, read by read."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._body_at = 0
        self.head: Head | None = None

    def add(self, data: bytes) -> bool:
        """Whether the message is complete."""
        self._bytes += data
        if self.head is None:
            end = self._bytes.find(HEAD_END)
            if end < 0:
                return False
            self.head, self._body_at = Head(bytes(self._bytes[:end])), end + len(HEAD_END)
        if self.head.chunked:
            return self._bytes.endswith(_LAST_CHUNK, self._body_at)
        return len(self._bytes) - self._body_at >= self.head.length

    def take(self) -> tuple[Head, bytes]:
        """The complete message; the next one may follow."""
        assert self.head is not None
        head, body = self.head, bytes(self._bytes[self._body_at :])
        self._bytes.clear()
        self.head = None
        return head, dechunked(body) if head.chunked else body

    def take_answer(self) -> bytes:
        """The body of a 200."""
        head, body = self.take()
        if not head.first.startswith("HTTP/1.1 200"):
            raise Failed(f"{head.first}: {body[:2000]!r}")
        return body


def dechunked(body: bytes) -> bytes:
    parts: list[bytes] = []
    position = 0
    while True:
        line_end = body.index(b"\r\n", position)
        size = int(body[position:line_end], 16)
        if not size:
            return b"".join(parts)
        parts.append(body[line_end + 2 : line_end + 2 + size])
        position = line_end + 2 + size + 2


class Failed(Exception):
    """A server did not do what the measurement stands on."""


class Streamed(Struct, frozen=True, kw_only=True):
    """When it happened, in seconds of `time.perf_counter`, and what was read."""

    asked: float
    first: float
    """The read in which the marker was complete."""
    ended: float
    body: bytes


class Connection:
    """A kept-alive connection."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self.socket.close()

    def encoded(self, method: str, path: str, body: Any = None) -> bytes:
        """A whole request, ready for the socket."""
        content = b"" if body is None else msgspec.json.encode(body)
        return (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"OpenAI-Beta: assistants=v2\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode() + content

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded JSON of a 200."""
        self.socket.sendall(self.encoded(method, path, body))
        incoming = Incoming()
        while not incoming.add(self.read()):
            pass
        return msgspec.json.decode(incoming.take_answer())

    def stream(self, path: str, body: Any, *, marker: bytes) -> Streamed:
        """Ask, and read the answer to its end; `marker` stands in its first event of interest."""
        request = self.encoded("POST", path, body)
        pieces: list[bytes] = []
        first = 0.0
        asked = time.perf_counter()
        self.socket.sendall(request)
        seen = b""
        while not first:
            seen += self.read()
            if marker in seen:
                first = time.perf_counter()
            elif seen.endswith(_STREAM_END) or not seen.startswith(b"HTTP/1.1 200"):
                raise Failed(f"{path}: {marker!r} did not come: {seen[-2000:]!r}")
        pieces, last = [seen], seen
        while not last.endswith(_STREAM_END):
            last = self.read()
            if len(last) < len(_STREAM_END):  # the end itself came in two reads
                last = pieces.pop() + last
            pieces.append(last)
        ended = time.perf_counter()
        head, _, content = b"".join(pieces).partition(HEAD_END)
        if not Head(head).chunked:
            raise Failed(f"{path}: not a stream: {head!r}")
        return Streamed(asked=asked, first=first, ended=ended, body=dechunked(content))

    def read(self) -> bytes:
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise Failed("the server closed the connection")
        return data


def all_answered(
    connections: Sequence[Connection], requests: Iterator[bytes], *, check: Callable[[bytes], None] | None = None
) -> tuple[int, float]:
    """Keep every connection busy until no request is left: how many were answered, and in how many seconds."""
    answered = 0
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for connection in connections:
            if (request := next(requests, None)) is not None:
                connection.socket.sendall(request)
                selector.register(connection.socket, selectors.EVENT_READ, (connection, Incoming()))
        while selector.get_map():
            for key, _ in selector.select(TIMEOUT_SECONDS):
                connection, incoming = key.data
                if not incoming.add(connection.read()):
                    continue
                body = incoming.take_answer()
                if check is not None:
                    check(body)
                answered += 1
                if (request := next(requests, None)) is not None:
                    connection.socket.sendall(request)
                else:
                    selector.unregister(connection.socket)
        return answered, time.perf_counter() - started
