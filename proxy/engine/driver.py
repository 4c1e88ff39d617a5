"""Playing one run: a model server's chunks through the turn, saved, then published, until the run rests.

Save, then publish: nobody is told what a crash could take back. Deltas are published only. The run's status in the
store is the arbiter: whoever loses the compare-and-set there looks again and yields.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import Enum
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from adapters import Route, Upstreams
from adapters.chat import ChatRequest
from adapters.embedding import Embedder
from adapters.errors import CannotCall, ContextTooLong, RateLimited, UpstreamError
from proxy.clock import Clock
from proxy.engine.broadcast import Broadcast
from proxy.engine.history import Fitted, Material, fit, halved, load, remember
from proxy.engine.images import read_images
from proxy.engine.places import Places
from proxy.engine.saving import Lost, apply, durable
from proxy.engine.searching import search_all
from proxy.engine.stored import open_turn
from proxy.ids import new_id
from proxy.runs import failures, prompt
from proxy.runs.budgets import tokens_left
from proxy.runs.citing import sources_of
from proxy.runs.inputs import (
    Cancelled,
    Deferred,
    Ended,
    Failed,
    Input,
    OutOfTokens,
    Received,
    Searched,
    SearchesFirst,
    Started,
    TimedOut,
    TokenBudget,
)
from proxy.runs.lifecycle import is_terminal
from proxy.runs.searching import MOST_ROUNDS, Offer, offer_of, rounds
from proxy.runs.truncation import budget
from proxy.runs.turn import Turn
from proxy.schema.events import ErrorBody, Event, RunChanged, StreamError
from proxy.schema.runs import LastError, Run, RunStatus
from proxy.schema.tools import FunctionTool
from proxy.store import Store, runs
from proxy.store.blobs import Blobs
from proxy.tasks import TaskGroup
from proxy.tools.file_search import StoreExpired

log = logging.getLogger(__name__)
T = TypeVar("T")

LONGEST_PAUSE_SECONDS: Final = 30.0
"""Between two attempts at a model server that has no room, unless it says itself when to come again."""


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
    blobs: Blobs
    upstreams: Upstreams
    embedder: Embedder | None = None
    clock: Clock
    broadcast: Broadcast
    places: Places
    tasks: TaskGroup
    owner: str


class Prepared(Struct, frozen=True, kw_only=True):
    """A turn, and what its request is made of."""

    turn: Turn
    route: Route
    material: Material
    fitted: Fitted
    images: Mapping[str, str]
    used_up: TokenBudget | None
    search: Offer | None

    def request(self, model: str) -> ChatRequest:
        return prompt.build(
            self.material.run,
            model=model,
            history=[stored.message for stored in self.fitted.kept],
            steps=self.material.steps,
            own_messages=self.material.own_messages,
            images=self.images,
            max_tokens=self.fitted.answer_tokens,
            progress=self.material.progress,
        )

    @property
    def can_search_first(self) -> bool:
        """Whether a model that cannot call tools would lose nothing but file search, and has not begun to answer."""
        functions = any(isinstance(tool, FunctionTool) for tool in self.material.run.tools)
        return self.search is not None and not functions and not self.material.progress.searches_first


class Drive:
    """One run in the hands of this process, from its claim to its next rest."""

    def __init__(self, parts: Parts, run: Run, project: str) -> None:
        self._parts = parts
        self.run = run
        self.project = project
        self._seen = run.status
        self._turn: Turn | None = None
        self._prepared: Prepared | None = None
        self._goes_on = False
        """Whether the next turn goes on with a run that is in progress: after a search."""
        self._stop: Stop | None = None
        self._heeded = False
        self._answered = False
        self._deferred = 0
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
            while True:
                if (pause_seconds := await self._play_turn()) is not None:
                    await self._interruptibly(asyncio.sleep(pause_seconds))
                elif not await self._search():
                    return
        except Stopped as stopped:
            await self._end_by(stopped.reason)

    async def _play_turn(self) -> float | None:
        """Play one turn to its end; or how long to wait before it is tried again, where the server has no room now."""
        try:
            route = await self._interruptibly(
                self._parts.upstreams.resolve(self.run.model, thread_id=self.run.thread_id)
            )
            slots = self._parts.places.at(route)
            await self._interruptibly(slots.acquire(self.project))
            try:
                return await self._play_turn_at(route)
            finally:
                slots.release()
        except UpstreamError as failure:
            log.warning("run %s: no model server for %r: %s", self.run.id, self.run.model, failure)
            await self._close_stored(Failed(failures.last_error(failure, model=self.run.model), self._now()))
        except prompt.Unsendable as unsendable:
            error = LastError(code="invalid_prompt", message=str(unsendable))
            await self._close_stored(Failed(error, self._now()))
        return None

    async def _play_turn_at(self, route: Route) -> float | None:
        prepared = await self._prepare(route)
        if prepared is None:
            return None
        turn, used_up = prepared.turn, prepared.used_up
        if used_up is not None:
            now = self._now()
            await self._emit([*self._started(turn, now), *turn.feed(OutOfTokens(used_up, now))])
            return None
        try:
            await self._converse(prepared, route)
        except UpstreamError as failure:
            query = prompt.asked_last(stored.message for stored in prepared.fitted.kept)
            if isinstance(failure, CannotCall) and prepared.can_search_first and query:
                log.info("run %s: %s cannot call tools, files are searched first", self.run.id, self.run.model)
                await self._emit(turn.feed(SearchesFirst(query, self._now())))
                return None
            if isinstance(failure, RateLimited) and not self._answered:
                self._deferred += 1
                log.info("run %s waits, its model server is busy: %s", self.run.id, failure)
                await self._emit(turn.feed(Deferred()))
                return pause_seconds(self._deferred, wanted=failure.retry_after_seconds)
            log.warning("run %s failed: %s: %s", self.run.id, type(failure).__name__, failure)
            images = prompt.with_images(stored.message for stored in prepared.fitted.kept)
            error = failures.last_error(failure, model=self.run.model, images=images)
            await self._emit(turn.feed(Failed(error, self._now())))
        return None

    async def _prepare(self, route: Route) -> Prepared | None:
        """Read what the prompt is made of, in one hop; None when the run is gone, or was ended meanwhile."""
        # What its earlier turns used is known once the run is read: of the answer's tokens, all but one at most.
        context, tools = route.context_length, bool(self.run.tools)
        most = budget(
            context,
            max_prompt_tokens=self.run.max_prompt_tokens,
            answer_tokens=None if self.run.max_completion_tokens is None else 1,
            tools=tools,
        )
        material = await self._parts.store.read(lambda db: load(db, self.run.id, budget=most))
        if material is None:
            return None
        if material.run.status is RunStatus.CANCELLING:
            raise Stopped(Stop.CANCEL)
        resumes = self._goes_on and material.run.status is RunStatus.IN_PROGRESS
        if material.run.status is not RunStatus.QUEUED and not resumes:
            return None
        left = tokens_left(material.run, material.progress)
        room = budget(context, max_prompt_tokens=left.prompt, answer_tokens=left.completion, tools=tools)
        fitted = await self._interruptibly(fit(material, route, budget=room, answer_tokens=left.completion))
        if fitted.window_start is not None or fitted.counted:
            await self._parts.store.write(lambda db: remember(db, material, fitted))
        kept = [stored.message for stored in fitted.kept]
        reading = read_images(self._parts.store, self._parts.blobs, material.project, kept, now=self._now())
        images = await self._interruptibly(reading)
        self.run, self._seen = material.run, material.run.status
        search = offer_of(material.run, material.progress)
        sources = sources_of(material.steps, messages=len(kept))
        self._turn = Turn(material.run, material.progress, new_id=new_id, search=search, sources=sources)
        self._answered = False
        self._prepared = Prepared(
            turn=self._turn,
            route=route,
            material=material,
            fitted=fitted,
            images=images,
            used_up=left.used_up(fits=fitted.fits),
            search=search,
        )
        return self._prepared

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
        await self._emit(turn.feed(Ended(self._now())))

    async def _listen(self, prepared: Prepared, route: Route, started: "asyncio.Task[Lost | None]") -> None:
        turn = prepared.turn
        async with AsyncExitStack() as stack:
            asked = stack.enter_async_context(route.upstream.stream(prepared.request(route.model)))
            batches = await self._interruptibly(asked)
            if (lost := await started) is not None:
                raise lost
            while (batch := await self._interruptibly(anext(batches, None))) is not None:
                if self._stop is not None:  # a server that is never waited for must not outrun it
                    raise Stopped(self._stop)
                self._answered = True
                at = self._now()
                events: list[Event] = []
                for chunk in batch:
                    events += turn.feed(Received(chunk, at))
                await self._emit(events)

    async def _start(self, turn: Turn) -> Lost | None:
        try:
            await self._emit(self._started(turn, self._now()))
        except Lost as lost:
            return lost
        return None

    @staticmethod
    def _started(turn: Turn, at: int) -> list[Event]:
        """Nothing where the run goes on after a search: it has started."""
        return turn.feed(Started(at)) if turn.run.status is RunStatus.QUEUED else []

    async def _search(self) -> bool:
        """Do what the turn that ended wants searched; whether the run goes on with another turn then."""
        turn, prepared = self._turn, self._prepared
        if turn is None or not turn.searches or prepared is None or prepared.search is None:
            return False
        if rounds(prepared.material.steps) >= MOST_ROUNDS:
            log.warning("run %s: its model searched %d times and does not answer", self.run.id, MOST_ROUNDS)
            await self._emit(turn.feed(Failed(failures.endless_search(), self._now())))
            return False
        try:
            searching = search_all(
                self._parts.store,
                prepared.search,
                turn,
                material=prepared.material,
                route=prepared.route,
                now=self._now(),
                embedder=self._parts.embedder,
            )
            results = await self._interruptibly(searching)
        except (StoreExpired, UpstreamError) as failure:
            log.warning("run %s: its files could not be searched: %s", self.run.id, failure)
            await self._emit(turn.feed(Failed(failures.failed_search(failure), self._now())))
            return False
        await self._emit(turn.feed(Searched(results, self._now())))
        self._goes_on = turn.run.status is RunStatus.IN_PROGRESS
        return self._goes_on

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


def pause_seconds(attempt: int, *, wanted: float | None) -> float:
    """Before a busy model server is asked again; not at once for ever, although one says `Retry-After: 0`."""
    if wanted is None:
        return min(2.0**attempt, LONGEST_PAUSE_SECONDS)
    return max(wanted, min(0.05 * 2.0**attempt, LONGEST_PAUSE_SECONDS))
