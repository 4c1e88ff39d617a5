"""Stands between our server and a model server, passes all on as it is, and keeps what was asked and answered."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from bench.wire import Incoming

_READ_BYTES: Final = 256 * 1024


class Exchange(Struct, frozen=True, kw_only=True):
    path: str
    asked: bytes
    """The body of the request."""
    answered: bytes
    """The body of the answer, whole."""


class Recorder(socketserver.ThreadingTCPServer):
    """A thread for each connection."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        parts = urlsplit(target)
        self.target = (parts.hostname, parts.port)
        self._exchanges: list[Exchange] = []
        self._changing = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, exchange: Exchange) -> None:
        with self._changing:
            self._exchanges.append(exchange)

    def take(self, path: str) -> list[Exchange]:
        """What was asked at `path` since the last time, oldest first; the rest is forgotten."""
        with self._changing:
            taken, self._exchanges = self._exchanges, []
        return [each for each in taken if each.path == path]


class _Connection(socketserver.BaseRequestHandler):
    server: Recorder
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        incoming = Incoming()
        while data := self.request.recv(_READ_BYTES):
            question = data
            while not incoming.add(data):
                if not (data := self.request.recv(_READ_BYTES)):
                    return
                question += data
            head, asked = incoming.take()
            self._pass_on(question, path=head.first.split(" ")[1], asked=asked)

    def _pass_on(self, question: bytes, *, path: str, asked: bytes) -> None:
        """Each request has a connection of its own, so none is lost with one that the model server had closed."""
        with socket.create_connection(self.server.target) as target:
            target.sendall(question)
            incoming = Incoming()
            while data := target.recv(_READ_BYTES):
                if incoming.add(data):  # kept before anybody can know that it has ended
                    self.server.add(Exchange(path=path, asked=asked, answered=incoming.take()[1]))
                    self.request.sendall(data)
                    return
                self.request.sendall(data)


@contextmanager
def recorder(target: str) -> Iterator[Recorder]:
    with Recorder(target) as recorder:
        thread = threading.Thread(target=recorder.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield recorder
        finally:
            recorder.shutdown()
            thread.join()
