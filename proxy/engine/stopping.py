"""Why a run is stopped from outside, and how that breaks off whatever the run waits for."""

import asyncio
from collections.abc import Awaitable
from enum import Enum
from typing import TypeVar

T = TypeVar("T")


class Stop(Enum):
    CANCEL = "the client cancelled"
    EXPIRE = "expires_at has passed"
    SHUT_DOWN = "this process is leaving; its next start goes on"
    ABANDON = "the thread was deleted"


class Stopped(Exception):
    def __init__(self, reason: Stop) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Stopping:
    """Whether one run is to stop, and the wait of it that this breaks off. The first reason counts."""

    def __init__(self) -> None:
        self._reason: Stop | None = None
        self._heeded = False
        self._wait: asyncio.Timeout | None = None

    def stop(self, reason: Stop) -> None:
        if self._reason is None:
            self._reason = reason
            if self._wait is not None:
                self._wait.reschedule(asyncio.get_running_loop().time())

    def heed(self) -> None:
        """The run is being ended: for this reason, or for another that came first."""
        self._heeded = True

    @property
    def unheeded(self) -> Stop | None:
        """A reason to stop that came when the run had just come to rest by itself."""
        return None if self._heeded else self._reason

    def check(self) -> None:
        """Raises `Stopped` where nothing is waited for, and so nothing is broken off."""
        if self._reason is not None:
            raise Stopped(self._reason)

    async def interruptibly(self, awaitable: Awaitable[T]) -> T:
        """Wait for something that `stop` may break off: then it raises `Stopped`. Never used around a save."""
        try:
            async with asyncio.timeout(0 if self._reason else None) as self._wait:
                return await awaitable
        except TimeoutError:
            if self._reason is None:
                raise  # not ours
            raise Stopped(self._reason) from None
        finally:
            self._wait = None
