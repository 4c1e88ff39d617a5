"""The shell around the run core: everything about runs that awaits.

`driver` plays one run: `preparing` reads what its next turn needs, `searching` does what the turn wants searched,
`saving` saves and then publishes what the turn says, `stopping` breaks off what it waits for, and `ending` brings about
the ends that the model does not. `supervisor` owns the tasks that play runs, `rescuer` takes up what a dead process
left, `broadcast` hands a run's frames to those who follow it, `waiting` is for those who need a thread that a run still
has. The engine never asks which server a model is on, and nobody's leaving stops a run.
"""

import secrets
from collections.abc import Callable, Sequence

from adapters import Upstreams
from adapters.embedding import Embedder
from config.settings import RunSettings
from proxy.clock import Clock
from proxy.engine.broadcast import Broadcast, Follower
from proxy.engine.parts import Parts
from proxy.engine.places import Places
from proxy.engine.rescuer import Rescuer
from proxy.engine.stopping import Stop
from proxy.engine.supervisor import Supervisor
from proxy.engine.waiting import Waiting
from proxy.schema.events import Event, RunChanged
from proxy.schema.runs import Run
from proxy.store import Store
from proxy.store.blobs import Blobs
from proxy.tasks import TaskGroup

__all__ = ["Engine", "Follower"]


class Engine:
    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        upstreams: Upstreams,
        clock: Clock,
        settings: RunSettings,
        frame: Callable[[Event], bytes],
        embedder: Embedder | None = None,
    ) -> None:
        self.owner = secrets.token_hex(8)
        self.waiting = Waiting()
        self._broadcast = Broadcast(
            frame,
            kept_seconds=settings.frames_kept_seconds,
            counted_seconds=settings.expires_after_seconds,
            freed=self.waiting.wake,
        )
        self._parts = Parts(
            store=store,
            blobs=blobs,
            upstreams=upstreams,
            embedder=embedder,
            clock=clock,
            broadcast=self._broadcast,
            places=Places(),
            tasks=TaskGroup(),
            owner=self.owner,
        )
        self._supervisor = Supervisor(self._parts, lease_seconds=settings.lease_seconds)
        self._rescuer = Rescuer(
            self._parts,
            self._supervisor,
            lease_seconds=settings.lease_seconds,
            max_interruptions=settings.max_interruptions,
        )
        self._watch = TaskGroup()

    async def start(self) -> None:
        """Take up the runs that the last process left, and look after those that nobody plays from here on."""
        await self._rescuer.begin()
        self._watch.start(self._rescuer.run(), name="rescuer")

    async def aclose(self, *, patience_seconds: float) -> None:
        """Let runs end for so long, then leave the rest to the next start. May be called again."""
        self.waiting.close()
        await self._watch.cancel()
        await self._supervisor.aclose(patience_seconds=patience_seconds)

    async def look_after(self) -> None:
        """One look of the rescuer, for those who cannot wait for the next."""
        await self._rescuer.look()

    def lease_until(self) -> float:
        """Until when a run that is claimed now stays this process's without renewal; Unix seconds."""
        return self._supervisor.lease_until()

    def begin(self, run: Run, project: str, events: Sequence[Event]) -> int:
        """Play a run that was saved as `queued` and claimed, after announcing what was saved with it.

        Returns the position where the announcement begins, for `follow`.
        """
        position = self._broadcast.position(run.id)
        self._broadcast.publish(run.id, events)
        self._supervisor.start(run, project)
        return position

    def follow(self, run_id: str, *, since: int) -> Follower:
        return self._broadcast.follow(run_id, since=since)

    def published(self, run_id: str) -> int | None:
        """How many frames the run has had over all its streams; None where that is not known here."""
        return self._broadcast.count(run_id)

    def resume(self, run: Run, *, after: int) -> Follower:
        """What a run says after that many frames; of one whose frames nobody has, how it stands, as its only event."""
        follower = self._broadcast.resume(run.id, after=after)
        if follower is not None:
            return follower
        if self._supervisor.plays(run.id):
            return self._broadcast.follow(run.id, since=0)
        return self._broadcast.told(RunChanged(run))

    def cancel(self, run: Run, project: str) -> None:
        """End a run that was saved as `cancelling`."""
        self._broadcast.publish(run.id, [RunChanged(run)])
        self._supervisor.stop(run, project, Stop.CANCEL)

    def abandon(self, run: Run, project: str) -> None:
        """Hang up for a run whose thread was deleted."""
        self._supervisor.stop(run, project, Stop.ABANDON)
        self.waiting.wake(run.thread_id)
