"""The only place that starts tasks: named, referenced until they end, and never silent about what they raise."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class TaskGroup:
    """Tasks with one owner. Unlike `asyncio.TaskGroup`, one that fails does not end the others."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    async def wait(self, timeout_seconds: float) -> None:
        """Wait until all have ended, or the time is up."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)

    async def cancel(self) -> None:
        """Cancel what still runs and wait for it to clean up."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            log.error("task %s failed", task.get_name(), exc_info=failure)
