"""Playing one run: a model server's chunks through the turn, saved, then published, until the run rests.

The run's status in the store is the arbiter: whoever loses the compare-and-set there looks again and yields.
"""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Final

from msgspec.structs import replace

from adapters import Route
from adapters.errors import CannotCall, ContextTooLong, RateLimited, UpstreamError
from proxy.engine.ending import close_stored, end_by, fail_anyhow, give_way
from proxy.engine.history import halved, remember
from proxy.engine.parts import Parts
from proxy.engine.preparing import Prepared, prepare
from proxy.engine.saving import Lost, Record
from proxy.engine.searching import query_before, search
from proxy.engine.stopping import Stop, Stopped, Stopping
from proxy.runs import failures, prompt
from proxy.runs.inputs import Deferred, Ended, Failed, OutOfTokens, Received, SearchesFirst, Started
from proxy.runs.turn import Turn
from proxy.schema.events import Event
from proxy.schema.runs import LastError, Run, RunStatus

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS: Final = 30.0
"""Between two attempts at a model server that has no room, unless it says itself when to come again."""


class Drive:
    """One run in the hands of this process, from its claim to its next rest."""

    def __init__(self, parts: Parts, run: Run, project: str) -> None:
        self.project = project
        self._parts = parts
        self._record = Record(parts, run, project)
        self._stopping = Stopping()
        self._prepared: Prepared | None = None
        self._goes_on = False
        """Whether the next turn goes on with a run that is in progress: after a search."""
        self._answered = False
        self._deferred = 0

    @property
    def run(self) -> Run:
        return self._record.run

    def stop(self, reason: Stop) -> None:
        """Break off at the next point where nothing is being saved; the model server is hung up on at once."""
        self._stopping.stop(reason)

    @property
    def unheeded(self) -> Stop | None:
        """A reason to stop that came when the run had just come to rest by itself."""
        return self._stopping.unheeded

    async def play(self) -> bool:
        """Play until the run rests. False when even its failure could not be saved: it must be taken up again."""
        return await self._guarded(self._play())

    async def close(self, reason: Stop) -> bool:
        """Close a run that nobody plays: one that waits for its client, or one whose process died."""
        return await self._guarded(self._end_by(reason))

    async def _guarded(self, work: Awaitable[None]) -> bool:
        try:
            while True:
                try:
                    await work
                except Lost as lost:
                    work = give_way(self._record, lost.events)
                else:
                    return True
        except Exception:
            log.exception("run %s broke off", self.run.id)
            return await fail_anyhow(self._record)

    async def _play(self) -> None:
        try:
            while True:
                if (pause_seconds := await self._play_turn()) is not None:
                    await self._stopping.interruptibly(asyncio.sleep(pause_seconds))
                elif not await self._search():
                    return
        except Stopped as stopped:
            await self._end_by(stopped.reason)

    async def _end_by(self, reason: Stop) -> None:
        self._stopping.heed()
        await end_by(self._record, reason)

    async def _play_turn(self) -> float | None:
        """Play one turn to its end; or how long to wait before it is tried again, where the server has no room now."""
        try:
            route = await self._stopping.interruptibly(
                self._parts.upstreams.resolve(self.run.model, thread_id=self.run.thread_id)
            )
            slots = self._parts.places.at(route)
            await self._stopping.interruptibly(slots.acquire(self.project))
            try:
                return await self._play_turn_at(route)
            finally:
                slots.release()
        except UpstreamError as failure:
            log.warning("run %s: no model server for %r: %s", self.run.id, self.run.model, failure)
            await close_stored(
                self._record, Failed(failures.last_error(failure, model=self.run.model), self._parts.now())
            )
        except prompt.Unsendable as unsendable:
            error = LastError(code="invalid_prompt", message=str(unsendable))
            await close_stored(self._record, Failed(error, self._parts.now()))
        return None

    async def _play_turn_at(self, route: Route) -> float | None:
        prepared = await prepare(self._parts, self.run, route, stopping=self._stopping, goes_on=self._goes_on)
        if prepared is None:
            return None
        turn, used_up = prepared.turn, prepared.used_up
        self._record.begin(turn)
        self._prepared, self._answered = prepared, False
        if used_up is not None:
            now = self._parts.now()
            await self._record.emit([*self._started(turn, now), *turn.feed(OutOfTokens(used_up, now))])
            return None
        try:
            await self._converse(prepared, route)
        except UpstreamError as failure:
            if isinstance(failure, CannotCall) and (query := query_before(prepared)):
                log.info("run %s: %s cannot call tools, files are searched first", self.run.id, self.run.model)
                await self._record.emit(turn.feed(SearchesFirst(query, self._parts.now())))
                return None
            if isinstance(failure, RateLimited) and not self._answered:
                self._deferred += 1
                log.info("run %s waits, its model server is busy: %s", self.run.id, failure)
                await self._record.emit(turn.feed(Deferred()))
                return pause_seconds(self._deferred, wanted=failure.retry_after_seconds)
            log.warning("run %s failed: %s: %s", self.run.id, type(failure).__name__, failure)
            images = prompt.with_images(stored.message for stored in prepared.fitted.kept)
            error = failures.last_error(failure, model=self.run.model, images=images)
            await self._record.emit(turn.feed(Failed(error, self._parts.now())))
        return None

    async def _converse(self, prepared: Prepared, route: Route) -> None:
        turn = prepared.turn
        # The model server starts to work while the run's start is being saved; nothing is announced before it is.
        started = self._parts.tasks.start(self._start(turn), name=f"start {self.run.id}")
        try:
            try:
                await self._listen(prepared, route, started)
            except ContextTooLong:
                # Tokens are counted without the template, and some servers only say so when they have the prompt.
                fewer = halved(prepared.material, prepared.fitted)
                if self._answered or fewer is None:
                    raise
                log.warning("run %s: its prompt is longer than was counted, its newer half is tried", self.run.id)
                await self._parts.store.write(lambda db: remember(db, prepared.material, fewer))
                await self._listen(replace(prepared, fitted=fewer), route, started)
        finally:
            lost = await started
        if lost is not None:
            raise lost
        await self._record.emit(turn.feed(Ended(self._parts.now())))

    async def _listen(self, prepared: Prepared, route: Route, started: "asyncio.Task[Lost | None]") -> None:
        turn = prepared.turn
        async with AsyncExitStack() as stack:
            asked = stack.enter_async_context(route.upstream.stream(prepared.request(route.model)))
            batches = await self._stopping.interruptibly(asked)
            if (lost := await started) is not None:
                raise lost
            while (batch := await self._stopping.interruptibly(anext(batches, None))) is not None:
                self._stopping.check()  # a server that is never waited for must not outrun it
                self._answered = True
                at = self._parts.now()
                events: list[Event] = []
                for chunk in batch:
                    events += turn.feed(Received(chunk, at))
                await self._record.emit(events)

    async def _start(self, turn: Turn) -> Lost | None:
        try:
            await self._record.emit(self._started(turn, self._parts.now()))
        except Lost as lost:
            return lost
        return None

    @staticmethod
    def _started(turn: Turn, at: int) -> list[Event]:
        """Nothing where the run goes on after a search: it has started."""
        return turn.feed(Started(at)) if turn.run.status is RunStatus.QUEUED else []

    async def _search(self) -> bool:
        """Do what the turn that ended wants searched; whether the run goes on with another turn then."""
        prepared = self._prepared
        if prepared is None or prepared.search is None or not prepared.turn.searches:
            return False
        turn = prepared.turn
        came = await self._stopping.interruptibly(search(self._parts, prepared, prepared.search))
        await self._record.emit(turn.feed(came))
        self._goes_on = turn.run.status is RunStatus.IN_PROGRESS
        return self._goes_on


def pause_seconds(attempt: int, *, wanted: float | None) -> float:
    """Before a busy model server is asked again; not at once for ever, although one says `Retry-After: 0`."""
    if wanted is None:
        return min(2.0**attempt, LONGEST_PAUSE_SECONDS)
    return max(wanted, min(0.05 * 2.0**attempt, LONGEST_PAUSE_SECONDS))
