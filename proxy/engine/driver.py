"""Playing one run: a model server's chunks through the turn, saved, then published, until the run rests.

Save, then publish: nobody is told what a crash could take back. Deltas are published only. The run's status in the
store is the arbiter: whoever loses the compare-and-set there looks again and yields.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from enum import Enum
from typing import TypeVar

from msgspec import Struct

from adapters import Route, Upstreams
from adapters.chat import ChatRequest
from adapters.errors import UpstreamError
from proxy.clock import Clock
from proxy.engine.broadcast import Broadcast
from proxy.engine.history import fit, load
from proxy.engine.saving import Lost, apply, durable
from proxy.engine.stored import open_turn
from proxy.ids import new_id
from proxy.runs import failures, prompt
from proxy.runs.lifecycle import is_terminal
from proxy.runs.progress import RunProgress
from proxy.runs.truncation import budget
from proxy.runs.turn import Cancelled, Ended, Failed, Input, Received, Started, TimedOut, Turn
from proxy.schema.events import ErrorBody, Event, RunChanged, StreamError
from proxy.schema.runs import LastError, Run, RunStatus
from proxy.store import Store, messages, runs, threads
from proxy.store.database import Connection
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)
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


class Parts(Struct, frozen=True, kw_only=True):
    """What every drive works with."""

    store: Store
    upstreams: Upstreams
    clock: Clock
    broadcast: Broadcast
    slots: asyncio.Semaphore
    tasks: TaskGroup
    owner: str


class Drive:
    """One run in the hands of this process, from its claim to its next rest."""

    def __init__(self, parts: Parts, run: Run, project: str) -> None:
        self._parts = parts
        self.run = run
        self.project = project
        self._seen = run.status
        self._turn: Turn | None = None
        self._stop: Stop | None = None
        self._heeded = False
        self._wait: asyncio.Timeout | None = None

    def stop(self, reason: Stop) -> None:
        """Break off at the next point where nothing is being saved; the model server is hung up on at once."""
        if self._stop is None:
            self._stop = reason
            if self._wait is not None:
                self._wait.reschedule(asyncio.get_running_loop().time())

    @property
    def unheeded(self) -> Stop | None:
        """A reason to stop that came when the run had just come to rest by itself."""
        return None if self._heeded else self._stop

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
                    work = self._yield(lost.events)
                else:
                    return True
        except Exception:
            log.exception("run %s broke off", self.run.id)
            return await self._fail_anyhow()

    async def _play(self) -> None:
        try:
            await self._interruptibly(self._parts.slots.acquire())
            try:
                await self._play_turn()
            finally:
                self._parts.slots.release()
        except Stopped as stopped:
            await self._end_by(stopped.reason)

    async def _play_turn(self) -> None:
        try:
            route = await self._interruptibly(
                self._parts.upstreams.resolve(self.run.model, thread_id=self.run.thread_id)
            )
            prepared = await self._prepare(route)
        except UpstreamError as failure:
            log.warning("run %s: no model server for %r: %s", self.run.id, self.run.model, failure)
            return await self._close_stored(Failed(failures.last_error(failure, model=self.run.model), self._now()))
        except prompt.Unsendable as unsendable:
            error = LastError(code="invalid_prompt", message=str(unsendable))
            return await self._close_stored(Failed(error, self._now()))
        if prepared is None:
            return None
        turn, request = prepared
        try:
            await self._converse(turn, route, request)
        except UpstreamError as failure:
            log.warning("run %s failed: %s: %s", self.run.id, type(failure).__name__, failure)
            await self._emit(turn.feed(Failed(failures.last_error(failure, model=self.run.model), self._now())))
        return None

    async def _prepare(self, route: Route) -> tuple[Turn, ChatRequest] | None:
        """Read what the prompt is made of, in one hop; None when the run is gone, or was ended meanwhile."""
        room = budget(
            route.context_length,
            max_prompt_tokens=self.run.max_prompt_tokens,
            answer_tokens=self.run.max_completion_tokens,
        )
        material = await self._parts.store.read(lambda db: load(db, self.run.id, budget=room))
        if material is None:
            return None
        if material.run.status is RunStatus.CANCELLING:
            raise Stopped(Stop.CANCEL)
        if material.run.status is not RunStatus.QUEUED:
            return None
        answer = _answer_tokens_left(material.run, material.progress)
        fitted = await self._interruptibly(fit(material, route, budget=room, answer_tokens=answer))
        if fitted.window_start is not None or fitted.counted:

            async def remember(db: Connection) -> None:
                await messages.save_token_counts(db, fitted.counted)
                if fitted.window_start is not None:
                    await threads.move_window(db, self.run.thread_id, fitted.window_start)

            await self._parts.store.write(remember)
        request = prompt.build(
            material.run,
            model=route.model,
            history=fitted.history,
            steps=material.steps,
            own_messages=material.own_messages,
            max_tokens=fitted.answer_tokens,
        )
        self.run, self._seen = material.run, material.run.status
        self._turn = Turn(material.run, material.progress, new_id=new_id)
        return self._turn, request

    async def _converse(self, turn: Turn, route: Route, request: ChatRequest) -> None:
        # The model server starts to work while the run's start is being saved; nothing is announced before it is.
        started = self._parts.tasks.start(self._start(turn), name=f"start {self.run.id}")
        try:
            async with AsyncExitStack() as stack:
                batches = await self._interruptibly(stack.enter_async_context(route.upstream.stream(request)))
                if (lost := await started) is not None:
                    raise lost
                while (batch := await self._interruptibly(anext(batches, None))) is not None:
                    if self._stop is not None:  # a server that is never waited for must not outrun it
                        raise Stopped(self._stop)
                    at = self._now()
                    events: list[Event] = []
                    for chunk in batch:
                        events += turn.feed(Received(chunk, at))
                    await self._emit(events)
        finally:
            lost = await started
        if lost is not None:
            raise lost
        await self._emit(turn.feed(Ended(self._now())))

    async def _start(self, turn: Turn) -> Lost | None:
        try:
            await self._emit(turn.feed(Started(self._now())))
        except Lost as lost:
            return lost
        return None

    # Ends that the model does not bring about

    async def _end_by(self, reason: Stop) -> None:
        self._heeded = True
        match reason:
            case Stop.CANCEL:
                self._seen = RunStatus.CANCELLING
                await self._close_with(Cancelled(self._now()))
            case Stop.EXPIRE:
                await self._close_with(TimedOut(self._now()))
            case Stop.SHUT_DOWN:
                await self._parts.store.write(lambda db: runs.release_run(db, self.run.id, self._parts.owner))
            case Stop.ABANDON:
                pass

    async def _close_with(self, given: Input) -> None:
        if self._turn is None:
            await self._close_stored(given)
        else:
            await self._emit(self._turn.feed(given))

    async def _close_stored(self, given: Input) -> None:
        turn = await self._parts.store.read(lambda db: open_turn(db, self.run.id))
        if turn is not None and not is_terminal(turn.run.status):
            self._turn, self._seen = turn, turn.run.status
            await self._emit(turn.feed(given))

    async def _yield(self, lost: Sequence[Event]) -> None:
        """The stored run is not what it was. A cancel is obeyed, unless the run had ended; anything else wins."""
        stored = await self._parts.store.read(lambda db: runs.load_run(db, self.run.id))
        turn = self._turn
        if stored is None or stored.run.status is not RunStatus.CANCELLING or turn is None:
            return
        self._seen = RunStatus.CANCELLING
        if is_terminal(turn.run.status):
            await self._emit(lost)
        else:
            kept: list[Event] = [event for event in lost if not isinstance(event, RunChanged)]
            await self._emit(kept + turn.feed(Cancelled(self._now())))

    async def _fail_anyhow(self) -> bool:
        """A fault of ours, or of the disk. The run fails; where even that cannot be saved, followers are told."""
        try:
            await self._close_stored(Failed(failures.internal_error(), self._now()))
        except Exception:
            log.exception("run %s: its failure could not be saved", self.run.id)
            self._parts.broadcast.publish(self.run.id, [StreamError(ErrorBody(message=failures.SORRY))])
            return False
        return True

    # Saving, publishing, waiting

    async def _emit(self, events: Sequence[Event]) -> None:
        changes = durable(events)
        if changes:
            turn = self._turn
            assert turn is not None
            progress, seen = turn.progress, self._seen
            try:
                await self._parts.store.write(
                    lambda db: apply(db, self.project, self.run, changes, progress, seen=seen)
                )
            except Lost as lost:
                raise Lost(events) from lost
            self._seen = turn.run.status
        if events:
            self._parts.broadcast.publish(self.run.id, events)

    async def _interruptibly(self, awaitable: Awaitable[T]) -> T:
        """Wait for something that `stop` may break off. Never used around a save."""
        try:
            async with asyncio.timeout(0 if self._stop else None) as self._wait:
                return await awaitable
        except TimeoutError:
            if self._stop is None:
                raise  # not ours
            raise Stopped(self._stop) from None
        finally:
            self._wait = None

    def _now(self) -> int:
        return self._parts.clock.now()


def _answer_tokens_left(run: Run, progress: RunProgress) -> int | None:
    """`max_completion_tokens` is a total over all turns of the run."""
    if run.max_completion_tokens is None:
        return None
    used = 0 if progress.usage is None else progress.usage.completion_tokens
    return max(1, run.max_completion_tokens - used)
