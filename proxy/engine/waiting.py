"""Those who wait until a thread is free: in the order in which they came, each up to a deadline of its own.

They are woken when the thread's run is over. A look every second finds out what nobody here was told: that the run
ended elsewhere, or with its thread.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

LOOK_SECONDS: Final = 1.0


class Place:
    """One place in the line for a thread."""

    def __init__(self, line: "deque[Place]", *, seconds: float, gone: asyncio.Future[None] | None) -> None:
        self._line = line
        self._until = asyncio.get_running_loop().time() + seconds
        self._gone = gone
        self._news = asyncio.Event()
        if gone is not None:
            gone.add_done_callback(lambda _: self.wake())

    @property
    def is_left(self) -> bool:
        """The one who waited has gone away, and wants nothing any more."""
        return self._gone is not None and self._gone.done()

    async def first(self) -> None:
        """Wait until nobody is in front, or there is no time left to wait."""
        while self._line[0] is not self and await self.news():
            pass

    async def news(self) -> bool:
        """Wait until something may have changed. False, at once, where there is no use in waiting."""
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0 or self.is_left:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, LOOK_SECONDS)):
                await self._news.wait()
        self._news.clear()
        return not self.is_left

    def wake(self) -> None:
        self._news.set()

    def give_up(self) -> None:
        self._until = 0.0
        self.wake()


class Waiting:
    def __init__(self) -> None:
        self._lines: dict[str, deque[Place]] = {}
        self._closed = False

    @contextmanager
    def place(self, thread_id: str, *, seconds: float, gone: asyncio.Future[None] | None) -> Iterator[Place]:
        """A place at the end of the thread's line, given up on leaving. `gone` is done when nobody waits any more."""
        line = self._lines.setdefault(thread_id, deque())
        place = Place(line, seconds=0.0 if self._closed else seconds, gone=gone)
        line.append(place)
        try:
            yield place
        finally:
            line.remove(place)
            if line:
                line[0].wake()
            else:
                del self._lines[thread_id]

    def wake(self, thread_id: str) -> None:
        """Tell the first in the line that the thread may be free."""
        if line := self._lines.get(thread_id):
            line[0].wake()

    def close(self) -> None:
        """Let nobody wait any longer: this process is leaving."""
        self._closed = True
        for line in self._lines.values():
            for place in line:
                place.give_up()
