"""What every measurement works with: both servers, how much to measure, and the few objects it needs at ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench import processes
from bench.processes import Server
from bench.scripts import Script
from bench.wire import Connection
from proxy.runs.truncation import KEPT_SHARE

TOKEN_EVERY_MS = 20
QUESTION = "What is the capital of France?"


class Sizes(Struct, frozen=True, kw_only=True):
    starts: int = 9
    first_tokens: int = 200
    answer_tokens: int = 20_000
    answers: int = 9
    streams: int = 64
    stream_tokens: int = 200
    short_thread: int = 100
    long_thread: int = 10_000
    prompts: int = 60
    pages: int = 500
    passed: int = 200
    creates: int = 3_000
    turns: int = 500
    file_megabytes: int = 512
    ingests: int = 3
    ingested_files: int = 20
    searched_chunks: int = 100_000
    searches: int = 200
    passages: int = 10_000
    embedded_kilobytes: int = 1_000
    clients: tuple[int, ...] = (1, 16, 64)


TINY = Sizes(
    starts=1,
    first_tokens=2,
    answer_tokens=50,
    answers=2,
    streams=3,
    stream_tokens=5,
    short_thread=4,
    long_thread=40,
    prompts=2,
    pages=3,
    passed=2,
    creates=6,
    turns=8,
    file_megabytes=2,
    ingests=1,
    ingested_files=1,
    searched_chunks=50,
    searches=3,
    passages=12,
    embedded_kilobytes=4,
    clients=(1, 2),
)
"""For a look at whether it works; the figures mean nothing."""

WORDS = "river stone tiger cloud apple house green seven paper light music bread night water glass"


def text_of(number: int) -> str:
    """A message of about fifty tokens, unlike the others."""
    return f"Message {number}. {WORDS} {WORDS} {WORDS}"


def context_for(messages: int) -> int:
    """A context whose prompts hold about so many messages of `text_of`: the window that is left after it was moved."""
    tokens = messages * 60
    return round(tokens / KEPT_SHARE / 0.75)


class Setting:
    def __init__(
        self, sizes: Sizes, directory: Path, upstream: Server, server: Server, *, live: str | None = None
    ) -> None:
        self.sizes = sizes
        self.live = live
        """The real model server that measurements are to use which can."""
        self.directory = directory
        self.upstream = upstream
        self.server = server
        self._connections: list[Connection] = []

    def to_upstream(self) -> Connection:
        return self._connected(self.upstream.url)

    def to_server(self) -> Connection:
        return self._connected(self.server.url)

    def _connected(self, url: str) -> Connection:
        connection = Connection(url)
        self._connections.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def scripts(sizes: Sizes) -> dict[str, Script]:
    """Every answer that is measured, by what it is for."""
    return {
        "word": Script(),
        "late word": Script(delay_ms=20),
        "answer": Script(tokens=sizes.answer_tokens),
        "burst": Script(tokens=sizes.answer_tokens, pace="burst"),
        "stream": Script(tokens=sizes.stream_tokens, every_ms=TOKEN_EVERY_MS),
        "narrow": Script(context=context_for(sizes.short_thread)),
    }


@contextmanager
def prepared(
    sizes: Sizes, directory: Path, *, profile: Path | None = None, live: str | None = None
) -> Iterator[Setting]:
    """Both servers, running."""
    models = [script.name for script in scripts(sizes).values()]
    with (
        processes.upstream(models) as upstream,
        processes.ours(upstream.url, data=directory / "data", profile=profile) as server,
    ):
        setting = Setting(sizes, directory, upstream, server, live=live)
        try:
            yield setting
        finally:
            setting.close()


def new_assistant(connection: Connection, script: Script) -> str:
    return str(connection.ask("POST", "/v1/assistants", {"model": script.name})["id"])


def new_thread(connection: Connection, texts: Sequence[str] = (QUESTION,)) -> str:
    messages = [{"role": "user", "content": text} for text in texts]
    return str(connection.ask("POST", "/v1/threads", {"messages": messages})["id"])


def chat_body(script: Script, texts: Sequence[str] = (QUESTION,)) -> dict[str, Any]:
    """What our server asks of the model server for the same thread."""
    messages = [{"role": "user", "content": text} for text in texts]
    return {"model": script.name, "messages": messages, "stream": True, "stream_options": {"include_usage": True}}


def run_body(assistant_id: str) -> dict[str, Any]:
    return {"assistant_id": assistant_id, "stream": True}
