"""The scripted model server in a thread of its own, for tests that do not run in an event loop."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compat_tests.scripted_upstream import Reply, Rule, ScriptedUpstream


class Model:
    def __init__(self, upstream: ScriptedUpstream, loop: asyncio.AbstractEventLoop) -> None:
        self._upstream = upstream
        self._loop = loop

    @property
    def url(self) -> str:
        return self._upstream.url

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Bodies of chat completions, in order."""
        return self._upstream.requests

    @property
    def unanswered(self) -> int:
        return self._upstream.unanswered

    def script(self, *replies: Reply | Rule) -> None:
        """What it says next, and after that, what is asked for by rule."""
        self._upstream.requests.clear()
        self._upstream.script(replies)

    def open(self, gate: asyncio.Event) -> None:
        self._loop.call_soon_threadsafe(gate.set)


@contextmanager
def model() -> Iterator[Model]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    upstream = ScriptedUpstream(models=["tiny"], context=131_072)
    asyncio.run_coroutine_threadsafe(upstream.start(), loop).result(10)
    try:
        yield Model(upstream, loop)
    finally:
        asyncio.run_coroutine_threadsafe(upstream.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
