"""A run's frames, encoded once and read by any number of followers by number.

Frames are numbered from 0, in the order in which they were published since the run was created, over all its streams.
A stream ends where the run rests: at `requires_action` or at a terminal status. The frames stay a while after that, so
whoever is slow, or comes back, still reads them all; the count stays for as long as the run can go on. A follower that
leaves takes nothing with it; the run never waits for one.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Sequence

from proxy.runs.lifecycle import is_terminal
from proxy.schema.events import Event, RunChanged, RunCreated, StreamError
from proxy.schema.runs import RunStatus


class _Channel:
    def __init__(self, *, first: int = 0, whole: bool) -> None:
        self.first = first
        """The number of the first frame that is kept."""
        self.whole = whole
        """Numbers count from the run's creation. Not so for a run that another process began."""
        self.frames: list[bytes] = []
        self.ends: list[int] = []
        """The numbers before which streams end."""
        self.goes_on = False
        """The run rests at `requires_action`: more will be published when its client goes on."""
        self.waiting: list[asyncio.Future[None]] = []
        self.forget: asyncio.TimerHandle | None = None

    @property
    def next(self) -> int:
        """The number of the frame that is published next."""
        return self.first + len(self.frames)

    @property
    def rests(self) -> bool:
        return bool(self.ends) and self.ends[-1] == self.next

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


class Follower:
    """The frames of one stream: bytes, joined where several are ready, until the run rests."""

    def __init__(self, channel: _Channel, since: int, *, end: int) -> None:
        """From the frame numbered `since` to the channel's end number `end`, counted from 0; it may lie in future."""
        self._channel = channel
        self._since = since
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        channel, number = self._channel, self._since
        while True:
            end = channel.ends[self._end] if self._end < len(channel.ends) else None
            frames = channel.frames[number - channel.first : None if end is None else end - channel.first]
            if frames:
                number += len(frames)
                yield b"".join(frames)
            elif number == end:
                return
            else:
                await channel.wait()


class Broadcast:
    def __init__(
        self,
        frame: Callable[[Event], bytes],
        *,
        kept_seconds: float,
        counted_seconds: float = 600.0,
        freed: Callable[[str], None] = lambda thread_id: None,
    ) -> None:
        """`counted_seconds` is how long a run can rest and still go on; `freed` is told of each thread whose run ends.

        Events without a frame (`frame` gives no bytes) are not published, and not counted.
        """
        self._frame = frame
        self._freed = freed
        self._kept_seconds = kept_seconds
        self._counted_seconds = counted_seconds
        self._channels: dict[str, _Channel] = {}

    def publish(self, run_id: str, events: Sequence[Event]) -> None:
        channel = self._channels.get(run_id)
        if channel is None:
            whole = any(isinstance(event, RunCreated) for event in events)
            channel = self._channels[run_id] = _Channel(whole=whole)
        if channel.forget is not None:
            channel.forget.cancel()
            channel.forget = None
        for event in events:
            if frame := self._frame(event):
                channel.frames.append(frame)
                channel.goes_on = False
            if _rests(event):
                self._end(run_id, channel)
            if isinstance(event, RunChanged):
                channel.goes_on = event.run.status is RunStatus.REQUIRES_ACTION
                if is_terminal(event.run.status):
                    self._freed(event.run.thread_id)
        channel.wake()

    def end(self, run_id: str) -> None:
        """End the streams of a run that says no more: its thread is gone, or another process has it."""
        channel = self._channels.get(run_id)
        if channel is not None and not channel.rests:
            self._end(run_id, channel)
            channel.wake()

    def position(self, run_id: str) -> int:
        """The number of the run's next frame."""
        channel = self._channels.get(run_id)
        return 0 if channel is None else channel.next

    def follow(self, run_id: str, *, since: int) -> Follower:
        """The stream that the frame of this number is in, or will be."""
        channel = self._channels.get(run_id)
        if channel is None:
            channel = self._channels[run_id] = _Channel(whole=False)
        since = max(since, channel.first)
        return Follower(channel, since, end=bisect_right(channel.ends, since))

    def count(self, run_id: str) -> int | None:
        """How many frames the run has had; None where that is not known, or forgotten."""
        channel = self._channels.get(run_id)
        return None if channel is None or not channel.whole else channel.next

    def resume(self, run_id: str, *, after: int) -> Follower | None:
        """What comes after that many frames; None when nothing is remembered of it.

        Nothing, at once, for a run that rests and has no more. Where numbers do not count from the run's creation, all
        that is remembered: it begins with the turn that was begun anew.
        """
        channel = self._channels.get(run_id)
        if channel is None or (channel.rests and not channel.frames):
            return None
        after = max(after, channel.first) if channel.whole else channel.first
        if channel.rests and after >= channel.next:
            return Follower(channel, channel.next, end=len(channel.ends) - 1)
        return self.follow(run_id, since=after)

    def told(self, event: Event) -> Follower:
        """A stream of this one event."""
        channel = _Channel(whole=False)
        channel.frames.append(self._frame(event))
        channel.ends.append(1)
        return Follower(channel, 0, end=0)

    def _end(self, run_id: str, channel: _Channel) -> None:
        channel.ends.append(channel.next)
        if channel.forget is not None:
            channel.forget.cancel()
        channel.forget = asyncio.get_running_loop().call_later(self._kept_seconds, self._forget, run_id)

    def _forget(self, run_id: str) -> None:
        """Drop the frames. Whoever reads them still has the channel that they are in."""
        channel = self._channels.pop(run_id)
        if channel.goes_on:
            counter = self._channels[run_id] = _Channel(first=channel.next, whole=channel.whole)
            counter.ends.append(counter.next)
            loop = asyncio.get_running_loop()
            counter.forget = loop.call_later(self._counted_seconds, self._channels.pop, run_id, None)


def _rests(event: Event) -> bool:
    match event:
        case RunChanged(run=run):
            return run.status is RunStatus.REQUIRES_ACTION or is_terminal(run.status)
        case StreamError():
            return True
        case _:
            return False
