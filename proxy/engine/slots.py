"""Places at a model server: a limit on the runs that talk to it at one time, shared fairly between projects.

Projects take turns, whatever each has waiting: one that starts a thousand runs delays its own, not another's one.
Within a project, first come, first served.
"""

import asyncio
from collections import OrderedDict, deque


class Slots:
    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(len(queue) for queue in self._waiting.values())

    async def acquire(self, project: str) -> None:
        """Wait for a place. Breaking off the wait, by cancelling it, leaves nothing behind."""
        if self._free > 0 and not self._waiting:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release()  # it came at the very moment when nobody wanted it any more
            else:
                self._forget(project, place)
            raise

    def release(self) -> None:
        """Give a place back; the project whose turn it is gets it, and goes to the end of the line."""
        while self._waiting:
            project, queue = next(iter(self._waiting.items()))
            place = queue.popleft()
            if queue:
                self._waiting.move_to_end(project)
            else:
                del self._waiting[project]
            if not place.done():
                place.set_result(None)
                return
        self._free += 1

    def _forget(self, project: str, place: asyncio.Future[None]) -> None:
        queue = self._waiting.get(project)
        if queue is not None and place in queue:
            queue.remove(place)
            if not queue:
                del self._waiting[project]
