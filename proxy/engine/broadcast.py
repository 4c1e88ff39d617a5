"""A run's frames, encoded once and read by any number of followers by position.

A stream ends where the run rests: at `requires_action` or at a terminal status. The frames stay a while after that, so
whoever is slow still reads them all. A follower that leaves takes nothing with it; the run never waits for one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from proxy.runs.lifecycle import is_terminal
from proxy.schema.events import Event, RunChanged, StreamError
from proxy.schema.runs import RunStatus


class _Channel:
    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.ends: list[int] = []
        self.waiting: list[asyncio.Future[None]] = []
        self.forget: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        for waiter in self.waiting:
            if not waiter.done():  # its follower has left
                waiter.set_result(None)
        self.waiting.clear()

    async def wait(self) -> None:
        # One future for each follower: a shared one would need a shield, and that another turn of the loop per token.
        waiter = asyncio.get_running_loop().create_future()
        self.waiting.append(waiter)
        await waiter

    def end_after(self, position: int) -> int | None:
        return next((end for end in self.ends if end > position), None)


class Follower:
    """The frames of one stream: bytes, joined where several are ready, until the run rests."""

    def __init__(self, channel: _Channel, since: int) -> None:
        self._channel = channel
        self._since = since

    async def __aiter__(self) -> AsyncIterator[bytes]:
        position = self._since
        while True:
            end = self._channel.end_after(self._since)
            frames = self._channel.frames[position:end]
            if frames:
                position += len(frames)
                yield b"".join(frames)
            elif position == end:
                return
            else:
                await self._channel.wait()


class Broadcast:
    def __init__(
        self,
        frame: Callable[[Event], bytes],
        *,
        kept_seconds: float,
        freed: Callable[[str], None] = lambda thread_id: None,
    ) -> None:
        """`freed` is told of each thread whose run is over."""
        self._frame = frame
        self._freed = freed
        self._kept_seconds = kept_seconds
        self._channels: dict[str, _Channel] = {}

    def publish(self, run_id: str, events: Sequence[Event]) -> None:
        channel = self._channel(run_id)
        for event in events:
            channel.frames.append(self._frame(event))
            if _rests(event):
                self._end(run_id, channel)
            if isinstance(event, RunChanged) and is_terminal(event.run.status):
                self._freed(event.run.thread_id)
        channel.wake()

    def end(self, run_id: str) -> None:
        """End the streams of a run that says no more: its thread is gone, or another process has it."""
        channel = self._channels.get(run_id)
        if channel is not None and (not channel.ends or channel.ends[-1] != len(channel.frames)):
            channel.frames.append(b"")  # an end lies behind at least one frame, or its followers would not see it
            self._end(run_id, channel)
            channel.wake()

    def position(self, run_id: str) -> int:
        """Where the next frame will stand."""
        return len(self._channel(run_id).frames)

    def follow(self, run_id: str, *, since: int) -> Follower:
        return Follower(self._channel(run_id), since)

    def _channel(self, run_id: str) -> _Channel:
        channel = self._channels.get(run_id)
        if channel is None:
            channel = self._channels[run_id] = _Channel()
        elif channel.forget is not None:
            channel.forget.cancel()
            channel.forget = None
        return channel

    def _end(self, run_id: str, channel: _Channel) -> None:
        channel.ends.append(len(channel.frames))
        if channel.forget is not None:
            channel.forget.cancel()
        loop = asyncio.get_running_loop()
        channel.forget = loop.call_later(self._kept_seconds, self._channels.pop, run_id, None)


def _rests(event: Event) -> bool:
    match event:
        case RunChanged(run=run):
            return run.status is RunStatus.REQUIRES_ACTION or is_terminal(run.status)
        case StreamError():
            return True
        case _:
            return False
