"""A chat-completions server without a model, as fast as plain asyncio goes: `python -m bench.upstream --port 0`.

Its first line of output is its address. Chunks are encoded before they are needed and written one by one, each in a
send of its own while the client keeps up. `GET /seen` tells when the last prompt was complete and how long it was.
"""

import argparse
import asyncio
import signal
import socket
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench.scripts import Script
from bench.wire import Head, Incoming

_TOKEN: Final = "word "
CONTENT: Final = b'"content":"word'
"""What is in a chunk that has a token, and in no other."""


class Prompt(Struct):
    model: str
    messages: list[msgspec.Raw]


class Seen(Struct, kw_only=True):
    at: float = 0.0
    """`time.perf_counter` counts from the same moment in all processes of a machine."""
    messages: int = 0
    bytes: int = 0


_decode_prompt = msgspec.json.Decoder(Prompt).decode
_encode = msgspec.json.encode


class Exchange(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, served: Sequence[str], seen: Seen) -> None:
        self._served = served
        self._seen = seen
        self._incoming = Incoming()
        self._answering: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # Nothing is gathered here: what the socket does not take at once is waited for.
        transport.set_write_buffer_limits(0)
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()

    def pause_writing(self) -> None:
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def data_received(self, data: bytes) -> None:
        if self._incoming.add(data):
            at = time.perf_counter()
            head, body = self._incoming.take()
            self._answer(head, body, at)

    def _answer(self, head: Head, body: bytes, at: float) -> None:
        match head.first.split(" ")[:2]:
            case ["POST", "/v1/chat/completions"]:
                prompt = _decode_prompt(body)
                self._seen.at, self._seen.messages, self._seen.bytes = at, len(prompt.messages), len(body)
                self._answering = asyncio.get_running_loop().create_task(self._stream(Script.of(prompt.model)))
            case ["GET", "/v1/models"]:
                listed = [
                    {"id": name, "object": "model", "max_model_len": Script.of(name).context} for name in self._served
                ]
                self._json({"object": "list", "data": listed})
            case ["GET", "/seen"]:
                self._json(self._seen)
            case _:
                self._json({"detail": "Not Found"}, status="404 Not Found")

    def _json(self, value: Any, *, status: str = "200 OK") -> None:
        body = _encode(value)
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    async def _stream(self, script: Script) -> None:
        if script.delay_ms:
            await asyncio.sleep(script.delay_ms / 1000)
        first, token, last = _chunks(script)
        write, pause = self._transport.write, None if script.pace == "burst" else script.every_ms / 1000
        write(first)
        for _ in range(script.tokens):
            if pause is not None:
                await asyncio.sleep(pause)
            if self._writable is not None:
                await self._writable
            write(token)
        write(last)


@lru_cache
def _chunks(script: Script) -> tuple[bytes, bytes, bytes]:
    """The head with the role, a token, and all that comes after the tokens, each ready for the socket."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
    usage = {"prompt_tokens": 10, "completion_tokens": script.tokens, "total_tokens": 10 + script.tokens}
    end = _event(script, choices=[], usage=usage) + _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return (
        head + _event(script, choices=[_choice({"role": "assistant", "content": ""})]),
        _event(script, choices=[_choice({"content": _TOKEN})]),
        _event(script, choices=[_choice({}, finish="stop")]) + end,
    )


def _choice(delta: dict[str, str], *, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _event(script: Script, **fields: Any) -> bytes:
    chunk = {
        "id": "chatcmpl-9a44f5dd8fa9c1e2",
        "object": "chat.completion.chunk",
        "created": 1_750_000_000,
        "model": script.name,
        **fields,
    }
    return _chunked(b"data: " + _encode(chunk) + b"\n\n")


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve(port: int, served: Sequence[str]) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    seen = Seen()
    server = await loop.create_server(lambda: Exchange(served, seen), "127.0.0.1", port)
    address = server.sockets[0].getsockname()
    print(f"http://{address[0]}:{address[1]}", flush=True)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.upstream", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", action="append", default=[], help="a served name, see bench/scripts.py; repeat")
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.port, arguments.model or [Script().name]))
