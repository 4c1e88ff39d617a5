"""A proxy that loses what it is told to lose: requests before they arrive, or answers on their way back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

Fault = Literal["unsent", "unanswered", "busy", "broken", "page"]
"""Hang up before passing on; pass on and hang up; 503; pass on, and hang up after the first events of the answer; a
page for people instead of an answer."""
HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive", "accept-encoding"}


class Lossy:
    def __init__(self, target: str) -> None:
        self._client = httpx.Client(base_url=target, timeout=30)
        self._faults: list[tuple[str, Fault]] = []
        self._lock = threading.Lock()
        self.passed: list[str] = []
        """What the server was asked: `POST /threads`."""
        self.url = ""

    def lose(self, *faults: tuple[str, Fault]) -> None:
        """The next request that ends so (`POST …/runs`) fails so; one fault each, in order."""
        self.passed.clear()
        self._faults = list(faults)

    @property
    def left(self) -> list[tuple[str, Fault]]:
        """Faults that nothing met."""
        return self._faults

    def fault(self, call: str) -> Fault | None:
        with self._lock:
            if self._faults and call.endswith(self._faults[0][0]):
                return self._faults.pop(0)[1]
            return None

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        call = f"{handler.command} {path.partition('?')[0]}"
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        fault = self.fault(call)
        handler.close_connection = fault is not None
        if fault == "unsent":
            return
        if fault in {"busy", "page"}:
            said = b"" if fault == "busy" else b"<html>Welcome</html>"
            handler.send_response(503 if fault == "busy" else 200)
            handler.send_header("retry-after", "0")
            handler.send_header("content-length", str(len(said)))
            handler.end_headers()
            handler.wfile.write(said)
            return
        self.passed.append(call)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOP}
        with self._client.stream(handler.command, path, content=body, headers=headers) as answer:
            if fault == "unanswered":
                answer.read()
                return
            handler.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in HOP:
                    handler.send_header(name, value)
            handler.send_header("connection", "close")
            handler.end_headers()
            for number, piece in enumerate(answer.iter_raw()):
                if fault == "broken" and number:
                    return
                handler.wfile.write(piece)
                handler.wfile.flush()

    def close(self) -> None:
        self._client.close()


@contextmanager
def lossy(target: str) -> Iterator[Lossy]:
    proxy = Lossy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            try:
                proxy.handle(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        proxy.url = f"http://127.0.0.1:{listening.server_address[1]}"
        try:
            yield proxy
        finally:
            listening.shutdown()
            thread.join()
            proxy.close()
